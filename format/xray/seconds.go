package xray

import (
	"math"
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/jsonread"
)

const perSecond = 1_000_000_000

// parseSeconds reads a JSON number of seconds as nanoseconds, digit by digit; what is
// smaller than a nanosecond is cut off. It is false of what is negative or too large.
func parseSeconds(s []byte) (clew.UnixNanos, bool) {
	if len(s) == 0 || s[0] == '-' || jsonread.NumberSize(s) != len(s) {
		return 0, false
	}
	mantissa := len(s)
	exponent := 0
	for i, c := range s {
		if c|0x20 == 'e' {
			mantissa = i
			n, err := strconv.Atoi(string(s[i+1:]))
			if err != nil {
				n = math.MaxInt32 // of zeros, still zero
				if s[i+1] == '-' {
					n = -n
				}
			}
			exponent = max(min(n, math.MaxInt32), -math.MaxInt32)
			break
		}
	}
	// The digits before the point, and nine more, and exponent more, are nanoseconds.
	wanted := mantissa
	for i, c := range s[:mantissa] {
		if c == '.' {
			wanted = i
			break
		}
	}
	wanted += 9 + exponent
	var v uint64
	for _, c := range s[:mantissa] {
		switch {
		case c == '.':
			continue
		case wanted <= 0:
			return clew.UnixNanos(v), true
		case !shift(&v, c-'0'):
			return 0, false
		}
		wanted--
	}
	for ; wanted > 0 && v != 0; wanted-- {
		if !shift(&v, 0) {
			return 0, false
		}
	}
	return clew.UnixNanos(v), true
}

// ParseSeconds reads a JSON number of seconds since 1970, digit by digit: nothing is lost to
// float64. It is false of what is no number, negative, or later than can be told.
func ParseSeconds(s []byte) (clew.UnixNanos, bool) { return parseSeconds(s) }

// AppendSeconds appends a time as ParseSeconds reads it.
func AppendSeconds(dst []byte, t clew.UnixNanos) []byte { return appendSeconds(dst, t, spelt) }

// shift appends a digit to v; false if that is no uint64 any more.
func shift(v *uint64, digit byte) bool {
	if *v > (math.MaxUint64-uint64(digit))/10 {
		return false
	}
	*v = *v*10 + uint64(digit)
	return true
}

// A spelling is one of the usual ways to write a time.
type spelling uint8

const (
	// spelt is 1478293361.271, without a point where it is a whole number.
	spelt spelling = iota
	// speltPoint is 1478293361.0, as Python writes whole seconds.
	speltPoint
	// speltE is 1.478293361271E9, as Java does.
	speltE
	// speltOwn is any other way: the text itself is kept.
	speltOwn
)

// spellingWords are the words of aws.xray.form for spellings.
var spellingWords = [...]string{speltPoint: "=.0", speltE: "=E9"}

// appendSeconds appends a time in a spelling.
func appendSeconds(dst []byte, t clew.UnixNanos, s spelling) []byte {
	if s == speltE && t >= perSecond {
		return appendScientific(dst, t)
	}
	dst = strconv.AppendUint(dst, uint64(t/perSecond), 10)
	rest := uint64(t % perSecond)
	if rest == 0 {
		if s == speltPoint {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	dst = append(dst, '.')
	return trimZeros(appendPadded(dst, rest))
}

// appendPadded appends nine digits.
func appendPadded(dst []byte, n uint64) []byte {
	for unit := uint64(perSecond / 10); unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+n/unit%10))
	}
	return dst
}

func trimZeros(b []byte) []byte {
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

func appendScientific(dst []byte, t clew.UnixNanos) []byte {
	at := len(dst)
	dst = strconv.AppendUint(dst, uint64(t/perSecond), 10)
	exponent := len(dst) - at - 1
	dst = trimZeros(appendPadded(dst, uint64(t%perSecond)))
	dst = append(dst, 0)
	copy(dst[at+2:], dst[at+1:])
	dst[at+1] = '.'
	if len(dst) == at+2 {
		dst = append(dst, '0')
	}
	dst = append(dst, 'E')
	return strconv.AppendInt(dst, int64(exponent), 10)
}

// spellingOf returns how a time was spelt in a document.
func spellingOf(text []byte, t clew.UnixNanos) spelling {
	if t == 0 {
		return speltOwn // OTLP has no such time
	}
	var room [40]byte
	for s := spelt; s < speltOwn; s++ {
		if string(appendSeconds(room[:0], t, s)) == string(text) {
			return s
		}
	}
	return speltOwn
}
