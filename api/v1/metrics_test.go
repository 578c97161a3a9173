package v1_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/storage/storagetest"
)

type metrics struct {
	Coverage      struct{ Complete bool }
	StepSeconds   float64
	Steps         int
	QuantileError float64
	Series        []struct {
		Labels []struct {
			Name, Text string
			Value      any
		}
		Points, StandardErrors []*float64
		Exemplars              []struct{ TraceID, SpanID string }
	}
}

// String returns the series: labels = points, - for none.
func (m *metrics) String() string {
	var lines []string
	for _, s := range m.Series {
		line := ""
		for _, l := range s.Labels {
			line += l.Name + ":" + l.Text + " "
		}
		line += "="
		for _, p := range s.Points {
			if p == nil {
				line += " -"
			} else {
				line += fmt.Sprintf(" %.4g", *p)
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func TestMetrics(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		s.put(6, shopSpans()...)
		for _, c := range []struct{ q, want string }{
			{"{ } | count_over_time()", "= 5 4"}, // the last stands for four
			{"{ } | count_over_time() with (weighted = false)", "= 5 1"},
			{"{ } | rate() by (resource.service.name)", "resource.service.name:cart = 0.03333 0.06667; resource.service.name:web = 0.05 0"},
			{"{ kind = server } | max_over_time(duration) by (name)", "name:GET / = 0.04 -; name:GET /cart = 0.02 0.01"},
			{"{ kind = server } | quantile_over_time(duration, 1)", "p:1 = 0.04 0.01"},
			{"{ } | count_over_time() by (status)", "status:unset = 4 4; status:error = 1 0"},
			{"({ status = error } | rate()) / ({ } | rate()) * 100", "= 20 0"},
			{"{ kind = client } | count_over_time() by (name) | topk(1)", "name:GET = 1 0"},
			{"{ .nobody = 1 } | rate() by (name)", ""},
			{`{ kind = server } | compare({ name = "GET /" }, 1)`, "__meta_type:baseline kind:server = 1 4; __meta_type:baseline name:GET /cart = 1 4; " +
				"__meta_type:baseline resource.service.name:cart = 1 4; __meta_type:baseline rootName:GET / = 1 0; __meta_type:baseline rootServiceName:web = 1 0; __meta_type:baseline status:unset = 1 4; " +
				"__meta_type:baseline_total kind:nil = 1 4; __meta_type:baseline_total name:nil = 1 4; " +
				"__meta_type:baseline_total resource.service.name:nil = 1 4; __meta_type:baseline_total rootName:nil = 1 0; __meta_type:baseline_total rootServiceName:nil = 1 0; __meta_type:baseline_total status:nil = 1 4; " +
				"__meta_type:selection kind:server = 1 0; __meta_type:selection name:GET / = 1 0; " +
				"__meta_type:selection resource.service.name:web = 1 0; __meta_type:selection rootName:GET / = 1 0; __meta_type:selection rootServiceName:web = 1 0; __meta_type:selection status:unset = 1 0; " +
				"__meta_type:selection_total kind:nil = 1 0; __meta_type:selection_total name:nil = 1 0; " +
				"__meta_type:selection_total resource.service.name:nil = 1 0; __meta_type:selection_total rootName:nil = 1 0; __meta_type:selection_total rootServiceName:nil = 1 0; __meta_type:selection_total status:nil = 1 0"},
		} {
			var got metrics
			s.get("/api/v1/metrics?start=2026-01-01T00:00:00Z&end=2026-01-01T00:02:00Z&step=60&exemplars=4&q=" + url.QueryEscape(c.q)).ok(&got)
			if got.String() != c.want || !got.Coverage.Complete || got.Steps != 2 || got.StepSeconds != 60 {
				t.Errorf("%s: %s, want %s; %+v", c.q, got.String(), c.want, got)
			}
			if quantile := strings.Contains(c.q, "quantile"); quantile != (got.QuantileError == sketch.RelativeError) {
				t.Errorf("%s: quantileError %v", c.q, got.QuantileError)
			}
		}
	})
}

// TestWindowsOfWholeSteps: where an end of the window is left open, no step is in part.
func TestWindowsOfWholeSteps(t *testing.T) {
	s := serve(t, memory(), v1.Config{})
	ago := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(-d).UnixNano(), 10) }
	const at = "1767225600000000000" // 2026-01-01
	for _, c := range []struct {
		window string
		steps  int
		step   float64
	}{
		{"start=" + ago(time.Hour), 60, 60},
		{"start=" + ago(time.Hour) + "&step=1h", 1, 3600},
		{"start=" + ago(150*time.Minute) + "&step=1h", 2, 3600},
		{"start=" + ago(time.Minute) + "&step=1h", 1, 3600}, // what there is
		{"", 60, 60},
		{"step=7m", 9, 420},
		{"step=2h", 1, 7200},
		{"end=" + at + "&step=7m", 9, 420},
		{"start=2025-12-31T22:30:00Z&end=" + at + "&step=1h", 2, 3600}, // as asked
	} {
		var got struct {
			metrics
			Start string
		}
		before := time.Now()
		s.get("/api/v1/metrics?q=" + url.QueryEscape("{ } | rate()") + "&" + c.window).ok(&got)
		start, err := strconv.ParseInt(got.Start, 10, 64)
		end := start + int64(got.StepSeconds*1e9)*int64(got.Steps)
		if got.Steps != c.steps || got.StepSeconds != c.step || err != nil {
			t.Errorf("%s: %d steps of %v s, want %d of %v s; %v", c.window, got.Steps, got.StepSeconds, c.steps, c.step, err)
		}
		if !strings.Contains(c.window, "end=") && got.Steps > 1 && end > time.Now().UnixNano() {
			t.Errorf("%s: the last step ends %v after it was asked for", c.window, time.Unix(0, end).Sub(before))
		}
	}
}

// TestStandardErrors are those that follow from the weights: a span that stands for 4 is one
// of 4 with probability 1/4, which has a variance of 4·3.
func TestStandardErrors(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		s.put(6, shopSpans()...) // in the second minute one of 10 ms that stands for 4
		root12 := math.Sqrt(12)
		for _, c := range []struct {
			q    string
			want []float64
		}{
			{"{ } | count_over_time()", []float64{0, root12}},
			{"{ } | rate()", []float64{0, root12 / 60}},
			{"{ } | sum_over_time(duration)", []float64{0, root12 * 0.01}},
			{"{ } | sum_over_time(duration) with (weighted = false)", nil},
			{"{ } | avg_over_time(duration)", []float64{0, math.NaN()}}, // one span tells nothing of others
			{"{ } | avg_over_time(duration) with (weighted = false)", nil},
			{"{ kind = client } | sum_over_time(duration)", nil},
		} {
			var got metrics
			s.get("/api/v1/metrics?start=2026-01-01T00:00:00Z&end=2026-01-01T00:02:00Z&step=60&q=" + url.QueryEscape(c.q)).ok(&got)
			have := got.Series[0].StandardErrors
			same := len(have) == len(c.want)
			for i := 0; same && i < len(have); i++ {
				same = have[i] != nil && math.Abs(*have[i]-c.want[i]) < 1e-9 || have[i] == nil && math.IsNaN(c.want[i])
			}
			if !same {
				t.Errorf("%s: standard errors %v, want %v; %s", c.q, have, c.want, got.String())
			}
		}
	})
}

// TestCountsOfSampledSpans say how many spans there were, if samplers left some out, and
// nothing of it if not.
func TestCountsOfSampledSpans(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		s.put(6, shopSpans()...) // the last one stands for 4
		s.put(6, clew.Span{TraceID: clew.MakeTraceID(1, 4), SpanID: 7, Name: "forced", Start: storagetest.Epoch, End: storagetest.Epoch + 1,
			Attrs: []clew.Attr{{Key: "sampling.priority", Value: clew.IntValue(1)}}})
		for q, want := range map[string]string{
			`{ }`:                                    `{"spans":7,"traces":4,"estimatedSpans":10,"standardError":3.4641016151377544,"unknownWeight":1}`,
			`{ } with (weighted = false)`:            `{"spans":7,"traces":4}`,
			`{ name = "forced" }`:                    `{"spans":1,"traces":1,"unknownWeight":1}`,
			`{ name = "GET /" }`:                     `{"spans":1,"traces":1}`,
			`{ } > { kind = server }`:                `{"spans":1,"traces":1}`,
			`{ span:parentID = "0000000000000009" }`: `{"spans":1,"traces":1,"estimatedSpans":4,"standardError":3.4641016151377544}`,
			`{ .nothing = "of the kind" }`:           `{"spans":0,"traces":0}`,
		} {
			var got struct{ Count json.RawMessage }
			s.get("/api/v1/search?limit=0&count=true&q=" + url.QueryEscape(q)).ok(&got)
			if string(got.Count) != want {
				t.Errorf("%s: %s, want %s", q, got.Count, want)
			}
		}
	})
}

// TestMetricSuggestions say why nothing was counted.
func TestMetricSuggestions(t *testing.T) {
	s := serve(t, database(t, 10), v1.Config{})
	s.put(6, shopSpans()...)
	for _, c := range []struct{ query, want string }{
		{`{ span.htp.route = "/" } | rate()`, "span.htp.route does not occur"},
		{`({ span.htp.route = "/" } | rate()) + ({ resource.service.nam = "x" } | rate())`, "span.htp.route does not occur|resource.service.nam does not occur; did you mean resource.service.name?"},
		{`{ } | max_over_time(span.siz)`, "span.siz does not occur"},
		{`{ } | rate()`, ""},
	} {
		var got struct{ Suggestions []string }
		s.get("/api/v1/metrics?start=2026-01-01T00:00:00Z&end=2026-01-01T00:02:00Z&step=60&q=" + url.QueryEscape(c.query)).ok(&got)
		if text := strings.Join(got.Suggestions, "|"); text != c.want {
			t.Errorf("%s: %q, want %q", c.query, text, c.want)
		}
	}
}

func TestMetricErrors(t *testing.T) {
	s := serve(t, database(t, 10), v1.Config{})
	s.put(6, shopSpans()...)
	for _, c := range []struct{ query, want string }{
		{"q=" + url.QueryEscape("{ }"), "selects spans"},
		{"q=" + url.QueryEscape("{ } | rat()"), "did you mean"},
		{"q=" + url.QueryEscape("{ } | rate()") + "&step=never", "step"},
		{"q=" + url.QueryEscape("{ } | rate()") + "&step=-1s", "step"},
		{"q=" + url.QueryEscape("{ } | rate()") + "&exemplars=2000", "exemplars"},
		{"q=" + url.QueryEscape("{ } | rate()") + "&start=2100-01-01T00:00:00Z", "start 2100-01-01T00:00:00Z lies in the future"},
		{"q=" + url.QueryEscape("{ } | rate()") + "&start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&step=1s", "longer step"},
	} {
		r := s.bad("GET", "/api/v1/metrics?"+c.query, "")
		if r.status < 400 || r.status >= 500 || !strings.Contains(string(r.body), c.want) {
			t.Errorf("%s: %d %s, want %q", c.query, r.status, string(r.body), c.want)
		}
	}
	r := s.bad("GET", "/api/v1/search?q="+url.QueryEscape("{ } | rate()"), "")
	if r.status != 400 || !strings.Contains(string(r.body), "numbers over time") || !strings.Contains(string(r.body), "ask clew metrics or /api/v1/metrics") {
		t.Errorf("a search for a metric: %d %s", r.status, string(r.body))
	}
}
