package v1

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/traceql/spelling"
)

// searchExample and its like are the bodies that an error shows to who sent none.
const (
	searchExample = `{"q": "{ status = error }", "limit": 20}`
	spansExample  = `{"rows": [0, 1, 2]}`
	demoExample   = `{"action": "start"}`
)

// readJSON reads a bounded request body, one JSON object, into the struct that v
// points to. Unknown fields are errors: a misspelt limit must not be ignored.
func readJSON(c *call, v any, example string) error {
	if kind := c.r.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
			return clew.Errorf(clew.Invalid, "content type %q: send application/json (with curl: -H 'Content-Type: application/json')", kind)
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBodyBytes))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return clew.Errorf(clew.TooLarge, "the request is larger than %d bytes", maxBodyBytes)
	case err != nil:
		return clew.Errorf(clew.Invalid, "the request body broke off: %w", err)
	case len(bytes.TrimSpace(body)) == 0:
		return clew.Errorf(clew.Invalid, "the request body is empty; send JSON such as %s", example)
	}
	var fields map[string]json.RawMessage
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(body, &fields); {
	case errors.As(err, &syntax):
		return clew.Errorf(clew.Invalid, "the request body is not one JSON object: %w at byte %d; send one such as %s", err, syntax.Offset, example)
	case err != nil || fields == nil:
		return clew.Errorf(clew.Invalid, "the request body is not a JSON object; send one such as %s", example)
	}
	known := fieldsOf(v)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
			return unknown("field", name, known)
		}
	}
	var wrong *json.UnmarshalTypeError
	switch err := json.Unmarshal(body, v); {
	case errors.As(err, &wrong):
		if wrong.Field == "start" || wrong.Field == "end" {
			example = `"2026-11-23T14:00:00Z"`
		}
		return clew.Errorf(clew.Invalid, "%s: want %s, have a %s; as in %s", wrong.Field, wanted(wrong.Type), wrong.Value, example)
	case err != nil:
		return clew.Errorf(clew.Invalid, "the request body is not what it should be: %w", err)
	}
	return nil
}

// fieldsOf returns the names of the JSON fields of the struct that v points to.
func fieldsOf(v any) (names []string) {
	t := reflect.TypeOf(v).Elem()
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("json"))
	}
	return names
}

// wanted says in JSON's words what a field of a request is.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list, each " + wanted(t.Elem())
	}
	return "a string"
}

// otherNames are what other APIs call our fields and parameters.
var otherNames = map[string]string{
	"query": "q", "traceql": "q", "filter": "q", "from": "start", "since": "start", "to": "end", "until": "end",
	"size": "limit", "n": "limit", "max": "limit", "after": "cursor", "page": "cursor",
}

// unknown is the error for a field or parameter that means nothing here.
func unknown(what, name string, known []string) error {
	text := fmt.Sprintf("unknown %s %q", what, name)
	near := spelling.Nearest(name, known, 1)
	if other := otherNames[strings.ToLower(name)]; slices.Contains(known, other) {
		near = []string{other}
	}
	switch {
	case len(near) > 0:
		text += "; did you mean " + near[0] + "?"
	case len(known) > 0:
		text += "; known are " + strings.Join(known, ", ")
	default:
		text += "; there are none here"
	}
	return clew.Errorf(clew.Invalid, "%s", text)
}

// parameters reads a URL's query and refuses what means nothing here.
func parameters(c *call, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, clew.Errorf(clew.Invalid, "the URL's query: %w; percent-encode it, with curl: -G --data-urlencode 'q={ status = error }'", err)
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if !slices.Contains(known, name) {
			return nil, unknown("parameter", name, known)
		}
	}
	return q, nil
}

// over reads a window.
func (a *API) over(t clew.Tenant, start, end string) (exec.Over, error) {
	o := exec.Over{Tenant: t, Budget: a.cfg.Budget}
	var err error
	if start != "" {
		if o.Window.Start, err = parseTime("start", start); err != nil {
			return o, err
		}
	}
	if end != "" {
		if o.Window.End, err = parseTime("end", end); err != nil {
			return o, err
		}
		if o.Window.End <= o.Window.Start {
			return o, clew.Errorf(clew.Invalid, "end %s is not after start %s", end, start)
		}
	}
	return o, nil
}

// parseTime reads RFC 3339 or decimal nanoseconds.
func parseTime(name, s string) (clew.UnixNanos, error) {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		if unit := coarser(n); unit != "" {
			return 0, clew.Errorf(clew.Invalid, "%s %s: want nanoseconds since 1970, which have 19 digits now; these look like %s", name, s, unit)
		}
		return clew.UnixNanos(n), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, clew.Errorf(clew.Invalid, "%s %q: want RFC 3339, as 2026-11-23T14:00:00Z, or nanoseconds since 1970", name, s)
	}
	return clew.FromTime(t), nil
}

// coarser names the unit in which a number would be a moment from 2001 to 2286,
// while in nanoseconds it is one of the first months of 1970; "" if there is none.
func coarser(n uint64) string {
	unit := ""
	for from, name := range map[uint64]string{1e9: "seconds", 1e12: "milliseconds", 1e15: "microseconds"} {
		if from <= n && n < 10*from {
			unit = name
		}
	}
	return unit
}
