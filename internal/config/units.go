package config

import (
	"errors"
	"fmt"
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
