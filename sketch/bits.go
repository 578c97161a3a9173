package sketch

import (
	"encoding/binary"
	"math/bits"
)

// bitWriter appends numbers of few bits to bytes, the lowest bit first.
type bitWriter struct {
	dst  []byte
	word uint64
	n    uint // bits in word, below 64
}

// put appends the lowest width bits of v, which has no others; width is below 64.
func (w *bitWriter) put(v uint64, width uint) {
	w.word |= v << w.n
	if w.n += width; w.n >= 64 {
		w.dst = binary.LittleEndian.AppendUint64(w.dst, w.word)
		w.n -= 64
		w.word = v >> (width - w.n)
	}
}

// gamma appends v, which is not 0, in Elias's gamma code: as many zeros as v has bits
// behind its highest, a one, these bits. Numbers that are 1 half of the time, 2 or 3
// a quarter of it and so on could not take less.
func (w *bitWriter) gamma(v uint64) {
	if v < 1<<31 {
		w.put(gammaCode(uint32(v)))
		return
	}
	behind := uint(bits.Len64(v)) - 1
	w.put(0, behind)
	w.put(1, 1)
	w.put(v&^(1<<behind), behind)
}

// gammas is gamma of two numbers.
func (w *bitWriter) gammas(a, b uint64) {
	if a|b >= 1<<16 {
		w.gamma(a)
		w.gamma(b)
		return
	}
	first, n := gammaCode(uint32(a))
	second, m := gammaCode(uint32(b))
	w.put(first|second<<n, n+m)
}

func gammaCode(v uint32) (code uint64, width uint) {
	behind := uint(bits.Len32(v)-1) & 31
	return (uint64(v)&(1<<behind-1)<<1 | 1) << behind, 2*behind + 1
}

// bytes returns all bytes; unused bits of the last are 0.
func (w *bitWriter) bytes() []byte {
	for ; w.n > 0; w.n -= min(w.n, 8) {
		w.dst = append(w.dst, byte(w.word))
		w.word >>= 8
	}
	return w.dst
}

// bitReader reads what a bitWriter wrote. Behind the end it reads zeros, and bad
// turns true.
type bitReader struct {
	src []byte
	at  uint64 // bits read
	bad bool
}

// peek returns the next 57 bits, or more.
func (r *bitReader) peek() uint64 {
	at := r.at >> 3
	if at+8 <= uint64(len(r.src)) {
		return binary.LittleEndian.Uint64(r.src[at:]) >> (r.at & 7)
	}
	var last [8]byte
	if at < uint64(len(r.src)) {
		copy(last[:], r.src[at:])
	}
	return binary.LittleEndian.Uint64(last[:]) >> (r.at & 7)
}

func (r *bitReader) skip(n uint) {
	r.at += uint64(n)
	r.bad = r.bad || r.at > 8*uint64(len(r.src))
}

// take reads a number of width bits, below 64.
func (r *bitReader) take(width uint) uint64 {
	if width > 56 {
		low := r.take(32)
		return low | r.take(width-32)<<32
	}
	v := r.peek() & (1<<width - 1)
	r.skip(width)
	return v
}

// gamma reads a number in the gamma code, 0 if there is none.
func (r *bitReader) gamma() uint64 {
	word := r.peek()
	behind := uint(bits.TrailingZeros64(word))
	if behind < 28 { // 2·28 + 1 bits are there
		r.skip(2*behind + 1)
		return word>>(behind+1)&(1<<behind-1) | 1<<behind
	}
	behind = 0
	for r.take(1) == 0 {
		if behind++; behind > 63 || r.bad {
			r.bad = true
			return 0
		}
	}
	return r.take(behind) | 1<<behind
}

// gammas is gamma of two numbers.
func (r *bitReader) gammas() (a, b uint64) {
	word := r.peek()
	first := uint(bits.TrailingZeros64(word))
	if first >= 14 {
		return r.gamma(), r.gamma()
	}
	a = word>>(first+1)&(1<<first-1) | 1<<first
	word >>= 2*first + 1 // 28 bits are left, or more
	second := uint(bits.TrailingZeros64(word))
	if second >= 14 {
		return r.gamma(), r.gamma()
	}
	b = word>>(second+1)&(1<<second-1) | 1<<second
	r.skip(2*(first+second) + 2)
	return a, b
}

// pairs reads a distance and a count for each of places, both in the gamma code, and
// makes places of the distances, the first from before: those too far away are
// maxPlace + 1.
func (r *bitReader) pairs(before uint64, places []uint16, counts []uint64) {
	counts = counts[:len(places)]
	place := before
	for i := range places {
		distance, n := uint64(0), uint64(0)
		if at := r.at >> 3; at+8 <= uint64(len(r.src)) {
			word := binary.LittleEndian.Uint64(r.src[at:]) >> (r.at & 7)
			first := uint(bits.TrailingZeros64(word))
			rest := word >> (2*first + 1)
			second := uint(bits.TrailingZeros64(rest))
			if first < 14 && second < 14 {
				distance = word>>(first+1)&(1<<first-1) | 1<<first
				n = rest>>(second+1)&(1<<second-1) | 1<<second
				r.at += uint64(2*(first+second) + 2)
			} else {
				distance, n = r.gammas()
			}
		} else {
			distance, n = r.gammas()
		}
		place = min(place+min(distance, maxPlace+1), maxPlace+1)
		places[i], counts[i] = uint16(place), n
	}
}

// rest returns the bytes behind the last one begun.
func (r *bitReader) rest() []byte { return r.src[(r.at+7)>>3:] }
