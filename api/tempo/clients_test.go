package tempo_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestDrilldown asks what Traces Drilldown asks, view by view, of spans and of roots.
func TestDrilldown(t *testing.T) {
	window := []string{"start", "1763888990", "end", "1763889080"}
	eachStore(t, func(a *api) {
		for _, spans := range []string{"nestedSetParent<0 && true", "true && true", "kind=server && true", `span.db.system.name!="" && true`} {
			for _, q := range []string{
				"{" + spans + "} | rate()  with(sample=true)",
				"{" + spans + " && status=error} | rate()  with(sample=true)",
				"{" + spans + "} | histogram_over_time(duration) with(sample=true)",
				"{" + spans + " && resource.service.name != nil} | rate() by(resource.service.name)",
				"{" + spans + " && span.http.status_code != nil} | quantile_over_time(duration, 0.9) by(span.http.status_code)",
			} {
				a.ok(ask("/api/metrics/query_range", append([]string{"q", q, "step", "2s"}, window...)...))
			}
			for _, q := range []string{
				"{" + spans + "}",
				"{" + spans + " && duration > 12.5ms} | select(span.http.status_code, resource.service.name)",
				"({" + spans + "  && status = error} &>> { status = error }) || ({" + spans + "  && status = error}) | select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)",
				"{" + spans + " && status = error} | select(resource.service.name, event.exception.message,event.exception.stacktrace,event.exception.type) with(most_recent=true)",
			} {
				a.ok(search(append([]string{"q", q, "limit", "200", "spss", "20"}, window...)...))
			}
			a.ok(ask("/api/v2/search/tag/resource.service.name/values", append([]string{"q", "{" + spans + "}", "limit", "5000"}, window...)...))
		}
	})
}

// TestSelected tells where a span stands in its trace, and what its events have, which
// trees and lists of exceptions are made of.
func TestSelected(t *testing.T) {
	eachStore(t, func(a *api) {
		var out struct {
			Traces []struct {
				SpanSets []struct {
					Spans []struct {
						Name       string
						Attributes []struct {
							Key   string
							Value map[string]string
						}
					}
				}
			}
		}
		q := `{ status = error } | select(resource.service.name, event.exception.type, nestedSetParent, nestedSetLeft, nestedSetRight)`
		if err := json.Unmarshal(a.ok(search("q", q)), &out); err != nil {
			a.Fatal(err)
		}
		var got []string
		for _, x := range out.Traces[0].SpanSets[0].Spans[0].Attributes {
			for kind, value := range x.Value {
				got = append(got, x.Key+" "+kind+" "+value)
			}
		}
		want := "service.name stringValue cart, exception.type stringValue NoStock, nestedSetParent intValue 2, nestedSetLeft intValue 3, nestedSetRight intValue 4, status stringValue error"
		if text := strings.Join(got, ", "); text != want {
			a.Errorf("%s, want %s", text, want)
		}
	})
}
