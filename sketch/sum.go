package sketch

import (
	"math"
	"math/bits"
)

// A Sum adds numbers exactly: what it says does not depend on their order, and is off
// by one rounding at most. The zero value is 0.
//
// Whole numbers take 16 bytes; with the first other one come 600 more, a fixed-point
// number with a place for each bit that a double may have.
type Sum struct {
	hi    int64 // of the whole numbers, in two's complement
	lo    uint64
	parts *parts
}

// parts holds doubles. Limb i counts units of 2^(32·i-1074); limbs are signed, of 32 bits
// and room for 2^30 carries.
type parts struct {
	limbs [72]int64
	adds  int
	// What has no bits: infinities, of which two signs give none, and NaN.
	plus, minus, nan bool
}

// AddInt adds v·n.
func (s *Sum) AddInt(v int64, n uint64) {
	hi, lo := bits.Mul64(uint64(v), n)
	if v < 0 {
		hi -= n // the product is that of v + 2^64
	}
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi += int64(hi + carry)
}

// AddWide adds a whole number of 128 bits.
func (s *Sum) AddWide(hi, lo uint64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi += int64(hi + carry)
}

// AddFloat adds v·n.
func (s *Sum) AddFloat(v float64, n uint64) {
	if s.parts == nil {
		s.parts = new(parts)
	}
	p := s.parts
	switch {
	case n == 0:
		return
	case v != v:
		p.nan = true
		return
	case v > math.MaxFloat64:
		p.plus = true
		return
	case v < -math.MaxFloat64:
		p.minus = true
		return
	}
	b := math.Float64bits(v)
	exp, frac := int(b>>52&0x7FF), b&(1<<52-1)
	if exp == 0 {
		exp = 1
	} else {
		frac |= 1 << 52
	}
	hi, lo := bits.Mul64(frac, n) // in units of 2^(exp-1075)
	p.add(exp-1, lo, b>>63 != 0)
	p.add(exp-1+64, hi, b>>63 != 0)
}

// add adds x·2^at, at counted from the lowest bit.
func (p *parts) add(at int, x uint64, negative bool) {
	if x == 0 {
		return
	}
	if p.adds++; p.adds == 1<<28 {
		p.carry()
		p.adds = 0
	}
	i, shift := at>>5, at&31
	lo, hi := x<<shift, uint64(0)
	if shift > 0 {
		hi = x >> (64 - shift)
	}
	sign := int64(1)
	if negative {
		sign = -1
	}
	p.limbs[i] += sign * int64(lo&math.MaxUint32)
	p.limbs[i+1] += sign * int64(lo>>32)
	p.limbs[i+2] += sign * int64(hi)
}

// carry brings all limbs but the last into [0, 2^32).
func (p *parts) carry() {
	var c int64
	for i := range len(p.limbs) - 1 {
		v := p.limbs[i] + c
		p.limbs[i] = v & math.MaxUint32
		c = v >> 32
	}
	p.limbs[len(p.limbs)-1] += c
}

// Merge adds what o has.
func (s *Sum) Merge(o *Sum) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, o.lo, 0)
	s.hi += o.hi + int64(carry)
	if o.parts == nil {
		return
	}
	if s.parts == nil {
		s.parts = new(parts)
	}
	p, q := s.parts, *o.parts
	q.carry()
	p.carry()
	p.adds = 1
	for i, v := range q.limbs {
		p.limbs[i] += v
	}
	p.plus, p.minus, p.nan = p.plus || q.plus, p.minus || q.minus, p.nan || q.nan
}

// Int returns the sum, if it is of whole numbers alone and fits.
func (s *Sum) Int() (v int64, ok bool) {
	return int64(s.lo), s.parts == nil && s.hi == int64(s.lo)>>63
}

// Float64 returns the sum divided by 2^shift, rounded.
func (s *Sum) Float64(shift int) float64 {
	if s.parts == nil {
		hi, lo, negative := magnitude(s.hi, s.lo)
		return signed(math.Ldexp(rounded(hi, lo), -shift), negative)
	}
	p := *s.parts
	switch {
	case p.nan || p.plus && p.minus:
		return math.NaN()
	case p.plus:
		return math.Inf(1)
	case p.minus:
		return math.Inf(-1)
	}
	const one = 1074 // the bit of 1
	hi, lo, negative := magnitude(s.hi, s.lo)
	p.add(one, lo, negative)
	p.add(one+64, hi, negative)
	return p.float64(shift + one)
}

// float64 returns the number divided by 2^shift.
func (p *parts) float64(shift int) float64 {
	p.carry()
	last := len(p.limbs) - 1
	negative := p.limbs[last] < 0
	if negative {
		for i := range p.limbs {
			p.limbs[i] = -p.limbs[i]
		}
		p.carry()
	}
	for last > 0 && p.limbs[last] == 0 {
		last--
	}
	// Three limbs have 65 bits or more: all that rounding looks at, but for whether there
	// is anything below.
	low := max(0, last-2)
	var hi, lo uint64
	for i := last; i >= low; i-- {
		hi = hi<<32 | lo>>32
		lo = lo<<32 | uint64(p.limbs[i])
	}
	for _, v := range p.limbs[:low] {
		if v != 0 {
			lo |= 1
		}
	}
	return signed(math.Ldexp(rounded(hi, lo), 32*low-shift), negative)
}

func signed(v float64, negative bool) float64 {
	if negative {
		return -v
	}
	return v
}

// magnitude takes a number of 128 bits apart.
func magnitude(hi int64, lo uint64) (h, l uint64, negative bool) {
	if hi >= 0 {
		return uint64(hi), lo, false
	}
	l, borrow := bits.Sub64(0, lo, 0)
	h, _ = bits.Sub64(0, uint64(hi), borrow)
	return h, l, true
}

// rounded returns hi·2^64 + lo, rounded once.
func rounded(hi, lo uint64) float64 {
	shift := 64
	if hi == 0 {
		hi, lo, shift = lo, 0, 0
	}
	if n := bits.LeadingZeros64(hi); n > 0 && lo != 0 {
		hi, lo, shift = hi<<n|lo>>(64-n), lo<<n, shift-n
	}
	if lo != 0 {
		hi |= 1 // sticks out of the 53 bits that are left
	}
	return math.Ldexp(float64(hi), shift)
}
