package console

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
)

// TestReasons has what errors say of themselves below the waterfall.
func TestReasons(t *testing.T) {
	text := func(key, value string) clew.Attr { return clew.Attr{Key: key, Value: clew.StringValue(value)} }
	failed := func(id clew.SpanID, name string, change func(s *clew.Span)) clew.Span {
		s := testSpan(id, 1, "pay", name, uint64(id), 90)
		s.Status = clew.StatusError
		change(&s)
		return s
	}
	got := draw(t, 60,
		testSpan(1, 0, "cart", "POST", 0, 100),
		failed(2, "message", func(s *clew.Span) { s.StatusMessage = "no\x1b[2J funds" }),
		failed(3, "exception", func(s *clew.Span) {
			s.Events = []clew.Event{{Name: "retry"}, {Name: "exception", Attrs: []clew.Attr{text("exception.message", "declined"), text("exception.type", "CardError")}}}
		}),
		failed(4, "http", func(s *clew.Span) {
			s.Attrs = append(s.Attrs, clew.Attr{Key: "http.response.status_code", Value: clew.IntValue(503)}, text("error.type", "503"))
		}),
		failed(5, "grpc", func(s *clew.Span) {
			s.Attrs = append(s.Attrs, clew.Attr{Key: "rpc.grpc.status_code", Value: clew.IntValue(14)}, text("error.type", "timeout"))
		}),
		failed(6, "silent", func(*clew.Span) {}),
		failed(7, "long", func(s *clew.Span) { s.StatusMessage = strings.Repeat("x", 100) }),
	)
	_, below, _ := strings.Cut(got, "\n\n✗")
	want := ` pay: message: no\x1b[2J funds
✗ pay: exception: CardError: declined
✗ pay: http: HTTP 503
✗ pay: grpc: timeout, gRPC status 14
✗ pay: long: ` + strings.Repeat("x", 46) + "…\n"
	if below != want {
		t.Errorf("below the waterfall is\n%s\nwant\n%s\nin\n%s", below, want, got)
	}

	var many []clew.Span
	for i := range clew.SpanID(13) {
		many = append(many, failed(i+2, fmt.Sprint(i), func(s *clew.Span) { s.StatusMessage = "m" }))
	}
	if got := draw(t, 80, append(many, testSpan(1, 0, "a", "b", 0, 100))...); strings.Count(got, ": m\n") != 10 || !strings.HasSuffix(got, "3 errors more say why; the page has them\n") {
		t.Errorf("of 13 errors:\n%s", got)
	}
}
