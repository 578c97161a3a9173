package jaeger

import (
	"encoding/binary"

	"github.com/clew-tracing/clew"
)

// reader reads Thrift, in the binary protocol or the compact one. The first thing that is
// wrong stays, and everything after it is zero.
//
//	            binary                      compact
//	field       u8 type, i16 id             u8 (id − last id)<<4 | type; or u8 type, zigzag id
//	i16…i64     big-endian                  zigzag varint
//	double      big-endian                  little-endian
//	bool        u8                          in the type of its field; u8 in a list
//	text        i32 size, bytes             varint size, bytes
//	list        u8 type, i32 size           u8 size<<4 | type; or u8 0xf0 | type, varint size
type reader struct {
	b       []byte
	at      int
	compact bool
	// truth is the value of a field that was bool, of the compact protocol.
	truth bool
	err   error
}

// kind is a type of Thrift's, by its number in the binary protocol.
type kind uint8

const (
	kindStop   kind = 0
	kindBool   kind = 2
	kindByte   kind = 3
	kindDouble kind = 4
	kindI16    kind = 6
	kindI32    kind = 8
	kindI64    kind = 10
	kindText   kind = 11
	kindStruct kind = 12
	kindMap    kind = 13
	kindSet    kind = 14
	kindList   kind = 15
	kindUUID   kind = 16
	kindNone   kind = 255 // no type has this number
)

// compactKinds are the types by their numbers in the compact protocol.
var compactKinds = [16]kind{
	kindStop, kindBool, kindBool, kindByte, kindI16, kindI32, kindI64, kindDouble,
	kindText, kindList, kindSet, kindMap, kindStruct, kindUUID, kindNone, kindNone,
}

// binaryKind checks a type of the binary protocol.
func binaryKind(b byte) kind {
	switch k := kind(b); k {
	case kindStop, kindBool, kindByte, kindDouble, kindI16, kindI32, kindI64, kindText, kindStruct, kindMap, kindSet, kindList, kindUUID:
		return k
	}
	return kindNone
}

// fail keeps what is wrong, at the byte where the reader is.
func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = clew.Errorf(clew.Invalid, "jaeger thrift, byte %d: "+format, append([]any{r.at}, args...)...)
		r.at = len(r.b)
	}
}

// take returns the next n bytes, nil if there are fewer.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b)-r.at {
		r.fail("%d bytes are to follow, and %d are left", n, len(r.b)-r.at)
		return nil
	}
	b := r.b[r.at : r.at+n : r.at+n]
	r.at += n
	return b
}

func (r *reader) u8() byte {
	if r.at >= len(r.b) {
		r.fail("it ends within a value")
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

func (r *reader) uvarint() uint64 {
	if r.at < len(r.b) && r.b[r.at] < 0x80 {
		r.at++
		return uint64(r.b[r.at-1])
	}
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 {
		r.fail("an integer does not end")
		return 0
	}
	r.at += n
	return v
}

func (r *reader) zigzag() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// integer reads an integer of so many bytes.
func (r *reader) integer(size int) int64 {
	if r.compact {
		return r.zigzag()
	}
	b := r.take(size)
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

func (r *reader) i64() int64 { return r.integer(8) }
func (r *reader) i32() int32 { return int32(r.integer(4)) }

// bits reads a double.
func (r *reader) bits() uint64 {
	b := r.take(8)
	switch {
	case b == nil:
		return 0
	case r.compact:
		return binary.LittleEndian.Uint64(b)
	}
	return binary.BigEndian.Uint64(b)
}

// bool reads the value of a field that is bool.
func (r *reader) bool() bool {
	if r.compact {
		return r.truth
	}
	return r.u8() != 0
}

// text reads a string, or bytes.
func (r *reader) text() []byte { return r.take(r.size()) }

// size reads how many bytes or elements follow; there cannot be more than bytes are left.
func (r *reader) size() int {
	var n uint64
	if r.compact {
		n = r.uvarint()
	} else if b := r.take(4); b != nil {
		n = uint64(binary.BigEndian.Uint32(b)) // a negative size is one that is too large
	}
	if n > uint64(len(r.b)-r.at) {
		r.fail("%d bytes or elements are to follow, and %d bytes are left", n, len(r.b)-r.at)
		return 0
	}
	return int(n)
}

// field reads the head of a field; kindStop is the end of its struct. last is the id of the
// field before.
func (r *reader) field(last int16) (id int16, k kind) {
	head := r.u8()
	if !r.compact {
		if k = binaryKind(head); k == kindStop {
			return 0, kindStop
		}
		id = int16(r.integer(2))
	} else {
		if k = compactKinds[head&0xf]; k == kindStop {
			return 0, kindStop
		}
		r.truth = head&0xf == 1
		if delta := head >> 4; delta != 0 {
			id = last + int16(delta)
		} else {
			id = int16(r.zigzag())
		}
	}
	if r.err != nil {
		return 0, kindStop
	}
	if k == kindNone {
		r.fail("a field %d has a type that Thrift has not", id)
		return 0, kindStop
	}
	return id, k
}

// list reads the head of a list or set.
func (r *reader) list() (n int, k kind) {
	head := r.u8()
	if r.compact {
		k = compactKinds[head&0xf]
		if n = int(head >> 4); n == 0xf {
			n = r.size()
		}
	} else {
		k, n = binaryKind(head), r.size()
	}
	if k == kindNone || n > 0 && k == kindStop {
		r.fail("a list has elements of a type that Thrift has not")
	}
	if r.err != nil {
		return 0, kindStop
	}
	return n, k
}

// structs reads the head of a list that is to have structs.
func (r *reader) structs(what string) int {
	n, k := r.list()
	if n > 0 && k != kindStruct {
		r.fail("%s are no structs", what)
		return 0
	}
	return n
}

// skip reads past a value, of a field or within a list.
func (r *reader) skip(k kind, inList bool, depth int) {
	if depth > maxSkipDepth {
		r.fail("structs and lists are nested too deep")
		return
	}
	switch k {
	case kindBool:
		if inList || !r.compact {
			r.u8()
		}
	case kindByte:
		r.u8()
	case kindDouble:
		r.take(8)
	case kindI16:
		r.integer(2)
	case kindI32:
		r.integer(4)
	case kindI64:
		r.integer(8)
	case kindText:
		r.text()
	case kindUUID:
		r.take(16)
	case kindStruct:
		for id, k := r.field(0); k != kindStop && r.err == nil; id, k = r.field(id) {
			r.skip(k, false, depth+1)
		}
	case kindList, kindSet:
		n, k := r.list()
		for i := 0; i < n && r.err == nil; i++ {
			r.skip(k, true, depth+1)
		}
	case kindMap:
		r.skipMap(depth)
	}
}

func (r *reader) skipMap(depth int) {
	n := 0
	var key, value kind
	if r.compact {
		if n = r.size(); n > 0 {
			head := r.u8()
			key, value = compactKinds[head>>4], compactKinds[head&0xf]
		}
	} else {
		key, value = binaryKind(r.u8()), binaryKind(r.u8())
		n = r.size()
	}
	if n > 0 && (key == kindNone || value == kindNone || key == kindStop || value == kindStop) {
		r.fail("a map has a type that Thrift has not")
	}
	for i := 0; i < n && r.err == nil; i++ {
		r.skip(key, true, depth+1)
		r.skip(value, true, depth+1)
	}
}
