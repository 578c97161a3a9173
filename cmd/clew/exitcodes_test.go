package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew/cmd/clew/serve"
	"github.com/clew-tracing/clew/internal/usage"
)

// TestWrongArgumentsAreUsage: what the server finds wrong with what it was asked ends a
// command with the code of a wrong argument, as what the command itself finds does.
func TestWrongArgumentsAreUsage(t *testing.T) {
	p := startServer(t, t.TempDir())
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"metrics", "{ }"}, "selects spans"},
		{[]string{"metrics", "--step", "0s", "{ } | rate()"}, `--step "0s": want more than 0`},
		{[]string{"metrics", "--step", "0", "{ } | rate()"}, `--step "0": want more than 0`},
		{[]string{"metrics", "--step", "never", "{ } | rate()"}, `--step "never": want`},
		{[]string{"metrics", "--since", "0s", "{ } | rate()"}, `--since "0s": want how long before now`},
		{[]string{"metrics", "--start", "2100-01-01T00:00:00Z", "{ } | rate()"}, "lies in the future"},
		{[]string{"search", "{ } | rate()"}, "ask clew metrics or /api/v1/metrics"},
		{[]string{"search", "--start", "2026-12-01T00:00:00Z", "--end", "2026-01-01T00:00:00Z"}, "--end 2026-01-01T00:00:00Z is not after the start"},
		{[]string{"tail", "{ } | rate()"}, "ask clew metrics"},
	} {
		_, _, err := cli([]string{"CLEW_SERVER=" + p.url(serve.DoorPage)}, c.args...)
		if !errors.Is(err, usage.Err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("clew %s: error %v, want one of usage that says %q", strings.Join(c.args, " "), err, c.want)
		}
	}
}

// TestAnswersThatLackSpans are given, and say what they lack; the exit code tells, too.
func TestAnswersThatLackSpans(t *testing.T) {
	const answer = `"series":[],"coverage":{"complete":false,"reason":"a segment is damaged"}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"start":"1767225600000000000","stepSeconds":60,"steps":1,`+answer)
	}))
	defer server.Close()
	for _, args := range [][]string{{"services"}, {"services", "--json"}, {"metrics", "{ } | rate()"}, {"metrics", "--json", "{ } | rate()"}} {
		_, _, err := cli([]string{"CLEW_SERVER=" + server.URL}, args...)
		if !errors.Is(err, errPartly) || err.Error() != "not all spans are counted: a segment is damaged" {
			t.Errorf("clew %s: error %v", strings.Join(args, " "), err)
		}
	}
}

// TestMetricsOfWholeSteps: of a step that is not over there are fewer spans, which would
// look like a drop at the end.
func TestMetricsOfWholeSteps(t *testing.T) {
	p := startServer(t, t.TempDir())
	for _, c := range []struct{ line, want string }{
		{"metrics", ", 60 steps of 1m0s"},
		{"metrics --step 1h", ", 1 steps of 1h0m0s"},
		{"metrics --step 420", ", 9 steps of 7m0s"},
		{"metrics --since 86340s", ", 96 steps of 15m0s"}, // 23h59m
	} {
		out, _, err := cli([]string{"CLEW_SERVER=" + p.url(serve.DoorPage)}, append(strings.Fields(c.line), "{ } | rate()")...)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("clew %s: %v, printed %q, want %q", c.line, err, out, c.want)
		}
	}
}

// TestServicesWithoutAName have a word in place of one.
func TestServicesWithoutAName(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, dir)
	file := filepath.Join(dir, "span.json")
	start := time.Now().Add(-10 * time.Minute).UnixNano()
	nameless := fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"a","startTimeUnixNano":"%d","endTimeUnixNano":"%d"}]}]}]}`, 1, 1, start, start+5)
	if err := os.WriteFile(file, []byte(nameless), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"CLEW_SERVER=" + p.url(serve.DoorPage), "CLEW_OTLP_ENDPOINT=" + p.url(serve.DoorOTLPHTTP)}
	if _, _, err := cli(environ, "import", "--state", dir+"/state", file); err != nil {
		t.Fatal(err)
	}
	out, _, err := cli(environ, "services")
	if err != nil || !strings.Contains(out, "(no service name)") {
		t.Errorf("services: %v, printed %q", err, out)
	}
}
