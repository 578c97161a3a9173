package exec_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/traceql"
)

// Every query in docs/query.md does what the page says.
func TestQueriesOfTheManual(t *testing.T) {
	page, err := os.ReadFile("../docs/query.md")
	if err != nil {
		t.Fatal(err)
	}
	runs, unsupported := 0, 0
	kind := ""
	for i, line := range strings.Split(string(page), "\n") {
		if fence, ok := strings.CutPrefix(line, "```"); ok {
			kind = fence
			continue
		}
		_, err := exec.Prepare(line)
		switch kind {
		case "traceql":
			runs++
			if err != nil {
				t.Errorf("docs/query.md:%d: %s: %v", i+1, line, err)
			}
		case "traceql unsupported":
			unsupported++
			var e *traceql.Error
			if !errors.As(err, &e) || e.Class != traceql.Unsupported {
				t.Errorf("docs/query.md:%d: %s: %v, want it unsupported", i+1, line, err)
			}
		}
	}
	if runs < 20 || unsupported < 5 {
		t.Errorf("docs/query.md has %d queries that run and %d that do not yet", runs, unsupported)
	}
}
