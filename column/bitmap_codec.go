package column

import (
	"encoding/binary"
	"math/bits"

	"github.com/clew-tracing/clew/column/bitmap"
)

// Bitmap is a set of small integers, usually rows: see package bitmap.
type Bitmap = bitmap.Bitmap

// NewBitmap returns an empty set for n bits.
func NewBitmap(n int) Bitmap { return bitmap.New(n) }

func words(n int) int { return (n + 63) >> 6 }

// bitmapKind is the way a bitmap is encoded: the first byte of its chunk.
type bitmapKind uint8

const (
	bitmapNone    bitmapKind = iota // no member
	bitmapAll                       // every bit
	bitmapBits                      // the bits
	bitmapMembers                   // the members, as integers
	bitmapRuns                      // lengths of runs, zeros first, as integers
	bitmapKinds
)

// AppendBitmap appends the first n bits of b as one chunk, in the smallest of
// five encodings. The chunk knows n and its own length. Bits of b from n on
// must be zero.
func AppendBitmap(dst []byte, b Bitmap, n int) []byte {
	count, runs := bitmapShape(b, n)
	switch {
	case count == 0:
		return appendBitmapHeader(dst, bitmapNone, n)
	case count == n:
		return appendBitmapHeader(dst, bitmapAll, n)
	}
	s := getScratch()
	defer s.put()
	size := (n + 7) / 8
	kind, best := bitmapBits, s.frame[:0]
	// A list takes at least a bit an entry; longer ones are not worth a try.
	if count < size*8/2 {
		s.vals = s.vals[:0]
		for i := range b.Ones() {
			s.vals = append(s.vals, uint64(i))
		}
		list := AppendInts(s.frame[:0], s.vals, IntOptions{Delta: true})
		s.frame = list
		if len(list) < size {
			kind, best, size = bitmapMembers, list, len(list)
		}
	}
	if runs < n/2 {
		s.vals = appendBitmapRuns(b, s.vals[:0], n)
		list := AppendInts(s.planes[:0], s.vals, IntOptions{})
		s.planes = list
		if len(list) < size {
			kind, best = bitmapRuns, list
		}
	}
	dst = appendBitmapHeader(dst, kind, n)
	if kind != bitmapBits {
		return append(dst, best...)
	}
	for i := 0; i < n; i += 64 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], b[i>>6])
		dst = append(dst, word[:min(8, (n-i+7)/8)]...)
	}
	return dst
}

func appendBitmapHeader(dst []byte, kind bitmapKind, n int) []byte {
	return binary.AppendUvarint(append(dst, byte(kind)), uint64(n))
}

// bitmapShape counts the members among n bits, and the runs of equal bits, with an
// empty one in front if bit 0 is set.
func bitmapShape(b Bitmap, n int) (count, runs int) {
	var last uint64 // the bit before
	for _, w := range b[:words(n)] {
		count += bits.OnesCount64(w)
		runs += bits.OnesCount64(w ^ (w<<1 | last))
		last = w >> 63
	}
	// Every change of value starts a run, but one to the zeros behind bit n.
	if n&63 != 0 && b.Get(n-1) {
		runs--
	}
	return count, runs + 1
}

// appendBitmapRuns appends the lengths of the runs, of zeros and ones in turn.
func appendBitmapRuns(b Bitmap, dst []uint64, n int) []uint64 {
	var flip uint64 // all ones while in a run of ones
	start, at := 0, 0
	for at < n {
		w := (b[at>>6] ^ flip) >> (at & 63)
		if w == 0 {
			at = (at | 63) + 1
			continue
		}
		at += bits.TrailingZeros64(w)
		if at >= n {
			break
		}
		dst = append(dst, uint64(at-start))
		start, flip = at, ^flip
	}
	return append(dst, uint64(n-start))
}

// DecodeBitmap reads the chunk at the start of src into the memory of dst, if
// that is enough, and returns the set, its length in bits, which is at most
// maxBits, and the bytes behind the chunk.
func DecodeBitmap(dst Bitmap, src []byte, maxBits int) (b Bitmap, n int, rest []byte, err error) {
	p := parser{src: src}
	kind := bitmapKind(p.byte("kind"))
	if kind >= bitmapKinds {
		p.fail("kind of bitmap %d", kind)
	}
	n = p.count("number of bits", min(maxBits, MaxValues))
	var raw []byte
	if kind == bitmapBits {
		raw = p.take("bits", (n+7)/8)
	}
	if p.err != nil {
		return dst, 0, src, p.err
	}
	rest = p.src
	var list Ints
	if kind == bitmapMembers || kind == bitmapRuns {
		// Runs may be one more than bits: the first may be empty.
		if list, rest, err = ParseInts(p.src, n+1); err != nil {
			return dst, 0, src, err
		}
	}
	b = dst.Reset(n)
	switch kind {
	case bitmapAll:
		b.Fill(n)
	case bitmapBits:
		err = setBitmapBytes(b, raw, n)
	case bitmapMembers:
		err = setBitmapMembers(b, &list, n)
	case bitmapRuns:
		err = setBitmapRuns(b, &list, n)
	}
	if err != nil {
		return b, 0, src, err
	}
	return b, n, rest, nil
}

func setBitmapBytes(b Bitmap, raw []byte, n int) error {
	for i := range b {
		var word [8]byte
		raw = raw[copy(word[:], raw):]
		b[i] = binary.LittleEndian.Uint64(word[:])
	}
	if n&63 != 0 && b[len(b)-1]>>(n&63) != 0 {
		return damaged("bits beyond %d are set", n)
	}
	return nil
}

func setBitmapMembers(b Bitmap, list *Ints, n int) error {
	s := getScratch()
	defer s.put()
	var err error
	if s.vals, err = list.Decode(s.vals[:0]); err != nil {
		return err
	}
	for _, i := range s.vals {
		if i >= uint64(n) {
			return damaged("member %d of a bitmap of %d bits", i, n)
		}
		b.Set(int(i))
	}
	return nil
}

func setBitmapRuns(b Bitmap, list *Ints, n int) error {
	s := getScratch()
	defer s.put()
	var err error
	if s.vals, err = list.Decode(s.vals[:0]); err != nil {
		return err
	}
	at := 0
	for i, run := range s.vals {
		if run > uint64(n-at) {
			return damaged("run %d of %d bits, %d are left", i, run, n-at)
		}
		if i&1 != 0 {
			b.SetRange(at, at+int(run))
		}
		at += int(run)
	}
	if at != n {
		return damaged("runs end after %d of %d bits", at, n)
	}
	return nil
}
