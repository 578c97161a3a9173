package graph

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/view"
	format "github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// retrieval is traces that somebody wants to have. They are read when they are fetched, since
// they are as near as any others.
type retrieval struct {
	tenant    clew.Tenant
	ids       []clew.TraceID
	window    clew.Window
	ends      time.Time
	cancelled bool
}

// Retrievals are those that have been started. They are safe for concurrent use.
type Retrievals struct {
	now func() time.Time

	mu   sync.Mutex // guards all
	all  map[string]*retrieval
	fifo []string // tokens, the oldest first
}

// NewRetrievals returns none; now is the time, nil is time.Now.
func NewRetrievals(now func() time.Time) *Retrievals {
	if now == nil {
		now = time.Now
	}
	return &Retrievals{now: now, all: map[string]*retrieval{}}
}

// start keeps a retrieval and returns its token. Of too many the oldest is forgotten that the
// tenant has who has the most: nobody's are lost by what another asks for.
func (x *Retrievals) start(r *retrieval) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it does not fail: see crypto/rand
	token := hex.EncodeToString(b[:])
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	r.ends = now.Add(retrievalLasts)
	for len(x.fifo) > 0 && now.After(x.all[x.fifo[0]].ends) {
		x.forget(0)
	}
	if len(x.fifo) >= maxRetrievals {
		x.forget(x.spare())
	}
	x.all[token] = r
	x.fifo = append(x.fifo, token)
	return token
}

// forget forgets the retrieval at a place of fifo. mu is held.
func (x *Retrievals) forget(i int) {
	delete(x.all, x.fifo[i])
	x.fifo = slices.Delete(x.fifo, i, i+1)
}

// spare is the place of the oldest of the tenant who has the most. mu is held.
func (x *Retrievals) spare() (place int) {
	of, most := map[clew.Tenant]int{}, 0
	for i := len(x.fifo) - 1; i >= 0; i-- {
		t := x.all[x.fifo[i]].tenant
		if of[t]++; of[t] >= most {
			place, most = i, of[t]
		}
	}
	return place
}

// find returns a retrieval of a tenant as it is.
func (x *Retrievals) find(t clew.Tenant, token string) (retrieval, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := x.all[token]
	if r == nil || r.tenant != t || x.now().After(r.ends) {
		return retrieval{}, noRetrieval()
	}
	return *r, nil
}

// cancel ends a retrieval.
func (x *Retrievals) cancel(t clew.Tenant, token string) error {
	if _, err := x.find(t, token); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if r := x.all[token]; r != nil {
		r.cancelled = true
	}
	return nil
}

func noRetrieval() error {
	return &xray.Error{Status: http.StatusNotFound, Type: "ResourceNotFoundException",
		Text: "RetrievalToken: there is no such retrieval: one is kept for an hour, in memory; start it again"}
}

// status is the word of X-Ray's for how far a retrieval is: there is nothing to wait for.
func (r *retrieval) status() string {
	if r.cancelled {
		return "CANCELLED"
	}
	return "COMPLETE"
}

type startRequest struct {
	TraceIDs           []string `json:"TraceIds"`
	StartTime, EndTime *xray.Seconds
}

type startAnswer struct{ RetrievalToken string }

func (x *Retrievals) startRetrieval(c *api.Call, in *startRequest) (*startAnswer, error) {
	w, err := windowOf(in.StartTime, in.EndTime)
	if err != nil {
		return nil, err
	}
	ids, err := idsOf(in.TraceIDs, maxRetrieved)
	if err != nil {
		return nil, err
	}
	return &startAnswer{x.start(&retrieval{tenant: c.Tenant, ids: ids, window: w})}, nil
}

type listRequest struct {
	RetrievalToken string
	TraceFormat    string
	NextToken      string
}

// listPlace is where a page begins: at a span of a trace.
type listPlace struct{ Trace, Span int }

type listAnswer struct {
	RetrievalStatus string
	TraceFormat     string
	Traces          []retrievedJSON
	NextToken       string `json:",omitempty"`
}

type retrievedJSON struct {
	ID       string `json:"Id"`
	Duration float64
	Spans    []spanJSON
}

type spanJSON struct {
	ID       string `json:"Id"`
	Document string
}

// list answers with the traces that were retrieved, some at a time. A trace of more spans than a
// page has goes on on the next.
func (x *Retrievals) list(c *api.Call, in *listRequest) (*listAnswer, error) {
	r, err := x.find(c.Tenant, in.RetrievalToken)
	if err != nil {
		return nil, err
	}
	out := &listAnswer{RetrievalStatus: r.status(), TraceFormat: cmp.Or(in.TraceFormat, formatXRay)}
	if out.TraceFormat != formatXRay && out.TraceFormat != formatOTel {
		return nil, clew.Errorf(clew.Invalid, "TraceFormat: want %s or %s", formatXRay, formatOTel)
	}
	if r.cancelled {
		return out, nil
	}
	question, at := [...]string{in.RetrievalToken, out.TraceFormat}, listPlace{}
	if in.NextToken != "" {
		if err := xray.ParseToken(in.NextToken, question, &at); err != nil {
			return nil, err
		}
	}
	size := 0
	for at.Trace = max(0, at.Trace); at.Trace < len(r.ids) && len(out.Traces) < pageTraces && size < pageBytes; {
		one, more, err := x.retrieved(c, &r, &at, out.TraceFormat)
		if err != nil {
			return nil, err
		}
		for _, s := range one.Spans {
			size += len(s.Document)
		}
		if len(one.Spans) > 0 {
			out.Traces = append(out.Traces, one)
		}
		if more {
			at.Span += len(one.Spans)
			break
		}
		at = listPlace{at.Trace + 1, 0}
	}
	if at.Trace < len(r.ids) {
		out.NextToken, err = xray.Token(question, at)
	}
	return out, err
}

const (
	formatXRay = "XRAY"
	formatOTel = "OTEL"
)

// retrieved returns the spans of a trace from a place on; more says that there are others. A
// trace that is not there, or has no span in the time asked for, has none.
func (x *Retrievals) retrieved(c *api.Call, r *retrieval, at *listPlace, as string) (out retrievedJSON, more bool, err error) {
	t, err := c.Unshared(r.ids[at.Trace])
	switch {
	case err == nil:
	case clew.KindOf(err) == clew.NotFound:
		return out, false, nil
	default:
		return out, false, err
	}
	defer t.Free()
	if t.Damaged != nil {
		c.SayPartial(t.Damaged.Error())
	}
	first, last := t.Extent()
	if !r.within(&t) {
		return out, false, nil
	}
	out = retrievedJSON{ID: format.FormatTraceID(r.ids[at.Trace]), Duration: float64(last-first) / 1e9}
	rows := span.NewRows(t.Batch)
	if as == formatOTel {
		order := api.InOrder(&t)
		from := max(0, min(at.Span, len(order)))
		to := min(from+pageSpans, len(order))
		for _, row := range order[from:to] {
			text, err := documentOf(rows, int(row))
			if err != nil {
				return out, false, err
			}
			out.Spans = append(out.Spans, spanJSON{clew.SpanID(t.SpanID[row]).String(), string(text)})
		}
		return out, to < len(order), nil
	}
	documents := view.Documents(rows)
	from := max(0, min(at.Span, len(documents)))
	to := min(from+pageSpans, len(documents))
	for _, d := range documents[from:to] {
		out.Spans = append(out.Spans, spanJSON{d.ID.String(), string(d.Text)})
	}
	return out, to < len(documents), nil
}

// within reports whether a span of a trace starts in the time asked for.
func (r *retrieval) within(t *storage.Trace) bool {
	return slices.ContainsFunc(t.Start, func(s uint64) bool { return r.window.Contains(clew.UnixNanos(s)) })
}

type retrievedGraphRequest struct{ RetrievalToken, NextToken string }

type retrievedGraphAnswer struct {
	RetrievalStatus string
	Services        []retrievedServiceJSON
}

type retrievedServiceJSON struct {
	Service serviceJSON
	Links   []linkJSON
}

type linkJSON struct {
	ReferenceType       string
	SourceTraceID       string   `json:"SourceTraceId"`
	DestinationTraceIDs []string `json:"DestinationTraceIds"`
}

// graph answers with the graph of the traces that were retrieved, and the traces that their
// segments link to.
func (x *Retrievals) graph(c *api.Call, in *retrievedGraphRequest) (*retrievedGraphAnswer, error) {
	r, err := x.find(c.Tenant, in.RetrievalToken)
	if err != nil {
		return nil, err
	}
	if err := noPage(in.NextToken); err != nil {
		return nil, err
	}
	out := &retrievedGraphAnswer{RetrievalStatus: r.status()}
	if r.cancelled {
		return out, nil
	}
	y, links := newTally(clew.Window{}), map[view.Node][]linkJSON{}
	err = eachNamed(c, r.ids, func(_ clew.TraceID, t *view.Trace) {
		if !slices.ContainsFunc(t.Entities, func(e view.Entity) bool { return r.window.Contains(e.Start) }) {
			return
		}
		y.add(t)
		for _, s := range t.Segments {
			to := linkedTraces(t, s)
			if n := t.Entities[s].Node; len(to) > 0 && len(links[n]) < maxLinks {
				links[n] = append(links[n], linkJSON{"parent", format.FormatTraceID(t.ID), to})
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if err := y.follow(c); err != nil {
		return nil, err
	}
	if err := y.tooLarge(); err != nil {
		return nil, err
	}
	for _, s := range y.services() {
		out.Services = append(out.Services, retrievedServiceJSON{s, links[view.Node{Name: s.Name, Type: s.Type, Account: s.AccountID}]})
	}
	return out, nil
}

// linkedTraces are those that a segment links to.
func linkedTraces(t *view.Trace, place int) (out []string) {
	t.Links(place, func(trace clew.TraceID, _ clew.SpanID) {
		if id := format.FormatTraceID(trace); len(out) < maxLinks && !slices.Contains(out, id) {
			out = append(out, id)
		}
	})
	return out
}

type tokenRequest struct{ RetrievalToken string }

func (x *Retrievals) cancelRetrieval(c *api.Call, in *tokenRequest) (struct{}, error) {
	return struct{}{}, x.cancel(c.Tenant, in.RetrievalToken)
}
