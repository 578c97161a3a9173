package propagation

import (
	"net/textproto"
	"slices"
	"strconv"
	"unsafe"
)

// The headers that Inject writes, in the order of their fields in writer.at.
const (
	outTraceparent = iota
	outTraceState
	outB3
	outB3TraceID
	outB3SpanID
	outB3Parent
	outB3Sampled
	outB3Flags
	outUber
	outDatadogTrace
	outDatadogParent
	outDatadogPriority
	outDatadogOrigin
	outDatadogTags
	outXRay
	outBaggage
	outs
)

// outNames are those headers as http.Header has them and in lower case, with the format that
// each is of.
var outNames = [outs]struct {
	name, lower string
	format      Format
}{
	{"Traceparent", "traceparent", TraceContext}, {"Tracestate", nameTraceState, TraceContext},
	{"B3", "b3", B3},
	{"X-B3-Traceid", "x-b3-traceid", B3Multi}, {"X-B3-Spanid", "x-b3-spanid", B3Multi}, {"X-B3-Parentspanid", "x-b3-parentspanid", B3Multi},
	{"X-B3-Sampled", "x-b3-sampled", B3Multi}, {"X-B3-Flags", "x-b3-flags", B3Multi},
	{"Uber-Trace-Id", "uber-trace-id", Jaeger},
	{"X-Datadog-Trace-Id", "x-datadog-trace-id", Datadog}, {"X-Datadog-Parent-Id", "x-datadog-parent-id", Datadog},
	{"X-Datadog-Sampling-Priority", "x-datadog-sampling-priority", Datadog}, {"X-Datadog-Origin", "x-datadog-origin", Datadog},
	{"X-Datadog-Tags", "x-datadog-tags", Datadog},
	{"X-Amzn-Trace-Id", "x-amzn-trace-id", XRay},
	{"Baggage", nameBaggage, Baggage},
}

// usualBytes is the size of all headers together without baggage and tracestate, rounded up.
const usualBytes = 768

// writer has the values of headers behind each other.
type writer struct {
	buf  []byte
	ends [outs]int // where each ends; equal to the one before: it is not written
}

// Inject writes c into headers, in every format of Writes. Headers of these formats that are
// there are replaced, or removed if c has nothing for them; others stay.
func (p *Propagator) Inject(c *Context, headers map[string][]string) {
	w := writer{buf: make([]byte, 0, usualBytes)}
	n, last := 0, 0
	for out := range outs {
		if p.Writes.Has(outNames[out].format) {
			w.write(out, c)
			w.ends[out] = len(w.buf)
			if len(w.buf) > last {
				n++
			}
		}
		last = len(w.buf)
		w.ends[out] = last
	}
	text := unsafe.String(unsafe.SliceData(w.buf), len(w.buf)) // nobody writes there again
	values := make([]string, n)
	n, last = 0, 0
	for out := range outs {
		o := &outNames[out]
		if !p.Writes.Has(o.format) {
			continue
		}
		name := o.name
		if p.LowerNames {
			name = o.lower
		}
		end := w.ends[out]
		if end == last {
			delete(headers, name)
			continue
		}
		values[n] = text[last:end]
		headers[name] = values[n : n+1 : n+1]
		n, last = n+1, end
	}
	if p.Writes.Has(Jaeger) {
		p.injectUber(c.Baggage, headers)
	}
}

// injectUber writes baggage as Jaeger's clients do, a header for each member.
func (p *Propagator) injectUber(list []Member, headers map[string][]string) {
	for name := range headers {
		if len(name) > len(prefixUberCtx) && foldEqual(name[:len(prefixUberCtx)], prefixUberCtx) {
			delete(headers, name)
		}
	}
	for _, m := range list[:min(len(list), maxBaggageMembers)] {
		name := prefixUberCtx + m.Key
		if !p.LowerNames {
			name = textproto.CanonicalMIMEHeaderKey(name)
		}
		headers[name] = []string{normalise(m.Raw, false)}
	}
}

// write appends the value of one header, if c has one.
func (w *writer) write(out int, c *Context) {
	switch out {
	case outTraceparent:
		w.buf = AppendTraceparent(w.buf, c)
	case outTraceState:
		if c.Valid() {
			w.buf = append(w.buf, c.State.Truncate(maxStateBytes)...)
		}
	case outB3:
		w.buf = AppendB3(w.buf, c)
	case outUber:
		w.buf = AppendUberTraceID(w.buf, c)
	case outXRay:
		w.buf = AppendXRay(w.buf, c)
	case outBaggage:
		w.buf = AppendBaggage(w.buf, c.Baggage)
	case outB3TraceID, outB3SpanID, outB3Parent, outB3Sampled, outB3Flags:
		w.b3Multi(out, c)
	default:
		w.datadog(out, c)
	}
}

// b3Multi appends the value of one of the X-B3 headers.
func (w *writer) b3Multi(out int, c *Context) {
	switch {
	case out == outB3Sampled && (c.Sampling == Record || c.Sampling == Drop) && (c.Valid() || c.TraceID.IsZero()):
		w.buf = append(w.buf, '0'+byte(c.Sampling-Drop))
	case out == outB3Flags && c.Sampling == Debug && (c.Valid() || c.TraceID.IsZero()):
		w.buf = append(w.buf, '1')
	case !c.Valid():
	case out == outB3TraceID:
		w.buf = appendTraceID(w.buf, c.TraceID, true)
	case out == outB3SpanID:
		w.buf = appendHex(w.buf, uint64(c.SpanID))
	case out == outB3Parent && c.ParentID != 0:
		w.buf = appendHex(w.buf, uint64(c.ParentID))
	}
}

// datadog appends the value of one of Datadog's headers.
func (w *writer) datadog(out int, c *Context) {
	if c.TraceID.Low() == 0 || c.SpanID == 0 {
		return // they have the low half alone
	}
	switch out {
	case outDatadogTrace:
		w.buf = strconv.AppendUint(w.buf, c.TraceID.Low(), 10)
	case outDatadogParent:
		w.buf = strconv.AppendUint(w.buf, uint64(c.SpanID), 10)
	case outDatadogPriority:
		if n, ok := c.priority(); ok {
			w.buf = strconv.AppendInt(w.buf, int64(n), 10)
		}
	case outDatadogOrigin:
		w.buf = append(w.buf, c.Datadog.Origin...)
	case outDatadogTags:
		w.buf = appendDatadogTags(w.buf, c)
	}
}

// Headers are the names, in lower case, of all headers that the formats of s may be read from,
// but for those of Jaeger's baggage, which begin with uberctx-: a proxy has to let them pass.
func (s Set) Headers() []string {
	var out []string
	for i := range outNames {
		if s.Has(outNames[i].format) {
			out = append(out, outNames[i].lower)
		}
	}
	return slices.Clip(out)
}

// FormatOf returns the format whose header a name is, in any case.
func FormatOf(name string) (Format, bool) {
	for i := range outNames {
		if foldEqual(name, outNames[i].lower) {
			return outNames[i].format, true
		}
	}
	for _, prefix := range [...]string{prefixUberCtx, prefixOTCtx} {
		if len(name) > len(prefix) && foldEqual(name[:len(prefix)], prefix) {
			return Jaeger, true
		}
	}
	return 0, false
}
