// Package gunzip unpacks gzip files that are in memory as a whole (RFC 1952, RFC
// 1951), into memory.
//
// A decoder that reads from a stream and writes to one keeps a window beside its
// output, counts bits byte by byte, and can be stopped at any symbol. Here all of
// the input is there, and what came out is the window: bits are taken from a word
// of 64, of which a symbol needs at most 48, so that one look at the input serves a
// match with all of its extra bits, or several literals; matches are copied in words.
// BenchmarkGunzip holds it beside two decoders of streams.
//
//	file     one member or more, nothing behind
//	member   header, blocks up to one that is marked as the last, crc32 and size of
//	         what came out (u32 each, little-endian)
//	block    u1 last, u2 kind: 0 stored, 1 packed by the codes that the format fixes,
//	         2 packed by codes of its own, which come first
//
// Bits fill a byte from the lowest up, and codes are read from their first bit, which
// is why tables are indexed by reversed codes (see table).
package gunzip

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
)

// Errors besides io.ErrUnexpectedEOF, which a file has that ends too early.
var (
	ErrHeader   = errors.New("gzip: invalid header")
	ErrCorrupt  = errors.New("gzip: invalid codes")
	ErrChecksum = errors.New("gzip: checksum or size does not fit")
	ErrTooLarge = errors.New("gzip: larger than the limit")
)

// A Decoder has the tables of a decoder, for one file after the other. The zero
// value is ready to use, by one goroutine at a time.
type Decoder struct {
	lengths  [maxLiterals + maxDistances]uint8
	sizes    table // of code lengths' codes
	literals table // of literals and lengths
	distant  table // of distances
	fixed    bool  // the tables are those of the fixed codes
}

// Gunzip appends what src unpacks to and returns it, at most limit bytes. Memory for
// expected bytes is made at once, more as it is needed. With an error comes what was
// unpacked before it.
func (d *Decoder) Gunzip(dst, src []byte, expected, limit int) ([]byte, error) {
	in := input{src: src}
	start := len(dst)
	o := output{b: slices.Grow(dst, min(expected, limit)+slack), start: start, end: start, most: start + limit}
	o.b = o.b[:cap(o.b)]
	for {
		if err := in.header(); err != nil {
			return o.b[:o.end], err
		}
		o.start = o.end
		if err := d.inflate(&in, &o); err != nil {
			return o.b[:min(o.end, o.most)], err
		}
		trailer, err := in.take(8)
		if err != nil {
			return o.b[:o.end], err
		}
		out := o.b[o.start:o.end]
		if binary.LittleEndian.Uint32(trailer) != crc32.ChecksumIEEE(out) || binary.LittleEndian.Uint32(trailer[4:]) != uint32(len(out)) {
			return o.b[:o.end], ErrChecksum
		}
		if in.off == len(src) {
			return o.b[:o.end], nil
		}
	}
}

// output is where bytes go. There is always room for slack bytes behind end, so
// that a symbol can be written without looking.
type output struct {
	b     []byte // as long as its capacity
	start int    // where the member begins: no match reaches behind it
	end   int
	most  int // end may not be more
}

// slack is what one round of inflating may write: two literals and the longest match,
// which is copied in words, the last of which may reach over its end.
const slack = 2 + maxMatch + 8

// grow makes room behind end, or says that the limit is reached.
func (o *output) grow() error {
	if o.end > o.most {
		return ErrTooLarge
	}
	if o.end+slack <= len(o.b) {
		return nil
	}
	more := max(slack, min(o.end, o.most+slack-o.end))
	o.b = slices.Grow(o.b[:o.end], more)
	o.b = o.b[:cap(o.b)]
	return nil
}

// write appends bytes.
func (o *output) write(p []byte) error {
	if len(p) > o.most-o.end {
		return ErrTooLarge
	}
	o.b = slices.Grow(o.b[:o.end], len(p)+slack)
	o.b = o.b[:cap(o.b)]
	o.end += copy(o.b[o.end:], p)
	return nil
}

// Flags of a header.
const (
	hasChecksum = 1 << 1
	hasExtra    = 1 << 2
	hasName     = 1 << 3
	hasComment  = 1 << 4
)

// header skips the header of a member.
func (in *input) header() error {
	begin := in.off
	h, err := in.take(10)
	if err != nil {
		return err
	}
	if h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 {
		return ErrHeader
	}
	flags := h[3]
	if flags&hasExtra != 0 {
		size, err := in.take(2)
		if err != nil {
			return err
		}
		if _, err := in.take(int(binary.LittleEndian.Uint16(size))); err != nil {
			return err
		}
	}
	for _, f := range [...]byte{hasName, hasComment} {
		if flags&f == 0 {
			continue
		}
		i := slices.Index(in.src[in.off:], 0)
		if i < 0 {
			return io.ErrUnexpectedEOF
		}
		in.off += i + 1
	}
	if flags&hasChecksum == 0 {
		return nil
	}
	sum := uint16(crc32.ChecksumIEEE(in.src[begin:in.off]))
	h, err = in.take(2)
	if err == nil && binary.LittleEndian.Uint16(h) != sum {
		err = ErrHeader
	}
	return err
}
