package hit

import (
	"hash/maphash"
	"math/bits"
)

// idSet is a set of span ids: open addressing, at most half full. The slot is the top bits
// of the id times a random odd number, so that nobody can choose ids that meet.
type idSet struct {
	slots []uint64 // 0: none
	zero  bool     // the set has 0
	times uint64
	shift int
}

// maxKept bounds the ids for which memory is kept from one trace to the next.
const maxKept = 4096

// reset makes s an empty set for n ids.
func (s *idSet) reset(n int) {
	width := bits.Len(uint(max(2*n, 64) - 1))
	if s.times == 0 {
		s.times = maphash.String(maphash.MakeSeed(), "ids") | 1
	}
	s.zero, s.shift = false, 64-width
	if size := 1 << width; size <= cap(s.slots) {
		s.slots = s.slots[:size]
		clear(s.slots)
	} else {
		s.slots = make([]uint64, size)
	}
}

// trim lets go of the memory of many ids; s is not used before it is reset.
func (s *idSet) trim() {
	if cap(s.slots) > 2*maxKept {
		s.slots = nil
	}
}

// at returns the slot of an id: where it is, or the empty one where it would be.
func (s *idSet) at(id uint64) *uint64 {
	mask := len(s.slots) - 1
	i := int(id * s.times >> s.shift)
	for s.slots[i&mask] != 0 && s.slots[i&mask] != id {
		i++
	}
	return &s.slots[i&mask]
}

func (s *idSet) add(id uint64) {
	s.zero = s.zero || id == 0
	*s.at(id) = id
}

func (s *idSet) has(id uint64) bool {
	if id == 0 {
		return s.zero
	}
	return *s.at(id) == id
}
