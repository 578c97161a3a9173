package skew_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/skew"
)

// one is a span of a test; times are milliseconds after some moment.
type one struct {
	id, parent uint64
	kind       clew.Kind
	service    string
	from, to   float64
	status     clew.Status
	host       string
}

// open is the end of a span that goes on.
const open = -1

const moment = 1_763_889_000_000_000_000

func at(ms float64) uint64 { return moment + uint64(int64(ms*1e6)) }

// batch makes a trace of spans.
func batch(spans ...one) *span.Batch {
	b := &span.Batch{TraceIDs: []clew.TraceID{clew.MakeTraceID(1, 1)}}
	for _, s := range spans {
		r := clew.Resource{}
		if s.service != "" {
			r.Attrs = append(r.Attrs, clew.Attr{Key: "service.name", Value: clew.StringValue(s.service)})
		}
		if key, value, ok := strings.Cut(s.host, "="); ok {
			r.Attrs = append(r.Attrs, clew.Attr{Key: key, Value: clew.StringValue(value)})
		}
		start, end := at(s.from), at(s.to)
		if s.to == open {
			end = 0 // goes on
		}
		add(b, r, s.id, s.parent, start, end, s.kind, s.status)
	}
	return b
}

func add(b *span.Batch, r clew.Resource, id, parent, start, end uint64, kind clew.Kind, status clew.Status) {
	raw := fmt.Sprint(r.Attrs)
	at := slices.IndexFunc(b.Resources, func(e *span.ResourceEntry) bool { return string(e.Raw) == raw })
	if at < 0 {
		at = len(b.Resources)
		b.Resources = append(b.Resources, span.NewResourceEntry([]byte(raw), r))
	}
	b.Rows++
	b.Trace = append(b.Trace, 0)
	b.SpanID, b.ParentID = append(b.SpanID, id), append(b.ParentID, parent)
	b.Start, b.Duration = append(b.Start, start), append(b.Duration, end-start)
	b.Kind, b.Status = append(b.Kind, uint8(kind)), append(b.Status, uint8(status))
	b.Resource = append(b.Resource, uint32(at))
}

// told is a report as text: the notes, and what is corrected.
func told(r *skew.Report) string {
	out := r.Notes()
	for _, c := range r.Clocks {
		if c.Correction != 0 {
			out = append(out, fmt.Sprintf("%s: %v less", c.Name, time.Duration(c.Correction)))
		}
	}
	return strings.Join(out, "\n")
}

const (
	server, client     = clew.KindServer, clew.KindClient
	producer, consumer = clew.KindProducer, clew.KindConsumer
)

func TestMeasure(t *testing.T) {
	web := one{id: 1, kind: server, service: "web", from: 0, to: 20.001}
	call := one{id: 2, parent: 1, kind: client, service: "web", from: 5, to: 15.001}
	pay := func(id, parent uint64, from, to float64) one {
		return one{id: id, parent: parent, kind: server, service: "payments", from: from, to: to}
	}
	for _, c := range []struct {
		name  string
		spans []one
		want  string
	}{
		{"within", []one{web, call, pay(3, 2, 6, 14.001)}, ""},
		{"ahead", []one{web, call, pay(3, 2, 128, 132.001)}, "payments is 120ms ± 3ms ahead of web\npayments: 120ms less"},
		{"behind", []one{web, call, pay(3, 2, -112, -107.999)}, "payments is 120ms ± 3ms behind web\npayments: -120ms less"},
		{"little", []one{web, call, pay(3, 2, 5.9, 15.5)}, ""},
		{"two calls narrow", []one{web, call, pay(3, 2, 126, 130.001), {id: 4, parent: 1, kind: client, service: "web", from: 16, to: 20}, pay(5, 4, 136, 139.5)},
			"payments is 119.75ms ± 250µs ahead of web\npayments: 119.75ms less"},
		{"start only", []one{web, {id: 2, parent: 1, kind: producer, service: "web", from: 5, to: 5.5}, {id: 3, parent: 2, kind: consumer, service: "mail", from: -45, to: 9}},
			"mail is at least 48.9ms behind web\nmail: -48.999ms less"},
		{"late consumer", []one{web, {id: 2, parent: 1, kind: producer, service: "web", from: 5, to: 5.5}, {id: 3, parent: 2, kind: consumer, service: "mail", from: 9000, to: 9001}}, ""},
		{"client that failed", []one{web, {id: 2, parent: 1, kind: client, service: "web", from: 5, to: 15.001, status: clew.StatusError}, pay(3, 2, 128, 132.001)}, ""},
		{"longer than its client", []one{web, call, pay(3, 2, 14, 40.001)}, ""},
		{"client goes on", []one{web, {id: 2, parent: 1, kind: client, service: "web", from: 5, to: open}, pay(3, 2, 128, 132.001)}, ""},
		{"no client span", []one{web, pay(3, 1, -100, -89.999)}, "payments is at least 99.9ms behind web\npayments: -99.998ms less"},
		{"contradiction", []one{web, call, pay(3, 2, 128, 132.001), {id: 4, parent: 1, kind: client, service: "web", from: 16, to: 20}, pay(5, 4, 236, 239.5)},
			"what web and payments say of each other misses by 96.5ms: no one difference of their clocks suits all calls between them"},
		{"what it calls is shifted too", []one{web, call, pay(3, 2, 128, 132.001), {id: 4, parent: 3, kind: client, service: "payments", from: 129, to: 131.001},
			{id: 5, parent: 4, kind: server, service: "db", from: 9.5, to: 10.5}},
			"payments is 120ms ± 3ms ahead of web\npayments: 120ms less"},
		{"one host", []one{{id: 1, kind: client, service: "web", host: "host.name=a", from: 0, to: 10}, {id: 2, parent: 1, kind: server, service: "pay", host: "host.name=a", from: 100, to: 110}}, ""},
		{"a name that all have", []one{{id: 1, kind: client, service: "web", host: "host.name=localhost", from: 0, to: 10.001}, {id: 2, parent: 1, kind: server, service: "pay", host: "host.name=localhost", from: 103, to: 107.001}},
			"pay is 100ms ± 3ms ahead of web\npay: 100ms less"},
		{"two instances", []one{{id: 1, kind: client, service: "web", host: "service.instance.id=i1", from: 0, to: 10.001}, {id: 2, parent: 1, kind: server, service: "web", host: "service.instance.id=i2", from: 103, to: 107.001}},
			"web on i2 is 100ms ± 3ms ahead of web on i1\nweb on i2: 100ms less"},
		{"nameless", []one{{id: 1, kind: client, from: 0, to: 10}, {id: 2, parent: 1, kind: server, service: "pay", from: 100, to: 110}}, ""},
		{"whole seconds", []one{{id: 1, kind: client, service: "web", from: 0, to: 1000}, {id: 2, parent: 1, kind: server, service: "pay", from: 2000, to: 3000}}, ""},
		{"empty", nil, ""},
	} {
		if got := told(skew.Measure(batch(c.spans...))); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestReport looks at what the notes do not say.
func TestReport(t *testing.T) {
	r := skew.Measure(batch(
		one{id: 1, kind: server, service: "web", from: 0, to: 20.001},
		one{id: 2, parent: 1, kind: client, service: "web", from: 5, to: 15.001},
		one{id: 3, parent: 2, kind: server, service: "pay", from: 128, to: 132.001},
		one{id: 4, parent: 1, kind: client, service: "web", from: 5, to: 6},
		one{id: 5, parent: 4, kind: server, service: "slow", from: 5, to: 19},
		one{id: 6, parent: 77, kind: server, service: "lost", from: 5, to: 19},
	))
	if r.Calls != 2 || r.Outlived != 1 || r.Skewed() != 1 || !r.Corrects() || len(r.Clocks) != 4 {
		t.Errorf("%+v", r)
	}
	var names []string
	for _, c := range r.Clocks {
		names = append(names, c.Name)
	}
	if got := fmt.Sprint(names); got != "[web pay lost slow]" {
		t.Error(got)
	}
	if web, lost := r.Clocks[0], r.Clocks[2]; web.Ahead != (skew.Interval{}) || web.Spans != 3 || lost.Ahead != (skew.Interval{Lo: -skew.Unbounded, Hi: skew.Unbounded}) {
		t.Errorf("%+v", r.Clocks)
	}
	for row, want := range []int{0, 0, 1, 0, 3, 2} {
		if got := r.Of(row); got != want {
			t.Errorf("row %d is of clock %d, want %d", row, got, want)
		}
	}
}

// world is a trace with clocks whose differences are known.
type world struct {
	r       *rand.Rand
	offsets []int64 // by clock, ns
	unit    []uint64
	b       *span.Batch
	next    uint64
}

func (w *world) span(clock int, parent, start, end uint64, kind clew.Kind) uint64 {
	w.next++
	read := func(t uint64) uint64 {
		t += uint64(w.offsets[clock])
		return t - t%w.unit[clock]
	}
	r := clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(fmt.Sprint("s", clock))}}}
	add(w.b, r, w.next, parent, read(start), read(end), kind, clew.StatusUnset)
	return w.next
}

// grow makes a server's span of a clock and what it asks of others.
func (w *world) grow(clock int, parent, start, end uint64, depth int) {
	kind := server
	if parent == 0 && w.r.IntN(2) == 0 {
		kind = clew.KindInternal
	}
	id := w.span(clock, parent, start, end, kind)
	if depth == 0 || end-start < 1000 {
		return
	}
	within := func(lo, hi uint64) (uint64, uint64) {
		a, b := lo+w.r.Uint64N(hi-lo), lo+w.r.Uint64N(hi-lo)
		return min(a, b), max(a, b)
	}
	for range w.r.IntN(4) {
		from, to := within(start, end)
		if to-from < 10 {
			continue
		}
		other := w.r.IntN(len(w.offsets))
		switch w.r.IntN(4) {
		case 0: // sent and not waited for
			sent := w.span(clock, id, from, from+(to-from)/2, producer)
			late := from + w.r.Uint64N(1e10)
			w.span(other, sent, late, late+w.r.Uint64N(1e9), consumer)
		case 1: // without a client's span
			w.grow(other, id, from, to, depth-1)
		default:
			s, e := within(from, to)
			w.grow(other, w.span(clock, id, from, to, client), s, max(e, s+1), depth-1)
		}
	}
}

func (w *world) shuffle() {
	b := w.b
	w.r.Shuffle(b.Rows, func(i, j int) {
		b.SpanID[i], b.SpanID[j] = b.SpanID[j], b.SpanID[i]
		b.ParentID[i], b.ParentID[j] = b.ParentID[j], b.ParentID[i]
		b.Start[i], b.Start[j] = b.Start[j], b.Start[i]
		b.Duration[i], b.Duration[j] = b.Duration[j], b.Duration[i]
		b.Kind[i], b.Kind[j] = b.Kind[j], b.Kind[i]
		b.Status[i], b.Status[j] = b.Status[j], b.Status[i]
		b.Resource[i], b.Resource[j] = b.Resource[j], b.Resource[i]
	})
}

// TestTruth makes random traces by clocks that are off by random amounts, read in nanoseconds,
// microseconds or milliseconds: the truth always lies in the interval, nothing contradicts,
// what is corrected fits but for the odd call, and the order of the rows does not matter.
func TestTruth(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	known, proven, calls, misfit := 0, 0, 0, 0
	for round := range uint64(3000) {
		w := &world{r: rand.New(rand.NewPCG(seed, round)), b: &span.Batch{TraceIDs: []clew.TraceID{clew.MakeTraceID(1, 1)}}}
		for range 2 + w.r.IntN(6) {
			scale := []float64{1e4, 1e7, 1e9, 1e13}[w.r.IntN(4)]
			w.offsets = append(w.offsets, int64((w.r.Float64()-0.5)*scale))
			w.unit = append(w.unit, []uint64{1, 1000, 1_000_000}[w.r.IntN(3)])
		}
		w.grow(0, 0, moment, moment+1+w.r.Uint64N(uint64(10*time.Second)), 5)
		report := skew.Measure(w.b)
		if len(report.Clocks) == 0 {
			continue
		}
		if len(report.Contradictions) > 0 || report.Outlived > 0 {
			t.Fatalf("round %d: %+v, %d outlived", round, report.Contradictions, report.Outlived)
		}
		for _, c := range report.Clocks {
			var clock int
			if _, err := fmt.Sscanf(c.Name, "s%d", &clock); err != nil {
				t.Fatal(err)
			}
			truth := w.offsets[clock] - w.offsets[0]
			if truth < c.Ahead.Lo || truth > c.Ahead.Hi {
				t.Fatalf("round %d: %s is %d ahead, not within %+v", round, c.Name, truth, c.Ahead)
			}
			if c.Ahead.Bounded() {
				known++
			}
			if c.Skewed() {
				proven++
			}
		}
		calls += report.Calls
		misfit += misfits(w, report)
		before := fmt.Sprint(report.Clocks, report.Calls)
		w.shuffle()
		if after := skew.Measure(w.b); fmt.Sprint(after.Clocks, after.Calls) != before {
			t.Fatalf("round %d: in another order\n%v\nnot\n%s", round, after.Clocks, before)
		}
	}
	t.Logf("%d clocks bounded, %d proven to differ, %d calls, %d of them misfit when corrected", known, proven, calls, misfit)
	if known < 1500 || proven < 700 || calls < 10_000 || misfit*100 > calls {
		t.Error("that is too few, or too many misfits")
	}
}

// misfits counts the calls between clocks which, corrected, begin before their parent by more
// than the times' units and Tolerance.
func misfits(w *world, report *skew.Report) (n int) {
	for row, parent := range span.OneTrace(w.b).Tree().Parent {
		if parent < 0 {
			continue
		}
		c, p := report.Of(row), report.Of(int(parent))
		start := int64(w.b.Start[row]-moment) - report.Clocks[c].Correction
		above := int64(w.b.Start[parent]-moment) - report.Clocks[p].Correction
		if c != p && start < above-2e6-skew.Tolerance {
			n++
		}
	}
	return n
}

// TestRound has three clocks that contradict each other only all together.
func TestRound(t *testing.T) {
	r := skew.Measure(batch(
		one{id: 1, kind: client, service: "a", from: 0, to: 10.001},
		one{id: 2, parent: 1, kind: server, service: "b", from: 52, to: 58.001},
		one{id: 3, parent: 2, kind: client, service: "b", from: 53, to: 57.001},
		one{id: 4, parent: 3, kind: server, service: "c", from: 54, to: 56.001},
		one{id: 5, parent: 4, kind: client, service: "c", from: 54.1, to: 55.901},
		one{id: 6, parent: 5, kind: server, service: "a", from: 504.5, to: 505.001},
	))
	if len(r.Contradictions) == 0 || !strings.Contains(told(r), "misses by") {
		t.Errorf("%s %+v", told(r), r)
	}
	if b := r.Clocks[slices.IndexFunc(r.Clocks, func(c skew.Clock) bool { return c.Name == "b" })]; b.Ahead.Lo > 50e6 || b.Ahead.Hi < 50e6 {
		t.Errorf("the way to b says 50 ms, not %+v", b.Ahead)
	}
}

// TestFarApart has clocks that are off by more than can be said.
func TestFarApart(t *testing.T) {
	b := batch(one{id: 1, kind: client, service: "a", from: 0, to: 10}, one{id: 2, parent: 1, kind: server, service: "b", from: 1, to: 2},
		one{id: 3, parent: 2, kind: client, service: "b", from: 1, to: 2}, one{id: 4, parent: 3, kind: server, service: "c", from: 1, to: 2})
	for _, times := range [][2]uint64{{1, 1}, {1 << 63, 1}, {^uint64(0) - 5, 3}, {0, 0}} {
		b.Start[1], b.Duration[1] = times[0], times[1]
		for _, c := range skew.Measure(b).Clocks {
			if c.Ahead.Lo > c.Ahead.Hi {
				t.Errorf("%v: %+v", times, c)
			}
		}
	}
}

// TestFarBehind has a server whose clock is more than furthest behind: to have no bound is not to
// take longer than the client.
func TestFarBehind(t *testing.T) {
	b := batch(one{id: 1, kind: client, service: "a", from: 0, to: 10}, one{id: 2, parent: 1, kind: server, service: "b", from: 1, to: 2})
	b.Start[0], b.Start[1] = 1<<62, 1001
	if r := skew.Measure(b); r.Outlived != 0 || r.Calls != 1 {
		t.Errorf("%+v", r)
	}
}

// TestAnything has traces of any times, kinds and parents: intervals stay intervals, the first
// clock is right by itself, and the order of the rows does not matter.
func TestAnything(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	contradictions := 0
	for round := range uint64(3000) {
		w := &world{r: rand.New(rand.NewPCG(seed, round)), b: &span.Batch{TraceIDs: []clew.TraceID{clew.MakeTraceID(1, 1)}}}
		r := w.r
		any := func() uint64 {
			return []uint64{0, 1, moment, moment + r.Uint64N(1e9), r.Uint64(), ^uint64(0) - r.Uint64N(9), 1 << 63}[r.IntN(7)]
		}
		used := map[span.Identity]bool{}
		for range 1 + r.IntN(20) {
			id, kind := 1+r.Uint64N(20), clew.Kind(r.IntN(6))
			if own := (span.Identity{Span: id, Side: kind.Side()}); used[own] {
				continue
			} else {
				used[own] = true
			}
			res := clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(fmt.Sprint("s", r.IntN(5)))}}}
			add(w.b, res, id, r.Uint64N(22), any(), any(), kind, clew.Status(r.IntN(3)))
		}
		report := skew.Measure(w.b)
		contradictions += len(report.Contradictions)
		for i, c := range report.Clocks {
			if c.Ahead.Lo > c.Ahead.Hi || i == 0 && (c.Ahead != skew.Interval{} || c.Correction != 0) || c.Skewed() != (c.Note("x") != "") {
				t.Fatalf("round %d: %+v", round, c)
			}
		}
		before := fmt.Sprint(report.Clocks, report.Contradictions, report.Notes())
		w.shuffle()
		if after := skew.Measure(w.b); fmt.Sprint(after.Clocks, after.Contradictions, after.Notes()) != before {
			t.Fatalf("round %d: in another order\n%v\nnot\n%s", round, after.Clocks, before)
		}
	}
	if contradictions == 0 {
		t.Error("nothing contradicts")
	}
}

// TestNotesAreBounded has more clocks than are told of.
func TestNotesAreBounded(t *testing.T) {
	spans := []one{{id: 1, kind: server, service: "web", from: 0, to: 100}}
	for i := range uint64(3 * skew.MaxTold) {
		spans = append(spans, one{id: 2*i + 2, parent: 1, kind: client, service: "web", from: 5, to: 15.001},
			one{id: 2*i + 3, parent: 2*i + 2, kind: server, service: fmt.Sprint("s", i), from: 128, to: 132.001})
	}
	notes := skew.Measure(batch(spans...)).Notes()
	if len(notes) != skew.MaxTold+1 || notes[skew.MaxTold] != "and 128 more" {
		t.Errorf("%d notes, the last %q", len(notes), notes[len(notes)-1])
	}
}

// TestTooManyClocks has one more than are compared.
func TestTooManyClocks(t *testing.T) {
	b := &span.Batch{TraceIDs: []clew.TraceID{clew.MakeTraceID(1, 1)}}
	for i := range uint64(skew.MaxClocks + 1) {
		r := clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(fmt.Sprint("s", i))}}}
		b.Resources = append(b.Resources, span.NewResourceEntry(nil, r))
		b.Rows++
		b.Trace, b.Resource = append(b.Trace, 0), append(b.Resource, uint32(i))
		b.SpanID, b.ParentID = append(b.SpanID, i+1), append(b.ParentID, i)
		b.Start, b.Duration = append(b.Start, moment), append(b.Duration, 1)
		b.Kind, b.Status = append(b.Kind, 0), append(b.Status, 0)
	}
	r := skew.Measure(b)
	if want := "the trace was timed by 16385 clocks, more than the 16384 that are compared: none is"; len(r.Clocks) > 0 || r.Of(0) != -1 || told(r) != want {
		t.Errorf("%d clocks, %s", len(r.Clocks), told(r))
	}
}

// BenchmarkMeasure is of 100,000 spans of 20 services that ask each other.
func BenchmarkMeasure(b *testing.B) {
	const spans = 100_000
	all := batch()
	r := rand.New(rand.NewPCG(1, 1))
	for i := range uint64(spans) {
		parent, kind := uint64(0), server
		if i > 0 {
			parent = 1 + r.Uint64N(i)
			kind = clew.Kind(2 + i%2)
		}
		res := clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(fmt.Sprint("s", r.IntN(20)))}}}
		start := moment + i*1000
		add(all, res, i+1, parent, start, start+1_000_000_000-i*9000, kind, clew.StatusUnset)
	}
	b.ReportAllocs()
	for b.Loop() {
		skew.Measure(all)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
}
