// Package exectest runs query scripts on any store: what is loaded, what is
// asked, what must come back. The scripts are in exec/testdata.
//
// A script is lines; # begins a comment, blank lines mean nothing.
//
//	load
//	    1 10 -  name="GET /" service="cart" kind=server start=1s duration=20ms
//	    1 11 10 name="SELECT" status=error .db="pg" event="retry"@5ms event.n=3
//	eval { status = error }
//	    1: 11
//	eval { duration > 5ms } from 500ms to 2s
//	    1: 10
//	eval_fail { .a + 1 = 2 }
//	    unsupported: 1:3
//
// load appends one record; each line is a span: trace and span id (decimal; a
// trace id may be high:low), the parent's or -, then fields. start counts from a
// fixed moment, 1 s if absent; duration is 1 ms if absent, and none of a span that has
// not ended. .x and span.x are
// attributes of the span, resource.x, event.x, link.x, instrumentation.x those of
// its resource, its last event or link, its scope; values are TraceQL literals, or
// such in brackets with commas between and without spaces: arrays.
// event="name"@offset and link=trace/span add an event or a link; scope="name"
// and version="…" are the instrumentation scope's; message="…" is the status
// message's.
//
// eval lists the traces of the answer, newest match first, each with its matching
// spans, newest first, then by id. The runner asks with pages of 1, 2 and 1000
// and holds Count to the same. eval_fail wants class and place of the error.
package exectest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/traceql"
)

// Encode is OTLP, which the test that runs the scripts brings: Body makes the body of one
// request (storagetest.Body), Array the value of an attribute (storagetest.ArrayValue).
type Encode struct {
	Body  func(spans ...clew.Span) []byte
	Array func(values ...clew.Value) clew.Value
}

// tenant owns what scripts load.
const tenant clew.Tenant = "script"

// Run runs every script of dir on stores that open returns, one per script.
func Run(t *testing.T, dir string, open func(t *testing.T) storage.Store, encode Encode) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.test"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			steps, err := parse(string(text), encode)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			store := open(t)
			for _, s := range steps {
				if err := s.run(t.Context(), store, encode); err != nil {
					t.Errorf("%s:%d: %v", file, s.line, err)
				}
			}
		})
	}
}

// step is one command of a script.
type step struct {
	line   int
	load   []clew.Span
	query  string
	window clew.Window
	fail   bool
	want   []string
}

func (s *step) run(ctx context.Context, store storage.Store, encode Encode) error {
	if s.load != nil {
		res, err := store.Append(ctx, storage.Record{Tenant: tenant, Body: encode.Body(s.load...), Door: "script"})
		if err == nil && res.Accepted != len(s.load) {
			err = fmt.Errorf("load: %+v", res)
		}
		return err
	}
	plan, err := exec.Prepare(s.query)
	if s.fail {
		return s.checkFailure(err)
	}
	if err != nil {
		return err
	}
	over := exec.Over{Tenant: tenant, Window: s.window}
	for _, limit := range []int{1, 2, exec.MaxLimit} {
		got, spans, err := search(ctx, store, exec.Request{Over: over, Plan: plan, Limit: limit, SpansPerTrace: exec.MaxSpansPerTrace})
		if err != nil {
			return err
		}
		if g, w := strings.Join(got, "\n\t"), strings.Join(s.want, "\n\t"); g != w {
			return fmt.Errorf("%s, by pages of %d:\n\t%s\nwant\n\t%s", s.query, limit, g, w)
		}
		n, err := exec.Count(ctx, store, over, plan)
		if err != nil {
			return err
		}
		if n.Traces != int64(len(got)) || n.Spans != int64(spans) {
			return fmt.Errorf("%s: count says %d spans in %d traces, search finds %d in %d", s.query, n.Spans, n.Traces, spans, len(got))
		}
	}
	return nil
}

func (s *step) checkFailure(err error) error {
	var e *traceql.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: error %v, want one of the query", s.query, err)
	}
	got := fmt.Sprintf("%s: %d:%d", e.Class, e.Pos.Line, e.Pos.Column)
	if want := strings.Join(s.want, " "); got != want {
		return fmt.Errorf("%s: %s (%s), want %s", s.query, got, e.Msg, want)
	}
	return nil
}

// search walks all pages; it returns one line per trace and counts the matches.
func search(ctx context.Context, store exec.Store, r exec.Request) (lines []string, spans int, err error) {
	for {
		res, err := exec.Search(ctx, store, r)
		if err != nil {
			return nil, 0, err
		}
		if !res.Cost.Complete {
			return nil, 0, fmt.Errorf("the answer is partial: %s", res.Cost.Reason)
		}
		for _, h := range res.Hits {
			line := traceName(h.TraceID) + ":"
			for _, m := range h.Matched {
				line += fmt.Sprintf(" %d", m.SpanID)
			}
			lines = append(lines, line)
			spans += h.MatchedSpans
		}
		if res.Next == "" {
			return lines, spans, nil
		}
		r.Cursor = res.Next
	}
}

func traceName(id clew.TraceID) string {
	if id.High() == defaultHigh {
		return fmt.Sprint(id.Low())
	}
	return fmt.Sprintf("%d:%d", id.High(), id.Low())
}
