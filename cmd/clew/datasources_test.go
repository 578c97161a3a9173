package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// TestDataSources asks the real program what Grafana's data sources for Tempo,
// Prometheus, Jaeger and Zipkin ask, call by call, at the address that each would be
// given: its own port, and the page's with its prefix.
func TestDataSources(t *testing.T) {
	now := time.Now()
	p := startServer(t, t.TempDir())
	resp, err := http.Post(p.url(serve.DoorOTLPHTTP)+"/v1/traces", "application/json", strings.NewReader(redSpans(now)))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	text, err := os.ReadFile("testdata/datasources.txt")
	if err != nil {
		t.Fatal(err)
	}
	start, end := now.Add(-30*time.Minute), now.Add(time.Minute)
	fill := strings.NewReplacer(
		"{start}", fmt.Sprint(start.Unix()), "{end}", fmt.Sprint(end.Unix()),
		"{startMs}", fmt.Sprint(start.UnixMilli()), "{endMs}", fmt.Sprint(end.UnixMilli()),
		"{startUs}", fmt.Sprint(start.UnixMicro()), "{endUs}", fmt.Sprint(end.UnixMicro()),
		"{trace}", "000000000000000000000000000000a1", "{trace64}", "00000000000000a1")
	calls := dataSourceCalls(t, fill.Replace(string(text)))
	doors := map[string]string{"tempo": serve.DoorTempo, "prometheus": serve.DoorProm, "jaeger": serve.DoorJaeger, "zipkin": serve.DoorZipkin}
	for source, door := range doors {
		if len(calls[source]) == 0 {
			t.Errorf("no call of %s", source)
		}
		for where, base := range map[string]string{"own port": p.url(door), "page": p.url(serve.DoorPage) + "/" + source} {
			t.Run(source+" on its "+where, func(t *testing.T) {
				for _, c := range calls[source] {
					c.make(t, base)
				}
			})
		}
	}
}

// dataSourceCall is one call of a data source, and what its answer must hold.
type dataSourceCall struct {
	method, path, more string
	want               []*regexp.Regexp
}

// dataSourceCalls reads testdata/datasources.txt: calls by data source.
func dataSourceCalls(t *testing.T, text string) map[string][]*dataSourceCall {
	calls := map[string][]*dataSourceCall{}
	source := ""
	for i, line := range strings.Split(text, "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			source = strings.Trim(line, "[]")
		case line[0] == '\t':
			of := calls[source]
			last := of[len(of)-1]
			last.want = append(last.want, regexp.MustCompile(`(?m)`+line[1:]))
		default:
			call, more, _ := strings.Cut(line, " | ")
			method, path, found := strings.Cut(call, " ")
			if !found || source == "" {
				t.Fatalf("datasources.txt:%d: no call: %s", i+1, line)
			}
			calls[source] = append(calls[source], &dataSourceCall{method: method, path: path, more: more})
		}
	}
	return calls
}

func (c *dataSourceCall) make(t *testing.T, base string) {
	body, header := c.more, ""
	if name, value, found := strings.Cut(c.more, ": "); found && name == "Accept" {
		body, header = "", value
	}
	req, err := http.NewRequest(c.method, base+c.path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if header != "" {
		req.Header.Set("Accept", header)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s %s: %s %v\n%s", c.method, c.path, resp.Status, err, answer)
		return
	}
	if len(c.want) == 0 {
		t.Errorf("%s %s: nothing is wanted of the answer", c.method, c.path)
	}
	for _, want := range c.want {
		if !want.Match(answer) {
			t.Errorf("%s %s: no %s in\n%.2000s", c.method, c.path, want, answer)
		}
	}
}
