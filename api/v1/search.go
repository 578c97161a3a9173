package v1

import (
	"strconv"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/catalog/suggest"
	"github.com/clew-tracing/clew/exec/explain"
	"github.com/clew-tracing/clew/exec/judge/hit"
)

type searchRequest struct {
	Q      string `json:"q"`
	Start  string `json:"start"`
	End    string `json:"end"`
	Limit  *int   `json:"limit"`
	Cursor string `json:"cursor"`
	Count  bool   `json:"count"`
	// Explain asks what the search does.
	Explain bool `json:"explain"`
}

type cost struct {
	Coverage  coverage `json:"coverage"`
	Watermark string   `json:"watermark"`
	TookMs    float64  `json:"tookMs"`
	Scanned   scanned  `json:"scanned"`
	// Explain is there if asked for.
	Explain *explanation `json:"explain,omitempty"`
}

type coverage struct {
	Complete bool    `json:"complete"`
	Searched float64 `json:"searched"`
	Reason   string  `json:"reason,omitempty"`
}

type scanned struct {
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
}

func costOf(c exec.Cost) cost {
	return cost{
		Coverage:  coverage{c.Complete, c.Searched, c.Reason},
		Watermark: nanosOf(c.Watermark),
		TookMs:    float64(c.Took.Microseconds()) / 1000,
		Scanned:   scanned{c.Rows, c.Bytes},
	}
}

type searchAnswer struct {
	cost
	Traces     []traceSummary `json:"traces"`
	NextCursor string         `json:"nextCursor,omitempty"`
	Count      *countAnswer   `json:"count,omitempty"`
	// Suggestions say what of the query is to be doubted, and why nothing was found.
	Suggestions []string `json:"suggestions,omitempty"`
}

type countAnswer struct {
	Spans  int64 `json:"spans"`
	Traces int64 `json:"traces"`
	// EstimatedSpans and StandardError are there where spans stand for others.
	EstimatedSpans *float64 `json:"estimatedSpans,omitempty"`
	StandardError  *float64 `json:"standardError,omitempty"`
	UnknownWeight  int64    `json:"unknownWeight,omitempty"`
}

type traceSummary struct {
	TraceID       string         `json:"traceId"`
	RootService   string         `json:"rootService"`
	RootName      string         `json:"rootName"`
	RootError     bool           `json:"rootError,omitempty"`
	Start         string         `json:"start"`
	DurationNanos uint64         `json:"durationNanos"`
	SpanCount     int            `json:"spanCount"`
	MatchedSpans  int            `json:"matchedSpans"`
	ErrorCount    int            `json:"errorCount"`
	Services      []serviceShare `json:"services"`
	Complete      bool           `json:"complete"`
	MatchedSpanID string         `json:"matchedSpanId,omitempty"`
	MatchedStart  string         `json:"matchedStart,omitempty"`
	// Sets are there where the query parts the matches, calculates of them or selects fields.
	Sets     []spanSet `json:"sets,omitempty"`
	MoreSets int       `json:"moreSets,omitempty"`
}

type serviceShare struct {
	Name   string `json:"name"`
	Index  int    `json:"index"`
	Spans  int    `json:"spans"`
	Errors int    `json:"errors"`
}

func (a *API) search(c *call) error {
	var req searchRequest
	if err := readJSON(c, &req, searchExample); err != nil {
		return err
	}
	return a.answerSearch(c, &req)
}

func (a *API) searchByURL(c *call) error {
	q, err := parameters(c, "q", "start", "end", "limit", "cursor", "count", "explain")
	if err != nil {
		return err
	}
	req := searchRequest{Q: q.Get("q"), Start: q.Get("start"), End: q.Get("end"), Cursor: q.Get("cursor")}
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return clew.Errorf(clew.Invalid, "limit %q: want a number", s)
		}
		req.Limit = &n
	}
	if s := q.Get("count"); s != "" {
		if req.Count, err = strconv.ParseBool(s); err != nil {
			return clew.Errorf(clew.Invalid, "count %q: want true or false", s)
		}
	}
	report, err := explainer(q.Get("explain"))
	if err != nil {
		return err
	}
	req.Explain = report != nil
	return a.answerSearch(c, &req)
}

func (a *API) answerSearch(c *call, req *searchRequest) error {
	over, err := a.over(c.tenant, req.Start, req.End)
	if err != nil {
		return err
	}
	plan, err := exec.Prepare(req.Q)
	if err != nil {
		return err
	}
	limit := exec.DefaultLimit
	if req.Limit != nil {
		limit = *req.Limit
	}
	if limit < 0 || limit > exec.MaxLimit || limit == 0 && !req.Count {
		return clew.Errorf(clew.Invalid, "limit %d: want 1 to %d, or 0 with count", limit, exec.MaxLimit)
	}
	if req.Explain {
		over.Explain = new(explain.Report)
	}
	ctx := c.r.Context()
	out := searchAnswer{Traces: []traceSummary{}}
	if limit > 0 {
		selected, spans := plan.Selected(), 1
		if len(selected) > 0 {
			spans = exec.DefaultSpansPerTrace
		}
		res, err := exec.Search(ctx, c.store, exec.Request{Over: over, Plan: plan, Limit: limit, Cursor: req.Cursor, SpansPerTrace: spans})
		if err != nil {
			return err
		}
		out.cost, out.NextCursor = costOf(res.Cost), res.Next
		for i := range res.Hits {
			out.Traces = append(out.Traces, a.summary(c.tenant, &res.Hits[i], selected))
		}
	}
	if req.Count {
		if err := count(c, over, plan, &out, limit == 0); err != nil {
			return err
		}
	}
	out.Explain = explanationOf(over.Explain)
	over.Explain = nil
	if req.Cursor == "" {
		out.Suggestions = suggestions(c, over, plan, out.nothing() && out.Coverage.Complete)
	}
	writeJSON(c.w, 200, out)
	return nil
}

// suggestions say what of a query is to be doubted, and, of one that found nothing, why that
// may be.
func suggestions(c *call, over exec.Over, plan *exec.Plan, nothing bool) (texts []string) {
	all := plan.Doubts()
	if nothing {
		all = suggest.For(c.r.Context(), c.store, over, plan)
	}
	for _, text := range all {
		texts = append(texts, api.Shown(text))
	}
	return texts
}

// nothing reports whether nothing was found.
func (s *searchAnswer) nothing() bool {
	return len(s.Traces) == 0 && (s.Count == nil || s.Count.Spans == 0)
}

// count adds the exact count, and how many spans there were; its cost is the answer's where
// it is all of it, and is added otherwise.
func count(c *call, over exec.Over, plan *exec.Plan, out *searchAnswer, alone bool) error {
	n, err := exec.Count(c.r.Context(), c.store, over, plan)
	if err != nil {
		return err
	}
	out.Count = &countAnswer{Spans: n.Spans, Traces: n.Traces, UnknownWeight: n.Estimate.Unknown}
	if n.Estimate.Sampled() {
		spans, standardError := n.Estimate.Spans(), n.Estimate.StandardError()
		out.Count.EstimatedSpans, out.Count.StandardError = &spans, &standardError
	}
	counted := costOf(n.Cost)
	if alone {
		out.cost = counted
		return nil
	}
	out.TookMs += counted.TookMs
	out.Scanned.Rows += counted.Scanned.Rows
	out.Scanned.Bytes += counted.Scanned.Bytes
	if !counted.Coverage.Complete {
		out.Coverage = counted.Coverage
	}
	return nil
}

func (a *API) summary(t clew.Tenant, h *hit.Trace, selected []string) traceSummary {
	s := traceSummary{
		TraceID: h.TraceID.String(), Start: nanos(h.Start), DurationNanos: h.Duration, SpanCount: h.Spans,
		MatchedSpans: h.MatchedSpans, ErrorCount: h.Errors, Complete: h.Whole, Services: make([]serviceShare, 0, len(h.Services)),
		MatchedStart: nanos(h.Newest),
	}
	if h.Root != nil {
		s.RootService = api.Shown(h.Root.Service)
		s.RootName = api.Shown(h.Root.Name)
		s.RootError = h.Root.Status == clew.StatusError
	}
	s.Sets, s.MoreSets = setsOf(h, selected)
	if len(h.Matched) > 0 {
		s.MatchedSpanID = h.Matched[0].SpanID.String()
	}
	names := make([]string, len(h.Services))
	for i, x := range h.Services {
		names[i] = x.Name
	}
	numbers := a.cfg.Numbers(t, names)
	for i, x := range h.Services {
		name := api.Shown(x.Name)
		s.Services = append(s.Services, serviceShare{name, numbers[i], x.Spans, x.Errors})
	}
	return s
}

func nanos(n clew.UnixNanos) string { return strconv.FormatUint(uint64(n), 10) }

func nanosOf(t time.Time) string { return nanos(clew.FromTime(t)) }
