package column

import (
	"math"
	"math/bits"
)

// Doubles that people and programs write as decimals, 12.5 or 0.037, are
// integers over a power of ten. If i/10^e, computed in double precision, gives
// back the very bits of each value, the chunk holds the integers i; values for
// which it does not (NaN, infinities, -0, results of arithmetic) are listed as
// exceptions, bit by bit. Division of integers below 2^53 by an exact power of
// ten is correctly rounded, so every decimal of up to 15 digits comes back.
const (
	doublePlain   = 0 // the bits, as integers
	doubleDecimal = 1 // exponent, integers, exceptions
)

// powersOf10 are exact as doubles. The last is the largest exponent tried.
var powersOf10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14}

// maxExact is the bound below which all integers are exact doubles.
const maxExact = 1 << 53

// asDecimal returns the integer that stands for the double over power.
func asDecimal(double uint64, power float64) (i int64, ok bool) {
	x := math.Float64frombits(double) * power
	if !(x > -maxExact && x < maxExact) { // also for NaN
		return 0, false
	}
	i = int64(math.RoundToEven(x))
	return i, math.Float64bits(float64(i)/power) == double
}

// AppendDoubles appends the IEEE 754 bits of doubles as one chunk, which gives
// back the same bits, whatever they stand for. Of o only Zstd is used.
func AppendDoubles(dst []byte, doubles []uint64, o IntOptions) []byte {
	o = IntOptions{Zstd: o.Zstd}
	if out, ok := appendDecimals(dst, doubles, o); ok {
		return out
	}
	return AppendInts(append(dst, doublePlain), doubles, o)
}

// appendDecimals appends the doubles as decimals if that takes less than nine
// tenths of their bits.
func appendDecimals(dst []byte, doubles []uint64, o IntOptions) ([]byte, bool) {
	if len(doubles) == 0 {
		return dst, false
	}
	exponent, ok := decimalExponent(doubles)
	if !ok {
		return dst, false
	}
	s := getScratch()
	defer s.put()
	s.vals, s.more = resize(s.vals, len(doubles)), s.more[:0]
	power := powersOf10[exponent]
	var last uint64 // stands in for exceptions: it widens nothing
	for _, d := range doubles {
		if v, ok := asDecimal(d, power); ok {
			last = uint64(v)
			break
		}
	}
	for i, d := range doubles {
		v, ok := asDecimal(d, power)
		if ok {
			last = uint64(v)
		} else {
			s.more = append(s.more, uint64(i))
		}
		s.vals[i] = last
	}
	plain, decimal := measure(doubles, false), measure(s.vals, true)
	plainBits := len(doubles) * bits.Len64(plain.max-plain.min)
	decimalBits := len(doubles)*bits.Len64(decimal.max-decimal.min) + len(s.more)*exceptionBits
	if decimalBits*10 >= plainBits*9 {
		return dst, false
	}
	dst = append(dst, doubleDecimal, byte(exponent))
	o.Signed = true
	dst = AppendInts(dst, s.vals, o)
	dst = appendNoRuns(dst, s.more, IntOptions{})
	if len(s.more) == 0 {
		return dst, true
	}
	for i, at := range s.more {
		s.vals[i] = doubles[at]
	}
	return appendNoRuns(dst, s.vals[:len(s.more)], IntOptions{}), true
}

// exceptionBits is the cost of a listed value: its bits and its position.
const exceptionBits = 64 + 16

// decimalExponent picks from a sample the exponent with the fewest bits.
func decimalExponent(doubles []uint64) (exponent int, ok bool) {
	step := max(1, len(doubles)/decimalSample)
	var found [len(powersOf10)]bool
	for i := 0; i < len(doubles); i += step {
		for e, power := range powersOf10 {
			if _, ok := asDecimal(doubles[i], power); ok {
				found[e] = true
				break
			}
		}
	}
	best := math.MaxInt
	for e, is := range found {
		if !is {
			continue
		}
		if cost := decimalCost(doubles, step, powersOf10[e]); cost < best {
			best, exponent, ok = cost, e, true
		}
	}
	return exponent, ok
}

// decimalCost returns the bits that every step-th double would take over power.
func decimalCost(doubles []uint64, step int, power float64) int {
	low, high := int64(math.MaxInt64), int64(math.MinInt64)
	fit, miss := 0, 0
	for i := 0; i < len(doubles); i += step {
		v, ok := asDecimal(doubles[i], power)
		if !ok {
			miss++
			continue
		}
		fit++
		low, high = min(low, v), max(high, v)
	}
	cost := miss * exceptionBits
	if fit > 0 {
		cost += (fit + miss) * bits.Len64(uint64(high)-uint64(low))
	}
	return cost
}

// Doubles is a parsed chunk of doubles, as IEEE 754 bits: a view into the bytes
// it was parsed from, under the rules of Ints.
type Doubles struct {
	power      float64 // 0: ints are the bits
	ints       Ints
	exceptions Ints // positions, ascending
	bits       Ints // of the exceptions
}

// ParseDoubles reads the header of the chunk at the start of src, of at most
// maxValues doubles, and returns the bytes behind the chunk. It allocates
// nothing.
func ParseDoubles(src []byte, maxValues int) (x Doubles, rest []byte, err error) {
	p := parser{src: src}
	switch kind := p.byte("kind"); kind {
	case doublePlain:
	case doubleDecimal:
		exponent := p.byte("exponent")
		if int(exponent) >= len(powersOf10) {
			p.fail("exponent %d", exponent)
			break
		}
		x.power = powersOf10[exponent]
	default:
		p.fail("kind of doubles %d", kind)
	}
	if p.err == nil {
		x.ints, p.src, p.err = ParseInts(p.src, maxValues)
	}
	if p.err == nil && x.power != 0 {
		x.exceptions, p.src, p.err = ParseInts(p.src, x.ints.n)
		if x.exceptions.n > 0 {
			p.ints(&x.bits, "exceptions", x.exceptions.n)
		}
		if !x.exceptions.RandomAccess() || !x.bits.RandomAccess() {
			p.fail("exceptions without random access")
		}
	}
	if p.err != nil {
		return Doubles{}, src, p.err
	}
	return x, p.src, nil
}

// Len returns the number of doubles.
func (x *Doubles) Len() int { return x.ints.n }

// RandomAccess reports whether At works.
func (x *Doubles) RandomAccess() bool { return x.ints.RandomAccess() }

// At returns the bits of double i of a chunk with RandomAccess; it panics for
// any other chunk, and for an index that is not in [0, Len).
func (x *Doubles) At(i int) uint64 {
	v := x.ints.At(i)
	if x.power == 0 {
		return v
	}
	if k := x.exceptions.search(uint64(i)); k < x.exceptions.n && x.exceptions.At(k) == uint64(i) {
		return x.bits.At(k)
	}
	return math.Float64bits(float64(int64(v)) / x.power)
}

// Decode appends the bits of all doubles to dst, under the rules of Ints.Decode.
func (x *Doubles) Decode(dst []uint64) ([]uint64, error) { return x.DecodeRange(dst, 0, x.ints.n) }

// DecodeRange appends the bits of the doubles [start, end) to dst, under the
// rules of the function DecodeRange.
func (x *Doubles) DecodeRange(dst []uint64, start, end int) ([]uint64, error) {
	old := len(dst)
	dst, err := x.ints.DecodeRange(dst, start, end)
	if err != nil || x.power == 0 {
		return dst, err
	}
	out := dst[old:]
	for i, v := range out {
		out[i] = math.Float64bits(float64(int64(v)) / x.power)
	}
	for k := x.exceptions.search(uint64(start)); k < x.exceptions.n; k++ {
		at := x.exceptions.At(k)
		if at >= uint64(end) {
			break
		}
		if at < uint64(start) {
			return dst[:old], damaged("exception %d is at %d, before %d", k, at, start)
		}
		out[at-uint64(start)] = x.bits.At(k)
	}
	return dst, nil
}

// DecodeDoubles appends the bits of the chunk at the start of src, of at most
// maxValues doubles, to dst, and returns the bytes behind the chunk.
func DecodeDoubles(dst []uint64, src []byte, maxValues int) (vals []uint64, rest []byte, err error) {
	x, rest, err := ParseDoubles(src, maxValues)
	if err != nil {
		return dst, src, err
	}
	vals, err = x.Decode(dst)
	return vals, rest, err
}
