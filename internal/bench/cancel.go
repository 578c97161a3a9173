package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/clew-tracing/clew/internal/corpus"
)

// cancelled is what a server still does for those who have gone.
type cancelled struct {
	// Questions were asked at once, and Gone of them had no answer yet when all were
	// given up.
	Questions int `json:"questions"`
	Gone      int `json:"gone"`
	// CPUMillis is what the server computed in the AfterMillis that began SoonMillis
	// after that: the most of several times.
	CPUMillis   float64 `json:"cpuMillis"`
	SoonMillis  float64 `json:"soonMillis"`
	AfterMillis float64 `json:"afterMillis"`
}

// longQuestions look at every span of a corpus, each in another way.
var longQuestions = []string{
	`{ kind = server } >> { status = error }`,
	`{ kind = client } > { kind = server && duration > 1ms }`,
	`{ name =~ ".*a.*e.*" } | count() > 2`,
	`{ } | rate() by (span.http.route)`,
	`{ } | quantile_over_time(duration, .9) by (span.user.id)`,
}

// askCancelled gives up ten long questions again and again, and looks at what the
// server does shortly after.
func askCancelled(ctx context.Context, t *target, truth *corpus.Truth, run *measurement, rounds int) error {
	sum := &cancelled{SoonMillis: millis(cancelSoon), AfterMillis: millis(cancelAfter)}
	for range rounds {
		asked, gone := len(longQuestions)*2, 0
		leaving, leave := context.WithCancel(ctx)
		var mu sync.Mutex
		var failed error
		var all sync.WaitGroup
		for i := range asked {
			all.Go(func() {
				err := t.askLong(leaving, longQuestions[i%len(longQuestions)], truth)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, context.Canceled):
					gone++
				case err != nil:
					failed = err
				}
			})
		}
		err := pause(ctx, cancelHead)
		leave()
		all.Wait()
		if err := errors.Join(err, failed); err != nil {
			return fmt.Errorf("questions to be given up: %w", err)
		}
		used, err := t.usedAfter(ctx, cancelSoon, cancelAfter)
		if err != nil {
			return err
		}
		sum.Questions += asked
		sum.Gone += gone
		sum.CPUMillis = max(sum.CPUMillis, millis(used))
	}
	run.Cancelled = sum
	return nil
}

// usedAfter is the server's CPU time from soon on, for a while.
func (t *target) usedAfter(ctx context.Context, soon, lasts time.Duration) (time.Duration, error) {
	if err := pause(ctx, soon); err != nil {
		return 0, err
	}
	before, err := readClock(t.pids)
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, lasts); err != nil {
		return 0, err
	}
	after, err := readClock(t.pids)
	return after - before, err
}

// askLong asks about all of the corpus and throws the answer away.
func (t *target) askLong(ctx context.Context, q string, truth *corpus.Truth) error {
	var answer complete
	if strings.Contains(q, "rate()") || strings.Contains(q, "_over_time") {
		path := "/api/v1/metrics?" + url.Values{"q": {q}, "start": {nanos(truth.First)}, "end": {nanos(truth.Last)}}.Encode()
		return t.api.ask(ctx, http.MethodGet, path, nil, &answer)
	}
	return t.api.ask(ctx, http.MethodPost, "/api/v1/search", searchRequest{Q: q, Count: true}, &answer)
}

// print says it in a line.
func (c *cancelled) print(text *strings.Builder) {
	fmt.Fprintf(text, "\n%d of %d long questions were given up before their answer; of the %.0f ms that began %.0f ms later the server computed %.1f ms at most\n",
		c.Gone, c.Questions, c.AfterMillis, c.SoonMillis, c.CPUMillis)
}
