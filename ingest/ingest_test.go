package ingest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/storage"
)

func TestBudget(t *testing.T) {
	b := ingest.NewBudget(100)
	one, two := b.Reserve(), b.Reserve()
	grow := func(r *ingest.Reservation, n int64, ok bool) {
		t.Helper()
		err := r.Grow(n)
		if (err == nil) != ok {
			t.Errorf("Grow(%d) with %d of 100 used: %v", n, b.Used(), err)
		}
		if err != nil && (ingest.AnswerTo(err) != ingest.Answer{HTTP: 429, GRPC: codes.ResourceExhausted, Retry: true} || clew.KindOf(err) != clew.Busy || ingest.RetryAfter(err) < time.Second) {
			t.Errorf("%v is answered %+v", err, ingest.AnswerTo(err))
		}
	}
	grow(&one, 60, true)
	grow(&two, 41, false)
	grow(&two, 40, true)
	grow(&one, 1, false)
	one.Shrink(10)
	grow(&one, 10, true)
	two.Release()
	two.Release()
	grow(&one, 1000, true) // alone: more than there is
	grow(&two, 1, false)
	if one.Held() != 1060 || b.Used() != 1060 {
		t.Errorf("%d held, %d used", one.Held(), b.Used())
	}
	one.Release()
	if b.Used() != 0 {
		t.Errorf("%d bytes used at the end", b.Used())
	}
}

// TestBudgetConcurrentSafe never lets more than the budget out, however many ask.
func TestBudgetConcurrentSafe(t *testing.T) {
	b := ingest.NewBudget(1000)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				r := b.Reserve()
				for r.Grow(70) == nil && r.Held() < 700 {
				}
				if used := b.Used(); used > 1000 || used < 0 {
					t.Errorf("%d of 1000 used", used)
				}
				r.Release()
			}
		})
	}
	all.Wait()
	if b.Used() != 0 {
		t.Errorf("%d bytes used at the end", b.Used())
	}
}

func TestAnswerTo(t *testing.T) {
	f := func(err error, http int, code codes.Code, retry bool) {
		t.Helper()
		for _, err := range []error{err, fmt.Errorf("wrapped: %w", err)} {
			if got := ingest.AnswerTo(err); got != (ingest.Answer{HTTP: http, GRPC: code, Retry: retry}) {
				t.Errorf("AnswerTo(%v) = %+v", err, got)
			}
		}
	}
	f(clew.Errorf(clew.Invalid, "x"), http.StatusBadRequest, codes.InvalidArgument, false)
	f(clew.Errorf(clew.NotFound, "x"), http.StatusNotFound, codes.Unimplemented, false)
	f(clew.Errorf(clew.TooLarge, "x"), http.StatusRequestEntityTooLarge, codes.ResourceExhausted, false)
	f(clew.Errorf(clew.Unsupported, "x"), http.StatusUnsupportedMediaType, codes.Unimplemented, false)
	f(clew.Errorf(clew.Busy, "x"), http.StatusServiceUnavailable, codes.Unavailable, true)
	f(clew.Errorf(clew.Canceled, "x"), http.StatusServiceUnavailable, codes.Unavailable, true)
	f(clew.Corruptf("f", 1, "x"), http.StatusInternalServerError, codes.Internal, false)
	f(errors.New("x"), http.StatusInternalServerError, codes.Internal, false)
}

func TestGate(t *testing.T) {
	var g ingest.Gate
	if g.Err() != nil || g.Draining() {
		t.Error("a new gate is closed")
	}
	g.Drain()
	if err := g.Err(); clew.KindOf(err) != clew.Busy || !g.Draining() || ingest.RetryAfter(err) != 2*time.Second {
		t.Errorf("%v", err)
	}
}

func TestCounters(t *testing.T) {
	var c ingest.Counters
	at := time.Unix(7, 0)
	c.Came(100)
	c.Took("d", &storage.Result{Accepted: 5, Flagged: 1, UnknownFields: 2}, at)
	c.Came(50)
	c.Took("d", &storage.Result{Accepted: 1, Refused: 30, Refusals: []storage.Refusal{{Code: "a", Reason: "because " + strings.Repeat("x", 5000)}, {Code: "b"}, {Code: "a"}}}, at)
	c.Took("d", &storage.Result{Accepted: 5, Resent: true}, at)
	s := c.Stats()
	if s.Requests != 2 || s.Bytes != 150 || s.Accepted != 6 || s.Flagged != 1 || s.Unknown != 2 || s.Resent != 1 {
		t.Errorf("%+v", s)
	}
	if s.Refused["a"] != 2 || s.Refused["b"] != 1 || s.Refused["unnamed"] != 27 {
		t.Errorf("refused %v", s.Refused)
	}
	if s.LastRefusal.Door != "d" || !s.LastRefusal.Time.Equal(at) || !strings.HasPrefix(s.LastRefusal.Reason, "because x") || len(s.LastRefusal.Reason) > 1100 {
		t.Errorf("last refusal %+v", s.LastRefusal)
	}
	c.Refuse("d", "MissingId", "no id", at)
	if s := c.Stats(); s.Refused["MissingId"] != 1 || s.LastRefusal.Reason != "no id" {
		t.Errorf("%+v", s)
	}
	c.Failed("e", clew.Errorf(clew.TooLarge, "large"), at)
	c.Failed("e", clew.Errorf(clew.TooLarge, "larger"), at)
	if s := c.Stats(); s.Errors["too large"] != 2 || s.LastRefusal.Reason != "larger" || s.LastRefusal.Door != "e" {
		t.Errorf("%+v", s)
	}
}
