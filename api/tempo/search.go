package tempo

import (
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/exec/judge/hit"
	"github.com/clew-tracing/clew/traceql"
)

// noRoot stands for the service of a root that was not received.
const noRoot = "<root span not yet received>"

// found is a TraceSearchMetadata.
type found struct {
	TraceID           string                  `json:"traceID"`
	RootServiceName   string                  `json:"rootServiceName,omitempty"`
	RootTraceName     string                  `json:"rootTraceName,omitempty"`
	StartTimeUnixNano uint64                  `json:"startTimeUnixNano,string"`
	DurationMs        uint32                  `json:"durationMs,omitempty"`
	SpanSet           *spanSet                `json:"spanSet,omitempty"` // the first, for old clients
	SpanSets          []spanSet               `json:"spanSets,omitempty"`
	ServiceStats      map[string]serviceStats `json:"serviceStats,omitempty"`

	services []string // in order
}

type serviceStats struct {
	SpanCount  uint32 `json:"spanCount,omitempty"`
	ErrorCount uint32 `json:"errorCount,omitempty"`
}

type spanSet struct {
	Spans      []foundSpan `json:"spans,omitempty"`
	Matched    uint32      `json:"matched,omitempty"`
	Attributes []keyValue  `json:"attributes,omitempty"`
}

type foundSpan struct {
	SpanID            string     `json:"spanID"`
	Name              string     `json:"name,omitempty"`
	StartTimeUnixNano uint64     `json:"startTimeUnixNano,string"`
	DurationNanos     uint64     `json:"durationNanos,string,omitempty"`
	Attributes        []keyValue `json:"attributes,omitempty"`
}

// foundOf describes a trace that was found.
func foundOf(h *hit.Trace) found {
	f := found{
		TraceID: h.TraceID.String(), RootServiceName: noRoot, StartTimeUnixNano: uint64(h.Start),
		DurationMs: uint32(min(h.Duration/1e6, math.MaxUint32)), ServiceStats: make(map[string]serviceStats),
	}
	if h.Root != nil {
		f.RootServiceName = api.Shown(h.Root.Service)
		f.RootTraceName = api.Shown(h.Root.Name)
	}
	for _, s := range h.Services {
		name := api.Shown(s.Name)
		f.services = append(f.services, name)
		f.ServiceStats[name] = serviceStats{uint32(s.Spans), uint32(s.Errors)}
	}
	for i := range h.Sets {
		f.SpanSets = append(f.SpanSets, setOf(&h.Sets[i]))
	}
	if len(f.SpanSets) > 0 {
		f.SpanSet = &f.SpanSets[0]
	}
	return f
}

func setOf(s *hit.Set) spanSet {
	out := spanSet{Matched: uint32(s.MatchedSpans)}
	for i := range s.Matched {
		m := &s.Matched[i]
		x := foundSpan{SpanID: m.SpanID.String(), StartTimeUnixNano: uint64(m.Start), DurationNanos: uint64(max(m.Duration, 0))}
		x.Name = api.Shown(m.Name)
		for _, f := range m.Fields {
			if f.Value.Type == clew.TypeOther && f.Text == "nil" {
				continue // it has none
			}
			x.Attributes = append(x.Attributes, labelled(bare(f.Name), f.Value, f.Text))
		}
		out.Spans = append(out.Spans, x)
	}
	for _, l := range s.Labels {
		out.Attributes = append(out.Attributes, labelled(setKey(l), l.Value, l.Text))
	}
	return out
}

// bare is a field's name without its scope, as Tempo names a span's attributes.
func bare(name string) string {
	for _, scope := range []string{"span.", "resource.", "event.", "link.", "instrumentation.", "."} {
		rest, ok := strings.CutPrefix(name, scope)
		if !ok {
			continue
		}
		if plain, err := strconv.Unquote(rest); err == nil {
			return plain
		}
		return rest
	}
	return nameOf(name)
}

// tempoNames are what Tempo calls fields of the whole trace, however a query names them:
// Grafana looks for them under these names.
var tempoNames = map[string]string{
	"trace:rootName": "rootName", "trace:rootService": "rootServiceName", "trace:duration": "traceDuration",
}

// nameOf is what Tempo calls a field.
func nameOf(field string) string { return cmp.Or(tempoNames[field], field) }

// aggregates begin the names of what was calculated of a set.
var aggregates = []string{"count(", "avg(", "max(", "min(", "sum(", "count_distinct(", "first(", "last("}

// setKey names what a set was parted by, by(…), or a number of it, as it is written.
func setKey(l judge.Label) string {
	for _, a := range aggregates {
		if strings.Contains(l.Name, a) {
			return l.Name
		}
	}
	return "by(" + nameOf(l.Name) + ")"
}

// search answers which traces have spans that a query selects.
func (a *API) search(c *call) error {
	q, err := parameters(c)
	if err != nil {
		return err
	}
	f, err := newFinding(&c.Question, q)
	if err != nil {
		return err
	}
	if f.first, err = exec.Search(c.Ctx, c.Store, f.Request); err != nil {
		return err
	}
	if !f.first.Cost.Complete {
		c.w.Header().Set(api.PartialHeader, api.HeaderText(f.first.Cost.Reason))
	}
	kind, parts := typeJSON, f.json
	if c.wantsProtobuf() {
		kind, parts = typeProtobuf, f.protobuf
	}
	if err := a.sender.Send(c.w, c.r, kind, -1, parts); err != nil {
		return err
	}
	if f.partial != "" && f.first.Cost.Complete {
		c.w.Header().Set(http.TrailerPrefix+api.PartialHeader, api.HeaderText(f.partial))
	}
	return nil
}

// finding is one search on its way, page by page.
type finding struct {
	exec.Request
	question *api.Question
	ordered  bool // by what the query says, so that each page is as dear as all
	left     int  // traces still wanted
	first    exec.Result
	metrics  metrics
	partial  string // why
}

// newFinding reads the parameters of a search.
func newFinding(asked *api.Question, q url.Values) (*finding, error) {
	text := q.Get("q")
	if tags, least, most := q.Get("tags"), q.Get("minDuration"), q.Get("maxDuration"); tags != "" || least != "" || most != "" {
		if text != "" {
			return nil, clew.Errorf(clew.Invalid, "can't specify tags, minDuration or maxDuration and q in the same query: write them into q, as in { span.http.url =~ \".*cart.*\" && trace:duration > 1s }")
		}
		var err error
		if text, err = ofTags(tags, least, most); err != nil {
			return nil, err
		}
	}
	parsed, err := parse(text)
	if err != nil {
		return nil, err
	}
	plan, err := compile(parsed)
	if err != nil {
		return nil, err
	}
	w, err := window(q)
	if err != nil {
		return nil, err
	}
	limit, err := count(q, "limit", exec.DefaultLimit, 1, maxTraces)
	if err != nil {
		return nil, err
	}
	spans, err := count(q, "spss", exec.DefaultSpansPerTrace, 0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	if spans == 0 || spans > exec.MaxSpansPerTrace {
		spans = exec.MaxSpansPerTrace // 0 is all of them
	}
	f := &finding{question: asked, left: limit, Request: exec.Request{
		Over: asked.Over, Plan: plan, Limit: min(limit, exec.MaxLimit), SpansPerTrace: spans,
	}}
	f.Window = w
	for _, s := range parsed.Stages {
		if _, ok := s.(*traceql.OrderBy); ok {
			f.ordered = true
		}
	}
	return f, nil
}

// pages yields what is found, a page at a time, up to the limit. All pages together have
// one budget; a page that is partial is the last.
func (f *finding) pages(yield func([]hit.Trace, error) bool) {
	whole, cost := f.Budget, exec.Cost{}
	for page := f.first; ; {
		f.metrics.add(&page.Cost)
		cost = page.Cost.After(&cost)
		f.metrics.InspectedTraces += uint32(len(page.Hits))
		left, ended := whole.Without(&cost)
		if !page.Cost.Complete {
			f.partial = cmp.Or(ended, page.Cost.Reason)
		}
		f.left -= len(page.Hits)
		if page.Next != "" && f.left > 0 && f.partial == "" && ended != "" {
			f.partial = ended
			f.metrics.stopped()
		}
		if !yield(page.Hits, nil) || page.Next == "" || f.left <= 0 || f.partial != "" {
			return
		}
		f.Cursor, f.Limit, f.Budget = page.Next, min(f.left, exec.MaxLimit), left
		var err error
		if page, err = exec.Search(f.question.Ctx, f.question.Store, f.Request); err != nil {
			yield(nil, err)
			return
		}
	}
}

// json yields a SearchResponse as JSON.
func (f *finding) json(yield func([]byte, error) bool) {
	text, some := []byte(`{"traces":[`), false
	for hits, err := range f.pages {
		for i := range hits {
			if some {
				text = append(text, ',')
			}
			some = true
			var one []byte
			if one, err = json.Marshal(foundOf(&hits[i])); err != nil {
				break
			}
			text = append(text, one...)
		}
		if !yield(text, err) || err != nil {
			return
		}
		text = text[:0]
	}
	took, err := json.Marshal(&f.metrics)
	yield(append(append(append(text, `],"metrics":`...), took...), '}'), err)
}

// protobuf yields it as protobuf.
func (f *finding) protobuf(yield func([]byte, error) bool) {
	var text, one []byte
	for hits, err := range f.pages {
		for i := range hits {
			x := foundOf(&hits[i])
			one = x.append(one[:0])
			text = api.AppendMessage(text, 1, one)
		}
		if !yield(text, err) || err != nil {
			return
		}
		text = text[:0]
	}
	yield(api.AppendMessage(text, 2, f.metrics.append(nil)), nil)
}

func (x *found) append(dst []byte) []byte {
	dst = api.AppendText(dst, 1, x.TraceID)
	dst = api.AppendText(dst, 2, x.RootServiceName)
	dst = api.AppendText(dst, 3, x.RootTraceName)
	dst = api.AppendNumber(dst, 4, x.StartTimeUnixNano)
	dst = api.AppendNumber(dst, 5, uint64(x.DurationMs))
	if x.SpanSet != nil {
		dst = api.AppendMessage(dst, 6, x.SpanSet.append(nil))
	}
	for i := range x.SpanSets {
		dst = api.AppendMessage(dst, 7, x.SpanSets[i].append(nil))
	}
	for _, name := range x.services {
		s := x.ServiceStats[name]
		stats := api.AppendNumber(api.AppendNumber(nil, 1, uint64(s.SpanCount)), 2, uint64(s.ErrorCount))
		dst = api.AppendMessage(dst, 8, api.AppendMessage(api.AppendText(nil, 1, name), 2, stats))
	}
	return dst
}

func (s *spanSet) append(dst []byte) []byte {
	for i := range s.Spans {
		x := &s.Spans[i]
		one := api.AppendText(nil, 1, x.SpanID)
		one = api.AppendText(one, 2, x.Name)
		one = api.AppendNumber(one, 3, x.StartTimeUnixNano)
		one = api.AppendNumber(one, 4, x.DurationNanos)
		for _, a := range x.Attributes {
			one = api.AppendMessage(one, 5, a.append(nil))
		}
		dst = api.AppendMessage(dst, 1, one)
	}
	dst = api.AppendNumber(dst, 2, uint64(s.Matched))
	for _, a := range s.Attributes {
		dst = api.AppendMessage(dst, 3, a.append(nil))
	}
	return dst
}
