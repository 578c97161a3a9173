// Package merge makes few segments of many. It brings together the rows of a trace
// that lie in several, and drops rows that equal another of the same identity.
//
// It makes one output at a time: it takes whole inputs, in order of arrival, until
// the output is full, and then, of all later inputs, the rows of the traces it has.
// So a trace lies in one output, wherever its rows were. An output ends as a head
// does, in a segment.Sealer: whatever is derived from rows at a seal is derived anew
// from all rows of the trace.
package merge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/spandb/segment"
)

// An Input is a segment to be merged. Between Take and Give it can be read.
type Input interface {
	Take() (*segment.Reader, error)
	Give()
}

// An InputError says which input could not be read, and why.
type InputError struct {
	Input int
	Err   error
}

func (e *InputError) Error() string { return fmt.Sprintf("merge: input %d: %v", e.Input, e.Err) }

// Unwrap returns why.
func (e *InputError) Unwrap() error { return e.Err }

// A Merger merges, and keeps its memory from merge to merge, which are best of one
// tenant. Its exported fields are set before Run. One goroutine uses it.
type Merger struct {
	// Inputs are segments of one tenant in order of arrival: of rows of equal
	// identity, that of the earlier input came first.
	Inputs []Input
	// Rows and Bytes are how many rows an output has, and how much memory they take,
	// when no further input is begun: so many, or one input's. It takes rows of its
	// traces from later inputs until the next ones would take more than Bytes + Pull.
	Rows        int
	Bytes, Pull int64
	// Cache keeps tables of the inputs. Their readers must use no other.
	Cache *segment.Cache
	// Skip, if not nil, is told of damage that is passed over: of a block, or with
	// block -1 of the list of records. Then outputs have the rows that can be read, and
	// do not count as merged: they may be of one input.
	Skip func(input, block int, err error)

	// Joined counts rows of the last Run that came to others of their trace from later
	// inputs, Duplicates those that were dropped because they equalled others.
	Joined, Duplicates int64

	// taken are, by input, the traces whose rows are in an earlier output.
	taken  []map[clew.TraceID]bool
	reader segment.BlockReader
	block  int64 // bytes of the largest block that reader has read
	sealer segment.Sealer

	b        *build.Builder
	copier   *build.Copier
	arrived  []uint64 // by row: the input, then its place in the order of arrival
	source   []uint32 // by trace of b: 1 + the input it was first met in; mixed if there are more
	meta     segment.Meta
	requests []segment.Request
	rows     []uint32       // scratch
	ids      []clew.TraceID // scratch: of a block
	wanted   []bool         // scratch: by trace of a block
	full     bool           // the output takes nothing from later inputs
}

// What is kept from output to output is bounded: keptColumns eighths of Bytes are what
// columns may hold, and one of keptBlock parts what a block is.
const (
	keptColumns = 6
	keptBlock   = 16
)

// mixed marks a trace that may have rows twice.
const mixed = ^uint32(0)

// Run merges. It calls write with the bytes of each output, which are valid until
// write returns; an error of write ends the merge and is returned as it is. Its
// other errors are an *InputError, and that ctx has ended.
func (m *Merger) Run(ctx context.Context, write func(data []byte) error) error {
	m.taken = make([]map[clew.TraceID]bool, len(m.Inputs))
	m.reader, m.block = segment.BlockReader{Cache: m.Cache}, 0
	m.Joined, m.Duplicates = 0, 0
	for from := 0; from < len(m.Inputs); {
		m.begin()
		to, err := m.gather(ctx, from)
		if err != nil {
			return err
		}
		from = to
		if m.b.Rows() == 0 {
			continue
		}
		m.dropDuplicates()
		m.copier = nil
		if m.block > m.Bytes/keptBlock {
			m.reader, m.block = segment.BlockReader{Cache: m.Cache}, 0
		}
		m.sealer.Received = m.arrived
		if err := write(m.sealer.Seal(m.b.View(m.b.Rows()), m.meta, m.requests)); err != nil {
			return err
		}
		if m.b.Rows() > 2*m.Rows || m.size() > m.Bytes+m.Pull { // of an uncommonly large input
			m.b, m.sealer = nil, segment.Sealer{}
		}
	}
	return nil
}

// gather takes the rows of an output, of inputs from so many on. Of those before to
// there are none left.
func (m *Merger) gather(ctx context.Context, from int) (to int, err error) {
	to = from
	for full := false; !full && to < len(m.Inputs); {
		if full, err = m.load(ctx, to); err != nil {
			return to, err
		}
		if !full {
			to++
		}
	}
	for later := to; later < len(m.Inputs) && !m.full; later++ {
		if err := m.pull(ctx, later); err != nil {
			return to, err
		}
	}
	// Inputs that have no rows left must leave their records here: there may be no
	// further output.
	for left := false; to < len(m.Inputs); to++ {
		if left, err = m.empty(to); left || err != nil {
			return to, err
		}
	}
	return to, nil
}

// begin starts an output.
func (m *Merger) begin() {
	if m.b == nil || int64(m.b.HeldBytes()) > m.Bytes*keptColumns/8 {
		m.b = build.NewBuilder(0)
	}
	m.b.Reset()
	m.copier = build.NewCopier(m.b)
	m.full = false
	m.arrived, m.source, m.requests = m.arrived[:0], m.source[:0], m.requests[:0]
	m.meta = segment.Meta{Merged: m.Skip == nil, MinArrival: ^uint64(0), FirstSeq: ^uint64(0)}
}

// size is about the memory that the output's rows take, and what is known of them.
func (m *Merger) size() int64 {
	return int64(m.b.SizeBytes()) + int64(len(m.requests))*segment.RequestBytes + int64(len(m.arrived))*8 + int64(len(m.source))*4
}

// room is how many bytes of later inputs' rows the output may have yet.
func (m *Merger) room() int64 { return m.Bytes + m.Pull - m.size() }

// load takes the rows of an input that no earlier output has, unless the output is
// full with what it has.
func (m *Merger) load(ctx context.Context, input int) (full bool, err error) {
	taken := m.taken[input]
	err = m.input(input, func(r *segment.Reader) error {
		if have := m.b.Rows(); have > 0 && (have+r.Meta().Rows > m.Rows || m.size()+r.Meta().InMemory > m.Bytes) {
			full = true
			return nil
		} else if have == 0 {
			m.expect(len(m.Inputs)-input, r.Meta())
		}
		if err := m.records(input, r); err != nil {
			return err
		}
		m.meta.Tenant, m.meta.FirstSeq = r.Meta().Tenant, min(m.meta.FirstSeq, r.Meta().FirstSeq)
		return m.blocks(ctx, input, r, func(id clew.TraceID) bool { return !taken[id] }, nil)
	})
	return full, err
}

// expect makes room for an output of so many inputs, the first of which is of.
func (m *Merger) expect(inputs int, of *segment.Meta) {
	rows := min(m.Rows, inputs*of.Rows, int(m.Bytes/max(of.InMemory/int64(of.Rows), 1)))
	rows = max(rows, of.Rows)
	m.copier.Expect(rows)
	m.arrived = slices.Grow(m.arrived, rows)
}

// records takes the records of an input.
func (m *Merger) records(input int, r *segment.Reader) error {
	requests, err := r.Requests()
	if err != nil && !m.skip(input, -1, err) {
		return err
	}
	m.requests = append(m.requests, requests...)
	return nil
}

// empty takes the records of an input of which earlier outputs have all rows; left says
// that they do not.
func (m *Merger) empty(input int) (left bool, err error) {
	taken := m.taken[input]
	if len(taken) == 0 {
		return true, nil
	}
	err = m.input(input, func(r *segment.Reader) error {
		for blk := range r.Meta().BlockRows {
			var err error
			if m.ids, err = r.TraceIDs(m.ids[:0], blk); err != nil && !m.skip(input, blk, err) {
				return err
			}
			if err == nil && slices.ContainsFunc(m.ids, func(id clew.TraceID) bool { return !taken[id] }) {
				left = true
				return nil
			}
		}
		return m.records(input, r)
	})
	return left, err
}

// pull takes the rows of a later input whose traces the output has.
func (m *Merger) pull(ctx context.Context, input int) error {
	before := m.b.Rows()
	taken := m.taken[input]
	err := m.input(input, func(r *segment.Reader) error {
		return m.blocks(ctx, input, r, func(id clew.TraceID) bool {
			return m.b.HasTrace(id) && !taken[id]
		}, func(blk, wanted int) bool {
			// A block's traces are taken to be of equal size, and its rows to be as large
			// as the others. What comes after something that does not fit stays with it:
			// an earlier output has the earlier rows of a trace.
			of := r.Meta()
			if of.InMemory*int64(of.BlockRows[blk])/int64(of.Rows)*int64(wanted)/int64(len(m.ids)) > m.room() {
				m.full = true
				return false
			}
			if taken == nil {
				taken = make(map[clew.TraceID]bool)
				m.taken[input] = taken
			}
			for t, id := range m.ids {
				if m.wanted[t] {
					taken[id] = true
				}
			}
			return true
		})
	})
	m.Joined += int64(m.b.Rows() - before)
	return err
}

// input reads an input.
func (m *Merger) input(input int, f func(r *segment.Reader) error) error {
	r, err := m.Inputs[input].Take()
	if err == nil {
		defer m.Inputs[input].Give()
		err = f(r)
	}
	if err != nil && clew.KindOf(err) != clew.Canceled {
		return &InputError{input, err}
	}
	return err
}

// blocks appends the rows of an input's wanted traces, block by block until fits, if
// that is not nil, says no. A trace lies in one block of an input.
func (m *Merger) blocks(ctx context.Context, input int, r *segment.Reader, want func(id clew.TraceID) bool, fits func(blk, wanted int) bool) (err error) {
	all := segment.Need{All: true}
	for blk := range r.Meta().BlockRows {
		if ctx.Err() != nil {
			return clew.Errorf(clew.Canceled, "merge stopped: %w", context.Cause(ctx))
		}
		if m.ids, err = r.TraceIDs(m.ids[:0], blk); err != nil {
			if m.skip(input, blk, err) {
				continue
			}
			return err
		}
		m.wanted = m.wanted[:0]
		wanted := 0
		for _, id := range m.ids {
			m.wanted = append(m.wanted, want(id))
			if m.wanted[len(m.wanted)-1] {
				wanted++
			}
		}
		if wanted == 0 {
			continue
		}
		if fits != nil && !fits(blk, wanted) {
			return nil
		}
		batch, err := m.reader.Read(r, blk, &all)
		if err != nil {
			if m.skip(input, blk, err) {
				continue
			}
			return err
		}
		m.block = max(m.block, batch.SizeBytes())
		m.append(input, batch)
		of := r.Meta()
		m.meta.MinArrival, m.meta.MaxArrival = min(m.meta.MinArrival, of.MinArrival), max(m.meta.MaxArrival, of.MaxArrival)
		m.meta.LastSeq = max(m.meta.LastSeq, of.LastSeq)
	}
	return nil
}

// skip reports whether damage is passed over.
func (m *Merger) skip(input, block int, err error) bool {
	if m.Skip == nil || clew.KindOf(err) != clew.Corrupt {
		return false
	}
	m.Skip(input, block, err)
	return true
}

// append takes the rows of the wanted traces of a block.
func (m *Merger) append(input int, batch *span.Batch) {
	m.rows = m.rows[:0]
	for row, t := range batch.Trace {
		if m.wanted[t] {
			m.rows = append(m.rows, uint32(row))
		}
	}
	first := m.b.Rows()
	m.copier.Append(batch, m.rows)
	traces := m.b.Traces(first)
	for i, r := range m.rows {
		received := m.reader.Received(r)
		m.arrived = append(m.arrived, uint64(input)<<32|received)
		t := traces[i]
		for int(t) >= len(m.source) {
			m.source = append(m.source, 0)
		}
		switch {
		case m.source[t] == 0 && received == 0:
			m.source[t] = uint32(input) + 1
		case m.source[t] != uint32(input)+1 || received != 0:
			m.source[t] = mixed
		}
	}
}

// dropDuplicates takes out rows that equal another of the same identity which came
// before. Rows of equal identity and other content stay: both were sent.
func (m *Merger) dropDuplicates() {
	if !slices.Contains(m.source, mixed) {
		return
	}
	var drop []uint32
	view := m.b.View(m.b.Rows())
	rows := sync.OnceValue(func() *span.Rows { return span.NewRows(view) })
	for t, source := range m.source {
		if source == mixed {
			m.rows = m.b.RowsOf(m.rows[:0], uint32(t))
			drop = m.duplicatesOf(view, rows, m.rows, drop)
		}
	}
	if len(drop) == 0 {
		return
	}
	m.Duplicates += int64(len(drop))
	slices.Sort(drop)
	keep, arrived := make([]uint32, 0, view.Rows-len(drop)), m.arrived[:0]
	for i := range uint32(view.Rows) {
		if len(drop) > 0 && drop[0] == i {
			drop = drop[1:]
			continue
		}
		keep = append(keep, i)
		arrived = append(arrived, m.arrived[i])
	}
	b := build.NewBuilder(len(keep))
	b.AppendRows(view, keep)
	m.b, m.arrived = b, arrived
}

// duplicatesOf appends the rows of one trace that equal the first received of
// their identity, and those without an end where another has one.
func (m *Merger) duplicatesOf(view *span.Batch, rows func() *span.Rows, trace, drop []uint32) []uint32 {
	slices.SortFunc(trace, func(i, k uint32) int {
		a, b := view.Identity(i), view.Identity(k)
		ended := 0
		switch {
		case view.Completes(int(i), int(k)):
			ended = -1
		case view.Completes(int(k), int(i)):
			ended = 1
		}
		return cmp.Or(cmp.Compare(a.Span, b.Span), cmp.Compare(a.Side, b.Side), ended, cmp.Compare(m.arrived[i], m.arrived[k]))
	})
	first := 0
	for i := 1; i < len(trace); i++ {
		switch {
		case view.Identity(trace[i]) != view.Identity(trace[first]):
			first = i
		case view.Completes(int(trace[first]), int(trace[i])), rows().Equal(int(trace[first]), int(trace[i])):
			drop = append(drop, trace[i])
		}
	}
	return drop
}
