package column

import "encoding/binary"

// AppendFixed64 appends values that nothing makes smaller, such as random ids:
// their number and 8 bytes each, little-endian.
func AppendFixed64[T ~uint64](dst []byte, vals []T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(vals)))
	for _, v := range vals {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	return dst
}

// Fixed64 is a parsed chunk of AppendFixed64: a view with random access.
type Fixed64 struct{ data []byte }

// ParseFixed64 reads the chunk at the start of src, of at most maxValues values,
// and returns the bytes behind it.
func ParseFixed64(src []byte, maxValues int) (x Fixed64, rest []byte, err error) {
	data, rest, err := parseFixed(src, maxValues, 8)
	return Fixed64{data}, rest, err
}

func parseFixed(src []byte, maxValues, size int) (data, rest []byte, err error) {
	p := parser{src: src}
	n := p.count("number of values", min(maxValues, MaxValues))
	data = p.take("values", n*size)
	if p.err != nil {
		return nil, src, p.err
	}
	return data, p.src, nil
}

// Len returns the number of values.
func (x Fixed64) Len() int { return len(x.data) / 8 }

// At returns value i.
func (x Fixed64) At(i int) uint64 { return binary.LittleEndian.Uint64(x.data[8*i:]) }

// Decode appends all values to dst.
func (x Fixed64) Decode(dst []uint64) []uint64 {
	old := len(dst)
	dst = grow(dst, x.Len())
	out := dst[old:]
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(x.data[8*i:])
	}
	return dst
}

// AppendFixed16 appends ids of 16 bytes: their number and the bytes.
func AppendFixed16[T ~[16]byte](dst []byte, ids []T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ids)))
	for _, id := range ids {
		b := [16]byte(id)
		dst = append(dst, b[:]...)
	}
	return dst
}

// Fixed16 is a parsed chunk of AppendFixed16: a view with random access.
type Fixed16 struct{ data []byte }

// ParseFixed16 reads the chunk at the start of src, of at most maxValues ids,
// and returns the bytes behind it.
func ParseFixed16(src []byte, maxValues int) (x Fixed16, rest []byte, err error) {
	data, rest, err := parseFixed(src, maxValues, 16)
	return Fixed16{data}, rest, err
}

// Len returns the number of ids.
func (x Fixed16) Len() int { return len(x.data) / 16 }

// At returns id i.
func (x Fixed16) At(i int) [16]byte { return [16]byte(x.data[16*i:]) }
