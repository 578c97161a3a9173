package prom

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

func TestProjectionsOf(t *testing.T) {
	for query, want := range map[string]string{
		`sum by (a) (rate(x[5m]))`:        "x/300000: a",
		`sum(x)`:                          "x/0:",
		`group by (a, b) ((x offset 1h))`: "x/0: a b",
		`histogram_quantile(0.9, sum by (le, a) (increase(x{b="c"}[1m])))`: `x{b="c"}/60000: le a`,
		`sum by (a) (rate(x[5m])) / sum by (b) (rate(x[5m]))`:              "x/300000: a b",
		`sum by (a) (rate(x[5m])) / sum by (a) (x)`:                        "x/0: a, x/300000: a",
		`topk(5, sum by (a) (rate(x[5m])))`:                                "x/300000: a",
		`max_over_time(sum by (a) (rate(x[5m]))[1h:1m])`:                   "x/300000: a",
		`sum by (a) (rate(x[5m])) + on () group_left () rate(x[5m])`:       "",
		`rate(x[5m]) + on () group_right () sum by (a) (rate(x[5m]))`:      "",
		`sum without (a) (rate(x[5m]))`:                                    "",
		`max by (a) (rate(x[5m]))`:                                         "",
		`count by (a) (x)`:                                                 "",
		`sum by (a) (irate(x[5m]))`:                                        "",
		`sum by (a) (abs(rate(x[5m])))`:                                    "",
		`sum by (a) (rate(x[5m]) + 0)`:                                     "",
		`sum by (a) (-x)`:                                                  "",
		`sum by (a) (rate(x[5m:1m]))`:                                      "",
		`x`:                                                                "",
		`topk by (a) (scalar(x), y)`:                                       "",
	} {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var have []string
		for key, names := range projectionsOf(expr) {
			parts := strings.Split(key, "\x00")
			name, more := "", []string{}
			for _, p := range parts[:len(parts)-1] {
				if n, ok := strings.CutPrefix(p, "__name__="); ok {
					name = strings.Trim(n, `"`)
				} else {
					more = append(more, p)
				}
			}
			if len(more) > 0 {
				name += "{" + strings.Join(more, ",") + "}"
			}
			have = append(have, strings.TrimRight(fmt.Sprintf("%s/%s: %s", name, parts[len(parts)-1], strings.Join(names, " ")), " "))
		}
		slices.Sort(have)
		if strings.Join(have, ", ") != want {
			t.Errorf("%s: %q, want %q", query, have, want)
		}
	}
}
