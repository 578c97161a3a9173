package filter

import "github.com/clew-tracing/clew/column"

// A column is worth a filter if at least identifierShare of identifierSample values look
// like identifiers.
const (
	identifierSample = 64
	identifierShare  = 56
)

// Identifiers reports whether strings are identifiers, judged by a sample: what people
// look up by its value, and what is in few places. Of addresses, URLs, paths and
// messages it says no.
func Identifiers(s *column.Strings) bool {
	n := s.Len()
	sample := min(n, identifierSample)
	are := 0
	for i := range sample {
		if isIdentifier(s.At(i * n / sample)) {
			are++
		}
	}
	return are > 0 && are*identifierSample >= sample*identifierShare
}

// longToken is how many letters and digits in a row nobody writes by hand.
const longToken = 16

// isIdentifier reports whether v has a digit, consists of letters, digits, hyphens and
// underscores, and either half of it is hexadecimal digits, as of UUIDs, hashes, numbers
// and numbers with a prefix (ord-123456), or it has a long run of letters and digits, as
// ULIDs and random tokens do.
func isIdentifier(v []byte) bool {
	digits, hex, run, longest := 0, 0, 0, 0
	for _, c := range v {
		switch lower := c | 0x20; {
		case c >= '0' && c <= '9':
			digits++
			hex++
			run++
		case lower >= 'a' && lower <= 'z':
			run++
			if lower <= 'f' {
				hex++
			}
		case c == '-' || c == '_':
			run = 0
		default:
			return false
		}
		longest = max(longest, run)
	}
	return digits > 0 && (2*hex >= len(v) || longest >= longToken)
}
