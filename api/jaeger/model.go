package jaeger

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/skew"
	"github.com/clew-tracing/clew/storage"
)

// spanJSON is a span in Jaeger's model: its fields as JSON has them, and behind them what
// protobuf says more exactly.
type spanJSON struct {
	TraceID       string      `json:"traceID"`
	SpanID        string      `json:"spanID"`
	Flags         uint32      `json:"flags,omitempty"`
	OperationName string      `json:"operationName"`
	References    []reference `json:"references"`
	StartTime     uint64      `json:"startTime"`
	Duration      uint64      `json:"duration"`
	Tags          []tag       `json:"tags"`
	Logs          []logJSON   `json:"logs"`
	ProcessID     string      `json:"processID"`
	Warnings      []string    `json:"warnings"`

	ids      ids
	start    clew.UnixNanos
	duration uint64 // ns
}

// ids name a span.
type ids struct {
	trace clew.TraceID
	span  clew.SpanID
}

type reference struct {
	RefType string `json:"refType"`
	TraceID string `json:"traceID"`
	SpanID  string `json:"spanID"`

	ids ids
}

// What references are.
const (
	childOf     = "CHILD_OF"
	followsFrom = "FOLLOWS_FROM"
)

func referenceTo(kind string, trace clew.TraceID, span clew.SpanID) reference {
	return reference{kind, api.ShortTraceID(trace), span.String(), ids{trace, span}}
}

type tag struct {
	Key   string `json:"key"`
	Type  string `json:"type"`
	Value any    `json:"value"`

	exact clew.Value // what Value was made of
}

type logJSON struct {
	Timestamp uint64 `json:"timestamp"`
	Fields    []tag  `json:"fields"`

	time clew.UnixNanos
}

type process struct {
	ServiceName string `json:"serviceName"`
	Tags        []tag  `json:"tags"`
}

// tagOf is an attribute as Jaeger has it: arrays and maps are their JSON, in a string.
func tagOf(key string, v clew.Value) tag {
	t := tag{Key: api.Shown(key), Type: "string", exact: v}
	switch v.Type {
	case clew.TypeInt:
		t.Type, t.Value = "int64", v.Int()
		if v.Int() > maxSafeInteger || v.Int() < -maxSafeInteger {
			t.Value = v.String()
		}
	case clew.TypeDouble:
		t.Type, t.Value = "float64", v.Double()
		if math.IsNaN(v.Double()) || math.IsInf(v.Double(), 0) {
			t.Value = v.String()
		}
	case clew.TypeBool:
		t.Type, t.Value = "bool", v.Bool()
	case clew.TypeOther:
		if o, err := otlp.Open(v); err == nil && o.Form == otlp.FormBytes {
			t.Type, t.Value = "binary", base64.StdEncoding.EncodeToString(o.Bytes)
			break
		}
		t.Value = api.Shown(otlp.ValueText(v))
	default:
		t.Value = api.Shown(v.String())
	}
	return t
}

// tagsOf returns attributes, and those of repeated keys, as tags; never nil.
func tagsOf(attrs []clew.Attr, extra []byte) []tag {
	out := make([]tag, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, tagOf(a.Key, a.Value))
	}
	// What cannot be read any more is left out.
	_ = otlp.EachExtra(extra, func(key string, v clew.Value) { out = append(out, tagOf(key, v)) })
	return out
}

// refTypeKey is the attribute of a link that says what it was in OpenTracing.
const refTypeKey = "opentracing.ref_type"

// spanOf translates a row.
func spanOf(r *span.Rows, row int) spanJSON {
	s := r.Span(row)
	out := spanJSON{
		TraceID: api.ShortTraceID(s.TraceID), SpanID: s.SpanID.String(), Flags: s.Flags & 0xff, OperationName: api.Shown(s.Name),
		StartTime: uint64(s.Start) / 1000, Logs: []logJSON{},
		ProcessID: processID(r.Batch().Resource[row]), ids: ids{s.TraceID, s.SpanID}, start: s.Start,
	}
	switch {
	case s.End >= s.Start:
		out.duration = uint64(s.End - s.Start)
		out.Duration = out.duration / 1000
	case s.Unfinished():
		out.Warnings = []string{"this span has not ended"}
	default:
		out.Warnings = []string{"this span ends before it starts, by " + strconv.FormatUint(uint64(s.Start-s.End), 10) + " ns"}
	}
	out.References = referencesOf(&s)
	s.Attrs = out.takeOwn(s.Attrs)
	out.Tags = spanTags(&s, r.Extra(row))
	lo, _ := r.Events(row)
	for i, e := range s.Events {
		fields := tagsOf(e.Attrs, r.EventExtra(lo+i))
		if e.Name != "" && !slices.ContainsFunc(fields, func(t tag) bool { return t.Key == "event" }) {
			fields = slices.Insert(fields, 0, tagOf("event", clew.StringValue(e.Name)))
		}
		out.Logs = append(out.Logs, logJSON{uint64(e.Time) / 1000, fields, e.Time})
	}
	return out
}

// takeOwn sets what a span of Jaeger's client had that is kept as attributes, since OTLP has no
// place for it, and returns the others.
func (s *spanJSON) takeOwn(attrs []clew.Attr) []clew.Attr {
	own := func(a clew.Attr) bool {
		return a.Key == "jaeger.flags" && a.Value.Type == clew.TypeInt || a.Key == "jaeger.warnings" && a.Value.Type == clew.TypeOther
	}
	if !slices.ContainsFunc(attrs, own) {
		return attrs
	}
	var others []clew.Attr
	for _, a := range attrs {
		if !own(a) {
			others = append(others, a)
			continue
		}
		if a.Value.Type == clew.TypeInt {
			s.Flags = uint32(a.Value.Int())
			continue
		}
		o, err := otlp.Open(a.Value)
		if err != nil || o.Form != otlp.FormArray {
			others = append(others, a)
			continue
		}
		for _, w := range o.Array {
			s.Warnings = append(s.Warnings, api.Shown(w.String()))
		}
	}
	return others
}

// referencesOf returns the parent, first, and the links. A link to the parent says which kind
// of reference it was; the parent of a span may be one that it follows from.
func referencesOf(s *clew.Span) []reference {
	out := []reference{}
	if s.ParentID != 0 {
		out = append(out, referenceTo(childOf, s.TraceID, s.ParentID))
	}
	for _, l := range s.Links {
		at := slices.IndexFunc(l.Attrs, func(a clew.Attr) bool { return a.Key == refTypeKey })
		kind := followsFrom
		if at >= 0 && l.Attrs[at].Value.String() == "child_of" {
			kind = childOf
		}
		if at >= 0 && s.ParentID != 0 && l.TraceID == s.TraceID && l.SpanID == s.ParentID {
			out[0].RefType = kind
			continue
		}
		out = append(out, referenceTo(kind, l.TraceID, l.SpanID))
	}
	return out
}

// spanTags are a span's attributes and what of it has no other place in the model.
func spanTags(s *clew.Span, extra []byte) []tag {
	var tags []tag
	text := func(key, value string) {
		if value != "" {
			tags = append(tags, tagOf(key, clew.StringValue(value)))
		}
	}
	text("otel.scope.name", s.Scope.Name)
	text("otel.scope.version", s.Scope.Version)
	tags = append(tags, tagsOf(s.Attrs, extra)...)
	text("span.kind", kindText(s.Kind))
	switch s.Status {
	case clew.StatusOK:
		text("otel.status_code", "OK")
	case clew.StatusError:
		text("otel.status_code", "ERROR")
		tags = append(tags, tagOf("error", clew.BoolValue(true)))
	}
	text("otel.status_description", s.StatusMessage)
	text("w3c.tracestate", s.TraceState)
	if tags == nil {
		tags = []tag{}
	}
	return tags
}

func processID(resource uint32) string { return "p" + strconv.Itoa(int(resource)+1) }

func processOf(r *span.ResourceEntry) process {
	p := process{ServiceName: api.ServiceName(r.Service), Tags: []tag{}}
	for _, a := range r.Attrs {
		if a.Key != "service.name" || a.Value.Type != clew.TypeString {
			p.Tags = append(p.Tags, tagOf(a.Key, a.Value))
		}
	}
	return p
}

// warnOfClock says if a row's clock differs from the root's for certain; its times are as they
// were received. It is said of each span, so that names are cut.
func (s *spanJSON) warnOfClock(clocks *skew.Report, row int) {
	i := clocks.Of(row)
	if i < 0 || !clocks.Clocks[i].Skewed() {
		return
	}
	c := &clocks.Clocks[i]
	s.Warnings = append(s.Warnings, api.Shown("clock skew, not adjusted: the clock of "+api.ShortText(c.Name)+" is "+c.Note(api.ShortText(clocks.Clocks[0].Name))))
}

// damageText warns of a trace that has damage.
func damageText(t *storage.Trace) string {
	return api.Shown("this trace is not whole: " + t.Damaged.Error())
}

// writeTrace writes one trace.
func writeTrace(w *api.JSONWriter, t *storage.Trace) {
	rows := api.InOrder(t)
	w.Text(`{"traceID":`)
	w.Value(api.ShortTraceID(t.TraceIDs[t.Trace[rows[0]]]))
	w.Text(`,"spans":[`)
	r := span.NewRows(t.Batch)
	clocks := skew.Measure(t.Batch)
	used := make([]bool, len(t.Resources))
	for i, row := range rows {
		if i > 0 {
			w.Text(",")
		}
		s := spanOf(r, int(row))
		s.warnOfClock(clocks, int(row))
		w.Value(s)
		used[t.Resource[row]] = true
	}
	w.Text(`],"processes":{`)
	first := true
	for i, r := range t.Resources {
		if !used[i] {
			continue
		}
		if !first {
			w.Text(",")
		}
		first = false
		w.Value(processID(uint32(i)))
		w.Text(":")
		w.Value(processOf(r))
	}
	w.Text(`},"warnings":`)
	var warnings []string
	if t.Damaged != nil {
		warnings = append(warnings, damageText(t))
	}
	w.Value(warnings)
	w.Text("}")
}
