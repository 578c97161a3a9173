package traceindex

import (
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/clew-tracing/clew"
)

// A Finder tells of many traces whether they are in segments that somebody wants to know
// of. What the index knows of these is what it knew when the finder was first asked; the
// buckets that are read are kept, while there is room. One goroutine; not for longer than
// a query, since what it keeps is not read again, and then to be closed.
type Finder struct {
	x      *Index
	want   func(Segment) bool
	packs  []finderPack
	opened bool
	blind  bool // a wanted segment may have any trace
	failed error
	bytes  int // of the buckets that are kept

	asked  int       // of traces, until it is worth while to go through all
	traces int       // in the packs
	twice  *prefixes // of traces in two wanted blocks or more; nil: not known
}

// finderPack is a pack as a finder sees it.
type finderPack struct {
	*pack
	want []bool    // by segment
	kept []*bucket // by number; nil: not read
}

// Finder returns a finder of segments that want says, all of which stay listed until it
// is closed.
func (x *Index) Finder(want func(Segment) bool) *Finder { return &Finder{x: x, want: want} }

// Close lets go of what the finder holds.
func (f *Finder) Close() {
	for _, p := range f.packs {
		p.release()
	}
	f.packs = nil
}

// Failed returns an error once a pack turned out to be damaged: from then on Elsewhere says
// yes of traces of which it may have said no.
func (f *Finder) Failed() error { return f.failed }

// open takes the packs that know of wanted segments.
func (f *Finder) open() {
	f.opened = true
	packs, unknown := f.x.take()
	taken := make(map[Segment]bool) // one may be in two packs, for a while
	for _, p := range packs {
		k := finderPack{p, make([]bool, len(p.segments)), make([]*bucket, len(p.offsets)-1)}
		some := false
		for i, s := range p.segments {
			if !taken[s.Segment] && f.want(s.Segment) && f.x.listed(s.Segment) {
				k.want[i], taken[s.Segment], some = true, true, true
			}
		}
		if !some {
			p.release()
			continue
		}
		f.packs = append(f.packs, k)
		f.traces += p.traces
	}
	for _, s := range unknown {
		f.blind = f.blind || f.want(s)
	}
}

// Elsewhere reports whether a wanted segment may have a trace, in another block than one.
func (f *Finder) Elsewhere(id clew.TraceID, than Place) bool {
	if !f.opened {
		f.open()
	}
	if f.blind {
		return true
	}
	prefix := prefixOf(id)
	if than.Block >= 0 && len(f.packs) > 0 && f.traces <= maxThrough {
		if f.asked++; f.asked == f.traces/(len(f.packs)*lookupCost)+1 {
			f.findTwice()
		}
		if f.twice != nil {
			return f.twice.has(prefix)
		}
	}
	for i := range f.packs {
		p := &f.packs[i]
		b := p.kept[p.bucketOf(prefix)]
		if b == nil {
			if b = f.read(p, p.bucketOf(prefix)); b == nil {
				return true
			}
		}
		for ref := range p.matches(b, prefix) {
			if p.want[ref.segment] && (p.segments[ref.segment].ID != than.Segment || ref.block != than.Block) {
				return true
			}
		}
	}
	return false
}

// read reads a bucket and keeps it; nil if it is damaged, and then the finder is blind.
func (f *Finder) read(p *finderPack, number int) *bucket {
	b := new(bucket)
	if err := p.read(b, number); err != nil {
		f.blind, f.failed = true, err
		f.x.giveUp(p.pack, err)
		return nil
	}
	if f.bytes+cap(b.buf) > finderBytes {
		f.forget()
	}
	f.bytes += cap(b.buf)
	p.kept[number] = b
	return b
}

// forget drops the buckets that are kept.
func (f *Finder) forget() {
	for i := range f.packs {
		clear(f.packs[i].kept)
	}
	f.bytes = 0
}

// findTwice goes through all packs, which are in the order of prefixes. It finds nothing
// out if one is damaged, or too many traces are in two blocks.
func (f *Finder) findTwice() {
	var open []*source
	for _, p := range f.packs {
		s := &source{p: p.pack, refs: make([]int64, len(p.segments)), blockBits: p.blockBits}
		for i, want := range p.want {
			if !want {
				s.refs[i] = -1
			}
		}
		open = append(open, s)
	}
	var found, near []uint32
	seen := make([]uint64, 4*nearTraces) // prefixes, and above them the number of their stretch
	width := bits.Len(uint(f.traces / nearTraces))
	for stretch := uint64(1); stretch <= 1<<width; stretch++ {
		near = near[:0]
		for _, s := range open {
			for {
				if more, err := s.fill(); err != nil {
					return // whoever looks there gives it up
				} else if !more || uint64(s.entries[0].prefix())>>(32-width) >= stretch {
					break
				}
				near = append(near, s.entries[0].prefix())
				s.entries = s.entries[1:]
			}
		}
		found = appendTwice(found, near, seen, stretch<<32, 32-width)
		if len(found) > maxTwice {
			return
		}
	}
	f.twice = newPrefixes(found)
	f.forget()
}

// appendTwice appends the prefixes that occur more than once, of those of a stretch,
// which differ in their lower bits.
func appendTwice(dst, near []uint32, seen []uint64, mark uint64, differ int) []uint32 {
	if len(near) > len(seen)/2 { // hashes that somebody chose
		slices.Sort(near)
		for i := 1; i < len(near); i++ {
			if near[i] == near[i-1] {
				dst = append(dst, near[i])
			}
		}
		return dst
	}
	mask := len(seen) - 1
	shift := max(differ-bits.Len(uint(mask)), 0)
	for _, prefix := range near {
		at := int(prefix>>shift) & mask
		for seen[at]>>32 == mark>>32 && uint32(seen[at]) != prefix {
			at = (at + 1) & mask
		}
		if seen[at] == mark|uint64(prefix) {
			dst = append(dst, prefix)
		}
		seen[at] = mark | uint64(prefix)
	}
	return dst
}

// prefixes is a set: open addressing, at most half full. The slot is the top bits of the
// prefix times a random odd number, so that nobody can choose ids that meet.
type prefixes struct {
	slots []uint32 // 0: none
	zero  bool     // the set has 0
	times uint32
	shift int
}

func newPrefixes(list []uint32) *prefixes {
	width := bits.Len(uint(max(2*len(list), 8) - 1))
	s := &prefixes{slots: make([]uint32, 1<<width), shift: 32 - width, times: uint32(maphash.String(maphash.MakeSeed(), "prefixes")) | 1}
	for _, v := range list {
		if v == 0 {
			s.zero = true
		} else if at := s.find(v); s.slots[at] == 0 {
			s.slots[at] = v
		}
	}
	return s
}

// find returns the slot of a prefix: where it is, or the empty one where it would be.
func (s *prefixes) find(v uint32) int {
	at := int(v * s.times >> s.shift)
	for s.slots[at] != 0 && s.slots[at] != v {
		at = (at + 1) & (len(s.slots) - 1)
	}
	return at
}

func (s *prefixes) has(v uint32) bool {
	if v == 0 {
		return s.zero
	}
	return s.slots[s.find(v)] != 0
}
