package bench

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
)

// Who is told to come later comes again, and what is wrong voids the run.
func TestAskersCheckWhatTheyAreTold(t *testing.T) {
	const right = `{"count":{"spans":7,"traces":2},"coverage":{"complete":true}}`
	for _, c := range []struct {
		name, answer string
		void         string // "": none
	}{
		{"right", right, ""},
		{"wrong", strings.Replace(right, "7", "8", 1), "{ } finds 8 spans in 2 traces, want 7 in 2"},
		{"part", strings.Replace(right, "true", "false", 1), "no complete count"},
		{"broken", "{", "not what was expected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked atomic.Int64
			enough := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				n := asked.Add(1)
				if n == 1 {
					w.Header().Set("Retry-After", "0")
					http.Error(w, "later", http.StatusTooManyRequests)
					return
				}
				if n == 12 { // the first was refused, this one is under way
					close(enough)
				}
				fmt.Fprint(w, c.answer)
			}))
			defer server.Close()
			base, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			var run measurement
			a := startAskers(t.Context(), 1, base, []check{{"count", countOf("{ }", 1, 2, 7, 2)}})
			select {
			case <-enough:
			case <-a.done: // all saw enough that is wrong
			}
			a.finish(&run)
			if run.Asked.Refused != 1 {
				t.Errorf("%d refused, want 1", run.Asked.Refused)
			}
			if c.void == "" {
				if len(run.Void) > 0 || run.Asked.Answered < 10 || run.Checked != run.Asked.Answered+1 || run.Asked.LatencyMillis.P50 <= 0 {
					t.Errorf("void: %v; %+v, %d checked", run.Void, run.Asked, run.Checked)
				}
			} else if len(run.Void) == 0 || !strings.Contains(run.Void[0], c.void) || run.Asked.Answered > 0 {
				t.Errorf("void: %v, want %q; %d answered", run.Void, c.void, run.Asked.Answered)
			}
		})
	}
}

func TestChecksOfSeries(t *testing.T) {
	answer := `{"coverage":{"complete":true},"series":[{"labels":[{"text":"cart"}],"points":[1,null,2]}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for want, services := range map[string]map[string]int{
		"":                        {"cart": 3},
		"3 spans of cart, want 4": {"cart": 4},
		"1 series, want 2":        {"cart": 3, "mail": 1},
		"3 spans of cart, want 0": {"mail": 3},
	} {
		wrong, err := seriesOf("{ } | count_over_time()", 0, 1, services)(context.Background(), newClient(base))
		if err != nil || (want == "") != (wrong == nil) || wrong != nil && !strings.Contains(wrong.Error(), want) {
			t.Errorf("want %q: %v, %v", want, wrong, err)
		}
	}
	answer = `{"coverage":{"complete":true},"series":[{"labels":[],"points":[1]}]}`
	wrong, err := seriesOf("{ } | count_over_time()", 0, 1, map[string]int{"": 1})(context.Background(), newClient(base))
	if err != nil || wrong == nil || !strings.Contains(wrong.Error(), "a series without labels") {
		t.Errorf("without labels: %v, %v", wrong, err)
	}
}

// Lists that are always whole do not say so.
func TestChecksOfLists(t *testing.T) {
	for answer, want := range map[string]string{
		`{"services":[]}`: "",
		`{"services":[],"coverage":{"complete":true}}`:                            "",
		`{"services":[],"coverage":{"complete":false,"reason":"a file is lost"}}`: "not all of it: a file is lost",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
		base, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		wrong, err := pathOf("/")(t.Context(), newClient(base))
		if err != nil || (want == "") != (wrong == nil) || wrong != nil && wrong.Error() != want {
			t.Errorf("%s: %v, %v, want %q", answer, wrong, err, want)
		}
		server.Close()
	}
}

// What comes before is older than all that is measured, by whole minutes.
func TestWorkloadBefore(t *testing.T) {
	work, err := makeWorkloads(&options{corpus: string(corpus.Shop), spans: 3000, before: 2000, perRequest: 500, encoding: "identity", askers: 1}, 1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer work.close()
	minute := func(n clew.UnixNanos) int64 { return int64(n) / int64(time.Minute) }
	if last, first := minute(work.before.truth.Last), minute(work.truth.First); last >= first {
		t.Errorf("what came before ends in minute %d, what is measured begins in %d", last, first)
	}
	names := map[string]bool{}
	for _, c := range checksAbout(work.before) {
		names[c.name] = true
	}
	for _, want := range []string{"count: errors", "newest 20: errors", "trace by id", "rate by service", "p99 by service", "errors below servers"} {
		if !names[want] {
			t.Errorf("nobody asks %q: %v", want, slices.Sorted(maps.Keys(names)))
		}
	}
}
