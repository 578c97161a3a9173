package upkeep

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"path"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/spandb/folder"
	decode "github.com/clew-tracing/clew/spandb/logged"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/segment/merge"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// writeRemade writes what can be read of damaged segments, and lists those that are
// whole.
func (r *repairer) writeRemade() error {
	r.refilled = map[clew.Tenant]map[uint64]bool{}
	r.out = folder.State{Segments: make(map[uint64]folder.Segment), Sealed: make(map[clew.Tenant]uint64)}
	if r.trusted {
		for t, seq := range r.old.Sealed {
			r.out.Sealed[t] = seq
		}
		r.out.Needed = r.old.Needed
	}
	for _, f := range r.keep {
		r.list(f.s)
	}
	for _, group := range r.remake {
		if err := r.mergeAgain(group); err != nil {
			return err
		}
	}
	return nil
}

// mergeAgain writes the rows of segments that can be read, each once.
func (r *repairer) mergeAgain(group []*found) error {
	m := &merge.Merger{Rows: remadeRows, Bytes: remadeBytes, Pull: remadePull, Cache: new(segment.Cache)}
	var losses []Loss // those of inputs, then of what is no input
	var closed []Loss
	read, written := int64(0), int64(0)
	for _, f := range group {
		l := Loss{File: f.file, Why: errors.Join(f.damage...)}
		if f.opens {
			m.Inputs = append(m.Inputs, &input{fs: r.fs, file: f.source})
			losses = append(losses, l)
			read += int64(f.s.Rows)
			continue
		}
		l.Spans, l.First, l.Last = int64(f.s.Rows), f.s.MinStart, f.s.MaxStart
		closed = append(closed, l)
	}
	losses = append(losses, closed...)
	refill, err := r.logged(group)
	if err != nil {
		return err
	}
	if refill != nil {
		m.Inputs = append(m.Inputs, inMemory(refill))
	}
	type place struct{ input, block int }
	skipped := map[place]bool{} // a block of a later input may be tried twice
	m.Skip = func(i, blk int, err error) {
		if blk < 0 || skipped[place{i, blk}] {
			return // of -1: which records it has; all rows may be there
		}
		skipped[place{i, blk}] = true
		read -= losses[i].add(m.Inputs[i].(*input).f.Reader, blk, err)
	}
	err = m.Run(context.Background(), func(data []byte) error {
		s, err := r.write(data)
		written += int64(s.Rows)
		r.done.Remade++
		return err
	})
	if err != nil {
		return err
	}
	back := int64(0) // what is more than was read is from the log
	if refill != nil {
		back = max(written-read, 0)
	}
	for _, l := range losses {
		n := min(back, l.Spans)
		back -= n
		r.done.FromLog += n
		l.Spans -= n
		r.lost(l)
	}
	return nil
}

// logged returns, as a segment, the rows that the log has of the records of those
// segments that are to be filled from there; nil if there are none. A merge with it
// drops what could be read.
func (r *repairer) logged(group []*found) ([]byte, error) {
	has := map[uint64]bool{}
	known := true // the records of all
	for _, f := range group {
		if !f.refill {
			continue
		}
		known = known && f.requests != nil
		of := map[uint64]bool{}
		for i := range f.requests {
			of[f.requests[i].Seq] = true
		}
		for _, rec := range r.log.of(f) {
			// One that was merged has rows of more records than it lists: those that
			// came later to its traces.
			if f.requests == nil || f.s.Merged != 0 || of[rec.seq] {
				has[rec.seq] = true
			}
		}
	}
	if len(has) == 0 {
		return nil, nil
	}
	t := group[0].s.Tenant
	if r.refilled[t] == nil {
		r.refilled[t] = map[uint64]bool{}
	}
	maps.Copy(r.refilled[t], has)
	var decoder decode.Decoder
	h := &logHead{b: build.NewBuilder(0)}
	_, err := wal.Replay(r.fs, path.Join(r.dir, folder.LogDir), 0, func(seq uint64, payload []byte) error {
		rec, err := folder.ParseRecord(payload)
		if err != nil || rec.Tenant != t || !has[seq] {
			return nil
		}
		if size, err := decoder.Append(h.b, &rec); err == nil {
			h.note(rec, seq, size)
		}
		return nil
	})
	if err != nil || h.b.Rows() == 0 {
		return nil, err
	}
	if known {
		h.marks = nil // the segments have them
	}
	var s segment.Sealer
	return s.Seal(h.b.View(h.b.Rows()), h.meta, h.marks), nil
}

// add counts the rows of a block that cannot be read, and returns how many there are.
func (l *Loss) add(reader *segment.Reader, blk int, err error) (rows int64) {
	rows = int64(reader.Meta().BlockRows[blk])
	l.Spans += rows
	first, last, boundsErr := reader.Starts(blk)
	if boundsErr != nil {
		first, last = reader.Meta().MinStart, reader.Meta().MaxStart
	}
	if l.First == 0 || first < l.First {
		l.First = first
	}
	l.Last = max(l.Last, last)
	l.Why = err
	return rows
}

// input is a segment that is merged again.
type input struct {
	fs   vfs.FS
	file string
	f    *segmentFile
}

// Take implements merge.Input.
func (i *input) Take() (r *segment.Reader, err error) {
	if i.f, err = openDamaged(i.fs, i.file); err != nil {
		return nil, err
	}
	return i.f.Reader, nil
}

// Give implements merge.Input.
func (i *input) Give() { i.f.Close() }

// inMemory is a segment that is merged and has no file.
type inMemory []byte

// Take implements merge.Input.
func (b inMemory) Take() (*segment.Reader, error) {
	return segment.Open(bytes.NewReader(b), int64(len(b)), folder.LogDir)
}

// Give implements merge.Input.
func (inMemory) Give() {}

// write writes a segment and lists it.
func (r *repairer) write(data []byte) (s folder.Segment, err error) {
	id := r.nextID
	r.nextID++
	if s, err = listingOf(data, id); err != nil {
		return s, err
	}
	file := s.Path(r.dir)
	if err := r.fs.MkdirAll(path.Dir(file)); err != nil {
		return s, err
	}
	if err := writeWhole(r.fs, folder.Partial(file), data); err != nil {
		return s, err
	}
	if err := r.fs.Rename(folder.Partial(file), file); err != nil {
		return s, err
	}
	r.list(s)
	return s, r.fs.SyncDir(path.Dir(file))
}

// logged is what the log has.
type logged struct {
	report wal.Report
	first  uint64 // of its records; 0: it has none
	// records are those of each tenant, ascending.
	records map[clew.Tenant][]logRecord
	// wanted are the segments whose rows are to be taken from the log.
	wanted []*found
}

type logRecord struct {
	seq      uint64
	accepted uint32
}

// readLog finds out which records the log has.
func (r *repairer) readLog() (err error) {
	r.log.records = map[clew.Tenant][]logRecord{}
	r.log.report, err = wal.Replay(r.fs, path.Join(r.dir, folder.LogDir), 0, func(seq uint64, payload []byte) error {
		rec, err := folder.ParseRecord(payload)
		switch {
		case clew.KindOf(err) == clew.Unsupported:
			return err
		case err != nil:
			return nil // its checksum is right: it was never more
		}
		if r.log.first == 0 {
			r.log.first = seq
		}
		r.log.records[rec.Tenant] = append(r.log.records[rec.Tenant], logRecord{seq, rec.Accepted})
		return nil
	})
	return err
}

// of returns the records that the log has in the range of a segment.
func (l *logged) of(f *found) []logRecord {
	list := l.records[f.s.Tenant]
	from, _ := slices.BinarySearchFunc(list, f.s.FirstSeq, bySeq)
	to, _ := slices.BinarySearchFunc(list, f.s.LastSeq+1, bySeq)
	return list[from:max(from, to)]
}

// hasAny reports whether the log has records of a segment.
func (l *logged) hasAny(f *found) bool { return len(l.of(f)) > 0 }

// hasAll reports whether the log has all rows of a segment. Of one that was merged
// nobody can say: rows of its records may be in others.
func (l *logged) hasAll(f *found) bool {
	list := l.records[f.s.Tenant]
	if f.s.Merged != 0 {
		return false
	}
	if f.requests != nil && f.opens {
		for i := range f.requests {
			if _, ok := slices.BinarySearchFunc(list, f.requests[i].Seq, bySeq); !ok {
				return false
			}
		}
		return true
	}
	rows := uint64(0)
	for _, rec := range l.of(f) {
		rows += uint64(rec.accepted)
	}
	return rows > 0 && rows == f.s.Rows
}

func bySeq(r logRecord, seq uint64) int {
	switch {
	case r.seq < seq:
		return -1
	case r.seq > seq:
		return 1
	}
	return 0
}

// writeLogged makes segments of what the log has and no segment has. If something is
// wrong with the log that is all of it, and the log is not needed any more; else it is
// what the store takes to be in segments.
func (r *repairer) writeLogged() error {
	report := &r.log.report
	for _, d := range report.Damaged {
		r.lost(Loss{File: d.File, Requests: r.nowhereElse(d), Why: d.Err()})
	}
	if err := r.old.LogMissing(r.dir, report.Files, report.Newest); err != nil {
		what := "the log is missing"
		if report.Files > 0 {
			what = "its newest file is missing"
		}
		r.lost(Loss{File: path.Join(r.dir, folder.LogDir), Spans: -1, Why: clew.Errorf(clew.Corrupt, "%s", what)})
	}
	r.done.LogEnded = report.DamagedCount > 0 || report.TornBytes > 0
	w := &logWriter{r: r, covered: r.covered(), heads: map[clew.Tenant]*logHead{}, seen: map[xxh3.Uint128]bool{}, back: map[*found]int64{}}
	if len(r.log.records) > 0 && (r.done.LogEnded || !r.trusted || len(r.log.wanted) > 0) {
		if _, err := wal.Replay(r.fs, path.Join(r.dir, folder.LogDir), 0, w.record); err != nil {
			return err
		}
	}
	for _, t := range slices.Sorted(maps.Keys(w.heads)) {
		if err := w.seal(w.heads[t]); err != nil {
			return err
		}
	}
	if r.done.LogEnded || !r.trusted {
		for t, list := range r.log.records {
			r.out.Sealed[t] = max(r.out.Sealed[t], list[len(list)-1].seq)
		}
	}
	for _, f := range r.log.wanted {
		rows := int64(f.s.Rows) - w.back[f]
		if f.s.Tenant == "" {
			rows = -1 // neither it nor a manifest says
		}
		r.lost(Loss{File: f.file, Spans: rows, First: f.s.MinStart, Last: f.s.MaxStart, Why: errors.Join(f.damage...)})
	}
	return nil
}

// nowhereElse counts the records of a damaged place of the log that may be lost: neither
// are they in a segment nor below those that the log was needed for.
func (r *repairer) nowhereElse(d wal.Damage) uint64 {
	first, sealed := max(d.First, r.old.Needed), map[uint64]bool{}
	for _, f := range r.segments {
		for i := range f.requests {
			if seq := f.requests[i].Seq; first <= seq && seq < d.Next {
				sealed[seq] = true
			}
		}
	}
	return max(first, d.Next) - first - uint64(len(sealed))
}

// covered returns the records whose rows are in segments.
func (r *repairer) covered() map[clew.Tenant]map[uint64]bool {
	out := map[clew.Tenant]map[uint64]bool{}
	for _, list := range append(slices.Clone(r.remake), r.keep) {
		for _, f := range list {
			if out[f.s.Tenant] == nil {
				out[f.s.Tenant] = map[uint64]bool{}
			}
			for i := range f.requests {
				out[f.s.Tenant][f.requests[i].Seq] = true
			}
			if f.requests == nil { // all in its range: better a loss than rows twice
				for _, rec := range r.log.of(f) {
					out[f.s.Tenant][rec.seq] = true
				}
			}
		}
	}
	return out
}

// logWriter makes segments of records of the log.
type logWriter struct {
	r       *repairer
	covered map[clew.Tenant]map[uint64]bool
	heads   map[clew.Tenant]*logHead
	seen    map[xxh3.Uint128]bool
	back    map[*found]int64 // rows of a segment that came back
	decoder decode.Decoder
	sealer  segment.Sealer
}

// logHead is rows of one tenant.
type logHead struct {
	b     *build.Builder
	bytes int
	meta  segment.Meta
	marks []segment.Request
}

func (w *logWriter) record(seq uint64, payload []byte) error {
	rec, err := folder.ParseRecord(payload)
	if err != nil || w.seen[rec.Hash] {
		return nil
	}
	owner := w.owner(rec.Tenant, seq)
	switch {
	case w.r.refilled[rec.Tenant][seq]:
		if owner != nil {
			w.back[owner] += int64(rec.Accepted)
		}
		return nil
	case w.covered[rec.Tenant][seq]:
		return nil
	}
	unsealed := !w.r.trusted || w.r.done.LogEnded && seq > w.r.old.SealedUpTo(rec.Tenant)
	if owner == nil && !unsealed {
		return nil
	}
	h := w.heads[rec.Tenant]
	if h == nil {
		h = &logHead{b: build.NewBuilder(0)}
		w.heads[rec.Tenant] = h
	}
	before := h.b.Rows()
	size, err := w.decoder.Append(h.b, &rec)
	if err != nil {
		w.r.lost(Loss{File: path.Join(w.r.dir, folder.LogDir), Requests: 1, Why: clew.Corruptf(path.Join(w.r.dir, folder.LogDir), 0, "log record %d: %w", seq, err)})
		return nil
	}
	w.seen[rec.Hash] = true
	rows := int64(h.b.Rows() - before)
	w.r.done.FromLog += rows
	if owner != nil {
		w.back[owner] += rows
	}
	h.note(rec, seq, size)
	if h.b.Rows() >= remadeRows || h.bytes >= remadeBytes {
		return w.seal(h)
	}
	return nil
}

// owner returns the segment that had a record and cannot be read.
func (w *logWriter) owner(t clew.Tenant, seq uint64) *found {
	for _, f := range w.r.log.wanted {
		if f.s.Merged == 0 && f.s.Tenant == t && seq >= f.s.FirstSeq && seq <= f.s.LastSeq {
			return f
		}
	}
	return nil
}

func (h *logHead) note(rec folder.Record, seq uint64, size int) {
	if len(h.marks) == 0 {
		h.meta = segment.Meta{Tenant: rec.Tenant, FirstSeq: seq, MinArrival: rec.Arrival}
	}
	h.bytes += size
	h.meta.LastSeq = seq
	h.meta.MinArrival, h.meta.MaxArrival = min(h.meta.MinArrival, rec.Arrival), max(h.meta.MaxArrival, rec.Arrival)
	h.marks = append(h.marks, segment.Request{Hash: rec.Hash, Seq: seq, Arrival: rec.Arrival, Accepted: rec.Accepted, Refused: uint32(len(rec.Refused))})
}

func (w *logWriter) seal(h *logHead) error {
	if h.b.Rows() == 0 {
		return nil
	}
	_, err := w.r.write(w.sealer.Seal(h.b.View(h.b.Rows()), h.meta, h.marks))
	h.b.Reset()
	h.bytes, h.marks = 0, nil
	return err
}
