package sketch

import (
	"cmp"
	"math"
	"slices"
)

// Signed is a distribution of any numbers: as a Histogram, with buckets of the same
// bounds also for what lies below 1 and, mirrored, below 0. The zero value is empty.
type Signed struct {
	n        map[signedPlace]uint64
	count    uint64
	min, max float64
}

// signedPlace is a bucket; its values are those of the place times the sign.
type signedPlace struct {
	sign  int8  // -1, 0, 1
	place int32 // as of a Histogram, and below 0 for what is at most a half
}

// endless is the place of infinity.
const endless = math.MaxInt32

// Add counts v n times more; NaN is not counted.
func (s *Signed) Add(v float64, n uint64) {
	if v != v || n == 0 {
		return
	}
	s.note(v, v)
	s.put(placeOf(v), n)
}

func (s *Signed) note(lo, hi float64) {
	if s.n == nil {
		s.n = make(map[signedPlace]uint64)
		s.min, s.max = lo, hi
	}
	s.min, s.max = min(s.min, lo), max(s.max, hi)
}

func (s *Signed) put(p signedPlace, n uint64) {
	s.n[p] = add(s.n[p], n)
	s.count = add(s.count, n)
}

func placeOf(v float64) signedPlace {
	sign := int8(1)
	if v < 0 {
		sign, v = -1, -v
	}
	switch {
	case v == 0:
		return signedPlace{}
	case v > math.MaxFloat64:
		return signedPlace{sign, endless}
	}
	frac, exp := math.Frexp(v)
	return signedPlace{sign, int32((exp-1)*subs + above(uint64(frac*(1<<53))<<11))}
}

// AddHistogram adds what h has.
func (s *Signed) AddHistogram(h *Histogram) {
	if h.count == 0 {
		return
	}
	s.note(float64(h.min), float64(h.max))
	if h.zero > 0 {
		s.put(signedPlace{}, h.zero)
	}
	for i, p := range h.place {
		s.put(signedPlace{1, int32(p)}, h.n[i])
	}
}

// Merge adds what o has.
func (s *Signed) Merge(o *Signed) {
	if o.count == 0 {
		return
	}
	s.note(o.min, o.max)
	for p, n := range o.n {
		s.put(p, n)
	}
}

// Count returns how often any value occurred.
func (s *Signed) Count() uint64 { return s.count }

// sorted returns the places in the order of their values.
func (s *Signed) sorted() []signedPlace {
	places := make([]signedPlace, 0, len(s.n))
	for p := range s.n {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b signedPlace) int {
		return cmp.Or(cmp.Compare(a.sign, b.sign), int(a.sign)*cmp.Compare(a.place, b.place))
	})
	return places
}

// Quantiles appends about the values below or at which the shares qs of all values lie,
// as Histogram.Quantile does; NaN where there are no values.
func (s *Signed) Quantiles(dst []float64, qs ...float64) []float64 {
	places := s.sorted()
	for _, q := range qs {
		dst = append(dst, s.quantile(places, q))
	}
	return dst
}

func (s *Signed) quantile(places []signedPlace, q float64) float64 {
	r := math.Ceil(q * float64(s.count))
	switch {
	case s.count == 0:
		return math.NaN()
	case !(r > 1):
		return s.min
	case r >= float64(s.count):
		return s.max
	}
	rank, at := uint64(r), 0
	for at < len(places)-1 && rank > s.n[places[at]] {
		rank -= s.n[places[at]]
		at++
	}
	p := places[at]
	if p.sign == 0 {
		return 0
	}
	if p.place == endless {
		return math.Inf(int(p.sign))
	}
	// The harmonic mean of the bounds has the same relative error to both.
	hi := math.Exp2(float64(p.place) / subs)
	lo := math.Exp2((float64(p.place) - 1) / subs)
	return min(max(float64(p.sign)*2*lo*hi/(lo+hi), s.min), s.max)
}

// Octaves calls f, in the order of the values, for each power of two that is the upper
// bound of values, with how many there are above the bound before: of -3 the bound is -2,
// of 3 it is 4, and of 0 it is 0.
func (s *Signed) Octaves(f func(bound float64, n uint64)) {
	last, n := math.NaN(), uint64(0)
	for _, p := range s.sorted() {
		bound := 0.0
		switch {
		case p.place == endless:
			bound = math.Inf(int(p.sign))
		case p.sign > 0:
			bound = math.Ldexp(1, int(math.Ceil(float64(p.place)/subs)))
		case p.sign < 0:
			bound = -math.Ldexp(1, int(math.Ceil(float64(p.place)/subs))-1)
		}
		if bound != last && n > 0 {
			f(last, n)
			n = 0
		}
		last, n = bound, add(n, s.n[p])
	}
	if n > 0 {
		f(last, n)
	}
}
