package exec_test

import (
	"bufio"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/traceql"
)

var updateRefused = flag.Bool("update", false, "rewrite the answers in testdata/unsupported.txt")

// refused says who cannot run a query, where in it, and why: "search" or "metrics" if
// nobody can, "tail" if only a tail cannot, which sees one span at a time.
func refused(t *testing.T, query string) string {
	t.Helper()
	who := "search: "
	q, err := traceql.Parse(query)
	if err != nil {
		return "does not parse: " + err.Error()
	}
	if q.IsMetrics() {
		who = "metrics: "
	}
	plan, err := exec.Compile(q)
	if err == nil {
		who = "tail: "
		_, err = exec.Tail(t.Context(), storagetest.NewMemory(storagetest.AllCapabilities()), tenant, plan)
	}
	var e *traceql.Error
	switch {
	case err == nil:
		return "runs everywhere"
	case !errors.As(err, &e) || e.Class != traceql.Unsupported || clew.KindOf(err) != clew.Unsupported:
		return "is refused as wrong: " + err.Error()
	}
	return who + strings.TrimPrefix(e.Error(), "query ")
}

// Every query in the file is good TraceQL that cannot be run, by nobody or by a tail;
// below it stands what says so.
func TestUnsupported(t *testing.T) {
	const name = "testdata/unsupported.txt"
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out strings.Builder
	query, queries := "", 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if want, ok := strings.CutPrefix(line, "\t"); ok {
			got := refused(t, query)
			if queries++; got != want && !*updateRefused {
				t.Errorf("%s\n got  %s\n want %s", query, got, want)
			}
			line = "\t" + got
		}
		query = line
		out.WriteString(line + "\n")
	}
	if queries < 200 {
		t.Errorf("%s has %d queries", name, queries)
	}
	if *updateRefused {
		if err := os.WriteFile(name, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Every query of the language's own list is planned, or refused at its place.
func TestValidQueriesArePlanned(t *testing.T) {
	f, err := os.Open("../traceql/testdata/valid.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	planned, not := 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		query, ok := strings.CutPrefix(lines.Text(), "\t")
		if !ok {
			continue
		}
		var e *traceql.Error
		switch _, err := exec.Prepare(query); {
		case err == nil:
			planned++
		case !errors.As(err, &e) || e.Class == traceql.Syntax:
			t.Errorf("%s: %v", query, err)
		default:
			t.Logf("%s: %v", query, err)
			not++
		}
	}
	if planned < 300 || not > 10 {
		t.Errorf("%d are planned and %d are not", planned, not)
	}
}
