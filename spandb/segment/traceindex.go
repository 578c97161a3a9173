package segment

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"github.com/clew-tracing/clew"
)

// A TraceIndex tells in which blocks of a segment a trace may be. It is small
// enough to be kept in memory for every segment of a store: 17 bits a trace in a
// segment of eight blocks. It errs in one lookup of a thousand, and then names a
// block that has no such trace; what it does not name has none. The zero value
// names nothing.
//
// Traces are put into groups of about indexGroup by the upper bits of a hash of
// their low halves. Of each trace it has an entry: indexPrint lower bits of the
// hash and the number of its block. A lookup reads where its group's entries lie
// and compares those.
//
// A blocked Bloom filter of 12 bits was tried: it reads one cache line where this
// reads two, but errs five times as often and does not know the block.
type TraceIndex struct {
	traces, blocks int
	placeBits      int // of a place in entries
	entryBits      int
	places         []byte // where the entries of each group begin, and where the last end
	entries        []byte
}

// traceHash mixes the low half of a trace id. No two halves have the same hash.
func traceHash(low uint64) uint64 {
	low ^= low >> 32
	low *= 0x9E3779B97F4A7C15
	low ^= low >> 29
	low *= 0xBF58476D1CE4E5B9
	return low ^ low>>32
}

// indexGroups is the number of groups of so many traces.
func indexGroups(traces int) int { return traces/indexGroup + 1 }

func groupOf(hash uint64, groups int) int { return int((hash >> 32) * uint64(groups) >> 32) }

// Blocks appends the blocks that may have a trace of this low half, ascending for
// one fingerprint.
func (x *TraceIndex) Blocks(dst []int, id clew.TraceID) []int {
	if x.traces == 0 {
		return dst
	}
	hash := traceHash(id.Low())
	group := groupOf(hash, indexGroups(x.traces))
	at := int(unpack(x.places, group, x.placeBits))
	end := min(int(unpack(x.places, group+1, x.placeBits)), x.traces)
	known := len(dst)
	for ; at < end; at++ {
		e := unpack(x.entries, at, x.entryBits)
		if (e^hash)&(1<<indexPrint-1) != 0 {
			continue
		}
		if blk := int(e >> indexPrint); blk < x.blocks && !slices.Contains(dst[known:], blk) {
			dst = append(dst, blk)
		}
	}
	return dst
}

// unpack reads number i of bit-packed ones of width bits, at most 57. Seven bytes
// stand behind the last.
func unpack(b []byte, i, width int) uint64 {
	at := i * width
	return binary.LittleEndian.Uint64(b[at>>3:]) >> (at & 7) & (1<<width - 1)
}

// packer appends bit-packed numbers, low bits first.
type packer struct {
	dst  []byte
	bits uint64
	n    int
}

func (p *packer) add(v uint64, width int) {
	p.bits |= v << p.n
	for p.n += width; p.n >= 8; p.n -= 8 {
		p.dst = append(p.dst, byte(p.bits))
		p.bits >>= 8
	}
}

// end fills up the last byte.
func (p *packer) end() {
	if p.n > 0 {
		p.dst = append(p.dst, byte(p.bits))
		p.bits, p.n = 0, 0
	}
}

func packedBytes(n, width int) int { return (n*width + 7) / 8 }

// indexer builds a TraceIndex; it is used again and again.
type indexer struct {
	traces []indexed
	sorted []indexed
	starts []uint32
}

type indexed struct {
	hash  uint64
	block uint32
}

func (x *indexer) reset() { x.traces = x.traces[:0] }

func (x *indexer) add(low uint64, block int) {
	x.traces = append(x.traces, indexed{traceHash(low), uint32(block)})
}

// group sorts the traces into their groups, and each group by hash and block.
// twin is called for each hash that two traces have.
func (x *indexer) group(twin func(hash uint64)) {
	groups := indexGroups(len(x.traces))
	x.starts = resize(x.starts, groups+2)
	clear(x.starts)
	for _, t := range x.traces {
		x.starts[groupOf(t.hash, groups)+2]++
	}
	for i := 2; i < len(x.starts); i++ {
		x.starts[i] += x.starts[i-1]
	}
	x.sorted = resize(x.sorted, len(x.traces))
	for _, t := range x.traces {
		at := &x.starts[groupOf(t.hash, groups)+1]
		x.sorted[*at] = t
		*at++
	}
	x.starts = x.starts[:groups+1]
	for g := range groups {
		list := x.sorted[x.starts[g]:x.starts[g+1]]
		slices.SortFunc(list, func(a, b indexed) int {
			return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.block, b.block))
		})
		for i := 1; i < len(list); i++ {
			if list[i].hash == list[i-1].hash {
				twin(list[i].hash)
			}
		}
	}
}

// append writes the index of what was grouped.
func (x *indexer) append(dst []byte, blocks int) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(x.sorted)))
	dst = binary.AppendUvarint(dst, uint64(blocks))
	p := packer{dst: dst}
	for _, at := range x.starts {
		p.add(uint64(at), bits.Len(uint(len(x.sorted))))
	}
	p.end()
	for _, t := range x.sorted {
		p.add(t.hash&(1<<indexPrint-1)|uint64(t.block)<<indexPrint, indexPrint+bits.Len(uint(blocks-1)))
	}
	p.end()
	return append(p.dst, make([]byte, indexPadding)...)
}

// ParseTraceIndex reads an index, which keeps b.
func ParseTraceIndex(b []byte) (TraceIndex, error) {
	f := fields{b: b}
	x := TraceIndex{traces: f.count(), blocks: f.count()}
	if f.bad || x.traces == 0 || x.blocks == 0 {
		return TraceIndex{}, errors.New("trace index is cut off or has no traces")
	}
	x.placeBits, x.entryBits = bits.Len(uint(x.traces)), indexPrint+bits.Len(uint(x.blocks-1))
	at := packedBytes(indexGroups(x.traces)+1, x.placeBits)
	if len(f.b) != at+packedBytes(x.traces, x.entryBits)+indexPadding {
		return TraceIndex{}, errors.New("trace index has not the size of its traces")
	}
	x.places, x.entries = f.b, f.b[at:]
	return x, nil
}
