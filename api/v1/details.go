package v1

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
)

type spansRequest struct {
	Rows          []int `json:"rows"`
	MaxValueBytes *int  `json:"maxValueBytes"`
}

type spansAnswer struct {
	ETag    string       `json:"etag"`
	Damaged string       `json:"damaged,omitempty"`
	Spans   []spanDetail `json:"spans"`
}

type spanDetail struct {
	Row               int            `json:"row"`
	SpanID            string         `json:"spanId"`
	ParentSpanID      string         `json:"parentSpanId,omitempty"`
	Name              string         `json:"name"`
	NameEscaped       bool           `json:"nameEscaped,omitempty"`
	Kind              string         `json:"kind"`
	Status            string         `json:"status"`
	StatusMessage     string         `json:"statusMessage,omitempty"`
	Start             string         `json:"start"`
	End               string         `json:"end"`
	DurationNanos     string         `json:"durationNanos"`
	TraceState        string         `json:"traceState,omitempty"`
	Flags             uint32         `json:"flags,omitempty"`
	Attributes        []attribute    `json:"attributes"`
	DroppedAttributes uint32         `json:"droppedAttributes,omitempty"`
	Events            []eventDetail  `json:"events"`
	DroppedEvents     uint32         `json:"droppedEvents,omitempty"`
	Links             []linkDetail   `json:"links"`
	DroppedLinks      uint32         `json:"droppedLinks,omitempty"`
	Resource          resourceDetail `json:"resource"`
	Scope             scopeDetail    `json:"scope"`
}

type eventDetail struct {
	Time              string      `json:"time"`
	Name              string      `json:"name"`
	Attributes        []attribute `json:"attributes"`
	DroppedAttributes uint32      `json:"droppedAttributes,omitempty"`
}

type linkDetail struct {
	TraceID           string      `json:"traceId"`
	SpanID            string      `json:"spanId"`
	TraceState        string      `json:"traceState,omitempty"`
	Flags             uint32      `json:"flags,omitempty"`
	Attributes        []attribute `json:"attributes"`
	DroppedAttributes uint32      `json:"droppedAttributes,omitempty"`
}

type resourceDetail struct {
	Attributes        []attribute `json:"attributes"`
	DroppedAttributes uint32      `json:"droppedAttributes,omitempty"`
	SchemaURL         string      `json:"schemaUrl,omitempty"`
}

type scopeDetail struct {
	Name              string      `json:"name"`
	Version           string      `json:"version,omitempty"`
	Attributes        []attribute `json:"attributes"`
	DroppedAttributes uint32      `json:"droppedAttributes,omitempty"`
	SchemaURL         string      `json:"schemaUrl,omitempty"`
}

// spans answers everything about some rows of a trace.
func (a *API) spans(c *call) error {
	var req spansRequest
	if err := readJSON(c, &req, spansExample); err != nil {
		return err
	}
	if len(req.Rows) == 0 || len(req.Rows) > maxRows {
		return clew.Errorf(clew.Invalid, "rows: want 1 to %d of them, have %d", maxRows, len(req.Rows))
	}
	for _, row := range req.Rows {
		if row < 0 {
			return clew.Errorf(clew.Invalid, "rows: %d is no row", row)
		}
	}
	limit := defaultValueBytes
	if req.MaxValueBytes != nil {
		if limit = *req.MaxValueBytes; limit < 0 {
			return clew.Errorf(clew.Invalid, "maxValueBytes %d: want 0, which is no limit, or more", limit)
		}
	}
	if limit == 0 {
		limit = math.MaxInt
	}
	t, err := a.read(c)
	if err != nil {
		return err
	}
	defer t.Free()
	l := a.layout(c.tenant, t)
	d := detailer{rows: span.NewRows(t.Batch), limit: limit}
	out := spansAnswer{ETag: t.print.etag(), Damaged: api.DamageText(&t.Trace), Spans: []spanDetail{}}
	for _, row := range req.Rows {
		if row < len(l.rows) && l.rows[row] != span.NoCode {
			out.Spans = append(out.Spans, d.span(row, int(l.rows[row])))
		}
	}
	writeJSON(c.w, 200, out)
	return nil
}

// detailer makes details of rows; longer values than limit are cut.
type detailer struct {
	rows  *span.Rows
	limit int
}

func (d *detailer) span(row, at int) spanDetail {
	s := d.rows.Span(at)
	out := spanDetail{
		Row: row, SpanID: s.SpanID.String(), Kind: s.Kind.String(), Status: s.Status.String(),
		StatusMessage: api.Shown(s.StatusMessage), Start: nanos(s.Start), End: nanos(s.End),
		DurationNanos: difference(s.Start, s.End), TraceState: api.Shown(s.TraceState), Flags: s.Flags,
		Attributes: d.attributes(s.Attrs, d.rows.Extra(at)), DroppedAttributes: s.DroppedAttrs,
		Events: []eventDetail{}, DroppedEvents: s.DroppedEvents,
		Links: []linkDetail{}, DroppedLinks: s.DroppedLinks,
		Resource: resourceDetail{
			Attributes: d.attributes(s.Resource.Attrs, nil), DroppedAttributes: s.Resource.DroppedAttrs,
			SchemaURL: api.Shown(s.Resource.SchemaURL),
		},
		Scope: scopeDetail{
			Name: api.Shown(s.Scope.Name), Version: api.Shown(s.Scope.Version),
			Attributes: d.attributes(s.Scope.Attrs, nil), DroppedAttributes: s.Scope.DroppedAttrs,
			SchemaURL: api.Shown(s.Scope.SchemaURL),
		},
	}
	out.Name, out.NameEscaped = api.Escape(s.Name)
	if s.ParentID != 0 {
		out.ParentSpanID = s.ParentID.String()
	}
	first, _ := d.rows.Events(at)
	for i, e := range s.Events {
		out.Events = append(out.Events, eventDetail{
			Time: nanos(e.Time), Name: api.Shown(e.Name),
			Attributes: d.attributes(e.Attrs, d.rows.EventExtra(first+i)), DroppedAttributes: e.DroppedAttrs,
		})
	}
	first, _ = d.rows.Links(at)
	for i, l := range s.Links {
		out.Links = append(out.Links, linkDetail{
			TraceID: l.TraceID.String(), SpanID: l.SpanID.String(), TraceState: api.Shown(l.TraceState), Flags: l.Flags,
			Attributes: d.attributes(l.Attrs, d.rows.LinkExtra(first+i)), DroppedAttributes: l.DroppedAttrs,
		})
	}
	return out
}

// difference returns end − start in decimal, which need not fit an int64.
func difference(start, end clew.UnixNanos) string {
	switch {
	case end == 0: // it has not ended
		return "0"
	case end < start:
		return "-" + nanos(start-end)
	}
	return nanos(end - start)
}

type attribute struct {
	Key        string `json:"key"`
	KeyEscaped bool   `json:"keyEscaped,omitempty"`
	Value      value  `json:"value"`
}

type value struct {
	Type           string       `json:"type"`
	String         *string      `json:"string,omitempty"`
	Escaped        bool         `json:"escaped,omitempty"`
	Int            string       `json:"int,omitempty"`
	Double         any          `json:"double,omitempty"`
	Bool           *bool        `json:"bool,omitempty"`
	Bytes          *string      `json:"bytes,omitempty"`
	Array          *[]value     `json:"array,omitempty"`
	Map            *[]attribute `json:"map,omitempty"`
	TruncatedBytes int          `json:"truncatedBytes,omitempty"`
}

// attributes shows attrs, then those of repeated keys.
func (d *detailer) attributes(attrs []clew.Attr, extra []byte) []attribute {
	out := make([]attribute, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, d.attribute(a.Key, a.Value, 1))
	}
	// What cannot be read any more was whole when it was stored; the rest is shown.
	_ = otlp.EachExtra(extra, func(key string, v clew.Value) { out = append(out, d.attribute(key, v, 1)) })
	return out
}

func (d *detailer) attribute(key string, v clew.Value, depth int) (a attribute) {
	a.Key, a.KeyEscaped = api.Escape(key)
	a.Value = d.value(v, depth)
	return a
}

// value shows v; depth counts the values around and including it.
func (d *detailer) value(v clew.Value, depth int) value {
	switch v.Type {
	case clew.TypeString:
		return d.text(v.Bytes)
	case clew.TypeInt:
		return value{Type: "int", Int: strconv.FormatInt(v.Int(), 10)}
	case clew.TypeDouble:
		return value{Type: "double", Double: double(v.Double())}
	case clew.TypeBool:
		b := v.Bool()
		return value{Type: "bool", Bool: &b}
	}
	o, err := otlp.Open(v)
	if err != nil || depth > maxValueDepth {
		return value{Type: "empty"}
	}
	switch o.Form {
	case otlp.FormBytes:
		return d.bytes(o.Bytes)
	case otlp.FormArray:
		list := make([]value, len(o.Array))
		for i, x := range o.Array {
			list[i] = d.value(x, depth+1)
		}
		return value{Type: "array", Array: &list}
	case otlp.FormMap:
		list := make([]attribute, len(o.Map))
		for i, x := range o.Map {
			list[i] = d.attribute(x.Key, x.Value, depth+1)
		}
		return value{Type: "map", Map: &list}
	}
	return value{Type: "empty"}
}

// text shows a string, cut before the character that the limit cuts.
func (d *detailer) text(s []byte) value {
	out := value{Type: "string", Escaped: !utf8.Valid(s)}
	if len(s) > d.limit {
		out.TruncatedBytes = len(s)
		s = s[:api.WholeRunes(s, d.limit)]
	}
	text := api.Shown(string(s))
	out.String = &text
	return out
}

func (d *detailer) bytes(b []byte) value {
	out := value{Type: "bytes"}
	if len(b) > d.limit {
		out.TruncatedBytes = len(b)
		b = b[:d.limit]
	}
	text := base64.StdEncoding.EncodeToString(b)
	out.Bytes = &text
	return out
}

// double shows a number, or in words the ones that JSON lacks.
func double(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return f
}
