package console

import (
	"strings"
	"testing"
)

func TestDrawComparison(t *testing.T) {
	var b strings.Builder
	list := []Tally{
		{"__too_many_values__", "span.code", "nil", 7},
		{"baseline_total", "name", "nil", 100}, {"selection_total", "name", "nil", 10}, {"selection_total", "span.code", "nil", 9},
		{"baseline", "kind", "server", 100}, {"selection", "kind", "server", 10},
		{"selection", "span.code", "500", 9},
		{"baseline", "name", "GET\n/", 50}, {"selection", "name", "GET\n/", 1},
		{"baseline", "name", "POST /", 50}, {"selection", "name", "POST /", 9},
		{"selection", "event:name", "exception", 10},
	}
	if err := DrawComparison(&b, list); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"VALUE                             BASELINE             SELECTION",
		"event:name=exception             0 (0.0 %)          10 (100.0 %)",
		"span.code=500                            -            9 (90.0 %)",
		"name=GET\\x0a/                     50 (50.0 %)            1 (10.0 %)",
		"name=POST /                    50 (50.0 %)            9 (90.0 %)",
		"kind=server                  100 (100.0 %)          10 (100.0 %)",
		"5 of 5 values, those that differ the most first",
	}
	for i, got := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want[i]), " ") {
			t.Errorf("line %d is %q, want %q", i, got, want[i])
		}
	}
}

func TestDrawComparisonOfManyValues(t *testing.T) {
	var b strings.Builder
	list := []Tally{{"selection_total", "name", "nil", 100}}
	for i := range 100 {
		list = append(list, Tally{"selection", "a", strings.Repeat("x", i), float64(i)})
	}
	if err := DrawComparison(&b, list); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if len(lines) != comparedRows+3 || !strings.HasPrefix(lines[comparedRows+1], "40 of 100 values") {
		t.Errorf("%d lines: %s", len(lines), b.String())
	}
}
