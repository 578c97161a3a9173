package traceql

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
)

func TestLimits(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		_, err := Parse(query)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), want) {
			t.Errorf("Parse(%d bytes) = %v, want %q", len(query), err, want)
		}
	}
	good := func(query string) {
		t.Helper()
		q, err := Parse(query)
		if err != nil {
			t.Errorf("Parse(%d bytes) = %v", len(query), err)
			return
		}
		again, err := Parse(q.String())
		if err != nil || !Equal(q, again) {
			t.Errorf("Parse(%d bytes) does not print as itself: %v", len(query), err)
		}
	}
	name := strings.Repeat("x", MaxQueryBytes-len("{ . }"))
	good("{ ." + name + " }")
	f("{ ."+name+"x }", "more than 65536")

	chain := func(n int) string { return "{ " + strings.Repeat(".a && ", n) + ".a }" }
	good(chain(MaxNodes/2 - 2))
	f(chain(MaxNodes/2), "more than 4096 parts")
	f(strings.Repeat("{ } | ", MaxNodes)+"{ }", "more than 4096 parts")
	f(strings.Repeat("{ } > ", MaxNodes)+"{ }", "more than 4096 parts")

	nest := func(open, inner, close string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(close, n)
	}
	good("{ " + nest("(", ".a", ")", MaxDepth) + " }")
	f("{ "+nest("(", ".a", ")", MaxDepth+1)+" }", "deeper than 100")
	good("{ " + nest("!", ".a", "", MaxDepth/2) + " }")
	f("{ "+nest("!", ".a", "", MaxDepth+1)+" }", "deeper than 100")
	f("{ "+nest("-", ".a", "", MaxDepth+1)+" = 1 }", "deeper than 100")
	f("{ .a = "+nest("1 ^ ", "1", "", MaxDepth+1)+" }", "deeper than 100")
	good(nest("(", "{ }", ")", MaxDepth))
	f(nest("(", "{ }", ")", MaxDepth+1), "deeper than 100")
	f(nest("(", "", "", 10*MaxDepth), "deeper than 100")

	good(`{ .a =~ "` + strings.Repeat("x", MaxRegexpBytes) + `" }`)
	f(`{ .a =~ "`+strings.Repeat("x", MaxRegexpBytes+1)+`" }`, "more than 8192")
	hints := func(n int) string { return "{ } with (a = 1" + strings.Repeat(", a = 1", n-1) + ")" }
	good(hints(MaxHints))
	f(hints(MaxHints+1), "more than 16 hints")
}

func TestInvalidUTF8(t *testing.T) {
	_, err := Parse("{ .a = \"x\xff\" }")
	var e *Error
	if !errors.As(err, &e) || e.Pos.Offset != 9 || !strings.Contains(e.Msg, `\xff`) {
		t.Errorf("Parse(invalid UTF-8) = %v", err)
	}
}

func TestErrorKinds(t *testing.T) {
	f := func(query string, want clew.ErrorKind) {
		t.Helper()
		_, err := Parse(query)
		if got := clew.KindOf(err); err == nil || got != want {
			t.Errorf("Parse(%.20s): %v, kind %v, want %v", query, err, got, want)
		}
	}
	f("{", clew.Invalid)
	f("{ 1 }", clew.Invalid)
	f(strings.Repeat(" ", MaxQueryBytes+1), clew.TooLarge)
}

func TestCaret(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		_, err := Parse(query)
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("Parse(%q) = %v", query, err)
		}
		if got := e.Caret(query); got != strings.TrimPrefix(want, "\n") {
			t.Errorf("Caret(%q) =\n%s\nwant\n%s", query, got, want)
		}
	}
	f(`{ span.foo == "bar" }`, `
{ span.foo == "bar" }
            ^
syntax error: unexpected =; TraceQL compares with one =; did you mean { span.foo = "bar" }?`)
	f("{ .größe = 1 &&\n\tstaus = error }", `
 staus = error }
 ^^^^^
syntax error: unknown name staus; did you mean { .größe = 1 && status = error }?`)
	f("{ (.größe = 1) &&\n\tstaus = error }", `
 staus = error }
 ^^^^^
syntax error: unknown name staus; did you mean status?`)
	f("{ .größe = \"ü\" && ?", `
{ .größe = "ü" && ?
                  ^
syntax error: unexpected character '?'`)
	f("{ .a = 1 && (.b = 2", `
{ .a = 1 && (.b = 2
                   ^
syntax error: the query ends too early; expected an operator or ")"`)
	f(" 4BF92F3577B34DA6 \n", `
 4BF92F3577B34DA6 
^^^^^^^^^^^^^^^^^^
syntax error: this is an id, not a query; did you mean { trace:id = "4bf92f3577b34da6" || span:id = "4bf92f3577b34da6" }?`)
	long := strings.Repeat(".a && ", 30)
	f("{ "+long+"1 && "+long+".a }", `
…& .a && .a && .a && .a && .a && .a && .a && .a && 1 && .a && .a && .a && .a && .a && .a && .a && .a …
                                                   ^
type error: && wants conditions, this is an int`)
}

func TestCaretOfAnotherText(t *testing.T) {
	_, err := Parse("{ .a = 1 && ? }")
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if got := e.Caret("{ }"); got != "syntax error: unexpected character '?'" {
		t.Errorf("Caret = %q", got)
	}
}

func TestPositions(t *testing.T) {
	q, err := Parse("{ .größe = 1 } && { !(span.b > 2s) }")
	if err != nil {
		t.Fatal(err)
	}
	both := q.Stages[0].(*SpansetBinary)
	f := func(r Range, want string) {
		t.Helper()
		if got := q.Text[r.Start:r.End]; got != want {
			t.Errorf("range %v = %q, want %q", r, got, want)
		}
	}
	f(both.Range(), q.Text)
	f(both.L.Range(), "{ .größe = 1 }")
	f(both.R.(*Filter).Where.Range(), "!(span.b > 2s")
	f(both.R.(*Filter).Where.(*Unary).X.(*Binary).R.Range(), "2s")
}

func TestMeant(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := Meant(text); got != want {
			t.Errorf("Meant(%q) = %q, want %q", text, got, want)
		}
	}
	f("{name=`x`}", `{ name = "x" }`)
	f("service=cart", `{ resource.service.name = "cart" }`)
	f("{ } | count()", "{ } | count()")
	f("{ . }", "{ . }")
}

func TestRegexp(t *testing.T) {
	f := func(pattern, s string, want bool) {
		t.Helper()
		re, err := Regexp(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := re.MatchString(s); got != want {
			t.Errorf("%q matches %q = %v, want %v", pattern, s, got, want)
		}
	}
	f("bar", "bar", true)
	f("bar", "barn", false)
	f("a|b", "b", true)
	f("a|b", "ab", false)
	f("", "", true)
	f("", "x", false)
	f("(?i)get", "GET", true)
	f("(?m)a", "a\nb", false)
	f("a$", "a\n", false)
	f(`\Qa.b\E`, "a.b", true)
}

// corpusQueries are all queries of testdata, for the fuzzers.
func corpusQueries(tb testing.TB) []string {
	t, ok := tb.(*testing.T)
	if !ok {
		t = new(testing.T)
	}
	var out []string
	for _, name := range []string{"valid.txt", "syntax.txt", "types.txt"} {
		out = append(out, readCorpus(t, name).lines...)
	}
	return out
}

func FuzzParse(f *testing.F) {
	for _, q := range corpusQueries(f) {
		f.Add(strings.ReplaceAll(q, `\n`, "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("Parse(%q): untyped error %v", text, err)
			}
			if e.Pos.Offset > len(text) || e.End > len(text) || e.End < e.Pos.Offset || e.Pos.Line < 1 || e.Pos.Column < 1 {
				t.Fatalf("Parse(%q): bad position %+v", text, e)
			}
			if lines := strings.Split(e.Caret(text), "\n"); len(lines) < 3 {
				t.Fatalf("Caret(%q) = %q", text, lines)
			}
			if meant, err := Parse(e.Meant); e.Meant != "" && (err != nil || meant.String() != e.Meant) {
				t.Fatalf("Parse(%q): meant is %q: %v", text, e.Meant, err)
			}
			return
		}
		canonical := q.String()
		if len(canonical) > MaxQueryBytes {
			return // quotes and parentheses may make a query of just under the limit longer
		}
		again, err := Parse(canonical)
		if err != nil {
			t.Fatalf("Parse(%q).String() = %q does not parse: %v", text, canonical, err)
		}
		if !Equal(q, again) {
			t.Fatalf("Parse(%q).String() = %q is another query", text, canonical)
		}
		if s := again.String(); s != canonical {
			t.Fatalf("%q prints as %q", canonical, s)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	const query = `{ resource.service.name = "cart" && duration > 20ms && status = error && span.http.route =~ "/api/.*" }`
	b.SetBytes(int64(len(query)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(query); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleParse() {
	q, err := Parse(`{resource.service.name="cart"&&duration>20ms}`)
	fmt.Println(q, err)
	_, err = Parse(`{ (duraton > 20ms) }`)
	fmt.Println(err)
	_, err = Parse(`service=cart error=true`)
	fmt.Println(err)
	// Output:
	// { resource.service.name = "cart" && duration > 20ms } <nil>
	// query 1:4: syntax error: unknown name duraton; did you mean duration?
	// query 1:1: syntax error: unexpected service; a filter stands in braces; did you mean { resource.service.name = "cart" && status = error }?
}
