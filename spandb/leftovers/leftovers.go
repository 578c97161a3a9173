// Package leftovers clears up what a crash left in the folders of segments: files that were
// being written, or that the manifest has forgotten or never had.
package leftovers

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/vfs"
)

// Left is what lies in the folders of segments besides those that are listed. Anything
// else there is not ours and stays.
type Left struct {
	fs       vfs.FS
	dir      string // the store's
	manifest *folder.Manifest

	found   map[uint64]bool        // the listed segments that have a file
	partial []string               // segments that were being written
	known   []string               // segments that the manifest has forgotten
	unknown []orphan               // those that it never had, by id
	sealed  map[clew.Tenant]uint64 // the last record of those that are to be listed
}

// orphan is a segment whose edit was not made, or did not last.
type orphan struct {
	file    string
	listing folder.Segment
	damage  error // it is not whole
	spare   bool  // its rows are elsewhere
}

// Survey looks at what a crash left behind in the store in dir and changes nothing. An
// error of kind Corrupt says that edits of the manifest are lost, so that it does not tell
// which segments count.
func Survey(filesystem vfs.FS, dir string, m *folder.Manifest) (*Left, error) {
	l := &Left{fs: filesystem, dir: dir, manifest: m, found: make(map[uint64]bool, len(m.Segments)), sealed: make(map[clew.Tenant]uint64)}
	if err := folder.EachFolder(filesystem, dir, func(at string, names []string) error {
		for _, n := range names {
			l.note(path.Join(at, n))
		}
		return nil
	}); err != nil {
		return nil, err
	}
	missing := len(m.Segments) - len(l.found)
	if tail := m.Tail(); tail > 0 && missing > 0 {
		return nil, clew.Corruptf(m.File(), 0, "the manifest ended in %d damaged bytes, and %d segments that it lists are missing: the edit there may have had others in their place",
			tail, missing)
	}
	slices.SortFunc(l.unknown, func(a, b orphan) int { return cmp.Compare(a.listing.ID, b.listing.ID) })
	logged, err := l.firstLogged()
	if err != nil {
		return nil, err
	}
	for i := range l.unknown {
		if err := l.judge(&l.unknown[i], logged); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Has reports whether a listed segment has a file.
func (l *Left) Has(id uint64) bool { return l.found[id] }

// note says what a file is, by its name. What is older than the manifest's counter was
// listed once and forgotten.
func (l *Left) note(file string) {
	if folder.IsPartial(path.Base(file)) {
		l.partial = append(l.partial, file)
		return
	}
	id, ok := folder.ParseSegmentName(path.Base(file))
	if !ok {
		return
	}
	switch r, listed := l.manifest.Segments[id]; {
	case listed && r.Path(l.dir) == file:
		l.found[id] = true
	case listed: // it is somewhere else
	case id < l.manifest.NextID:
		l.known = append(l.known, file)
	default:
		l.unknown = append(l.unknown, orphan{file: file, listing: folder.Segment{ID: id}})
	}
}

// judge decides on a segment that the manifest never had: the log has its rows, whose
// first record is given, or the segments do of which it is a merge; else it is the only
// copy. A crash leaves no others: a merge of what is not listed, or of what is missing,
// is that of an edit that is lost.
func (l *Left) judge(o *orphan, logged uint64) error {
	r, err := l.listing(o)
	if clew.KindOf(err) == clew.Unsupported {
		return err
	}
	if o.damage = err; err != nil {
		return nil
	}
	o.listing = r
	if r.Path(l.dir) != o.file {
		o.damage = clew.Corruptf(o.file, 0, "it belongs to %s", r.Path(l.dir))
		return nil
	}
	if logged != 0 && logged <= r.FirstSeq {
		o.spare = true
		return nil
	}
	o.spare = r.FirstSeq <= l.manifest.SealedUpTo(r.Tenant)
	lost := r.Merged != 0 && !o.spare
	for _, s := range l.manifest.Segments {
		lost = lost || o.spare && !l.found[s.ID] && s.Tenant == r.Tenant && s.FirstSeq <= r.LastSeq && r.FirstSeq <= s.LastSeq
	}
	if lost {
		return clew.Corruptf(l.manifest.File(), 0, "the manifest has lost edits: %s has rows of segments that are not there", o.file)
	}
	if o.spare = o.spare || r.FirstSeq <= l.sealed[r.Tenant]; !o.spare { // a head that could not be listed is sealed again
		l.sealed[r.Tenant] = r.LastSeq
	}
	return nil
}

// listing reads what the manifest would say of a segment that is whole.
func (l *Left) listing(o *orphan) (r folder.Segment, err error) {
	f, err := l.fs.Open(o.file)
	if err != nil {
		return r, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return r, err
	}
	in, err := segment.Open(f, size, o.file)
	if err != nil {
		return r, err
	}
	if damage := in.Damage(); len(damage) > 0 {
		return r, damage[0]
	}
	return in.Listing(o.listing.ID), nil
}

// Sweep removes what is left over and has nothing to itself. A segment that is the only
// copy of its rows is listed; one that is not whole is put aside: it may be the only copy
// of what can still be read of it, and damaged is told of it.
func (l *Left) Sweep(damaged func(error)) error {
	for _, file := range slices.Concat(l.partial, l.known) {
		if err := l.remove(file); err != nil {
			return err
		}
	}
	for i := range l.unknown {
		var err error
		switch o := &l.unknown[i]; {
		case o.damage != nil:
			damaged(clew.Corruptf(o.file, 0, "segment that the manifest does not list is put aside as %s: %w", folder.Aside(path.Base(o.file)), o.damage))
			err = l.fs.Rename(o.file, folder.Aside(o.file))
		case o.spare:
			err = l.remove(o.file)
		default:
			l.found[o.listing.ID] = true
			err = l.manifest.Commit(folder.Addition(o.listing))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Left) remove(file string) error {
	if err := l.fs.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// firstLogged returns the least number that a record of the log can have: its
// files are named for their first record (package wal). 0: the log is empty.
func (l *Left) firstLogged() (uint64, error) {
	names, err := l.fs.List(path.Join(l.dir, folder.LogDir))
	if err != nil {
		return 0, err
	}
	for _, n := range names {
		digits, _, _ := strings.Cut(n, ".")
		if first, err := strconv.ParseUint(digits, 16, 64); err == nil && len(digits) == 16 {
			return first, nil
		}
	}
	return 0, nil
}
