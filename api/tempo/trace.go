package tempo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"iter"
	"net/http"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// trace answers a trace as Tempo's first version of the endpoint does: in JSON its
// resourceSpans are called batches.
func (a *API) trace(c *call) error {
	t, err := a.read(c)
	if err != nil || t == nil {
		return err
	}
	defer t.Free()
	rows, order := span.NewRows(t.Batch), inOrder(t.Batch)
	if c.wantsProtobuf() {
		return a.sender.SendTrace(c.w, c.r, typeProtobuf, rows, order)
	}
	return a.sender.Send(c.w, c.r, typeJSON, -1, api.JSONPieces(rows, order, `{"batches":`, `}`, otlp.AppendProtoJSON))
}

// traceV2 answers a trace with whether it is whole.
func (a *API) traceV2(c *call) error {
	t, err := a.read(c)
	if err != nil || t == nil {
		return err
	}
	defer t.Free()
	rows, order := span.NewRows(t.Batch), inOrder(t.Batch)
	damage := api.DamageText(t)
	if c.wantsProtobuf() {
		return a.sender.Send(c.w, c.r, typeProtobuf, -1, traceMessage(api.Pieces(rows, order), damage))
	}
	closing := `}}`
	if damage != "" {
		text, _ := json.Marshal(damage) // a string always can be
		closing = `},"status":"PARTIAL","message":` + string(text) + `}`
	}
	return a.sender.Send(c.w, c.r, typeJSON, -1, api.JSONPieces(rows, order, `{"trace":{"resourceSpans":`, closing, otlp.AppendProtoJSON))
}

// traceMessage makes a TraceByIDResponse of pieces of its trace. Each is one more
// occurrence of the field; readers of protobuf put them together.
func traceMessage(pieces iter.Seq2[[]byte, error], damage string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var text []byte
		for body, err := range pieces {
			text = protowire.AppendTag(text[:0], 1, protowire.BytesType)
			if text = protowire.AppendBytes(text, body); !yield(text, err) {
				return
			}
		}
		if damage != "" {
			yield(appendPartial(text[:0], damage), nil)
		}
	}
}

// appendPartial appends the fields status and message, which have the same numbers in
// every message that has them.
func appendPartial(dst []byte, reason string) []byte {
	dst = protowire.AppendVarint(protowire.AppendTag(dst, 3, protowire.VarintType), 1) // PARTIAL
	return protowire.AppendString(protowire.AppendTag(dst, 4, protowire.BytesType), reason)
}

// read reads the trace that the call's path names, whatever its window: a trace is
// always answered whole. The caller frees it. It is nil where the call is answered.
func (a *API) read(c *call) (*storage.Trace, error) {
	q, err := parameters(c)
	if err != nil {
		return nil, err
	}
	if _, err := window(q); err != nil {
		return nil, err
	}
	id, err := clew.ParseTraceID(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	t, err := c.Unshared(id)
	switch {
	case clew.KindOf(err) == clew.TooLarge:
		writeText(c.w, http.StatusUnprocessableEntity, err.Error()+"\n")
		return nil, nil
	case err != nil:
		return nil, err
	}
	if t.Damaged != nil {
		c.w.Header().Set(api.DamagedHeader, api.DamageText(&t))
		c.w.Header().Set(api.PartialHeader, api.DamageText(&t))
		a.cfg.Logger.Warn("trace is partly unreadable", "tenant", c.Tenant, "trace", id, "error", t.Damaged)
	}
	return &t, nil
}

// inOrder returns the rows of a trace by start, then span id, then kind: a client and
// its server may share an id.
func inOrder(b *span.Batch) []uint32 {
	rows := make([]uint32, b.Rows)
	for i := range rows {
		rows[i] = uint32(i)
	}
	slices.SortFunc(rows, func(x, y uint32) int {
		return cmp.Or(cmp.Compare(b.Start[x], b.Start[y]), cmp.Compare(b.SpanID[x], b.SpanID[y]), cmp.Compare(b.Kind[x], b.Kind[y]),
			bytes.Compare(b.Resources[b.Resource[x]].Raw, b.Resources[b.Resource[y]].Raw))
	})
	return rows
}
