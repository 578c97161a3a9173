package pgserver

import (
	"strconv"
	"strings"
)

// statement is one SQL text in SQLite's words.
type statement struct {
	text string
	// verb is the first keyword in upper case; empty for an empty statement.
	verb string
	// returnsRows is set for queries and for RETURNING.
	returnsRows bool
	// paramOIDs has the type of each parameter: from its cast, else 0.
	paramOIDs []uint32
}

// translate turns PostgreSQL's text into SQLite's: $1 becomes ?1 and casts
// (::type) go, those of parameters being remembered as their types.
//
// It refuses what the two dialects cut into words differently (brackets,
// backquotes, dollar quotes, NUL) and a second statement after a semicolon: what
// is allowed is judged by the first word, so SQLite must see the same words.
func translate(sql string) (statement, error) {
	var st statement
	var out strings.Builder
	out.Grow(len(sql))
	param := 0 // number of the parameter just written, 0 after anything else
	for i := 0; i < len(sql); {
		end, class, err := word(sql, i)
		if err != nil {
			return st, err
		}
		text := sql[i:end]
		i = end
		switch class {
		case wordSpace:
			out.WriteByte(' ')
			continue
		case wordEnd:
			if rest := strings.TrimLeft(sql[i:], " \t\r\n;"); rest != "" {
				return st, sqlErrorf(codeSyntax, "one statement at a time: %q follows a semicolon", clip(rest))
			}
			i = len(sql)
			continue
		case wordCast:
			typeEnd, err := castEnd(sql, i)
			if err != nil {
				return st, err
			}
			if param > 0 {
				st.paramOIDs[param-1] = typeOID(sql[i:typeEnd])
			}
			i = typeEnd
			continue
		case wordParam:
			if param, err = paramNumber(text); err != nil {
				return st, err
			}
			for len(st.paramOIDs) < param {
				st.paramOIDs = append(st.paramOIDs, 0)
			}
			out.WriteByte('?')
			out.WriteString(text[1:])
			continue
		case wordName:
			st.note(text)
		}
		param = 0
		out.WriteString(text)
	}
	st.text = out.String()
	return st, nil
}

// note learns from a keyword or identifier.
func (st *statement) note(name string) {
	if st.verb == "" {
		st.verb = strings.ToUpper(name)
		st.returnsRows = st.verb == "SELECT" || st.verb == "VALUES" || st.verb == "WITH"
		return
	}
	st.returnsRows = st.returnsRows || strings.EqualFold(name, "RETURNING")
}

// wordClass is what a piece of SQL is.
type wordClass uint8

const (
	wordOther wordClass = iota // operator, number, quoted text
	wordName                   // keyword or bare identifier
	wordSpace                  // white space or comment
	wordParam                  // $1
	wordCast                   // ::
	wordEnd                    // ;
)

// word finds the piece that begins at i: where it ends and what it is.
func word(sql string, i int) (end int, class wordClass, err error) {
	c := sql[i]
	rest := sql[i:]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
		return i + 1, wordSpace, nil
	case strings.HasPrefix(rest, "--"):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return i + n + 1, wordSpace, nil
		}
		return len(sql), wordSpace, nil
	case strings.HasPrefix(rest, "/*"):
		if n := strings.Index(rest[2:], "*/"); n >= 0 {
			return i + 2 + n + 2, wordSpace, nil
		}
		return 0, 0, sqlErrorf(codeSyntax, "unterminated comment")
	case c == '\'' || c == '"':
		// A doubled quote within is read as two quoted pieces in a row, which
		// ends at the same place.
		if n := strings.IndexByte(rest[1:], c); n >= 0 {
			return i + n + 2, wordOther, nil
		}
		return 0, 0, sqlErrorf(codeSyntax, "unterminated quote")
	case c == ';':
		return i + 1, wordEnd, nil
	case strings.HasPrefix(rest, "::"):
		return i + 2, wordCast, nil
	case c == '$':
		n := 1
		for n < len(rest) && isDigit(rest[n]) {
			n++
		}
		if n == 1 {
			return 0, 0, sqlErrorf(codeSyntax, "a dollar sign needs a parameter's number")
		}
		return i + n, wordParam, nil
	case c == 0 || c == '[' || c == ']' || c == '`' || c == '?' || c == '@' || c == ':' || c == '#' || c == '\\':
		return 0, 0, sqlErrorf(codeSyntax, "character %q is not understood here", c)
	case isLetter(c):
		n := 1
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n])) {
			n++
		}
		return i + n, wordName, nil
	}
	return i + 1, wordOther, nil
}

// castEnd finds the end of the type name after "::".
func castEnd(sql string, i int) (int, error) {
	end := i
	for end < len(sql) && (isLetter(sql[end]) || isDigit(sql[end])) {
		end++
	}
	if end == i {
		return 0, sqlErrorf(codeSyntax, "a cast needs a type's name")
	}
	return end, nil
}

// paramNumber reads $n.
func paramNumber(text string) (int, error) {
	n, err := strconv.Atoi(text[1:])
	if err != nil || n < 1 || n > maxParams {
		return 0, sqlErrorf(codeSyntax, "parameter %s: want $1 to $%d", clip(text), maxParams)
	}
	return n, nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isLetter counts all bytes beyond ASCII as letters, as both dialects do.
func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

// clip shortens text for an error.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
