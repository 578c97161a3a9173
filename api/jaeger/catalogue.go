package jaeger

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/catalog"
)

// answer answers with a list in an envelope.
func answer[T any](c *api.Call, cost exec.Cost, list []T) error {
	if list == nil {
		list = []T{}
	}
	out := envelope{Data: list, Total: len(list)}
	if why := c.Partial(cost); why != "" {
		out.Errors = []trouble{{Code: http.StatusPartialContent, Msg: why}}
	}
	api.WriteJSON(c.W, http.StatusOK, out)
	return nil
}

func serviceNames(c *api.Question) (names []string, cost exec.Cost, err error) {
	list, cost, err := catalog.Services(c.Ctx, c.Store, c.Over)
	for i := range list {
		names = append(names, api.ServiceName(list[i].Name))
	}
	slices.Sort(names)
	return slices.Compact(names), cost, err
}

func services(c *api.Call) error {
	names, cost, err := serviceNames(&c.Question)
	if err != nil {
		return err
	}
	return answer(c, cost, names)
}

// operation is a span name of a service under one kind.
type operation struct {
	Name     string `json:"name"`
	SpanKind string `json:"spanKind"`
}

// kindText is Jaeger's word for a kind: none for the one that says nothing.
func kindText(k clew.Kind) string {
	if k == clew.KindUnspecified {
		return ""
	}
	return k.String()
}

// operationsOf returns the operations of a service, of one kind or, if that is "", all.
func operationsOf(c *api.Question, service, kind string) (out []operation, cost exec.Cost, err error) {
	if service == "" {
		return nil, cost, clew.Errorf(clew.Invalid, "parameter 'service' is required")
	}
	if _, known := clew.ParseKind(kind); kind != "" && !known {
		return nil, cost, clew.Errorf(clew.Invalid, "span kind %q: want server, client, producer, consumer or internal", kind)
	}
	list, cost, err := catalog.Services(c.Ctx, c.Store, c.Over)
	for i := range list {
		if api.ServiceName(list[i].Name) != service {
			continue
		}
		for _, op := range list[i].Operations {
			if kind == "" || op.Kind.String() == kind {
				out = append(out, operation{api.Shown(op.Name), kindText(op.Kind)})
			}
		}
	}
	slices.SortFunc(out, func(x, y operation) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.SpanKind, y.SpanKind))
	})
	return slices.Compact(out), cost, err
}

func operations(c *api.Call) error {
	q := c.R.URL.Query()
	list, cost, err := operationsOf(&c.Question, q.Get("service"), q.Get("spanKind"))
	if err != nil {
		return err
	}
	return answer(c, cost, list)
}

func operationNames(c *api.Call) error {
	list, cost, err := operationsOf(&c.Question, c.R.PathValue("service"), "")
	if err != nil {
		return err
	}
	var names []string
	for _, op := range list {
		names = append(names, op.Name)
	}
	return answer(c, cost, slices.Compact(names))
}

// dependency is that one service asks another.
type dependency struct {
	Parent    string `json:"parent"`
	Child     string `json:"child"`
	CallCount uint64 `json:"callCount"`
}

func dependencies(c *api.Call) error {
	end, err := millis(c, "endTs", clew.FromTime(time.Now()))
	if err != nil {
		return err
	}
	back, err := millis(c, "lookback", clew.UnixNanos(defaultDependencies))
	if err != nil {
		return err
	}
	out, cost, err := dependenciesIn(&c.Question, clew.Window{Start: end - min(end, back), End: end + 1})
	if err != nil {
		return err
	}
	return answer(c, cost, out)
}

// dependenciesIn returns who asks whom in a window.
func dependenciesIn(q *api.Question, w clew.Window) (out []dependency, cost exec.Cost, err error) {
	q.Window = w
	edges, cost, err := q.Edges()
	for _, e := range edges {
		if e.Client != e.Server {
			out = append(out, dependency{e.Client, e.Server, e.Calls})
		}
	}
	return out, cost, err
}

// millis reads a parameter of milliseconds.
func millis(c *api.Call, name string, otherwise clew.UnixNanos) (clew.UnixNanos, error) {
	text := c.R.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > maxTime/1_000_000 {
		return 0, clew.Errorf(clew.Invalid, "%s %q: want a number of milliseconds", name, text)
	}
	return clew.UnixNanos(n * 1e6), nil
}
