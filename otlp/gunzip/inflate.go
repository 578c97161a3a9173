package gunzip

import (
	"encoding/binary"
	"io"
)

// inflate unpacks the blocks of a member.
func (d *Decoder) inflate(in *input, o *output) error {
	for last := uint32(0); last == 0; {
		head, err := in.get(3)
		if err != nil {
			return err
		}
		last = head & 1
		switch head >> 1 {
		case 0:
			err = stored(in, o)
		case 1:
			d.makeFixed()
			err = d.block(in, o)
		case 2:
			if err = d.readCodes(in); err == nil {
				err = d.block(in, o)
			}
		default:
			err = ErrCorrupt
		}
		if err == ErrCorrupt && in.overrun() {
			err = io.ErrUnexpectedEOF // what was read as codes is not there
		}
		if err != nil {
			return err
		}
	}
	in.align()
	return nil
}

// stored copies a block that is not packed.
func stored(in *input, o *output) error {
	in.align()
	h, err := in.take(4)
	if err != nil {
		return err
	}
	size := binary.LittleEndian.Uint16(h)
	if binary.LittleEndian.Uint16(h[2:]) != ^size {
		return ErrCorrupt
	}
	b, err := in.take(int(size))
	if err != nil {
		return err
	}
	return o.write(b)
}

// block unpacks what follows by d's codes, to the end of the block.
//
// Two literals are taken between two looks at the input if they come in a row: their
// codes are of at most 11 bits, which leaves 34 of 56. All else is read after a look.
func (d *Decoder) block(in *input, o *output) error {
	literals, distant := &d.literals, &d.distant
	src, off, bits, n := in.src, in.off, in.bits, in.n
	out, end := o.b, o.end
	for {
		if off+8 <= len(src) {
			bits |= binary.LittleEndian.Uint64(src[off:]) << (n & 63)
			off += int((63 - n) >> 3)
			n |= 56
		} else {
			in.off, in.bits, in.n = off, bits, n
			in.fill()
			off, bits, n = in.off, in.bits, in.n
			if in.overrun() {
				return io.ErrUnexpectedEOF
			}
		}
		if end+slack > len(out) || end > o.most {
			o.end = end
			if err := o.grow(); err != nil {
				return err
			}
			out = o.b
		}
		e := literals[bits&(1<<literalBits-1)]
		if e&literalFlag != 0 {
			out[end] = byte(e >> 16)
			end++
			bits, n = bits>>(e&63), n-uint(e&63)
			e = literals[bits&(1<<literalBits-1)]
			if e&literalFlag != 0 {
				out[end] = byte(e >> 16)
				end++
				bits, n = bits>>(e&63), n-uint(e&63)
				continue
			}
			if off+8 > len(src) {
				continue
			}
			bits |= binary.LittleEndian.Uint64(src[off:]) << (n & 63)
			off += int((63 - n) >> 3)
			n |= 56
		}
		if e&(linkFlag|endFlag) != 0 {
			e = literals.linked(e, bits)
			if e&literalFlag != 0 {
				out[end] = byte(e >> 16)
				end++
				bits, n = bits>>(e&63), n-uint(e&63)
				continue
			}
			if e&endFlag != 0 {
				in.off, in.bits, in.n, o.end = off, bits>>(e&63), n-uint(e&63), end
				return ended(in, o, e)
			}
		}
		length := number(e, bits)
		bits, n = bits>>(e&63), n-uint(e&63)
		e = distant.linked(distant[bits&(1<<distanceBits-1)], bits)
		distance := number(e, bits)
		bits, n = bits>>(e&63), n-uint(e&63)
		if e&endFlag != 0 || distance > end-o.start {
			in.off, in.n, o.end = off, n, end
			return ErrCorrupt
		}
		repeat(out[end:], out[end-distance:], distance, length)
		end += length
	}
}

// number returns what an entry with extra bits stands for.
func number(e uint32, bits uint64) int {
	return int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
}

// ended says whether a block may end by e, in that place.
func ended(in *input, o *output, e uint32) error {
	switch {
	case in.overrun():
		return io.ErrUnexpectedEOF
	case e>>16 != 0:
		return ErrCorrupt
	case o.end > o.most:
		return ErrTooLarge
	}
	return nil
}

// repeat copies length bytes from src to dst, which lies distance bytes behind it in the
// same memory, and up to 15 more.
func repeat(dst, src []byte, distance, length int) {
	if distance < 8 {
		for i := range length {
			dst[i] = src[i]
		}
		return
	}
	binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src))
	binary.LittleEndian.PutUint64(dst[8:], binary.LittleEndian.Uint64(src[8:]))
	for i := 16; i < length; i += 8 {
		binary.LittleEndian.PutUint64(dst[i:], binary.LittleEndian.Uint64(src[i:]))
	}
}
