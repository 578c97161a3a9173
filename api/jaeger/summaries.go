package jaeger

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/judge/hit"
)

// summary is what a list of traces shows of one: what Jaeger's page asks for since its
// version 2.19, in place of all spans.
type summary struct {
	TraceID    string           `json:"traceId"`
	Service    string           `json:"rootServiceName,omitempty"`
	Operation  string           `json:"rootOperationName,omitempty"`
	Start      string           `json:"minStartTimeUnixNano"`
	End        string           `json:"maxEndTimeUnixNano"`
	Spans      int              `json:"spanCount"`
	Errors     int              `json:"errorSpanCount"`
	Orphans    int              `json:"orphanSpanCount"`
	Services   []serviceSummary `json:"services"`
	start, end clew.UnixNanos
}

type serviceSummary struct {
	Name   string `json:"name"`
	Spans  int    `json:"spanCount"`
	Errors int    `json:"errorSpanCount"`
}

func summaryOf(h *hit.Trace) summary {
	s := summary{TraceID: h.TraceID.String(), Spans: h.Spans, Errors: h.Errors, Orphans: h.Orphans,
		Services: make([]serviceSummary, 0, len(h.Services)), start: h.Start, end: h.Start + clew.UnixNanos(h.Duration)}
	s.Start, s.End = strconv.FormatUint(uint64(s.start), 10), strconv.FormatUint(uint64(s.end), 10)
	if h.Root != nil {
		s.Service, s.Operation = api.ServiceName(h.Root.Service), api.Shown(h.Root.Name)
	}
	for _, x := range h.Services {
		s.Services = append(s.Services, serviceSummary{api.ServiceName(x.Name), x.Spans, x.Errors})
	}
	slices.SortFunc(s.Services, func(a, b serviceSummary) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// append appends the summary as query_v3.proto has it.
func (s *summary) append(dst []byte) []byte {
	dst = api.AppendText(dst, 1, s.TraceID)
	dst = api.AppendText(dst, 2, s.Service)
	dst = api.AppendText(dst, 3, s.Operation)
	dst = appendFixed(dst, 4, uint64(s.start))
	dst = appendFixed(dst, 5, uint64(s.end))
	dst = api.AppendNumber(dst, 6, uint64(s.Spans))
	dst = api.AppendNumber(dst, 7, uint64(s.Errors))
	dst = api.AppendNumber(dst, 8, uint64(s.Orphans))
	for _, x := range s.Services {
		one := api.AppendNumber(api.AppendText(nil, 1, x.Name), 2, uint64(x.Spans))
		dst = api.AppendMessage(dst, 9, api.AppendNumber(one, 3, uint64(x.Errors)))
	}
	return dst
}

func appendFixed(dst []byte, num protowire.Number, n uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(dst, num, protowire.Fixed64Type), n)
}

// summaries answers what traces a search finds, in short.
func (s *search) summaries(q *api.Question) ([]summary, exec.Cost, error) {
	hits, cost, err := s.hits(q)
	out := make([]summary, len(hits))
	for i := range hits {
		out[i] = summaryOf(&hits[i])
	}
	return out, cost, err
}

func summariesV3(c *api.Call) error {
	s, err := searchV3(c.R.URL.Query())
	if err != nil {
		return err
	}
	list, cost, err := s.summaries(&c.Question)
	if err != nil {
		return err
	}
	c.Partial(cost)
	api.WriteJSON(c.W, http.StatusOK, map[string]any{"summaries": list})
	return nil
}

// findTraceSummaries sends them in chunks of chunkBytes.
func findTraceSummaries(c *api.RPC) error {
	s, err := searchIn(c.Request, "attributes")
	if err != nil {
		return err
	}
	list, cost, err := s.summaries(&c.Question)
	if err != nil {
		return err
	}
	c.Partial(cost)
	var chunk []byte
	for i := range list {
		if chunk = api.AppendMessage(chunk, 1, list[i].append(nil)); len(chunk) < chunkBytes && i < len(list)-1 {
			continue
		}
		if err := c.Send(chunk); err != nil {
			return err
		}
		chunk = nil
	}
	return nil
}

// findSpans is a method that Jaeger itself has switched off unless it is asked for, and
// that neither its page nor Grafana calls.
func findSpans(*api.RPC) error {
	return clew.Errorf(clew.Unsupported, "FindSpans is not answered here: FindTraces and FindTraceSummaries find the traces of spans, and clew's own API the spans themselves")
}
