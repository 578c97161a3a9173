// Package size has numbers of bytes as texts: as settings have them, and as answers tell
// them.
package size

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

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

var errWant = errors.New("want a size such as 64MiB, 512MB or 50GB")

// Parse reads a number of bytes with a unit: B, KB, MB, GB, TB (powers of a
// thousand) or KiB, MiB, GiB, TiB (powers of 1,024), in any case, fractions
// allowed; a bare number is bytes.
func Parse(text string) (int64, error) {
	digits, factor := strings.TrimSpace(text), int64(1)
	for _, u := range units() {
		if len(digits) > len(u.name) && strings.EqualFold(digits[len(digits)-len(u.name):], u.name) {
			digits, factor = strings.TrimSpace(digits[:len(digits)-len(u.name)]), u.bytes
			break
		}
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		if n < 0 || n > math.MaxInt64/factor {
			return 0, errWant
		}
		return n * factor, nil
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(f >= 0) || f*float64(factor) >= math.MaxInt64 {
		return 0, errWant
	}
	return int64(f * float64(factor)), nil
}

// Format writes n in the largest unit that holds it exactly, so that Parse reads it
// back.
func Format(n int64) string {
	count, unit := Split(n)
	return strconv.FormatInt(count, 10) + unit
}

// Split returns how many of the largest unit that holds n exactly are n.
func Split(n int64) (count int64, unit string) {
	for _, u := range units() {
		if n >= u.bytes && n%u.bytes == 0 {
			return n / u.bytes, u.name
		}
	}
	return 0, "B"
}
