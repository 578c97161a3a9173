package fold

import (
	"os"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/traceql"
)

// testdata/fold.txt has queries, and below each, behind a tab, its condition with
// everything calculated that can be, or the error.
func TestExpr(t *testing.T) {
	text, err := os.ReadFile("testdata/fold.txt")
	if err != nil {
		t.Fatal(err)
	}
	query, n := "", 0
	for _, line := range strings.Split(string(text), "\n") {
		want, answer := strings.CutPrefix(line, "\t")
		if !answer {
			query = line
			continue
		}
		n++
		q, err := traceql.Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if x, err := Expr(q, q.Stages[0].(*traceql.Filter).Where); err != nil {
			got = strings.TrimPrefix(err.Error(), "query ")
		} else {
			got = traceql.ExprString(x)
		}
		if got != want {
			t.Errorf("%s\n got  %s\n want %s", query, got, want)
		}
	}
	if n < 40 {
		t.Errorf("%d queries", n)
	}
}

// Folding keeps an expression well-typed, and is final.
func FuzzExpr(f *testing.F) {
	f.Add("{ .a > 10 * 1024 || !(1 = 2) && .b }")
	f.Add("{ -2 ^ 2 / 3h < duration - 5 % 2 }")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := traceql.Parse(text)
		if err != nil {
			return
		}
		for _, s := range q.Stages {
			filter, ok := s.(*traceql.Filter)
			if !ok || filter.Where == nil {
				continue
			}
			folded, err := Expr(q, filter.Where)
			if err != nil {
				continue
			}
			if typ := q.TypeOf(folded); typ != traceql.TypeBool && typ != traceql.TypeAny {
				t.Fatalf("%s becomes %s of type %v", traceql.ExprString(filter.Where), traceql.ExprString(folded), typ)
			}
			twice, err := Expr(q, folded)
			if err != nil || !traceql.EqualExpr(folded, twice) {
				t.Fatalf("%s, folded again, is %v", traceql.ExprString(folded), err)
			}
		}
	})
}
