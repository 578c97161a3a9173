package column

import (
	"encoding/binary"
	"math/bits"

	"github.com/clew-tracing/clew/column/bitpack"
	"github.com/clew-tracing/clew/column/entropy"
)

// IntKind is the way a chunk of integers is encoded: its first byte.
type IntKind uint8

// The kinds of integer chunk. For and Packs have random access.
const (
	IntFor       IntKind = iota // frame of reference: v-min, bit-packed
	IntDelta                    // zigzag differences less their minimum, bit-packed
	IntRuns                     // run values, run lengths
	IntZstd                     // byte planes of v-min, compressed
	IntDeltaZstd                // byte planes of the differences, compressed
	IntPacks                    // like For, with a minimum and width for every 64 values
	intKinds
)

// IntOptions says which encodings are worth it for a vector. The zero value
// allows frame of reference, packs and runs only. Decoding needs no options.
type IntOptions struct {
	// Delta allows differences between neighbours, for sorted or slowly moving
	// values. Their chunks are read from the front.
	Delta bool
	// Zstd allows compressed byte planes where they save 15 %: smaller, but
	// slower to scan and without random access.
	Zstd bool
	// Signed says that the values are int64 in two's complement, so that a
	// vector around zero is narrow. Elements must be 64 bits wide. Decoding
	// gives back the same 64 bits.
	Signed bool
}

// AppendInts appends vals as one chunk, in the smallest of the allowed
// encodings. The chunk knows its own length.
func AppendInts[T Uint](dst []byte, vals []T, o IntOptions) []byte {
	dst, _, _ = appendInts(dst, vals, o, true)
	return dst
}

// AppendBoundedInts is AppendInts, and returns the least and the greatest value; of no
// values the greatest is the less.
func AppendBoundedInts[T Uint](dst []byte, vals []T, o IntOptions) (chunk []byte, low, high uint64) {
	return appendInts(dst, vals, o, true)
}

// intStats is what one pass over a vector finds.
type intStats struct {
	min, max uint64
	runs     int
	packs    []packSize // nil for a short vector
}

// appendNoRuns is AppendInts for parts that may not be runs, as those of runs.
func appendNoRuns[T Uint](dst []byte, vals []T, o IntOptions) []byte {
	dst, _, _ = appendInts(dst, vals, o, false)
	return dst
}

// appendInts is AppendBoundedInts.
func appendInts[T Uint](dst []byte, vals []T, o IntOptions, allowRuns bool) (chunk []byte, low, high uint64) {
	if len(vals) < packMinValues {
		s := measure(vals, o.Signed)
		if len(vals) == 0 {
			return appendFor(dst, vals, 0, 0), ^signBit(o.Signed), signBit(o.Signed)
		}
		return appendMeasured(dst, vals, o, allowRuns, s), s.min, s.max
	}
	p := packPool.Get().(*packScratch)
	p.packs = resize(p.packs, packCount(len(vals)))
	s := measurePacks(vals, o.Signed, p.packs)
	dst = appendMeasured(dst, vals, o, allowRuns, s)
	if len(p.packs) <= maxPooledPacks {
		packPool.Put(p)
	}
	return dst, s.min, s.max
}

func appendMeasured[T Uint](dst []byte, vals []T, o IntOptions, allowRuns bool, s intStats) []byte {
	w := uint(bits.Len64(s.max - s.min))
	if w == 0 {
		return appendFor(dst, vals, s.min, 0)
	}
	size, kind := bitpack.Size(len(vals), w), IntFor
	if s.packs != nil {
		if packs := packsSize(s.packs, len(vals), s.min); packs*20 < size*19 {
			size, kind = packs, IntPacks
		}
	}
	if runsSize := s.runs*(int(w)+10)/8 + 8; allowRuns && runsSize < size*3/4 {
		size, kind = runsSize, IntRuns
	}
	var dmin uint64
	var dw uint
	if o.Delta {
		var ok bool
		if dmin, dw, ok = bitpack.DeltaWidth(vals, size*9); ok {
			size, kind = bitpack.Size(len(vals)-1, dw), IntDelta
		}
	}
	if kind == IntRuns {
		return appendRuns(dst, vals, s.runs, o)
	}
	if o.Zstd && size > minZstdBytes && len(vals) <= zstdMaxWindow/8 {
		var ok bool
		if kind == IntDelta {
			dst, ok = appendPlanes(dst, vals, IntDeltaZstd, dmin, dw, size)
		} else {
			dst, ok = appendPlanes(dst, vals, IntZstd, s.min, w, size)
		}
		if ok {
			return dst
		}
	}
	switch kind {
	case IntDelta:
		return appendDelta(dst, vals, dmin, dw)
	case IntPacks:
		return appendPacks(dst, vals, s.packs, s.min)
	}
	return appendFor(dst, vals, s.min, w)
}

// signBit returns what turns signed order into unsigned order.
func signBit(signed bool) uint64 {
	if signed {
		return 1 << 63
	}
	return 0
}

func measure[T Uint](vals []T, signed bool) intStats {
	if len(vals) == 0 {
		return intStats{}
	}
	bias := signBit(signed)
	low, high, runs := bitpack.Bounds(vals, vals[0], bias)
	return intStats{min: low ^ bias, max: high ^ bias, runs: runs + 1}
}

// measurePacks is measure, and fills in packs.
func measurePacks[T Uint](vals []T, signed bool, packs []packSize) intStats {
	bias := signBit(signed)
	s := intStats{min: ^uint64(0), runs: 1, packs: packs}
	prev := vals[0]
	for i := range packs {
		part := vals[i*packValues : min(len(vals), (i+1)*packValues)]
		low, high, runs := bitpack.Bounds(part, prev, bias)
		packs[i] = packSize{low: low ^ bias, width: uint8(bits.Len64(high - low))}
		s.min, s.max = min(s.min, low), max(s.max, high)
		s.runs += runs
		prev = part[len(part)-1]
	}
	s.min, s.max = s.min^bias, s.max^bias
	return s
}

func appendIntHeader(dst []byte, kind IntKind, n int) []byte {
	return binary.AppendUvarint(append(dst, byte(kind)), uint64(n))
}

func appendFor[T Uint](dst []byte, vals []T, base uint64, w uint) []byte {
	dst = appendIntHeader(dst, IntFor, len(vals))
	dst = binary.AppendUvarint(dst, base)
	dst = append(dst, byte(w))
	return bitpack.Append(dst, vals, base, w)
}

func appendDelta[T Uint](dst []byte, vals []T, dmin uint64, dw uint) []byte {
	dst = appendIntHeader(dst, IntDelta, len(vals))
	dst = binary.AppendUvarint(dst, dmin)
	dst = append(dst, byte(dw))
	dst = binary.AppendUvarint(dst, uint64(vals[0]))
	var block [packBlock]uint64
	for from := 1; from < len(vals); from += packBlock {
		n := deltaBlock(&block, vals, from)
		dst = bitpack.Append(dst, block[:n], dmin, dw)
	}
	return dst
}

// deltaBlock fills block with the zigzag differences that lead to vals[from]
// and the values after it, and returns how many there are.
func deltaBlock[T Uint](block *[packBlock]uint64, vals []T, from int) int {
	part := vals[from:min(len(vals), from+packBlock)]
	prev := uint64(vals[from-1])
	for i, v := range part {
		block[i] = bitpack.Zigzag(uint64(v) - prev)
		prev = uint64(v)
	}
	return len(part)
}

func appendRuns[T Uint](dst []byte, vals []T, runs int, o IntOptions) []byte {
	s := getScratch()
	defer s.put()
	heads, lengths := resize(s.vals, runs), resize(s.more, runs)
	s.vals, s.more = heads, lengths
	k, prev := 0, vals[0]
	for i, v := range vals {
		if v != prev {
			k++
		}
		prev, heads[k], lengths[k] = v, uint64(v), uint64(i+1)
	}
	for k := runs - 1; k > 0; k-- {
		lengths[k] -= lengths[k-1]
	}
	first := appendNoRuns(s.frame[:0], heads, o)
	s.frame = first
	dst = appendIntHeader(dst, IntRuns, len(vals))
	dst = binary.AppendUvarint(dst, uint64(len(first)))
	dst = append(dst, first...)
	return appendNoRuns(dst, lengths, IntOptions{Zstd: o.Zstd})
}

// appendPlanes appends a compressed chunk if it is below 85 % of size, and
// otherwise returns dst as it was and false.
func appendPlanes[T Uint](dst []byte, vals []T, kind IntKind, base uint64, w uint, size int) ([]byte, bool) {
	n, from := len(vals), 0
	if kind == IntDeltaZstd {
		n, from = n-1, 1
	}
	planes := int(w+7) / 8
	hope := zstdHopePercent
	if size < smallPlanes {
		hope = smallHopePercent
	}
	if entropy.Bytes(vals, from, base, planes)*100 >= size*hope {
		return dst, false
	}
	s := getScratch()
	defer s.put()
	s.planes = resize(s.planes, n*planes)
	var block [packBlock]uint64
	for at := 0; at < n; at += packBlock {
		m := 0
		if kind == IntDeltaZstd {
			m = deltaBlock(&block, vals, at+from)
		} else {
			m = widen(&block, vals[at:])
		}
		for k := range planes {
			plane := s.planes[k*n+at:][:m]
			shift := 8 * uint(k)
			for i := range plane {
				plane[i] = byte((block[i] - base) >> (shift & 63))
			}
		}
	}
	s.frame = s.compress(s.frame[:0], s.planes)
	if len(s.frame)*100 >= size*85 {
		return dst, false
	}
	dst = appendIntHeader(dst, kind, len(vals))
	dst = binary.AppendUvarint(dst, base)
	dst = append(dst, byte(w))
	if kind == IntDeltaZstd {
		dst = binary.AppendUvarint(dst, uint64(vals[0]))
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.frame)))
	return append(dst, s.frame...), true
}

func widen[T Uint](block *[packBlock]uint64, vals []T) int {
	vals = vals[:min(len(vals), packBlock)]
	for i, v := range vals {
		block[i] = uint64(v)
	}
	return len(vals)
}

// resize returns a slice of length n, in the memory of b if that is enough; its
// elements are undefined.
func resize[T any](b []T, n int) []T {
	if n <= cap(b) {
		return b[:n]
	}
	return make([]T, n)
}
