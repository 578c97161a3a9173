package traceql

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/clew-tracing/clew/traceql/spelling"
)

type tokenKind uint8

const (
	tokEOF     tokenKind = iota
	tokWord              // letters, digits and _: a keyword, an intrinsic, a function
	tokField             // an attribute or a scoped intrinsic, whole
	tokString            // "…" or `…`
	tokNumber            // integer, float or duration, without sign
	tokSymbol            // an operator or a bracket
	tokInvalid           // see token.err
)

type token struct {
	kind tokenKind
	at   Range
	text string // as written; for tokString the value
	fld  Field
	err  *Error
}

// lexer cuts the text into tokens, one per call. What a name means depends on
// what stands before it, never on what follows, so one token of look-ahead is
// enough for the parser.
type lexer struct {
	text string
	off  int
}

// symbols, longest first where one begins another.
var symbols = []string{
	"!>>", "!<<", "&>>", "&<<",
	"&&", "||", "!=", "<=", ">=", "=~", "!~", ">>", "<<", "!>", "!<", "&>", "&<", "&~",
	"{", "}", "(", ")", ",", "|", "=", "<", ">", "~", "!", "+", "-", "*", "/", "%", "^",
}

func (l *lexer) fail(q *Query, class Class, at Range, format string, args ...any) token {
	return token{kind: tokInvalid, at: at, err: q.errorf(class, at, format, args...)}
}

// next returns the next token. At the end, and after an error, it stays there.
func (l *lexer) next(q *Query) token {
	if open := l.skip(); open >= 0 {
		return l.fail(q, Syntax, Range{open, open + 2}, "the comment is not closed; */ ends it")
	}
	if l.off == len(l.text) {
		return token{kind: tokEOF, at: Range{l.off, l.off}}
	}
	start, c := l.off, l.text[l.off]
	switch {
	case c == '"' || c == '`':
		return l.str(q)
	case isDigit(c):
		return l.number()
	case c == '.':
		return l.attribute(q, start, Field{}, l.off+1)
	case isWordByte(c):
		return l.word(q)
	}
	for _, s := range symbols {
		if strings.HasPrefix(l.text[l.off:], s) {
			l.off += len(s)
			return token{kind: tokSymbol, at: Range{start, l.off}, text: s}
		}
	}
	r, n := utf8.DecodeRuneInString(l.text[l.off:])
	t := l.fail(q, Syntax, Range{start, start + n}, "unexpected character %q", r)
	switch c {
	case '&':
		t.err.Expected = []string{`"&&"`}
	case '\'':
		t.err.Msg = "strings stand in double quotes or backticks, not in single quotes"
	}
	if strings.ContainsRune("“”„«»‘’", r) {
		t.err.Msg = fmt.Sprintf(`strings stand in plain double quotes, not in %c`, r)
	}
	return t
}

// skip goes on to the next token, over spaces and comments. It returns where a comment
// begins that does not end, else -1.
func (l *lexer) skip() (open int) {
	for {
		rest := strings.TrimLeftFunc(l.text[l.off:], unicode.IsSpace)
		l.off = len(l.text) - len(rest)
		size := 0
		switch {
		case strings.HasPrefix(rest, "//"):
			if size = strings.IndexByte(rest, '\n'); size < 0 {
				size = len(rest)
			}
		case strings.HasPrefix(rest, "/*"):
			if size = strings.Index(rest[2:], "*/") + 4; size < 4 {
				return l.off
			}
		default:
			return -1
		}
		l.off += size
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || isDigit(c)
}

// str reads a string literal. Go's escapes hold in double quotes; nothing is
// special within backticks.
func (l *lexer) str(q *Query) token {
	start, quote := l.off, l.text[l.off]
	i := start + 1
	for i < len(l.text) && l.text[i] != quote {
		if quote == '"' && l.text[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(l.text) {
		return l.fail(q, Syntax, Range{start, len(l.text)}, "the string is not closed")
	}
	raw := l.text[start : i+1]
	l.off = i + 1
	if quote == '`' {
		return token{kind: tokString, at: Range{start, l.off}, text: raw[1 : len(raw)-1]}
	}
	value, bad := unquote(raw[1 : len(raw)-1])
	if bad >= 0 {
		at := start + 1 + bad
		end := min(at+2, l.off)
		return l.fail(q, Syntax, Range{at, end}, "unknown escape %s in the string; write \\\\ for a backslash, or put the string in backticks", l.text[at:end])
	}
	return token{kind: tokString, at: Range{start, l.off}, text: value}
}

// unquote resolves the escapes of a double-quoted string. bad is the offset of
// the first one that is none, or -1.
func unquote(s string) (value string, bad int) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, -1
	}
	var b strings.Builder
	rest := s
	for len(rest) > 0 {
		if rest[0] != '\\' {
			n := strings.IndexByte(rest, '\\')
			if n < 0 {
				n = len(rest)
			}
			b.WriteString(rest[:n])
			rest = rest[n:]
			continue
		}
		r, multibyte, tail, err := strconv.UnquoteChar(rest, '"')
		if err != nil {
			return "", len(s) - len(rest)
		}
		if r < utf8.RuneSelf || !multibyte {
			b.WriteByte(byte(r))
		} else {
			b.WriteRune(r)
		}
		rest = tail
	}
	return b.String(), -1
}

// number reads digits and what sticks to them: 12, 1.5, 1e-3, 1h30m. What it
// means is parseNumber's business, which knows the sign.
func (l *lexer) number() token {
	start, i := l.off, l.off
	for i < len(l.text) {
		c := l.text[i]
		switch {
		case isWordByte(c) || c == '.':
			i++
		case (c == '+' || c == '-') && isExponent(l.text[start:i]) && i+1 < len(l.text) && isDigit(l.text[i+1]):
			i++
		case strings.HasPrefix(l.text[i:], "µ") || strings.HasPrefix(l.text[i:], "μ"):
			i += len("µ")
		default:
			l.off = i
			return token{kind: tokNumber, at: Range{start, i}, text: l.text[start:i]}
		}
	}
	l.off = i
	return token{kind: tokNumber, at: Range{start, i}, text: l.text[start:i]}
}

// isExponent reports whether s is a number up to the e of its exponent.
func isExponent(s string) bool {
	n := len(s) - 1
	if n < 1 || s[n] != 'e' && s[n] != 'E' {
		return false
	}
	return strings.Trim(s[:n], "0123456789.") == ""
}

// parseNumber reads a number with an optional sign. problem is "" if it is one.
func parseNumber(s string) (v Static, problem string) {
	digits := strings.TrimPrefix(s, "-")
	switch {
	case strings.Trim(digits, "0123456789") == "":
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return v, "the integer " + s + " does not fit 64 bits"
		}
		return Static{Type: TypeInt, Int: i}, ""
	case strings.Trim(digits, "0123456789.eE+-") == "":
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsInf(f, 0) {
			return v, s + " is not a number that a double can hold"
		}
		return Static{Type: TypeFloat, Float: f}, ""
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return v, s + " is neither a number nor a duration; units are ns, us, µs, ms, s, m, h"
	}
	return Static{Type: TypeDuration, Int: int64(d)}, ""
}

// word reads a keyword, or a scope with what follows its dot or colon.
func (l *lexer) word(q *Query) token {
	start, i := l.off, l.off
	for i < len(l.text) && isWordByte(l.text[i]) {
		i++
	}
	word := l.text[start:i]
	if i == len(l.text) || l.text[i] != '.' && l.text[i] != ':' {
		l.off = i
		return token{kind: tokWord, at: Range{start, i}, text: word}
	}
	if l.text[i] == ':' {
		return l.intrinsic(q, start, i+1)
	}
	if word == "parent" {
		f, at := Field{Parent: true}, i+1
		for s := ScopeSpan; s <= ScopeTrace; s++ {
			if strings.HasPrefix(l.text[at:], s.String()+".") {
				f.Scope, at = s, at+len(s.String())+1
				break
			}
		}
		return l.attribute(q, start, f, at)
	}
	if s, ok := parseScope(word); ok {
		return l.attribute(q, start, Field{Scope: s}, i+1)
	}
	end := nameEnd(l.text, i+1)
	name := l.text[start:end]
	t := l.fail(q, Syntax, Range{start, end}, "%s has no scope", name)
	if usual := usualField(name); usual != "" {
		t.err.Near = []string{usual}
		return t
	}
	t.err.Msg += fmt.Sprintf("; write span.%s, resource.%s or .%s", name, name, name)
	if near := nearScope(word); near != "" {
		t.err.Msg = "unknown scope " + word
		t.err.Near = []string{near + name[len(word):], "." + name}
	}
	return t
}

// nearScope is the scope that word may have been meant to be, "" if none.
func nearScope(word string) string {
	if near := spelling.Nearest(word, append(scopeNames[1:], "parent"), 1); len(near) > 0 {
		return near[0]
	}
	return ""
}

// intrinsic reads scope:name; off is behind the colon.
func (l *lexer) intrinsic(q *Query, start, off int) token {
	end := off
	for end < len(l.text) && isWordByte(l.text[end]) {
		end++
	}
	name := l.text[start:end]
	id, ok := ParseIntrinsic(name)
	if !ok {
		t := l.fail(q, Syntax, Range{start, end}, "unknown intrinsic %s", name)
		if _, scope := parseScope(l.text[start : off-1]); !scope { // name: "x", as elsewhere
			t.err.Msg = name + " is no intrinsic; TraceQL compares with ="
			return t
		}
		near, sure := nearIntrinsics(name)
		if sure {
			near = near[:1]
		}
		t.err.Near = near
		return t
	}
	l.off = end
	return token{kind: tokField, at: Range{start, end}, text: name, fld: Field{At: Range{start, end}, Intrinsic: id}}
}

// attribute reads an attribute's name: bare pieces and quoted ones, in any
// order. off is behind the scope's dot.
func (l *lexer) attribute(q *Query, start int, f Field, off int) token {
	var name strings.Builder
	i := off
	for i < len(l.text) {
		if l.text[i] != '"' {
			end := nameEnd(l.text, i)
			if end == i {
				break
			}
			name.WriteString(l.text[i:end])
			i = end
			continue
		}
		l.off = i
		t := l.str(q)
		if t.kind == tokInvalid {
			return t
		}
		name.WriteString(t.text)
		i = l.off
	}
	if name.Len() == 0 {
		t := l.fail(q, Syntax, Range{start, i}, "the attribute's name is missing")
		t.err.Expected = []string{"a name", `a "quoted name"`}
		return t
	}
	l.off = i
	f.At, f.Name = Range{start, i}, name.String()
	return token{kind: tokField, at: f.At, text: l.text[start:i], fld: f}
}

// nameEnd returns where the bare piece of a name that starts at off ends.
func nameEnd(text string, off int) int {
	for off < len(text) {
		r, n := utf8.DecodeRuneInString(text[off:])
		if !isNameRune(r) {
			break
		}
		off += n
	}
	return off
}

// isNameRune reports whether r may stand in an unquoted attribute name. As in
// Tempo nearly all may, + - * / : included: span.a-b is one name.
func isNameRune(r rune) bool {
	switch r {
	case '{', '}', '(', ')', '=', '~', '!', '<', '>', '&', '|', '^', ',', '"':
		return false
	}
	return !unicode.IsSpace(r)
}
