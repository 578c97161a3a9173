package foreign

import (
	"encoding/binary"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
)

// The tag that says that a span failed, and why.
const zipkinError = "error"

// zipkinFailure is that tag's value.
func zipkinFailure(s *clew.Span) string {
	if s.StatusMessage == "" {
		return "true"
	}
	return s.StatusMessage
}

// hasZipkinKind reports whether Zipkin has a word for the kind of a span.
func hasZipkinKind(k clew.Kind) bool { return k >= clew.KindServer && k <= clew.KindConsumer }

// zipkinJSON writes JSON of version 2.
type zipkinJSON struct{ batch }

func (z *zipkinJSON) add(s *clew.Span, emit Emit) error {
	if z.spans == 0 {
		z.body = append(z.body, '[')
	} else {
		z.body = append(z.body, ',')
	}
	b := append(z.body, '{')
	b = appendString(appendKey(b, "traceId"), s.TraceID.String())
	if s.ParentID != 0 {
		b = appendString(appendKey(b, "parentId"), s.ParentID.String())
	}
	b = appendString(appendKey(b, "id"), s.SpanID.String())
	if hasZipkinKind(s.Kind) {
		b = appendString(appendKey(b, "kind"), strings.ToUpper(s.Kind.String()))
	}
	b = appendString(appendKey(b, "name"), s.Name)
	b = appendUint(appendKey(b, "timestamp"), uint64(s.Start)/1000)
	b = appendUint(appendKey(b, "duration"), micros(s))
	b = append(appendKey(b, "localEndpoint"), '{')
	b = append(appendString(appendKey(b, "serviceName"), s.Service()), '}')
	for i := range s.Events {
		if i == 0 {
			b = append(appendKey(b, "annotations"), '[')
		} else {
			b = append(b, ',')
		}
		b = append(b, '{')
		b = appendUint(appendKey(b, "timestamp"), uint64(s.Events[i].Time)/1000)
		b = append(appendString(appendKey(b, "value"), eventText(&s.Events[i])), '}')
	}
	if len(s.Events) > 0 {
		b = append(b, ']')
	}
	b = append(appendKey(b, "tags"), '{')
	for i := range s.Attrs {
		b = appendString(appendKey(b, s.Attrs[i].Key), valueText(s.Attrs[i].Value))
	}
	if s.Status == clew.StatusError {
		b = appendString(appendKey(b, zipkinError), zipkinFailure(s))
	}
	z.body = append(b, '}', '}')
	z.spans++
	if z.full() {
		return z.flush(emit)
	}
	return nil
}

func (z *zipkinJSON) flush(emit Emit) error {
	if z.spans == 0 {
		return nil
	}
	defer z.clear()
	return emit(append(z.body, ']'), z.spans)
}

// zipkinProtobuf writes ListOfSpans of zipkin.proto. The numbers are those of its fields.
type zipkinProtobuf struct {
	batch
	id [8]byte
}

// zipkinKinds are the numbers of the kinds, by ours.
var zipkinKinds = [...]uint64{clew.KindServer: 2, clew.KindClient: 1, clew.KindProducer: 3, clew.KindConsumer: 4}

func (z *zipkinProtobuf) add(s *clew.Span, emit Emit) error {
	b, whole := wire.Open(z.body, 1)
	b = wire.AppendBytes(b, 1, s.TraceID[:])
	if s.ParentID != 0 {
		b = wire.AppendBytes(b, 2, z.bytes(s.ParentID))
	}
	b = wire.AppendBytes(b, 3, z.bytes(s.SpanID))
	if hasZipkinKind(s.Kind) {
		b = wire.AppendVarint(b, 4, zipkinKinds[s.Kind])
	}
	b = wire.AppendBytes(b, 5, s.Name)
	b = wire.AppendFixed64(b, 6, uint64(s.Start)/1000)
	b = wire.AppendVarint(b, 7, micros(s))
	var part int
	b, part = wire.Open(b, 8)
	b = wire.Close(wire.AppendBytes(b, 1, s.Service()), part)
	for i := range s.Events {
		b, part = wire.Open(b, 10)
		b = wire.AppendFixed64(b, 1, uint64(s.Events[i].Time)/1000)
		b = wire.Close(wire.AppendBytes(b, 2, eventText(&s.Events[i])), part)
	}
	for i := range s.Attrs {
		b = zipkinTag(b, s.Attrs[i].Key, valueText(s.Attrs[i].Value))
	}
	if s.Status == clew.StatusError {
		b = zipkinTag(b, zipkinError, []byte(zipkinFailure(s)))
	}
	z.body = wire.Close(b, whole)
	z.spans++
	if z.full() {
		return z.flush(emit)
	}
	return nil
}

func zipkinTag(b []byte, key string, value []byte) []byte {
	b, part := wire.Open(b, 11)
	return wire.Close(wire.AppendBytes(wire.AppendBytes(b, 1, key), 2, value), part)
}

func (z *zipkinProtobuf) bytes(id clew.SpanID) []byte {
	binary.BigEndian.PutUint64(z.id[:], uint64(id))
	return z.id[:]
}

func (z *zipkinProtobuf) flush(emit Emit) error {
	if z.spans == 0 {
		return nil
	}
	defer z.clear()
	return emit(z.body, z.spans)
}

// zipkinThrift writes a list of spans of version 1, which say of each of their parts where
// it was, and begin and end by annotations.
type zipkinThrift struct{ batch }

// The first and the last annotation of a side, by its kind; who hands on a message has one.
var zipkinCore = [...][]string{
	clew.KindServer: {"sr", "ss"}, clew.KindClient: {"cs", "cr"}, clew.KindProducer: {"ms"}, clew.KindConsumer: {"mr"},
}

// zipkinString is the type of a binary annotation that is a text.
const zipkinString = 6

func (z *zipkinThrift) add(s *clew.Span, emit Emit) error {
	if z.spans == 0 {
		z.body = appendList(z.body, 0) // how many is known at the end
	}
	service := s.Service()
	b := appendThriftI64(z.body, 1, s.TraceID.Low())
	b = appendThriftText(b, 3, s.Name)
	b = appendThriftI64(b, 4, uint64(s.SpanID))
	if s.ParentID != 0 {
		b = appendThriftI64(b, 5, uint64(s.ParentID))
	}
	var core []string
	if hasZipkinKind(s.Kind) {
		core = zipkinCore[s.Kind]
	}
	b = appendList(appendField(b, thriftList, 6), len(core)+len(s.Events))
	for i, value := range core {
		at := uint64(s.Start) / 1000
		if i > 0 {
			at += micros(s)
		}
		b = zipkinNote(b, at, value, service)
	}
	for i := range s.Events {
		b = zipkinNote(b, uint64(s.Events[i].Time)/1000, eventText(&s.Events[i]), service)
	}
	tags := len(s.Attrs)
	if core == nil {
		tags++
	}
	if s.Status == clew.StatusError {
		tags++
	}
	b = appendList(appendField(b, thriftList, 8), tags)
	if core == nil {
		b = zipkinBinary(b, "lc", "", service) // whose it is
	}
	for i := range s.Attrs {
		b = zipkinBinary(b, s.Attrs[i].Key, valueText(s.Attrs[i].Value), service)
	}
	if s.Status == clew.StatusError {
		b = zipkinBinary(b, zipkinError, zipkinFailure(s), service)
	}
	b = appendThriftI64(b, 10, uint64(s.Start)/1000)
	b = appendThriftI64(b, 11, micros(s))
	b = appendThriftI64(b, 12, s.TraceID.High())
	z.body = append(b, thriftStop)
	z.spans++
	if z.full() {
		return z.flush(emit)
	}
	return nil
}

func zipkinNote[T []byte | string](b []byte, at uint64, value T, service string) []byte {
	b = appendThriftI64(b, 1, at)
	b = appendThriftText(b, 2, value)
	return append(zipkinHost(b, 3, service), thriftStop)
}

func zipkinBinary[T []byte | string](b []byte, key string, value T, service string) []byte {
	b = appendThriftText(b, 1, key)
	b = appendThriftText(b, 2, value)
	b = appendThriftI32(b, 3, zipkinString)
	return append(zipkinHost(b, 4, service), thriftStop)
}

// zipkinHost appends an Endpoint: an address, none here, a port and the service.
func zipkinHost(b []byte, field byte, service string) []byte {
	b = appendField(b, thriftStruct, field)
	b = appendThriftI32(b, 1, 0)
	b = append(appendField(b, thriftI16, 2), 0, 0)
	return append(appendThriftText(b, 3, service), thriftStop)
}

func (z *zipkinThrift) flush(emit Emit) error {
	if z.spans == 0 {
		return nil
	}
	defer z.clear()
	binary.BigEndian.PutUint32(z.body[1:], uint32(z.spans))
	return emit(z.body, z.spans)
}
