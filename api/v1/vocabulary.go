package v1

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/catalog"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/traceql"
)

// slots is the number of colours for services.
const slots = 12

type serviceAnswer struct {
	Name            string            `json:"name"`
	Index           int               `json:"index"`
	Slot            int               `json:"slot"`
	Spans           int64             `json:"spans"`
	Operations      []operationAnswer `json:"operations"`
	OperationsTotal int               `json:"operationsTotal"`
}

type operationAnswer struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Spans int64  `json:"spans"`
}

func (a *API) services(c *call) error {
	if _, err := parameters(c); err != nil {
		return err
	}
	list, cost, err := catalog.Services(c.r.Context(), c.store, exec.Over{Tenant: c.tenant, Budget: a.cfg.Budget})
	if err != nil {
		return err
	}
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	numbers := a.cfg.Numbers(c.tenant, names)
	out := struct {
		Services []serviceAnswer `json:"services"`
		Coverage *coverage       `json:"coverage,omitempty"`
	}{Services: []serviceAnswer{}}
	if !cost.Complete {
		out.Coverage = &coverage{cost.Complete, cost.Searched, cost.Reason}
	}
	for i := range list {
		s := &list[i]
		name := api.Shown(s.Name)
		x := serviceAnswer{Name: name, Index: numbers[i], Slot: numbers[i] % slots, Spans: s.Spans, Operations: []operationAnswer{}, OperationsTotal: len(s.Operations)}
		slices.SortStableFunc(s.Operations, func(a, b storage.Operation) int { return cmp.Compare(b.Spans, a.Spans) })
		for _, op := range s.Operations[:min(len(s.Operations), maxOperations)] {
			name := api.Shown(op.Name)
			x.Operations = append(x.Operations, operationAnswer{name, op.Kind.String(), op.Spans})
		}
		out.Services = append(out.Services, x)
	}
	writeJSON(c.w, 200, out)
	return nil
}

type tagAnswer struct {
	Scope string   `json:"scope"`
	Name  string   `json:"name"`
	Query string   `json:"query"`
	Types []string `json:"types"`
	// Spans is how many have it, if asked for.
	Spans *int64 `json:"spans,omitempty"`
}

// intrinsics are the fields every span has, as tags.
func intrinsics() []tagAnswer {
	tag := func(name, typ string) tagAnswer {
		return tagAnswer{Scope: "intrinsic", Name: name, Query: name, Types: []string{typ}}
	}
	return []tagAnswer{tag("duration", "duration"), tag("event:name", "string"), tag("kind", "kind"), tag("name", "string"),
		tag("status", "status"), tag("statusMessage", "string")}
}

// scopeWord is the contract's word for a scope.
func scopeWord(s span.Scope) string {
	if s == span.ScopeInstrumentation {
		return "scope"
	}
	return s.String()
}

func (a *API) tags(c *call) error {
	params, err := parameters(c, "scope", "start", "end", "q", "counts", "explain")
	if err != nil {
		return err
	}
	want := params.Get("scope")
	switch want {
	case "", "span", "resource", "scope", "event", "link", "intrinsic":
	default:
		return clew.Errorf(clew.Invalid, "scope %q: want span, resource, scope, event, link or intrinsic", want)
	}
	out := struct {
		Tags     []tagAnswer  `json:"tags"`
		Coverage *coverage    `json:"coverage,omitempty"`
		Explain  *explanation `json:"explain,omitempty"`
	}{Tags: []tagAnswer{}}
	if want == "" || want == "intrinsic" {
		out.Tags = append(out.Tags, intrinsics()...)
	}
	if want != "intrinsic" {
		over, plan, err := a.among(c, params)
		if err != nil {
			return err
		}
		names, counted, cost, err := names(c, over, plan, params.Get("counts"))
		if err != nil {
			return err
		}
		out.Explain = explanationOf(over.Explain)
		if counted || !cost.Complete {
			out.Coverage = &coverage{cost.Complete, cost.Searched, cost.Reason}
		}
		for i := range names {
			n := &names[i]
			if want != "" && want != scopeWord(n.Scope) {
				continue
			}
			name := api.Shown(n.Key)
			x := tagAnswer{Scope: scopeWord(n.Scope), Name: name, Query: queryName(n.Scope.String(), n.Key)}
			if counted {
				x.Spans = &n.Spans
			}
			for _, t := range n.Types {
				x.Types = append(x.Types, t.String())
			}
			out.Tags = append(out.Tags, x)
		}
	}
	slices.SortStableFunc(out.Tags, func(x, y tagAnswer) int {
		return cmp.Or(cmp.Compare(x.Scope, y.Scope), cmp.Compare(x.Name, y.Name))
	})
	writeJSON(c.w, 200, out)
	return nil
}

// names returns the attributes of a window: of the spans that a query selects, and counted,
// if that is asked for; else as the store's catalogue has them.
func names(c *call, over exec.Over, plan *exec.Plan, counts string) (names []catalog.TagUse, counted bool, cost exec.Cost, err error) {
	if counts != "" {
		if counted, err = strconv.ParseBool(counts); err != nil {
			return nil, false, cost, clew.Errorf(clew.Invalid, "counts %q: want true or false", counts)
		}
	}
	if counted || plan != nil {
		names, cost, err = catalog.CountTags(c.r.Context(), c.store, over, cmp.Or(plan, exec.Everything()))
		return names, true, cost, err
	}
	plain, cost, err := catalog.TagNames(c.r.Context(), c.store, over)
	for _, n := range plain {
		names = append(names, catalog.TagUse{TagName: n})
	}
	return names, false, cost, err
}

// among reads of which spans a catalogue is wanted, and whether it is to be explained; the
// plan is nil for all of a window.
func (a *API) among(c *call, params url.Values) (over exec.Over, plan *exec.Plan, err error) {
	if over, err = a.over(c.tenant, params.Get("start"), params.Get("end")); err == nil && params.Get("q") != "" {
		plan, err = exec.Prepare(params.Get("q"))
	}
	if err == nil {
		over.Explain, err = explainer(params.Get("explain"))
	}
	if over.Explain != nil {
		over.Explain.Query = cmp.Or(plan, exec.Everything()).String()
	}
	return over, plan, err
}

// queryName is how TraceQL writes an attribute: quoted where it must be.
func queryName(scope, key string) string {
	plain := key != ""
	for i := 0; i < len(key); i++ {
		switch b := key[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '_', b == '.', b == '-', b == '/':
		default:
			plain = false
		}
	}
	if plain {
		return scope + "." + key
	}
	text := api.Shown(key)
	return scope + "." + strconv.Quote(text)
}

type valueAnswer struct {
	Type  string `json:"type"`
	Value string `json:"value"`
	Query string `json:"query,omitempty"`
	Spans int64  `json:"spans,omitempty"`
}

// valuesAnswer answers what values a tag has. Complete is false where there are
// more.
type valuesAnswer struct {
	Values   []valueAnswer `json:"values"`
	Range    *valueRange   `json:"range,omitempty"`
	Complete bool          `json:"complete"`
	Explain  *explanation  `json:"explain,omitempty"`
}

// valueRange is what a field has instead of values to choose from.
type valueRange struct {
	Min string `json:"min"`
	Max string `json:"max"`
}

func (a *API) tagValues(c *call) error {
	q, err := parameters(c, "prefix", "limit", "start", "end", "q", "explain")
	if err != nil {
		return err
	}
	limit := defaultValues
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxValues {
			return clew.Errorf(clew.Invalid, "limit %q: want 1 to %d", s, maxValues)
		}
		limit = n
	}
	f, err := fieldOf(c.r.PathValue("name"))
	if err != nil {
		return err
	}
	over, plan, err := a.among(c, q)
	if err != nil {
		return err
	}
	prefix, ask := q.Get("prefix"), limit
	if f.Intrinsic == span.Duration && plan == nil {
		return a.durations(c, over, prefix, limit)
	}
	if prefix != "" {
		ask = maxPrefixed
	}
	find := catalog.TagValues
	if plan != nil {
		find = func(ctx context.Context, store exec.Store, over exec.Over, f span.Field, limit int) ([]storage.TagValue, bool, exec.Cost, error) {
			return catalog.ValuesOf(ctx, store, over, plan, f, limit)
		}
	}
	values, more, spent, err := find(c.r.Context(), c.store, over, f, ask)
	if err != nil {
		return err
	}
	out := valuesAnswer{Values: []valueAnswer{}, Complete: !more && spent.Complete, Explain: explanationOf(over.Explain)}
	for _, v := range values {
		x := valueOf(f, v)
		if !strings.HasPrefix(x.Value, prefix) {
			continue
		}
		if len(out.Values) == limit {
			out.Complete = false
			break
		}
		out.Values = append(out.Values, x)
	}
	writeJSON(c.w, 200, out)
	return nil
}

// roundDurations are what durations are compared with, if anything.
var roundDurations = [...]time.Duration{time.Microsecond, 10 * time.Microsecond, 100 * time.Microsecond,
	time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
	30 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour}

// durations answers for the intrinsic of which nearly every span has another value:
// the range, and the round durations within it.
func (a *API) durations(c *call, over exec.Over, prefix string, limit int) error {
	found, cost, err := catalog.Durations(c.r.Context(), c.store, over)
	if err != nil {
		return err
	}
	out := valuesAnswer{Values: []valueAnswer{}, Explain: explanationOf(over.Explain)}
	if found == nil {
		out.Complete = cost.Complete
		writeJSON(c.w, 200, out)
		return nil
	}
	out.Range = &valueRange{durationText(found.Min), durationText(found.Max)}
	for _, d := range roundDurations {
		text := durationText(int64(d))
		if found.Min <= int64(d) && int64(d) <= found.Max && strings.HasPrefix(text, prefix) && len(out.Values) < limit {
			out.Values = append(out.Values, valueAnswer{Type: "duration", Value: text, Query: text})
		}
	}
	writeJSON(c.w, 200, out)
	return nil
}

// durationText is how TraceQL writes a duration.
func durationText(nanos int64) string {
	return traceql.Static{Type: traceql.TypeDuration, Int: nanos}.String()
}

// intrinsicScopes stand before the colon of intrinsics.
var intrinsicScopes = []string{"span", "trace", "event", "link", "instrumentation"}

// fieldOf reads a tag's name; a bare one that is no intrinsic is an attribute of
// any scope.
func fieldOf(name string) (span.Field, error) {
	name = strings.Replace(name, "scope.", "instrumentation.", 1)
	f, err := exec.ParseField(name)
	word, _, colon := strings.Cut(name, ":")
	if err != nil && clew.KindOf(err) != clew.Unsupported && !strings.HasPrefix(name, ".") && !(colon && slices.Contains(intrinsicScopes, word)) {
		if bare, bareErr := exec.ParseField("." + name); bareErr == nil {
			return bare, nil
		}
	}
	var q *traceql.Error
	if errors.As(err, &q) { // its position is not one in the name
		text := q.Msg
		if len(q.Near) > 0 {
			text += "; did you mean " + strings.Join(q.Near, " or ") + "?"
		}
		err = clew.Errorf(clew.Invalid, "%q is not the name of a tag: %s", name, text)
	}
	return f, err
}

// valueOf shows a value; Query is left out where no query can have it.
func valueOf(f span.Field, v storage.TagValue) valueAnswer {
	text, escaped := api.Escape(v.Value.String())
	x := valueAnswer{Type: v.Value.Type.String(), Value: text, Query: text, Spans: v.Count}
	known := true
	switch f.Intrinsic {
	case span.SpanKind:
		if v.Value.Type == clew.TypeInt {
			x.Value = clew.Kind(v.Value.Int()).String()
		}
		x.Type, x.Query = "kind", x.Value
		_, known = clew.ParseKind(x.Value)
	case span.StatusCode:
		if v.Value.Type == clew.TypeInt {
			x.Value = clew.Status(v.Value.Int()).String()
		}
		x.Type, x.Query = "status", x.Value
		_, known = clew.ParseStatus(x.Value)
	case span.EventTimeSinceStart, span.Duration:
		x.Value = durationText(v.Value.Int())
		x.Type, x.Query = "duration", x.Value
	default:
		if v.Value.Type == clew.TypeString {
			x.Query, known = strconv.Quote(text), !escaped
		}
		if d := v.Value.Double(); v.Value.Type == clew.TypeDouble {
			known = !math.IsNaN(d) && !math.IsInf(d, 0)
		}
	}
	if !known {
		x.Query = ""
	}
	return x
}
