package prom_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/api/prom"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/storage"
)

// midnight is the start of a day of UTC.
const midnight = int64(1763856000)

// spanOf is a span of the tests: a server's, of which the operation is its name.
type spanOf struct {
	service, name string
	start         int64 // ms
	took          int64 // ns
	failed        bool
	weight        int // 1, 2, 4, …: kept of so many
}

// put appends spans, in requests of some.
func put(t *testing.T, s storage.Store, spans []spanOf) {
	t.Helper()
	for n := 0; len(spans) > 0; n++ {
		k := min(len(spans), 40)
		var list []string
		for i, x := range spans[:k] {
			status, state := 0, ""
			if x.failed {
				status = 2
			}
			if x.weight > 1 {
				state = "ot=th:" + map[int]string{2: "8", 4: "c", 8: "e"}[x.weight]
			}
			list = append(list, fmt.Sprintf(`{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":%q}}]},"scopeSpans":[{"spans":[
				{"traceId":"%032x","spanId":"%016x","name":%q,"kind":2,"traceState":%q,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","status":{"code":%d}}]}]}`,
				x.service, n*1000+i+1, n*1000+i+1, x.name, state, x.start*1e6, x.start*1e6+x.took, status))
		}
		body, _, err := otlp.TranscodeJSON(nil, []byte(`{"resourceSpans":[`+strings.Join(list, ",")+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		if res, err := s.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: body}); err != nil || res.Accepted != k {
			t.Fatalf("Append = %+v, %v", res, err)
		}
		spans = spans[k:]
	}
}

// someSpans are spans of three days around midnight, more of them near it.
func someSpans(seed uint64, n int) (out []spanOf) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		at := int64(r.NormFloat64() * 8 * float64(time.Hour/time.Millisecond))
		if r.IntN(3) == 0 {
			at = r.Int64N(20*60_000) - 10*60_000
		}
		out = append(out, spanOf{
			service: []string{"cart", "front", "pay"}[r.IntN(3)], name: []string{"a", "b", "c", "d"}[r.IntN(4)],
			start: midnight*1000 + at, took: int64(math.Exp(r.Float64() * 25)), failed: r.IntN(5) == 0, weight: 1 << r.IntN(4),
		})
	}
	return out
}

// found is a series of an answer.
type found struct {
	Metric map[string]string
	Value  [2]any
	Values [][2]any
}

func (f *found) number(t *testing.T, point [2]any) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(point[1].(string), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ask returns the series that a query answers with.
func ask(t *testing.T, a *prom.API, path string, params ...string) []found {
	t.Helper()
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	w := apitest.Get(a, "/api/v1/"+path+"?"+q.Encode())
	var out struct {
		Data     struct{ Result []found }
		Warnings []string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 || len(out.Warnings) > 0 {
		t.Fatalf("%s %v: %d %.500s %v", path, params, w.Code, w.Body, err)
	}
	return out.Data.Result
}

func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64) }

const dayMillis = 24 * 60 * 60_000

// counted returns what a counter of an operation has at a moment: spans of the same day
// that start in a minute that has ended, and, in the running minute, all of that.
func counted(spans []spanOf, at, now int64, of func(*spanOf) float64) map[string]float64 {
	out := map[string]float64{}
	last := at - at%60_000 // the sample that is seen
	begin := (last - 1) - (last-1)%dayMillis
	if at-at%60_000 == now-now%60_000 && at%60_000 != 0 {
		begin = at - at%dayMillis
		last += 60_000
	}
	for i := range spans {
		if x := &spans[i]; x.start >= begin && x.start < last {
			out[x.service+"/"+x.name+"/"+fmt.Sprint(x.failed)] += of(x)
		}
	}
	return out
}

func keyOf(f *found) string {
	return f.Metric["service"] + "/" + f.Metric["span_name"] + "/" + fmt.Sprint(f.Metric["status_code"] == "STATUS_CODE_ERROR")
}

// TestCounters compares counters with what is counted span by span, at moments of three
// days: over midnight, in the running minute, and at whole minutes.
func TestCounters(t *testing.T) {
	spans := someSpans(7, 600)
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, spans)
		r := rand.New(rand.NewPCG(3, 4))
		for range 25 {
			now := midnight*1000 + int64(r.NormFloat64()*6*3_600_000)
			at := now - []int64{0, r.Int64N(20_000), r.Int64N(3_600_000), now % 60_000, (now - midnight*1000) / 60_000 * 60_000}[r.IntN(5)]
			if r.IntN(6) == 0 {
				at = midnight * 1000
			}
			now = max(now, at)
			le := 1 << (20 + r.IntN(12))
			for _, c := range []struct {
				metric string
				of     func(*spanOf) float64
			}{
				{"traces_spanmetrics_calls_total", func(x *spanOf) float64 { return float64(x.weight) }},
				{"traces_spanmetrics_latency_count", func(x *spanOf) float64 { return float64(x.weight) }},
				{"traces_spanmetrics_latency_sum", func(x *spanOf) float64 { return float64(x.weight) * float64(x.took) / 1e9 }},
				{`traces_spanmetrics_latency_bucket{le="` + strconv.FormatFloat(float64(le)/1e9, 'f', -1, 64) + `"}`, func(x *spanOf) float64 {
					if x.took <= int64(le) {
						return float64(x.weight)
					}
					return 0
				}},
				{`histogram_count(traces_spanmetrics_latency)`, func(x *spanOf) float64 { return float64(x.weight) }},
				{`histogram_sum(traces_spanmetrics_latency)`, func(x *spanOf) float64 { return float64(x.weight) * float64(x.took) / 1e9 }},
			} {
				want := counted(spans, at, now, c.of)
				have := map[string]float64{}
				for _, f := range ask(t, newAPI(s, time.UnixMilli(now)), "query", "query", c.metric, "time", seconds(at)) {
					if _, twice := have[keyOf(&f)]; twice {
						t.Errorf("%s: %v comes twice", c.metric, f.Metric)
					}
					have[keyOf(&f)] = f.number(t, f.Value)
				}
				for k, v := range have {
					if _, ok := want[k]; !ok && v != 0 || math.Abs(v-want[k]) > 1e-6*(1+want[k]) {
						t.Fatalf("%s at %s, now %s: %s is %v, want %v", c.metric, seconds(at), seconds(now), k, v, want[k])
					}
				}
				for k, v := range want {
					if _, ok := have[k]; !ok && v != 0 {
						t.Fatalf("%s at %s, now %s: %s is not there, want %v", c.metric, seconds(at), seconds(now), k, v)
					}
				}
			}
		}
	})
}

// TestIncreaseOverMidnight holds increase over midnight to the number of spans, whatever
// the counters were at the end of the day.
func TestIncreaseOverMidnight(t *testing.T) {
	spans := slices.DeleteFunc(someSpans(9, 300), func(x spanOf) bool { return x.start/1000 < midnight-600 || x.start/1000 >= midnight+600 })
	want := 0.0
	for _, x := range spans {
		want += float64(x.weight)
	}
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, spans)
		for _, what := range []string{"traces_spanmetrics_calls_total[40m]", "traces_spanmetrics_latency_count[40m]", `traces_spanmetrics_latency_bucket{le="+Inf"}[40m]`} {
			list := ask(t, newAPI(s, time.Unix(midnight+3600, 0)), "query", "query", "sum(increase("+what+"))", "time", fmt.Sprint(midnight+1200))
			if len(list) != 1 || math.Abs(list[0].number(t, list[0].Value)-want) > 0.06*want { // the engine extends it by half a minute at both ends
				t.Errorf("%s: %v, want %v", what, list, want)
			}
		}
	})
}

// TestNativeQuantiles compares quantiles of native histograms with those of the spans.
func TestNativeQuantiles(t *testing.T) {
	spans := someSpans(11, 500)
	slices.SortFunc(spans, func(a, b spanOf) int { return cmp.Compare(a.took, b.took) })
	total := 0
	for i := range spans {
		spans[i].start, spans[i].failed, spans[i].service, spans[i].name = midnight*1000+int64(i)*100, false, "cart", "a"
		total += spans[i].weight
	}
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, spans)
		a := newAPI(s, time.Unix(midnight+600, 0))
		for _, q := range []float64{0.5, 0.9, 0.95, 0.99} {
			rank, want := q*float64(total), 0.0
			for _, x := range spans {
				if rank -= float64(x.weight); rank <= 0 {
					want = float64(x.took) / 1e9
					break
				}
			}
			have := ask(t, a, "query", "query", fmt.Sprintf("histogram_quantile(%v, traces_spanmetrics_latency)", q))
			if len(have) != 1 || math.Abs(have[0].number(t, have[0].Value)-want) > (2*sketch.RelativeError+0.0075)*want {
				t.Errorf("quantile %v is %v, want %v", q, have, want)
			}
		}
	})
}

// TestProjection compares sums that are made before the engine sees them with those that
// it makes itself, since it is told to add 0 first.
func TestProjection(t *testing.T) {
	spans := someSpans(13, 500)
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, spans)
		a := newAPI(s, time.Unix(midnight+7200, 0))
		for _, by := range []string{"", "service", "span_name, status_code", "span_kind", "service, span_name, other", "nothing"} {
			for _, c := range []struct {
				selector string
				off      float64 // what an extrapolated rate may be off by
			}{
				{"traces_spanmetrics_calls_total", 0},
				{`traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",service!="pay"}`, 0},
				{`traces_spanmetrics_latency_bucket{le=~"0.0.*",span_name=~"a|b"}`, 0},
				{`traces_spanmetrics_latency_sum{service="cart"}`, 0},
				{"increase(traces_spanmetrics_calls_total[2h])", 0.05},
				{`increase(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR"}[2h])`, 0.05},
				{`traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",status_code=~".*_ERROR|.*_OK",span_name!="b"}`, 0},
				{`traces_spanmetrics_latency_count{status_code="STATUS_CODE_ERROR"}`, 0},
				{"rate(traces_spanmetrics_latency_count{span_kind=\"SPAN_KIND_SERVER\"}[3h])", 0.05},
			} {
				early := fmt.Sprintf("sum by (%s) (%s)", by, c.selector)
				late := fmt.Sprintf("sum by (%s) (%s + 0)", by, c.selector)
				have, want := ask(t, a, "query", "query", early), ask(t, a, "query", "query", late)
				if len(have) != len(want) || len(have) == 0 {
					t.Fatalf("%s: %d series, want %d", early, len(have), len(want))
				}
				for i := range want {
					j := slices.IndexFunc(have, func(f found) bool { return maps.Equal(f.Metric, want[i].Metric) })
					if j < 0 {
						t.Fatalf("%s: no %v", early, want[i].Metric)
					}
					if h, w := have[j].number(t, have[j].Value), want[i].number(t, want[i].Value); math.Abs(h-w) > (c.off+1e-9)*w {
						t.Errorf("%s: %v is %v, want %v", early, want[i].Metric, h, w)
					}
				}
			}
		}
	})
}
