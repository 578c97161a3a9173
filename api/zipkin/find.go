package zipkin

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/traceql"
)

// search is the parameters of /api/v2/traces. As in Zipkin, each part of it is met by
// some span of the service, not all of them by one.
type search struct {
	service, remote, name string
	annotations           []annotationTest
	least, most           uint64 // duration in µs; 0: no bound
}

// annotationTest is one part of an annotationQuery: that there is an annotation or tag,
// or that a tag has a value.
type annotationTest struct{ key, value string }

// query returns the search as TraceQL.
func (s *search) query() string {
	of := func(conditions ...string) string {
		var f api.Filter
		if s.service != "" {
			f.And(api.OfService(s.service))
		}
		for _, c := range conditions {
			f.And(c)
		}
		return f.String()
	}
	var parts []string
	if s.name != "" {
		parts = append(parts, of("name = "+api.Text(s.name)))
	}
	if s.remote != "" {
		var names []string
		for _, key := range remoteKeys {
			names = append(names, api.Reads(traceql.ScopeSpan, key.name, s.remote)...)
		}
		for _, key := range edgeKeys {
			names = append(names, api.Reads(traceql.ScopeSpan, key, s.remote)...)
		}
		var server api.Filter
		server.And(api.OfService(s.remote))
		parts = append(parts, "("+of("(kind = client || kind = producer)", api.AnyOf(names...))+" || ("+of()+" > "+server.String()+"))")
	}
	for _, a := range s.annotations {
		parts = append(parts, of(a.condition()))
	}
	var bounds []string
	if s.least > 0 {
		bounds = append(bounds, "duration >= "+micros(s.least))
	}
	if s.most > 0 {
		bounds = append(bounds, "duration <= "+micros(s.most))
	}
	if len(bounds) > 0 {
		parts = append(parts, of(bounds...))
	}
	if len(parts) == 0 {
		return strings.Replace(of(), "{  }", "{ }", 1)
	}
	return strings.Join(parts, " && ")
}

func micros(n uint64) string {
	return traceql.Static{Type: traceql.TypeDuration, Int: int64(n) * 1000}.String()
}

// tagScopes are where tags come from.
var tagScopes = []traceql.Scope{traceql.ScopeSpan, traceql.ScopeResource}

// condition returns what a span meets that has the annotation or tag.
func (a annotationTest) condition() string {
	var any []string
	if a.value == "" {
		any = append(any, "event:name = "+api.Text(a.key))
		for _, scope := range tagScopes {
			any = append(any, api.Attribute(scope, a.key)+" != nil")
		}
	} else {
		for _, scope := range tagScopes {
			any = append(any, api.Reads(scope, a.key, a.value)...)
		}
	}
	is := func(field string) {
		if a.value == "" {
			any = append(any, field+` != ""`)
		} else {
			any = append(any, field+" = "+api.Text(a.value))
		}
	}
	switch a.key {
	case "error":
		if a.value == "" {
			any = append(any, "status = error")
		} else {
			any = append(any, "(status = error && statusMessage = "+api.Text(a.value)+")")
		}
	case "otel.status_code":
		if status, ok := clew.ParseStatus(strings.ToLower(a.value)); ok && a.value != "" {
			any = append(any, "status = "+status.String())
		} else if a.value == "" {
			any = append(any, "status != unset")
		}
	case "otel.scope.name":
		is("instrumentation:name")
	case "otel.scope.version":
		is("instrumentation:version")
	}
	return api.AnyOf(any...)
}

// annotationsOf reads an annotationQuery: error and http.method=GET.
func annotationsOf(text string) (out []annotationTest, err error) {
	if strings.Trim(text, " ") == "" {
		return nil, nil
	}
	for _, part := range strings.Split(text, " and ") {
		key, value, _ := strings.Cut(strings.Trim(part, " "), "=")
		if key == "" {
			return nil, clew.Errorf(clew.Invalid, "annotationQuery %q: want annotations and tags such as error and http.method=GET", text)
		}
		out = append(out, annotationTest{key, value})
	}
	if len(out) > maxConditions {
		return nil, clew.Errorf(clew.Invalid, "annotationQuery has %d parts: want at most %d", len(out), maxConditions)
	}
	return out, nil
}

// searchOf reads the parameters of /api/v2/traces.
func searchOf(q url.Values) (s *search, limit int, err error) {
	s = &search{service: q.Get("serviceName"), remote: q.Get("remoteServiceName"), name: q.Get("spanName")}
	if s.name == "all" { // Zipkin's page, for any
		s.name = ""
	}
	if s.annotations, err = annotationsOf(q.Get("annotationQuery")); err != nil {
		return nil, 0, err
	}
	if s.least, err = number(q, "minDuration", maxTime/1000, "a number of microseconds"); err != nil {
		return nil, 0, err
	}
	if s.most, err = number(q, "maxDuration", maxTime/1000, "a number of microseconds"); err != nil {
		return nil, 0, err
	}
	if s.most > 0 && s.least > s.most {
		return nil, 0, clew.Errorf(clew.Invalid, "maxDuration is less than minDuration")
	}
	n, err := number(q, "limit", maxTraces, "1 to "+strconv.Itoa(maxTraces))
	if n == 0 {
		n = defaultTraces
	}
	return s, int(n), err
}

// number reads a parameter from 1 to most; 0 is that there is none.
func number(q url.Values, name string, most uint64, want string) (uint64, error) {
	text := q.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, clew.Errorf(clew.Invalid, "%s %q: want %s", name, text, want)
	}
	return n, nil
}

func traces(c *api.Call) error {
	s, limit, err := searchOf(c.R.URL.Query())
	if err != nil {
		return err
	}
	if err := window(c, time.Now()); err != nil {
		return err
	}
	hits, cost, err := c.Search(s.query(), limit, maxTraces)
	if err != nil {
		return err
	}
	c.Partial(cost)
	ids := make([]clew.TraceID, len(hits))
	for i := range hits {
		ids[i] = hits[i].TraceID
	}
	writeTraces(c, ids)
	return nil
}

// writeTraces answers with traces; those that are gone are left out.
func writeTraces(c *api.Call, ids []clew.TraceID) {
	w := api.NewJSONWriter(c.W)
	w.Text("[")
	first := true
	for _, id := range ids {
		t, err := c.Trace(id)
		switch {
		case err == nil:
		case clew.KindOf(err) == clew.NotFound:
			continue
		default:
			panic(http.ErrAbortHandler) // an answer cut off is seen; one that lacks a trace is not
		}
		if !first {
			w.Text(",")
		}
		first = false
		writeTrace(w, &t)
		t.Free()
	}
	w.End("]")
}

func trace(c *api.Call) error {
	id, err := clew.ParseTraceID(c.R.PathValue("id"))
	if err != nil {
		return err
	}
	t, err := c.Trace(id)
	if clew.KindOf(err) == clew.NotFound && err != nil {
		return clew.Errorf(clew.NotFound, "%s not found", api.ShortTraceID(id))
	}
	if err != nil {
		return err
	}
	defer t.Free()
	if t.Damaged != nil {
		c.SayPartial(t.Damaged.Error())
	}
	w := api.NewJSONWriter(c.W)
	writeTrace(w, &t)
	w.End("")
	return nil
}

func traceMany(c *api.Call) error {
	text := c.R.URL.Query().Get("traceIds")
	if text == "" {
		return clew.Errorf(clew.Invalid, "the parameter traceIds is required: ids with commas between")
	}
	var ids []clew.TraceID
	for _, one := range strings.Split(text, ",") {
		id, err := clew.ParseTraceID(strings.TrimSpace(one))
		if err != nil {
			return err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		if len(ids) > maxNamed {
			return clew.Errorf(clew.Invalid, "more than %d trace ids", maxNamed)
		}
	}
	writeTraces(c, ids)
	return nil
}
