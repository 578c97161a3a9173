package jaeger

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
)

// The protobuf of Jaeger's model: collector.proto and model.proto of api_v2.

// fields calls f with each field of a message. A field of bytes has them in b, another its
// bits in v. What f says it does not know is counted.
func (w *writer) fields(what string, msg []byte, f func(num protowire.Number, typ protowire.Type, v uint64, b []byte) (known bool, err error)) error {
	for at := 0; at < len(msg); {
		num, typ, n := protowire.ConsumeTag(msg[at:])
		if n < 0 {
			return broken(what, at, protowire.ParseError(n))
		}
		at += n
		var v uint64
		var b []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(msg[at:])
		case protowire.BytesType:
			b, n = protowire.ConsumeBytes(msg[at:])
		case protowire.Fixed64Type:
			v, n = protowire.ConsumeFixed64(msg[at:])
		default:
			n = protowire.ConsumeFieldValue(num, typ, msg[at:])
		}
		if n < 0 {
			return broken(what, at, protowire.ParseError(n))
		}
		at += n
		known, err := f(num, typ, v, b)
		if err != nil {
			return err
		}
		if !known {
			w.unknown++
		}
	}
	return nil
}

func broken(what string, at int, err error) error {
	return clew.Errorf(clew.Invalid, "jaeger protobuf, %s, byte %d: %w", what, at, err)
}

const (
	bytesType  = protowire.BytesType
	varintType = protowire.VarintType
)

// request translates a PostSpansRequest.
func (w *writer) request(body []byte) error {
	return w.fields("request", body, func(num protowire.Number, typ protowire.Type, _ uint64, b []byte) (bool, error) {
		if num != 1 || typ != bytesType {
			return false, nil
		}
		return true, w.batch(b)
	})
}

// batch translates a Batch. Its process, which stands behind its spans, is looked for first.
func (w *writer) batch(msg []byte) error {
	process := []byte{}
	err := w.fields("batch", msg, func(num protowire.Number, typ protowire.Type, _ uint64, b []byte) (bool, error) {
		if num == 2 && typ == bytesType {
			process = b
		}
		return typ == bytesType && (num == 1 || num == 2), nil
	})
	if err != nil {
		return err
	}
	for at := 0; at < len(msg); {
		num, typ, n := protowire.ConsumeTag(msg[at:])
		at += n
		if num == 1 && typ == bytesType {
			b, n := protowire.ConsumeBytes(msg[at:])
			at += n
			if err := w.spanProto(b, process); err != nil {
				return err
			}
			continue
		}
		at += protowire.ConsumeFieldValue(num, typ, msg[at:])
	}
	return nil
}

// enter opens the resource of a process, if that is not the open one.
func (w *writer) enter(process []byte) error {
	if w.resource != 0 && string(process) == string(w.process) {
		return nil
	}
	w.process = process
	var service []byte
	tags := w.span.tags[:0] // no span is being read
	err := w.fields("process", process, func(num protowire.Number, typ protowire.Type, _ uint64, b []byte) (bool, error) {
		switch {
		case typ != bytesType || num > 2:
			return false, nil
		case num == 1:
			service = b
			return true, nil
		}
		var err error
		tags, err = w.tagProto(tags, "tags of its process", b)
		return true, err
	})
	w.span.tags = tags[:0]
	if err != nil {
		return err
	}
	w.openResource(service, tags)
	return nil
}

// spanProto translates a Span. A process of its own goes before that of its batch.
func (w *writer) spanProto(msg, process []byte) error {
	own, err := w.processOf(msg)
	if err != nil {
		return err
	}
	if own != nil {
		process = own
	}
	if err := w.enter(process); err != nil {
		return err
	}
	s := &w.span
	s.reset()
	err = w.fields("span", msg, func(num protowire.Number, typ protowire.Type, v uint64, b []byte) (bool, error) {
		switch {
		case num == 5 && typ == varintType:
			s.flags = uint32(v)
			return true, nil
		case typ != bytesType || num == 5 || num > 12:
			return false, nil
		}
		return true, w.spanField(s, num, b)
	})
	if err != nil {
		return err
	}
	w.write()
	return nil
}

// processOf returns the process of a span, nil if it has none.
func (w *writer) processOf(msg []byte) ([]byte, error) {
	for at := 0; at < len(msg); {
		num, typ, n := protowire.ConsumeTag(msg[at:])
		if n < 0 {
			return nil, broken("span", at, protowire.ParseError(n))
		}
		at += n
		n = protowire.ConsumeFieldValue(num, typ, msg[at:])
		if n < 0 {
			return nil, broken("span", at, protowire.ParseError(n))
		}
		if num == 10 && typ == bytesType {
			b, _ := protowire.ConsumeBytes(msg[at:])
			return b, nil
		}
		at += n
	}
	return nil, nil
}

// spanField reads a field of a span that has bytes.
func (w *writer) spanField(s *span, num protowire.Number, b []byte) (err error) {
	switch num {
	case 1:
		var ok bool
		if s.trace, ok = traceID(b); !ok {
			s.badTrace = b
		}
	case 2:
		var ok bool
		if s.id, ok = spanID(b); !ok {
			s.badID = b
		}
	case 3:
		s.name = b
	case 4:
		err = w.refProto(s, b)
	case 6:
		s.start, err = w.timeProto("start_time", b)
	case 7:
		s.duration, err = w.timeProto("duration", b)
	case 8:
		s.tags, err = w.tagProto(s.tags, "tags", b)
	case 9:
		err = w.logProto(s, b)
	case 12:
		if len(s.warnings) == maxParts {
			return tooMany("warnings")
		}
		s.warnings = append(s.warnings, string(b))
	}
	return err // process was read before, and process_id is a batch's own
}

// traceID reads an id of 16 bytes, or of 8.
func traceID(b []byte) (id, bool) {
	switch len(b) {
	case 16:
		return id{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}, true
	case 8:
		return id{0, binary.BigEndian.Uint64(b)}, true
	}
	return id{}, len(b) == 0
}

func spanID(b []byte) (uint64, bool) {
	if len(b) == 8 {
		return binary.BigEndian.Uint64(b), true
	}
	return 0, len(b) == 0
}

// refProto reads a reference.
func (w *writer) refProto(s *span, msg []byte) error {
	if len(s.refs) == maxParts {
		return tooMany("references")
	}
	var r ref
	good := true
	err := w.fields("reference", msg, func(num protowire.Number, typ protowire.Type, v uint64, b []byte) (bool, error) {
		ok := true
		switch {
		case num == 1 && typ == bytesType:
			r.trace, ok = traceID(b)
		case num == 2 && typ == bytesType:
			r.span, ok = spanID(b)
		case num == 3 && typ == varintType:
			r.followsFrom = v == 1
		default:
			return false, nil
		}
		good = good && ok
		return true, nil
	})
	if !good {
		w.unknown++ // a reference to nothing that can be
	} else if err == nil {
		s.refs = append(s.refs, r)
	}
	return err
}

// timeProto reads a Timestamp, or a Duration, which has the same fields. What an integer of
// nanoseconds cannot hold, beyond the year 2262, is the most that it can.
func (w *writer) timeProto(what string, msg []byte) (int64, error) {
	var seconds, nanos int64
	err := w.fields(what, msg, func(num protowire.Number, typ protowire.Type, v uint64, _ []byte) (bool, error) {
		switch {
		case num == 1 && typ == varintType:
			seconds = int64(v)
		case num == 2 && typ == varintType:
			nanos = int64(int32(v))
		default:
			return false, nil
		}
		return true, nil
	})
	return scaled(seconds, 1e9, nanos), err
}

// scaled is n times unit plus rest, within what an int64 holds.
func scaled(n, unit, rest int64) int64 {
	if most := math.MaxInt64/unit - 4; n > most { // the rest is less than four units
		return math.MaxInt64
	} else if n < -most {
		return math.MinInt64
	}
	return n*unit + rest
}

// logProto reads a log.
func (w *writer) logProto(s *span, msg []byte) error {
	if len(s.logs) == maxParts {
		return tooMany("logs")
	}
	l := log{start: len(s.fields)}
	err := w.fields("log", msg, func(num protowire.Number, typ protowire.Type, _ uint64, b []byte) (_ bool, err error) {
		switch {
		case num == 1 && typ == bytesType:
			l.nanos, err = w.timeProto("timestamp", b)
		case num == 2 && typ == bytesType:
			s.fields, err = w.tagProto(s.fields, "fields in its logs", b)
		default:
			return false, nil
		}
		return true, err
	})
	l.end = len(s.fields)
	s.logs = append(s.logs, l)
	return err
}

// tagProto reads a KeyValue and appends it to tags.
func (w *writer) tagProto(tags []tag, what string, msg []byte) ([]tag, error) {
	if len(tags) == maxParts {
		return tags, tooMany(what)
	}
	var p protoTag
	for at := 0; at < len(msg); {
		num, typ, n := protowire.ConsumeTag(msg[at:])
		if n < 0 {
			return tags, broken("tag", at, protowire.ParseError(n))
		}
		at += n
		if n = p.field(num, typ, msg[at:]); n < 0 {
			return tags, broken("tag", at, protowire.ParseError(n))
		}
		at += n
	}
	w.unknown += p.unknown
	t := tag{key: p.key}
	switch p.kind {
	case 0:
		t.value = clew.Value{Bytes: p.text}
	case 1:
		t.value = clew.Value{Type: clew.TypeBool, Bits: min(p.truth, 1)}
	case 2:
		t.value = clew.Value{Type: clew.TypeInt, Bits: p.integer}
	case 3:
		t.value = clew.Value{Type: clew.TypeDouble, Bits: p.float}
	case 4:
		t.value, t.binary = clew.Value{Bytes: p.blob}, true
	default:
		w.unknown++ // a type to come, whose value is where nobody looks
		t.value = clew.Value{Bytes: p.text}
	}
	return append(tags, t), nil
}

// protoTag is a KeyValue while it is read: a value of each type, one of which counts.
type protoTag struct {
	key, text, blob      []byte
	kind, truth, integer uint64
	float                uint64
	unknown              int
}

// field reads one field and returns its length, negative if it has none.
func (p *protoTag) field(num protowire.Number, typ protowire.Type, b []byte) (n int) {
	switch {
	case num == 1 && typ == bytesType:
		p.key, n = protowire.ConsumeBytes(b)
	case num == 2 && typ == varintType:
		p.kind, n = protowire.ConsumeVarint(b)
	case num == 3 && typ == bytesType:
		p.text, n = protowire.ConsumeBytes(b)
	case num == 4 && typ == varintType:
		p.truth, n = protowire.ConsumeVarint(b)
	case num == 5 && typ == varintType:
		p.integer, n = protowire.ConsumeVarint(b)
	case num == 6 && typ == protowire.Fixed64Type:
		p.float, n = protowire.ConsumeFixed64(b)
	case num == 7 && typ == bytesType:
		p.blob, n = protowire.ConsumeBytes(b)
	default:
		p.unknown++
		n = protowire.ConsumeFieldValue(num, typ, b)
	}
	return n
}
