package spandb

import (
	"bytes"
	"math"
	"path"
	"sync/atomic"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/segment/scan"
	"github.com/clew-tracing/clew/spandb/shelf"
	"github.com/clew-tracing/clew/vfs"
)

// storedSegment is one segment of the store. What the manifest says of it is in
// memory; its file is opened when somebody reads it, and closed when others need
// the room.
//
// It is removed in two steps: the manifest forgets it and a new list of the tenant's
// has it no more, then, when the last reader of an older list lets go, the file is
// closed and removed.
type storedSegment struct {
	folder.Segment
	path string
	file shelf.Slot[*segmentFile]
	self scan.Source // a source of it

	since, until atomic.Uint64 // versions of the tenant's list: it is in those from since on, below until
	dropped      atomic.Bool   // the manifest has forgotten it
	lost         atomic.Bool   // its file could not be opened when it was last tried
	damaged      atomic.Bool   // damage was met in it: it is not merged, nor added to the index of traces
	unmergeable  atomic.Bool   // what it was merged into was bad: that is not tried again
}

// newSegment returns a segment of the manifest, which is in no list yet.
func (db *DB) newSegment(r folder.Segment) *storedSegment {
	s := &storedSegment{Segment: r, path: r.Path(db.dir)}
	s.self = source{db, s}
	s.since.Store(math.MaxUint64)
	s.until.Store(math.MaxUint64)
	return s
}

// source is a segment for whoever reads it.
type source struct {
	db *DB
	s  *storedSegment
}

func (r source) Take() (*segment.Reader, error) { return r.db.take(r.s) }
func (r source) Give()                          { r.db.give(r.s) }

// create writes the bytes of a new segment, which nothing lists yet.
func (db *DB) create(data []byte) (*storedSegment, error) {
	id := db.newID()
	r, err := segment.Open(bytes.NewReader(data), int64(len(data)), folder.SegmentName(id))
	if err != nil {
		return nil, err
	}
	s := db.newSegment(r.Listing(id))
	if err := db.writeSegment(path.Dir(s.path), s.path, data); err != nil {
		return s, err
	}
	return s, db.addTraces(&s.Segment, r)
}

// finish lets go of segments that nobody reads any more.
func (db *DB) finish(list []*storedSegment) {
	for _, s := range list {
		db.shelf.Drop(&s.file)
		if s.dropped.Load() {
			db.delist(s)
			db.discard(s)
		}
	}
}

// segmentFile is a segment's file, open.
type segmentFile struct {
	file vfs.File
	size int64
	r    *segment.Reader
}

func openSegmentFile(fs vfs.FS, path string) (*segmentFile, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	s := &segmentFile{file: f}
	if s.size, err = f.Size(); err == nil {
		s.r, err = segment.Open(f, s.size, path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// newShelf returns the shelf of a store's segment files.
func (db *DB) newShelf() *shelf.Shelf[*segmentFile] {
	return shelf.New(db.cfg.OpenFiles, db.cfg.Memory.Directories, func(f *segmentFile) {
		db.cache.Forget(f.r)
		f.file.Close()
	})
}

// take opens a segment, if it is not open, and keeps it so until give. The error
// says why it cannot be read.
func (db *DB) take(s *storedSegment) (*segment.Reader, error) {
	f, err := db.shelf.Take(&s.file, func() (*segmentFile, int64, error) {
		var f *segmentFile
		if err := db.spare(func() (err error) {
			f, err = openSegmentFile(db.fs, s.path)
			return err
		}); err != nil {
			return nil, 0, err
		}
		if err := s.isListed(f); err != nil {
			f.file.Close()
			return nil, 0, err
		}
		return f, f.r.SizeBytes(), nil
	})
	if err != nil {
		return nil, db.lost(s, err)
	}
	s.lost.Store(false)
	return f.r, nil
}

func (db *DB) give(s *storedSegment) { db.shelf.Give(&s.file) }

// spare opens a file. When the process has too many open, those of segments that
// nobody reads are closed for it; others may take their places first, or be just about
// to close what there is, so that this is tried a few times.
func (db *DB) spare(open func() error) (err error) {
	for try := 1; ; try++ {
		if err = open(); try == openTries || !vfs.TooManyFiles(err) {
			return err
		}
		if !db.shelf.Empty() {
			time.Sleep(openPause)
		}
	}
}

// lost makes the error for a segment that cannot be opened. It stays listed: its
// file may be mended, and until then answers say what they lack.
func (db *DB) lost(s *storedSegment, err error) error {
	if !s.lost.Swap(true) {
		db.stats.lostSegments.Add(1)
	}
	if vfs.TooManyFiles(err) {
		return clew.Errorf(clew.Busy, "segment %s cannot be opened: %w; raise the limit of open files (ulimit -n)", s.path, err)
	}
	if k := clew.KindOf(err); k == clew.Corrupt || k == clew.Unsupported {
		return err
	}
	return clew.Corruptf(s.path, 0, "segment cannot be opened: %w", err)
}

// isListed checks that a file is the one that the manifest lists.
func (s *storedSegment) isListed(f *segmentFile) error {
	if have := f.r.Listing(s.ID); have != s.Segment {
		return clew.Corruptf(s.path, f.size, "is not the segment the manifest lists: it is %+v, listed is %+v", have, s.Segment)
	}
	return nil
}
