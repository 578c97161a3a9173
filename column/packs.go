package column

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/clew-tracing/clew/column/bitpack"
)

// A chunk of packs is cut into packs of packValues values, each bit-packed with its
// own minimum and width: for values that come in stretches of like size, as
// durations do that stand by operation. A pack of width w takes 8·w bytes, so that
// the sum of the widths before a pack says where it begins.
//
//	uvarint  min: the least value
//	u8 u8    bits of a sum, bits of a minimum
//	bits     sums: for each pack those of the widths before it, and the sum of all
//	bits     minimums, less min
//	packs    one after the other
//
// Single values are read as fast as those of IntFor, less three loads.

// packSize is one pack as measured: its least value and the width of the others.
type packSize struct {
	low   uint64
	width uint8
}

// packScratch is the working memory of one measurement. It is not part of scratch,
// of which a call then would hold two, each with a compressor.
type packScratch struct{ packs []packSize }

var packPool = sync.Pool{New: func() any { return new(packScratch) }}

// packCount returns the number of packs of n values.
func packCount(n int) int { return (n + packValues - 1) / packValues }

// packsSize returns the bytes of a chunk of these packs, without its header; least is
// the least value.
func packsSize(packs []packSize, n int, least uint64) int {
	var sum uint64
	var span uint64
	for _, p := range packs {
		sum += uint64(p.width)
		span |= p.low - least
	}
	heads := bitpack.Size(len(packs)+1, uint(bits.Len64(sum))) + bitpack.Size(len(packs), uint(bits.Len64(span)))
	return heads + packsPayload(sum, uint(packs[len(packs)-1].width), n)
}

// packsPayload returns the bytes of all packs: of the last only what its values take.
func packsPayload(sum uint64, last uint, n int) int {
	return 8*int(sum-uint64(last)) + bitpack.Size((n-1)%packValues+1, last)
}

func appendPacks[T Uint](dst []byte, vals []T, packs []packSize, least uint64) []byte {
	s := getScratch()
	defer s.put()
	sums, lows := s.vals[:0], s.more[:0]
	var sum, span uint64
	for _, p := range packs {
		sums = append(sums, sum)
		lows = append(lows, p.low)
		sum += uint64(p.width)
		span |= p.low - least
	}
	sums = append(sums, sum)
	s.vals, s.more = sums, lows
	sumBits, lowBits := uint(bits.Len64(sum)), uint(bits.Len64(span))
	dst = appendIntHeader(dst, IntPacks, len(vals))
	dst = binary.AppendUvarint(dst, least)
	dst = append(dst, byte(sumBits), byte(lowBits))
	dst = bitpack.Append(dst, sums, 0, sumBits)
	dst = bitpack.Append(dst, lows, least, lowBits)
	for i, p := range packs {
		part := vals[i*packValues : min(len(vals), (i+1)*packValues)]
		dst = bitpack.Append(dst, part, p.low, uint(p.width))
	}
	return dst
}

// parsePacks reads what follows the number of values.
func parsePacks(x Ints, p parser) (Ints, []byte, error) {
	src := p.src
	x.base = p.uvarint("minimum")
	x.sumBits = p.byte("bits of a sum")
	x.width = p.byte("bits of a minimum")
	if x.n == 0 || x.sumBits > 32 || x.width > 64 {
		p.fail("%d values in packs of %d and %d bits", x.n, x.sumBits, x.width)
	}
	if p.err != nil {
		return Ints{}, src, p.err
	}
	n := packCount(x.n)
	x.lows = bitpack.Size(n+1, uint(x.sumBits))
	x.split = x.lows + bitpack.Size(n, uint(x.width))
	x.data = p.src
	p.take("heads of packs", x.split)
	if p.err != nil {
		return Ints{}, src, p.err
	}
	at := uint64(0)
	for i := range n {
		next := x.sum(i + 1)
		if i == 0 && x.sum(0) != 0 || next < at || next-at > 64 {
			p.fail("pack %d ends at %d, begins at %d", i, next, at)
			return Ints{}, src, p.err
		}
		at = next
	}
	payload := p.take("packs", packsPayload(at, uint(at-x.sum(n-1)), x.n))
	if p.err != nil {
		return Ints{}, src, p.err
	}
	// Bytes behind the payload spare most of the careful tail of Unpack.
	end := x.split + len(payload)
	x.data = x.data[:end+min(8, len(p.src))]
	return x, p.src, nil
}

// sum returns the sum of the widths before pack i.
func (x *Ints) sum(i int) uint64 {
	return bitpack.At(x.data, i, uint(x.sumBits)) // there are bytes behind the sums, for a load of eight
}

// pack returns pack i: its least value, its width, and its bytes with those behind.
func (x *Ints) pack(i int) (low uint64, w uint, data []byte) {
	low = x.base + bitpack.At(x.data[x.lows:], i, uint(x.width))
	at, end := x.sum(i), x.sum(i+1)
	return low, uint(end - at), x.data[x.split+8*int(at):]
}

// packAt returns value i.
func (x *Ints) packAt(i int) uint64 {
	low, w, data := x.pack(i / packValues)
	return low + bitpack.At(data, i%packValues, w)
}

func decodePacks[T Uint](out []T, x *Ints, start int) error {
	var block [packValues]uint64
	for len(out) > 0 {
		low, w, data := x.pack(start / packValues)
		first := start % packValues
		m := min(len(out), packValues-first)
		switch {
		case w == 0:
			if low > limitOf[T]() {
				return damaged("value %d does not fit %d", low, limitOf[T]())
			}
			for i := range out[:m] {
				out[i] = T(low)
			}
		case fits(low, w, limitOf[T]()):
			bitpack.Unpack(out[:m], data, first, w, low)
		default:
			bitpack.Unpack(block[:m], data, first, w, low)
			if err := narrow(out, block[:m]); err != nil {
				return err
			}
		}
		out, start = out[m:], start+m
	}
	return nil
}

// selectPacks is Select, pack by pack.
func (x *Ints) selectPacks(dst Bitmap, at, start, end int, r Range) {
	for start < end {
		low, w, data := x.pack(start / packValues)
		first := start % packValues
		m := min(end-start, packValues-first)
		switch all, none := r.within(low, w); {
		case none:
		case all:
			dst.SetRange(at, at+m)
		default:
			selectPacked(dst, at, data, first, first+m, w, Range{r.Low - low, r.Span})
		}
		at, start = at+m, start+m
	}
}
