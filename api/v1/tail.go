package v1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage"
)

type spanSummary struct {
	TraceID       string `json:"traceId"`
	SpanID        string `json:"spanId"`
	Service       string `json:"service"`
	Name          string `json:"name"`
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Start         string `json:"start"`
	DurationNanos int64  `json:"durationNanos"`
	Root          bool   `json:"root"`
}

type tailEvent struct {
	Spans   []spanSummary `json:"spans"`
	Dropped int64         `json:"dropped"`
}

// gathering is what a stream has yet to say: at most maxTailSpans spans. The
// store's side fills it, the client's side empties it.
type gathering struct {
	mu      sync.Mutex
	spans   []spanSummary
	dropped int64
}

func (g *gathering) add(t *exec.Tailed) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dropped += t.Lost
	for _, row := range t.Rows {
		if len(g.spans) >= maxTailSpans {
			g.dropped++
			continue
		}
		g.spans = append(g.spans, summaryOf(t, int(row)))
	}
}

// take returns what has come since the last call.
func (g *gathering) take() tailEvent {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := tailEvent{Spans: g.spans, Dropped: g.dropped}
	if e.Spans == nil {
		e.Spans = []spanSummary{}
	}
	g.spans = nil
	return e
}

func summaryOf(t *exec.Tailed, row int) spanSummary {
	service := api.Shown(t.Service(row))
	name := api.Shown(string(t.Names.At(int(t.Name[row]))))
	out := spanSummary{
		TraceID: t.TraceIDs[t.Trace[row]].String(), SpanID: clew.SpanID(t.SpanID[row]).String(),
		Service: service, Name: name, Kind: clew.Kind(t.Kind[row]).String(), Status: clew.Status(t.Status[row]).String(),
		Start: nanos(clew.UnixNanos(t.Start[row])), Root: t.ParentID[row] == 0,
	}
	if !t.Unfinished(row) {
		out.DurationNanos = int64(t.Duration[row])
	}
	return out
}

// tail streams spans as they arrive. One goroutine reads the store as fast as it
// tells, so that a slow client loses spans here and nowhere else.
func (a *API) tail(c *call) error {
	tailer, ok := a.cfg.Store.(storage.Tailer)
	if !ok {
		return clew.Errorf(clew.Unsupported, "this store has no tail")
	}
	params, err := parameters(c, "q")
	if err != nil {
		return err
	}
	plan, err := exec.Prepare(params.Get("q"))
	if err != nil {
		return err
	}
	select {
	case a.tails <- struct{}{}:
		defer func() { <-a.tails }()
	default:
		return &clew.Error{Kind: clew.Busy, RetryAfter: api.MaxQueue, Err: errors.New("as many tails as this server takes are running")}
	}
	ctx, cancel := context.WithCancel(c.r.Context())
	var g gathering
	var reading sync.WaitGroup
	news, err := exec.Tail(ctx, tailer, c.tenant, plan)
	if err != nil {
		cancel()
		return err
	}
	reading.Go(func() {
		for t := range news {
			g.add(&t)
		}
		cancel() // the store closed
	})
	defer reading.Wait()
	defer cancel()
	return a.stream(ctx, c, &g)
}

// stream writes events until the client leaves or the server does.
func (a *API) stream(ctx context.Context, c *call, g *gathering) error {
	control := http.NewResponseController(c.w)
	_ = control.SetWriteDeadline(time.Time{}) // a stream has no end; not every server has deadlines
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.Header().Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	tick, beat := time.NewTicker(tailEvery), time.NewTicker(tailBeat)
	defer tick.Stop()
	defer beat.Stop()
	said := int64(-1) // dropped as of the last event; -1: none was sent
	for {
		if e := g.take(); len(e.Spans) > 0 || e.Dropped != said {
			said = e.Dropped
			data, err := json.Marshal(e)
			if err != nil {
				return nil // nothing can be said any more: the stream ends
			}
			if _, err := fmt.Fprintf(c.w, "event: spans\ndata: %s\n\n", data); err != nil || control.Flush() != nil {
				return nil // the client left
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.cfg.Leaving:
			return nil
		case <-beat.C:
			if _, err := fmt.Fprint(c.w, ": heartbeat\n\n"); err != nil || control.Flush() != nil {
				return nil
			}
		case <-tick.C:
		}
	}
}
