package exec_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/compare"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/traceql"
)

// naiveAttributes lists what a span has, by name: of several values under one name the
// number, the text or the truth value; of events and links the first that has it.
func naiveAttributes(s *clew.Span, near []*clew.Span) map[string]clew.Value {
	out := make(map[string]clew.Value)
	put := func(scope string, attrs []clew.Attr) {
		best := make(map[string]clew.Value)
		for _, t := range []clew.Type{clew.TypeBool, clew.TypeString, clew.TypeDouble, clew.TypeInt} {
			for _, a := range slices.Backward(attrs) {
				if a.Value.Type == t {
					best[a.Key] = a.Value
				}
			}
		}
		for key, v := range best {
			f := traceql.Field{Name: key}
			f.Scope = map[string]traceql.Scope{"span": traceql.ScopeSpan, "resource": traceql.ScopeResource, "event": traceql.ScopeEvent,
				"link": traceql.ScopeLink, "instrumentation": traceql.ScopeInstrumentation}[scope]
			if _, known := out[f.String()]; !known {
				out[f.String()] = v
			}
		}
	}
	text := func(name, v string) {
		if _, known := out[name]; v != "" && !known {
			out[name] = clew.StringValue(v)
		}
	}
	out["name"] = clew.StringValue(s.Name)
	out["kind"], out["status"] = clew.IntValue(int64(s.Kind)), clew.IntValue(int64(s.Status))
	if root := naiveTrace(clew.TraceID{}, near, nil).rootSpan; root != nil {
		out["rootName"] = clew.StringValue(root.Name)
		text("rootServiceName", root.Service())
	}
	text("statusMessage", s.StatusMessage)
	text("instrumentation:name", s.Scope.Name)
	text("instrumentation:version", s.Scope.Version)
	put("span", s.Attrs)
	put("resource", s.Resource.Attrs)
	put("instrumentation", s.Scope.Attrs)
	if len(s.Events) > 0 {
		out["event:name"] = clew.StringValue(s.Events[0].Name)
	}
	for _, e := range s.Events {
		put("event", e.Attrs)
	}
	for _, l := range s.Links {
		put("link", l.Attrs)
	}
	return out
}

// naiveComparison answers a query that ends in compare(…), a line for each series.
func naiveComparison(t *testing.T, spans []clew.Span, query string, w clew.Window, step time.Duration) []string {
	t.Helper()
	q, err := traceql.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	c := q.Stages[len(q.Stages)-1].(*traceql.Metric).Compare
	steps := int((uint64(w.End-w.Start)-1)/uint64(step)) + 1
	type count struct {
		value clew.Value
		n     []int
		all   int
	}
	counts := make(map[string]map[string]*count) // by type and attribute, then value
	add := func(group, name string, v clew.Value, at int) {
		k := group + "|" + name
		if counts[k] == nil {
			counts[k] = make(map[string]*count)
		}
		x := counts[k][v.Key()]
		if x == nil {
			x = &count{value: v, n: make([]int, steps)}
			counts[k][v.Key()] = x
		}
		x.n[at]++
		x.all++
	}
	byTrace := make(map[clew.TraceID][]*clew.Span)
	for i := range spans {
		byTrace[spans[i].TraceID] = append(byTrace[spans[i].TraceID], &spans[i])
	}
	for _, trace := range byTrace {
		from := slices.DeleteFunc(slices.Clone(trace), func(s *clew.Span) bool { return !w.Contains(s.Start) })
		near := slices.DeleteFunc(slices.Clone(trace), func(s *clew.Span) bool {
			return s.Start+clew.UnixNanos(time.Hour) < w.Start || s.Start >= w.End+clew.UnixNanos(time.Hour)
		})
		for _, s := range naiveSelect(q.Stages[:len(q.Stages)-1], from, trace, trace) {
			group := "baseline"
			if (c.Selection.Where == nil || naive{s, s, trace}.truth(c.Selection.Where)) && (c.End == 0 || int64(s.Start) >= c.Start && int64(s.Start) < c.End) {
				group = "selection"
			}
			at := int(uint64(s.Start-w.Start) / uint64(step))
			for name, v := range naiveAttributes(s, near) {
				add(group, name, v, at)
				add(group+"_total", name, clew.Value{Type: clew.TypeOther}, at)
			}
		}
	}
	lines := make(map[string]bool)
	for k, values := range counts {
		group, name, _ := strings.Cut(k, "|")
		var list []*count
		for _, x := range values {
			list = append(list, x)
		}
		slices.SortFunc(list, func(a, b *count) int {
			return cmp.Or(cmp.Compare(b.all, a.all), naiveOrderOf(a.value, b.value))
		})
		if len(list) > c.Top {
			all := make(map[string]bool)
			for _, g := range []string{"baseline|", "selection|"} {
				for v := range counts[g+name] {
					all[v] = true
				}
			}
			lines[fmt.Sprintf("__meta_error=__too_many_values__ %s=nil %v", name, slices.Repeat([]int{len(all)}, steps))] = true
		}
		for _, x := range list[:min(len(list), c.Top)] {
			v := x.value.Whole().String()
			switch {
			case x.value.Type == clew.TypeOther:
				v = "nil"
			case name == "kind":
				v = traceql.Static{Type: traceql.TypeKind, Int: x.value.Int()}.String()
			case name == "status":
				v = traceql.Static{Type: traceql.TypeStatus, Int: x.value.Int()}.String()
			}
			lines[fmt.Sprintf("__meta_type=%s %s=%s %v", group, name, v, x.n)] = true
		}
	}
	return sorted(lines)
}

func sorted(lines map[string]bool) (out []string) {
	for l := range lines {
		out = append(out, l)
	}
	slices.Sort(out)
	return out
}

// naiveOrderOf orders values that are equally frequent.
func naiveOrderOf(a, b clew.Value) int {
	kind := func(v clew.Value) int {
		return map[clew.Type]int{clew.TypeInt: 1, clew.TypeDouble: 1, clew.TypeString: 2, clew.TypeBool: 3}[v.Type]
	}
	if kind(a) == 1 && kind(b) == 1 {
		x, y := naiveExact(a), naiveExact(b)
		switch {
		case x == nil:
			return -1 // NaN
		case y == nil:
			return 1
		}
		return x.Cmp(y)
	}
	return cmp.Or(cmp.Compare(kind(a), kind(b)), cmp.Compare(string(a.Bytes), string(b.Bytes)), cmp.Compare(a.Bits, b.Bits))
}

func comparisonOf(got *exec.Metrics) []string {
	lines := make(map[string]bool)
	for _, s := range got.Series {
		var b strings.Builder
		for _, l := range s.Labels {
			text := l.Text
			if l.Value.Type != clew.TypeOther && !strings.Contains("kind status", l.Name) {
				text = l.Value.String()
			}
			fmt.Fprintf(&b, "%s=%s ", l.Name, text)
		}
		lines[fmt.Sprint(b.String(), s.Points)] = true
	}
	return sorted(lines)
}

// Random comparisons over random spans are those of the model, on every store, over the
// whole window and over time.
func TestComparisons(t *testing.T) {
	spans := storagetest.NewGenerator(77).Spans(60, 6)
	r := randomQuery{rand.New(rand.NewPCG(3, 4))}
	first, last := spans[0].Start, spans[0].Start
	for i := range spans {
		first, last = min(first, spans[i].Start), max(last, spans[i].Start)
	}
	var texts []string
	for len(texts) < 40 {
		selected := r.one("{ }", "{ }", r.spanset(1))
		of := r.one("{ status = error }", "{ duration > 1s }", "{ kind = server || .a = 1 }", "{ }", "{ rootServiceName = \"cart\" }", "{ "+r.condition(1)+" }")
		start := int64(first) + r.Int64N(int64(last-first))
		rest := r.one("", "", ", 1", ", 2", ", 3", fmt.Sprintf(", 4, %d, %d", start, start+1+r.Int64N(120e9)))
		text := fmt.Sprintf("%s | compare(%s%s)", selected, of, rest)
		if _, err := exec.Prepare(text); err == nil {
			texts = append(texts, text)
		}
	}
	for name, open := range variants() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			fill(t, store, spans, 23)
			for _, text := range texts {
				w := clew.Window{Start: first + clew.UnixNanos(r.Int64N(20e9)), End: last - clew.UnixNanos(r.Int64N(20e9))}
				step := []time.Duration{time.Minute, time.Hour}[r.IntN(2)]
				if step == time.Hour {
					step = time.Duration(w.End - w.Start)
				}
				got, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: exec.Over{Tenant: tenant, Window: w}, Plan: prepare(t, text), Step: step})
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				want := naiveComparison(t, spans, text, w, step)
				if diff := difference(comparisonOf(&got), want); diff != "" {
					t.Fatalf("%s in %v by %v:\n%s", text, w, step, diff)
				}
			}
		})
	}
}

// difference says what only one of two sorted lists has.
func difference(got, want []string) string {
	var b strings.Builder
	for _, l := range got {
		if !slices.Contains(want, l) {
			b.WriteString("got  " + l + "\n")
		}
	}
	for _, l := range want {
		if !slices.Contains(got, l) {
			b.WriteString("want " + l + "\n")
		}
	}
	return b.String()
}

// Of an attribute of very many values, or of very long ones, only the spans that have it
// are counted; the others are told all the same. Nothing depends on how batches are cut.
func TestComparisonOfTooManyValues(t *testing.T) {
	spans := make([]clew.Span, compare.MaxValues+100)
	for i := range spans {
		s := clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1, Name: "a", Start: storagetest.Epoch + clew.UnixNanos(i), End: storagetest.Epoch + 1000}
		if i%4 == 0 {
			s.Status = clew.StatusError
		}
		s.Attrs = []clew.Attr{{Key: "id", Value: clew.IntValue(int64(i))}, {Key: "mod", Value: clew.IntValue(int64(i % compare.MaxValues))}}
		if i < 200 {
			s.Attrs = append(s.Attrs, clew.Attr{Key: "long", Value: clew.StringValue(strings.Repeat("x", compare.MaxText/100) + fmt.Sprint(i))})
		}
		spans[i] = s
	}
	want := []string{
		"__meta_error=__too_many_values__ span.id=nil [4097]",
		"__meta_error=__too_many_values__ span.long=nil [4097]",
		"__meta_error=__too_many_values__ span.mod=nil [4096]",
		"__meta_type=baseline span.mod=1 [2]", "__meta_type=baseline name=a [3147]", "__meta_type=baseline kind=unspecified [3147]", "__meta_type=baseline status=unset [3147]",
		"__meta_type=baseline_total kind=nil [3147]", "__meta_type=baseline_total name=nil [3147]", "__meta_type=baseline_total span.id=nil [3147]",
		"__meta_type=baseline_total span.long=nil [150]", "__meta_type=baseline_total span.mod=nil [3147]", "__meta_type=baseline_total status=nil [3147]",
		"__meta_type=selection kind=unspecified [1049]", "__meta_type=selection name=a [1049]", "__meta_type=selection span.mod=0 [2]", "__meta_type=selection status=error [1049]",
		"__meta_type=selection_total kind=nil [1049]", "__meta_type=selection_total name=nil [1049]", "__meta_type=selection_total span.id=nil [1049]",
		"__meta_type=baseline rootName=a [3147]", "__meta_type=baseline_total rootName=nil [3147]", "__meta_type=selection rootName=a [1049]", "__meta_type=selection_total rootName=nil [1049]",
		"__meta_type=selection_total span.long=nil [50]", "__meta_type=selection_total span.mod=nil [1049]", "__meta_type=selection_total status=nil [1049]",
	}
	for name, open := range variants() {
		store := open(t)
		fill(t, store, spans, 1500)
		w := clew.Window{Start: storagetest.Epoch, End: storagetest.Epoch + 1e9}
		got, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: exec.Over{Tenant: tenant, Window: w}, Plan: prepare(t, "{ } | compare({ status = error }, 1)")})
		if err != nil {
			t.Fatal(err)
		}
		if diff := difference(comparisonOf(&got), want); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// Spans that were sampled count for those they stand for, unless the query says otherwise.
func TestComparisonOfSampledSpans(t *testing.T) {
	spans := []clew.Span{
		{TraceID: clew.MakeTraceID(1, 1), SpanID: 1, Name: "a", Start: storagetest.Epoch, TraceState: "ot=th:8"}, // one of two
		{TraceID: clew.MakeTraceID(1, 2), SpanID: 2, Name: "a", Start: storagetest.Epoch, TraceState: "ot=th:c"}, // one of four
		{TraceID: clew.MakeTraceID(1, 3), SpanID: 3, Name: "b", Start: storagetest.Epoch},
		{TraceID: clew.MakeTraceID(1, 4), SpanID: 4, Name: "b", Start: storagetest.Epoch, Status: clew.StatusError, TraceState: "ot=th:8"},
	}
	for name, open := range variants() {
		store := open(t)
		fill(t, store, spans, 2)
		for query, want := range map[string]map[string]float64{
			"{ } | compare({ status = error })":                         {"baseline a": 6, "baseline b": 1, "selection b": 2},
			"{ } | compare({ status = error }) with (weighted = false)": {"baseline a": 2, "baseline b": 1, "selection b": 1},
		} {
			w := clew.Window{Start: storagetest.Epoch, End: storagetest.Epoch + 1e9}
			got, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: exec.Over{Tenant: tenant, Window: w}, Plan: prepare(t, query)})
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, s := range got.Series {
				if s.Labels[1].Name != span.Name.String() || s.Labels[1].Value.Type == clew.TypeOther {
					continue
				}
				k := s.Labels[0].Text + " " + s.Labels[1].Text
				if found++; s.Points[0] != want[k] {
					t.Errorf("%s: %s: %s is %v, want %v", name, query, k, s.Points[0], want[k])
				}
				if estimated := s.Errors != nil && s.Errors[0] > 0; estimated != (want[k] == 6 || k == "selection b" && want[k] == 2) {
					t.Errorf("%s: %s: %s has errors %v", name, query, k, s.Errors)
				}
			}
			if found != 3 {
				t.Errorf("%s: %s: %d series by name", name, query, found)
			}
		}
	}
}

// Of a trace the first root counts that starts within an hour of the window, in whatever
// batch it is, and of whichever of its ids, if it has a 64-bit one besides; with more traces
// than there is room for none is told, and the answer says so.
func TestComparisonOfRoots(t *testing.T) {
	const hour = clew.UnixNanos(time.Hour)
	at := storagetest.Epoch + 10*hour
	w := clew.Window{Start: at, End: at + hour}
	s := func(trace, id, parent uint64, start clew.UnixNanos, name string) clew.Span {
		return clew.Span{TraceID: clew.MakeTraceID(1, trace), SpanID: clew.SpanID(id), ParentID: clew.SpanID(parent), Start: start, End: start + 1, Name: name}
	}
	short := func(s clew.Span) clew.Span {
		s.TraceID = clew.MakeTraceID(0, s.TraceID.Low())
		return s
	}
	few := []clew.Span{
		s(1, 2, 1, at, "child"), s(2, 2, 1, at, "child"), s(3, 2, 1, at, "child"), s(4, 2, 1, at, "child"), s(5, 2, 1, at, "child"),
		s(1, 1, 0, at-hour-1, "too early"), s(2, 1, 0, at-hour, "early"), s(3, 1, 0, w.End+hour-1, "late"), s(4, 1, 0, w.End+hour, "too late"),
		s(5, 5, 0, at-1, "second"), s(5, 4, 0, at-1, "first"),
		s(6, 2, 1, at, "child"), short(s(6, 1, 0, at-1, "short")),
		short(s(7, 2, 1, at, "child")), s(7, 1, 0, at-1, "long"),
		s(8, 2, 1, at, "child"), short(s(8, 3, 0, at-2, "one")), s(8, 1, 0, at-1, "another"),
		short(s(9, 2, 1, at, "child")), short(s(9, 3, 0, at-1, "other")), s(9, 1, 0, at-2, "two"),
	}
	many := make([]clew.Span, 9000)
	for i := range many {
		many[i] = s(uint64(i+1), 1, 0, at, "root")
	}
	for _, c := range []struct {
		spans  []clew.Span
		memory int64
		want   string
		reason string
	}{
		{few, 1, "early late first short long one two", ""},
		{many, 1, "", "rootName and rootServiceName are not told"},
		{many, 1 << 20, "", "rootName and rootServiceName are not told"},
		{many, 2 << 20, "root", ""},
	} {
		for name, open := range variants() {
			store := open(t)
			fill(t, store, c.spans, 3000)
			over := exec.Over{Tenant: tenant, Window: w, Budget: exec.Budget{Memory: c.memory}}
			got, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: over, Plan: prepare(t, "{ } | compare({ status = error })")})
			if err != nil || got.Cost.Complete != (c.reason == "") || !strings.HasPrefix(got.Cost.Reason, c.reason) || got.Cost.Searched != 1 {
				t.Fatalf("%s: %+v, %v", name, got.Cost, err)
			}
			told, want := map[string]bool{}, map[string]bool{}
			for _, x := range got.Series {
				if x.Labels[0].Text == "baseline" && x.Labels[1].Name == "rootName" {
					told[x.Labels[1].Text] = true
				}
			}
			for _, x := range strings.Fields(c.want) {
				want[x] = true
			}
			if diff := difference(sorted(told), sorted(want)); diff != "" {
				t.Errorf("%s, %d bytes:\n%s", name, c.memory, diff)
			}
		}
	}
}
