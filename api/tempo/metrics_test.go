package tempo_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew/api/tempo"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage/storagetest"
)

func queryRange(q string, pairs ...string) string {
	return ask("/api/metrics/query_range", append([]string{"q", q, "start", "1763888990", "end", "1763889080"}, pairs...)...)
}

func instant(q string, pairs ...string) string {
	return ask("/api/metrics/query", append([]string{"q", q, "start", "1763888990", "end", "1763889080"}, pairs...)...)
}

// TestMetricsGolden pins the JSON of series.
func TestMetricsGolden(t *testing.T) {
	eachStore(t, func(a *api) {
		a.golden("range", queryRange(`{ } | rate() with(sample=true)`, "step", "30s"))
		a.golden("range_by", queryRange(`{ } | quantile_over_time(duration, .5) by (resource.service.name, kind)`, "step", "1m", "exemplars", "1"))
		a.golden("range_histogram", queryRange(`{nestedSetParent<0 && true} | histogram_over_time(duration) with(exemplars=false)`, "step", "90s"))
		a.golden("range_none", queryRange(`{ } | avg_over_time(span.nothing)`))
		a.golden("instant", instant(`{ } | count_over_time() by (status)`))
		a.golden("instant_compare", instant(`{ } | compare({ status = error }, 1)`))
		a.golden("range_compare", queryRange(`{ resource.service.name = "cart" } | compare({ duration > 1s }, 2)`, "step", "90s"))
		a.golden("instant_math", instant(`({ status = error } | count_over_time()) / ({ } | count_over_time())`))
	})
}

type answered struct {
	Series []struct {
		Samples []struct {
			TimestampMs string
			Value       float64
		}
		Exemplars []struct {
			Labels      []struct{ Key string }
			TimestampMs string
			Value       float64
		}
	}
	Status, Message string
}

func (a *api) series(path string) (out answered) {
	a.Helper()
	if err := json.Unmarshal(a.ok(path), &out); err != nil {
		a.Fatal(err)
	}
	return out
}

// TestGrid puts points at the ends of steps, which lie on multiples of their length.
func TestGrid(t *testing.T) {
	eachStore(t, func(a *api) {
		for _, c := range []struct{ start, end, step, want string }{
			{"1763888999", "1763889065", "30", "1763889000000=0 1763889030000=3 1763889060000=0 1763889090000=1"},
			{"1763889000", "1763889060", "30s", "1763889030000=3 1763889060000=0"},
			{"1763889000", "1763889001", "1m", "1763889060000=3"},
			{"1763889000.02", "1763889000.06", "20ms", "1763889000040=0 1763889000060=1"},
		} {
			out := a.series(ask("/api/metrics/query_range", "q", "{ } | count_over_time()", "start", c.start, "end", c.end, "step", c.step))
			var got []string
			for _, s := range out.Series[0].Samples {
				got = append(got, fmt.Sprintf("%s=%v", s.TimestampMs, s.Value))
			}
			if text := strings.Join(got, " "); text != c.want {
				a.Errorf("from %s to %s by %s: %s, want %s", c.start, c.end, c.step, text, c.want)
			}
		}
	})
}

// TestDefaultStep is Tempo's, seen by the distance of points.
func TestDefaultStep(t *testing.T) {
	a := serve(t, storagetest.NewMemory(storagetest.AllCapabilities()))
	for length, want := range map[time.Duration]time.Duration{
		30 * time.Second:    100 * time.Millisecond,
		2 * time.Second:     50 * time.Millisecond,
		10 * time.Minute:    2 * time.Second,
		time.Hour:           15 * time.Second,
		6 * time.Hour:       90 * time.Second / 90 * 60, // 60 s, of 90
		7 * 24 * time.Hour:  40 * time.Minute,
		30 * 24 * time.Hour: 3 * time.Hour,
		3 * time.Minute:     time.Second,
	} {
		end := time.Unix(1763900000, 0)
		out := a.series(ask("/api/metrics/query_range", "q", "{ } | rate()", "start", end.Add(-length).Format(time.RFC3339), "end", end.Format(time.RFC3339)))
		var first, second int64
		if _, err := fmt.Sscan(out.Series[0].Samples[0].TimestampMs+" "+out.Series[0].Samples[1].TimestampMs, &first, &second); err != nil {
			t.Fatal(err)
		}
		if got := time.Duration(second-first) * time.Millisecond; got != want {
			t.Errorf("the step of %v is %v, want %v", length, got, want)
		}
	}
}

// TestSince goes back from the end, an hour unasked.
func TestSince(t *testing.T) {
	eachStore(t, func(a *api) {
		for _, c := range []struct {
			pairs []string
			want  float64
		}{
			{[]string{"end", "1763889070"}, 4},
			{[]string{"end", "1763889070", "since", "30s"}, 1},
			{[]string{"end", "1763975400", "since", "1d"}, 4},
			{[]string{"end", "1763892620"}, 1},
			{nil, 0}, // nothing lately
		} {
			var out struct{ Series []struct{ Value float64 } }
			if err := json.Unmarshal(a.ok(ask("/api/metrics/query", append([]string{"query", "{ } | count_over_time()"}, c.pairs...)...)), &out); err != nil {
				a.Fatal(err)
			}
			if len(out.Series) != 1 || out.Series[0].Value != c.want {
				a.Errorf("%v: %+v, want %v", c.pairs, out.Series, c.want)
			}
		}
	})
}

// TestExemplars come unasked, at the height of the line where spans are counted.
func TestExemplars(t *testing.T) {
	eachStore(t, func(a *api) {
		out := a.series(queryRange(`{ resource.service.name = "cart" } | count_over_time()`, "step", "30s"))
		if x := out.Series[0].Exemplars; len(x) != 2 || x[0].Value != 1 || x[0].TimestampMs != "1763889000050" || x[0].Labels[0].Key != "trace:id" {
			a.Errorf("exemplars: %+v", x)
		}
		out = a.series(queryRange(`{ name = "restock" } | max_over_time(duration)`, "step", "30s"))
		if x := out.Series[0].Exemplars; len(x) != 1 || x[0].Value != 2 {
			a.Errorf("exemplars of durations: %+v", x)
		}
		for _, c := range []struct {
			hint, parameter string
			some            bool
		}{
			{"", "", true}, {"", "0", false}, {"", "1", true},
			{"with (exemplars = true)", "", true}, {"with (exemplars = true)", "0", true}, {"with (exemplars = 2)", "0", true},
			{"with (exemplars = false)", "", false}, {"with (exemplars = 0)", "", false}, {"with (exemplars = false)", "7", false}, {"with (exemplars = 0)", "7", false},
		} {
			out := a.series(queryRange("{ } | rate() "+c.hint, "step", "30s", "exemplars", c.parameter))
			if n := len(out.Series[0].Exemplars); n > 0 != c.some {
				a.Errorf("%s, exemplars=%s: %d exemplars", c.hint, c.parameter, n)
			}
		}
	})
}

// TestMetricsProtobuf has the fields of tempopb's messages.
func TestMetricsProtobuf(t *testing.T) {
	eachStore(t, func(a *api) {
		get := func(path string) map[int][][]byte { return fields(a.T, a.ok(path, "Accept", "application/protobuf")) }
		m := get(queryRange(`{ name = "restock" } | max_over_time(duration) by (kind)`, "step", "30s"))
		s := fields(a.T, m[1][0])
		label := fields(a.T, s[1][0])
		if got := string(label[1][0]) + " " + string(fields(a.T, label[2][0])[1][0]); got != "kind consumer" {
			a.Errorf("label %s", got)
		}
		value, n := protowire.ConsumeFixed64(s[2][0][1:])
		stamp, _ := protowire.ConsumeVarint(s[2][0][1+n+1:])
		if math.Float64frombits(value) != 2 || stamp != 1763889090000 || len(s[4]) != 1 || len(m[2]) != 1 {
			a.Errorf("point %v at %d, %d exemplars", math.Float64frombits(value), stamp, len(s[4]))
		}
		s = fields(a.T, get(instant(`{ } | count_over_time()`))[1][0])
		if got := string(fields(a.T, s[1][0])[1][0]); got != "__name__" {
			a.Errorf("instant's label %s", got)
		}
	})
}

// TestMetricsPartial says so in the answer, as Tempo does.
func TestMetricsPartial(t *testing.T) {
	eachStore(t, func(a *api) {
		a.API = tempo.New(tempo.Config{Store: a.store, Budget: exec.Budget{Time: 1}})
		for _, path := range []string{queryRange(`{ name != "x" } | rate()`), instant(`{ name != "x" } | rate()`)} {
			w := a.get(path)
			var out answered
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out.Status != "PARTIAL" || !strings.Contains(out.Message, "time budget") || w.Header().Get("Clew-Partial") != out.Message {
				a.Errorf("GET %s: %v, %s %q, header %q", path, err, out.Status, out.Message, w.Header().Get("Clew-Partial"))
			}
		}
		body := a.ok(instant(`{ name != "x" } | rate()`), "Accept", "application/protobuf")
		if m := fields(a.T, body); len(m[4]) != 1 {
			a.Errorf("no message in protobuf: %v", m)
		}
	})
}

// TestMetricsErrors answers in text what is wrong.
func TestMetricsErrors(t *testing.T) {
	a := serve(t, storagetest.NewMemory(storagetest.AllCapabilities()))
	for _, c := range []struct{ path, text string }{
		{queryRange("{ }"), "a metric such as | rate() makes numbers"},
		{queryRange("{ } | rate("), "invalid TraceQL query: "},
		{queryRange("{ } | rate() with (samples = true)"), "unknown hint samples"},
		{queryRange("{ } | rate()", "step", "0"), "invalid step"},
		{queryRange("{ } | rate()", "step", "-1s"), "invalid step"},
		{queryRange("{ } | rate()", "step", "1e400"), "invalid step"},
		{queryRange("{ } | rate()", "step", "1ms"), "steps of 1ms, more than 11000"},
		{queryRange("{ } | rate()", "exemplars", "x"), "invalid exemplars"},
		{queryRange("{ } | rate()", "end", "1"), "start must be before end"},
		{instant("{ } | rate()", "start", "", "end", "", "since", "soon"), "invalid since"},
		{instant("{ }"), "a metric such as | rate() makes numbers"},
		{instant(""), "a metric such as | rate() makes numbers"},
	} {
		w := a.get(c.path)
		if w.Code != 400 || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("GET %s: %d %q, want 400 and %q", c.path, w.Code, w.Body, c.text)
		}
	}
}
