package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// formatNanos writes a duration as people read it: three digits and a unit.
func formatNanos(n int64) string {
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

// formatBytes writes a number of bytes with three digits and a decimal unit.
func formatBytes(n int64) string {
	f := float64(n)
	for _, u := range []string{"B", "kB", "MB", "GB"} {
		if f < 999.5 {
			return three(f) + " " + u
		}
		f /= 1000
	}
	return three(f) + " TB"
}

// printable makes a text from outside safe for a terminal: bytes that are
// control characters or no UTF-8 are written as \xNN, other characters that do
// not print as \u{N}, so that a span's name cannot move the cursor.
func printable(s string) string {
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
