// Package zipkin turns lists of spans in Zipkin's formats into OTLP protobuf: JSON of
// versions 1 and 2, protobuf of version 2, Thrift of version 1. It does no I/O.
//
// A span becomes a span, one of version 1 that has both the annotations of a client and
// of a server two, as Zipkin itself splits it:
//
//	traceId, id, parentId   the ids; a trace id of 64 bits has a high half of zeros
//	kind                    the kind; none is unspecified
//	name                    the name
//	timestamp, duration     start and end; without a duration the span has no end
//	localEndpoint           service.name of the resource; network.local.address and .port
//	remoteEndpoint          peer.service, network.peer.address and .port
//	annotations             events
//	tags                    attributes: texts, but for known numbers (see numbers)
//	  error                 also the status, with the value as its message
//	  otel.status_code      the status
//	  otel.scope.name …     the scope
//	shared, debug           zipkin.shared, zipkin.debug
//
// A span without a timestamp gets that of its first annotation, else the time of arrival
// and the attribute otel.zipkin.absentField.startTime, as OpenTelemetry's Collector does
// it. What cannot be an id is written as none, so that the store refuses that span alone.
//
// Sources: zipkin.io/zipkin-api (zipkin-api.yaml, zipkin2-api.yaml, zipkin.proto,
// thrift/zipkinCore.thrift) and the section on shared spans of B3.
package zipkin

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/jsonread"
	"github.com/clew-tracing/clew/otlp/wire"
)

// The attributes that hold what OpenTelemetry has no name for.
const (
	KeyShared     = "zipkin.shared"
	KeyDebug      = "zipkin.debug"
	KeyLocalIPv6  = "zipkin.local_endpoint.ipv6"  // beside an address of version 4
	KeyRemoteIPv6 = "zipkin.remote_endpoint.ipv6" // the same
	keyNoStart    = "otel.zipkin.absentField.startTime"
)

// draft is a span as it was sent. Its memory is used again for the next one.
type draft struct {
	trace  clew.TraceID
	ids    bool // trace and id are what they may be
	id     uint64
	parent uint64
	name   []byte
	debug  bool
	half   half // of version 2, or what version 1 says of the whole span

	notes []note
	tags  []tag
	// arena has the texts that are not in the request as they are.
	arena []byte
}

// half is what a span is for one of the two that share it.
type half struct {
	kind          clew.Kind
	start         uint64 // unix ns
	duration      uint64 // ns
	ended         bool
	local, remote endpoint
	shared        bool
}

type endpoint struct {
	service, ipv4, ipv6 []byte
	port                uint64
}

// none reports whether an endpoint says nothing.
func (e *endpoint) none() bool {
	return len(e.service)+len(e.ipv4)+len(e.ipv6) == 0 && e.port == 0
}

// note is an annotation, tag a tag or a binary annotation. Those of version 1 have an
// endpoint.
type note struct {
	time  uint64 // unix ns
	value []byte
	at    endpoint
	of    int // the half it belongs to
}

type tag struct {
	key   []byte
	value clew.Value
	at    endpoint
	of    int
}

func (d *draft) reset() {
	clear(d.notes)
	clear(d.tags)
	*d = draft{notes: d.notes[:0], tags: d.tags[:0], arena: d.arena[:0]}
}

// maxParts bounds the annotations and the tags of a span. They are held while it is read, in
// much more memory than the smallest of them take on the wire; a span with so many is
// nobody's to look at.
const maxParts = 1 << 16

// note adds an annotation.
func (d *draft) note(n note) error {
	if len(d.notes) == maxParts {
		return tooMany("annotations")
	}
	d.notes = append(d.notes, n)
	return nil
}

// tag adds a tag.
func (d *draft) tag(t tag) error {
	if len(d.tags) == maxParts {
		return tooMany("tags")
	}
	d.tags = append(d.tags, t)
	return nil
}

func tooMany(what string) error {
	return clew.Errorf(clew.Invalid, "the span has more than %d %s", maxParts, what)
}

// keep copies a text that will not stay where it is.
func (d *draft) keep(text []byte) []byte {
	at := len(d.arena)
	d.arena = append(d.arena, text...)
	return d.arena[at:len(d.arena):len(d.arena)]
}

// maxGrowth bounds what a list comes to, as a multiple of its size: what clients send comes
// to about its own. Only lists of spans that say nothing would come to more, and to
// twenty times as much.
const maxGrowth = 4

// writer appends spans to a request, of which neighbours of one service and scope share
// their entries.
type writer struct {
	dst             []byte
	most            int    // that dst may become
	now             uint64 // of spans without a time
	resource, scope int    // marks of the entries that are open, 0 if none is
	service         []byte
	scopeName       []byte
	scopeVersion    []byte
}

// newWriter returns a writer that appends to dst what src comes to.
func newWriter(dst, src []byte, now uint64) writer {
	const least = 4 << 10
	return writer{dst: dst, most: len(dst) + max(least, maxGrowth*len(src)), now: now}
}

// full is an error once a list has come to more than it may.
func (w *writer) full() error {
	if len(w.dst) <= w.most {
		return nil
	}
	return clew.Errorf(clew.Invalid, "a list of spans that say nothing: they come to more than %d times its size", maxGrowth)
}

// close ends the entries that are open.
func (w *writer) close() []byte {
	if w.resource != 0 {
		w.dst = wire.Close(wire.Close(w.dst, w.scope), w.resource)
		w.resource = 0
	}
	return w.dst
}

// enter makes the entries of a service and a scope the open ones.
func (w *writer) enter(service, name, version []byte) {
	if w.resource != 0 && bytes.Equal(w.service, service) {
		if bytes.Equal(w.scopeName, name) && bytes.Equal(w.scopeVersion, version) {
			return
		}
		w.dst = wire.Close(w.dst, w.scope)
	} else {
		w.close()
		w.dst, w.resource = wire.Open(w.dst, wire.RequestResourceSpans)
		var mark int
		w.dst, mark = wire.Open(w.dst, wire.ResourceSpansResource)
		if len(service) > 0 {
			w.dst = wire.AppendTextAttr(w.dst, wire.ResourceAttributes, "service.name", service)
		}
		w.dst = wire.Close(w.dst, mark)
	}
	w.dst, w.scope = wire.Open(w.dst, wire.ResourceSpansScope)
	if len(name)+len(version) > 0 {
		var mark int
		w.dst, mark = wire.Open(w.dst, wire.ScopeSpansScope)
		w.dst = wire.AppendText(w.dst, wire.ScopeName, name)
		w.dst = wire.AppendText(w.dst, wire.ScopeVersion, version)
		w.dst = wire.Close(w.dst, mark)
	}
	w.service = append(w.service[:0], service...)
	w.scopeName, w.scopeVersion = append(w.scopeName[:0], name...), append(w.scopeVersion[:0], version...)
}

// status is what the tags of a span say of it besides being attributes.
type status struct {
	code, message           []byte // of otel.status_code and error
	coded, failed           bool
	scopeName, scopeVersion []byte
}

// statusOf reads the tags of a half.
func (d *draft) statusOf(of int) (s status) {
	for i := range d.tags {
		t := &d.tags[i]
		if t.of != of {
			continue
		}
		switch string(t.key) {
		case "error":
			s.failed, s.message = true, t.value.Bytes
		case "otel.status_code":
			s.coded, s.code = true, t.value.Bytes
		case "otel.scope.name", "otel.library.name":
			s.scopeName = t.value.Bytes
		case "otel.scope.version", "otel.library.version":
			s.scopeVersion = t.value.Bytes
		}
	}
	return s
}

// span appends one half of a span.
func (w *writer) span(d *draft, h *half, of int) {
	s := d.statusOf(of)
	w.enter(h.local.service, s.scopeName, s.scopeVersion)
	dst, mark := wire.Open(w.dst, wire.ScopeSpansSpans)
	if d.ids {
		dst = wire.AppendBytes(dst, wire.SpanTraceID, d.trace[:])
		dst = wire.AppendSpanID(dst, wire.SpanSpanID, d.id)
	}
	if d.parent != 0 {
		dst = wire.AppendSpanID(dst, wire.SpanParentID, d.parent)
	}
	dst = wire.AppendText(dst, wire.SpanName, d.name)
	dst = wire.AppendCount(dst, wire.SpanKind, uint64(h.kind))
	start, guessed := h.start, false
	if start == 0 {
		start, guessed = d.firstNote(of)
	}
	if start == 0 {
		start = w.now
	}
	dst = wire.AppendNanos(dst, wire.SpanStart, start)
	if h.ended {
		dst = wire.AppendNanos(dst, wire.SpanEnd, start+h.duration)
	}
	if guessed {
		dst = wire.AppendBoolAttr(dst, wire.SpanAttributes, keyNoStart, true)
	}
	dst = appendEndpoint(dst, &h.local, "", "network.local.address", "network.local.port", KeyLocalIPv6)
	dst = appendEndpoint(dst, &h.remote, "peer.service", "network.peer.address", "network.peer.port", KeyRemoteIPv6)
	if h.shared {
		dst = wire.AppendBoolAttr(dst, wire.SpanAttributes, KeyShared, true)
	}
	if d.debug {
		dst = wire.AppendBoolAttr(dst, wire.SpanAttributes, KeyDebug, true)
	}
	dst = d.appendTags(dst, of, &s)
	for i := range d.notes {
		n := &d.notes[i]
		if n.of != of {
			continue
		}
		var event int
		dst, event = wire.Open(dst, wire.SpanEvents)
		dst = wire.AppendNanos(dst, wire.EventTime, n.time)
		dst = wire.AppendText(dst, wire.EventName, n.value)
		dst = wire.Close(dst, event)
	}
	dst = appendStatus(dst, &s)
	w.dst = wire.Close(dst, mark)
}

// firstNote returns the time of the earliest annotation of a half; guessed says that there
// is none.
func (d *draft) firstNote(of int) (time uint64, guessed bool) {
	for i := range d.notes {
		if n := &d.notes[i]; n.of == of && n.time != 0 && (time == 0 || n.time < time) {
			time = n.time
		}
	}
	return time, time == 0
}

// appendEndpoint appends an endpoint as attributes; without a key for its service that is
// said elsewhere.
func appendEndpoint(dst []byte, e *endpoint, service, address, port, second string) []byte {
	if service != "" && len(e.service) > 0 {
		dst = wire.AppendTextAttr(dst, wire.SpanAttributes, service, e.service)
	}
	switch {
	case len(e.ipv4) > 0:
		dst = wire.AppendTextAttr(dst, wire.SpanAttributes, address, e.ipv4)
		if len(e.ipv6) > 0 {
			dst = wire.AppendTextAttr(dst, wire.SpanAttributes, second, e.ipv6)
		}
	case len(e.ipv6) > 0:
		dst = wire.AppendTextAttr(dst, wire.SpanAttributes, address, e.ipv6)
	}
	if e.port != 0 {
		dst = wire.AppendIntAttr(dst, wire.SpanAttributes, port, int64(e.port))
	}
	return dst
}

// numbers are the tags whose values OpenTelemetry has as integers: what compares with
// them is to find Zipkin's spans, too.
var numbers = map[string]bool{
	"http.status_code": true, "http.response.status_code": true, "rpc.grpc.status_code": true,
	"server.port": true, "network.peer.port": true, "net.peer.port": true,
}

// appendTags appends the tags of a half that have no better place. error stays one, since
// it is more than its message: it may be that of no status, or of one that is OK.
func (d *draft) appendTags(dst []byte, of int, s *status) []byte {
	for i := range d.tags {
		t := &d.tags[i]
		if t.of != of {
			continue
		}
		switch string(t.key) {
		case "otel.status_code", "otel.scope.name", "otel.scope.version", "otel.library.name", "otel.library.version":
			continue
		case "error":
			if s.coded && string(s.code) == "ERROR" {
				continue // the message alone
			}
		}
		v := t.value
		if v.Type == clew.TypeString && numbers[string(t.key)] {
			if n, ok := plainInteger(v.Bytes); ok {
				v = clew.Value{Type: clew.TypeInt, Bits: uint64(n)}
			}
		}
		dst = wire.AppendAttr(dst, wire.SpanAttributes, t.key, v)
	}
	return dst
}

// plainInteger reads an integer that is written as FormatInt writes it.
func plainInteger(text []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == string(text)
}

// appendStatus appends the status, if the tags have one. That there is an error is said by
// the tag, whatever its value.
func appendStatus(dst []byte, s *status) []byte {
	code := uint64(0)
	switch {
	case s.coded && string(s.code) == "OK":
		code = uint64(clew.StatusOK)
	case s.coded && string(s.code) == "ERROR", !s.coded && s.failed:
		code = uint64(clew.StatusError)
	}
	if code == 0 {
		return dst
	}
	dst, mark := wire.Open(dst, wire.SpanStatus)
	if code == uint64(clew.StatusError) && string(s.message) != "true" {
		dst = wire.AppendText(dst, wire.StatusMessage, s.message)
	}
	return wire.Close(wire.AppendCount(dst, wire.StatusCode, code), mark)
}

// setIDs sets the ids of a draft from their texts; what is no id leaves it without.
func (d *draft) setIDs(trace, id, parent []byte) {
	high, low, ok := parseTraceID(trace)
	d.trace = clew.MakeTraceID(high, low)
	var known bool
	d.id, known = parseID(id)
	d.ids = ok && known && high|low != 0 && d.id != 0
	d.parent, _ = parseID(parent)
}

// parseTraceID reads 1 to 32 hexadecimal digits. An id of more digits than 16 has two
// halves.
func parseTraceID(text []byte) (high, low uint64, ok bool) {
	if len(text) <= 16 {
		low, ok = parseID(text)
		return 0, low, ok
	}
	cut := len(text) - 16
	high, ok = parseID(text[:cut])
	if ok {
		low, ok = parseID(text[cut:])
	}
	return high, low, ok
}

// parseID reads 1 to 16 hexadecimal digits.
func parseID(text []byte) (v uint64, ok bool) {
	if len(text) == 0 || len(text) > 16 {
		return 0, false
	}
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | uint64(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			v = v<<4 | uint64(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}

// micros returns microseconds in nanoseconds, false if that is too much for a time.
func micros(v uint64) (uint64, bool) {
	const most = 1 << 63 / 1000
	return v * 1000, v <= most
}

// addressText returns the text of an address of 4 or 16 bytes, nothing for another.
func addressText(raw []byte) []byte {
	a, ok := netip.AddrFromSlice(raw)
	if !ok {
		return nil
	}
	return []byte(a.String())
}

// under names the span that an error is about.
func under(n int, err error) error { return jsonread.Under("["+strconv.Itoa(n)+"]", err) }
