package zipkin

import (
	"encoding/binary"
	"math"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/thriftread"
)

// AppendThrift appends the OTLP protobuf of a list of spans of version 1 in Thrift's
// binary protocol, as AppendJSON does of JSON.
func AppendThrift(dst, src []byte, now uint64) (out []byte, unknown int, err error) {
	p := thriftParser{Reader: thriftread.Reader{Format: "Zipkin Thrift", B: src}, writer: newWriter(dst, src, now)}
	p.each("spans", p.one)
	if p.Err == nil && p.At < len(src) {
		p.Fail("%d bytes more behind the list", len(src)-p.At)
	}
	if p.Err != nil {
		return dst, 0, p.Err
	}
	return p.close(), p.unknown, nil
}

type thriftParser struct {
	thriftread.Reader
	writer
	draft   draft
	unknown int
}

// each reads a list of structs, with f for each. What f returns is what is wrong with it
// besides.
func (p *thriftParser) each(what string, f func() error) {
	for n := p.Structs(what); n > 0 && p.Err == nil; n-- {
		if err := f(); err != nil && p.Err == nil {
			p.Fail("%w", err)
		}
	}
}

// object reads a struct, with f for each field. A field that f does not know, and has not
// read the value of, is counted.
func (p *thriftParser) object(f func(id int16, of thriftread.Type) (known bool)) {
	for id, of := p.Field(0); of != thriftread.Stop; id, of = p.Field(id) {
		if !f(id, of) {
			p.unknown++
			p.Skip(of)
		}
	}
}

// one reads a span and writes it.
func (p *thriftParser) one() error {
	d := &p.draft
	d.reset()
	var low, high int64
	p.object(func(id int16, of thriftread.Type) bool {
		switch {
		case id == 1 && of == thriftread.I64:
			low = p.I64()
		case id == 3 && of == thriftread.Text:
			d.name = p.Text()
		case id == 4 && of == thriftread.I64:
			d.id = uint64(p.I64())
		case id == 5 && of == thriftread.I64:
			d.parent = uint64(p.I64())
		case id == 6 && of == thriftread.List:
			p.each("annotations", p.annotation)
		case id == 8 && of == thriftread.List:
			p.each("binary annotations", p.binaryAnnotation)
		case id == 9 && of == thriftread.Bool:
			d.debug = p.Bool()
		case id == 10 && of == thriftread.I64:
			d.half.start = p.time()
		case id == 11 && of == thriftread.I64:
			d.half.duration, d.half.ended = p.time(), true
		case id == 12 && of == thriftread.I64:
			high = p.I64()
		default:
			return false
		}
		return true
	})
	if p.Err != nil {
		return nil
	}
	d.trace = clew.MakeTraceID(uint64(high), uint64(low))
	d.ids = high|low != 0 && d.id != 0
	p.write(d, true)
	return p.full()
}

// time reads microseconds and returns nanoseconds.
func (p *thriftParser) time() uint64 {
	v := p.I64()
	ns, ok := micros(uint64(v))
	if !ok {
		p.Fail("want microseconds up to the year 2262, have %d", v)
	}
	return ns
}

func (p *thriftParser) annotation() error {
	var n note
	p.object(func(id int16, of thriftread.Type) bool {
		switch {
		case id == 1 && of == thriftread.I64:
			n.time = p.time()
		case id == 2 && of == thriftread.Text:
			n.value = p.Text()
		case id == 3 && of == thriftread.Struct:
			p.endpoint(&n.at)
		default:
			return false
		}
		return true
	})
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

func (p *thriftParser) binaryAnnotation() error {
	var t tag
	var raw []byte
	of := int32(noteString)
	p.object(func(id int16, kind thriftread.Type) bool {
		switch {
		case id == 1 && kind == thriftread.Text:
			t.key = p.Text()
		case id == 2 && kind == thriftread.Text:
			raw = p.Text()
		case id == 3 && kind == thriftread.I32:
			of = p.I32()
		case id == 4 && kind == thriftread.Struct:
			p.endpoint(&t.at)
		default:
			return false
		}
		return true
	})
	t.value = noteValue(of, raw)
	return p.draft.tag(t)
}

// noteValue returns the value of a binary annotation. One whose bytes are not those of its
// type is a text of them.
func noteValue(of int32, raw []byte) clew.Value {
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

func (p *thriftParser) endpoint(e *endpoint) {
	p.object(func(id int16, of thriftread.Type) bool {
		switch {
		case id == 1 && of == thriftread.I32:
			if v := uint32(p.I32()); v != 0 {
				e.ipv4 = addressText(binary.BigEndian.AppendUint32(nil, v))
			}
		case id == 2 && of == thriftread.I16:
			e.port = uint64(uint16(p.Integer(2)))
		case id == 3 && of == thriftread.Text:
			e.service = p.Text()
		case id == 4 && of == thriftread.Text:
			e.ipv6 = addressText(p.Text())
		default:
			return false
		}
		return true
	})
}
