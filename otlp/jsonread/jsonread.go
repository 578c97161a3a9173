// Package jsonread reads JSON (RFC 8259) as a stream, without building anything: what
// turns another format into OTLP asks for one value after the other.
package jsonread

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
)

// A flawError is a flaw of a text: where it is, and on the way out of the
// parser in which field.
type flawError struct {
	off  int
	path string
	what string
}

func (e *flawError) Error() string { return e.what }

// Under prefixes an error's path.
func Under(step string, err error) error {
	if e, ok := err.(*flawError); ok {
		e.path = step + e.path
	}
	return err
}

// Place makes an error of kind Invalid of one that a Reader returned for a text in a
// format, which it names.
func Place(format string, err error) error {
	e, ok := err.(*flawError)
	if !ok {
		return err
	}
	if e.path == "" {
		return clew.Errorf(clew.Invalid, "%s: offset %d: %s", format, e.off, e.what)
	}
	return clew.Errorf(clew.Invalid, "%s: offset %d, %s: %s", format, e.off, strings.TrimPrefix(e.path, "."), e.what)
}

// maxDepth bounds objects and lists in what is skipped: no format has any that are deeper
// in places that are not its own.
const maxDepth = 256

// Reader reads JSON (RFC 8259) without building anything. Of strings it takes
// bytes that are not UTF-8 as they are.
type Reader struct {
	Src []byte
	I   int // what is read next

	text []byte // the string read last, if it had escapes
}

// Flaw is an error about what is read next.
func (r *Reader) Flaw(what string) error { return &flawError{off: r.I, what: what} }

// Unexpected says what is at I instead of what is wanted.
func (r *Reader) Unexpected(want string) error {
	if r.I >= len(r.Src) {
		return r.Flaw("the text ends, want " + want)
	}
	return r.Flaw("want " + want + ", have " + strconv.QuoteRune(r.rune()))
}

func (r *Reader) rune() rune {
	c, _ := utf8.DecodeRune(r.Src[r.I:])
	return c
}

// Peek skips white space and returns the byte after it, 0 at the end.
func (r *Reader) Peek() byte {
	for r.I < len(r.Src) {
		switch c := r.Src[r.I]; c {
		case ' ', '\t', '\n', '\r':
			r.I++
		default:
			return c
		}
	}
	return 0
}

// Take skips white space and the byte c.
func (r *Reader) Take(c byte) error {
	if r.Peek() != c || r.I >= len(r.Src) {
		return r.Unexpected(strconv.QuoteRune(rune(c)))
	}
	r.I++
	return nil
}

// More is called in a list or object behind its opening bracket and behind each
// element: it reports whether another element follows, and takes the comma or
// the closing bracket.
func (r *Reader) More(first bool, end byte) (bool, error) {
	c := r.Peek()
	switch {
	case c == end && r.I < len(r.Src):
		r.I++
		return false, nil
	case first:
		return true, nil
	case c == ',':
		r.I++
		if r.Peek() == end {
			return false, r.Unexpected("another element")
		}
		return true, nil
	}
	return false, r.Unexpected("',' or " + strconv.QuoteRune(rune(end)))
}

// Word takes a literal: true, false, null.
func (r *Reader) Word(w string) bool {
	if len(r.Src)-r.I >= len(w) && string(r.Src[r.I:r.I+len(w)]) == w {
		r.I += len(w)
		return true
	}
	return false
}

// Text reads a string. The result is valid until the next one is read.
func (r *Reader) Text() ([]byte, error) {
	if r.Peek() != '"' {
		return nil, r.Unexpected("a string")
	}
	r.I++
	start := r.I
	i := plain(r.Src, start)
	if i < len(r.Src) && r.Src[i] == '"' {
		r.I = i + 1
		return r.Src[start:i], nil
	}
	r.text = append(r.text[:0], r.Src[start:i]...)
	r.I = i
	return r.escaped()
}

// escaped reads the rest of a string from its first backslash on.
func (r *Reader) escaped() ([]byte, error) {
	for r.I < len(r.Src) {
		switch c := r.Src[r.I]; {
		case c == '"':
			r.I++
			return r.text, nil
		case c < ' ':
			return nil, r.Flaw("a control character in a string; escape it")
		case c != '\\':
			i := plain(r.Src, r.I)
			r.text = append(r.text, r.Src[r.I:i]...)
			r.I = i
		default:
			if err := r.escape(); err != nil {
				return nil, err
			}
		}
	}
	return nil, r.Flaw("the text ends within a string")
}

// plain returns where the first byte from i on is that a string does not have as it is: a
// quote, a backslash or a control character; len(b) if there is none. It looks at eight bytes
// at once: subtracting borrows from the bytes above only where one was found below.
func plain(b []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^ones*'"', w^ones*'\\'
		found := (w-ones*' ')&^w | (quote-ones)&^quote | (slash-ones)&^slash
		if found &= tops; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
		i++
	}
	return i
}

// escape reads one escape sequence. Half of a surrogate pair becomes U+FFFD.
func (r *Reader) escape() error {
	if r.I+1 >= len(r.Src) {
		r.I = len(r.Src)
		return r.Flaw("the text ends within a string")
	}
	c := r.Src[r.I+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		u, ok := r.hex4(r.I + 2)
		if !ok {
			return r.Flaw(`\u wants four hexadecimal digits`)
		}
		r.I += 6
		if utf16.IsSurrogate(u) {
			low := rune(-1)
			if r.I+1 < len(r.Src) && r.Src[r.I] == '\\' && r.Src[r.I+1] == 'u' {
				low, _ = r.hex4(r.I + 2)
			}
			if u = utf16.DecodeRune(u, low); u != utf8.RuneError {
				r.I += 6
			}
		}
		r.text = utf8.AppendRune(r.text, u)
		return nil
	default:
		return r.Flaw(`an escape other than \" \\ \/ \b \f \n \r \t \u`)
	}
	r.text = append(r.text, c)
	r.I += 2
	return nil
}

func (r *Reader) hex4(i int) (rune, bool) {
	if i+4 > len(r.Src) {
		return -1, false
	}
	var v rune
	for _, c := range r.Src[i : i+4] {
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			v = v<<4 | rune(c|0x20-'a'+10)
		default:
			return -1, false
		}
	}
	return v, true
}

// Number reads a number as text.
func (r *Reader) Number() ([]byte, error) {
	n := NumberSize(r.Src[r.I:])
	if n == 0 {
		return nil, r.Unexpected("a number")
	}
	r.I += n
	return r.Src[r.I-n : r.I], nil
}

// NumberSize returns how many bytes at the start of s are a JSON number.
func NumberSize(s []byte) int {
	digits := func(i int) int {
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i
	}
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	whole := digits(i)
	if whole == i || s[i] == '0' && whole > i+1 {
		return 0
	}
	i = whole
	if i < len(s) && s[i] == '.' {
		if end := digits(i + 1); end > i+1 {
			i = end
		} else {
			return 0
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		k := i + 1
		if k < len(s) && (s[k] == '+' || s[k] == '-') {
			k++
		}
		if end := digits(k); end > k {
			i = end
		} else {
			return 0
		}
	}
	return i
}

// Skip reads a value of any kind and forgets it.
func (r *Reader) Skip() error {
	var open [maxDepth]byte
	depth := 0
	for {
		first := false
		switch c := r.Peek(); {
		case c == '{' || c == '[':
			if depth == maxDepth {
				return r.Flaw("values are nested too deep (limit 256)")
			}
			open[depth] = c + 2 // the closing bracket of either kind
			depth++
			r.I++
			first = true
		case c == '"':
			if _, err := r.Text(); err != nil {
				return err
			}
		case c == 't' && r.Word("true"), c == 'f' && r.Word("false"), c == 'n' && r.Word("null"):
		default:
			if _, err := r.Number(); err != nil {
				return r.Unexpected("a value")
			}
		}
		for ; ; first = false {
			if depth == 0 {
				return nil
			}
			again, err := r.More(first, open[depth-1])
			if err != nil {
				return err
			}
			if again {
				break
			}
			depth--
		}
		if open[depth-1] == '}' {
			if _, err := r.Text(); err != nil {
				return err
			}
			if err := r.Take(':'); err != nil {
				return err
			}
		}
	}
}

// ParseInteger reads a JSON number that is a whole one, also as 1.0 or 1e3.
func ParseInteger(s []byte) (negative bool, magnitude uint64, ok bool) {
	if len(s) == 0 || NumberSize(s) != len(s) {
		return false, 0, false
	}
	if s[0] == '-' {
		negative, s = true, s[1:]
	}
	scale := 0 // the value is digits · 10^scale
	point := false
	pending := 0 // zeros not yet multiplied in
	for i, c := range s {
		switch {
		case c == '.':
			point = true
			continue
		case c|0x20 == 'e':
			exponent, err := strconv.Atoi(string(s[i+1:]))
			if err != nil {
				return false, 0, magnitude == 0
			}
			ok = timesTen(&magnitude, scale+pending+exponent)
			return negative, magnitude, ok
		}
		if point {
			scale--
		}
		pending++
		if c == '0' {
			continue
		}
		if !timesTen(&magnitude, pending) {
			return false, 0, false
		}
		if magnitude += uint64(c - '0'); magnitude < uint64(c-'0') {
			return false, 0, false
		}
		pending = 0
	}
	ok = timesTen(&magnitude, scale+pending)
	return negative, magnitude, ok
}

// timesTen multiplies v by 10^n; false if the result is no uint64.
func timesTen(v *uint64, n int) bool {
	if *v == 0 {
		return true
	}
	for ; n < 0; n++ {
		if *v%10 != 0 {
			return false
		}
		*v /= 10
	}
	for ; n > 0; n-- {
		hi, lo := bits.Mul64(*v, 10)
		if hi != 0 {
			return false
		}
		*v = lo
	}
	return true
}
