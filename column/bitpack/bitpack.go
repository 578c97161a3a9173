// Package bitpack stores integers in as many bits as the greatest of them needs.
//
// Value i of width w occupies bits [i*w, (i+1)*w) of a little-endian bit stream,
// lowest bit first. Eight values take exactly w bytes, so a group of eight starts on
// a byte. What is read was checked by the caller: there are no errors, and a stream
// that is too short panics.
package bitpack

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Uint is an element of a vector of integers.
type Uint interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Size returns the bytes of n values of width w.
func Size(n int, w uint) int { return int((uint64(n)*uint64(w) + 7) / 8) }

// Mask returns a mask of the lowest w bits, w from 0 to 64.
func Mask(w uint) uint64 { return 1<<w - 1 }

// Append appends v-base for every v, in w bits each. All must fit.
func Append[T Uint](dst []byte, vals []T, base uint64, w uint) []byte {
	size := Size(len(vals), w)
	if size == 0 {
		return dst
	}
	start := len(dst)
	dst = slices.Grow(dst, size+8) // the last store may reach over the end
	out := dst[start : start+size+8]
	if w == 64 {
		for i, v := range vals {
			binary.LittleEndian.PutUint64(out[8*i:], uint64(v)-base)
		}
		return dst[:start+size]
	}
	if w <= 16 {
		n := len(vals) / 8
		appendEights(out, vals[:8*n], base, w)
		vals, out = vals[8*n:], out[n*int(w):]
	}
	var acc uint64
	var have uint
	for _, v := range vals {
		x := uint64(v) - base
		acc |= x << (have & 63)
		have += w
		if have >= 64 {
			binary.LittleEndian.PutUint64(out, acc)
			out = out[8:]
			have -= 64
			acc = x >> ((w - have) & 63) // w-have is 1 to 63
		}
	}
	binary.LittleEndian.PutUint64(out, acc)
	return dst[:start+size]
}

// appendEights packs values of up to 16 bits, eight at a time, of which four and four fit a
// word. It stores up to 8 bytes behind them.
func appendEights[T Uint](out []byte, vals []T, base uint64, w uint) {
	w &= 31
	half, odd := w/2, 4*(w&1) // bytes, and bits beyond them, of four values
	for ; len(vals) >= 8; vals, out = vals[8:], out[w:] {
		v := (*[8]T)(vals)
		lo := ((uint64(v[3])-base)<<w|(uint64(v[2])-base))<<w | (uint64(v[1]) - base)
		hi := ((uint64(v[7])-base)<<w|(uint64(v[6])-base))<<w | (uint64(v[5]) - base)
		lo, hi = lo<<w|(uint64(v[0])-base), hi<<w|(uint64(v[4])-base)
		binary.LittleEndian.PutUint64(out, lo)
		binary.LittleEndian.PutUint64(out[half:], hi<<odd|lo>>(8*half))
	}
}

// Unpack sets dst[i] to base plus value first+i of the stream in src, for widths
// of 1 to 64. src must hold all these values; bytes behind them may follow, and
// make the tail faster. A sum beyond T is cut off: the caller has checked.
func Unpack[T Uint](dst []T, src []byte, first int, w uint, base uint64) {
	// Single values up to a multiple of eight, then groups.
	for first&7 != 0 && len(dst) > 0 {
		dst[0] = T(base + At(src, first, w))
		dst, first = dst[1:], first+1
	}
	if len(dst) == 0 {
		return
	}
	src = src[uint64(first)/8*uint64(w):]
	// A group reads at most 8 bytes from its last value's first byte, which is
	// within the group's w bytes.
	groups := 0
	if len(src) >= 8 {
		groups = min(len(dst)/8, (len(src)-8)/int(w))
	}
	switch {
	case w <= 14:
		unpackNarrow(dst[:8*groups], src, w, base)
	case w <= 56:
		unpackGroups(dst[:8*groups], src, w, base)
	default:
		groups = 0
	}
	for i := 8 * groups; i < len(dst); i++ {
		dst[i] = T(base + At(src, i, w))
	}
}

// unpackNarrow takes four values of at most 14 bits, 56 in all, from each load.
func unpackNarrow[T Uint](dst []T, src []byte, w uint, base uint64) {
	mask := Mask(w)
	w &= 15
	half := 4 * w
	for len(dst) >= 8 {
		d := dst[:8:8]
		x := binary.LittleEndian.Uint64(src)
		d[0] = T(base + x&mask)
		x >>= w
		d[1] = T(base + x&mask)
		x >>= w
		d[2] = T(base + x&mask)
		x >>= w
		d[3] = T(base + x&mask)
		x = binary.LittleEndian.Uint64(src[half>>3:]) >> (half & 7)
		d[4] = T(base + x&mask)
		x >>= w
		d[5] = T(base + x&mask)
		x >>= w
		d[6] = T(base + x&mask)
		x >>= w
		d[7] = T(base + x&mask)
		dst, src = dst[8:], src[w:]
	}
}

// unpackGroups takes one value of at most 56 bits from each load: at any of the
// eight bit offsets such a value ends within eight bytes. There is no
// dependence from one value to the next.
func unpackGroups[T Uint](dst []T, src []byte, w uint, base uint64) {
	mask := Mask(w)
	var bit uint64
	for i := range dst {
		dst[i] = T(base + binary.LittleEndian.Uint64(src[bit>>3:])>>(bit&7)&mask)
		bit += uint64(w)
	}
}

// At returns value i of width w, 0 to 64, near the end of src too.
func At(src []byte, i int, w uint) uint64 {
	bit := uint64(i) * uint64(w)
	src = src[bit>>3:]
	shift := uint(bit & 7)
	if len(src) >= 9 {
		x := binary.LittleEndian.Uint64(src) >> shift
		if shift+w > 64 {
			x |= uint64(src[8]) << (64 - shift)
		}
		return x & Mask(w)
	}
	var buf [16]byte
	copy(buf[:], src)
	x := binary.LittleEndian.Uint64(buf[:])>>shift | uint64(buf[8])<<(64-shift)
	return x & Mask(w)
}

// Zigzag maps a difference to an unsigned number, small where it is small:
// 0, -1, 1, -2 to 0, 1, 2, 3.
func Zigzag(d uint64) uint64 { return d<<1 ^ uint64(int64(d)>>63) }

// Unzigzag is the inverse of Zigzag.
func Unzigzag(z uint64) uint64 { return z>>1 ^ -(z & 1) }

// HasWidth is the greatest width that Has knows.
const HasWidth = 57

// Has reports whether v is among the first n values of the stream in src, for widths of
// 1 to HasWidth and v of that width. It looks at as many values at a time as a load has.
func Has(src []byte, n int, w uint, v uint64) bool {
	each := HasWidth / w // a load has seven bits less at worst
	var ones, want uint64
	for i := range each {
		ones |= 1 << (i * w)
		want |= v << (i * w)
	}
	highs := ones << (w - 1)
	bit, step := uint64(0), uint64(each*w)
	i := 0
	for ; i+int(each) <= n && bit>>3+8 <= uint64(len(src)); i += int(each) {
		// Fields that equal v become 0; less one, the lowest of them borrows.
		x := binary.LittleEndian.Uint64(src[bit>>3:])>>(bit&7) ^ want
		if (x-ones)&^x&highs != 0 {
			return true
		}
		bit += step
	}
	for ; i < n; i++ {
		if At(src, i, w) == v {
			return true
		}
	}
	return false
}

// Bounds returns the least and greatest value, each xored with bias, and how many differ
// from the one before; prev stands before the first.
func Bounds[T Uint](vals []T, prev T, bias uint64) (low, high uint64, changes int) {
	low = ^uint64(0)
	low2, high2 := low, high // of every other value: two chains take half the time of one
	for ; len(vals) >= 4; vals = vals[4:] {
		v := (*[4]T)(vals)
		low, high = min(low, uint64(v[0])^bias, uint64(v[2])^bias), max(high, uint64(v[0])^bias, uint64(v[2])^bias)
		low2, high2 = min(low2, uint64(v[1])^bias, uint64(v[3])^bias), max(high2, uint64(v[1])^bias, uint64(v[3])^bias)
		if v[0] != prev { // counted without a branch, since prev is set in any case
			changes++
		}
		if v[1] != v[0] {
			changes++
		}
		if v[2] != v[1] {
			changes++
		}
		if prev = v[3]; prev != v[2] {
			changes++
		}
	}
	for _, v := range vals {
		u := uint64(v) ^ bias
		low, high = min(low, u), max(high, u)
		if v != prev {
			changes++
		}
		prev = v
	}
	return min(low, low2), max(high, high2), changes
}

// DeltaWidth returns the least of the zigzag differences of neighbours, and how many bits
// each takes less that; false if, packed, ten times their bytes are not less than limit,
// which mostly shows early. One value has none.
func DeltaWidth[T Uint](vals []T, limit int) (dmin uint64, dw uint, ok bool) {
	dmin, dmax := ^uint64(0), uint64(0)
	for from := 1; from < len(vals); from += deltaPart {
		prev := uint64(vals[from-1])
		for _, v := range vals[from:min(len(vals), from+deltaPart)] {
			z := Zigzag(uint64(v) - prev)
			prev = uint64(v)
			dmin, dmax = min(dmin, z), max(dmax, z)
		}
		if dw = uint(bits.Len64(dmax - dmin)); Size(len(vals)-1, dw)*10 >= limit {
			return 0, 0, false
		}
	}
	return dmin, dw, len(vals) > 1
}

// deltaPart is how many differences are measured before they may be given up.
const deltaPart = 256
