// Package traceindex tells in which blocks of a segment a trace is.
package traceindex

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"github.com/clew-tracing/clew"
)

// A trace has an entry of printBits bits and its block's number in the index, in a
// group of about groupSize: a lookup of what is not there compares eight entries,
// so that one in a thousand names a block in vain. Groups of half the size would
// save a bit of each entry and take it back for the places of the groups.
const (
	printBits = 13
	groupSize = 8
	// padding is what a read of eight bytes at the last entry needs behind it.
	padding = 7
)

// maxTraces bounds the traces and blocks that a damaged index may claim: no segment
// has as many rows.
const maxTraces = 1 << 23

// An Index tells in which blocks of a segment a trace may be. It is small
// enough to be kept in memory for every segment of a store: 17 bits a trace in a
// segment of eight blocks. It errs in one lookup of a thousand, and then names a
// block that has no such trace; what it does not name has none. The zero value
// names nothing.
//
// Traces are put into groups of about groupSize by the upper bits of a hash of
// their low halves. Of each trace it has an entry: printBits lower bits of the
// hash and the number of its block. A lookup reads where its group's entries lie
// and compares those.
//
// A blocked Bloom filter of 12 bits was tried: it reads one cache line where this
// reads two, but errs five times as often and does not know the block.
type Index struct {
	traces, blocks int
	placeBits      int // of a place in entries
	entryBits      int
	places         []byte // where the entries of each group begin, and where the last end
	entries        []byte
}

// Hash mixes the low half of a trace id. No two halves have the same hash.
func Hash(low uint64) uint64 {
	low ^= low >> 32
	low *= 0x9E3779B97F4A7C15
	low ^= low >> 29
	low *= 0xBF58476D1CE4E5B9
	return low ^ low>>32
}

// groupsOf is the number of groups of so many traces.
func groupsOf(traces int) int { return traces/groupSize + 1 }

func groupOf(hash uint64, groups int) int { return int((hash >> 32) * uint64(groups) >> 32) }

// Blocks appends the blocks that may have a trace of this low half, ascending for
// one fingerprint.
func (x *Index) Blocks(dst []int, id clew.TraceID) []int {
	if x.traces == 0 {
		return dst
	}
	hash := Hash(id.Low())
	group := groupOf(hash, groupsOf(x.traces))
	at := int(unpack(x.places, group, x.placeBits))
	end := min(int(unpack(x.places, group+1, x.placeBits)), x.traces)
	known := len(dst)
	for ; at < end; at++ {
		e := unpack(x.entries, at, x.entryBits)
		if (e^hash)&(1<<printBits-1) != 0 {
			continue
		}
		if blk := int(e >> printBits); blk < x.blocks && !slices.Contains(dst[known:], blk) {
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

// A Builder builds indexes; it is used again and again.
type Builder struct {
	traces []indexed
	sorted []indexed
	starts []uint32
}

type indexed struct {
	hash  uint64
	block uint32
}

// Reset begins an index.
func (x *Builder) Reset() { x.traces = x.traces[:0] }

// Add adds a trace by the low half of its id.
func (x *Builder) Add(low uint64, block int) {
	x.traces = append(x.traces, indexed{Hash(low), uint32(block)})
}

// Group sorts the traces into their groups, and each group by hash and block.
// twin is called for each hash that two traces have.
func (x *Builder) Group(twin func(hash uint64)) {
	groups := groupsOf(len(x.traces))
	x.starts = slices.Grow(x.starts[:0], groups+2)[:groups+2]
	clear(x.starts)
	for _, t := range x.traces {
		x.starts[groupOf(t.hash, groups)+2]++
	}
	for i := 2; i < len(x.starts); i++ {
		x.starts[i] += x.starts[i-1]
	}
	x.sorted = slices.Grow(x.sorted[:0], len(x.traces))[:len(x.traces)]
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

// Append writes the index of what was grouped.
func (x *Builder) Append(dst []byte, blocks int) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(x.sorted)))
	dst = binary.AppendUvarint(dst, uint64(blocks))
	p := packer{dst: dst}
	for _, at := range x.starts {
		p.add(uint64(at), bits.Len(uint(len(x.sorted))))
	}
	p.end()
	for _, t := range x.sorted {
		p.add(t.hash&(1<<printBits-1)|uint64(t.block)<<printBits, printBits+bits.Len(uint(blocks-1)))
	}
	p.end()
	return append(p.dst, make([]byte, padding)...)
}

// Size returns how many traces and blocks there are.
func (x *Index) Size() (traces, blocks int) { return x.traces, x.blocks }

// Parse reads an index, which keeps b.
func Parse(b []byte) (Index, error) {
	traces, n := binary.Uvarint(b)
	blocks, m := binary.Uvarint(b[max(n, 0):])
	if n <= 0 || m <= 0 || traces == 0 || blocks == 0 || max(traces, blocks) > maxTraces {
		return Index{}, errors.New("trace index is cut off or has no traces")
	}
	b = b[n+m:]
	x := Index{traces: int(traces), blocks: int(blocks)}
	x.placeBits, x.entryBits = bits.Len(uint(x.traces)), printBits+bits.Len(uint(x.blocks-1))
	at := packedBytes(groupsOf(x.traces)+1, x.placeBits)
	if len(b) != at+packedBytes(x.traces, x.entryBits)+padding {
		return Index{}, errors.New("trace index has not the size of its traces")
	}
	x.places, x.entries = b, b[at:]
	return x, nil
}
