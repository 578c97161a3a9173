package redact

import "bytes"

// literals finds the literals of a statement: texts in quotes, numbers, blocks of
// PostgreSQL's between dollars. Names of columns, placeholders and comments stay.
//
// What stands in double quotes is a name in standard SQL and a text in MySQL: it is taken
// out where only a value can be.
func (x *run) literals(v []byte) {
	if x.command(v) {
		return
	}
	s := statement{v: v, escapes: bytes.Contains(v, []byte(`\'`))}
	for i := 0; i < len(v); {
		c := v[i]
		switch k := kinds[c]; {
		case k&isSpace != 0:
			i++
		case c == '\'':
			from := i
			if i > 0 && i-1 == s.wordFrom && s.wordTo == i {
				from-- // E'', N'', X''
			}
			i = x.quoted(&s, from, i)
			s.previous = c
		case c == '"':
			end := quoteEnd(v, i+1, '"')
			if s.wantsValue(i, end) {
				x.literal(i, end)
			}
			i, s.previous = end, c
		case c == '`':
			i, s.previous = quoteEnd(v, i+1, '`'), c
		case c == '$' && dollarTag(v, i) > 0:
			tag := v[i:dollarTag(v, i)]
			end := len(v)
			if n := bytes.Index(v[i+len(tag):], tag); n >= 0 {
				end = i + n + 2*len(tag)
			}
			x.literal(i, end)
			i = end
		case c == '-' && i+1 < len(v) && v[i+1] == '-', c == '/' && i+1 < len(v) && v[i+1] == '*':
			i = commentEnd(v, i)
		case k&isDigit != 0 && s.previous == '?' && v[i-1] == '?': // ?1
			i++
		case k&isDigit != 0:
			end := i
			for end < len(v) && (kinds[v[end]]&isAlnum != 0 || v[end] == '.' || ((v[end] == '+' || v[end] == '-') && v[end-1]|0x20 == 'e' && v[i] != '0')) {
				end++
			}
			x.literal(i, end)
			i, s.previous = end, '0'
		case k&isLetter != 0 || c == '_' || c >= 0x80 || c == '$' || c == '@' || c == ':' || c == '#':
			i = s.word(i)
		default:
			s.sign(c)
			i++
		}
	}
}

// literal notes a literal.
func (x *run) literal(from, to int) {
	x.note(hit{from: from, to: to, set: SQL, as: asLiteral})
}

// quoted notes the literal whose quote is at i, and returns where it ends. A backslash
// before a quote is an escape for some databases and not for others: then all is taken
// out up to the last quote.
func (x *run) quoted(s *statement, from, i int) int {
	v := s.v
	end := quoteEnd(v, i+1, '\'')
	if s.escapes && bytes.IndexByte(v[i:end], '\\') >= 0 {
		end = max(end, bytes.LastIndexByte(v, '\'')+1)
	}
	x.literal(from, end)
	return end
}

// quoteEnd returns where a text in quotes ends, behind its quote, whose contents begin at
// i. A quote that is there twice is part of the text.
func quoteEnd(v []byte, i int, quote byte) int {
	for i < len(v) {
		n := bytes.IndexByte(v[i:], quote)
		if n < 0 {
			return len(v)
		}
		i += n + 1
		if i == len(v) || v[i] != quote {
			return i
		}
		i++
	}
	return len(v)
}

// dollarTag returns where the tag $…$ ends that begins at i, 0 if it is none.
func dollarTag(v []byte, i int) int {
	for end := i + 1; end < len(v) && end-i < maxName; end++ {
		if v[end] == '$' {
			return end + 1
		}
		if kinds[v[end]]&isAlnum == 0 && v[end] != '_' || (end == i+1 && kinds[v[end]]&isDigit != 0) {
			return 0
		}
	}
	return 0
}

// commentEnd returns where the comment ends that begins at i.
func commentEnd(v []byte, i int) int {
	end := "\n"
	if v[i] == '/' {
		end = "*/"
	}
	n := bytes.Index(v[i+2:], []byte(end))
	if n < 0 {
		return len(v)
	}
	return i + 2 + n + len(end)
}

// statement is what is known of a statement up to where it is read.
type statement struct {
	v                []byte
	escapes          bool // it has a backslash before a quote
	previous         byte // the last sign, or the last byte of a word
	wordFrom, wordTo int  // the last word
	values           bool // since VALUES
	depth, in        int  // of parentheses; in: at which IN began, 0: not
}

// word reads a word, and returns where it ends.
func (s *statement) word(i int) int {
	end := i + 1
	for end < len(s.v) && (kinds[s.v[end]]&isAlnum != 0 || s.v[end] >= 0x80 || bytes.IndexByte([]byte("_$@#:"), s.v[end]) >= 0) {
		end++
	}
	if s.v[i] == ':' && end == i+1 {
		s.previous = ':'
		return end
	}
	s.wordFrom, s.wordTo, s.previous = i, end, 'a'
	switch {
	case s.is("values"):
		s.values = true
	case s.is("select"), s.is("from"), s.is("where"), s.is("on"), s.is("set"), s.is("returning"):
		s.values = false
	}
	return end
}

func (s *statement) is(word string) bool {
	return s.wordTo-s.wordFrom == len(word) && bytes.EqualFold(s.v[s.wordFrom:s.wordTo], []byte(word))
}

// sign takes a character that is of no word.
func (s *statement) sign(c byte) {
	switch c {
	case '(':
		s.depth++
		if s.previous == 'a' && s.is("in") && s.in == 0 {
			s.in = s.depth
		}
	case ')':
		if s.in == s.depth {
			s.in = 0
		}
		s.depth--
	}
	s.previous = c
}

// wantsValue reports whether what stands in double quotes from i to end must be a value.
func (s *statement) wantsValue(i, end int) bool {
	if s.previous == '.' || (end < len(s.v) && s.v[end] == '.') {
		return false
	}
	if bytes.IndexByte([]byte("=<>!~:+-*/%|"), s.previous) >= 0 {
		return true
	}
	if s.previous == 'a' {
		for _, w := range []string{"like", "ilike", "rlike", "regexp", "between", "match"} {
			if s.is(w) {
				return true
			}
		}
		return false
	}
	return s.values || s.in > 0
}

// command takes out what Redis' commands of passwords are given. It is false for what is
// no such command.
func (x *run) command(v []byte) bool {
	word := v
	if n := bytes.IndexByte(v, ' '); n > 0 {
		word = v[:n]
	}
	if len(word) == len(v) || (!bytes.EqualFold(word, []byte("auth")) && !bytes.EqualFold(word, []byte("hello"))) {
		return false
	}
	x.note(hit{from: len(word) + 1, to: len(v), set: SQL, as: asLiteral})
	return true
}
