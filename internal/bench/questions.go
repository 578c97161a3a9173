package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
)

// A question is what --queries asks, in the way that a client does.
type question struct {
	name string
	// paths are asked in turn; of a search there is one, and body is its request.
	paths []string
	body  *questionSearch
	// protobuf asks for a trace as OTLP.
	protobuf bool
}

// questionSearch is the body of a search.
type questionSearch struct {
	Q     string `json:"q"`
	Start string `json:"start"`
	End   string `json:"end"`
	Limit int    `json:"limit"`
	Count bool   `json:"count,omitempty"`
}

// timing is what a question cost, once everything was warm.
type timing struct {
	Name  string `json:"name"`
	Query string `json:"query"`
	// CPUMillis is the server's CPU time for one, the median over Batches, each of
	// Repeats in a row; CPULeast and CPUMost are the least and the most of them.
	CPUMillis float64 `json:"cpuMillis"`
	CPULeast  float64 `json:"cpuMillisLeast"`
	CPUMost   float64 `json:"cpuMillisMost"`
	// Millis is the time until the answer, the median likewise.
	Millis  float64 `json:"millis"`
	Batches int     `json:"batches"`
	Repeats int     `json:"repeats"`
	// Rows and Bytes were looked at, by the answer's own word; Answer is its size.
	Rows   int64 `json:"rows"`
	Bytes  int64 `json:"bytes"`
	Answer int64 `json:"answerBytes"`
}

// askedService and askedOperation are what the first question asks for: one
// of four routes of one service, on either side of the call.
const (
	askedService   = "checkout"
	askedOperation = "POST /api/checkout"
)

// questions are those of --queries on a corpus, over the whole minutes that it lasts.
func questions(truth *corpus.Truth) []question {
	const minute = clew.UnixNanos(time.Minute)
	start, end := truth.First/minute*minute, (truth.Last/minute+1)*minute
	search := func(name, q string, limit int) question {
		return question{name: name, paths: []string{"/api/v1/search"}, body: &questionSearch{Q: q,
			Start: strconv.FormatUint(uint64(start), 10), End: strconv.FormatUint(uint64(end), 10), Limit: limit, Count: limit == 0}}
	}
	get := func(name string, paths ...string) question { return question{name: name, paths: paths} }
	over := fmt.Sprintf("start=%d&end=%d", start, end)
	metric := func(name, q string) question {
		return get(name, "/api/v1/metrics?step=60&"+over+"&q="+url.QueryEscape(q))
	}
	ids := question{name: "trace by id", protobuf: true}
	for _, s := range truth.Samples[:min(len(truth.Samples), maxTraces)] {
		ids.paths = append(ids.paths, "/api/v1/traces/"+s.ID.String())
	}
	related := `{ kind = server } >> { status = error }`
	list := []question{
		search("service + operation, 20", fmt.Sprintf(`{ resource.service.name = %q && name = %q }`, askedService, askedOperation), 20),
		search("service + error + duration, 20", fmt.Sprintf(`{ resource.service.name = %q && status = error && duration > 500ms }`, askedService), 20),
		search("rare id, 20", fmt.Sprintf(`{ .user.id = %q }`, truth.RareUser()), 20),
		get("tag names", "/api/v1/tags"),
		get("tag values: service", "/api/v1/tags/resource.service.name/values"),
		get("tag values: name", "/api/v1/tags/name/values"),
		get("tag values: route", "/api/v1/tags/span.http.route/values"),
		metric("rate by service per minute", `{ } | rate() by (resource.service.name)`),
		metric("p99 by service per minute", `{ } | quantile_over_time(duration, .99) by (resource.service.name)`),
		search("server >> error, 20", related, 20),
		search("server >> error, count", related, 0),
		get("dependencies", fmt.Sprintf("/jaeger/api/dependencies?endTs=%d&lookback=%d", end/1e6, (end-start)/1e6)),
	}
	if len(ids.paths) > 0 {
		list = slices.Insert(list, 3, ids)
	}
	return list
}

// askQuestions times all questions, one after the other.
func askQuestions(ctx context.Context, t *target, truth *corpus.Truth, run *measurement, progress io.Writer) error {
	for _, q := range questions(truth) {
		fmt.Fprintf(progress, "timing: %s\n", q.name)
		one, err := t.timing(ctx, &q, timedBatches, batchTime)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		run.Timings = append(run.Timings, *one)
	}
	return askCancelled(ctx, t, truth, run, cancelRounds)
}

// timing asks until everything is warm, and then in so many batches, each of about a
// length of time.
func (t *target) timing(ctx context.Context, q *question, batches int, length time.Duration) (*timing, error) {
	out := &timing{Name: q.name, Query: q.text()}
	asked := 0
	batch := func(n int) (took, cpu time.Duration, err error) {
		before, err := readClock(t.pids)
		if err != nil {
			return 0, 0, err
		}
		begin := time.Now()
		for range n {
			if err := t.put(ctx, q, asked, out); err != nil {
				return 0, 0, err
			}
			asked++
		}
		took = time.Since(begin)
		after, err := readClock(t.pids)
		return took, after - before, err
	}
	if _, _, err := batch(max(warmRepeats, len(q.paths))); err != nil {
		return nil, err
	}
	took, _, err := batch(1)
	if err != nil {
		return nil, err
	}
	out.Repeats = int(max(1, min(maxRepeats, length/max(took, 1))))
	var walls, cpus []float64
	for out.Batches = 0; out.Batches < batches; out.Batches++ {
		took, cpu, err := batch(out.Repeats)
		if err != nil {
			return nil, err
		}
		walls = append(walls, millis(took)/float64(out.Repeats))
		cpus = append(cpus, millis(cpu)/float64(out.Repeats))
	}
	_, out.Millis, _ = spread(walls)
	out.CPULeast, out.CPUMillis, out.CPUMost = spread(cpus)
	return out, nil
}

// text is what is asked, for people.
func (q *question) text() string {
	switch {
	case q.body != nil:
		return q.body.Q
	case len(q.paths) > 1:
		return fmt.Sprintf("%d in turn", len(q.paths))
	}
	text, err := url.QueryUnescape(q.paths[0])
	if err != nil {
		return q.paths[0]
	}
	return text
}

// put asks a question once, and notes what its answer says.
func (t *target) put(ctx context.Context, q *question, i int, out *timing) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	method, header, body := http.MethodGet, http.Header{"Accept": {"application/json"}}, []byte(nil)
	if q.protobuf {
		header.Set("Accept", "application/x-protobuf")
	}
	if q.body != nil {
		var err error
		method = http.MethodPost
		header.Set("Content-Type", "application/json")
		if body, err = json.Marshal(q.body); err != nil {
			return err
		}
	}
	resp, err := t.api.do(ctx, method, q.paths[i%len(q.paths)], header, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	out.Answer = int64(len(text))
	if q.protobuf {
		return nil
	}
	var answer struct {
		Scanned *struct {
			Rows  int64 `json:"rows"`
			Bytes int64 `json:"bytes"`
		} `json:"scanned"`
		Coverage *struct {
			Complete bool   `json:"complete"`
			Reason   string `json:"reason"`
		} `json:"coverage"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("the answer is not what was expected: %w", err)
	}
	if c := answer.Coverage; c != nil && !c.Complete {
		return fmt.Errorf("the answer is not complete: %s", c.Reason)
	}
	if s := answer.Scanned; s != nil {
		out.Rows, out.Bytes = s.Rows, s.Bytes
	}
	return nil
}

// printTimings shows the medians over all runs.
func (b *report) printTimings(text *strings.Builder) {
	if len(b.Runs) == 0 || len(b.Runs[0].Timings) == 0 {
		return
	}
	fmt.Fprintf(text, "\nwarm, %d batches each\n", b.Runs[0].Timings[0].Batches)
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "query\tCPU, ms\tleast\tmost\twall, ms\trows\tKiB read\tKiB answered\t\n")
	for i, q := range b.Runs[0].Timings {
		var cpu, least, most, wall []float64
		for _, r := range b.Runs {
			if i < len(r.Timings) && r.Timings[i].Name == q.Name {
				x := &r.Timings[i]
				cpu, least, most, wall = append(cpu, x.CPUMillis), append(least, x.CPULeast), append(most, x.CPUMost), append(wall, x.Millis)
			}
		}
		_, c, _ := spread(cpu)
		low, _, _ := spread(least)
		_, _, high := spread(most)
		_, w, _ := spread(wall)
		fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%d\t%d\t\n", q.Name, c, low, high, w, q.Rows, q.Bytes>>10, q.Answer>>10)
	}
	_ = table.Flush() // into memory
	for _, r := range b.Runs {
		if r.Cancelled != nil {
			r.Cancelled.print(text)
		}
	}
}
