package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/internal/corpus"
)

// asked counts what a server is asked, and answers with what it is told to.
type asked struct {
	times   map[string]int
	queries []string
	answer  string
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.times[r.URL.Path]++
	q := r.URL.Query().Get("q")
	if r.Method == http.MethodPost {
		var body questionSearch
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		q = body.Q
	}
	if q != "" {
		a.queries = append(a.queries, q)
	}
	fmt.Fprint(w, a.answer)
}

func askedTarget(t *testing.T, a *asked) *target {
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &target{api: newClient(base), pids: []int{os.Getpid()}}
}

func shopTruth(t *testing.T) *corpus.Truth {
	c, err := corpus.New(corpus.Shop, 1, 5000)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, n := c.Next(nil); n == 0 {
			return c.Truth()
		}
	}
}

// Every question is one that the server understands, is asked warm and in batches, and
// has a line in the table.
func TestQuestions(t *testing.T) {
	a := &asked{times: map[string]int{}, answer: `{"scanned": {"rows": 70, "bytes": 2048}, "coverage": {"complete": true}}`}
	target, truth := askedTarget(t, a), shopTruth(t)
	all := &report{Runs: make([]measurement, 1)}
	run := &all.Runs[0]
	for _, q := range questions(truth) {
		one, err := target.timing(t.Context(), &q, 3, 0)
		if err != nil {
			t.Fatal(err)
		}
		if one.Batches != 3 || one.Repeats != 1 || one.Millis <= 0 || one.CPULeast > one.CPUMillis || one.CPUMillis > one.CPUMost || one.CPUMost <= 0 || one.Query == "" {
			t.Errorf("%s: %+v", q.name, one)
		}
		for _, path := range q.paths {
			if path, _, _ := strings.Cut(path, "?"); len(q.paths) == 1 && a.times[path] < 3+1+warmRepeats || a.times[path] == 0 {
				t.Errorf("%s: %s was asked %d times", q.name, path, a.times[path])
			}
		}
		run.Timings = append(run.Timings, *one)
	}
	for _, q := range a.queries {
		if _, err := exec.Prepare(q); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	var text strings.Builder
	all.printTimings(&text)
	for _, want := range []string{"warm, 3 batches each", "service + operation, 20", "p99 by service per minute", "server >> error, count", "70", "trace by id", "dependencies"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("lacks %q:\n%s", want, text.String())
		}
	}
}

// An answer in part is no answer, whatever it cost.
func TestQuestionsWantWholeAnswers(t *testing.T) {
	q := questions(shopTruth(t))[0]
	for answer, want := range map[string]string{
		`{"coverage": {"complete": false, "reason": "the row budget ended"}}`: "not complete: the row budget ended",
		`[`: "not what was expected",
	} {
		target := askedTarget(t, &asked{times: map[string]int{}, answer: answer})
		if _, err := target.timing(t.Context(), &q, 1, time.Millisecond); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("to %s: %v, want %q", answer, err, want)
		}
	}
}

func TestReadClock(t *testing.T) {
	before, err := readClock([]int{os.Getpid()})
	if err != nil {
		if runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for at := before; at-before < time.Millisecond; {
		if at, err = readClock([]int{os.Getpid()}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := readClock([]int{1 << 28}); err == nil {
		t.Error("a process that there is not has a CPU clock")
	}
}
