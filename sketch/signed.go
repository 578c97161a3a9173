package sketch

import (
	"math"
	"slices"
)

// Signed is a distribution of any numbers: as a Histogram, with buckets of the same
// bounds also for what lies below 1 and, mirrored, below 0. The zero value is empty.
type Signed struct {
	at       []signedPlace // of the buckets that are not empty, ascending
	n        []uint64
	count    uint64
	min, max float64
}

// signedPlace is a bucket; they are in the order of their values. That of 0 is 0, those
// above it are as of a Histogram, which go below 0 for what is at most a half, and middle
// more; those below it are the same, mirrored.
type signedPlace int32

// middle is more than the places of numbers of at most a half: those of 2^-1074.
const middle = 1 << 16

// endless is the place of infinity.
const endless = math.MaxInt32

// split returns the sign of a place's values, and their place as of a Histogram.
func (p signedPlace) split() (sign, place int) {
	switch {
	case p == 0:
		return 0, 0
	case p < 0:
		return -1, int(-p) - middle
	}
	return 1, int(p) - middle
}

// Add counts v n times more; NaN is not counted.
func (s *Signed) Add(v float64, n uint64) {
	if v != v || n == 0 {
		return
	}
	s.note(v, v)
	s.count = add(s.count, n)
	p := placeOf(v)
	i, found := slices.BinarySearch(s.at, p)
	if !found {
		s.at, s.n = slices.Insert(s.at, i, p), slices.Insert(s.n, i, 0)
	}
	s.n[i] = add(s.n[i], n)
}

// Buckets is how many buckets there are that have something: what a distribution takes of
// memory.
func (s *Signed) Buckets() int { return len(s.n) }

func (s *Signed) note(lo, hi float64) {
	if s.count == 0 {
		s.min, s.max = lo, hi
	}
	s.min, s.max = min(s.min, lo), max(s.max, hi)
}

func placeOf(v float64) signedPlace {
	sign := signedPlace(1)
	if v < 0 {
		sign, v = -1, -v
	}
	switch {
	case v == 0:
		return 0
	case v > math.MaxFloat64:
		return sign * endless
	}
	frac, exp := math.Frexp(v)
	return sign * signedPlace((exp-1)*subs+above(uint64(frac*(1<<53))<<11)+middle)
}

// AddHistogram adds what h has.
func (s *Signed) AddHistogram(h *Histogram) {
	if h.count == 0 {
		return
	}
	o := Signed{count: h.count, min: float64(h.min), max: float64(h.max), at: make([]signedPlace, 0, len(h.place)+1), n: make([]uint64, 0, len(h.place)+1)}
	if h.zero > 0 {
		o.at, o.n = append(o.at, 0), append(o.n, h.zero)
	}
	for _, p := range h.place {
		o.at = append(o.at, signedPlace(p)+middle)
	}
	o.n = append(o.n, h.n...)
	if s.count == 0 {
		*s = o
		return
	}
	s.Merge(&o)
}

// Merge adds what o has.
func (s *Signed) Merge(o *Signed) {
	if o.count == 0 {
		return
	}
	s.note(o.min, o.max)
	s.count = add(s.count, o.count)
	at, n := make([]signedPlace, 0, len(s.at)+len(o.at)), make([]uint64, 0, len(s.at)+len(o.at))
	i, j := 0, 0
	for i < len(s.at) && j < len(o.at) {
		switch {
		case s.at[i] < o.at[j]:
			at, n = append(at, s.at[i]), append(n, s.n[i])
			i++
		case s.at[i] > o.at[j]:
			at, n = append(at, o.at[j]), append(n, o.n[j])
			j++
		default:
			at, n = append(at, s.at[i]), append(n, add(s.n[i], o.n[j]))
			i, j = i+1, j+1
		}
	}
	s.at = append(append(at, s.at[i:]...), o.at[j:]...)
	s.n = append(append(n, s.n[i:]...), o.n[j:]...)
}

// Count returns how often any value occurred.
func (s *Signed) Count() uint64 { return s.count }

// Quantiles appends about the values below or at which the shares qs of all values lie,
// as Histogram.Quantile does; NaN where there are no values.
func (s *Signed) Quantiles(dst []float64, qs ...float64) []float64 {
	for _, q := range qs {
		dst = append(dst, s.quantile(q))
	}
	return dst
}

func (s *Signed) quantile(q float64) float64 {
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
	for at < len(s.n)-1 && rank > s.n[at] {
		rank -= s.n[at]
		at++
	}
	sign, place := s.at[at].split()
	if sign == 0 {
		return 0
	}
	if place == endless-middle {
		return math.Inf(sign)
	}
	// The harmonic mean of the bounds has the same relative error to both.
	hi := math.Exp2(float64(place) / subs)
	lo := math.Exp2((float64(place) - 1) / subs)
	return min(max(float64(sign)*2*lo*hi/(lo+hi), s.min), s.max)
}

// Octaves calls f, in the order of the values, for each power of two that is the upper
// bound of values, with how many there are above the bound before: of -3 the bound is -2,
// of 3 it is 4, and of 0 it is 0.
func (s *Signed) Octaves(f func(bound float64, n uint64)) {
	last, n := math.NaN(), uint64(0)
	for i, p := range s.at {
		bound := 0.0
		switch sign, place := p.split(); {
		case place == endless-middle:
			bound = math.Inf(sign)
		case sign > 0:
			bound = math.Ldexp(1, int(math.Ceil(float64(place)/subs)))
		case sign < 0:
			bound = -math.Ldexp(1, int(math.Ceil(float64(place)/subs))-1)
		}
		if bound != last && n > 0 {
			f(last, n)
			n = 0
		}
		last, n = bound, add(n, s.n[i])
	}
	if n > 0 {
		f(last, n)
	}
}
