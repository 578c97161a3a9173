package jaeger

import (
	"github.com/clew-tracing/clew"
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

// message translates a message to the agent.
func (w *writer) message(r *reader) error {
	method, kind := r.head()
	if r.err != nil {
		return r.err
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
	for id, k := r.field(0); k != kindStop; id, k = r.field(id) {
		if id != 1 || k != kindStruct {
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
func (r *reader) head() (method string, messageType byte) {
	if len(r.b) > 0 && r.b[0] == compactID {
		r.compact = true
		r.u8()
		b := r.u8()
		if r.err == nil && b&versionMask != compactVersion {
			r.fail("version %d of the compact protocol is not known", b&versionMask)
		}
		r.uvarint() // the number of the call
		return string(r.text()), b >> 5
	}
	if len(r.b) > 0 && r.b[0] == binaryID {
		b := r.take(4)
		if b != nil && b[1] != 1 {
			r.fail("version %d of the binary protocol is not known", b[1])
		}
		method = string(r.text())
		r.integer(4)
		if b != nil {
			messageType = b[3]
		}
		return method, messageType
	}
	if len(r.b) > 0 && r.b[0] != 0 {
		r.fail("it begins with 0x%02x, as neither the compact nor the binary protocol does", r.b[0])
	}
	method = string(r.text())
	messageType = r.u8()
	r.integer(4)
	return method, messageType
}

func clip(s string) string {
	if len(s) > maxNameBytes {
		return s[:maxNameBytes] + "…"
	}
	return s
}

// batchOf translates a batch that is all there is.
func (w *writer) batchOf(r *reader) error {
	if err := w.batchStruct(r); err != nil {
		return err
	}
	return w.end(r)
}

// end counts what stands behind the end.
func (w *writer) end(r *reader) error {
	if r.err == nil && r.at < len(r.b) {
		w.unknown++
	}
	return r.err
}

// pass reads past a field that is not known, or has another type than it should.
func (w *writer) pass(r *reader, k kind) {
	w.unknown++
	r.skip(k, false, 0)
}

// batchStruct translates a Batch. Its process stands before its spans; where it does not, the
// spans are read when it was.
func (w *writer) batchStruct(r *reader) error {
	spans := reader{at: -1}
	known := false
	for id, k := r.field(0); k != kindStop; id, k = r.field(id) {
		switch {
		case id == 1 && k == kindStruct:
			if err := w.processStruct(r); err != nil {
				return err
			}
			known = true
		case id == 2 && k == kindList && known:
			if err := w.spanList(r); err != nil {
				return err
			}
		case id == 2 && k == kindList:
			spans = *r
			r.skip(k, false, 0)
		case id == 3 && k == kindI64, id == 4 && k == kindStruct: // numbers about the sender
			r.skip(k, false, 0)
		default:
			w.pass(r, k)
		}
	}
	if r.err != nil || spans.at < 0 {
		return r.err
	}
	if !known {
		w.openResource(nil, nil)
	}
	return w.spanList(&spans)
}

// processStruct reads a Process and begins its spans.
func (w *writer) processStruct(r *reader) error {
	var service []byte
	tags := w.span.tags[:0] // no span is being read
	var err error
	for id, k := r.field(0); k != kindStop; id, k = r.field(id) {
		switch {
		case id == 1 && k == kindText:
			service = r.text()
		case id == 2 && k == kindList:
			if tags, err = w.tagList(r, tags, "tags of its process"); err != nil {
				return err
			}
		default:
			w.pass(r, k)
		}
	}
	w.span.tags = tags[:0]
	if r.err == nil {
		w.openResource(service, tags)
	}
	return r.err
}

func (w *writer) spanList(r *reader) error {
	n := r.structs("spans")
	for i := 0; i < n; i++ {
		if err := w.spanStruct(r); err != nil {
			return err
		}
	}
	return r.err
}

// spanStruct translates a Span.
func (w *writer) spanStruct(r *reader) error {
	s := &w.span
	s.reset()
	for id, k := r.field(0); k != kindStop; id, k = r.field(id) {
		known, err := w.spanMember(r, s, id, k)
		if err != nil {
			return err
		}
		if !known {
			w.pass(r, k)
		}
	}
	if r.err != nil {
		return r.err
	}
	w.write()
	return nil
}

// spanMember reads a field of a span if it is known.
func (w *writer) spanMember(r *reader, s *span, id int16, k kind) (known bool, err error) {
	switch {
	case id == 1 && k == kindI64:
		s.trace.low = uint64(r.i64())
	case id == 2 && k == kindI64:
		s.trace.high = uint64(r.i64())
	case id == 3 && k == kindI64:
		s.id = uint64(r.i64())
	case id == 4 && k == kindI64:
		s.parent = uint64(r.i64())
	case id == 5 && k == kindText:
		s.name = r.text()
	case id == 6 && k == kindList:
		return true, w.refList(r, s)
	case id == 7 && k == kindI32:
		s.flags = uint32(r.i32())
	case id == 8 && k == kindI64:
		s.start = micros(r.i64())
	case id == 9 && k == kindI64:
		s.duration = micros(r.i64())
	case id == 10 && k == kindList:
		s.tags, err = w.tagList(r, s.tags, "tags")
		return true, err
	case id == 11 && k == kindList:
		return true, w.logList(r, s)
	default:
		return false, nil
	}
	return true, nil
}

// micros returns microseconds as nanoseconds.
func micros(v int64) int64 { return scaled(v, 1000, 0) }

func (w *writer) refList(r *reader, s *span) error {
	n := r.structs("references")
	if n > maxParts-len(s.refs) {
		return tooMany("references")
	}
	for i := 0; i < n && r.err == nil; i++ {
		var x ref
		for id, k := r.field(0); k != kindStop; id, k = r.field(id) {
			switch {
			case id == 1 && k == kindI32:
				x.followsFrom = r.i32() == 1
			case id == 2 && k == kindI64:
				x.trace.low = uint64(r.i64())
			case id == 3 && k == kindI64:
				x.trace.high = uint64(r.i64())
			case id == 4 && k == kindI64:
				x.span = uint64(r.i64())
			default:
				w.pass(r, k)
			}
		}
		s.refs = append(s.refs, x)
	}
	return r.err
}

func (w *writer) logList(r *reader, s *span) error {
	n := r.structs("logs")
	if n > maxParts-len(s.logs) {
		return tooMany("logs")
	}
	for i := 0; i < n && r.err == nil; i++ {
		l := log{start: len(s.fields)}
		for id, k := r.field(0); k != kindStop; id, k = r.field(id) {
			switch {
			case id == 1 && k == kindI64:
				l.nanos = micros(r.i64())
			case id == 2 && k == kindList:
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
	return r.err
}

// tagList reads a list of Tag and appends them.
func (w *writer) tagList(r *reader, tags []tag, what string) ([]tag, error) {
	n := r.structs("tags")
	if n > maxParts-len(tags) {
		return tags, tooMany(what)
	}
	for i := 0; i < n && r.err == nil; i++ {
		tags = append(tags, w.tagStruct(r))
	}
	return tags, r.err
}

// tagStruct reads a Tag: it has a value of each type, one of which counts.
func (w *writer) tagStruct(r *reader) tag {
	var key, text, blob []byte
	var kindOfTag int32
	var truth bool
	var integer, float uint64
	for id, k := r.field(0); k != kindStop; id, k = r.field(id) {
		switch {
		case id == 1 && k == kindText:
			key = r.text()
		case id == 2 && k == kindI32:
			kindOfTag = r.i32()
		case id == 3 && k == kindText:
			text = r.text()
		case id == 4 && k == kindDouble:
			float = r.bits()
		case id == 5 && k == kindBool:
			truth = r.bool()
		case id == 6 && k == kindI64:
			integer = uint64(r.i64())
		case id == 7 && k == kindText:
			blob = r.text()
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
