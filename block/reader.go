package block

import (
	"encoding/binary"
	"io"
	"math"
	"sort"
	"unsafe"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
)

// A Reader reads one segment. It holds the directory in memory and is safe for
// concurrent use.
type Reader struct {
	src   io.ReaderAt
	file  string // for errors
	size  int64
	sum   uint32 // of the directory
	meta  []byte
	names []string
	index map[string]int
	chunk []entry
	first []uint32 // by column: its first chunk; one more at the end
}

type entry struct {
	off, min, max uint64
	size, crc     uint32
	block         int32
}

// Open reads the directory of a segment of size bytes; file names it in errors.
// An unknown version is an error of kind Unsupported that names it.
func Open(src io.ReaderAt, size int64, file string) (*Reader, error) {
	r := &Reader{src: src, file: file, size: size}
	if size < headSize+tailSize {
		return nil, clew.Corruptf(file, 0, "segment of %d bytes is shorter than its frame of %d", size, headSize+tailSize)
	}
	var head [headSize]byte
	var tail [tailSize]byte
	if err := r.readAt(head[:], 0); err != nil {
		return nil, err
	}
	if string(head[:7]) != headMagic {
		return nil, clew.Corruptf(file, 0, "not a segment: magic is %q, want %q", head[:7], headMagic)
	}
	at := size - tailSize
	if err := r.readAt(tail[:], at); err != nil {
		return nil, err
	}
	// Another version stands in both places; in one alone it is damage.
	if head[7] != Version && binary.LittleEndian.Uint32(tail[20:]) == uint32(head[7]) {
		return nil, clew.Errorf(clew.Unsupported, "%s: segment format version %d is not known to this clew, which reads version %d", file, head[7], Version)
	}
	if string(tail[24:]) != tailMagic {
		return nil, clew.Corruptf(file, at+24, "segment has no end mark: cut off or overwritten")
	}
	if got := binary.LittleEndian.Uint32(tail[16:]); got != tailChecksum(head[:], tail[:]) ||
		head[7] != Version || binary.LittleEndian.Uint32(tail[20:]) != Version {
		return nil, clew.Corruptf(file, at, "segment frame fails its checksum")
	}
	off, n := binary.LittleEndian.Uint64(tail[:]), int64(binary.LittleEndian.Uint32(tail[8:]))
	if n > min(at-headSize, maxDirectoryBytes) || off != uint64(at-n) {
		return nil, clew.Corruptf(file, at, "directory at %d, %d bytes, does not fit a file of %d", off, n, size)
	}
	dir := make([]byte, n)
	if err := r.readAt(dir, int64(off)); err != nil {
		return nil, err
	}
	if r.sum = checksum(dir); r.sum != binary.LittleEndian.Uint32(tail[12:]) {
		return nil, clew.Corruptf(file, int64(off), "directory fails its checksum")
	}
	if err := r.parse(dir, off); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Reader) readAt(b []byte, off int64) error {
	n, err := r.src.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		return clew.Corruptf(r.file, off, "file ends %d bytes into a read of %d", n, len(b))
	}
	return &clew.Error{Kind: clew.Corrupt, File: r.file, Offset: off, Err: err}
}

// parse reads the directory, whose checksum is right; it still trusts nothing.
func (r *Reader) parse(dir []byte, off uint64) error {
	bad := func(what string) error {
		return clew.Corruptf(r.file, int64(off), "directory: %s", what)
	}
	meta, rest, ok := cutBytes(dir)
	if !ok {
		return bad("meta is cut off")
	}
	r.meta = meta
	n, rest, ok := cutUvarint(rest)
	if !ok || n > maxColumns {
		return bad("column count is cut off or too large")
	}
	r.index = make(map[string]int, min(n, uint64(len(rest))))
	for range n {
		var name []byte
		if name, rest, ok = cutBytes(rest); !ok {
			return bad("column name is cut off")
		}
		if _, twice := r.index[string(name)]; twice {
			return bad("column name occurs twice")
		}
		r.index[string(name)] = len(r.names)
		r.names = append(r.names, string(name))
	}
	var fields [6][]uint64
	limit := int(min(r.size+emptyChunks, maxChunks))
	for i := range fields {
		var err error
		if fields[i], rest, err = column.DecodeInts[uint64](nil, rest, limit); err != nil {
			return bad(err.Error())
		}
		if len(fields[i]) != len(fields[0]) {
			return bad("fields differ in length")
		}
	}
	if len(rest) != 0 {
		return bad("bytes left over")
	}
	return r.layout(fields, off)
}

// layout turns the stored fields into entries and finds each column's chunks.
func (r *Reader) layout(f [6][]uint64, end uint64) error {
	off := uint64(headSize)
	r.chunk = make([]entry, len(f[0]))
	r.first = make([]uint32, len(r.names)+1)
	col := uint64(0)
	for i := range r.chunk {
		c, size := f[0][i], f[2][i]
		if c >= uint64(len(r.names)) || c < col || size > min(end-off, math.MaxUint32) || f[3][i] > math.MaxUint32 ||
			f[1][i] > math.MaxInt32 || f[5][i] > math.MaxUint64-f[4][i] || i > 0 && c == f[0][i-1] && f[1][i] <= f[1][i-1] {
			return clew.Corruptf(r.file, int64(end), "directory: chunk %d is out of place", i)
		}
		for ; col < c; col++ {
			r.first[col+1] = uint32(i)
		}
		r.chunk[i] = entry{off: off, size: uint32(size), crc: uint32(f[3][i]), block: int32(f[1][i]) - 1, min: f[4][i], max: f[4][i] + f[5][i]}
		off += size
	}
	for ; col < uint64(len(r.names)); col++ {
		r.first[col+1] = uint32(len(r.chunk))
	}
	if off != end {
		return clew.Corruptf(r.file, int64(end), "directory: chunks end at %d, not at %d", off, end)
	}
	return nil
}

// Meta returns the caller's own bytes, as given to Finish. They are r's.
func (r *Reader) Meta() []byte { return r.meta }

// File returns the name given to Open, Size the file's length.
func (r *Reader) File() string { return r.file }

// Size returns the file's length in bytes.
func (r *Reader) Size() int64 { return r.size }

// Columns returns the names of all columns, by number. They are r's.
func (r *Reader) Columns() []string { return r.names }

// Column returns the number of a column, or false.
func (r *Reader) Column(name string) (int, bool) {
	i, ok := r.index[name]
	return i, ok
}

// Chunks returns how many chunks the segment has, and Number which of them is that
// of a column and block, or false.
func (r *Reader) Chunks() int { return len(r.chunk) }

// Number returns the number of a chunk: see Chunks.
func (r *Reader) Number(col, block int) (int, bool) {
	lo, hi := int(r.first[col]), int(r.first[col+1])
	i := lo + block // most columns have a chunk in every block
	if lo < hi && r.chunk[lo].block == WholeSegment {
		i++
	}
	if i < lo || i >= hi || int(r.chunk[i].block) != block {
		i = lo + sort.Search(hi-lo, func(i int) bool { return int(r.chunk[lo+i].block) >= block })
	}
	return i, i < hi && int(r.chunk[i].block) == block
}

func (r *Reader) find(col, block int) *entry {
	if i, ok := r.Number(col, block); ok {
		return &r.chunk[i]
	}
	return nil
}

// Bounds returns the least and greatest value of a chunk; false if there is no
// such chunk.
func (r *Reader) Bounds(col, block int) (min, max uint64, ok bool) {
	e := r.find(col, block)
	if e == nil {
		return 0, 0, false
	}
	return e.min, e.max, true
}

// Chunk reads a chunk's payload into dst, which it grows as needed, and verifies
// it. It returns nil and no error if there is no such chunk.
func (r *Reader) Chunk(dst []byte, col, block int) ([]byte, error) {
	e := r.find(col, block)
	if e == nil {
		return nil, nil
	}
	return r.read(dst, e)
}

// Offset returns where a chunk lies, for errors about what is in it.
func (r *Reader) Offset(col, block int) int64 {
	if e := r.find(col, block); e != nil {
		return int64(e.off)
	}
	return 0
}

// Sum returns the checksum of the directory, which has those of all chunks: two
// files of one sum have the same content.
func (r *Reader) Sum() uint32 { return r.sum }

// Sizes calls f for every chunk of the segment, in the order in which they lie.
func (r *Reader) Sizes(f func(col, block, size int)) {
	for col := range r.names {
		for _, e := range r.chunk[r.first[col]:r.first[col+1]] {
			f(col, int(e.block), int(e.size))
		}
	}
}

// SizeBytes is about the memory that the directory takes.
func (r *Reader) SizeBytes() int64 {
	n := int64(len(r.meta)) + int64(len(r.chunk))*int64(unsafe.Sizeof(entry{}))
	for _, name := range r.names {
		n += nameBytes + int64(len(name))
	}
	return n
}

func (r *Reader) read(dst []byte, e *entry) ([]byte, error) {
	if dst == nil || cap(dst) < int(e.size) { // an empty chunk is not nil
		dst = make([]byte, e.size)
	}
	dst = dst[:e.size]
	if err := r.readAt(dst, int64(e.off)); err != nil {
		return nil, err
	}
	if checksum(dst) != e.crc {
		return nil, clew.Corruptf(r.file, int64(e.off), "chunk of %d bytes fails its checksum", e.size)
	}
	return dst, nil
}

// Verify reads every chunk and returns all damage found. Together with Open it
// looks at every byte of the file.
func (r *Reader) Verify() (damage []error) {
	var buf []byte
	for i := range r.chunk {
		b, err := r.read(buf, &r.chunk[i])
		if err != nil {
			damage = append(damage, err)
			continue
		}
		buf = b
	}
	return damage
}

func cutUvarint(b []byte) (uint64, []byte, bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

func cutBytes(b []byte) (field, rest []byte, ok bool) {
	n, b, ok := cutUvarint(b)
	if !ok || n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
