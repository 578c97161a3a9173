package zipkin

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/clew-tracing/clew"
)

// The types of Thrift's binary protocol (thrift-binary-protocol.md).
const (
	thriftStop   = 0
	thriftBool   = 2
	thriftByte   = 3
	thriftDouble = 4
	thriftI16    = 6
	thriftI32    = 8
	thriftI64    = 10
	thriftString = 11
	thriftStruct = 12
	thriftMap    = 13
	thriftSet    = 14
	thriftList   = 15
)

// maxThriftDepth bounds values within values that are skipped; Zipkin's nest to three.
const maxThriftDepth = 16

// AppendThrift appends the OTLP protobuf of a list of spans of version 1 in Thrift's
// binary protocol, as AppendJSON does of JSON.
func AppendThrift(dst, src []byte, now uint64) (out []byte, unknown int, err error) {
	p := thriftParser{src: src, writer: newWriter(dst, src, now)}
	if err := p.list(p.one); err != nil {
		return dst, 0, clew.Errorf(clew.Invalid, "Zipkin Thrift: offset %d: %w", p.i, err)
	}
	if p.i < len(src) {
		return dst, 0, clew.Errorf(clew.Invalid, "Zipkin Thrift: offset %d: %d bytes more behind the list", p.i, len(src)-p.i)
	}
	return p.close(), p.unknown, nil
}

type thriftParser struct {
	writer
	src     []byte
	i       int
	draft   draft
	unknown int
}

// take returns the next n bytes.
func (p *thriftParser) take(n int) ([]byte, error) {
	if n < 0 || n > len(p.src)-p.i {
		return nil, fmt.Errorf("%d bytes are to follow, and %d are there", n, len(p.src)-p.i)
	}
	p.i += n
	return p.src[p.i-n : p.i], nil
}

// integer reads an integer of n bytes.
func (p *thriftParser) integer(n int) (int64, error) {
	b, err := p.take(n)
	if err != nil {
		return 0, err
	}
	switch n {
	case 1:
		return int64(int8(b[0])), nil
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b))), nil
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b))), nil
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

func (p *thriftParser) text() ([]byte, error) {
	n, err := p.integer(4)
	if err != nil {
		return nil, err
	}
	return p.take(int(n))
}

// list reads a list of structs, with f for each.
func (p *thriftParser) list(f func(n int) error) error {
	of, err := p.integer(1)
	if err != nil {
		return err
	}
	n, err := p.integer(4)
	switch {
	case err != nil:
		return err
	case of != thriftStruct && n != 0:
		return fmt.Errorf("a list of type %d, want structs", of)
	}
	for k := range int(n) {
		if err := f(k); err != nil {
			return fmt.Errorf("[%d]: %w", k, err)
		}
	}
	return nil
}

// object reads a struct, with f for each field. A field that f does not know, and has not
// read the value of, is counted.
func (p *thriftParser) object(f func(id int64, of int64) (known bool, err error)) error {
	for {
		of, err := p.integer(1)
		if err != nil {
			return err
		}
		if of == thriftStop {
			return nil
		}
		id, err := p.integer(2)
		if err != nil {
			return err
		}
		known, err := f(id, of)
		if err == nil && !known {
			p.unknown++
			err = p.skip(of, 0)
		}
		if err != nil {
			return fmt.Errorf("field %d: %w", id, err)
		}
	}
}

// skip passes over a value.
func (p *thriftParser) skip(of int64, depth int) (err error) {
	if depth == maxThriftDepth {
		return fmt.Errorf("values are nested deeper than %d", maxThriftDepth)
	}
	switch of {
	case thriftBool, thriftByte:
		_, err = p.take(1)
	case thriftI16:
		_, err = p.take(2)
	case thriftI32:
		_, err = p.take(4)
	case thriftI64, thriftDouble:
		_, err = p.take(8)
	case thriftString:
		_, err = p.text()
	case thriftStruct:
		for err == nil {
			var field int64
			if field, err = p.integer(1); err != nil || field == thriftStop {
				return err
			}
			if _, err = p.take(2); err == nil {
				err = p.skip(field, depth+1)
			}
		}
	case thriftList, thriftSet, thriftMap:
		err = p.skipMany(of, depth)
	default:
		err = fmt.Errorf("a value of type %d, which Thrift does not have", of)
	}
	return err
}

// skipMany passes over a list, set or map.
func (p *thriftParser) skipMany(of int64, depth int) error {
	var kinds [2]int64
	each := 1
	if of == thriftMap {
		each = 2
	}
	for i := range each {
		var err error
		if kinds[i], err = p.integer(1); err != nil {
			return err
		}
	}
	n, err := p.integer(4)
	for k := int64(0); err == nil && k < n; k++ {
		for i := range each {
			if err = p.skip(kinds[i], depth+1); err != nil {
				return err
			}
		}
	}
	return err
}

// one reads a span and writes it.
func (p *thriftParser) one(int) error {
	d := &p.draft
	d.reset()
	var low, high int64
	err := p.object(func(id, of int64) (known bool, err error) {
		switch {
		case id == 1 && of == thriftI64:
			low, err = p.integer(8)
		case id == 3 && of == thriftString:
			d.name, err = p.text()
		case id == 4 && of == thriftI64:
			var v int64
			v, err = p.integer(8)
			d.id = uint64(v)
		case id == 5 && of == thriftI64:
			var v int64
			v, err = p.integer(8)
			d.parent = uint64(v)
		case id == 6 && of == thriftList:
			err = p.list(p.annotation)
		case id == 8 && of == thriftList:
			err = p.list(p.binaryAnnotation)
		case id == 9 && of == thriftBool:
			var v int64
			v, err = p.integer(1)
			d.debug = v != 0
		case id == 10 && of == thriftI64:
			d.half.start, err = p.time()
		case id == 11 && of == thriftI64:
			d.half.duration, err = p.time()
			d.half.ended = err == nil
		case id == 12 && of == thriftI64:
			high, err = p.integer(8)
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	d.trace = clew.MakeTraceID(uint64(high), uint64(low))
	d.ids = high|low != 0 && d.id != 0
	p.write(d, true)
	return p.full()
}

// time reads microseconds and returns nanoseconds.
func (p *thriftParser) time() (uint64, error) {
	v, err := p.integer(8)
	if err != nil {
		return 0, err
	}
	ns, ok := micros(uint64(v))
	if !ok {
		return 0, fmt.Errorf("want microseconds up to the year 2262, have %d", v)
	}
	return ns, nil
}

func (p *thriftParser) annotation(int) error {
	var n note
	err := p.object(func(id, of int64) (known bool, err error) {
		switch {
		case id == 1 && of == thriftI64:
			n.time, err = p.time()
		case id == 2 && of == thriftString:
			n.value, err = p.text()
		case id == 3 && of == thriftStruct:
			err = p.endpoint(&n.at)
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	return p.draft.note(n)
}

// The types of binary annotations.
const (
	noteBool = iota
	noteBytes
	noteI16
	noteI32
	noteI64
	noteDouble
	noteString
)

func (p *thriftParser) binaryAnnotation(int) error {
	var t tag
	var raw []byte
	of := int64(noteString)
	err := p.object(func(id, kind int64) (known bool, err error) {
		switch {
		case id == 1 && kind == thriftString:
			t.key, err = p.text()
		case id == 2 && kind == thriftString:
			raw, err = p.text()
		case id == 3 && kind == thriftI32:
			of, err = p.integer(4)
		case id == 4 && kind == thriftStruct:
			err = p.endpoint(&t.at)
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	t.value = noteValue(of, raw)
	return p.draft.tag(t)
}

// noteValue returns the value of a binary annotation. One whose bytes are not those of its
// type is a text of them.
func noteValue(of int64, raw []byte) clew.Value {
	switch {
	case of == noteBool && len(raw) == 1:
		return clew.BoolValue(raw[0] != 0)
	case of == noteI16 && len(raw) == 2:
		return clew.IntValue(int64(int16(binary.BigEndian.Uint16(raw))))
	case of == noteI32 && len(raw) == 4:
		return clew.IntValue(int64(int32(binary.BigEndian.Uint32(raw))))
	case of == noteI64 && len(raw) == 8:
		return clew.IntValue(int64(binary.BigEndian.Uint64(raw)))
	case of == noteDouble && len(raw) == 8:
		return clew.DoubleValue(math.Float64frombits(binary.BigEndian.Uint64(raw)))
	}
	return clew.Value{Type: clew.TypeString, Bytes: raw}
}

func (p *thriftParser) endpoint(e *endpoint) error {
	return p.object(func(id, of int64) (known bool, err error) {
		switch {
		case id == 1 && of == thriftI32:
			var raw []byte
			if raw, err = p.take(4); err == nil && string(raw) != "\x00\x00\x00\x00" {
				e.ipv4 = addressText(raw)
			}
		case id == 2 && of == thriftI16:
			var v int64
			v, err = p.integer(2)
			e.port = uint64(uint16(v))
		case id == 3 && of == thriftString:
			e.service, err = p.text()
		case id == 4 && of == thriftString:
			var raw []byte
			if raw, err = p.text(); err == nil {
				e.ipv6 = addressText(raw)
			}
		default:
			return false, nil
		}
		return true, err
	})
}
