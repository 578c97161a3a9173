package web

import (
	"strconv"
	"strings"
)

// chooseEncoding picks the smallest form of a that the reader accepts. Every
// reader is taken to accept identity.
func chooseEncoding(accept []string, a *asset) encoding {
	best := identity
	for e := gzip; e < encodingCount; e++ {
		if a.body[e] != nil && len(a.body[e]) < len(a.body[best]) && accepts(accept, encodings[e].name) {
			best = e
		}
	}
	return best
}

// accepts reports whether Accept-Encoding allows a coding by name; a weight of
// 0 forbids it. The wildcard is not followed: who wants a coding names it.
func accepts(accept []string, coding string) bool {
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(item, ";")
			if !strings.EqualFold(strings.TrimSpace(name), coding) {
				continue
			}
			weight, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
			if !ok {
				return true
			}
			q, err := strconv.ParseFloat(weight, 64)
			return err == nil && q > 0
		}
	}
	return false
}

// etagMatches compares weakly, as If-None-Match asks.
func etagMatches(ifNoneMatch, etag string) bool {
	for item := range strings.SplitSeq(ifNoneMatch, ",") {
		item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
		if item == etag || item == "*" {
			return true
		}
	}
	return false
}
