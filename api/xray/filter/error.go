package filter

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
)

// Error is what is wrong with an expression, and where.
type Error struct {
	// Start and End are the piece at fault, in bytes of the text.
	Start, End int
	// Column is where it starts, in characters, the first is 1.
	Column int
	// Msg says what is wrong, in one sentence.
	Msg string
	// Near lists what may have been meant, the likeliest first; Expected what could have
	// stood there. Either may be empty.
	Near, Expected []string
}

// Error returns place, sentence and how to mend it, on one line.
func (e *Error) Error() string {
	text := fmt.Sprintf("filter expression, character %d: %s", e.Column, e.Msg)
	switch {
	case len(e.Near) > 0:
		text += "; did you mean " + oneOf(e.Near) + "?"
	case len(e.Expected) > 0:
		text += "; expected " + oneOf(e.Expected)
	}
	return text
}

// Unwrap gives an error of kind Invalid.
func (e *Error) Unwrap() error { return &clew.Error{Kind: clew.Invalid, Err: errors.New(e.Msg)} }

func oneOf(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " or " + list[n-1]
	}
	return list[0]
}

// errorf makes an error about text[start:end].
func (p *parser) errorf(start, end int, format string, args ...any) *Error {
	start = min(start, len(p.text))
	return &Error{Start: start, End: min(max(end, start), len(p.text)), Column: utf8.RuneCountInString(p.text[:start]) + 1, Msg: fmt.Sprintf(format, args...)}
}

// want makes an error about what stands at the parser's place.
func (p *parser) want(expected ...string) *Error {
	start, end := p.off, p.tokenEnd()
	e := p.errorf(start, end, "the expression ends here")
	if start < len(p.text) {
		e.Msg = "unexpected " + shown(p.text[start:end])
	}
	e.Expected = expected
	return e
}

// tokenEnd is about where what stands at the parser's place ends: a word, a string, or one
// character.
func (p *parser) tokenEnd() int {
	rest := p.text[p.off:]
	if n := wordSize(rest); n > 0 {
		return p.off + n
	}
	_, n := utf8.DecodeRuneInString(rest)
	return p.off + n
}

// shown is a piece of the text for an error.
func shown(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > maxShown {
		cut := maxShown
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return s
}
