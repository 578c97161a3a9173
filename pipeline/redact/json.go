package redact

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// isJSON reports whether a text may be an object, a list or a string of JSON.
func isJSON(v []byte) bool {
	v = v[skipSpace(v, 0):]
	return len(v) > 1 && (v[0] == '{' || v[0] == '[' || (v[0] == '"' && v[len(v)-1] == '"'))
}

func skipSpace(v []byte, i int) int {
	for i < len(v) && kinds[v[i]]&isSpace != 0 {
		i++
	}
	return i
}

// json looks through a text that is JSON: a key says what its value is, and what is taken
// out leaves JSON. It is false, and nothing is noted, if the text is none.
func (x *run) json(v []byte, c class) bool {
	if x.nested == maxTextDepth {
		return false
	}
	if c&classSQL != 0 { // a query that is an object, with values in it
		c = c&^classSQL | classLiteral
	}
	first, scratch, counts := len(x.hits), len(x.scratch), x.counts
	x.nested++
	i := x.jsonValue(v, skipSpace(v, 0), c, 0)
	x.nested--
	if i < 0 || skipSpace(v, i) != len(v) {
		x.hits, x.scratch, x.counts = x.hits[:first], x.scratch[:scratch], counts
		return false
	}
	return true
}

// jsonValue looks through the value that begins at i and returns where it ends, negative
// if it is none.
func (x *run) jsonValue(v []byte, i int, c class, depth int) int {
	if i >= len(v) || depth == maxJSONDepth {
		return -1
	}
	switch v[i] {
	case '{':
		return x.jsonList(v, i, '}', c, depth)
	case '[':
		return x.jsonList(v, i, ']', c, depth)
	case '"':
		end := stringEnd(v, i+1)
		if end > 0 {
			x.jsonString(v, i+1, end-1, c)
		}
		return end
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(v[i:], []byte(word)) {
			return i + len(word)
		}
	}
	end := i
	for end < len(v) && (kinds[v[end]]&isDigit != 0 || bytes.IndexByte([]byte("+-.eE"), v[end]) >= 0) {
		end++
	}
	if end == i {
		return -1
	}
	set, literal, found := x.number(v[i:end], c)
	if !found && c&classLiteral != 0 {
		set, literal, found = SQL, true, true
	}
	if found {
		h := hit{from: i, to: end, set: set, as: asQuoted}
		if literal {
			h.as = asQuotedLiteral
		}
		x.note(h)
	}
	return end
}

// jsonList looks through an object or a list, which ends with last.
func (x *run) jsonList(v []byte, i int, last byte, c class, depth int) int {
	i = skipSpace(v, i+1)
	if i < len(v) && v[i] == last {
		return i + 1
	}
	named := named{value: -1}
	for i < len(v) {
		of := c
		if last == '}' {
			if v[i] != '"' {
				return -1
			}
			end := stringEnd(v, i+1)
			if end < 0 {
				return -1
			}
			key := v[i+1 : end-1]
			of = x.jsonKey(v, i+1, end-1).within(of)
			if i = skipSpace(v, end); i >= len(v) || v[i] != ':' {
				return -1
			}
			i = skipSpace(v, i+1)
			named.member(v, key, i)
		}
		hits, counts := len(x.hits), x.counts
		if i = x.jsonValue(v, i, of, depth+1); i < 0 {
			return -1
		}
		if of&classKeep != 0 {
			x.hits, x.counts = x.hits[:hits], counts
		}
		if i = skipSpace(v, i); i >= len(v) {
			return -1
		}
		switch v[i] {
		case last:
			if named.secret && named.value >= 0 && x.r.on[Credentials] && c&classSecret == 0 {
				x.jsonValue(v, named.value, classSecret.within(c), depth+1)
			}
			return i + 1
		case ',':
			i = skipSpace(v, i+1)
		default:
			return -1
		}
	}
	return -1
}

// named is what is known of an object that may be a name and a value, as headers and
// variables are listed: {"name":"Authorization","value":"…"}.
type named struct {
	secret bool // its name is that of a secret
	value  int  // where its value begins, negative: it has none yet
}

// member takes a member of the object, whose value begins at i.
func (n *named) member(v, key []byte, i int) {
	switch {
	case bytes.EqualFold(key, []byte("value")):
		n.value = i
	case bytes.EqualFold(key, []byte("name")) || bytes.EqualFold(key, []byte("key")):
		if i < len(v) && v[i] == '"' {
			if end := stringEnd(v, i+1); end > 0 {
				n.secret = nameStrength(v[i+1:end-1]) >= weak
			}
		}
	}
}

// stringEnd returns where the string of JSON ends, behind its quote, whose contents begin
// at i; negative if it does not.
func stringEnd(v []byte, i int) int {
	for i < len(v) {
		n := bytes.IndexByte(v[i:], '"')
		if n < 0 {
			return -1
		}
		slashes := 0
		for slashes < n && v[i+n-1-slashes] == '\\' {
			slashes++
		}
		// Those before i are pairs: what was skipped ended with a quote.
		i += n + 1
		if slashes%2 == 0 {
			return i
		}
	}
	return -1
}

// jsonKey returns the class of a key, and takes out of the key what is to be.
func (x *run) jsonKey(v []byte, from, to int) (c class) {
	key := unescaped(v[from:to])
	x.jsonString(v, from, to, 0)
	if matches(x.r.keep, string(key)) {
		return classKeep
	}
	if len(x.r.keys) > 0 && matches(x.r.keys, string(key)) {
		return classSecret
	}
	if x.r.on[Credentials] {
		switch nameStrength(key) {
		case strong, header:
			return classSecret
		case weak:
			return classSecret | classWeak
		}
	}
	if x.r.on[Cards] && mayBeSecret(key) {
		var n normalised
		n.set(key)
		if n.endsInOne(cardKeys) {
			return classCard
		}
	}
	if x.r.on[SQL] && queryKeys[string(key)] {
		return classSQL
	}
	return 0
}

// jsonString looks at the contents of a string, v[from:to].
func (x *run) jsonString(v []byte, from, to int, c class) {
	raw := v[from:to]
	first := len(x.hits)
	switch {
	case c&classWhole == 0 && c&classLiteral != 0:
		if len(raw) > 0 && !isPlaceholder(raw) {
			x.note(hit{from: from, to: to, set: SQL, as: asLiteral})
		}
	case bytes.IndexByte(raw, '\\') < 0:
		x.look(raw, c)
		x.shift(first, from)
	default:
		plain := unescaped(raw)
		x.look(plain, c)
		if len(x.hits) == first {
			return
		}
		plain = x.replace(nil, plain, first)
		begin := len(x.scratch)
		x.scratch = appendEscaped(x.scratch, plain)
		x.note(hit{from: from, to: to, as: asScratch, a: begin, b: len(x.scratch)})
	}
}

// unescaped returns the text that the contents of a string of JSON stand for; what is
// wrong in them stands for itself.
func unescaped(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			out = append(out, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r, n := unicodeEscape(raw[i+1:])
			if n == 0 {
				out = append(out, '\\', 'u')
				continue
			}
			out = utf8.AppendRune(out, r)
			i += n
		default:
			out = append(out, raw[i])
		}
	}
	return out
}

// unicodeEscape reads what follows \u, with a second half if it has one; n is how many
// bytes that takes, 0 if it is none.
func unicodeEscape(raw []byte) (r rune, n int) {
	one, ok := hex4(raw)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(one) && len(raw) >= 10 && raw[4] == '\\' && raw[5] == 'u' {
		if two, ok := hex4(raw[6:]); ok {
			if both := utf16.DecodeRune(one, two); both != utf8.RuneError {
				return both, 10
			}
		}
	}
	return one, 4
}

func hex4(raw []byte) (rune, bool) {
	if len(raw) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw[:4]), 16, 16)
	return rune(n), err == nil
}

// appendEscaped appends a text as the contents of a string of JSON.
func appendEscaped(dst, text []byte) []byte {
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
