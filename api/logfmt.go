package api

import (
	"strconv"
	"strings"

	"github.com/clew-tracing/clew"
)

// A Pair is one key=value of logfmt. Bare is a key without =.
type Pair struct {
	Key, Value string
	Bare       bool
}

// Logfmt reads pairs with spaces between, of which the values stand in quotes where they
// have some. Errors are of kind Invalid and say what it wants.
func Logfmt(s string) (pairs []Pair, err error) {
	const spaces = " \t\n"
	for s = strings.TrimLeft(s, spaces); s != ""; s = strings.TrimLeft(s, spaces) {
		end := strings.IndexAny(s, spaces+`="`)
		if end < 0 {
			end = len(s)
		}
		p := Pair{Key: s[:end]}
		switch rest := s[end:]; {
		case p.Key == "", strings.HasPrefix(rest, `"`):
			return nil, clew.Errorf(clew.Invalid, "%q: want key=value pairs in logfmt, such as service.name=cart http.url=\"a b\"", ShortText(s))
		case !strings.HasPrefix(rest, "="):
			p.Bare, s = true, rest
		case strings.HasPrefix(rest, `="`):
			quoted, err := strconv.QuotedPrefix(rest[1:])
			if err == nil {
				p.Value, err = strconv.Unquote(quoted)
			}
			if err != nil {
				return nil, clew.Errorf(clew.Invalid, "the quotes of %q do not close", ShortText(s))
			}
			s = rest[1+len(quoted):]
		default:
			if end = strings.IndexAny(rest, spaces); end < 0 {
				end = len(rest)
			}
			p.Value, s = rest[1:end], rest[end:]
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}
