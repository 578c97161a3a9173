package zipkin

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
)

// AppendProto appends the OTLP protobuf of a ListOfSpans of Zipkin's protobuf, as
// AppendJSON does of JSON.
func AppendProto(dst, src []byte, now uint64) (out []byte, unknown int, err error) {
	p := protoParser{writer: newWriter(dst, src, now)}
	n := 0
	err = fields(src, func(num protowire.Number, f field) error {
		if num != 1 || f.wire != protowire.BytesType {
			p.unknown++
			return nil
		}
		if err := p.one(f.bytes); err != nil {
			return fmt.Errorf("spans[%d]: %w", n, err)
		}
		n++
		return p.full()
	})
	if err != nil {
		return dst, 0, clew.Errorf(clew.Invalid, "Zipkin protobuf: %w", err)
	}
	return p.close(), p.unknown, nil
}

type protoParser struct {
	writer
	draft   draft
	unknown int
}

// field is a field's value, by its wire type.
type field struct {
	wire  protowire.Type
	bytes []byte
	n     uint64
}

// fields calls f with each field of a message.
func fields(m []byte, f func(protowire.Number, field) error) error {
	for at := 0; at < len(m); {
		num, typ, n := protowire.ConsumeTag(m[at:])
		if n < 0 {
			return broken(at, n)
		}
		at += n
		v := field{wire: typ}
		switch typ {
		case protowire.VarintType:
			v.n, n = protowire.ConsumeVarint(m[at:])
		case protowire.Fixed64Type:
			v.n, n = protowire.ConsumeFixed64(m[at:])
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(m[at:])
		default:
			n = protowire.ConsumeFieldValue(num, typ, m[at:])
		}
		if n < 0 {
			return broken(at, n)
		}
		at += n
		if err := f(num, v); err != nil {
			return err
		}
	}
	return nil
}

func broken(at, code int) error {
	return fmt.Errorf("offset %d: %w", at, protowire.ParseError(code))
}

// one reads a span and writes it.
func (p *protoParser) one(m []byte) error {
	d := &p.draft
	d.reset()
	known := 0
	err := fields(m, func(num protowire.Number, f field) (err error) {
		switch {
		case num == 1 && f.wire == protowire.BytesType:
			var high, low uint64
			if len(f.bytes) == 16 || len(f.bytes) == 8 {
				low = binary.BigEndian.Uint64(f.bytes[len(f.bytes)-8:])
				if len(f.bytes) == 16 {
					high = binary.BigEndian.Uint64(f.bytes)
				}
			}
			d.trace = clew.MakeTraceID(high, low)
			known |= oneIf(high|low != 0)
		case num == 2 && f.wire == protowire.BytesType:
			d.parent = idOf(f.bytes)
		case num == 3 && f.wire == protowire.BytesType:
			d.id = idOf(f.bytes)
			known |= oneIf(d.id != 0) << 1
		case num == 4 && f.wire == protowire.VarintType:
			d.half.kind = protoKind(f.n)
		case num == 5 && f.wire == protowire.BytesType:
			d.name = f.bytes
		case num == 6 && f.wire == protowire.Fixed64Type:
			d.half.start, err = protoMicros(f.n, "timestamp")
		case num == 7 && f.wire == protowire.VarintType:
			d.half.duration, err = protoMicros(f.n, "duration")
			d.half.ended = err == nil
		case num == 8 && f.wire == protowire.BytesType:
			err = p.endpoint(&d.half.local, f.bytes)
		case num == 9 && f.wire == protowire.BytesType:
			err = p.endpoint(&d.half.remote, f.bytes)
		case num == 10 && f.wire == protowire.BytesType:
			err = p.annotation(f.bytes)
		case num == 11 && f.wire == protowire.BytesType:
			err = p.tag(f.bytes)
		case num == 12 && f.wire == protowire.VarintType:
			d.debug = f.n != 0
		case num == 13 && f.wire == protowire.VarintType:
			d.half.shared = f.n != 0
		default:
			p.unknown++
		}
		return err
	})
	if err != nil {
		return err
	}
	d.ids = known == 3
	p.span(d, &d.half, 0)
	return nil
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// idOf reads an id of eight bytes; another is none.
func idOf(raw []byte) uint64 {
	if len(raw) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}

// protoKind is the kind of a number of Zipkin's enum.
func protoKind(n uint64) clew.Kind {
	switch n {
	case 1:
		return clew.KindClient
	case 2:
		return clew.KindServer
	case 3:
		return clew.KindProducer
	case 4:
		return clew.KindConsumer
	}
	return 0
}

func protoMicros(v uint64, name string) (uint64, error) {
	ns, ok := micros(v)
	if !ok {
		return 0, fmt.Errorf("%s: want microseconds, have %d, which is beyond the year 2262", name, v)
	}
	return ns, nil
}

func (p *protoParser) endpoint(e *endpoint, m []byte) error {
	return fields(m, func(num protowire.Number, f field) error {
		switch {
		case num == 1 && f.wire == protowire.BytesType:
			e.service = f.bytes
		case num == 2 && f.wire == protowire.BytesType:
			e.ipv4 = addressText(f.bytes)
		case num == 3 && f.wire == protowire.BytesType:
			e.ipv6 = addressText(f.bytes)
		case num == 4 && f.wire == protowire.VarintType:
			e.port = f.n
		default:
			p.unknown++
		}
		return nil
	})
}

func (p *protoParser) annotation(m []byte) error {
	var x note
	err := fields(m, func(num protowire.Number, f field) (err error) {
		switch {
		case num == 1 && f.wire == protowire.Fixed64Type:
			x.time, err = protoMicros(f.n, "annotations.timestamp")
		case num == 2 && f.wire == protowire.BytesType:
			x.value = f.bytes
		default:
			p.unknown++
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.draft.note(x)
}

func (p *protoParser) tag(m []byte) error {
	t := tag{value: clew.Value{Type: clew.TypeString}}
	err := fields(m, func(num protowire.Number, f field) error {
		switch {
		case num == 1 && f.wire == protowire.BytesType:
			t.key = f.bytes
		case num == 2 && f.wire == protowire.BytesType:
			t.value.Bytes = f.bytes
		default:
			p.unknown++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.draft.tag(t)
}
