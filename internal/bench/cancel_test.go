package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/clew-tracing/clew/internal/corpus"
)

// Questions that wait for ever are given up, and whoever computes on is found out.
func TestQuestionsAreGivenUp(t *testing.T) {
	if _, err := readClock([]int{os.Getpid()}); err != nil {
		if runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		gone   int
		busy   bool
	}{
		"stops": {answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, gone: 10},
		"computes on": {answer: func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			for began := time.Now(); time.Since(began) < cancelSoon+cancelAfter; {
				runtime.Gosched()
			}
		}, gone: 10, busy: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // or else nobody notices that the client goes
				c.answer(w, r)
			}))
			defer server.Close()
			base, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			var run measurement
			err = askCancelled(t.Context(), &target{api: newClient(base), pids: []int{os.Getpid()}}, &corpus.Truth{First: 1, Last: 2}, &run, 1)
			if err != nil {
				t.Fatal(err)
			}
			if got := run.Cancelled; got.Gone != c.gone || got.Questions != 10 || c.busy && got.CPUMillis < got.AfterMillis/50 {
				t.Errorf("%+v, want %d gone, busy %v", got, c.gone, c.busy)
			}
		})
	}
}
