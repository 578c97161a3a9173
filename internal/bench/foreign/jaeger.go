package foreign

import (
	"encoding/binary"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
)

// jaeger collects the spans of each process until they are as many as a request has.
type jaeger struct {
	most int
	form jaegerForm
	// processes are in the order in which they appeared; index has them by what they are.
	processes []*jaegerProcess
	index     map[string]int
	scratch   []byte
	body      []byte
}

type jaegerProcess struct {
	is []byte // as the form writes it
	batch
}

// jaegerForm is one of the two ways to write the model.
type jaegerForm interface {
	process(b []byte, service string, tags []clew.Attr) []byte
	span(b []byte, s *clew.Span, tags []clew.Attr) []byte
	// request puts a request together.
	request(b, process, spans []byte, n int) []byte
}

func (j *jaeger) add(s *clew.Span, emit Emit) error {
	j.scratch = j.form.process(j.scratch[:0], s.Service(), processTags(s))
	at, known := j.index[string(j.scratch)]
	if !known {
		if j.index == nil {
			j.index = map[string]int{}
		}
		at = len(j.processes)
		j.index[string(j.scratch)] = at
		j.processes = append(j.processes, &jaegerProcess{is: append([]byte(nil), j.scratch...), batch: batch{most: j.most}})
	}
	p := j.processes[at]
	p.body = j.form.span(p.body, s, jaegerTags(s))
	p.spans++
	if p.full() {
		return j.send(p, emit)
	}
	return nil
}

func (j *jaeger) send(p *jaegerProcess, emit Emit) error {
	j.body = j.form.request(j.body[:0], p.is, p.body, p.spans)
	defer p.clear()
	return emit(j.body, p.spans)
}

func (j *jaeger) flush(emit Emit) error {
	for _, p := range j.processes {
		if p.spans == 0 {
			continue
		}
		if err := j.send(p, emit); err != nil {
			return err
		}
	}
	return nil
}

// processTags are the attributes of a resource but for the name of the service, which has a
// place of its own.
func processTags(s *clew.Span) []clew.Attr {
	tags := make([]clew.Attr, 0, len(s.Resource.Attrs))
	for _, a := range s.Resource.Attrs {
		if a.Key != "service.name" {
			tags = append(tags, a)
		}
	}
	return tags
}

// jaegerTags are the attributes of a span, and what else it has for which there are tags.
func jaegerTags(s *clew.Span) []clew.Attr {
	tags := append(make([]clew.Attr, 0, len(s.Attrs)+5), s.Attrs...)
	if s.Kind != clew.KindUnspecified {
		tags = append(tags, clew.Attr{Key: "span.kind", Value: clew.StringValue(s.Kind.String())})
	}
	if s.Status == clew.StatusError {
		tags = append(tags, clew.Attr{Key: "error", Value: clew.BoolValue(true)})
	}
	for _, t := range []struct{ key, text string }{
		{"otel.status_description", s.StatusMessage}, {"otel.scope.name", s.Scope.Name}, {"otel.scope.version", s.Scope.Version},
	} {
		if t.text != "" {
			tags = append(tags, clew.Attr{Key: t.key, Value: clew.StringValue(t.text)})
		}
	}
	return tags
}

// logFields are the attributes of an event, and its name.
func logFields(e *clew.Event) []clew.Attr {
	return append([]clew.Attr{{Key: "event", Value: clew.StringValue(e.Name)}}, e.Attrs...)
}

// jaegerProtobuf writes PostSpansRequest of collector.proto. The numbers are those of the
// fields of model.proto.
type jaegerProtobuf struct{}

func (f jaegerProtobuf) process(b []byte, service string, tags []clew.Attr) []byte {
	b = wire.AppendBytes(b, 1, service)
	return f.tags(b, 2, tags)
}

// tags writes KeyValues.
func (jaegerProtobuf) tags(b []byte, num int, tags []clew.Attr) []byte {
	for i := range tags {
		var part int
		b, part = wire.Open(b, num)
		b = wire.AppendBytes(b, 1, tags[i].Key)
		switch v := tags[i].Value; v.Type {
		case clew.TypeBool:
			b = wire.AppendVarint(wire.AppendVarint(b, 2, 1), 4, v.Bits)
		case clew.TypeInt:
			b = wire.AppendVarint(wire.AppendVarint(b, 2, 2), 5, v.Bits)
		case clew.TypeDouble:
			b = wire.AppendFixed64(wire.AppendVarint(b, 2, 3), 6, v.Bits)
		default:
			b = wire.AppendBytes(b, 3, valueText(v))
		}
		b = wire.Close(b, part)
	}
	return b
}

// time writes a Timestamp or a Duration.
func (jaegerProtobuf) time(b []byte, num int, nanos uint64) []byte {
	b, part := wire.Open(b, num)
	if v := nanos / 1e9; v > 0 {
		b = wire.AppendVarint(b, 1, v)
	}
	if v := nanos % 1e9; v > 0 {
		b = wire.AppendVarint(b, 2, v)
	}
	return wire.Close(b, part)
}

func (jaegerProtobuf) reference(b []byte, trace clew.TraceID, id clew.SpanID, followsFrom bool) []byte {
	b, part := wire.Open(b, 4)
	b = wire.AppendBytes(b, 1, trace[:])
	b = wire.AppendBytes(b, 2, binary.BigEndian.AppendUint64(nil, uint64(id)))
	if followsFrom {
		b = wire.AppendVarint(b, 3, 1)
	}
	return wire.Close(b, part)
}

func (f jaegerProtobuf) span(b []byte, s *clew.Span, tags []clew.Attr) []byte {
	b, whole := wire.Open(b, 1)
	b = wire.AppendBytes(b, 1, s.TraceID[:])
	b = wire.AppendBytes(b, 2, binary.BigEndian.AppendUint64(nil, uint64(s.SpanID)))
	b = wire.AppendBytes(b, 3, s.Name)
	if s.ParentID != 0 {
		b = f.reference(b, s.TraceID, s.ParentID, false)
	}
	for i := range s.Links {
		b = f.reference(b, s.Links[i].TraceID, s.Links[i].SpanID, true)
	}
	b = wire.AppendVarint(b, 5, uint64(s.Flags&0xff))
	b = f.time(b, 6, uint64(s.Start))
	b = f.time(b, 7, uint64(s.End-s.Start))
	b = f.tags(b, 8, tags)
	for i := range s.Events {
		var part int
		b, part = wire.Open(b, 9)
		b = f.time(b, 1, uint64(s.Events[i].Time))
		b = wire.Close(f.tags(b, 2, logFields(&s.Events[i])), part)
	}
	return wire.Close(b, whole)
}

func (jaegerProtobuf) request(b, process, spans []byte, _ int) []byte {
	b, whole := wire.Open(b, 1)
	b = append(b, spans...)
	return wire.Close(wire.AppendBytes(b, 2, process), whole)
}

// jaegerThrift writes Batch of jaeger.thrift in the binary protocol.
type jaegerThrift struct{}

func (f jaegerThrift) process(b []byte, service string, tags []clew.Attr) []byte {
	b = appendThriftText(b, 1, service)
	return append(f.tags(appendField(b, thriftList, 2), tags), thriftStop)
}

// tags writes a list of Tag, whose value stands in the field of its type.
func (jaegerThrift) tags(b []byte, tags []clew.Attr) []byte {
	b = appendList(b, len(tags))
	for i := range tags {
		b = appendThriftText(b, 1, tags[i].Key)
		switch v := tags[i].Value; v.Type {
		case clew.TypeDouble:
			b = binary.BigEndian.AppendUint64(appendField(appendThriftI32(b, 2, 1), thriftDouble, 4), v.Bits)
		case clew.TypeBool:
			b = append(appendField(appendThriftI32(b, 2, 2), thriftBool, 5), byte(v.Bits))
		case clew.TypeInt:
			b = appendThriftI64(appendThriftI32(b, 2, 3), 6, v.Bits)
		default:
			b = appendThriftText(appendThriftI32(b, 2, 0), 3, valueText(v))
		}
		b = append(b, thriftStop)
	}
	return b
}

func (f jaegerThrift) span(b []byte, s *clew.Span, tags []clew.Attr) []byte {
	b = appendThriftI64(b, 1, s.TraceID.Low())
	b = appendThriftI64(b, 2, s.TraceID.High())
	b = appendThriftI64(b, 3, uint64(s.SpanID))
	b = appendThriftI64(b, 4, uint64(s.ParentID))
	b = appendThriftText(b, 5, s.Name)
	if len(s.Links) > 0 {
		b = appendList(appendField(b, thriftList, 6), len(s.Links))
		for i := range s.Links {
			b = appendThriftI32(b, 1, 1) // FOLLOWS_FROM
			b = appendThriftI64(b, 2, s.Links[i].TraceID.Low())
			b = appendThriftI64(b, 3, s.Links[i].TraceID.High())
			b = append(appendThriftI64(b, 4, uint64(s.Links[i].SpanID)), thriftStop)
		}
	}
	b = appendThriftI32(b, 7, s.Flags&0xff)
	b = appendThriftI64(b, 8, uint64(s.Start)/1000)
	b = appendThriftI64(b, 9, micros(s))
	b = f.tags(appendField(b, thriftList, 10), tags)
	if len(s.Events) > 0 {
		b = appendList(appendField(b, thriftList, 11), len(s.Events))
		for i := range s.Events {
			b = appendThriftI64(b, 1, uint64(s.Events[i].Time)/1000)
			b = append(f.tags(appendField(b, thriftList, 2), logFields(&s.Events[i])), thriftStop)
		}
	}
	return append(b, thriftStop)
}

func (jaegerThrift) request(b, process, spans []byte, n int) []byte {
	b = append(appendField(b, thriftStruct, 1), process...)
	b = appendList(appendField(b, thriftList, 2), n)
	return append(append(b, spans...), thriftStop)
}
