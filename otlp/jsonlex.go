package otlp

import (
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
)

// A jsonError is a flaw of a JSON request: where it is, and on the way out of the
// parser in which field.
type jsonError struct {
	off  int
	path string
	what string
}

func (e *jsonError) Error() string { return e.what }

// under prefixes an error's path.
func under(step string, err error) error {
	if e, ok := err.(*jsonError); ok {
		e.path = step + e.path
	}
	return err
}

// place turns a jsonError into an error of kind Invalid.
func place(err error) error {
	e, ok := err.(*jsonError)
	if !ok {
		return err
	}
	if e.path == "" {
		return clew.Errorf(clew.Invalid, "OTLP JSON: offset %d: %s", e.off, e.what)
	}
	return clew.Errorf(clew.Invalid, "OTLP JSON: offset %d, %s: %s", e.off, e.path[1:], e.what)
}

// jsonReader reads JSON (RFC 8259) without building anything. Of strings it takes
// bytes that are not UTF-8 as they are.
type jsonReader struct {
	src  []byte
	i    int
	text []byte // the string read last, if it had escapes
}

func (r *jsonReader) flaw(what string) error { return &jsonError{off: r.i, what: what} }

// unexpected says what is at i instead of what is wanted.
func (r *jsonReader) unexpected(want string) error {
	if r.i >= len(r.src) {
		return r.flaw("the text ends, want " + want)
	}
	return r.flaw("want " + want + ", have " + strconv.QuoteRune(r.rune()))
}

func (r *jsonReader) rune() rune {
	c, _ := utf8.DecodeRune(r.src[r.i:])
	return c
}

// peek skips white space and returns the byte after it, 0 at the end.
func (r *jsonReader) peek() byte {
	for r.i < len(r.src) {
		switch c := r.src[r.i]; c {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return c
		}
	}
	return 0
}

// take skips white space and the byte c.
func (r *jsonReader) take(c byte) error {
	if r.peek() != c || r.i >= len(r.src) {
		return r.unexpected(strconv.QuoteRune(rune(c)))
	}
	r.i++
	return nil
}

// more is called in a list or object behind its opening bracket and behind each
// element: it reports whether another element follows, and takes the comma or
// the closing bracket.
func (r *jsonReader) more(first bool, end byte) (bool, error) {
	c := r.peek()
	switch {
	case c == end && r.i < len(r.src):
		r.i++
		return false, nil
	case first:
		return true, nil
	case c == ',':
		r.i++
		if r.peek() == end {
			return false, r.unexpected("another element")
		}
		return true, nil
	}
	return false, r.unexpected("',' or " + strconv.QuoteRune(rune(end)))
}

// word takes a literal: true, false, null.
func (r *jsonReader) word(w string) bool {
	if len(r.src)-r.i >= len(w) && string(r.src[r.i:r.i+len(w)]) == w {
		r.i += len(w)
		return true
	}
	return false
}

// string reads a string. The result is valid until the next one is read.
func (r *jsonReader) string() ([]byte, error) {
	if r.peek() != '"' {
		return nil, r.unexpected("a string")
	}
	r.i++
	start := r.i
	for i := start; i < len(r.src); i++ {
		switch c := r.src[i]; {
		case c == '"':
			r.i = i + 1
			return r.src[start:i], nil
		case c == '\\':
			r.text = append(r.text[:0], r.src[start:i]...)
			r.i = i
			return r.escaped()
		case c < ' ':
			r.i = i
			return nil, r.flaw("a control character in a string; escape it")
		}
	}
	r.i = len(r.src)
	return nil, r.flaw("the text ends within a string")
}

// escaped reads the rest of a string from its first backslash on.
func (r *jsonReader) escaped() ([]byte, error) {
	for r.i < len(r.src) {
		c := r.src[r.i]
		switch {
		case c == '"':
			r.i++
			return r.text, nil
		case c < ' ':
			return nil, r.flaw("a control character in a string; escape it")
		case c != '\\':
			r.text = append(r.text, c)
			r.i++
		default:
			if err := r.escape(); err != nil {
				return nil, err
			}
		}
	}
	return nil, r.flaw("the text ends within a string")
}

// escape reads one escape sequence. Half of a surrogate pair becomes U+FFFD.
func (r *jsonReader) escape() error {
	if r.i+1 >= len(r.src) {
		r.i = len(r.src)
		return r.flaw("the text ends within a string")
	}
	c := r.src[r.i+1]
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
		u, ok := r.hex4(r.i + 2)
		if !ok {
			return r.flaw(`\u wants four hexadecimal digits`)
		}
		r.i += 6
		if utf16.IsSurrogate(u) {
			low := rune(-1)
			if r.i+1 < len(r.src) && r.src[r.i] == '\\' && r.src[r.i+1] == 'u' {
				low, _ = r.hex4(r.i + 2)
			}
			if u = utf16.DecodeRune(u, low); u != utf8.RuneError {
				r.i += 6
			}
		}
		r.text = utf8.AppendRune(r.text, u)
		return nil
	default:
		return r.flaw(`an escape other than \" \\ \/ \b \f \n \r \t \u`)
	}
	r.text = append(r.text, c)
	r.i += 2
	return nil
}

func (r *jsonReader) hex4(i int) (rune, bool) {
	if i+4 > len(r.src) {
		return -1, false
	}
	var v rune
	for _, c := range r.src[i : i+4] {
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

// number reads a number as text.
func (r *jsonReader) number() ([]byte, error) {
	n := numberSize(r.src[r.i:])
	if n == 0 {
		return nil, r.unexpected("a number")
	}
	r.i += n
	return r.src[r.i-n : r.i], nil
}

// numberSize returns how many bytes at the start of s are a JSON number.
func numberSize(s []byte) int {
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

// skip reads a value of any kind and forgets it.
func (r *jsonReader) skip() error {
	var open [maxJSONDepth]byte
	depth := 0
	for {
		first := false
		switch c := r.peek(); {
		case c == '{' || c == '[':
			if depth == maxJSONDepth {
				return r.flaw("values are nested too deep (limit 256)")
			}
			open[depth] = c + 2 // the closing bracket of either kind
			depth++
			r.i++
			first = true
		case c == '"':
			if _, err := r.string(); err != nil {
				return err
			}
		case c == 't' && r.word("true"), c == 'f' && r.word("false"), c == 'n' && r.word("null"):
		default:
			if _, err := r.number(); err != nil {
				return r.unexpected("a value")
			}
		}
		for ; ; first = false {
			if depth == 0 {
				return nil
			}
			again, err := r.more(first, open[depth-1])
			if err != nil {
				return err
			}
			if again {
				break
			}
			depth--
		}
		if open[depth-1] == '}' {
			if _, err := r.string(); err != nil {
				return err
			}
			if err := r.take(':'); err != nil {
				return err
			}
		}
	}
}

// parseInteger reads a JSON number that is a whole one, also as 1.0 or 1e3.
func parseInteger(s []byte) (negative bool, magnitude uint64, ok bool) {
	if len(s) == 0 || numberSize(s) != len(s) {
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
