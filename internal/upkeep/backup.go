package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"syscall"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/state"
	"github.com/clew-tracing/clew/vfs"
)

// A backup is the folder of a store without a log: what was in heads is in segments
// of its own. So it comes into force, and replaces the one before, by one rename of
// CURRENT; until then all that is new in the folder is listed by nothing.
//
// Segments have ids of their own in a backup: those of the store where they are free,
// since ids that the store gave to what was never listed may come again. What is in a
// segment tells whether a backup has it already.

// backupName is the document that makes a folder a backup.
const backupName = "backup.doc"

// backupDoc is its content.
type backupDoc struct {
	// Manifests are the names of manifests that a backup has put into force, or was
	// about to: another means that the folder was opened as a store since.
	Manifests []string  `json:"manifests"`
	Source    string    `json:"source"`
	Finished  time.Time `json:"finished"` // of the last
}

// Copied says what a backup did.
type Copied struct {
	Segments             int // that the backup has, those of heads among them
	Kept, Linked, Copied int // how they came there: had it already, link, copy
	Heads                int
	Spans                int64
	Bytes                int64 // written
	// Renewed are those that the backup had, damaged, and that are copied again.
	Renewed int
	// Missing is what could not be read in the store, and is not in the backup.
	Missing []error
	// Damaged is the damage of segments that the backup has, since the store's are no
	// better; they are so many.
	Damaged         []error
	DamagedSegments int
}

// copier makes one backup.
type copier struct {
	fs   vfs.FS
	dir  string
	snap snapshot
	src  source
	// link says that the store's folder may be on this machine.
	link bool
	// quick says that what the backup has already is not read again.
	quick    bool
	progress func(done, total int)

	doc   backupDoc
	have  map[folder.Segment]uint64 // ids of what is there, by what it is
	taken map[uint64]bool           // ids that are in use here
	next  uint64                    // id that is not
	out   folder.State
	dirs  map[string]bool // to be synced
	done  Copied
}

// backup copies a snapshot into a folder, which is empty or has an earlier backup, or
// what is left of one that did not come to its end.
func (c *copier) backup(ctx context.Context) (_ *Copied, err error) {
	if err := c.fs.MkdirAll(c.dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(c.fs, c.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := c.begin(); err != nil {
		return nil, err
	}
	total := len(c.snap.Heads) + len(c.snap.Segments)
	tick := func(done int) {
		if c.progress != nil {
			c.progress(done, total)
		}
	}
	for i := range c.snap.Heads { // first, as they are held in memory
		if err := c.head(ctx, i); err != nil {
			return nil, err
		}
		tick(i + 1)
	}
	for i := range c.snap.Segments {
		if ctx.Err() != nil {
			return nil, clew.Errorf(clew.Canceled, "interrupted: %w", context.Cause(ctx))
		}
		if err := c.segment(ctx, i); err != nil {
			return nil, err
		}
		tick(len(c.snap.Heads) + i + 1)
	}
	for _, name := range documents {
		if err := c.document(ctx, name); err != nil {
			return nil, err
		}
	}
	return &c.done, c.finish()
}

// begin reads what is in the folder.
func (c *copier) begin() error {
	c.have, c.taken, c.dirs = make(map[folder.Segment]uint64), make(map[uint64]bool), make(map[string]bool)
	c.out = folder.State{Segments: make(map[uint64]folder.Segment), Sealed: make(map[clew.Tenant]uint64), NextSeq: c.snap.NextSeq}
	names, err := c.fs.List(c.dir)
	if err != nil {
		return err
	}
	isBackup, err := state.Load(c.fs, path.Join(c.dir, backupName), &c.doc)
	if err != nil {
		return err
	}
	isStore := slices.Contains(names, folder.CurrentName)
	names = slices.DeleteFunc(names, func(n string) bool { return n == folder.LockName || n == backupName+".tmp" })
	switch {
	case isStore && !isBackup:
		return clew.Errorf(clew.Invalid, "%s holds a store that is no backup: choose another folder", c.dir)
	case len(names) > 0 && !isBackup:
		return clew.Errorf(clew.Invalid, "%s is not empty and holds no backup: choose an empty folder", c.dir)
	case isStore:
		err = c.previous()
	default:
		err = c.unfinished()
	}
	if err != nil {
		return err
	}
	for i := range c.snap.Segments {
		c.next = max(c.next, c.snap.Segments[i].ID)
	}
	c.next++
	return nil
}

// previous reads an earlier backup. What it lists is kept where the store has it
// still; what else lies in its folders is of a backup that did not come to its end.
func (c *copier) previous() error {
	m, err := folder.ReadManifest(c.fs, c.dir)
	if err != nil {
		return err
	}
	if !slices.Contains(c.doc.Manifests, path.Base(m.File())) {
		return clew.Errorf(clew.Invalid, "the backup in %s was opened as a store since it was made, and may have changed: choose another folder", c.dir)
	}
	if err := c.leftovers(m.Segments); err != nil {
		return err
	}
	for _, s := range m.Segments {
		c.take(s.ID)
		if info, err := c.fs.Stat(s.Path(c.dir)); err == nil && info.SizeBytes == int64(s.Size) {
			c.have[content(s)] = s.ID
		}
	}
	return nil
}

// unfinished begins a first backup, or goes on with one.
func (c *copier) unfinished() error {
	if err := c.saveDoc(); err != nil {
		return err
	}
	if err := vfs.Replace(c.fs, path.Join(c.dir, folder.UnfinishedName), []byte("clew backup\n")); err != nil {
		return err
	}
	return c.leftovers(nil)
}

// leftovers finds whole segments that nothing lists. Those of this backup will be
// used, the others go at the end.
func (c *copier) leftovers(listed map[uint64]folder.Segment) error {
	return eachSegmentFile(c.fs, c.dir, func(file string, id uint64) error {
		c.take(id)
		if _, ok := listed[id]; ok {
			return nil
		}
		if s, err := inspect(c.fs, file, id); err == nil && s.Path(c.dir) == file {
			c.have[content(s)] = id
		}
		return nil
	})
}

// content is what a manifest says of a segment, but for its id.
func content(s folder.Segment) folder.Segment {
	s.ID = 0
	return s
}

func (c *copier) take(id uint64) {
	c.taken[id] = true
	c.next = max(c.next, id)
}

// newID returns an id that is free here: a wanted one if it is.
func (c *copier) newID(want uint64) uint64 {
	if want == 0 || c.taken[want] {
		want = c.next
	}
	c.take(want)
	c.next = max(c.next, want+1)
	return want
}

// list puts a segment into the manifest to be.
func (c *copier) list(s folder.Segment) {
	c.out.Segments[s.ID] = s
	c.out.Sealed[s.Tenant] = max(c.out.Sealed[s.Tenant], s.LastSeq)
	c.out.NextID = max(c.out.NextID, s.ID+1)
	c.out.NextSeq = max(c.out.NextSeq, s.LastSeq+1)
	c.done.Segments++
	c.done.Spans += int64(s.Rows)
}

// head writes the rows of a head as a segment.
func (c *copier) head(ctx context.Context, n int) error {
	r, err := c.src.Head(ctx, n)
	if err != nil {
		return err
	}
	defer r.Close()
	id := c.newID(0)
	// The folder follows from what is in it.
	tmp := path.Join(c.dir, folder.SegmentsDir, folder.Partial(folder.SegmentName(id)))
	if err := c.write(ctx, tmp, r); err != nil {
		return err
	}
	s, err := inspect(c.fs, tmp, id)
	if err == nil && int(s.Rows) != c.snap.Heads[n].Rows {
		err = fmt.Errorf("the rows of a head came as %d, want %d", s.Rows, c.snap.Heads[n].Rows)
	}
	if err != nil {
		return errors.Join(err, c.fs.Remove(tmp))
	}
	if err := c.install(tmp, s); err != nil {
		return err
	}
	c.done.Heads++
	c.done.Copied++
	return nil
}

// segment brings a segment into the backup, if it is not there. One that rotted there is
// had again; one that is damaged in the store is copied as it is, since what can be read
// of it may be all there is.
func (c *copier) segment(ctx context.Context, n int) error {
	want := c.snap.Segments[n]
	here, kept := want, false
	var damage []error
	if here.ID, kept = c.have[content(want)]; kept {
		delete(c.have, content(want)) // of two equal ones, two are kept
		if !c.quick {
			damage = c.check(here)
		}
		if len(damage) == 0 {
			c.list(here)
			c.done.Kept++
			return nil
		}
	}
	from := want.Path(c.snap.Dir)
	want.ID = c.newID(want.ID)
	tmp := folder.Partial(want.Path(c.dir))
	linked, fresh, err := c.fetch(ctx, n, from, tmp, want)
	switch {
	case err != nil && clew.KindOf(err) != clew.Corrupt:
		return err
	case err == nil && (!kept || len(fresh) == 0):
	case kept: // the store's is no better
		c.damaged(damage)
		c.list(here)
		c.done.Kept++
		return remove(c.fs, tmp)
	default:
		c.done.Missing = append(c.done.Missing, err)
		return remove(c.fs, tmp)
	}
	c.damaged(fresh)
	if kept {
		c.done.Renewed++
	}
	if linked {
		c.done.Linked++
	} else {
		c.done.Copied++
	}
	return c.install(tmp, want)
}

// damaged notes the damage of one segment that the backup has, if there is any.
func (c *copier) damaged(damage []error) {
	if len(damage) > 0 {
		c.done.DamagedSegments++
		c.done.Damaged = append(c.done.Damaged, damage[:min(len(damage), maxDamage-min(len(c.done.Damaged), maxDamage))]...)
	}
}

// fetch makes a file of a segment of the store, and returns the damage that both have.
// An error of kind Corrupt says that the store's cannot be had.
func (c *copier) fetch(ctx context.Context, n int, from, tmp string, want folder.Segment) (linked bool, damage []error, err error) {
	if err := c.fs.MkdirAll(path.Dir(tmp)); err != nil {
		return false, nil, err
	}
	if c.link {
		if damage, ok := c.linked(from, tmp, want); ok {
			return true, damage, nil
		}
	}
	r, err := c.src.Segment(ctx, n)
	if err != nil {
		return false, nil, err
	}
	err = c.write(ctx, tmp, r)
	r.Close()
	if err != nil {
		return false, nil, err
	}
	damage, err = c.same(from, tmp, want)
	return false, damage, err
}

// linked gives the store's file a second name in the backup, where that can be.
func (c *copier) linked(from, tmp string, want folder.Segment) (damage []error, ok bool) {
	if err := c.fs.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if c.fs.Link(from, tmp) != nil {
		return nil, false
	}
	damage, err := c.same(from, tmp, want)
	if err != nil {
		_ = c.fs.Remove(tmp) // it is another's file; writing the copy says if it stays
		return nil, false
	}
	return damage, true
}

// same checks that a file is the segment that it should be, and returns the damage that
// it has. An error of kind Corrupt says that the store's file is another.
func (c *copier) same(from, file string, want folder.Segment) (damage []error, err error) {
	f, err := openBy(segment.Open, c.fs, file, from)
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno): // the backup's own disk
		return nil, fmt.Errorf("read what was written: %s: %w", file, errno)
	case err != nil:
		return nil, err
	}
	defer f.Close()
	if have := f.Listing(want.ID); have != want {
		return nil, clew.Corruptf(from, 0, "the store's file is not what its manifest lists: it is %+v, listed is %+v", have, want)
	}
	damage = f.Checksums()
	for _, d := range damage {
		if errors.As(d, &errno) {
			return nil, fmt.Errorf("read what was written: %s: %w", file, errno)
		}
	}
	return damage, nil
}

// check returns the damage of a segment that the backup has.
func (c *copier) check(here folder.Segment) []error {
	file := here.Path(c.dir)
	damage, err := c.same(file, file, here)
	if err != nil {
		damage = append(damage, err)
	}
	return damage
}

// write makes a file durable with what r has.
func (c *copier) write(ctx context.Context, name string, r io.Reader) error {
	if err := c.fs.MkdirAll(path.Dir(name)); err != nil {
		return err
	}
	n, err := copyFile(ctx, c.fs, name, r)
	c.done.Bytes += n
	return err
}

// install gives a whole file its name and lists it.
func (c *copier) install(tmp string, s folder.Segment) error {
	file := s.Path(c.dir)
	if err := c.fs.MkdirAll(path.Dir(file)); err != nil {
		return err
	}
	if err := c.fs.Rename(tmp, file); err != nil {
		return err
	}
	c.dirs[path.Dir(file)] = true
	c.list(s)
	return nil
}

func (c *copier) document(ctx context.Context, name string) error {
	data, err := c.src.Document(ctx, name)
	if err != nil || data == nil {
		return err
	}
	c.done.Bytes += int64(len(data))
	return vfs.Replace(c.fs, path.Join(c.dir, name), data)
}

// finish puts the backup into force and removes what it does not need.
func (c *copier) finish() error {
	for dir := range c.dirs {
		if err := c.fs.SyncDir(dir); err != nil {
			return err
		}
	}
	// The document comes first: whichever manifest is in force after a power cut, it
	// is a backup's.
	before := c.doc.Manifests
	next, err := folder.NextManifest(c.fs, c.dir)
	if err != nil {
		return err
	}
	c.doc.Manifests = append(slices.Clone(before), next)
	c.doc.Source = c.snap.Dir
	if err := c.saveDoc(); err != nil {
		return err
	}
	c.out.NextID = max(c.out.NextID, 1)
	if err := folder.WriteManifest(c.fs, c.dir, c.out); err != nil {
		return err
	}
	if err := remove(c.fs, path.Join(c.dir, folder.UnfinishedName)); err != nil {
		return err
	}
	c.doc.Manifests, c.doc.Finished = []string{next}, time.Now().UTC()
	if err := c.saveDoc(); err != nil {
		return err
	}
	return c.sweep()
}

func (c *copier) saveDoc() error { return state.Save(c.fs, path.Join(c.dir, backupName), &c.doc) }

// sweep removes segments that the backup does not list.
func (c *copier) sweep() error {
	return eachSegmentFile(c.fs, c.dir, func(file string, id uint64) error {
		if s, ok := c.out.Segments[id]; ok && s.Path(c.dir) == file {
			return nil
		}
		if err := remove(c.fs, file); err != nil {
			return err
		}
		if hour := path.Dir(file); c.fs.Remove(hour) == nil { // one that is not empty stays
			_ = c.fs.Remove(path.Dir(hour))
		}
		return nil
	})
}
