package v1

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
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
	list, _, err := exec.Services(c.r.Context(), a.cfg.Store, exec.Over{Tenant: c.tenant, Budget: a.cfg.Budget})
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
	}{[]serviceAnswer{}}
	for i := range list {
		s := &list[i]
		name, _ := escape(s.Name)
		x := serviceAnswer{Name: name, Index: numbers[i], Slot: numbers[i] % slots, Spans: s.Spans, Operations: []operationAnswer{}, OperationsTotal: len(s.Operations)}
		slices.SortStableFunc(s.Operations, func(a, b storage.Operation) int { return cmp.Compare(b.Spans, a.Spans) })
		for _, op := range s.Operations[:min(len(s.Operations), maxOperations)] {
			name, _ := escape(op.Name)
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
}

// intrinsics are the fields every span has, as tags.
func intrinsics() []tagAnswer {
	return []tagAnswer{
		{"intrinsic", "duration", "duration", []string{"duration"}},
		{"intrinsic", "event:name", "event:name", []string{"string"}},
		{"intrinsic", "kind", "kind", []string{"kind"}},
		{"intrinsic", "name", "name", []string{"string"}},
		{"intrinsic", "status", "status", []string{"status"}},
		{"intrinsic", "statusMessage", "statusMessage", []string{"string"}},
	}
}

// scopeWord is the contract's word for a scope.
func scopeWord(s span.Scope) string {
	if s == span.ScopeInstrumentation {
		return "scope"
	}
	return s.String()
}

func (a *API) tags(c *call) error {
	want := c.r.URL.Query().Get("scope")
	switch want {
	case "", "span", "resource", "scope", "event", "link", "intrinsic":
	default:
		return clew.Errorf(clew.Invalid, "scope %q: want span, resource, scope, event, link or intrinsic", want)
	}
	out := struct {
		Tags []tagAnswer `json:"tags"`
	}{[]tagAnswer{}}
	if want == "" || want == "intrinsic" {
		out.Tags = append(out.Tags, intrinsics()...)
	}
	if want != "intrinsic" {
		names, _, err := exec.TagNames(c.r.Context(), a.cfg.Store, exec.Over{Tenant: c.tenant, Budget: a.cfg.Budget})
		if err != nil {
			return err
		}
		for _, n := range names {
			if want != "" && want != scopeWord(n.Scope) {
				continue
			}
			name, _ := escape(n.Key)
			x := tagAnswer{Scope: scopeWord(n.Scope), Name: name, Query: queryName(n.Scope.String(), n.Key)}
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
	text, _ := escape(key)
	return scope + "." + strconv.Quote(text)
}

type valueAnswer struct {
	Type  string `json:"type"`
	Value string `json:"value"`
	Query string `json:"query,omitempty"`
	Spans int64  `json:"spans"`
}

func (a *API) tagValues(c *call) error {
	q := c.r.URL.Query()
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
	prefix, ask := q.Get("prefix"), limit
	if prefix != "" {
		ask = maxPrefixed
	}
	values, more, spent, err := exec.TagValues(c.r.Context(), a.cfg.Store, exec.Over{Tenant: c.tenant, Budget: a.cfg.Budget}, f, ask)
	if err != nil {
		return err
	}
	out := struct {
		Values   []valueAnswer `json:"values"`
		Complete bool          `json:"complete"`
	}{[]valueAnswer{}, !more && spent.Complete}
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

// fieldOf reads a tag's name; a bare one that is no intrinsic is an attribute of
// any scope.
func fieldOf(name string) (span.Field, error) {
	name = strings.Replace(name, "scope.", "instrumentation.", 1)
	f, err := exec.ParseField(name)
	if err != nil && !strings.HasPrefix(name, ".") {
		if bare, bareErr := exec.ParseField("." + name); bareErr == nil {
			return bare, nil
		}
	}
	var q *traceql.Error
	if errors.As(err, &q) { // its position is not one in the name
		err = clew.Errorf(clew.Invalid, "%q is not the name of a tag: %s", name, q.Msg)
	}
	return f, err
}

// valueOf shows a value; Query is left out where no query can have it.
func valueOf(f span.Field, v storage.TagValue) valueAnswer {
	text, escaped := escape(v.Value.String())
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
	case span.Duration:
		x.Type, x.Value, x.Query = "duration", text+"ns", text+"ns"
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
