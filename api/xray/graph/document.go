package graph

import (
	"encoding/json"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
)

// object is attributes as an object of JSON.
type object map[string]json.RawMessage

func objectOf(attrs []clew.Attr) object {
	o := make(object, len(attrs))
	for _, a := range attrs {
		o[a.Key] = otlp.AppendPlainJSON(nil, a.Value)
	}
	return o
}

// spanDocument is a span as AWS keeps them in its log group aws/spans: attributes are an object,
// times are whole nanoseconds.
type spanDocument struct {
	Resource          attributesJSON `json:"resource"`
	Scope             scopeJSON      `json:"scope"`
	TraceID           string         `json:"traceId"`
	SpanID            string         `json:"spanId"`
	ParentSpanID      string         `json:"parentSpanId,omitempty"`
	TraceState        string         `json:"traceState,omitempty"`
	Flags             uint32         `json:"flags"`
	Name              string         `json:"name"`
	Kind              string         `json:"kind"`
	StartTimeUnixNano uint64         `json:"startTimeUnixNano"`
	EndTimeUnixNano   uint64         `json:"endTimeUnixNano,omitempty"`
	DurationNano      *int64         `json:"durationNano,omitempty"`
	Attributes        object         `json:"attributes"`
	Events            []eventJSON    `json:"events,omitempty"`
	Links             []spanLinkJSON `json:"links,omitempty"`
	Status            statusJSON     `json:"status"`
}

type attributesJSON struct {
	Attributes object `json:"attributes"`
}

type scopeJSON struct {
	Name       string `json:"name"`
	Version    string `json:"version,omitempty"`
	Attributes object `json:"attributes,omitempty"`
}

type eventJSON struct {
	TimeUnixNano uint64 `json:"timeUnixNano"`
	Name         string `json:"name"`
	Attributes   object `json:"attributes"`
}

type spanLinkJSON struct {
	TraceID    string `json:"traceId"`
	SpanID     string `json:"spanId"`
	Attributes object `json:"attributes,omitempty"`
}

type statusJSON struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
}

// documentOf is the document of a row.
func documentOf(r *span.Rows, row int) ([]byte, error) {
	s := r.Span(row)
	d := spanDocument{
		Resource: attributesJSON{objectOf(s.Resource.Attrs)}, Scope: scopeJSON{Name: s.Scope.Name, Version: s.Scope.Version, Attributes: objectOf(s.Scope.Attrs)},
		TraceID: s.TraceID.String(), SpanID: s.SpanID.String(), TraceState: s.TraceState, Flags: s.Flags, Name: s.Name,
		Kind: strings.ToUpper(s.Kind.String()), StartTimeUnixNano: uint64(s.Start), Attributes: objectOf(s.Attrs),
		Status: statusJSON{strings.ToUpper(s.Status.String()), s.StatusMessage},
	}
	if s.ParentID != 0 {
		d.ParentSpanID = s.ParentID.String()
	}
	if !r.Batch().Unfinished(row) {
		duration := int64(s.End - s.Start)
		d.EndTimeUnixNano, d.DurationNano = uint64(s.End), &duration
	}
	for _, e := range s.Events {
		d.Events = append(d.Events, eventJSON{uint64(e.Time), e.Name, objectOf(e.Attrs)})
	}
	for _, l := range s.Links {
		d.Links = append(d.Links, spanLinkJSON{l.TraceID.String(), l.SpanID.String(), objectOf(l.Attrs)})
	}
	return json.Marshal(&d)
}
