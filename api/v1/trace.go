package v1

import (
	"cmp"
	"net/http"
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// read is a trace as it was read for one call.
type read struct {
	storage.Trace
	id    clew.TraceID
	print fingerprint
}

// read reads the trace that the call's path names. The caller frees it.
func (a *API) read(c *call) (*read, error) {
	id, err := clew.ParseTraceID(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	t, err := c.store.Trace(c.r.Context(), c.tenant, id)
	if err != nil {
		return nil, err
	}
	if t.Damaged != nil {
		c.w.Header().Set(api.DamagedHeader, api.DamageText(&t))
		a.cfg.Logger.Warn("trace is partly unreadable", "tenant", c.tenant, "trace", id, "error", t.Damaged)
	}
	return &read{t, id, fingerprintOf(&t)}, nil
}

// layout returns the trace's layout, from the last ones made if it is the same.
func (a *API) layout(tenant clew.Tenant, t *read) *layout {
	key := layoutKey{tenant, t.id, t.print}
	if l := a.layouts.get(key); l != nil {
		return l
	}
	l := newLayout(t.Batch)
	a.layouts.put(key, l)
	return l
}

// trace answers a trace as OTLP, its spans in the order of the skeleton.
func (a *API) trace(c *call) error {
	t, err := a.read(c)
	if err != nil {
		return err
	}
	defer t.Free()
	if c.unchanged(t.print.etag()) {
		return nil
	}
	rows := make([]uint32, 0, t.Rows)
	for _, row := range a.layout(c.tenant, t).rows {
		if row != span.NoCode {
			rows = append(rows, row)
		}
	}
	spans := span.NewRows(t.Batch)
	if api.Preferred(c.r.Header.Values("Accept"), "application/json", "application/x-protobuf", "application/protobuf") == "application/json" {
		return a.sender.Send(c.w, c.r, "application/json", -1, api.JSONPieces(spans, rows, `{"resourceSpans":`, `}`, otlp.AppendJSON))
	}
	return a.sender.SendTrace(c.w, c.r, "application/x-protobuf", spans, rows)
}

// layoutKey names a batch: equal keys, equal rows in equal order.
type layoutKey struct {
	tenant clew.Tenant
	id     clew.TraceID
	print  fingerprint
}

// layoutCache keeps the last layouts, since a page that shows a trace asks about
// its rows again and again. The zero value is ready to use, by many goroutines.
type layoutCache struct {
	maxBytes int // 0 is maxLayoutBytes

	mu    sync.Mutex // guards kept
	kept  []keptLayout
	bytes int
}

type keptLayout struct {
	key layoutKey
	l   *layout
}

func (x *layoutCache) get(key layoutKey) *layout {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, k := range x.kept {
		if k.key == key {
			copy(x.kept[1:i+1], x.kept[:i]) // the last used come first
			x.kept[0] = k
			return k.l
		}
	}
	return nil
}

func (x *layoutCache) put(key layoutKey, l *layout) {
	most := cmp.Or(x.maxBytes, maxLayoutBytes)
	if l.sizeBytes() > most {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, k := range x.kept {
		if k.key == key {
			return // another call was quicker
		}
	}
	x.kept = append([]keptLayout{{key, l}}, x.kept...)
	x.bytes += l.sizeBytes()
	for len(x.kept) > maxLayouts || x.bytes > most {
		last := len(x.kept) - 1
		x.bytes -= x.kept[last].l.sizeBytes()
		x.kept[last] = keptLayout{}
		x.kept = x.kept[:last]
	}
}

// unchanged answers 304 if the client has the state that etag names; otherwise it
// writes the headers that both answers have.
func (c *call) unchanged(etag string) bool {
	h := c.w.Header()
	h.Set("ETag", etag)
	h.Set("Vary", "Accept, Accept-Encoding, X-Scope-OrgID")
	h.Set("Cache-Control", "private, no-cache") // keep it, and ask whether it still holds
	if !api.Matches(c.r.Header.Values("If-None-Match"), etag) {
		return false
	}
	c.w.WriteHeader(http.StatusNotModified)
	return true
}
