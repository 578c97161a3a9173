// Package thriftread reads Thrift as a stream, in the binary protocol or the compact one,
// without building anything (thrift-binary-protocol.md, thrift-compact-protocol.md).
package thriftread

import (
	"encoding/binary"

	"github.com/clew-tracing/clew"
)

// Reader reads Thrift, in the binary protocol or the compact one. The first thing that is
// wrong stays, and everything after it is zero.
//
//	            binary                      compact
//	field       u8 type, i16 id             u8 (id − last id)<<4 | type; or u8 type, zigzag id
//	i16…i64     big-endian                  zigzag varint
//	double      big-endian                  little-endian
//	bool        u8                          in the type of its field; u8 in a list
//	text        i32 size, bytes             varint size, bytes
//	list        u8 type, i32 size           u8 size<<4 | type; or u8 0xf0 | type, varint size
type Reader struct {
	// Format is what errors call what is read.
	Format  string
	B       []byte
	At      int // what is read next
	Compact bool
	// Err is the first thing that is wrong, of kind Invalid.
	Err error
	// truth is the value of a field that was bool, of the compact protocol.
	truth bool
}

// maxDepth bounds structs and lists within each other that are skipped. Those of formats
// that are known are four deep.
const maxDepth = 32

// Type is a type of Thrift's, by its number in the binary protocol.
type Type uint8

// The types. A struct ends with a field of type Stop.
const (
	Stop   Type = 0
	Bool   Type = 2
	Byte   Type = 3
	Double Type = 4
	I16    Type = 6
	I32    Type = 8
	I64    Type = 10
	Text   Type = 11
	Struct Type = 12
	Map    Type = 13
	Set    Type = 14
	List   Type = 15
	UUID   Type = 16
	none   Type = 255 // no type has this number
)

// compactTypes are the types by their numbers in the compact protocol.
var compactTypes = [16]Type{
	Stop, Bool, Bool, Byte, I16, I32, I64, Double,
	Text, List, Set, Map, Struct, UUID, none, none,
}

// binaryType checks a type of the binary protocol.
func binaryType(b byte) Type {
	switch k := Type(b); k {
	case Stop, Bool, Byte, Double, I16, I32, I64, Text, Struct, Map, Set, List, UUID:
		return k
	}
	return none
}

// Fail keeps what is wrong, at the byte where the reader is.
func (r *Reader) Fail(format string, args ...any) {
	if r.Err == nil {
		r.Err = clew.Errorf(clew.Invalid, "%s, byte %d: "+format, append([]any{r.Format, r.At}, args...)...)
		r.At = len(r.B)
	}
}

// Take returns the next n bytes, nil if there are fewer.
func (r *Reader) Take(n int) []byte {
	if n < 0 || n > len(r.B)-r.At {
		r.Fail("%d bytes are to follow, and %d are left", n, len(r.B)-r.At)
		return nil
	}
	b := r.B[r.At : r.At+n : r.At+n]
	r.At += n
	return b
}

// Byte reads a byte.
func (r *Reader) Byte() byte {
	if r.At >= len(r.B) {
		r.Fail("it ends within a value")
		return 0
	}
	r.At++
	return r.B[r.At-1]
}

// Uvarint reads an integer of the compact protocol.
func (r *Reader) Uvarint() uint64 {
	if r.At < len(r.B) && r.B[r.At] < 0x80 {
		r.At++
		return uint64(r.B[r.At-1])
	}
	v, n := binary.Uvarint(r.B[r.At:])
	if n <= 0 {
		r.Fail("an integer does not end")
		return 0
	}
	r.At += n
	return v
}

func (r *Reader) zigzag() int64 {
	v := r.Uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// Integer reads an integer of so many bytes.
func (r *Reader) Integer(size int) int64 {
	if r.Compact {
		return r.zigzag()
	}
	b := r.Take(size)
	switch len(b) {
	case 8:
		return int64(binary.BigEndian.Uint64(b))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	}
	return 0
}

// I64 reads a field of that type.
func (r *Reader) I64() int64 { return r.Integer(8) }

// I32 reads a field of that type.
func (r *Reader) I32() int32 { return int32(r.Integer(4)) }

// Double reads a double.
func (r *Reader) Double() uint64 {
	b := r.Take(8)
	switch {
	case b == nil:
		return 0
	case r.Compact:
		return binary.LittleEndian.Uint64(b)
	}
	return binary.BigEndian.Uint64(b)
}

// Bool reads the value of a field that is bool.
func (r *Reader) Bool() bool {
	if r.Compact {
		return r.truth
	}
	return r.Byte() != 0
}

// Text reads a string, or bytes.
func (r *Reader) Text() []byte { return r.Take(r.size()) }

// size reads how many bytes or elements follow; there cannot be more than bytes are left.
func (r *Reader) size() int {
	var n uint64
	if r.Compact {
		n = r.Uvarint()
	} else if b := r.Take(4); b != nil {
		n = uint64(binary.BigEndian.Uint32(b)) // a negative size is one that is too large
	}
	if n > uint64(len(r.B)-r.At) {
		r.Fail("%d bytes or elements are to follow, and %d bytes are left", n, len(r.B)-r.At)
		return 0
	}
	return int(n)
}

// Field reads the head of a field; Stop is the end of its struct. last is the id of the
// Field before.
func (r *Reader) Field(last int16) (id int16, k Type) {
	head := r.Byte()
	if !r.Compact {
		if k = binaryType(head); k == Stop {
			return 0, Stop
		}
		id = int16(r.Integer(2))
	} else {
		if k = compactTypes[head&0xf]; k == Stop {
			return 0, Stop
		}
		r.truth = head&0xf == 1
		if delta := head >> 4; delta != 0 {
			id = last + int16(delta)
		} else {
			id = int16(r.zigzag())
		}
	}
	if r.Err != nil {
		return 0, Stop
	}
	if k == none {
		r.Fail("a field %d has a type that Thrift has not", id)
		return 0, Stop
	}
	return id, k
}

// List reads the head of a list or set.
func (r *Reader) List() (n int, k Type) {
	head := r.Byte()
	if r.Compact {
		k = compactTypes[head&0xf]
		if n = int(head >> 4); n == 0xf {
			n = r.size()
		}
	} else {
		k, n = binaryType(head), r.size()
	}
	if k == none || n > 0 && k == Stop {
		r.Fail("a list has elements of a type that Thrift has not")
	}
	if r.Err != nil {
		return 0, Stop
	}
	return n, k
}

// Structs reads the head of a list that is to have structs.
func (r *Reader) Structs(what string) int {
	n, k := r.List()
	if n > 0 && k != Struct {
		r.Fail("%s are no structs", what)
		return 0
	}
	return n
}

// Skip reads past the value of a field.
func (r *Reader) Skip(k Type) { r.skip(k, false, 0) }

// skip reads past a value, of a field or within a list.
func (r *Reader) skip(k Type, inList bool, depth int) {
	if depth > maxDepth {
		r.Fail("structs and lists are nested too deep")
		return
	}
	switch k {
	case Bool:
		if inList || !r.Compact {
			r.Byte()
		}
	case Byte:
		r.Byte()
	case Double:
		r.Take(8)
	case I16:
		r.Integer(2)
	case I32:
		r.Integer(4)
	case I64:
		r.Integer(8)
	case Text:
		r.Text()
	case UUID:
		r.Take(16)
	case Struct:
		for id, k := r.Field(0); k != Stop && r.Err == nil; id, k = r.Field(id) {
			r.skip(k, false, depth+1)
		}
	case List, Set:
		n, k := r.List()
		for i := 0; i < n && r.Err == nil; i++ {
			r.skip(k, true, depth+1)
		}
	case Map:
		r.skipMap(depth)
	}
}

func (r *Reader) skipMap(depth int) {
	n := 0
	var key, value Type
	if r.Compact {
		if n = r.size(); n > 0 {
			head := r.Byte()
			key, value = compactTypes[head>>4], compactTypes[head&0xf]
		}
	} else {
		key, value = binaryType(r.Byte()), binaryType(r.Byte())
		n = r.size()
	}
	if n > 0 && (key == none || value == none || key == Stop || value == Stop) {
		r.Fail("a map has a type that Thrift has not")
	}
	for i := 0; i < n && r.Err == nil; i++ {
		r.skip(key, true, depth+1)
		r.skip(value, true, depth+1)
	}
}
