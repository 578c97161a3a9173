package tempo

import (
	"cmp"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/catalog"
	"github.com/clew-tracing/clew/exec/series"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
)

// intrinsics are the fields of every span, as Tempo lists them.
var intrinsics = []string{
	"duration", "event:name", "event:timeSinceStart", "instrumentation:name", "instrumentation:version", "kind", "name",
	"rootName", "rootServiceName", "span:duration", "span:kind", "span:name", "span:status", "span:statusMessage", "status",
	"statusMessage", "trace:duration", "trace:rootName", "trace:rootService", "traceDuration",
}

type tagScope struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

// tagScopes returns the names of tags by scope, those scopes left out that have none.
func tagScopes(asked *api.Question, q url.Values) ([]tagScope, exec.Cost, error) {
	var none exec.Cost
	want := q.Get("scope")
	switch want {
	case "", "none", "resource", "span", "intrinsic", "event", "link", "instrumentation", "trace":
	default:
		return nil, none, clew.Errorf(clew.Invalid, "invalid scope: %s", api.ShortText(want))
	}
	if want == "none" {
		want = ""
	}
	w, err := window(q)
	if err != nil {
		return nil, none, err
	}
	limit, err := count(q, "limit", maxTags, 0, math.MaxInt32)
	if err != nil {
		return nil, none, err
	}
	if limit == 0 {
		limit = maxTags
	}
	over := asked.Over
	over.Window = w
	names, cost, err := namesOf(asked.Ctx, asked.Store, over, q.Get("q"))
	if err != nil {
		return nil, cost, err
	}
	tags := map[string][]string{"intrinsic": intrinsics}
	for _, n := range names {
		name := api.Shown(n.Key)
		tags[n.Scope.String()] = append(tags[n.Scope.String()], name)
	}
	out := []tagScope{}
	for _, scope := range []string{"resource", "span", "event", "link", "instrumentation", "intrinsic"} {
		if list := tags[scope]; len(list) > 0 && (want == "" || want == scope) {
			out = append(out, tagScope{scope, list[:min(len(list), limit, maxTags)]})
		}
	}
	return out, cost, nil
}

// partial says in the header that an answer is not all of it.
func (c *call) partial(cost *exec.Cost) {
	if !cost.Complete {
		c.w.Header().Set(api.PartialHeader, api.HeaderText(cost.Reason))
	}
}

// tagsV2 answers the names of tags by scope.
func (a *API) tagsV2(c *call) error {
	q, err := parameters(c)
	if err != nil {
		return err
	}
	scopes, cost, err := tagScopes(&c.Question, q)
	if err != nil {
		return err
	}
	c.partial(&cost)
	if c.wantsProtobuf() {
		return c.protobuf(appendScopes(nil, scopes, &cost))
	}
	writeJSON(c.w, struct {
		Scopes  []tagScope `json:"scopes"`
		Metrics metrics    `json:"metrics"`
	}{scopes, metricsOf(&cost)})
	return nil
}

// tagNames returns the names of attributes of any scope, or of the one that is asked for.
func tagNames(asked *api.Question, q url.Values) ([]string, exec.Cost, error) {
	scopes, cost, err := tagScopes(asked, q)
	names := []string{}
	for _, s := range scopes {
		if s.Name != "intrinsic" || q.Get("scope") == "intrinsic" {
			names = append(names, s.Tags...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), cost, err
}

// tags answers them.
func (a *API) tags(c *call) error {
	q, err := parameters(c)
	if err != nil {
		return err
	}
	names, cost, err := tagNames(&c.Question, q)
	if err != nil {
		return err
	}
	c.partial(&cost)
	if c.wantsProtobuf() {
		return c.protobuf(appendNames(nil, names, &cost))
	}
	writeJSON(c.w, struct {
		TagNames []string `json:"tagNames"`
		Metrics  metrics  `json:"metrics"`
	}{names, metricsOf(&cost)})
	return nil
}

// protobuf answers with a message.
func (c *call) protobuf(body []byte) error {
	c.w.Header().Set("Content-Type", typeProtobuf)
	_, _ = c.w.Write(body) // a client that left gets no answer
	return nil
}

type tagValue struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// tagValues answers the values of a tag, of either version of the endpoint. Names may
// have slashes.
func (a *API) tagValues(answer func(c *call, values []tagValue, cost *exec.Cost) error) handler {
	return func(c *call) error {
		name, ok := strings.CutSuffix(c.r.PathValue("rest"), "/values")
		if !ok || name == "" {
			return clew.Errorf(clew.NotFound, "%s is not part of this API; did you mean …/values?", api.ShortText(c.r.URL.Path))
		}
		q, err := parameters(c)
		if err != nil {
			return err
		}
		l, err := newListing(c.Question, name, q)
		if err != nil {
			return err
		}
		values, cost, err := l.values()
		if err != nil {
			return err
		}
		c.partial(&cost)
		return answer(c, values, &cost)
	}
}

// listing is a question for the values of a tag.
type listing struct {
	api.Question
	name, query string
	limit       int
}

// newListing reads the parameters of one.
func newListing(asked api.Question, name string, q url.Values) (*listing, error) {
	l := &listing{Question: asked, name: name, query: q.Get("q")}
	var err error
	if l.Window, err = window(q); err != nil {
		return nil, err
	}
	if l.limit, err = count(q, "limit", defaultValues, 0, math.MaxInt32); err != nil {
		return nil, err
	}
	if l.limit = min(l.limit, maxValues); l.limit == 0 {
		l.limit = defaultValues
	}
	return l, nil
}

func valuesV2(c *call, values []tagValue, cost *exec.Cost) error {
	if c.wantsProtobuf() {
		return c.protobuf(appendValues(nil, values, cost))
	}
	writeJSON(c.w, struct {
		TagValues []tagValue `json:"tagValues"`
		Metrics   metrics    `json:"metrics"`
	}{values, metricsOf(cost)})
	return nil
}

func valuesV1(c *call, values []tagValue, cost *exec.Cost) error {
	texts := textsOf(values)
	if c.wantsProtobuf() {
		return c.protobuf(appendNames(nil, texts, cost))
	}
	writeJSON(c.w, struct {
		TagValues []string `json:"tagValues"`
		Metrics   metrics  `json:"metrics"`
	}{texts, metricsOf(cost)})
	return nil
}

// textsOf are values without their types, each once.
func textsOf(values []tagValue) []string {
	texts, known := []string{}, make(map[string]bool, len(values))
	for _, v := range values {
		if !known[v.Value] {
			known[v.Value] = true
			texts = append(texts, v.Value)
		}
	}
	return texts
}

// appendValues, appendScopes and appendNames append the three messages that lists are
// answered with.
func appendValues(dst []byte, values []tagValue, cost *exec.Cost) []byte {
	for _, v := range values {
		dst = api.AppendMessage(dst, 1, api.AppendText(api.AppendText(nil, 1, v.Type), 2, v.Value))
	}
	return appendListed(dst, cost)
}

func appendScopes(dst []byte, scopes []tagScope, cost *exec.Cost) []byte {
	for _, s := range scopes {
		one := api.AppendText(nil, 1, s.Name)
		for _, tag := range s.Tags {
			one = api.AppendMessage(one, 2, []byte(tag))
		}
		dst = api.AppendMessage(dst, 1, one)
	}
	return appendListed(dst, cost)
}

func appendNames(dst []byte, names []string, cost *exec.Cost) []byte {
	for _, name := range names {
		dst = api.AppendMessage(dst, 1, []byte(name))
	}
	return appendListed(dst, cost)
}

// appendListed appends what a list took, a MetadataMetrics.
func appendListed(dst []byte, cost *exec.Cost) []byte {
	m := metricsOf(cost)
	one := api.AppendNumber(nil, 1, m.InspectedBytes)
	one = api.AppendNumber(one, 2, uint64(m.TotalJobs))
	return api.AppendMessage(dst, 2, api.AppendNumber(one, 3, uint64(m.CompletedJobs)))
}

// words are the values of the fields that have few, which are told whether there are
// such spans or not.
var words = map[span.Intrinsic][]string{
	span.SpanKind:   {"client", "consumer", "internal", "producer", "server", "unspecified"},
	span.StatusCode: {"error", "ok", "unset"},
}

// values returns the values of a tag, most frequent first: of the spans that a query
// selects, if it can be told which.
func (l *listing) values() ([]tagValue, exec.Cost, error) {
	all := exec.Cost{Complete: true, Searched: 1}
	f, ofRoot, err := fieldOf(l.name)
	if err != nil {
		return nil, all, err
	}
	if f.OfTrace() { // of another span, a number of the trace, a place in it
		return []tagValue{}, all, nil
	}
	if list := words[f.Intrinsic]; list != nil {
		out := []tagValue{}
		for _, word := range list {
			out = append(out, tagValue{"keyword", word})
		}
		return out, all, nil
	}
	switch f.Intrinsic {
	case span.Duration, span.EventTimeSinceStart, span.SpanID, span.ParentID, span.TraceID, span.LinkSpanID, span.LinkTraceID:
		return []tagValue{}, all, nil // nearly as many as there are spans
	}
	if filter := valid(l.query); filter != "" || ofRoot != "" {
		values, cost, err := l.filtered(f, filter, ofRoot)
		if err == nil || clew.KindOf(err) == clew.Canceled || ofRoot != "" {
			return values, cost, err
		}
	}
	found, _, cost, err := catalog.TagValues(l.Ctx, l.Store, l.Over, f, l.limit)
	if err != nil {
		return nil, cost, err
	}
	out := []tagValue{}
	for _, v := range found {
		if v.Value.Type != clew.TypeString || len(v.Value.Bytes) > 0 {
			out = append(out, valueOf(v.Value))
		}
	}
	return out, cost, nil
}

// fieldOf reads a tag's name, as a query writes it or bare. For what a trace has of its
// root, ofRoot is the field of the root.
func fieldOf(name string) (f span.Field, ofRoot string, err error) {
	switch name {
	case "rootName", "trace:rootName", "root.name":
		return f, "name", nil
	case "rootServiceName", "rootService", "trace:rootService", "root.service.name":
		return f, "resource.service.name", nil
	case "traceDuration", "trace:duration":
		return span.Field{Intrinsic: span.TraceDuration}, "", nil
	case "status.code":
		name = "status"
	}
	f, err = exec.ParseField(name)
	if err == nil {
		return f, "", nil
	}
	if f.OfTrace() {
		return f, "", nil
	}
	if bare, bareErr := exec.ParseField((&traceql.Field{Name: name}).String()); bareErr == nil {
		return bare, "", nil
	}
	return f, "", clew.Errorf(clew.Invalid, "invalid tag name %s: %w", api.ShortText(name), err)
}

// filtered counts values of a field of the spans that are selected, or of the roots of their traces.
func (l *listing) filtered(f span.Field, filter, ofRoot string) ([]tagValue, exec.Cost, error) {
	by, over := l.name, l.Over
	switch {
	case ofRoot == "" && f.Intrinsic == span.None:
		by = exec.FieldName(f) // the name may be bare
	case ofRoot != "" && filter == "":
		filter, by = "{ nestedSetParent < 0 }", ofRoot
	case ofRoot == "resource.service.name":
		by = "rootServiceName"
	case ofRoot != "":
		by = "rootName"
	}
	q, err := parse(filter + " | count_over_time() by (" + by + ")")
	if err != nil {
		return nil, exec.Cost{}, err
	}
	plan, err := compile(q)
	if err != nil {
		return nil, exec.Cost{}, err
	}
	if over.Window.End == 0 {
		over.Window.End = math.MaxInt64
	}
	m, err := exec.RunMetrics(l.Ctx, l.Store, exec.MetricsRequest{Over: over, Plan: plan})
	if err != nil {
		return nil, m.Cost, err
	}
	list := m.Series
	slices.SortStableFunc(list, func(x, y series.Series) int { return cmp.Compare(y.Points[0], x.Points[0]) })
	out := []tagValue{}
	for i := range list {
		if labels := list[i].Labels; len(labels) == 1 && labels[0].Value.Type != clew.TypeOther && len(out) < l.limit {
			out = append(out, valueOf(labels[0].Value))
		}
	}
	return out, m.Cost, nil
}

// valueOf is a value as Tempo tells it, with its type.
func valueOf(v clew.Value) tagValue {
	shown := api.Shown(v.String())
	kind := v.Type.String()
	if v.Type == clew.TypeDouble {
		kind = "float"
	}
	return tagValue{kind, shown}
}

// valid returns the query of one selection that a text is, or of those of its tests that
// are whole, where it is still being written; "" if there is none.
func valid(text string) string {
	if q, err := traceql.Parse(text); err == nil {
		if _, ok := q.Stages[0].(*traceql.Filter); ok && len(q.Stages) == 1 && q.String() != "{ }" {
			q := *q
			q.Hints = nil
			return q.String()
		}
		return ""
	}
	text = strings.TrimSpace(text)
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	var whole []string
	for _, test := range tests(text) {
		q, err := traceql.Parse("{ " + test + " }")
		if err != nil || len(q.Stages) != 1 {
			continue
		}
		if f, ok := q.Stages[0].(*traceql.Filter); ok && f.Where != nil {
			if _, field := f.Where.(*traceql.Field); !field { // { cluster }, on the way to a comparison
				whole = append(whole, "("+test+")")
			}
		}
	}
	if len(whole) == 0 {
		return ""
	}
	return "{ " + strings.Join(whole, " && ") + " }"
}

// tests cuts a text at each && that is in no quotes and no parentheses.
func tests(text string) (out []string) {
	from, depth, quote := 0, 0, byte(0)
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quote != 0:
			if b == '\\' && quote == '"' {
				i++
			} else if b == quote {
				quote = 0
			}
		case b == '"' || b == '`':
			quote = b
		case b == '(':
			depth++
		case b == ')':
			depth--
		case b == '&' && depth == 0 && strings.HasPrefix(text[i:], "&&"):
			out = append(out, text[from:i])
			i++
			from = i + 1
		}
	}
	return append(out, text[from:])
}
