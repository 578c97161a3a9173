// Package places says where the spans of a trace are among the rows of a block: which
// rows each trace has, and at which place among them a span stands. So parents and
// links are stored as small numbers instead of ids.
package places

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"sort"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// Lists lists the rows of a block by trace, each list ascending.
type Lists struct {
	ends []uint32
	all  []uint32
}

// Rows returns the rows of a trace. They are l's.
func (l *Lists) Rows(trace int) []uint32 {
	return l.all[l.ends[trace]:l.ends[trace+1]]
}

// Build lists the places 0..len(perm) by the trace, of so many, of perm's rows, in the
// memory of l.
func (l *Lists) Build(local, perm []uint32, traces int) {
	// Lists are filled at their ends, which so move to where they belong.
	l.ends, l.all = resize(l.ends, traces+2), resize(l.all, len(perm))
	clear(l.ends)
	for _, r := range perm {
		l.ends[local[r]+2]++
	}
	for i := 2; i < len(l.ends); i++ {
		l.ends[i] += l.ends[i-1]
	}
	for k, r := range perm {
		end := &l.ends[local[r]+1]
		l.all[*end] = uint32(k)
		*end++
	}
}

// BuildAll lists the rows of a block, in their order, by the trace of each.
func (l *Lists) BuildAll(trace []uint32, traces int) {
	l.ends, l.all = resize(l.ends, traces+2), resize(l.all, len(trace))
	ends := l.ends
	clear(ends)
	if traces == 1 {
		for row := range l.all {
			l.all[row] = uint32(row)
		}
		ends[1] = uint32(len(trace))
		return
	}
	for _, t := range trace {
		ends[t+2]++
	}
	for i := 2; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	for row, t := range trace {
		end := &ends[t+1]
		l.all[*end] = uint32(row)
		*end++
	}
}

// BuildSome lists rows, which are all of some traces, in their order: trace has the trace
// of each row, also of the others.
func (l *Lists) BuildSome(rows, trace []uint32, traces int) {
	l.ends, l.all = resize(l.ends, traces+2), resize(l.all, len(rows))
	ends := l.ends
	clear(ends)
	for _, row := range rows {
		ends[trace[row]+2]++
	}
	for i := 2; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	for _, row := range rows {
		end := &ends[trace[row]+1]
		l.all[*end] = row
		*end++
	}
}

// Traces returns the places of the traces that an id means in the list of a block's, 16 bytes
// each, which ascend by their low halves: those of equal low half whose high halves are equal,
// or one of them zero.
func Traces(list []byte, id clew.TraceID) (at []uint32) {
	of := func(i int) clew.TraceID { return clew.TraceID(list[16*i : 16*i+16]) }
	n := len(list) / 16
	lo := sort.Search(n, func(i int) bool { return of(i).Low() >= id.Low() })
	for ; lo < n && of(lo).Low() == id.Low(); lo++ {
		if h := of(lo).High(); h == id.High() || h == 0 || id.High() == 0 {
			at = append(at, uint32(lo))
		}
	}
	return at
}

// IDs appends the traces of a list of a block's, 16 bytes each.
func IDs(dst []clew.TraceID, list []byte) []clew.TraceID {
	for ; len(list) > 0; list = list[16:] {
		dst = append(dst, clew.TraceID(list[:16]))
	}
	return dst
}

// Own makes trace, which has the place of each row's trace in the list of a block's, say
// which of those it is that have rows, and appends these, in the order of their first rows.
// scratch is memory for the next call.
func Own(dst []clew.TraceID, trace []uint32, list []byte, scratch []uint32) (ids []clew.TraceID, _ []uint32) {
	own := resize(scratch, len(list)/16)
	for i := range own {
		own[i] = span.NoCode
	}
	for i, t := range trace {
		if own[t] == span.NoCode {
			own[t] = uint32(len(dst))
			dst = append(dst, clew.TraceID(list[16*t:16*t+16]))
		}
		trace[i] = own[t]
	}
	return dst, own
}

// Codes of a span's parent, or of any other span that may be of its trace: there is
// none, it is not among the rows of the trace, and otherwise First + its place there.
const (
	None      = 0
	Elsewhere = 1
	First     = 2
)

// A Finder finds span ids among the rows of one trace: by looking at each for
// short traces, through a table for long ones. The slot is the top bits of the id
// times a random odd number, so that nobody can choose ids that meet.
type Finder struct {
	// Twice has the places of ids that occur more than once, two by two: the first of the
	// id, and one that repeats it.
	Twice []uint32

	ids   []uint64
	slots []uint32 // place + 1; open addressing, at most half full
	times uint64
	shift int // 64 − log2(len(slots))
}

// fewSpans is the trace size up to which a linear search is faster.
const fewSpans = 16

// NewFinder returns one that knows no trace.
func NewFinder() *Finder {
	return &Finder{times: maphash.String(maphash.MakeSeed(), "places") | 1}
}

// Load takes the rows of a trace; ids has the id of each row.
func (p *Finder) Load(rows []uint32, ids []uint64) {
	p.ids, p.Twice = p.ids[:0], p.Twice[:0]
	for _, k := range rows {
		p.ids = append(p.ids, ids[k])
	}
	if len(p.ids) <= fewSpans {
		for i, v := range p.ids {
			if first := slices.Index(p.ids[:i], v); first >= 0 {
				p.Twice = append(p.Twice, uint32(first), uint32(i))
			}
		}
		return
	}
	size := 64
	for size < 2*len(p.ids) {
		size *= 2
	}
	p.slots = resize(p.slots, size)
	p.shift = bits.LeadingZeros64(uint64(size)) + 1
	clear(p.slots)
	mask := uint64(size - 1)
	for i, id := range p.ids {
		at := p.slot(id)
		for p.slots[at] != 0 && p.ids[p.slots[at]-1] != id {
			at = (at + 1) & mask
		}
		if first := p.slots[at]; first != 0 {
			p.Twice = append(p.Twice, first-1, uint32(i))
			continue
		}
		p.slots[at] = uint32(i) + 1
	}
}

func (p *Finder) slot(id uint64) uint64 { return id * p.times >> p.shift }

// Code returns the code of a span by its id.
func (p *Finder) Code(id uint64) uint32 {
	if id == 0 {
		return None
	}
	if len(p.ids) <= fewSpans {
		for i, v := range p.ids {
			if v == id {
				return First + uint32(i)
			}
		}
		return Elsewhere
	}
	mask := uint64(len(p.slots) - 1)
	for at := p.slot(id); p.slots[at] != 0; at = (at + 1) & mask {
		if i := p.slots[at] - 1; p.ids[i] == id {
			return First + i
		}
	}
	return Elsewhere
}

// resize returns s with length n, keeping its memory; contents are unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// Parents returns, in the memory of dst, the row of each row's parent by its code, of the
// given rows, which l lists: span.NoParent if there is none, which all others have, too, and
// span.LostParent if it is elsewhere. trace has the trace of each row.
func (l *Lists) Parents(dst []int32, rows, trace, codes []uint32) ([]int32, error) {
	dst = resize(dst, len(codes))
	for row := range dst {
		dst[row] = span.NoParent
	}
	for _, row := range rows {
		switch c := codes[row]; c {
		case None:
		case Elsewhere:
			dst[row] = span.LostParent
		default:
			t := trace[row]
			if c -= First; c >= l.ends[t+1]-l.ends[t] {
				return dst, fmt.Errorf("row %d has parent %d of a trace of %d", row, c, l.ends[t+1]-l.ends[t])
			}
			dst[row] = int32(l.all[l.ends[t]+c])
		}
	}
	return dst, nil
}
