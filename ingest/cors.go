package ingest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// origins are those whose pages may send from a browser.
//
// A listed origin may send credentials too: browsers' sendBeacon, with which
// pages send their last spans, always does. Where any origin may send, none may
// with credentials. Whatever is allowed, a page reads no more than the outcome of
// its own request.
type origins struct {
	any    bool
	listed []string
}

func newOrigins(list []string) origins {
	var o origins
	for _, x := range list {
		if x == "*" {
			o.any = true
			continue
		}
		// Browsers send origins in lower case and without a slash.
		o.listed = append(o.listed, strings.TrimSuffix(strings.ToLower(x), "/"))
	}
	return o
}

// allow sets the headers that let a page of an allowed origin send r, and read
// the answer. The answer to a preflight says what it may send.
func (o *origins) allow(h http.Header, r *http.Request) {
	if !o.any && len(o.listed) == 0 {
		return
	}
	preflight := r.Method == http.MethodOptions
	if preflight {
		h.Add("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	} else {
		h.Add("Vary", "Origin")
	}
	origin := r.Header.Get("Origin")
	switch {
	case origin == "":
		return
	case slices.Contains(o.listed, origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	case o.any:
		h.Set("Access-Control-Allow-Origin", "*")
	default:
		return
	}
	if !preflight {
		h.Set("Access-Control-Expose-Headers", "Retry-After")
		return
	}
	h.Set("Access-Control-Allow-Methods", "POST")
	h.Set("Access-Control-Max-Age", strconv.Itoa(int(preflightAge.Seconds())))
	if names := askedHeaders(r.Header.Get("Access-Control-Request-Headers")); names != "" {
		h.Set("Access-Control-Allow-Headers", names)
	}
}

// askedHeaders returns the names that a preflight asks for, as it may have all of
// them: exporters send what they are configured to. What is no list of names, or
// too long a one, is not allowed.
func askedHeaders(text string) string {
	if len(text) > maxEchoedBytes {
		return ""
	}
	names := strings.Split(text, ",")
	if len(names) > maxEchoedHeaders {
		return ""
	}
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if !isToken(names[i]) {
			return ""
		}
	}
	return strings.Join(names, ", ")
}

// isToken reports whether s is the name of a header (RFC 9110, token).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
