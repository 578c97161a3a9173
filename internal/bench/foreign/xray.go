package foreign

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/clew-tracing/clew"
)

// xray writes PutTraceSegments. A span that ends waits for the one that it is a part of; a
// segment takes what waits for it, and is a document.
type xray struct {
	batch
	waiting map[clew.SpanID]*parts
	scratch []byte
}

// parts are subsegments that wait for the same parent.
type parts struct {
	trace clew.TraceID
	// texts are objects without their braces, counts how many spans each is.
	texts  [][]byte
	counts []int
	spans  int
}

func newXRay(perRequest int) *xray {
	return &xray{batch: batch{most: perRequest}, waiting: map[clew.SpanID]*parts{}}
}

// isSegment reports whether a span is what a service does for somebody, not a part of that.
func isSegment(s *clew.Span) bool {
	return s.ParentID == 0 || s.Kind == clew.KindServer || s.Kind == clew.KindConsumer
}

func (x *xray) add(s *clew.Span, emit Emit) error {
	text := appendSegment(x.scratch[:0], s)
	spans := 1
	if below := x.waiting[s.SpanID]; below != nil {
		delete(x.waiting, s.SpanID)
		spans += below.spans
		text = append(text, `,"subsegments":[`...)
		for i, part := range below.texts {
			if i > 0 {
				text = append(text, ',')
			}
			text = append(append(append(text, '{'), part...), '}')
		}
		text = append(text, ']')
	}
	x.scratch = text
	if isSegment(s) {
		return x.document(head(s.TraceID, s.ParentID), text, spans, emit)
	}
	p := x.waiting[s.ParentID]
	if p == nil {
		p = &parts{trace: s.TraceID}
		x.waiting[s.ParentID] = p
	}
	p.texts, p.counts = append(p.texts, slices.Clone(text)), append(p.counts, spans)
	p.spans += spans
	return nil
}

// head is what a document says that is not a part of another.
func head(trace clew.TraceID, parent clew.SpanID) string {
	id := trace.String()
	out := `{"trace_id":"1-` + id[:8] + "-" + id[8:] + `",`
	if parent != 0 {
		out += `"parent_id":"` + parent.String() + `",`
	}
	return out
}

// document adds a document to the request.
func (x *xray) document(head string, text []byte, spans int, emit Emit) error {
	if x.spans == 0 {
		x.body = append(x.body, `{"TraceSegmentDocuments":[`...)
	} else {
		x.body = append(x.body, ',')
	}
	doc := append(append([]byte(head), text...), '}')
	x.body = appendString(x.body, doc)
	if x.spans += spans; x.full() {
		return x.send(emit)
	}
	return nil
}

func (x *xray) send(emit Emit) error {
	if x.spans == 0 {
		return nil
	}
	defer x.clear()
	return emit(append(x.body, ']', '}'), x.spans)
}

// flush sends what waits in vain as subsegments by themselves.
func (x *xray) flush(emit Emit) error {
	for _, parent := range slices.Sorted(maps.Keys(x.waiting)) {
		p := x.waiting[parent]
		for i, text := range p.texts {
			if err := x.document(head(p.trace, parent)+`"type":"subsegment",`, text, p.counts[i], emit); err != nil {
				return err
			}
		}
	}
	clear(x.waiting)
	return x.send(emit)
}

// appendSegment appends what a segment or a subsegment is, without braces.
func appendSegment(b []byte, s *clew.Span) []byte {
	a := sortAttrs(s)
	begin := len(b)
	b = append(b, '{')
	b = appendString(appendKey(b, "name"), a.name(s))
	b = appendString(appendKey(b, "id"), s.SpanID.String())
	b = appendSeconds(appendKey(b, "start_time"), s.Start)
	b = appendSeconds(appendKey(b, "end_time"), s.End)
	if isSegment(s) {
		b = appendOrigin(b, s)
	} else if s.Kind == clew.KindClient || s.Kind == clew.KindProducer {
		b = append(appendKey(b, "namespace"), `"remote"`...)
	}
	if a.status >= 400 && a.status < 500 {
		b = append(appendKey(b, "error"), "true"...)
	}
	if s.Status == clew.StatusError {
		b = append(appendKey(b, "fault"), "true"...)
	}
	b = a.appendHTTP(b)
	if a.system != "" {
		b = appendString(append(appendKey(b, "sql"), `{"database_type":`...), a.system)
		b = append(appendString(appendKey(b, "sanitized_query"), a.query), '}')
	}
	if len(a.rest) > 0 {
		b = appendAttrs(appendKey(b, "annotations"), a.rest)
	}
	b = appendCause(b, s)
	for i := range s.Links {
		if i == 0 {
			b = append(appendKey(b, "links"), '[')
		} else {
			b = append(b, ',')
		}
		id := s.Links[i].TraceID.String()
		b = append(b, `{"trace_id":"1-`...)
		b = append(append(append(b, id[:8]...), '-'), id[8:]...)
		b = append(append(append(b, `","id":"`...), s.Links[i].SpanID.String()...), '"', '}')
	}
	if len(s.Links) > 0 {
		b = append(b, ']')
	}
	return append(b[:begin], b[begin+1:]...)
}

// segmentAttrs are the attributes of a span, sorted to the places that X-Ray has for them;
// rest are annotations.
type segmentAttrs struct {
	method, url, scheme, host, path, agent, client string
	status, size                                   int64
	hasSize                                        bool
	system, query                                  string
	destination                                    string
	rest                                           []clew.Attr
}

func sortAttrs(s *clew.Span) *segmentAttrs {
	a := &segmentAttrs{}
	for _, attr := range s.Attrs {
		switch v := attr.Value; attr.Key {
		case "http.request.method":
			a.method = v.String()
		case "url.full":
			a.url = v.String()
		case "url.scheme":
			a.scheme = v.String()
		case "url.path":
			a.path = v.String()
		case "server.address":
			a.host = v.String()
		case "user_agent.original":
			a.agent = v.String()
		case "client.address":
			a.client = v.String()
		case "http.response.status_code":
			a.status = v.Int()
		case "http.response.body.size":
			a.size, a.hasSize = v.Int(), true
		case "db.system.name":
			a.system = v.String()
		case "db.query.text":
			a.query = v.String()
		case "messaging.destination.name":
			a.destination = v.String()
		default:
			a.rest = append(a.rest, attr)
		}
	}
	if a.url == "" && a.path != "" {
		a.url = a.scheme + "://" + a.host + a.path
	}
	return a
}

// name is who did it: the service, or what it asked.
func (a *segmentAttrs) name(s *clew.Span) string {
	name := s.Name
	switch {
	case isSegment(s):
		name = s.Service()
	case a.host != "":
		name = a.host
	case a.destination != "":
		name = a.destination
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsSpace(r) || strings.ContainsRune(`_.:/%&#=+\-@`, r) {
			return r
		}
		return '_'
	}, name)
}

func (a *segmentAttrs) appendHTTP(b []byte) []byte {
	if a.method == "" {
		return b
	}
	b = append(appendKey(b, "http"), `{"request":{`...)
	for _, f := range []struct{ key, value string }{{"method", a.method}, {"url", a.url}, {"user_agent", a.agent}, {"client_ip", a.client}} {
		if f.value != "" {
			b = appendString(appendKey(b, f.key), f.value)
		}
	}
	b = append(b, `},"response":{"status":`...)
	b = strconv.AppendInt(b, a.status, 10)
	if a.hasSize {
		b = strconv.AppendInt(appendKey(b, "content_length"), a.size, 10)
	}
	return append(b, '}', '}')
}

// appendOrigin appends what X-Ray's SDKs say of where they run.
func appendOrigin(b []byte, s *clew.Span) []byte {
	attrs := s.Resource.Attrs
	b = append(appendKey(b, "origin"), `"AWS::EKS::Container"`...)
	b = append(appendKey(b, "aws"), `{"eks":{"pod":`...)
	b = appendString(b, text(attrs, "k8s.pod.name"))
	b = append(b, `},"xray":{"sdk":`...)
	b = appendString(b, text(attrs, "telemetry.sdk.name"))
	b = append(appendString(appendKey(b, "sdk_version"), text(attrs, "telemetry.sdk.version")), '}', '}')
	b = append(appendKey(b, "service"), `{"version":`...)
	b = appendString(b, text(attrs, "service.version"))
	return append(appendString(appendKey(b, "runtime"), text(attrs, "telemetry.sdk.language")), '}')
}

// appendCause appends the exceptions of a span.
func appendCause(b []byte, s *clew.Span) []byte {
	first := true
	for i := range s.Events {
		e := &s.Events[i]
		if e.Name != "exception" {
			continue
		}
		if first {
			b = append(appendKey(b, "cause"), `{"working_directory":"/srv/app","exceptions":[`...)
			first = false
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"id":"`...)
		b = append(b, (s.SpanID ^ clew.SpanID(i+1)).String()...)
		b = append(b, `","message":`...)
		b = appendString(b, text(e.Attrs, "exception.message"))
		b = appendString(appendKey(b, "type"), text(e.Attrs, "exception.type"))
		b = append(b, `,"remote":false,"stack":[`...)
		b = append(appendStack(b, text(e.Attrs, "exception.stacktrace")), ']', '}')
	}
	if !first {
		b = append(b, ']', '}')
	}
	return b
}

// appendStack appends the frames of a stack trace of Java's, "at LABEL(PATH:LINE)".
func appendStack(b []byte, stack string) []byte {
	first := true
	for line := range strings.Lines(stack) {
		label, found := strings.CutPrefix(strings.TrimSpace(line), "at ")
		label, place, open := strings.Cut(label, "(")
		path, number, _ := strings.Cut(strings.TrimSuffix(place, ")"), ":")
		if !found || !open {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '{')
		b = appendString(appendKey(b, "path"), path)
		if n, err := strconv.ParseUint(number, 10, 32); err == nil {
			b = appendUint(appendKey(b, "line"), n)
		}
		b = append(appendString(appendKey(b, "label"), label), '}')
	}
	return b
}

// appendSeconds appends a time as X-Ray spells it, to the nanosecond.
func appendSeconds(b []byte, at clew.UnixNanos) []byte {
	b = appendUint(b, uint64(at)/1e9)
	rest := uint64(at) % 1e9
	if rest == 0 {
		return b
	}
	b = append(b, '.')
	for unit := uint64(1e8); rest > 0; unit /= 10 {
		b = append(b, byte('0'+rest/unit))
		rest %= unit
	}
	return b
}
