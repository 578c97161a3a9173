package api

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Escape makes text fit for JSON: bytes that are no valid UTF-8 become \xNN, and
// escaped says that there were any.
func Escape(s string) (out string, escaped bool) {
	if utf8.ValidString(s) {
		return s, false
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[0])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String(), true
}

// ShortText is the beginning of a text from outside, for an error.
func ShortText(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > maxShownBytes {
		s = s[:WholeRunes([]byte(s), maxShownBytes)] + "…"
	}
	return s
}

// WholeRunes returns the greatest cut up to n that splits no character of s.
func WholeRunes(s []byte, n int) int {
	for at := n; at >= 0 && at > n-utf8.UTFMax; at-- {
		if !utf8.RuneStart(s[at]) {
			continue
		}
		if _, size := utf8.DecodeRune(s[at:]); at+size > n {
			return at
		}
		return n
	}
	return n
}
