package jaeger

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/thriftread"
)

// The Thrift of Jaeger's clients: jaeger.thrift and agent.thrift. The numbers below are those
// of the fields there.

// The first bytes of a message in the compact protocol, and in the binary one, and what
// follows: its version and the type of the message.
const (
	compactID      = 0x82
	binaryID       = 0x80
	compactVersion = 1
	versionMask    = 0x1f

	typeReply     = 2
	typeException = 3
)

// formatThrift is what errors call what comes in Thrift.
const formatThrift = "jaeger thrift"

// message translates a message to the agent.
func (w *writer) message(r *thriftread.Reader) error {
	method, kind := head(r)
	if r.Err != nil {
		return r.Err
	}
	switch {
	case kind == typeReply || kind == typeException:
		return clew.Errorf(clew.Invalid, "jaeger thrift: the message answers a call and makes none")
	case method == "emitZipkinBatch":
		return clew.Errorf(clew.Unsupported, "jaeger thrift: the message is emitZipkinBatch: spans in Zipkin's format are not taken as datagrams; POST them to Zipkin's path /api/v1/spans")
	case method != "emitBatch":
		return clew.Errorf(clew.Unsupported, "jaeger thrift: Jaeger's agent has no method %q, it has emitBatch", clip(method))
	}
	// The arguments of the method are a struct with one field.
	for id, k := r.Field(0); k != thriftread.Stop; id, k = r.Field(id) {
		if id != 1 || k != thriftread.Struct {
			w.pass(r, k)
			continue
		}
		if err := w.batchStruct(r); err != nil {
			return err
		}
	}
	return w.end(r)
}

// head reads what stands before a message, in either protocol: binary is also written with
// no version before the name.
func head(r *thriftread.Reader) (method string, messageType byte) {
	if len(r.B) > 0 && r.B[0] == compactID {
		r.Compact = true
		r.Byte()
		b := r.Byte()
		if r.Err == nil && b&versionMask != compactVersion {
			r.Fail("version %d of the compact protocol is not known", b&versionMask)
		}
		r.Uvarint() // the number of the call
		return string(r.Text()), b >> 5
	}
	if len(r.B) > 0 && r.B[0] == binaryID {
		b := r.Take(4)
		if b != nil && b[1] != 1 {
			r.Fail("version %d of the binary protocol is not known", b[1])
		}
		method = string(r.Text())
		r.Integer(4)
		if b != nil {
			messageType = b[3]
		}
		return method, messageType
	}
	if len(r.B) > 0 && r.B[0] != 0 {
		r.Fail("it begins with 0x%02x, as neither the compact nor the binary protocol does", r.B[0])
	}
	method = string(r.Text())
	messageType = r.Byte()
	r.Integer(4)
	return method, messageType
}

func clip(s string) string {
	if len(s) > maxNameBytes {
		return s[:maxNameBytes] + "…"
	}
	return s
}

// batchOf translates a batch that is all there is.
func (w *writer) batchOf(r *thriftread.Reader) error {
	if err := w.batchStruct(r); err != nil {
		return err
	}
	return w.end(r)
}

// end counts what stands behind the end.
func (w *writer) end(r *thriftread.Reader) error {
	if r.Err == nil && r.At < len(r.B) {
		w.unknown++
	}
	return r.Err
}

// pass reads past a field that is not known, or has another type than it should.
func (w *writer) pass(r *thriftread.Reader, k thriftread.Type) {
	w.unknown++
	r.Skip(k)
}

// batchStruct translates a Batch. Its process stands before its spans; where it does not, the
// spans are read when it was.
func (w *writer) batchStruct(r *thriftread.Reader) error {
	spans := thriftread.Reader{At: -1}
	known := false
	for id, k := r.Field(0); k != thriftread.Stop; id, k = r.Field(id) {
		switch {
		case id == 1 && k == thriftread.Struct:
			if err := w.processStruct(r); err != nil {
				return err
			}
			known = true
		case id == 2 && k == thriftread.List && known:
			if err := w.spanList(r); err != nil {
				return err
			}
		case id == 2 && k == thriftread.List:
			spans = *r
			r.Skip(k)
		case id == 3 && k == thriftread.I64, id == 4 && k == thriftread.Struct: // numbers about the sender
			r.Skip(k)
		default:
			w.pass(r, k)
		}
	}
	if r.Err != nil || spans.At < 0 {
		return r.Err
	}
	if !known {
		w.openResource(nil, nil)
	}
	return w.spanList(&spans)
}

// processStruct reads a Process and begins its spans.
func (w *writer) processStruct(r *thriftread.Reader) error {
	var service []byte
	tags := w.span.tags[:0] // no span is being read
	var err error
	for id, k := r.Field(0); k != thriftread.Stop; id, k = r.Field(id) {
		switch {
		case id == 1 && k == thriftread.Text:
			service = r.Text()
		case id == 2 && k == thriftread.List:
			if tags, err = w.tagList(r, tags, "tags of its process"); err != nil {
				return err
			}
		default:
			w.pass(r, k)
		}
	}
	w.span.tags = tags[:0]
	if r.Err == nil {
		w.openResource(service, tags)
	}
	return r.Err
}

func (w *writer) spanList(r *thriftread.Reader) error {
	n := r.Structs("spans")
	for i := 0; i < n; i++ {
		if err := w.spanStruct(r); err != nil {
			return err
		}
	}
	return r.Err
}

// spanStruct translates a Span.
func (w *writer) spanStruct(r *thriftread.Reader) error {
	s := &w.span
	s.reset()
	for id, k := r.Field(0); k != thriftread.Stop; id, k = r.Field(id) {
		known, err := w.spanMember(r, s, id, k)
		if err != nil {
			return err
		}
		if !known {
			w.pass(r, k)
		}
	}
	if r.Err != nil {
		return r.Err
	}
	w.write()
	return nil
}

// spanMember reads a field of a span if it is known.
func (w *writer) spanMember(r *thriftread.Reader, s *span, id int16, k thriftread.Type) (known bool, err error) {
	switch {
	case id == 1 && k == thriftread.I64:
		s.trace.low = uint64(r.I64())
	case id == 2 && k == thriftread.I64:
		s.trace.high = uint64(r.I64())
	case id == 3 && k == thriftread.I64:
		s.id = uint64(r.I64())
	case id == 4 && k == thriftread.I64:
		s.parent = uint64(r.I64())
	case id == 5 && k == thriftread.Text:
		s.name = r.Text()
	case id == 6 && k == thriftread.List:
		return true, w.refList(r, s)
	case id == 7 && k == thriftread.I32:
		s.flags = uint32(r.I32())
	case id == 8 && k == thriftread.I64:
		s.start = micros(r.I64())
	case id == 9 && k == thriftread.I64:
		s.duration = micros(r.I64())
	case id == 10 && k == thriftread.List:
		s.tags, err = w.tagList(r, s.tags, "tags")
		return true, err
	case id == 11 && k == thriftread.List:
		return true, w.logList(r, s)
	default:
		return false, nil
	}
	return true, nil
}

// micros returns microseconds as nanoseconds.
func micros(v int64) int64 { return scaled(v, 1000, 0) }

func (w *writer) refList(r *thriftread.Reader, s *span) error {
	n := r.Structs("references")
	if n > maxParts-len(s.refs) {
		return tooMany("references")
	}
	for i := 0; i < n && r.Err == nil; i++ {
		var x ref
		for id, k := r.Field(0); k != thriftread.Stop; id, k = r.Field(id) {
			switch {
			case id == 1 && k == thriftread.I32:
				x.followsFrom = r.I32() == 1
			case id == 2 && k == thriftread.I64:
				x.trace.low = uint64(r.I64())
			case id == 3 && k == thriftread.I64:
				x.trace.high = uint64(r.I64())
			case id == 4 && k == thriftread.I64:
				x.span = uint64(r.I64())
			default:
				w.pass(r, k)
			}
		}
		s.refs = append(s.refs, x)
	}
	return r.Err
}

func (w *writer) logList(r *thriftread.Reader, s *span) error {
	n := r.Structs("logs")
	if n > maxParts-len(s.logs) {
		return tooMany("logs")
	}
	for i := 0; i < n && r.Err == nil; i++ {
		l := log{start: len(s.fields)}
		for id, k := r.Field(0); k != thriftread.Stop; id, k = r.Field(id) {
			switch {
			case id == 1 && k == thriftread.I64:
				l.nanos = micros(r.I64())
			case id == 2 && k == thriftread.List:
				var err error
				if s.fields, err = w.tagList(r, s.fields, "fields in its logs"); err != nil {
					return err
				}
			default:
				w.pass(r, k)
			}
		}
		l.end = len(s.fields)
		s.logs = append(s.logs, l)
	}
	return r.Err
}

// tagList reads a list of Tag and appends them.
func (w *writer) tagList(r *thriftread.Reader, tags []tag, what string) ([]tag, error) {
	n := r.Structs("tags")
	if n > maxParts-len(tags) {
		return tags, tooMany(what)
	}
	for i := 0; i < n && r.Err == nil; i++ {
		tags = append(tags, w.tagStruct(r))
	}
	return tags, r.Err
}

// tagStruct reads a Tag: it has a value of each type, one of which counts.
func (w *writer) tagStruct(r *thriftread.Reader) tag {
	var key, text, blob []byte
	var kindOfTag int32
	var truth bool
	var integer, float uint64
	for id, k := r.Field(0); k != thriftread.Stop; id, k = r.Field(id) {
		switch {
		case id == 1 && k == thriftread.Text:
			key = r.Text()
		case id == 2 && k == thriftread.I32:
			kindOfTag = r.I32()
		case id == 3 && k == thriftread.Text:
			text = r.Text()
		case id == 4 && k == thriftread.Double:
			float = r.Double()
		case id == 5 && k == thriftread.Bool:
			truth = r.Bool()
		case id == 6 && k == thriftread.I64:
			integer = uint64(r.I64())
		case id == 7 && k == thriftread.Text:
			blob = r.Text()
		default:
			w.pass(r, k)
		}
	}
	t := tag{key: key}
	switch kindOfTag {
	case 0:
		t.value = clew.Value{Bytes: text}
	case 1:
		t.value = clew.Value{Type: clew.TypeDouble, Bits: float}
	case 2:
		t.value = clew.BoolValue(truth)
	case 3:
		t.value = clew.Value{Type: clew.TypeInt, Bits: integer}
	case 4:
		t.value, t.binary = clew.Value{Bytes: blob}, true
	default:
		w.unknown++ // a type to come, whose value is where nobody looks
		t.value = clew.Value{Bytes: text}
	}
	return t
}
