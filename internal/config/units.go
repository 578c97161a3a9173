package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

var errDuration = errors.New("want a duration such as 250ms, 30m, 36h or 7d")

// ParseDuration reads what time.ParseDuration reads, and days in front: 7d,
// 1d12h. It refuses negative durations and those above 100 years.
func ParseDuration(text string) (time.Duration, error) {
	rest := text
	var days int64
	if i := strings.IndexByte(text, 'd'); i > 0 {
		n, err := strconv.ParseInt(text[:i], 10, 64)
		if err != nil || n < 0 || n > maxDurationDays {
			return 0, errDuration
		}
		days, rest = n, text[i+1:]
	}
	d := time.Duration(days) * day
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 || more > maxDurationDays*day {
			return 0, errDuration
		}
		d += more
	} else if text == "" {
		return 0, errDuration
	}
	if d > maxDurationDays*day {
		return 0, errDuration
	}
	return d, nil
}

// FormatDuration writes d so that ParseDuration reads it back, with days where
// they are whole and without the zero units time.Duration writes ("1h0m0s").
func FormatDuration(d time.Duration) string {
	if d <= 0 {
		return "0s"
	}
	var b strings.Builder
	if days := d / day; days > 0 {
		fmt.Fprintf(&b, "%dd", days)
		d -= days * day
	}
	if d > 0 {
		s := d.String()
		if strings.HasSuffix(s, "m0s") {
			s = strings.TrimSuffix(s, "0s")
		}
		if strings.HasSuffix(s, "h0m") {
			s = strings.TrimSuffix(s, "0m")
		}
		b.WriteString(s)
	}
	return b.String()
}

type unit struct {
	name  string
	bytes int64
}

// units returns the units of size, largest first. Decimal and binary ones are
// different words: 50GB is 50·10⁹ bytes, 512MiB is 512·2²⁰.
func units() []unit {
	return []unit{
		{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9},
		{"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1},
	}
}

var errSize = errors.New("want a size such as 64MiB, 512MB or 50GB")

// ParseSize reads a number of bytes with a unit: B, KB, MB, GB, TB (powers of a
// thousand) or KiB, MiB, GiB, TiB (powers of 1,024), in any case, fractions
// allowed; a bare number is bytes.
func ParseSize(text string) (int64, error) {
	digits, factor := strings.TrimSpace(text), int64(1)
	for _, u := range units() {
		if len(digits) > len(u.name) && strings.EqualFold(digits[len(digits)-len(u.name):], u.name) {
			digits, factor = strings.TrimSpace(digits[:len(digits)-len(u.name)]), u.bytes
			break
		}
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		if n < 0 || n > math.MaxInt64/factor {
			return 0, errSize
		}
		return n * factor, nil
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(f >= 0) || f*float64(factor) >= math.MaxInt64 {
		return 0, errSize
	}
	return int64(f * float64(factor)), nil
}

// FormatSize writes n in the largest unit that holds it exactly, so that
// ParseSize reads it back.
func FormatSize(n int64) string {
	for _, u := range units() {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return "0B"
}
