package exec

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/storage"
)

// Hit is one trace of a page: the whole trace in numbers, and its matches.
type Hit struct {
	TraceID clew.TraceID
	// Root is the earliest span without a parent; nil if none has been received.
	Root *SpanInfo
	// Start is the smallest start of any span; Duration the greatest end minus
	// it, at least 0, in nanoseconds.
	Start    clew.UnixNanos
	Duration uint64
	Spans    int
	Errors   int // spans of status error
	// Services are the services of the trace, by spans descending, then name.
	Services []ServiceShare
	// Whole says that there is a root and no span's parent is missing.
	Whole bool
	// Newest is the start of the newest match in the window, MatchedSpans how
	// many matches there are, Matched the newest of them, newest first, then by
	// span id.
	Newest       clew.UnixNanos
	MatchedSpans int
	Matched      []SpanInfo
}

// SpanInfo is one span, in short.
type SpanInfo struct {
	SpanID   clew.SpanID
	ParentID clew.SpanID // 0: none
	Service  string
	Name     string
	Kind     clew.Kind
	Status   clew.Status
	Start    clew.UnixNanos
	Duration int64 // nanoseconds; negative where the span ends before it starts
}

// ServiceShare is a service's part of a trace.
type ServiceShare struct {
	Name          string
	Spans, Errors int
}

func infoOf(t *storage.Trace, row int) SpanInfo {
	return SpanInfo{
		SpanID: clew.SpanID(t.SpanID[row]), ParentID: clew.SpanID(t.ParentID[row]),
		Service: t.Service(row), Name: string(t.Names.At(int(t.Name[row]))),
		Kind: clew.Kind(t.Kind[row]), Status: clew.Status(t.Status[row]),
		Start: clew.UnixNanos(t.Start[row]), Duration: int64(t.Duration[row]),
	}
}

// summarise describes a trace of which at least one row matched.
func summarise(t *storage.Trace, id clew.TraceID, matched column.Bitmap, spansPerTrace int) Hit {
	h := Hit{TraceID: id, Spans: t.Rows, Services: servicesOf(t)}
	known := make(map[uint64]struct{}, t.Rows)
	for i := range t.Rows {
		if clew.Status(t.Status[i]) == clew.StatusError {
			h.Errors++
		}
		known[t.SpanID[i]] = struct{}{}
	}
	start, end := t.Extent()
	if h.Start = start; end > start {
		h.Duration = uint64(end - start)
	}
	if root, ok := t.Batch.Root(); ok {
		info := infoOf(t, root)
		h.Root, h.Whole = &info, true
	}
	for _, parent := range t.ParentID {
		if _, ok := known[parent]; !ok && parent != 0 {
			h.Whole = false
			break
		}
	}
	rows := matched.AppendOnes(nil)
	slices.SortFunc(rows, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(t.Start[b], t.Start[a]), cmp.Compare(t.SpanID[a], t.SpanID[b]), cmp.Compare(t.Kind[a], t.Kind[b]))
	})
	h.MatchedSpans, h.Newest = len(rows), clew.UnixNanos(t.Start[rows[0]])
	for _, r := range rows[:min(len(rows), spansPerTrace)] {
		h.Matched = append(h.Matched, infoOf(t, int(r)))
	}
	return h
}

func servicesOf(t *storage.Trace) []ServiceShare {
	byResource := make([]ServiceShare, len(t.Resources))
	for i, code := range t.Resource {
		byResource[code].Spans++
		if clew.Status(t.Status[i]) == clew.StatusError {
			byResource[code].Errors++
		}
	}
	byName := make(map[string]*ServiceShare)
	var out []*ServiceShare
	for code, share := range byResource {
		if share.Spans == 0 {
			continue
		}
		name := t.Resources[code].Service
		s, ok := byName[name]
		if !ok {
			s = &ServiceShare{Name: name}
			byName[name] = s
			out = append(out, s)
		}
		s.Spans += share.Spans
		s.Errors += share.Errors
	}
	slices.SortFunc(out, func(a, b *ServiceShare) int {
		return cmp.Or(cmp.Compare(b.Spans, a.Spans), cmp.Compare(a.Name, b.Name))
	})
	shares := make([]ServiceShare, len(out))
	for i, s := range out {
		shares[i] = *s
	}
	return shares
}
