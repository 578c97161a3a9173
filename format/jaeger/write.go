package jaeger

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/clew-tracing/clew/otlp/wire"
)

// writer appends spans to a request of OTLP. What follows with the same process and scope
// goes into the same messages.
type writer struct {
	dst     []byte
	unknown int
	span    span

	// resource and scope are the marks of the messages that are open, 0 if none is.
	resource, scope int
	// before is where the open resource begins, used whether it has a span.
	before                  int
	used                    bool
	process                 []byte // of the open resource, as it came
	scopeName, scopeVersion []byte
}

// noService is what OpenTelemetry's collector calls a process of which it knows nothing.
const noService = "OTLPResourceNoServiceName"

// openResource begins the spans of a process.
func (w *writer) openResource(service []byte, tags []tag) {
	w.closeResource()
	var resource int
	w.before, w.used = len(w.dst), false
	w.dst, w.resource = wire.Open(w.dst, wire.RequestResourceSpans)
	w.dst, resource = wire.Open(w.dst, wire.ResourceSpansResource)
	named := len(service) > 0 && string(service) != noService
	if named {
		w.dst = wire.AppendTextAttr(w.dst, wire.ResourceAttributes, "service.name", service)
	}
	for i := range tags {
		if named && string(tags[i].key) == "service.name" {
			continue // the process has its name
		}
		w.attr(wire.ResourceAttributes, &tags[i])
	}
	w.dst = wire.Close(w.dst, resource)
}

// closeResource ends what is open. A process without spans says nothing.
func (w *writer) closeResource() {
	w.closeScope()
	switch {
	case w.resource == 0:
		return
	case w.used:
		w.dst = wire.Close(w.dst, w.resource)
	default:
		w.dst = w.dst[:w.before]
	}
	w.resource = 0
}

// openScope begins the spans of a scope, if it is another one.
func (w *writer) openScope(name, version []byte) {
	if w.scope != 0 && bytes.Equal(name, w.scopeName) && bytes.Equal(version, w.scopeVersion) {
		return
	}
	w.closeScope()
	w.used = true
	w.scopeName, w.scopeVersion = name, version
	w.dst, w.scope = wire.Open(w.dst, wire.ResourceSpansScope)
	if len(name) > 0 || len(version) > 0 {
		var scope int
		w.dst, scope = wire.Open(w.dst, wire.ScopeSpansScope)
		w.dst = wire.AppendText(w.dst, wire.ScopeName, name)
		w.dst = wire.AppendText(w.dst, wire.ScopeVersion, version)
		w.dst = wire.Close(w.dst, scope)
	}
}

func (w *writer) closeScope() {
	if w.scope != 0 {
		w.dst = wire.Close(w.dst, w.scope)
		w.scope = 0
	}
}

// attr appends a tag as an attribute.
func (w *writer) attr(num int, t *tag) {
	if t.binary {
		w.dst = wire.AppendBinaryAttr(w.dst, num, t.key, t.value.Bytes)
		return
	}
	w.dst = wire.AppendAttr(w.dst, num, t.key, t.value)
}

// write appends the span that was read.
func (w *writer) write() {
	s := &w.span
	m := meaning(s.tags)
	w.openScope(m.scopeName, m.scopeVersion)
	var span int
	w.dst, span = wire.Open(w.dst, wire.ScopeSpansSpans)
	w.ids(s)
	parent := s.parentOf()
	if parent != 0 {
		w.dst = wire.AppendSpanID(w.dst, wire.SpanParentID, parent)
	}
	w.dst = wire.AppendText(w.dst, wire.SpanTraceState, m.traceState)
	w.dst = wire.AppendText(w.dst, wire.SpanName, s.name)
	w.dst = wire.AppendCount(w.dst, wire.SpanKind, m.kind)
	start, end := times(s.start, s.duration)
	w.dst = wire.AppendNanos(w.dst, wire.SpanStart, start)
	w.dst = wire.AppendNanos(w.dst, wire.SpanEnd, end)
	for i := range s.tags {
		if t := &s.tags[i]; !t.taken {
			w.attr(wire.SpanAttributes, t)
		}
	}
	if s.flags > flagsMask {
		w.dst = wire.AppendIntAttr(w.dst, wire.SpanAttributes, "jaeger.flags", int64(s.flags))
	}
	if len(s.warnings) > 0 {
		w.dst = wire.AppendTextsAttr(w.dst, wire.SpanAttributes, "jaeger.warnings", s.warnings)
	}
	for i := range s.logs {
		w.event(s, &s.logs[i])
	}
	for i := range s.refs {
		if r := &s.refs[i]; r.trace != s.trace || r.span != parent || r.followsFrom {
			w.link(r)
		}
	}
	if m.status != 0 || len(m.message) > 0 {
		var status int
		w.dst, status = wire.Open(w.dst, wire.SpanStatus)
		w.dst = wire.AppendText(w.dst, wire.StatusMessage, m.message)
		w.dst = wire.AppendCount(w.dst, wire.StatusCode, m.status)
		w.dst = wire.Close(w.dst, status)
	}
	if flags := s.flags & flagsMask; flags != 0 {
		w.dst = wire.AppendFixed32(w.dst, wire.SpanFlags, flags)
	}
	w.dst = wire.Close(w.dst, span)
}

// flagsMask are the flags of a span that OTLP has a place for. Bit 0 means sampled in both.
const flagsMask = 0xff

// ids appends the ids of a span, also those that cannot be.
func (w *writer) ids(s *span) {
	if s.badTrace != nil {
		w.dst = wire.AppendBytes(w.dst, wire.SpanTraceID, s.badTrace)
	} else {
		w.dst = appendTraceID(w.dst, wire.SpanTraceID, s.trace)
	}
	if s.badID != nil {
		w.dst = wire.AppendBytes(w.dst, wire.SpanSpanID, s.badID)
	} else {
		w.dst = wire.AppendSpanID(w.dst, wire.SpanSpanID, s.id)
	}
}

func appendTraceID(dst []byte, num int, t id) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], t.high)
	binary.BigEndian.PutUint64(b[8:], t.low)
	return wire.AppendBytes(dst, num, b[:])
}

// times returns start and end. A time before 1970 is none; an end that a negative duration
// puts there is the first moment, since without an end a span would be one that goes on.
func times(start, duration int64) (from, to uint64) {
	start = max(start, 0)
	end := start + duration
	switch {
	case duration > 0 && end < start:
		end = math.MaxInt64
	case end <= 0 && (start != 0 || duration != 0):
		end = 1
	}
	return uint64(start), uint64(end)
}

// event appends a log as an event. A field "event" that is the only one is its name.
func (w *writer) event(s *span, l *log) {
	fields := s.fields[l.start:l.end]
	name, named := -1, 0
	for i := range fields {
		if string(fields[i].key) == "event" {
			named++
			if name < 0 && fields[i].isText() {
				name = i
			}
		}
	}
	var event int
	w.dst, event = wire.Open(w.dst, wire.SpanEvents)
	w.dst = wire.AppendNanos(w.dst, wire.EventTime, uint64(max(l.nanos, 0)))
	if name >= 0 {
		w.dst = wire.AppendText(w.dst, wire.EventName, fields[name].value.Bytes)
		fields[name].taken = named == 1
	}
	for i := range fields {
		if !fields[i].taken {
			w.attr(wire.EventAttributes, &fields[i])
		}
	}
	w.dst = wire.Close(w.dst, event)
}

// link appends a reference as a link.
func (w *writer) link(r *ref) {
	var link int
	w.dst, link = wire.Open(w.dst, wire.SpanLinks)
	w.dst = appendTraceID(w.dst, wire.LinkTraceID, r.trace)
	w.dst = wire.AppendSpanID(w.dst, wire.LinkSpanID, r.span)
	kind := "child_of"
	if r.followsFrom {
		kind = "follows_from"
	}
	w.dst = wire.AppendTextAttr(w.dst, wire.LinkAttributes, "opentracing.ref_type", kind)
	w.dst = wire.Close(w.dst, link)
}
