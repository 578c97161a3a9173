package jaeger

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

func servicesV3(c *api.Call) error {
	names, cost, err := serviceNames(&c.Question)
	if err != nil {
		return err
	}
	c.Partial(cost)
	if names == nil {
		names = []string{}
	}
	api.WriteJSON(c.W, http.StatusOK, map[string]any{"services": names})
	return nil
}

func operationsV3(c *api.Call) error {
	q := parametersV3(c.R.URL.Query())
	list, cost, err := operationsOf(&c.Question, q.get("service"), q.get("span_kind"))
	if err != nil {
		return err
	}
	c.Partial(cost)
	if list == nil {
		list = []operation{}
	}
	api.WriteJSON(c.W, http.StatusOK, map[string]any{"operations": list})
	return nil
}

// parametersV3 are those of /api/v3, each of which has two names: query.service_name is
// query.serviceName, too.
type parametersV3 url.Values

func (p parametersV3) get(name string) string {
	if text := url.Values(p).Get(camel(name)); text != "" {
		return text
	}
	return url.Values(p).Get(name)
}

// camel returns a_name as aName.
func camel(name string) string {
	words := strings.Split(name, "_")
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

// searchV3 reads the parameters of /api/v3/traces and /api/v3/trace-summaries.
func searchV3(values url.Values) (*search, error) {
	for name := range values {
		if strings.HasPrefix(name, "query.filter") || strings.HasPrefix(name, "query.pagination") {
			return nil, clew.Errorf(clew.Invalid, "%s is not known here, and without what it asks there would be more traces than asked for", name)
		}
	}
	q := parametersV3(values)
	s := &search{service: q.get("query.service_name"), operation: q.get("query.operation_name"), tags: make(map[string]string)}
	var err error
	if s.start, err = q.moment("query.start_time_min"); err != nil {
		return nil, err
	}
	if s.end, err = q.moment("query.start_time_max"); err != nil {
		return nil, err
	}
	for _, name := range []string{"query.num_traces", "query.search_depth"} {
		n, err := limit(name, q.get(name))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			s.limit = n
		}
	}
	if s.least, err = duration("query.duration_min", q.get("query.duration_min")); err != nil {
		return nil, err
	}
	if s.most, err = duration("query.duration_max", q.get("query.duration_max")); err != nil {
		return nil, err
	}
	for _, name := range []string{"query.attributes", "query.tags"} {
		if text := q.get(name); text != "" {
			if err := tagsInto(s.tags, name, text); err != nil {
				return nil, err
			}
		}
	}
	return s, s.check(time.Now())
}

// moment reads a moment, which has to be there.
func (p parametersV3) moment(name string) (clew.UnixNanos, error) {
	text := p.get(name)
	if text == "" {
		return 0, clew.Errorf(clew.Invalid, "parameter '%s' is required", name)
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Unix() < 0 || t.Unix() >= maxTime/1_000_000_000 {
		return 0, clew.Errorf(clew.Invalid, "%s %q: want RFC 3339, as 2026-11-23T14:00:00Z", name, text)
	}
	return clew.FromTime(t), nil
}

func tracesV3(c *api.Call) error {
	s, err := searchV3(c.R.URL.Query())
	if err != nil {
		return err
	}
	ids, cost, err := s.find(&c.Question)
	if err != nil {
		return err
	}
	c.Partial(cost)
	if len(ids) == 0 {
		return clew.Errorf(clew.NotFound, "no traces found")
	}
	w := api.NewJSONWriter(c.W)
	w.Text(`{"result":{"resourceSpans":[`)
	p := pieces{JSONWriter: w}
	for _, id := range ids {
		t, err := c.Unshared(id)
		if err == nil {
			err = p.trace(&t)
			t.Free()
		}
		if err != nil && clew.KindOf(err) != clew.NotFound {
			panic(http.ErrAbortHandler) // an answer cut off is seen; one that lacks a trace is not
		}
	}
	w.End("]}}")
	return nil
}

func traceV3(c *api.Call) error {
	id, err := named(c)
	if err != nil {
		return err
	}
	t, err := traceOf(&c.Question, id)
	if err != nil {
		return err
	}
	defer t.Free()
	if t.Damaged != nil {
		c.SayPartial(t.Damaged.Error())
	}
	w := api.NewJSONWriter(c.W)
	w.Text(`{"result":{"resourceSpans":[`)
	p := pieces{JSONWriter: w}
	if err := p.trace(&t); err != nil {
		panic(http.ErrAbortHandler) // as in tracesV3
	}
	w.End("]}}")
	return nil
}

// pieces writes traces as elements of one list of resourceSpans.
type pieces struct {
	*api.JSONWriter
	begun bool
	json  []byte
}

// trace writes a trace, some thousand spans at a time.
func (p *pieces) trace(t *storage.Trace) error {
	const open, end = `{"resourceSpans":[`, `]}`
	order := make([]uint32, t.Rows)
	for i := range order {
		order[i] = uint32(i)
	}
	for body := range api.Pieces(span.NewRows(t.Batch), order) {
		var err error
		if p.json, err = otlp.AppendJSON(p.json[:0], body); err != nil {
			return err
		}
		if p.begun {
			p.Text(",")
		}
		p.begun = true
		_, _ = p.Write(p.json[len(open) : len(p.json)-len(end)])
	}
	return nil
}
