package doubt_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/traceql"
	"github.com/clew-tracing/clew/traceql/doubt"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata")

// TestDoubts reads queries, one per line, each followed by what is to be doubted in it,
// behind tabs.
func TestDoubts(t *testing.T) {
	const path = "testdata/doubts.txt"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	queries := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		out.WriteString(line)
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		queries++
		q, err := traceql.Parse(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		for _, d := range doubt.Of(q) {
			out.WriteString("\t" + d + "\n")
		}
	}
	if queries < 30 {
		t.Errorf("%d queries in %s", queries, path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if out.String() != string(text) {
		t.Errorf("%s is now\n%s", path, out.String())
	}
}

// TestLimits has few doubts of a long query, and short ones.
func TestLimits(t *testing.T) {
	var parts []string
	for i := range 20 {
		parts = append(parts, "span.a"+string(rune('a'+i))+" = error")
	}
	q, err := traceql.Parse("{ " + strings.Join(parts, " || ") + ` || trace:id = "` + strings.Repeat("long ", 100) + `" }`)
	if err != nil {
		t.Fatal(err)
	}
	got := doubt.Of(q)
	if len(got) != 8 {
		t.Errorf("%d doubts, want 8", len(got))
	}
	for _, text := range got {
		if len(text) > 400 {
			t.Errorf("%d bytes: %s", len(text), text)
		}
	}
}
