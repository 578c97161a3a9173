package zipkin

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/catalog"
	"github.com/clew-tracing/clew/span"
)

// answer answers with names, each once, in order.
func answer(c *api.Call, cost exec.Cost, names []string) error {
	c.Partial(cost)
	slices.Sort(names)
	if names = slices.Compact(names); names == nil {
		names = []string{}
	}
	api.WriteJSON(c.W, http.StatusOK, names)
	return nil
}

func services(c *api.Call) error {
	list, cost, err := catalog.Services(c.Ctx, c.Store, c.Over)
	if err != nil {
		return err
	}
	var names []string
	for i := range list {
		names = append(names, api.ServiceName(list[i].Name))
	}
	return answer(c, cost, names)
}

// serviceName is the parameter that some questions are not answered without.
func serviceName(c *api.Call) (string, error) {
	name := c.R.URL.Query().Get("serviceName")
	if name == "" {
		return "", clew.Errorf(clew.Invalid, "the parameter serviceName is required")
	}
	return name, nil
}

func spanNames(c *api.Call) error {
	service, err := serviceName(c)
	if err != nil {
		return err
	}
	list, cost, err := catalog.Services(c.Ctx, c.Store, c.Over)
	if err != nil {
		return err
	}
	var names []string
	for i := range list {
		if api.ServiceName(list[i].Name) != service {
			continue
		}
		for _, op := range list[i].Operations {
			names = append(names, api.Shown(op.Name))
		}
	}
	return answer(c, cost, names)
}

// remoteServices answers whom a service asks.
func remoteServices(c *api.Call) error {
	service, err := serviceName(c)
	if err != nil {
		return err
	}
	edges, cost, err := c.Edges()
	if err != nil {
		return err
	}
	var names []string
	for _, e := range edges {
		if e.Client == service {
			names = append(names, e.Server)
		}
	}
	return answer(c, cost, names)
}

// link is that one service asks another.
type link struct {
	Parent     string `json:"parent"`
	Child      string `json:"child"`
	CallCount  uint64 `json:"callCount"`
	ErrorCount uint64 `json:"errorCount,omitempty"`
}

func dependencies(c *api.Call) error {
	if c.R.URL.Query().Get("endTs") == "" {
		return clew.Errorf(clew.Invalid, "the parameter endTs is required: milliseconds since 1970")
	}
	if err := window(c, time.Now()); err != nil {
		return err
	}
	edges, cost, err := c.Edges()
	if err != nil {
		return err
	}
	c.Partial(cost)
	out := make([]link, 0, len(edges))
	for _, e := range edges {
		out = append(out, link{e.Client, e.Server, e.Calls, e.Errors})
	}
	api.WriteJSON(c.W, http.StatusOK, out)
	return nil
}

// window reads endTs and lookback; the end is in it.
func window(c *api.Call, now time.Time) error {
	q := c.R.URL.Query()
	end, back := clew.FromTime(now)/1e6, clew.UnixNanos(defaultLookback/time.Millisecond)
	for _, p := range []struct {
		name string
		to   *clew.UnixNanos
	}{{"endTs", &end}, {"lookback", &back}} {
		text := q.Get(p.name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n == 0 || n >= maxTime/1_000_000 {
			return clew.Errorf(clew.Invalid, "%s %q: want a number of milliseconds", p.name, text)
		}
		*p.to = clew.UnixNanos(n)
	}
	c.Window = clew.Window{Start: (end - min(end, back)) * 1e6, End: (end + 1) * 1e6}
	return nil
}

// autocompleteKeys answers the keys of tags: attributes of spans and of resources.
func autocompleteKeys(c *api.Call) error {
	tags, cost, err := catalog.TagNames(c.Ctx, c.Store, c.Over)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range tags {
		if (t.Scope == span.ScopeSpan || t.Scope == span.ScopeResource) && t.Key != "service.name" {
			names = append(names, api.Shown(t.Key))
		}
	}
	return answer(c, cost, names)
}

func autocompleteValues(c *api.Call) error {
	key := c.R.URL.Query().Get("key")
	if key == "" {
		return clew.Errorf(clew.Invalid, "the parameter key is required")
	}
	var values []string
	var worst exec.Cost
	for i, scope := range []span.Scope{span.ScopeSpan, span.ScopeResource} {
		found, _, cost, err := catalog.TagValues(c.Ctx, c.Store, c.Over, span.Field{Scope: scope, Key: key}, maxValues)
		if err != nil {
			return err
		}
		if i == 0 || !cost.Complete {
			worst = cost
		}
		for _, v := range found {
			values = append(values, api.Shown(v.Value.String()))
		}
	}
	return answer(c, worst, values)
}
