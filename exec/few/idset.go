package few

import "github.com/clew-tracing/clew"

// IDSet remembers the different trace ids whose hash is in [Low, High]. When it
// is full it halves the range and forgets what is outside.
type IDSet struct {
	Room      int
	Low, High uint64
	IDs       map[clew.TraceID]struct{}
}

// hashID spreads ids evenly; ids of equal low halves stay together, since a
// 64-bit id and its 128-bit form are one trace.
func hashID(id clew.TraceID) uint64 {
	h := id.Low()
	h ^= h >> 32
	h *= 0x9E3779B97F4A7C15
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	return h ^ h>>32
}

// Add adds an id, if it is of the range.
func (s *IDSet) Add(id clew.TraceID) {
	if h := hashID(id); h < s.Low || h > s.High {
		return
	}
	s.IDs[id] = struct{}{}
	for len(s.IDs) > s.Room && s.High > s.Low {
		s.High = s.Low + (s.High-s.Low)/2
		for id := range s.IDs {
			if hashID(id) > s.High {
				delete(s.IDs, id)
			}
		}
	}
}

// Traces returns one id of each trace: a 64-bit id is none of its own where its
// 128-bit form is there.
func (s *IDSet) Traces() []clew.TraceID {
	long := make(map[uint64]struct{})
	short := false
	for id := range s.IDs {
		short = short || id.High() == 0
	}
	if short {
		for id := range s.IDs {
			if id.High() != 0 {
				long[id.Low()] = struct{}{}
			}
		}
	}
	out := make([]clew.TraceID, 0, len(s.IDs))
	for id := range s.IDs {
		if _, has := long[id.Low()]; id.High() != 0 || !has {
			out = append(out, id)
		}
	}
	return out
}
