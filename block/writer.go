package block

import (
	"encoding/binary"

	"github.com/clew-tracing/clew/column"
)

// A Writer builds one segment in memory. It is used by one goroutine; Reset
// makes it ready for the next and keeps its memory.
type Writer struct {
	buf    []byte
	names  []string
	chunks directory
}

// NewWriter returns a Writer with room for sizeBytes.
func NewWriter(sizeBytes int) *Writer {
	w := &Writer{buf: make([]byte, 0, sizeBytes)}
	w.Reset()
	return w
}

// Reset forgets everything written.
func (w *Writer) Reset() {
	w.buf = append(w.buf[:0], headMagic...)
	w.buf = append(w.buf, Version)
	w.names = w.names[:0]
	w.chunks.reset()
}

// Column adds a column and returns its number. Names are opaque bytes and
// unique; the caller sees to that.
func (w *Writer) Column(name string) int {
	w.names = append(w.names, name)
	return len(w.names) - 1
}

// Buf returns the buffer to append the next chunk's payload to. The grown
// buffer is handed to Chunk, and nothing else is called in between.
func (w *Writer) Buf() []byte { return w.buf }

// Chunk ends the chunk whose payload was appended to Buf. min and max bound its
// values; they are 0 and the largest number where nothing is known. Chunks come by
// ascending column, and those of a column by ascending block. A chunk is smaller
// than 4 GiB.
func (w *Writer) Chunk(col, block int, grown []byte, min, max uint64) {
	at := len(w.buf)
	w.buf = grown
	w.chunks.add(chunk{
		column: col, block: block, off: uint64(at), size: uint64(len(grown) - at),
		crc: checksum(grown[at:]), min: min, max: max,
	})
}

// Size returns the bytes written so far.
func (w *Writer) Size() int { return len(w.buf) }

// Finish adds the directory, with meta for the caller's own use, and returns the
// file's bytes, which are w's until Reset.
func (w *Writer) Finish(meta []byte) []byte {
	at := len(w.buf)
	b := binary.AppendUvarint(w.buf, uint64(len(meta)))
	b = append(b, meta...)
	b = binary.AppendUvarint(b, uint64(len(w.names)))
	for _, n := range w.names {
		b = binary.AppendUvarint(b, uint64(len(n)))
		b = append(b, n...)
	}
	b = w.chunks.append(b)
	w.buf = appendTail(b, b[:headSize], uint64(at), b[at:])
	return w.buf
}

// directory is the table of chunks, one slice per field, as it is stored.
type directory struct {
	column, block, size, crc, min, max []uint64
}

type chunk struct {
	column, block int
	off, size     uint64
	crc           uint32
	min, max      uint64
}

func (d *directory) reset() {
	d.column, d.block, d.size = d.column[:0], d.block[:0], d.size[:0]
	d.crc, d.min, d.max = d.crc[:0], d.min[:0], d.max[:0]
}

func (d *directory) add(c chunk) {
	d.column = append(d.column, uint64(c.column))
	d.block = append(d.block, uint64(c.block+1))
	d.size = append(d.size, c.size)
	d.crc = append(d.crc, uint64(c.crc))
	d.min = append(d.min, c.min)
	d.max = append(d.max, c.max-c.min)
}

// append writes the fields one after the other as integer chunks (package
// column). Offsets are not stored: chunks lie back to back from headSize. max is
// stored as the distance from min.
func (d *directory) append(b []byte) []byte {
	for _, f := range [][]uint64{d.column, d.block, d.size, d.crc, d.min, d.max} {
		b = column.AppendInts(b, f, column.IntOptions{Delta: true, Zstd: true})
	}
	return b
}
