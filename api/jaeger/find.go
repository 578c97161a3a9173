package jaeger

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/judge/hit"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/traceql"
)

// search is a search for traces, in whatever version of the API it came.
type search struct {
	service, operation string
	tags               map[string]string
	least, most        time.Duration // of spans; 0: no bound
	start, end         clew.UnixNanos
	limit              int
}

// query returns the search as TraceQL.
func (s *search) query() string {
	var f api.Filter
	if s.service != "" {
		f.And(api.OfService(s.service))
	}
	if s.operation != "" {
		f.And("name = " + api.Text(s.operation))
	}
	for _, key := range slices.Sorted(maps.Keys(s.tags)) {
		f.And(tagCondition(key, s.tags[key]))
	}
	for _, bound := range []struct {
		op string
		d  time.Duration
	}{{">=", s.least}, {"<=", s.most}} {
		if bound.d > 0 {
			f.And("duration " + bound.op + " " + traceql.Static{Type: traceql.TypeDuration, Int: int64(bound.d)}.String())
		}
	}
	return f.String()
}

// tagCondition returns what a span meets that has a tag of that value: an attribute of
// its own, of its resource, scope or one of its events; or a field that the model shows
// as a tag.
func tagCondition(key, value string) string {
	var any []string
	for _, scope := range api.Everywhere {
		any = append(any, api.Reads(scope, key, value)...)
	}
	is := func(field string) { any = append(any, field+" = "+api.Text(value)) }
	switch key {
	case "error":
		switch value {
		case "true":
			any = append(any, "status = error")
		case "false":
			any = append(any, "status != error")
		}
	case "otel.status_code":
		if status, ok := clew.ParseStatus(strings.ToLower(value)); ok {
			any = append(any, "status = "+status.String())
		}
	case "span.kind":
		if kind, ok := clew.ParseKind(strings.ToLower(value)); ok {
			any = append(any, "kind = "+kind.String())
		}
	case "otel.status_description":
		is("statusMessage")
	case "otel.scope.name", "otel.library.name":
		is("instrumentation:name")
	case "otel.scope.version", "otel.library.version":
		is("instrumentation:version")
	case "event":
		is("event:name")
	}
	return api.AnyOf(any...)
}

// check checks what every version bounds, and gives what was not given.
func (s *search) check(now time.Time) error {
	if s.end == 0 {
		s.end = clew.FromTime(now)
	}
	if s.start == 0 {
		s.start = s.end - min(s.end, clew.UnixNanos(defaultLookback))
	}
	if s.limit == 0 {
		s.limit = defaultTraces
	}
	switch {
	case s.start > s.end:
		return clew.Errorf(clew.Invalid, "the search ends before it starts")
	case s.most > 0 && s.least > s.most:
		return clew.Errorf(clew.Invalid, "'maxDuration' should be greater than 'minDuration'")
	case len(s.tags) > maxTags:
		return clew.Errorf(clew.Invalid, "%d tags: want at most %d", len(s.tags), maxTags)
	}
	return nil
}

// window is that of the search, whose end is in it, to the microsecond.
func (s *search) window() clew.Window {
	return clew.Window{Start: s.start, End: s.end - s.end%1000 + 1000}
}

// searchOf reads the parameters of /api/traces.
func searchOf(q url.Values) (*search, error) {
	s := &search{service: q.Get("service"), operation: q.Get("operation")}
	var err error
	if s.tags, err = tagsIn(q); err != nil {
		return nil, err
	}
	if s.least, err = duration("minDuration", q.Get("minDuration")); err != nil {
		return nil, err
	}
	if s.most, err = duration("maxDuration", q.Get("maxDuration")); err != nil {
		return nil, err
	}
	if s.limit, err = limit("limit", q.Get("limit")); err != nil {
		return nil, err
	}
	if s.start, err = micros("start", q.Get("start")); err != nil {
		return nil, err
	}
	if s.end, err = micros("end", q.Get("end")); err != nil {
		return nil, err
	}
	now := time.Now()
	if text := q.Get("lookback"); text != "" && text != "custom" && s.start == 0 {
		back, err := lookback(text)
		if err != nil {
			return nil, err
		}
		if s.end == 0 {
			s.end = clew.FromTime(now)
		}
		s.start = max(1, s.end-min(s.end, clew.UnixNanos(back)))
	}
	return s, s.check(now)
}

// micros reads a moment; 0 is none.
func micros(name, text string) (clew.UnixNanos, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > maxTime/1000 {
		return 0, clew.Errorf(clew.Invalid, "%s %q: want microseconds since 1970", name, text)
	}
	return clew.UnixNanos(n * 1000), nil
}

// tagsIn reads tags as {"key":"value"} or in logfmt, and as key:value.
func tagsIn(q url.Values) (map[string]string, error) {
	out := make(map[string]string)
	for _, text := range q["tag"] {
		key, value, found := strings.Cut(text, ":")
		if !found || key == "" {
			return nil, clew.Errorf(clew.Invalid, "malformed 'tag' parameter %q: want key:value", text)
		}
		out[key] = value
	}
	for _, text := range q["tags"] {
		read := tagsInto
		if !strings.HasPrefix(strings.TrimSpace(text), "{") {
			read = logfmtInto
		}
		if err := read(out, "tags", text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tagsInto reads {"key":"value"}; numbers and truth values may stand without quotes.
func tagsInto(out map[string]string, name, text string) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return clew.Errorf(clew.Invalid, `malformed '%s' parameter %q: want {"key":"value"}`, name, text)
	}
	for key, raw := range fields {
		value := string(raw)
		if err := json.Unmarshal(raw, &value); err != nil && (raw[0] == '{' || raw[0] == '[' || value == "null") {
			return clew.Errorf(clew.Invalid, `malformed '%s' parameter: the value of %q is no text`, name, key)
		}
		out[key] = value
	}
	return nil
}

// logfmtInto reads key=value pairs, as people write them; a key alone is true.
func logfmtInto(out map[string]string, name, text string) error {
	pairs, err := api.Logfmt(text)
	if err != nil {
		return clew.Errorf(clew.Invalid, `malformed '%s' parameter: %v; or {"key":"value"}`, name, err)
	}
	for _, p := range pairs {
		if out[p.Key] = p.Value; p.Bare {
			out[p.Key] = "true"
		}
	}
	return nil
}

func duration(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, clew.Errorf(clew.Invalid, "%s %q: want a duration such as 1.2s, 100ms or 500us", name, text)
	}
	return d, nil
}

// lookback reads a duration that may be in days or weeks, as Jaeger's page has them.
func lookback(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	for unit, size := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if count, found := strings.CutSuffix(text, unit); found {
			var n uint16
			_, err = fmt.Sscanf(count+" ", "%d ", &n)
			d = time.Duration(n) * size
		}
	}
	if err != nil || d <= 0 {
		return 0, clew.Errorf(clew.Invalid, "lookback %q: want a duration such as 20m, 1h or 2d", text)
	}
	return d, nil
}

func limit(name, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxTraces {
		return 0, clew.Errorf(clew.Invalid, "%s %q: want 1 to %d", name, text, maxTraces)
	}
	return n, nil
}

// hits answers what traces a search finds.
func (s *search) hits(q *api.Question) ([]hit.Trace, exec.Cost, error) {
	q.Window = s.window()
	return q.Search(s.query(), s.limit, maxTraces)
}

// find answers the ids of what a search finds.
func (s *search) find(q *api.Question) (ids []clew.TraceID, cost exec.Cost, err error) {
	hits, cost, err := s.hits(q)
	for i := range hits {
		ids = append(ids, hits[i].TraceID)
	}
	return ids, cost, err
}

func traces(c *api.Call) error {
	q := c.R.URL.Query()
	if named := q["traceID"]; len(named) > 0 {
		return tracesNamed(c, named)
	}
	s, err := searchOf(q)
	if err != nil {
		return err
	}
	ids, cost, err := s.find(&c.Question)
	if err != nil {
		return err
	}
	var errors []trouble
	if why := c.Partial(cost); why != "" {
		errors = append(errors, trouble{Code: http.StatusPartialContent, Msg: why})
	}
	return writeTraces(c, ids, errors)
}

func tracesNamed(c *api.Call, named []string) error {
	if len(named) > maxNamed {
		return clew.Errorf(clew.Invalid, "%d trace ids: want at most %d", len(named), maxNamed)
	}
	ids := make([]clew.TraceID, len(named))
	for i, text := range named {
		var err error
		if ids[i], err = clew.ParseTraceID(text); err != nil {
			return err
		}
	}
	return writeTraces(c, ids, nil)
}

// writeTraces answers with traces; those that are gone, or cannot be read, are errors
// in the envelope.
func writeTraces(c *api.Call, ids []clew.TraceID, errors []trouble) error {
	w := api.NewJSONWriter(c.W)
	w.Text(`{"data":[`)
	total := 0
	for _, id := range ids {
		t, err := c.Unshared(id)
		if err != nil {
			if c.R.Context().Err() != nil {
				panic(http.ErrAbortHandler) // the client has gone: there is nobody to end the answer for
			}
			errors = append(errors, trouble{Code: api.StatusOf(clew.KindOf(err)), Msg: notFound(err), TraceID: api.ShortTraceID(id)})
			continue
		}
		if total > 0 {
			w.Text(",")
		}
		total++
		writeTrace(w, &t)
		if t.Damaged != nil {
			errors = append(errors, trouble{Code: http.StatusPartialContent, Msg: api.Shown(t.Damaged.Error()), TraceID: api.ShortTraceID(id)})
		}
		t.Free()
	}
	w.Text(fmt.Sprintf(`],"total":%d,"limit":0,"offset":0,"errors":`, total))
	w.Value(errors)
	w.End("}")
	return nil
}

// notFound is the text of an error, that of a missing trace in Jaeger's words: clients
// look for them.
func notFound(err error) string {
	if clew.KindOf(err) == clew.NotFound {
		return "trace not found"
	}
	return api.Shown(err.Error())
}

// traceOf reads a trace; the caller frees it. That there is none is said in Jaeger's words.
func traceOf(q *api.Question, id clew.TraceID) (storage.Trace, error) {
	t, err := q.Unshared(id)
	if clew.KindOf(err) == clew.NotFound {
		err = clew.Errorf(clew.NotFound, "%s", notFound(err))
	}
	return t, err
}

// named returns the id that the path names.
func named(c *api.Call) (id clew.TraceID, err error) {
	return clew.ParseTraceID(c.R.PathValue("id"))
}

func trace(c *api.Call) error {
	id, err := named(c)
	if err != nil {
		return err
	}
	t, err := traceOf(&c.Question, id)
	if err != nil {
		return err
	}
	defer t.Free()
	var errors []trouble
	if t.Damaged != nil {
		errors = []trouble{{Code: http.StatusPartialContent, Msg: api.Shown(t.Damaged.Error()), TraceID: api.ShortTraceID(id)}}
	}
	w := api.NewJSONWriter(c.W)
	w.Text(`{"data":[`)
	writeTrace(w, &t)
	w.Text(`],"total":1,"limit":0,"offset":0,"errors":`)
	w.Value(errors)
	w.End("}")
	return nil
}
