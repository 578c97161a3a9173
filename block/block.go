// Package block reads and writes segments: immutable files that hold rows
// column by column, cut into blocks of rows.
//
// A segment is built in memory, written in one pass and opened back to front:
// the last bytes say where the directory is, and the directory where all else is.
//
//	offset         size  field
//	0                 8  magic "CLEWSEG" and version, one byte
//	8                    chunks, back to back, column by column, within it by block
//	dirOffset            directory
//	size-32           8  dirOffset
//	size-24           4  dirSize, bytes
//	size-20           4  crc32c of the directory
//	size-16           4  crc32c of bytes 0..8 and of the tail up to here
//	size-12           4  version again, as u32
//	size-8            8  magic "clewSEG\n"
//
// The directory is the caller's meta, the names of the columns, and six vectors of
// integers (package column) with an entry for each chunk:
//
//	bytes     meta: uvarint length, then so many bytes
//	uvarint   number of columns; then the name of each, as bytes
//	ints × 6  column · block + 1 · size · crc32c · least value · greatest − least
//
// All integers are little-endian. A chunk is the payload of one column in one
// block, opaque to this package; its size, crc32c and the least and greatest of
// its values stand in the directory. A chunk of block WholeSegment belongs to
// the segment as a whole (dictionaries, tables, filters).
//
// A Reader verifies a chunk's checksum whenever it reads it. Damage is an error
// of kind Corrupt with file and offset, never other bytes. The package does not
// know what a span is.
package block

import (
	"encoding/binary"
	"hash/crc32"
)

// Version is the version of the format this package writes, and the only one it
// reads. docs/format/segment.md has the history.
const Version = 1

const (
	headMagic = "CLEWSEG"
	tailMagic = "clewSEG\n"
	headSize  = 8
	tailSize  = 32
)

// WholeSegment is the block number of chunks that belong to no block.
const WholeSegment = -1

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli()) }

// appendTail appends the tail of a file whose directory stands at an offset: the last
// tailSize bytes.
func appendTail(dst, head []byte, dirOffset uint64, dir []byte) []byte {
	at := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, dirOffset)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(dir)))
	dst = binary.LittleEndian.AppendUint32(dst, checksum(dir))
	dst = binary.LittleEndian.AppendUint32(dst, tailChecksum(head, dst[at:]))
	dst = binary.LittleEndian.AppendUint32(dst, Version)
	return append(dst, tailMagic...)
}

// tailChecksum covers the file's head and the first 16 bytes of its tail.
func tailChecksum(head, tail []byte) uint32 {
	var both [headSize + 16]byte
	copy(both[:headSize], head)
	copy(both[headSize:], tail[:16])
	return checksum(both[:])
}
