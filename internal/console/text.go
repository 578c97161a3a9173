// Package console writes for people at a terminal: durations, sizes, text from
// outside, and traces as waterfalls.
package console

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxColumns keeps lines readable on very wide screens.
	MaxColumns = 240
	// MinColumns is the least width a waterfall can be drawn in.
	MinColumns = 60
)

// Moment writes a moment in UTC, RFC 3339 with milliseconds.
func Moment(n uint64) string {
	return time.Unix(int64(n/1e9), int64(n%1e9)).UTC().Format("2006-01-02T15:04:05.000Z")
}

// Nanos writes a duration as people read it: three digits and a unit.
func Nanos(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	switch f := float64(n); {
	case n < 1e3:
		return fmt.Sprintf("%s%dns", sign, n)
	case n < 1e6:
		return sign + three(f/1e3) + "µs"
	case n < 1e9:
		return sign + three(f/1e6) + "ms"
	case n < 60e9:
		return sign + three(f/1e9) + "s"
	case n < 3600e9:
		return fmt.Sprintf("%s%dm%02ds", sign, n/60e9, n/1e9%60)
	}
	return fmt.Sprintf("%s%dh%02dm", sign, n/3600e9, n/60e9%60)
}

// three writes f with three digits, fewer where they are zeros behind the point.
func three(f float64) string {
	prec := 2
	switch {
	case f >= 99.95:
		prec = 0
	case f >= 9.995:
		prec = 1
	}
	s := fmt.Sprintf("%.*f", prec, f)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// Bytes writes a number of bytes with three digits and a decimal unit.
func Bytes(n int64) string {
	f := float64(n)
	for _, u := range []string{"B", "kB", "MB", "GB"} {
		if f < 999.5 {
			return three(f) + " " + u
		}
		f /= 1000
	}
	return three(f) + " TB"
}

// Printable makes a text from outside safe for a terminal: bytes that are
// control characters or no UTF-8 are written as \xNN, other characters that do
// not print as \u{N}, so that a span's name cannot move the cursor.
func Printable(s string) string {
	clean := func(r rune) bool { return r != utf8.RuneError && unicode.IsPrint(r) }
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case clean(r):
			b.WriteRune(r)
		case n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		s = s[n:]
	}
	return b.String()
}

// Clip shortens s to at most n characters, the last then being an ellipsis.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	return string(r[:n-1]) + "…"
}
