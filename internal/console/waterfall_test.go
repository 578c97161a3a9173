package console

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
)

// testSpan makes a span of service·name with times in milliseconds.
func testSpan(id, parent clew.SpanID, service, name string, from, to uint64) clew.Span {
	const base = 1_763_889_000_000_000_000 // 2025-11-23T09:10:00Z
	return clew.Span{
		TraceID: clew.MakeTraceID(0x4bf92f3577b34da6, 0xa3ce929d0e0e4736), SpanID: id, ParentID: parent, Name: name,
		Start: clew.UnixNanos(base + from*1e6), End: clew.UnixNanos(base + to*1e6),
		Resource: &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(service)}}},
	}
}

func draw(t *testing.T, columns int, spans ...clew.Span) string {
	t.Helper()
	var b strings.Builder
	if err := NewWaterfall(spans).Print(&b, columns, false); err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
		if n := len([]rune(line)); n > columns && !strings.HasPrefix(line, "trace ") {
			t.Errorf("a line of %d characters in %d columns: %q", n, columns, line)
		}
		out = append(out, strings.TrimRight(line, " "))
	}
	return strings.Join(out, "\n") + "\n"
}

// TestDurationOfTheTrace is from the first start to the last of all starts and ends.
func TestDurationOfTheTrace(t *testing.T) {
	for _, c := range []struct {
		from, to uint64
		want     string
	}{{50, 20, " · 50ms"}, {50, 40, " · 50ms"}, {5, 0, " · 30ms"}} {
		got := draw(t, 80, testSpan(1, 0, "a", "b", 0, 30), testSpan(2, 1, "a", "c", c.from, c.to))
		if head, _, _ := strings.Cut(got, "\n"); !strings.Contains(head, c.want) {
			t.Errorf("a span from %d to %d ms: %q, want %q", c.from, c.to, head, c.want)
		}
	}
	if got := draw(t, 80, testSpan(1, 0, "a", "b", 50, 30)); !strings.Contains(got, " · 0ns") {
		t.Errorf("a trace that ends before it starts: %q, want 0ns", got)
	}
	open := testSpan(2, 1, "a", "c", 40, 0)
	open.End = 0
	got := draw(t, 80, testSpan(1, 0, "a", "b", 0, 30), open)
	if !strings.Contains(got, " · 40ms") || !strings.Contains(got, "not ended\n") {
		t.Errorf("a span that has not ended:\n%swant a trace of 40ms, and a bar that says so", got)
	}
}

func TestWaterfall(t *testing.T) {
	failed := testSpan(4, 2, "payment", "SELECT card", 12, 14)
	failed.Status = clew.StatusError
	got := draw(t, 80,
		testSpan(5, 1, "email", "enqueue", 90, 91),
		failed,
		testSpan(2, 1, "payment", "charge", 10, 58),
		testSpan(3, 2, "payment", "fraud", 20, 50),
		testSpan(1, 0, "cart", "POST /checkout", 0, 100),
		testSpan(7, 99, "email", "a \x1b[31mtrick", 95, 100),
	)
	want := `trace 4bf92f3577b34da6a3ce929d0e0e4736 · 2025-11-23T09:10:00.000Z · 100ms · 6 spans · 3 services · 1 error

cart: POST /checkout        ██████████████████████████████████████████     100ms
├ payment: charge               ████████████████████▏                       48ms
│ ├ ✗ payment: SELECT card       ▊                                           2ms
│ └ payment: fraud                  ████████████▌                           30ms
└ email: enqueue                                                 ▍           1ms
(missing 0000000000000063)
└ email: a \x1b[31mtrick                                           ██        5ms
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestClocks has sentences about clocks below the heading.
func TestClocks(t *testing.T) {
	w := NewWaterfall([]clew.Span{testSpan(1, 0, "a", "b", 0, 30)})
	w.Clocks = []string{"a\x1b[2J is 120ms ± 3ms ahead of b", "c is at least 2s behind b"}
	var b strings.Builder
	if err := w.Print(&b, 80, false); err != nil {
		t.Fatal(err)
	}
	want := "1 service\nclocks: a\\x1b[2J is 120ms ± 3ms ahead of b\nclocks: c is at least 2s behind b\n\na: b"
	if !strings.Contains(b.String(), want) {
		t.Errorf("%s\nwant it to have\n%s", b.String(), want)
	}
}

func TestWaterfallShowsEverySpanOnce(t *testing.T) {
	check := func(name string, spans ...clew.Span) {
		t.Helper()
		seen := map[int]int{}
		for _, r := range NewWaterfall(spans).rows {
			if r.span >= 0 {
				seen[r.span]++
			}
		}
		for i := range spans {
			if seen[i] != 1 {
				t.Errorf("%s: span %d has %d rows", name, i, seen[i])
			}
		}
		draw(t, 60, spans...)
	}
	check("ring", testSpan(1, 2, "a", "x", 0, 1), testSpan(2, 1, "a", "y", 0, 1))
	check("own parent", testSpan(1, 1, "a", "x", 0, 1))
	check("same id twice", testSpan(1, 0, "a", "x", 0, 1), testSpan(1, 0, "a", "x", 0, 1), testSpan(2, 1, "b", "y", 0, 1))
	check("ends before it starts", testSpan(1, 0, "a", "x", 5, 1), testSpan(2, 1, "a", "x", 7, 7))
	check("no time at all", testSpan(1, 0, "", "", 0, 0))
	var deep []clew.Span
	for i := range 5000 {
		deep = append(deep, testSpan(clew.SpanID(i+1), clew.SpanID(i), "s", fmt.Sprint("level ", i), 0, 1))
	}
	check("deep", deep...)
}

func TestColourIsStableAndRedIsForErrors(t *testing.T) {
	a, b := testSpan(1, 0, "cart", "x", 0, 1), testSpan(2, 0, "cart", "y", 0, 2)
	if paint(&a, "█") != paint(&b, "█") {
		t.Error("one service has two colours")
	}
	b.Status = clew.StatusError
	if !strings.HasPrefix(paint(&b, "█"), "\x1b[31m") {
		t.Error("an error is not red")
	}
}

func TestFormatNanos(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0ns", 999: "999ns", 1000: "1µs", 1234: "1.23µs", 15_500: "15.5µs", 999_960: "1000µs",
		1_000_000: "1ms", 152_300_000: "152ms", 1_500_000_000: "1.5s", 59_990_000_000: "60s",
		61_000_000_000: "1m01s", 3_700_000_000_000: "1h01m", -2_000_000: "-2ms",
	} {
		if got := Nanos(in); got != want {
			t.Errorf("Nanos(%d) = %q, want %q", in, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ✓": "plain ✓", "a\nb": `a\x0ab`, "\x1b[2J": `\x1b[2J`, "bad\xff": `bad\xff`, "\u202e": `\u{202e}`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}
