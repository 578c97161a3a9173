// Package traceset remembers the ids of traces of which there may be too many: those of
// a range of their hashes, one range after the other.
package traceset

import (
	"maps"
	"math"

	"github.com/clew-tracing/clew"
)

// Set is the different ids whose hash is of its range. When it is full it halves the
// range and forgets what is outside, so that whoever adds all ids once for each range has
// had each in one of them.
type Set struct {
	room      int
	low, high uint64
	ids       map[clew.TraceID]struct{}
}

// New returns a set with room for so many ids, at least one, whose range is all hashes.
func New(room int) *Set {
	return &Set{room: room, high: math.MaxUint64, ids: make(map[clew.TraceID]struct{})}
}

// hash spreads ids evenly; ids of equal low halves stay together, since a 64-bit id and
// its 128-bit form are one trace.
func hash(id clew.TraceID) uint64 {
	h := id.Low()
	h ^= h >> 32
	h *= 0x9E3779B97F4A7C15
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	return h ^ h>>32
}

// Add adds an id, if it is of the range. Ids of one hash are never parted, however little
// room there is.
func (s *Set) Add(id clew.TraceID) {
	if h := hash(id); h < s.low || h > s.high {
		return
	}
	s.ids[id] = struct{}{}
	for len(s.ids) > s.room && s.high > s.low {
		s.high = s.low + (s.high-s.low)/2
		maps.DeleteFunc(s.ids, func(id clew.TraceID, _ struct{}) bool { return hash(id) > s.high })
	}
}

// First reports whether the range is the first one.
func (s *Set) First() bool { return s.low == 0 }

// Last reports whether there is no range behind this one.
func (s *Set) Last() bool { return s.high == math.MaxUint64 }

// Next moves to the range behind, in which nothing has been added.
func (s *Set) Next() {
	s.low, s.high = s.high+1, math.MaxUint64
	clear(s.ids)
}

// Share returns which part of all hashes is before the range, and which is in it.
func (s *Set) Share() (before, in float64) {
	return float64(s.low) / (1 << 64), (float64(s.high-s.low) + 1) / (1 << 64)
}

// Len returns how many ids there are.
func (s *Set) Len() int { return len(s.ids) }

// Traces returns one id of each trace, in no order: a 64-bit id is none of its own where
// its 128-bit form is there.
func (s *Set) Traces() []clew.TraceID {
	long := make(map[uint64]struct{})
	short := false
	for id := range s.ids {
		short = short || id.High() == 0
	}
	if short {
		for id := range s.ids {
			if id.High() != 0 {
				long[id.Low()] = struct{}{}
			}
		}
	}
	out := make([]clew.TraceID, 0, len(s.ids))
	for id := range s.ids {
		if _, has := long[id.Low()]; id.High() != 0 || !has {
			out = append(out, id)
		}
	}
	return out
}
