package segment

import (
	"hash/maphash"
	"math/bits"
	"slices"
)

// traceLists lists the rows of a block by trace, each list ascending.
type traceLists struct {
	ends []uint32
	all  []uint32
}

func (l *traceLists) rows(trace int) []uint32 {
	return l.all[l.ends[trace]:l.ends[trace+1]]
}

// listByTrace lists places 0..len(perm) by the trace ordinal of perm's rows.
func listByTrace(local, perm []uint32, traces int) (l traceLists) {
	l.build(local, perm, traces)
	return l
}

// build is listByTrace, in the memory of l.
func (l *traceLists) build(local, perm []uint32, traces int) {
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

// places finds span ids among the rows of one trace: by looking at each for
// short traces, through a table for long ones. The slot is the top bits of the id
// times a random odd number, so that nobody can choose ids that meet.
type places struct {
	ids   []uint64
	twice []uint32 // places of ids that occur more than once, in no order
	slots []uint32 // place + 1; open addressing, at most half full
	times uint64
	shift int // 64 − log2(len(slots))
}

// fewSpans is the trace size up to which a linear search is faster.
const fewSpans = 16

func newPlaces() *places {
	return &places{times: maphash.String(maphash.MakeSeed(), "places") | 1}
}

func (p *places) load(rows []uint32, id func(k uint32) uint64) {
	p.ids, p.twice = p.ids[:0], p.twice[:0]
	for _, k := range rows {
		p.ids = append(p.ids, id(k))
	}
	if len(p.ids) <= fewSpans {
		for i, v := range p.ids {
			if first := slices.Index(p.ids[:i], v); first >= 0 {
				p.twice = append(p.twice, uint32(first), uint32(i))
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
			p.twice = append(p.twice, first-1, uint32(i))
			continue
		}
		p.slots[at] = uint32(i) + 1
	}
}

func (p *places) slot(id uint64) uint64 { return id * p.times >> p.shift }

// code returns the parent code of a span whose parent is id.
func (p *places) code(id uint64) uint32 {
	if id == 0 {
		return parentNone
	}
	if len(p.ids) <= fewSpans {
		for i, v := range p.ids {
			if v == id {
				return parentFirst + uint32(i)
			}
		}
		return parentElsewhere
	}
	mask := uint64(len(p.slots) - 1)
	for at := p.slot(id); p.slots[at] != 0; at = (at + 1) & mask {
		if i := p.slots[at] - 1; p.ids[i] == id {
			return parentFirst + i
		}
	}
	return parentElsewhere
}

// resize returns s with length n, keeping its memory; contents are unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
