package spandb

import (
	"math"
	"sync/atomic"

	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/vfs"
)

// storedSegment is one segment file of the store.
//
// It is removed in two steps: the manifest forgets it, then, when the last reader
// lets go, the file is closed and removed.
type storedSegment struct {
	id   uint64
	path string
	size int64
	meta *segment.Meta
	r    *segment.Reader // nil if broken
	file vfs.File

	refs    atomic.Int64 // readers, and one for being listed
	dropped atomic.Bool  // the manifest has forgotten it
	discard func(*storedSegment)

	// broken is why the file could not be opened. Then there is no r and no file,
	// meta has what the manifest says, and answers count the rows as damaged.
	broken error
}

// openSegment opens a segment file; discard is called when it was dropped and
// nobody reads it any more.
func openSegment(fs vfs.FS, id uint64, path string, discard func(*storedSegment)) (*storedSegment, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	s := &storedSegment{id: id, path: path, file: f, discard: discard}
	if s.size, err = f.Size(); err == nil {
		s.r, err = segment.Open(f, s.size, path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	s.meta = s.r.Meta()
	s.refs.Store(1)
	return s, nil
}

// brokenSegment stands for a file that the manifest lists and nobody can open.
func brokenSegment(r *folder.Segment, path string, err error, discard func(*storedSegment)) *storedSegment {
	s := &storedSegment{id: r.ID, path: path, size: int64(r.Size), broken: err, discard: discard}
	s.meta = &segment.Meta{Tenant: r.Tenant, Rows: int(r.Rows), MaxStart: math.MaxUint64,
		MinArrival: r.MinArrival, MaxArrival: r.MaxArrival, FirstSeq: r.FirstSeq, LastSeq: r.LastSeq}
	s.refs.Store(1)
	return s
}

func (s *storedSegment) acquire() { s.refs.Add(1) }

func (s *storedSegment) release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	if s.file != nil {
		s.file.Close()
	}
	if s.dropped.Load() {
		s.discard(s)
	}
}
