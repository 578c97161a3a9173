package graph_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray/filter"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// groups are those of the test.
func groups(clew.Tenant) filter.Groups {
	return func(key filter.Key, text string) (filter.Expr, error) {
		switch {
		case text == "Default":
			return filter.And(nil), nil
		case text == "faults" || text == "arn:faults":
			return filter.Parse("fault")
		case text == "gold":
			return filter.Parse(`annotation.customer_tier = "gold" AND group.name = "faults"`)
		case text == "cart":
			return filter.Parse(`service("carts")`)
		}
		return nil, clew.Errorf(clew.Invalid, "there is no group %q", text)
	}
}

// TestGroups: the graph of a group is that of the traces that meet its expression.
func TestGroups(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, load(t, "../view/testdata/shop.docs")...)
		put(t, s, load(t, "../view/testdata/otlp.docs")...)
		cfg := api.Config{Store: s}
		of := func(group string) map[string]int {
			return counts(t, ask(t, cfg, 200, "/ServiceGraph", `{"StartTime":1795397000,"EndTime":1795398000`+group+`}`))
		}
		all := of("")
		if all["cart"] != 2 || len(all) != len(of(`,"GroupName":"Default"`)) {
			t.Errorf("%v", all)
		}
		for _, group := range []string{`"GroupName":"faults"`, `"GroupARN":"arn:faults"`, `"GroupName":"gold"`, `"GroupName":"cart"`} {
			if got := of("," + group); got["cart"] != 1 || got["front"] != 1 || got["web>receipts"] != 0 {
				t.Errorf("%s: %v", group, got)
			}
		}
		// The entry, which is what the expression is about, started before the range.
		if got := counts(t, ask(t, cfg, 200, "/ServiceGraph", `{"StartTime":1795397153.64,"EndTime":1795398000,"GroupName":"faults"}`)); got["pay"] != 1 || got["mailer"] != 0 || got["front"] != 0 {
			t.Errorf("%v", got)
		}
	})
}

type series struct {
	TimeSeriesServiceStatistics []struct {
		Timestamp                                       float64
		EdgeSummaryStatistics, ServiceSummaryStatistics *struct {
			OkCount, TotalCount int
			FaultStatistics     struct{ TotalCount int }
			TotalResponseTime   float64
		}
		ResponseTimeHistogram []struct {
			Value float64
			Count int
		}
	}
}

// TestTimeSeries counts services and edges by steps, which together are what the graph counts.
func TestTimeSeries(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, load(t, "../view/testdata/shop.docs")...)
		put(t, s, load(t, "../view/testdata/otlp.docs")...)
		put(t, s, `{"trace_id":"1-6b039621-0000000000000000000000aa","id":"0000000000000001","name":"cart","start_time":1795397230,"end_time":1795397231,"fault":true}`)
		cfg := api.Config{Store: s}
		ask := func(more string) (out series) {
			t.Helper()
			text := ask(t, cfg, 200, "/TimeSeriesServiceStatistics", `{"StartTime":1795397130,"EndTime":1795397250`+more+`}`)
			if err := json.Unmarshal([]byte(text), &out); err != nil {
				t.Fatal(err)
			}
			return out
		}
		golden(t, "series", askText(t, cfg, `{"StartTime":1795397130,"EndTime":1795397250,"Period":60,"EntitySelectorExpression":"service(\"cart\")"}`))
		for _, c := range []struct {
			more string
			edge bool
			want []int // for each step
		}{
			{`,"EntitySelectorExpression":"service(\"cart\")"`, false, []int{2, 0, 1}},
			{`,"EntitySelectorExpression":"service(id(name: \"cart\", type: \"remote\"))"`, false, []int{0, 0, 0}},
			{`,"EntitySelectorExpression":"service(\"cart\") { fault }"`, false, []int{0, 0, 1}},
			{`,"EntitySelectorExpression":"edge(\"front\", \"cart\")"`, true, []int{1, 0, 0}},
			{`,"EntitySelectorExpression":"edge(id(name: \"cart\", type: \"client\"), \"cart\")"`, true, []int{0, 0, 1}},
			{`,"EntitySelectorExpression":"service(\"cart\")","GroupName":"faults"`, false, []int{1, 0, 1}},
			{`,"EntitySelectorExpression":"service(\"cart\")","Period":300`, false, []int{3}},
			{`,"ForecastStatistics":true`, true, []int{13, 0, 1}},
		} {
			out := ask(c.more).TimeSeriesServiceStatistics
			var got []int
			for i, p := range out {
				stats := p.ServiceSummaryStatistics
				if c.edge {
					stats = p.EdgeSummaryStatistics
				}
				if stats == nil || (p.ServiceSummaryStatistics != nil) == c.edge || i > 0 && p.Timestamp != out[i-1].Timestamp+60 {
					t.Fatalf("%s: %+v", c.more, p)
				}
				n := 0
				for _, h := range p.ResponseTimeHistogram {
					n += h.Count
				}
				if n != stats.TotalCount {
					t.Errorf("%s: %d in the histogram, %d counted", c.more, n, stats.TotalCount)
				}
				got = append(got, stats.TotalCount)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s: %v, want %v", c.more, got, c.want)
			}
		}
	})
}

func askText(t *testing.T, cfg api.Config, body string) string {
	t.Helper()
	return ask(t, cfg, 200, "/TimeSeriesServiceStatistics", body)
}

func TestSeriesMistakes(t *testing.T) {
	cfg := api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}
	for more, want := range map[string]string{
		`,"Period":-1`:                           "Period: want 1 to 86400 seconds",
		`,"Period":90000`:                        "Period: want 1 to 86400 seconds",
		`,"Period":1`:                            "ask for at most 10080",
		`,"EntitySelectorExpression":"fault"`:    "want one service",
		`,"EntitySelectorExpression":"service("`: "filter expression",
		`,"GroupName":"nobody"`:                  `there is no group`,
		`,"GroupName":"a","GroupARN":"b"`:        "not both",
		`,"NextToken":"x"`:                       "NextToken",
	} {
		if got := ask(t, cfg, 400, "/TimeSeriesServiceStatistics", `{"StartTime":1795300000,"EndTime":1795400000`+more+`}`); !strings.Contains(got, want) {
			t.Errorf("%s: %s", more, got)
		}
	}
	if got := ask(t, cfg, 400, "/TimeSeriesServiceStatistics", `{"StartTime":0,"EndTime":18446744073.7,"Period":86400}`); !strings.Contains(got, "ask for at most 10080") {
		t.Errorf("all the time that there is: %s", got)
	}
}
