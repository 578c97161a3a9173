package ingest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/storage"
)

type appender func(context.Context, storage.Record) (storage.Result, error)

func (a appender) Append(ctx context.Context, r storage.Record) (storage.Result, error) {
	return a(ctx, r)
}

// letters is a format: a datagram is a letter, which is copied.
func letters(dst, body []byte) ([]byte, int, error) {
	switch string(body) {
	case "!":
		panic("not a letter")
	case "?":
		return append(dst, "half of what"...), 7, clew.Errorf(clew.Invalid, "not a letter")
	}
	return append(dst, body...), 1, nil
}

// TestGiveEach: what is good of a batch comes as one record; what is not is counted.
func TestGiveEach(t *testing.T) {
	f := func(batch, want string, errs map[string]int64) {
		t.Helper()
		var got []string
		d := ingest.NewDoor(ingest.Config{Appender: appender(func(_ context.Context, r storage.Record) (storage.Result, error) {
			if r.Door != "letters" || r.Tenant != "acme" || r.ReceivedAt.IsZero() || len(r.Received) != 0 {
				t.Errorf("%+v", r)
			}
			got = append(got, string(r.Body))
			return storage.Result{Accepted: len(r.Body)}, nil
		})}, "letters")
		var all [][]byte
		for _, c := range batch {
			all = append(all, []byte(string(c)))
		}
		d.GiveEach(context.Background(), "acme", all, letters)
		s := d.Stats()
		if strings.Join(got, "|") != want || s.Accepted != int64(len(want)) || s.Unknown != int64(len(want)) || s.Requests != int64(len(batch)) || s.Bytes != int64(len(batch)) {
			t.Errorf("%s: %q, %+v", batch, got, s)
		}
		for kind, n := range errs {
			if s.Errors[kind] != n {
				t.Errorf("%s: errors %v, want %v", batch, s.Errors, errs)
			}
		}
		if len(s.Errors) != len(errs) {
			t.Errorf("%s: errors %v, want %v", batch, s.Errors, errs)
		}
	}
	f("", "", nil)
	f("abc", "abc", nil)
	f("?a!b?", "ab", map[string]int64{clew.Invalid.String(): 2, clew.Internal.String(): 1})
	f("??", "", map[string]int64{clew.Invalid.String(): 2})
}

// TestGiveEachWaits: a store that takes nothing for the moment, and memory that is short, are
// waited for, until the server ends.
func TestGiveEachWaits(t *testing.T) {
	budget := ingest.NewBudget(1 << 20)
	busy := 2
	var got string
	d := ingest.NewDoor(ingest.Config{Budget: budget, Appender: appender(func(ctx context.Context, r storage.Record) (storage.Result, error) {
		if busy--; busy >= 0 {
			return storage.Result{}, &clew.Error{Kind: clew.Busy, RetryAfter: time.Millisecond, Err: errors.New("later")}
		}
		if ctx.Err() != nil {
			t.Error("the append of what has come is called off")
		}
		got += string(r.Body)
		return storage.Result{Accepted: 1}, nil
	})}, "letters")
	other := budget.Reserve()
	if err := other.Grow(1 << 20); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, other.Release)
	d.GiveEach(context.Background(), "", [][]byte{[]byte("a")}, letters)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d.GiveEach(ctx, "", [][]byte{[]byte("b")}, letters)
	if got != "ab" || len(d.Stats().Errors) != 0 {
		t.Errorf("%q, %v", got, d.Stats().Errors)
	}
	busy = 1 << 30
	d.GiveEach(ctx, "", [][]byte{[]byte("c")}, letters)
	d.GiveEach(ctx, "not a tenant", [][]byte{[]byte("d")}, letters)
	if s := d.Stats(); s.Errors[clew.Busy.String()] != 1 || s.Errors[clew.Invalid.String()] != 1 || budget.Used() != 0 {
		t.Errorf("%v, %d bytes used", s.Errors, budget.Used())
	}
}
