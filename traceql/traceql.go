// Package traceql reads TraceQL: text in, a checked syntax tree out, and the
// tree back to text.
//
//	text ─ lexer ─▶ tokens ─ parser ─▶ Query ─ check ─▶ Query with sound types
//	                                      │
//	                                      └─ String ─▶ canonical text
//
// The package knows what is asked, not how it is answered: no stores, no
// columns, no time. A Query that Parse returned is well-formed and well-typed,
// its regular expressions compile, and its size is bounded by limits.go. It is
// immutable and safe for concurrent readers.
//
// Every error is an *Error: it names the place in the text (byte offset, line,
// rune column), what was expected there, and draws itself under the query with
// Caret. What belongs to the language but not yet to this version is an error of
// class Unsupported at its place, never a bare syntax error.
//
// Print and parse are inverse: Parse(q.String()) is Equal to q.
package traceql

import "unicode/utf8"

// Parse reads and checks a query. Its error, if any, is an *Error.
func Parse(text string) (*Query, error) {
	q, err := parse(text)
	if err != nil {
		q.mend(err)
		return nil, err
	}
	return q, nil
}

// parse is Parse without a guess at what was meant; q has its text even then.
func parse(text string) (q *Query, err *Error) {
	q = &Query{Text: text}
	if len(text) > MaxQueryBytes {
		return q, q.errorf(Limit, Range{MaxQueryBytes, MaxQueryBytes}, "the query has %d bytes, more than %d", len(text), MaxQueryBytes)
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			return q, q.errorf(Syntax, Range{i, i + 1}, "the query is not valid UTF-8 here; in a string write the byte as \\x%02x", text[i])
		}
		i += n
	}
	p := &parser{q: q}
	p.lex.text = text
	if err := p.query(); err != nil {
		return q, err
	}
	return q, q.checkStages(q.Stages)
}
