package console_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/internal/console"
)

// TestTraceSummaryTellsSets writes what a query tells below the line of its trace.
func TestTraceSummaryTellsSets(t *testing.T) {
	for _, c := range [][2]string{
		{`{}`, ""},
		{`{"sets":[{"labels":[{"name":"count()","text":"1"}],"matchedSpans":1}]}`, "  count() = 1  (1 span)\n"},
		{`{"sets":[{"matchedSpans":2,"spans":[{"fields":[{"name":"span.a","text":"x\u001b[2J"},{"name":"span.b","text":"2ms"}]},{"fields":[{"name":"span.a","text":"y"}]}]}]}`,
			"    span.a = x\\x1b[2J  span.b = 2ms\n    span.a = y\n"},
		{`{"sets":[{"labels":[{"name":"name","text":"a"}],"matchedSpans":7,"spans":[{"fields":[{"name":"span.a","text":"y"}]}]},{"labels":[{"name":"name","text":"b"}],"matchedSpans":2}],"moreSets":5}`,
			"  name = a  (7 spans)\n    span.a = y\n  name = b  (2 spans)\n  and 5 more\n"},
	} {
		var summary console.TraceSummary
		if err := json.Unmarshal([]byte(c[0]), &summary); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := summary.Print(&out); err != nil {
			t.Fatal(err)
		}
		if _, below, ok := strings.Cut(out.String(), "\n"); !ok || below != c[1] {
			t.Errorf("%s:\n got %q\nwant %q", c[0], below, c[1])
		}
	}
}
