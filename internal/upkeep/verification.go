package upkeep

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/traceindex"
	"github.com/clew-tracing/clew/state"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// Verification is what Verify found.
type Verification struct {
	Segments   int
	Rows       int64 // in segments
	Bytes      int64 // looked at, manifest and log included
	LogRecords int
	LogRows    int64   // that the log has and no segment yet
	TornBytes  int64   // of log and manifest, at their ends: never synced, it seems
	Damage     []error // with file and offset; at most maxDamage
	Found      int     // how many there were
	NoManifest bool    // it cannot be read: nobody knows which segments count
}

// maxDamage bounds the list of damage; the count goes on.
const maxDamage = 1000

func (v *Verification) add(err error) {
	v.Found++
	if len(v.Damage) < maxDamage {
		v.Damage = append(v.Damage, err)
	}
}

// Verify reads every byte of the store in dir and decodes every row. The store
// must not be open; nothing is changed. progress, if not nil, is called after
// each segment. The error is one of reading, not of what was read.
func Verify(filesystem vfs.FS, dir string, progress func(done, total int)) (v Verification, err error) {
	if err := isStore(filesystem, dir); err != nil && clew.KindOf(err) != clew.Corrupt { // which is said below
		return v, err
	}
	lock, err := lockFolder(filesystem, dir)
	if err != nil {
		return v, err
	}
	defer lock.Close()
	v.documents(filesystem, dir)
	m, err := folder.ReadManifest(filesystem, dir)
	if err != nil {
		v.NoManifest = true
		v.add(err)
		return v, nil
	}
	if info, err := filesystem.Stat(m.File()); err == nil {
		v.Bytes += info.SizeBytes
	}
	v.TornBytes = int64(m.Tail())
	for i, id := range slices.Sorted(maps.Keys(m.Segments)) {
		r := m.Segments[id]
		verifySegment(filesystem, r.Path(dir), r, &v)
		if progress != nil {
			progress(i+1, len(m.Segments))
		}
	}
	size, damage := traceindex.Verify(filesystem, path.Join(dir, folder.TracesDir))
	v.Bytes += size
	for _, d := range damage {
		v.add(d)
	}
	first, err := v.log(filesystem, path.Join(dir, folder.LogDir), m)
	if err == nil {
		err = v.lostEdits(filesystem, dir, m, first)
	}
	return v, err
}

// lostEdits looks for segments that were made of others and are not listed, though
// nobody else has their rows: the manifest has lost edits. The log's first record is
// given, 0 if it has none. Other segments that are not listed the next start deals with.
func (v *Verification) lostEdits(filesystem vfs.FS, dir string, m *folder.Manifest, logged uint64) error {
	return folder.EachFolder(filesystem, dir, func(at string, names []string) error {
		for _, n := range names {
			id, ok := folder.ParseSegmentName(n)
			if !ok || id < m.NextID {
				continue
			}
			file := path.Join(at, n)
			f, err := openSegment(filesystem, file)
			if err != nil {
				continue // it is put aside
			}
			s := f.Listing(id)
			f.Close()
			if s.Merged != 0 && s.FirstSeq > m.SealedUpTo(s.Tenant) && (logged == 0 || logged > s.FirstSeq) {
				v.add(clew.Corruptf(m.File(), 0, "the manifest has lost edits: %s has rows of segments that are not there", file))
			}
		}
		return nil
	})
}

// log reads the log and counts what only it has. It returns the number of its first
// record, 0 if there is none.
func (v *Verification) log(filesystem vfs.FS, dir string, m *folder.Manifest) (first uint64, err error) {
	type request struct {
		tenant clew.Tenant
		hash   xxh3.Uint128
	}
	seen := map[request]bool{} // a request that was sent again counts once
	report, err := wal.Replay(filesystem, dir, 0, func(seq uint64, payload []byte) error {
		if len(payload) == 0 {
			return nil // the mark of an orderly end
		}
		v.LogRecords++
		if first == 0 {
			first = seq
		}
		r, err := folder.ParseRecord(payload)
		if err != nil {
			v.add(clew.Corruptf(dir, 0, "log record %d: %w", seq, err))
			return nil
		}
		if id := (request{r.Tenant, r.Hash}); seq > m.SealedUpTo(r.Tenant) && !seen[id] {
			seen[id] = true
			v.LogRows += int64(r.Accepted)
		}
		return nil
	})
	if err != nil {
		return first, err
	}
	if missing := m.LogMissing(path.Dir(dir), report.Files, report.Newest); missing != nil {
		v.add(missing)
	}
	v.TornBytes += report.TornBytes
	v.Bytes += report.Bytes
	for _, d := range report.Damaged {
		v.add(d.Err())
	}
	return first, nil
}

// documents checks the documents beside the store.
func (v *Verification) documents(filesystem vfs.FS, dir string) {
	for _, name := range list(filesystem, dir) {
		if !strings.HasSuffix(name, documentSuffix) {
			continue
		}
		var any any
		if _, err := state.Load(filesystem, path.Join(dir, name), &any); err != nil {
			v.add(err)
		}
	}
}

// verifySegment checks every checksum and decodes every block whole.
func verifySegment(filesystem vfs.FS, file string, r folder.Segment, v *Verification) {
	f, err := openSegment(filesystem, file)
	if err != nil {
		v.add(clew.Corruptf(file, 0, "cannot be opened: %w", err))
		return
	}
	defer f.Close()
	have := f.Listing(r.ID)
	v.Segments++
	v.Bytes += int64(have.Size)
	v.Rows += int64(have.Rows)
	if have != r {
		v.add(clew.Corruptf(file, int64(have.Size), "is not the segment the manifest lists: it is %+v, listed is %+v", have, r))
	}
	for _, d := range f.Damage() {
		v.add(d)
	}
}
