package api

import (
	"math"
	"strconv"
	"strings"

	"github.com/clew-tracing/clew/traceql"
)

// Filter is conditions that one span has to meet all of, as the text of a query.
type Filter struct{ conditions []string }

// And adds a condition: text of TraceQL, in which everything that a client said is
// written by Text, Attribute and the like.
func (f *Filter) And(condition string) { f.conditions = append(f.conditions, condition) }

// String returns the query.
func (f *Filter) String() string { return "{ " + strings.Join(f.conditions, " && ") + " }" }

// AnyOf returns a condition that holds where one of some does.
func AnyOf(conditions ...string) string {
	if len(conditions) == 1 {
		return conditions[0]
	}
	return "(" + strings.Join(conditions, " || ") + ")"
}

// Text returns a literal of TraceQL, quoted.
func Text(s string) string { return strconv.Quote(s) }

// Attribute returns an attribute as TraceQL writes it, quoted where it must be.
func Attribute(scope traceql.Scope, key string) string {
	return (&traceql.Field{Scope: scope, Name: key}).String()
}

// Reads returns conditions for an attribute of which the value, written as text, is
// text: dialects whose clients know strings alone mean numbers and truth values too.
func Reads(scope traceql.Scope, key, text string) []string {
	field := Attribute(scope, key) + " = "
	out := []string{field + Text(text)}
	if text == "true" || text == "false" {
		return append(out, field+text)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return append(out, field+traceql.Static{Type: traceql.TypeInt, Int: n}.String())
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(x, 0) && !math.IsNaN(x) {
		return append(out, field+traceql.Static{Type: traceql.TypeFloat, Float: x}.String())
	}
	return out
}

// Everywhere are the scopes in which attributes of spans are looked for by dialects that
// know no scopes.
var Everywhere = []traceql.Scope{traceql.ScopeSpan, traceql.ScopeResource, traceql.ScopeEvent, traceql.ScopeInstrumentation}

// MissingService is the name under which dialects that ask for one show a service that
// has none.
const MissingService = "missing-service-name"

// ServiceName returns the name under which a service is shown.
func ServiceName(name string) string {
	if name == "" {
		return MissingService
	}
	return Shown(name)
}

// OfService returns the condition that a span is of a service, by the name under which
// it is shown.
func OfService(name string) string {
	const field = "resource.service.name"
	own := field + " = " + Text(name)
	if name != MissingService {
		return own
	}
	return AnyOf(own, field+` = ""`, field+" = nil")
}
