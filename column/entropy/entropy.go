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
		var count [256]uint16
		for _, v := range sample[:seen] {
			count[byte(v>>(8*uint(k)&63))]++
		}
		each, distinct := 0.0, 0.0 // the sum of c·log2 c
		for _, c := range count {
			if c > 0 {
				each += float64(c) * log2Of(c)
				distinct++
			}
		}
		entropy := math.Log2(float64(seen)) - (each-(distinct-1)/(2*math.Ln2))/float64(seen)
		bits += entropy*float64(n) + 4*distinct
	}
	return int(bits / 8)
}

// log2Of is math.Log2 of small numbers.
func log2Of(c uint16) float64 {
	if int(c) < len(log2Table) {
		return log2Table[c]
	}
	return math.Log2(float64(c))
}

var log2Table = func() (t [256]float64) {
	for i := range t {
		t[i] = math.Log2(float64(i))
	}
	return t
}()
