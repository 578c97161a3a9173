// Package block reads and writes segments: immutable files that hold rows
// column by column, cut into blocks of rows.
//
// A segment is built in memory, written in one pass and opened back to front:
// the last bytes say where the directory is, and the directory where all else is.
//
//	offset         size  field
//	0                 8  magic "CLEWSEG" and version, one byte
//	8                    chunks, back to back, column by column
//	dirOffset            directory (see directory.go)
//	size-32           8  dirOffset
//	size-24           4  dirSize, bytes
//	size-20           4  crc32c of the directory
//	size-16           4  crc32c of bytes 0..8 and of the tail up to here
//	size-12           4  version again, as u32
//	size-8            8  magic "clewSEG\n"
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

import "hash/crc32"

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

// Limits of what a reader believes.
const (
	// maxColumns bounds the columns of a segment: 5,000 attribute keys of
	// several types and scopes, with room.
	maxColumns = 1 << 18
	// maxChunks bounds its chunks: every column in each of 64 blocks.
	maxChunks = 1 << 24
	// maxNameBytes bounds a column's name: an attribute key may be long.
	maxNameBytes = 1 << 20
	// maxDirectoryBytes bounds the directory, which is read whole.
	maxDirectoryBytes = 1 << 30
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli()) }
