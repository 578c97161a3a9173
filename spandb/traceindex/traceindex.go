// Package traceindex tells in which blocks of which segments a trace may be, for a
// store of any number of segments, with a few reads of some four kilobytes and next
// to no memory.
//
// What it knows is in packs. A pack has an entry for each trace of some segments:
// 32 bits of a hash of the low half of its id, the segment, the block. Entries are in
// the order of their hashes, so that a lookup reads one bucket of each pack:
//
//	offset       size  field
//	0            7     magic "CLEWTRI"
//	7            1     version
//	8                  buckets, back to back, by the upper bits of the hash
//	dirOffset          directory
//	size−24      8     dirOffset, u64
//	size−16      4     size of the directory, u32
//	size−12      4     crc32c of the directory and the twelve bytes before this field
//	size−8       8     magic "clewTRI\n"
//
//	bucket       u32 crc32c of its number (u32) and the rest
//	             uvarint entries n
//	             bits: for each of 128 groups, by the next 7 bits of the hash, its first entry; n
//	             bits: n entries: the bits of the hash that follow · segment · block
//	directory    uvarints: traces · bits of a bucket's number · bits of a block's · segments
//	             for each segment: uvarint id · u32 sum · uvarint traces
//	             for each bucket: uvarint size
//
// A new segment is a pack of its own, in memory. Some of them together become a file,
// and with it the files before that are no more than twice its size: there are about
// as many files as the number of segments has bits, and an entry is written as often.
// Nothing in them is the only copy of anything: what is missing or damaged is left
// out, its segments count as not covered, and whoever has them adds them again.
package traceindex

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/clew-tracing/clew"
)

// Segment identifies the content of a segment: ids can come again after a crash, a
// sum of what is in the file does not.
type Segment struct {
	ID  uint64
	Sum uint32
}

// Place is a block of a segment.
type Place struct {
	Segment uint64 // its id
	Block   int
}

const (
	headMagic = "CLEWTRI"
	tailMagic = "clewTRI\n"
	version   = 1
	headSize  = 8
	tailSize  = 24
)

// prefixOf is what a pack knows of a trace: 32 bits of its low half, mixed. Ids whose
// low halves differ have the same one time in four billion.
func prefixOf(id clew.TraceID) uint32 {
	low := id.Low()
	low ^= low >> 32
	low *= 0x9E3779B97F4A7C15
	low ^= low >> 29
	low *= 0xBF58476D1CE4E5B9
	return uint32(low >> 32)
}

// An entry is a prefix in the upper half and a reference in the lower: the place of
// the segment in the pack's list, and in the lowest blockBits the block.
type entry uint64

func (e entry) prefix() uint32 { return uint32(e >> 32) }

func checksum(parts ...[]byte) (sum uint32) {
	for _, p := range parts {
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), p)
	}
	return sum
}

// bucketSum is the checksum of a bucket, without its own place.
func bucketSum(number int, b []byte) uint32 {
	return checksum(binary.LittleEndian.AppendUint32(nil, uint32(number)), b)
}

// unpack reads number i of bit-packed ones of width bits, at most 57. Seven bytes
// stand behind the last.
func unpack(b []byte, i, width int) uint64 {
	at := i * width
	return binary.LittleEndian.Uint64(b[at>>3:]) >> (at & 7) & (1<<width - 1)
}

func packedBytes(n, width int) int { return (n*width + 7) / 8 }

// packer appends bit-packed numbers of up to 57 bits, low bits first.
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
