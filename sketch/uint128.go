package sketch

import (
	"math"
	"math/bits"
)

// Uint128 is a number of 128 bits, for sums of products: they do not overflow, and
// unlike sums of floats they do not depend on the order of what was added.
type Uint128 struct{ Hi, Lo uint64 }

// maxUint128 is where sums stay that would overflow.
var maxUint128 = Uint128{math.MaxUint64, math.MaxUint64}

// Add returns a + b.
func (a Uint128) Add(b Uint128) Uint128 {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, carry := bits.Add64(a.Hi, b.Hi, carry)
	if carry != 0 {
		return maxUint128
	}
	return Uint128{hi, lo}
}

// Product returns a · b.
func Product(a, b uint64) Uint128 {
	hi, lo := bits.Mul64(a, b)
	return Uint128{hi, lo}
}

// Float64 returns a, rounded.
func (a Uint128) Float64() float64 { return float64(a.Hi)*(1<<64) + float64(a.Lo) }

// timesUint128 returns a · n.
func timesUint128(a Uint128, n uint64) Uint128 {
	low, high := Product(a.Lo, n), Product(a.Hi, n)
	if high.Hi != 0 {
		return maxUint128
	}
	return low.Add(Uint128{Hi: high.Lo})
}

// trailingZeros returns how often a can be halved, 128 for 0.
func (a Uint128) trailingZeros() int {
	if a.Lo != 0 {
		return bits.TrailingZeros64(a.Lo)
	}
	return 64 + bits.TrailingZeros64(a.Hi)
}

// shift returns a · 2^by or, where by is negative, a / 2^-by. Shifts by 64 and more
// give 0.
func (a Uint128) shift(by int) Uint128 {
	if by >= 0 {
		return Uint128{a.Hi<<by | a.Lo>>(64-by), a.Lo << by}
	}
	return Uint128{a.Hi >> -by, a.Lo>>-by | a.Hi<<(64+by)}
}

// add and times are + and · that stay at the greatest number.
func add(a, b uint64) uint64 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxUint64
}

func times(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi != 0 {
		return math.MaxUint64
	}
	return lo
}
