package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/storage"
)

// TestGiveMessages: what is good of messages comes as one record; what is bad is told, found
// out by the store one by one, and where it is to stop, nothing behind it is taken.
func TestGiveMessages(t *testing.T) {
	f := func(batch, want, wantBad string, stop bool) {
		t.Helper()
		var got []string
		d := ingest.NewDoor(ingest.Config{MaxBodyBytes: 5, Appender: appender(func(_ context.Context, r storage.Record) (storage.Result, error) {
			if r.Door != "letters" || r.Tenant != "acme" || r.ReceivedAt.IsZero() || len(r.Received) != 0 {
				t.Errorf("%+v", r)
			}
			if strings.Contains(string(r.Body), "x") {
				return storage.Result{}, clew.Errorf(clew.Invalid, "an x")
			}
			got = append(got, string(r.Body))
			return storage.Result{Accepted: len(r.Body)}, nil
		})}, "letters")
		m := &ingest.Messages{Tenant: "acme", Stop: stop, Translate: func(dst []byte, i int) ([]byte, int, error) { return letters(dst, []byte{batch[i]}) }}
		for _, c := range batch {
			size := 1
			if c == 'L' {
				size = 6 // too large
			}
			m.Sizes = append(m.Sizes, size)
		}
		res, bad, err := d.GiveMessages(context.Background(), m)
		var which []string
		for _, b := range bad {
			which = append(which, fmt.Sprint(b.Message, clew.KindOf(b.Err)))
		}
		n := len(strings.ReplaceAll(want, "|", ""))
		s := d.Stats()
		if err != nil || strings.Join(got, "|") != want || strings.Join(which, " ") != wantBad || res.Accepted != n || s.Accepted != int64(n) || s.Unknown != int64(n) || s.Requests != int64(n+len(bad)) {
			t.Errorf("%s: %q, bad %q, %+v, %v", batch, got, which, s, err)
		}
		failed := int64(0)
		for _, n := range s.Errors {
			failed += n
		}
		if failed != int64(len(bad)) {
			t.Errorf("%s: errors %v", batch, s.Errors)
		}
	}
	f("", "", "", false)
	f("abc", "abc", "", false)
	f("?a!bL?", "ab", "0 invalid 2 internal 4 too large 5 invalid", false)
	f("ab?c", "ab", "2 invalid", true)
	f("?ab", "", "0 invalid", true)
	f("axb?c", "a|b|c", "1 invalid 3 invalid", false)
	f("axb", "a", "1 invalid", true)
	f("x", "", "0 invalid", false)
	f("x?", "", "0 invalid 1 invalid", false)
	f("?x", "", "0 invalid 1 invalid", false)
}

// TestGiveMessagesAgain: what may work later is said at once, and counts nothing.
func TestGiveMessagesAgain(t *testing.T) {
	budget, gate := ingest.NewBudget(1<<20), new(ingest.Gate)
	busy := true
	d := ingest.NewDoor(ingest.Config{Budget: budget, Gate: gate, Appender: appender(func(context.Context, storage.Record) (storage.Result, error) {
		if busy {
			return storage.Result{}, &clew.Error{Kind: clew.Busy, RetryAfter: time.Millisecond, Err: errors.New("later")}
		}
		return storage.Result{Accepted: 1}, nil
	})}, "letters")
	m := &ingest.Messages{Tenant: "acme", Sizes: []int{1}, Translate: func(dst []byte, _ int) ([]byte, int, error) { return letters(dst, []byte("a")) }}
	give := func(wantErr bool) {
		t.Helper()
		_, bad, err := d.GiveMessages(context.Background(), m)
		if (err != nil) != wantErr || err != nil && !ingest.AnswerTo(err).Retry || len(bad) > 0 || budget.Used() != 0 {
			t.Errorf("%v, %v, %d bytes used", err, bad, budget.Used())
		}
	}
	give(true)
	busy = false
	other := budget.Reserve()
	if err := other.Grow(1 << 20); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.GiveMessages(context.Background(), m); err == nil {
		t.Error("memory that is short is not said")
	}
	other.Release()
	give(false)
	gate.Drain()
	give(true)
	if s := d.Stats(); s.Requests != 1 || s.Accepted != 1 || len(s.Errors) != 0 {
		t.Errorf("%+v", s)
	}
}
