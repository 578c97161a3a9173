package spandb

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/vfs"
)

// Backup is a store as it was at one moment, for copying: every span that was
// acknowledged before is in it, each once. It is held as readers hold what they read,
// so that the store goes on meanwhile, and removes no file of it before Close. It is
// safe for concurrent use.
type Backup struct {
	folder.Held

	db    *DB
	files []*storedSegment // of Segments

	mu    sync.Mutex // guards all below
	heads []heldHead // of Heads; each is let go when it was sealed
	snaps []*snapshot
}

type heldHead struct {
	t    *tenant
	h    *head // nil once let go
	view *span.Batch
}

// Backup takes the state of the store. Close it.
func (db *DB) Backup() (*Backup, error) {
	if _, err := db.tenantOf(""); err != nil {
		return nil, err
	}
	b := &Backup{db: db}
	for _, t := range db.allTenants() {
		s := db.snapshot(t)
		for i, h := range s.heads {
			b.Heads = append(b.Heads, folder.Head{Tenant: t.name, Rows: s.views[i].Rows})
			b.heads = append(b.heads, heldHead{t, h, s.views[i]})
		}
		s.heads, s.views = nil, nil // they are let go one by one
		for _, seg := range s.list.segs {
			b.Segments = append(b.Segments, seg.Segment)
			b.files = append(b.files, seg)
		}
		b.snaps = append(b.snaps, s)
	}
	db.manMu.Lock()
	b.NextSeq = max(db.manifest.NextSeq, db.log.Durable()+1)
	db.manMu.Unlock()
	return b, nil
}

// OpenSegment opens the file of a segment, by its place in Segments.
func (b *Backup) OpenSegment(n int) (f vfs.File, err error) {
	if n < 0 || n >= len(b.files) {
		return nil, clew.Errorf(clew.NotFound, "the backup has no segment %d", n)
	}
	err = b.db.spare(func() (err error) {
		f, err = b.db.fs.Open(b.files[n].path)
		return err
	})
	return f, err
}

// SealHead returns the rows of a head, by its place in Heads, as the bytes of a
// segment, and lets go of it: a second time it is not there.
func (b *Backup) SealHead(n int) ([]byte, error) {
	b.mu.Lock()
	if n < 0 || n >= len(b.heads) || b.heads[n].h == nil {
		b.mu.Unlock()
		return nil, clew.Errorf(clew.NotFound, "the backup has no head %d any more", n)
	}
	held := b.heads[n]
	b.heads[n].h = nil
	b.mu.Unlock()
	defer b.db.let(held.t, held.h)
	held.t.mu.Lock()
	marks := held.h.marks
	held.t.mu.Unlock()
	meta := segment.Meta{Tenant: held.t.name, MinArrival: ^uint64(0)}
	rows, published := 0, 0
	for ; published < len(marks) && rows < held.view.Rows; published++ {
		m := &marks[published]
		rows += int(m.Accepted)
		meta.MinArrival, meta.MaxArrival = min(meta.MinArrival, m.Arrival), max(meta.MaxArrival, m.Arrival)
		meta.LastSeq = m.Seq
	}
	if rows != held.view.Rows {
		return nil, fmt.Errorf("spandb: the records of a head have %d rows, want %d", rows, held.view.Rows)
	}
	meta.FirstSeq = marks[0].Seq
	var sealer segment.Sealer // the store's own is in use
	return bytes.Clone(sealer.Seal(held.view, meta, marks[:published])), nil
}

// State returns what there is.
func (b *Backup) State() folder.Held { return b.Held }

// Close lets go of everything. A second Close does nothing.
func (b *Backup) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, held := range b.heads {
		if held.h != nil {
			b.db.let(held.t, held.h)
		}
	}
	for _, s := range b.snaps {
		s.release()
	}
	b.heads, b.snaps = nil, nil
}
