package v1

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// escape makes text fit for JSON: bytes that are no valid UTF-8 become \xNN, and
// escaped says that there were any.
func escape(s string) (out string, escaped bool) {
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
