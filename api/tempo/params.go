package tempo

import (
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
)

// parameters reads a URL's query.
func parameters(c *call) (url.Values, error) {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, clew.Errorf(clew.Invalid, "the URL's query: %w; percent-encode it, with curl: -G --data-urlencode 'q={ status = error }'", err)
	}
	return q, nil
}

// window reads start and end, each of which may be left out, or be 0.
func window(q url.Values) (w clew.Window, err error) {
	if w.Start, err = moment(q, "start"); err != nil {
		return w, err
	}
	if w.End, err = moment(q, "end"); err != nil {
		return w, err
	}
	if w.End != 0 && w.End <= w.Start {
		return w, clew.Errorf(clew.Invalid, "http parameter start must be before end. received start=%s end=%s", api.ShortText(q.Get("start")), api.ShortText(q.Get("end")))
	}
	return w, nil
}

// moment reads a time: seconds since 1970, perhaps with a fraction, nanoseconds, which
// have more digits, or RFC 3339. What is left out is 0.
func moment(q url.Values, name string) (clew.UnixNanos, error) {
	s := q.Get(name)
	if s == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		switch {
		case len(s) > secondDigits:
			return clew.UnixNanos(n), nil
		default:
			return clew.UnixNanos(n * uint64(time.Second)), nil
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f >= 0 && f < 1e10 {
		whole, part := math.Modf(f)
		return clew.UnixNanos(uint64(whole)*uint64(time.Second) + uint64(math.Round(part*1e6))*uint64(time.Microsecond)), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.UnixNano() < 0 {
		return 0, clew.Errorf(clew.Invalid, "invalid %s: %q: want seconds or nanoseconds since 1970, or RFC 3339 as 2026-11-23T14:00:00Z", name, api.ShortText(s))
	}
	return clew.FromTime(t), nil
}

// count reads a whole number from least to most; what is left out is def.
func count(q url.Values, name string, def, least, most int) (int, error) {
	s := q.Get(name)
	if s == "" {
		return def, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, clew.Errorf(clew.Invalid, "invalid %s: %q: want %d to %d", name, api.ShortText(s), least, most)
	}
	return n, nil
}
