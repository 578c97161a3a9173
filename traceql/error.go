package traceql

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
)

// Class says what is wrong with a query.
type Class uint8

// The classes of error.
const (
	// Syntax is text that is not TraceQL.
	Syntax Class = iota
	// Types is well-formed text that asks for the impossible: 1 = "one".
	Types
	// Unsupported is TraceQL that this version cannot run yet.
	Unsupported
	// Limit is a query larger than limits.go allows.
	Limit
)

var classNames = [...]string{"syntax error", "type error", "unsupported", "limit exceeded"}

// String returns the class in words.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "error"
}

// Range is a piece of the query's text, [Start, End), in bytes.
type Range struct{ Start, End int }

// Pos is a place in a query's text.
type Pos struct {
	Offset int // bytes from the start, 0-based
	Line   int // 1-based
	Column int // runes from the start of the line, 1-based
}

// Error is what is wrong with a query, and where.
type Error struct {
	Class Class
	Pos   Pos
	// End is the byte offset behind the offending piece; at least Pos.Offset.
	End int
	// Msg says what is wrong, in one sentence without position.
	Msg string
	// Expected lists what could have stood there, for machines (completion) and
	// people; empty where nothing useful can be said.
	Expected []string
	// Near lists what may have been meant in place of the offending piece, the
	// likeliest first; empty where there is nothing like it.
	Near []string
	// Meant is a whole query that may have been meant, one that Parse takes; ""
	// where none can be told.
	Meant string
}

// Error returns position, class, message and how to mend it, on one line.
func (e *Error) Error() string {
	return fmt.Sprintf("query %d:%d: %s", e.Pos.Line, e.Pos.Column, e.text())
}

// text is Error without the position. Of what may help it says one thing: the
// query that was meant, else the name, else what could have stood there.
func (e *Error) text() string {
	text := e.Class.String() + ": " + e.Msg
	switch {
	case e.Meant != "":
		text += "; did you mean " + e.Meant + "?"
	case len(e.Near) > 0:
		text += "; did you mean " + oneOf(e.Near) + "?"
	case len(e.Expected) > 0:
		text += "; expected " + oneOf(e.Expected)
	}
	return text
}

// Unwrap gives the error its kind: Unsupported, TooLarge or Invalid.
func (e *Error) Unwrap() error {
	kind := clew.Invalid
	switch e.Class {
	case Unsupported:
		kind = clew.Unsupported
	case Limit:
		kind = clew.TooLarge
	}
	return &clew.Error{Kind: kind, Err: plainError(e.Msg)}
}

type plainError string

func (e plainError) Error() string { return string(e) }

// maxCaretRunes bounds the piece of a line that Caret shows: a terminal's width.
const maxCaretRunes = 100

// Caret draws the error under the line of the query it is in:
//
//	{ duration >> 20ms }
//	           ^^
//	syntax error: …
//
// Of a long line only the part around the place is shown. query must be the
// text that was parsed; another text gives the message alone.
func (e *Error) Caret(query string) string {
	msg := e.text()
	if mark := Mark(query, Range{e.Pos.Offset, e.End}); mark != "" {
		return mark + "\n" + msg
	}
	return msg
}

// Mark draws the line of a query that a range begins in, and under it what of the
// range is in that line; "" if the range is not one of the query.
func Mark(query string, at Range) string {
	if at.Start < 0 || at.Start > at.End || at.End > len(query) {
		return ""
	}
	from := strings.LastIndexByte(query[:at.Start], '\n') + 1
	to := len(query)
	if i := strings.IndexByte(query[at.Start:], '\n'); i >= 0 {
		to = at.Start + i
	}
	before := []rune(clean(query[from:at.Start]))
	rest := []rune(clean(query[at.Start:to]))
	marks := max(1, utf8.RuneCountInString(query[at.Start:min(at.End, to)]))
	head, tail := "", ""
	if half := maxCaretRunes / 2; len(before) > half {
		before, head = before[len(before)-half:], "…"
	}
	if room := maxCaretRunes - len(before); len(rest) > room {
		rest, tail = rest[:room], "…"
	}
	marks = min(marks, max(1, len(rest)))
	pad := strings.Repeat(" ", len(before)+utf8.RuneCountInString(head))
	return head + string(before) + string(rest) + tail + "\n" + pad + strings.Repeat("^", marks)
}

// clean replaces what would move the caret or the terminal by one space each.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func oneOf(list []string) string {
	switch n := len(list); n {
	case 0:
		return "nothing"
	case 1:
		return list[0]
	default:
		return strings.Join(list[:n-1], ", ") + " or " + list[n-1]
	}
}

// posOf finds the line and column of a byte offset.
func posOf(text string, off int) Pos {
	off = min(max(off, 0), len(text))
	head := text[:off]
	line := strings.LastIndexByte(head, '\n') + 1
	return Pos{Offset: off, Line: 1 + strings.Count(head, "\n"), Column: 1 + utf8.RuneCountInString(head[line:])}
}

// Errorf makes an error about a piece of q, for those who compile a query and
// find that they cannot run it.
func (q *Query) Errorf(class Class, at Range, format string, args ...any) error {
	return q.errorf(class, at, format, args...)
}

func (q *Query) errorf(class Class, at Range, format string, args ...any) *Error {
	pos := posOf(q.Text, at.Start)
	return &Error{Class: class, Pos: pos, End: min(max(at.End, pos.Offset), len(q.Text)), Msg: fmt.Sprintf(format, args...)}
}
