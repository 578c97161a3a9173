package prom_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/clew-tracing/clew/storage"
)

// traffic returns spans, so many a minute, from one minute after midnight up to another.
func traffic(service string, from, to, perMinute int) (out []spanOf) {
	for m := from; m < to; m++ {
		for i := range perMinute {
			at := midnight*1000 + int64(m)*60_000 + int64(i*60_000/perMinute)
			out = append(out, spanOf{service: service, name: "a", start: at, took: 1 << 22, weight: 1})
		}
	}
	return out
}

// rates are ways to ask for the growth of what traffic makes, of a selector's service.
var rates = []string{
	`%s(traces_spanmetrics_calls_total{service=%q}[%s])`,
	`sum by (service) (%s(traces_spanmetrics_calls_total{service=%q}[%s]))`,
	`%s(traces_spanmetrics_latency_count{service=%q}[%s])`,
	`%s(traces_spanmetrics_latency_bucket{le="+Inf",service=%q}[%s])`,
	`%s(traces_spanmetrics_latency_bucket{le="0.004194304",service=%q}[%s])`,
	`histogram_count(%s(traces_spanmetrics_latency{service=%q}[%s]))`,
	`histogram_count(sum(%s(traces_spanmetrics_latency{service=%q}[%s])))`,
}

// TestRateOverMidnight asks for rates of traffic that midnight does not change, by which
// a counter may be greater a minute after midnight than at it.
func TestRateOverMidnight(t *testing.T) {
	spans := append(traffic("steady", -40, 30, 3), traffic("young", -1, 30, 3)...)
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, spans)
		a := newAPI(s, time.Unix(midnight+3600, 0))
		for _, of := range rates {
			for _, span := range []string{"4m", "5m", "10m"} {
				query := fmt.Sprintf(of, "rate", "steady", span)
				list := ask(t, a, "query_range", "query", query, "start", fmt.Sprint(midnight-300), "end", fmt.Sprint(midnight+900), "step", "15")
				if len(list) != 1 || len(list[0].Values) != 81 {
					t.Fatalf("%s: %v, want 81 values", query, list)
				}
				for _, v := range list[0].Values {
					if have := list[0].number(t, v); math.Abs(have-0.05) > 0.02*0.05 {
						t.Errorf("%s at %.0f: %v, want 0.05", query, v[0].(float64)-float64(midnight), have)
					}
				}
			}
			// 3 at midnight, and 3 again a minute later, do not look like a new start.
			query := fmt.Sprintf(of, "increase", "young", "10m")
			list := ask(t, a, "query", "query", query, "time", fmt.Sprint(midnight+300))
			if len(list) != 1 || math.Abs(list[0].number(t, list[0].Value)-18) > 0.1*18 { // half a minute may be added
				t.Errorf("%s: %v, want 18", query, list)
			}
		}
		for _, of := range []string{"resets(traces_spanmetrics_calls_total[10m])", "resets(traces_spanmetrics_latency[10m])"} {
			for _, f := range ask(t, a, "query", "query", of, "time", fmt.Sprint(midnight+300)) {
				if have := f.number(t, f.Value); have != 1 {
					t.Errorf("%s: %v of %s, want 1", of, have, f.Metric["service"])
				}
			}
		}
	})
}

// TestTrafficChangesAtMidnight has services with more, less or no spans from midnight on,
// or the first ones, and one that has a break.
func TestTrafficChangesAtMidnight(t *testing.T) {
	var spans []spanOf
	for _, list := range [][]spanOf{
		traffic("less", -20, 0, 12), traffic("less", 0, 20, 1),
		traffic("more", -3, 0, 1), traffic("more", 0, 20, 12),
		traffic("ends", -20, 0, 6), traffic("begins", 0, 20, 6),
		traffic("pauses", -20, 0, 6), traffic("pauses", 7, 20, 6),
	} {
		spans = append(spans, list...)
	}
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, spans)
		a := newAPI(s, time.Unix(midnight+3600, 0))
		for _, c := range []struct {
			service, span string
			at            int64 // seconds after midnight
			want          float64
			off           float64 // what the engine may add for the time before and after
		}{
			{"less", "10m", 300, 60 + 5, 6},     // the engine does not see the first of the minutes, and guesses it
			{"less", "10m", 150, 90 + 2 + 2, 4}, // from the half of a minute to the half of another
			{"less", "5m", 600, 5, 0},
			{"more", "10m", 300, 3 + 60, 4},
			{"more", "5m", 120, 3 + 24, 0},
			{"more", "5m", 600, 60, 0},
			{"ends", "10m", 300, 30, 3},
			{"ends", "10m", 0, 60, 0},
			{"begins", "10m", 300, 30, 3},
			{"begins", "5m", 300, 30, 0},
			{"pauses", "20m", 600, 60 + 18, 4},
			{"pauses", "10m", 600, 18, 3},
		} {
			for _, of := range rates {
				query := fmt.Sprintf(of, "increase", c.service, c.span)
				list := ask(t, a, "query", "query", query, "time", fmt.Sprint(midnight+c.at))
				if len(list) != 1 || math.Abs(list[0].number(t, list[0].Value)-c.want) > c.off+0.02*c.want {
					t.Errorf("%s at %d: %v, want %v", query, c.at, list, c.want)
				}
			}
		}
		for _, of := range rates {
			if list := ask(t, a, "query", "query", fmt.Sprintf(of, "rate", "ends", "5m"), "time", fmt.Sprint(midnight+301)); len(list) != 0 {
				t.Errorf("%s, five minutes after the last span: %v, want nothing", of, list)
			}
		}
	})
}
