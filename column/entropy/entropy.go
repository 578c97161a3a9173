// Package entropy tells beforehand how well integers compress.
package entropy

import "math"

// sampled is how many bytes of each plane are counted: a hundredth of what compressing
// takes.
const sampled = 512

// Bytes estimates what a compressor makes of byte planes, of the values less
// base where from is 0, and of their zigzag differences less base where it is 1, from
// how often each byte occurs in a sample: their entropy, with what a small sample makes
// it look less, and a table of half a byte for each that occurs. It does not see
// repeated sequences.
func Bytes[T ~uint8 | ~uint16 | ~uint32 | ~uint64](vals []T, from int, base uint64, planes int) int {
	n := len(vals) - from
	step := max(1, n/sampled)
	var sample [2 * sampled]uint64
	seen := 0
	for i := from; i < len(vals); i += step {
		v := uint64(vals[i])
		if from > 0 {
			d := v - uint64(vals[i-1])
			v = d<<1 ^ uint64(int64(d)>>63)
		}
		sample[seen] = v - base
		seen++
	}
	bits := 0.0
	for k := range planes {
		var count [2][256]uint16 // of every other value, lest one waits for the other
		for i, v := range sample[:seen] {
			count[i&1][byte(v>>(8*uint(k)&63))]++
		}
		sum, distinct := 0, 0 // the sum of c·log2 c
		for b, c := range count[0] {
			c = (c + count[1][b]) & (2*sampled - 1)
			sum += int(logTable[c])
			distinct += int(c+2*sampled-1) / (2 * sampled)
		}
		each := float64(sum) / logUnit
		entropy := math.Log2(float64(seen)) - (each-(float64(distinct)-1)/(2*math.Ln2))/float64(seen)
		bits += entropy*float64(n) + 4*float64(distinct)
	}
	return int(bits / 8)
}

// logTable has c·log2 c of small numbers, in units of 1 / logUnit.
var logTable = func() (t [2 * sampled]uint32) {
	for c := 1; c < len(t); c++ {
		t[c] = uint32(math.Round(float64(c) * math.Log2(float64(c)) * logUnit))
	}
	return t
}()

const logUnit = 1 << 16
