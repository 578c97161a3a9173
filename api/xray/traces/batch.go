package traces

import (
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/view"
	format "github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

type batchRequest struct {
	TraceIDs  []string `json:"TraceIds"`
	NextToken string
}

type batchAnswer struct {
	Traces      []traceJSON
	Unprocessed []string `json:"UnprocessedTraceIds"`
	NextToken   string   `json:",omitempty"`
}

type traceJSON struct {
	ID            string `json:"Id"`
	Duration      float64
	LimitExceeded bool
	Segments      []segmentJSON
}

type segmentJSON struct {
	ID       string `json:"Id"`
	Document string
}

// batchGetTraces answers with the documents of some traces, in the order in which they are
// asked for.
func batchGetTraces(c *api.Call, in *batchRequest) (*batchAnswer, error) {
	switch n := len(in.TraceIDs); {
	case n == 0:
		return nil, clew.Errorf(clew.Invalid, "TraceIds: name at least one trace")
	case n > maxNamed:
		return nil, clew.Errorf(clew.Invalid, "TraceIds: %d traces: name at most %d at once", n, maxNamed)
	}
	from := 0
	if in.NextToken != "" {
		if err := xray.ParseToken(in.NextToken, in.TraceIDs, &from); err != nil {
			return nil, err
		}
	}
	out := new(batchAnswer)
	size := 0
	for i, text := range in.TraceIDs {
		if i < from || slices.Contains(in.TraceIDs[:i], text) {
			continue
		}
		if size >= pageBytes {
			var err error
			out.NextToken, err = xray.Token(in.TraceIDs, i)
			return out, err
		}
		t, n, err := documentsOf(c, text)
		switch {
		case err == nil:
			out.Traces = append(out.Traces, t)
			size += n
		case clew.KindOf(err) == clew.NotFound, clew.KindOf(err) == clew.Invalid:
			out.Unprocessed = append(out.Unprocessed, text)
		default:
			return nil, err
		}
	}
	return out, nil
}

// documentsOf returns a trace as its documents, and how many bytes these have.
func documentsOf(c *api.Call, text string) (out traceJSON, size int, err error) {
	id, err := format.ParseTraceID(text)
	if err != nil {
		return out, 0, err
	}
	t, err := c.Unshared(id)
	if err != nil {
		return out, 0, err
	}
	defer t.Free()
	if t.Damaged != nil {
		c.SayPartial(t.Damaged.Error())
	}
	out = traceJSON{ID: text, Duration: duration(&t)}
	for _, d := range view.Documents(span.NewRows(t.Batch)) {
		if size += len(d.Text); size > maxTraceBytes {
			out.LimitExceeded = true
			break
		}
		out.Segments = append(out.Segments, segmentJSON{d.ID.String(), string(d.Text)})
	}
	return out, size, nil
}

// duration is from the first start to the last end that are known, in seconds.
func duration(t *storage.Trace) float64 {
	var first, last clew.UnixNanos
	for row := range t.Rows {
		start := clew.UnixNanos(t.Start[row])
		if row == 0 || start < first {
			first = start
		}
		last = max(last, start, t.End(row))
	}
	return float64(last-first) / 1e9
}
