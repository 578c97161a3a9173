package gunzip

import (
	"encoding/binary"
	"io"
)

// input is packed bytes and the bits that were taken from them but not used. Between
// blocks it is kept here, within one in local variables.
type input struct {
	src  []byte
	off  int    // the next byte to take
	bits uint64 // the next bits, the first of them lowest
	n    uint   // how many bits there are: those above are those of src[off:], or 0
}

// fill makes n at least 56, of zeros behind the end of src. Of bits past the end at
// most those of a symbol are handed out before it is noticed: see overrun.
func (in *input) fill() {
	if in.off+8 <= len(in.src) {
		in.bits |= binary.LittleEndian.Uint64(in.src[in.off:]) << (in.n & 63)
		in.off += int((63 - in.n) >> 3)
		in.n |= 56
		return
	}
	for in.n < 56 {
		if in.off < len(in.src) {
			in.bits |= uint64(in.src[in.off]) << in.n
		}
		in.off++
		in.n += 8
	}
}

// overrun reports whether bits were used that src does not have.
func (in *input) overrun() bool { return in.off-int(in.n>>3) > len(in.src) }

// get returns the next k bits, no more than 32.
func (in *input) get(k uint) (uint32, error) {
	if in.n < k {
		in.fill()
	}
	v := uint32(in.bits & (1<<k - 1))
	in.bits >>= k
	in.n -= k
	if in.overrun() {
		return 0, io.ErrUnexpectedEOF
	}
	return v, nil
}

// align drops what is left of a byte that was begun, and gives back whole ones.
func (in *input) align() {
	in.off -= int(in.n >> 3)
	in.bits, in.n = 0, 0
}

// take returns the next k bytes; there are no bits left over.
func (in *input) take(k int) ([]byte, error) {
	if k > len(in.src)-in.off {
		return nil, io.ErrUnexpectedEOF
	}
	b := in.src[in.off : in.off+k]
	in.off += k
	return b, nil
}
