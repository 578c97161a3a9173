package propagation

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
)

// reason is an error of kind Invalid that says why.
func reason(why string) error { return clew.Errorf(clew.Invalid, "%w", errors.New(why)) }

// Found is what the headers of one format said.
type Found struct {
	Format   Format
	TraceID  clew.TraceID // zero if they named none
	SpanID   clew.SpanID
	ParentID clew.SpanID
	Sampling Sampling
}

// fill puts what was found into c.
func (f *Found) fill(c *Context) {
	c.TraceID, c.SpanID, c.ParentID, c.Sampling = f.TraceID, f.SpanID, f.ParentID, f.Sampling
}

// agrees reports whether two ids name one trace: they are equal, or one is the low half of
// the other.
func agrees(a, b clew.TraceID) bool {
	return a.Low() == b.Low() && (a.High() == b.High() || a.High() == 0 || b.High() == 0)
}

// Problem is what is wrong with the headers of one format, which are ignored, or with a part
// of them.
type Problem struct {
	Format Format
	Why    string
}

// String says what is wrong with which.
func (p Problem) String() string { return p.Format.String() + ": " + p.Why }

// Conflict is one thing that two formats say differently.
type Conflict struct {
	What            string // trace id, span id, sampling, or baggage and a key
	Believed, Other Format
	// Of each, what it says.
	BelievedText, OtherText string
}

// String says who says what.
func (c Conflict) String() string {
	return fmt.Sprintf("%s says %s %s, %s says %s", c.Believed, c.What, c.BelievedText, c.Other, c.OtherText)
}

// Extraction is what the headers of one request come to.
type Extraction struct {
	// Context is what is believed, by the rule of the package.
	Context Context
	// Format is the one that decided which trace it is, if there is one.
	Format Format
	// Problems are in the order of formats.
	Problems []Problem

	found [formats]Found
	seen  Set
	// Which format the span id and the decision are of.
	span, decision Format
	// overruled are members of Jaeger's baggage of which the baggage header has another value.
	overruled []Member
}

// Found returns what each format said whose headers came and could be read, by rank.
func (e *Extraction) Found() []Found {
	var out []Found
	for f := range formats {
		if e.seen.Has(f) {
			out = append(out, e.found[f])
		}
	}
	return out
}

// Conflicts returns where what formats say differs from what is believed. Different span ids
// in one trace are conflicts: the formats were written by different hops.
func (e *Extraction) Conflicts() []Conflict {
	var out []Conflict
	c := &e.Context
	for f := range Baggage {
		other := &e.found[f]
		if !e.seen.Has(f) {
			continue
		}
		add := func(what string, believed Format, a, b string) {
			if f != believed {
				out = append(out, Conflict{What: what, Believed: believed, Other: f, BelievedText: a, OtherText: b})
			}
		}
		if !other.TraceID.IsZero() && !agrees(c.TraceID, other.TraceID) {
			add("trace id", e.Format, c.TraceID.String(), other.TraceID.String())
			continue
		}
		if other.SpanID != 0 && other.SpanID != c.SpanID {
			add("span id", e.span, c.SpanID.String(), other.SpanID.String())
		}
		if other.Sampling != Deferred && other.Sampling.Sampled() != c.Sampling.Sampled() {
			add("sampling", e.decision, c.Sampling.String(), other.Sampling.String())
		}
	}
	for _, m := range e.overruled {
		i := slices.IndexFunc(c.Baggage, func(b Member) bool { return strings.EqualFold(b.Key, m.Key) })
		out = append(out, Conflict{"baggage " + m.Key, Baggage, Jaeger, c.Baggage[i].Value(), m.Value()})
	}
	return out
}

// single are the headers that have one value each.
const (
	hTraceparent = iota
	hB3
	hB3TraceID
	hB3SpanID
	hB3Parent
	hB3Sampled
	hB3Flags
	hUber
	hDatadogTrace
	hDatadogParent
	hDatadogPriority
	hDatadogOrigin
	hDatadogTags
	hXRay
	singles
)

// names are those headers in lower case, with the format that each is of.
var names = [singles]struct {
	name   string
	format Format
}{
	{"traceparent", TraceContext}, {"b3", B3},
	{"x-b3-traceid", B3Multi}, {"x-b3-spanid", B3Multi}, {"x-b3-parentspanid", B3Multi}, {"x-b3-sampled", B3Multi}, {"x-b3-flags", B3Multi},
	{"uber-trace-id", Jaeger},
	{"x-datadog-trace-id", Datadog}, {"x-datadog-parent-id", Datadog}, {"x-datadog-sampling-priority", Datadog},
	{"x-datadog-origin", Datadog}, {"x-datadog-tags", Datadog},
	{"x-amzn-trace-id", XRay},
}

const (
	nameTraceState = "tracestate"
	nameBaggage    = "baggage"
	prefixUberCtx  = "uberctx-"
	prefixOTCtx    = "ot-baggage-"
)

// raw is what came, by header.
type raw struct {
	single     [singles]string
	twice      Set // formats with a header that came with two different values
	tracestate []string
	stateTwice bool // its name comes in two spellings, so that nobody knows which is first
	baggage    []string
	uber       []Member
}

// longestName is that of the headers with one value.
const longestName = len("x-datadog-sampling-priority")

// byLength are the headers of each length, to compare with few.
var byLength = func() (out [longestName + 1][]int) {
	for i, n := range names {
		out[len(n.name)] = append(out[len(n.name)], i)
	}
	return out
}()

// take notes a header, if it is one of a format of reads.
func (r *raw) take(name string, values []string, reads Set) (problem string) {
	if len(values) == 0 {
		return ""
	}
	if len(name) <= longestName {
		for _, i := range byLength[len(name)] {
			if !foldEqual(name, names[i].name) {
				continue
			}
			if r.single[i] == "" { // else the name comes in two spellings
				r.single[i] = values[0]
			}
			for _, v := range values {
				if v != r.single[i] {
					r.twice |= names[i].format.set()
				}
			}
			return ""
		}
	}
	switch {
	case foldEqual(name, nameTraceState):
		r.stateTwice = r.tracestate != nil
		r.tracestate = values
	case foldEqual(name, nameBaggage):
		if r.baggage != nil {
			r.twice |= Baggage.set()
		}
		r.baggage = values
	case reads.Has(Jaeger) && len(name) > len(prefixUberCtx) && foldEqual(name[:len(prefixUberCtx)], prefixUberCtx):
		return r.takeUber(name[len(prefixUberCtx):], values)
	case reads.Has(Jaeger) && len(name) > len(prefixOTCtx) && foldEqual(name[:len(prefixOTCtx)], prefixOTCtx):
		return r.takeUber(name[len(prefixOTCtx):], values)
	}
	return ""
}

func (r *raw) takeUber(key string, values []string) (problem string) {
	m, ok := uberMember(key, values[0])
	if !ok {
		return "a key of baggage is not one that headers can have"
	}
	r.uber = append(r.uber, m)
	return ""
}

// Extract reads what headers say. Names may be in any case. The map is not kept, its strings
// are.
func (p *Propagator) Extract(headers map[string][]string) Extraction {
	var e Extraction
	var r raw
	var uberProblem string
	for name, values := range headers {
		if why := r.take(name, values, p.Reads); why != "" {
			uberProblem = why
		}
	}
	for f := range formats {
		e.found[f].Format = f
		if p.Reads.Has(f) {
			e.read(f, &r)
		}
	}
	if uberProblem != "" {
		e.Problems = append(e.Problems, Problem{Jaeger, uberProblem})
	}
	e.decide()
	e.carry(&r)
	return e
}

// read reads the headers of one format.
func (e *Extraction) read(f Format, r *raw) {
	c, found, s := &e.Context, &e.found[f], &r.single
	var why string
	came := false
	switch f {
	case TraceContext:
		if came = s[hTraceparent] != ""; came {
			why = readTraceparent(s[hTraceparent], found, c)
		}
		if why == "" && came && len(r.tracestate) > 0 && !r.twice.Has(f) {
			e.readState(r)
		}
	case B3:
		if came = s[hB3] != ""; came {
			why = readB3(s[hB3], found)
		}
	case B3Multi:
		if came = s[hB3TraceID] != "" || s[hB3SpanID] != "" || s[hB3Sampled] != "" || s[hB3Flags] != "" || s[hB3Parent] != ""; came {
			why = readB3Multi(s[hB3TraceID], s[hB3SpanID], s[hB3Parent], s[hB3Sampled], s[hB3Flags], found)
		}
	case Jaeger:
		if came = s[hUber] != ""; came {
			why = readUber(s[hUber], found, c)
		}
	case Datadog:
		if came = s[hDatadogTrace] != "" || s[hDatadogParent] != ""; came {
			why = readDatadog(s[hDatadogTrace], s[hDatadogParent], s[hDatadogPriority], s[hDatadogOrigin], s[hDatadogTags], found, c)
		}
	case XRay:
		if came = s[hXRay] != ""; came {
			why = readXRay(s[hXRay], found, c)
		}
	case Baggage:
		if came = len(r.baggage) > 0; came && !r.twice.Has(f) {
			c.Baggage, why = readBaggage(nil, r.baggage)
		}
	}
	switch {
	case !came:
		return
	case r.twice.Has(f):
		why = "a header comes twice, with different values"
		*found = Found{Format: f}
	}
	if why != "" {
		e.Problems = append(e.Problems, Problem{f, why})
	}
	if why == "" || !found.TraceID.IsZero() {
		e.seen |= f.set()
	}
}

// readState reads tracestate, beside a traceparent that is valid.
func (e *Extraction) readState(r *raw) {
	state, why := readTraceState(r.tracestate)
	if r.stateTwice {
		state, why = "", "its name comes in two spellings"
	}
	if e.Context.State = state; why != "" {
		e.Problems = append(e.Problems, Problem{TraceContext, "tracestate: " + why})
	}
}

// decide applies the rule of the package to what was found.
func (e *Extraction) decide() {
	c := &e.Context
	first := true
	for f := range Baggage {
		if id := e.found[f].TraceID; !id.IsZero() && first {
			c.TraceID, e.Format, first = id, f, false
		}
	}
	if first { // there is no trace: a decision may stand alone
		e.decideSampling(func(*Found) bool { return true })
		return
	}
	if c.TraceID.High() == 0 {
		for f := range Baggage {
			if id := e.found[f].TraceID; id.High() != 0 && id.Low() == c.TraceID.Low() {
				c.TraceID = id
				break
			}
		}
	}
	of := func(f *Found) bool { return !f.TraceID.IsZero() && agrees(c.TraceID, f.TraceID) }
	for f := range Baggage {
		if found := &e.found[f]; of(found) && found.SpanID != 0 {
			if c.SpanID == 0 {
				c.SpanID, e.span = found.SpanID, f
			}
			if c.SpanID == found.SpanID {
				c.ParentID = cmp.Or(c.ParentID, found.ParentID)
			}
		}
	}
	e.decideSampling(of)
}

// decideSampling takes the first decision of those that count.
func (e *Extraction) decideSampling(counts func(*Found) bool) {
	c := &e.Context
	for f := range Baggage {
		found := &e.found[f]
		if !counts(found) {
			continue
		}
		if c.Sampling == Deferred {
			c.Sampling, e.decision = found.Sampling, f
		}
		if found.Sampling == Debug && c.Sampling == Record {
			c.Sampling = Debug
		}
	}
}

// carry keeps what only one format can say, if that is about this trace, and what is carried
// along with the request.
func (e *Extraction) carry(r *raw) {
	c := &e.Context
	keep := func(f Format) bool {
		id := e.found[f].TraceID
		return !id.IsZero() && agrees(c.TraceID, id)
	}
	if !keep(TraceContext) {
		c.State, c.Random = "", false
	}
	if !keep(Jaeger) {
		c.JaegerFlags = 0
	}
	if !keep(Datadog) {
		c.Datadog = DatadogFields{}
	}
	if len(r.uber) == 0 {
		return
	}
	e.carryUber(r.uber)
}

// carryUber adds Jaeger's baggage to what the baggage header has, which beats it.
func (e *Extraction) carryUber(list []Member) {
	c := &e.Context
	problem := func(why string) { e.Problems = append(e.Problems, Problem{Jaeger, why}) }
	slices.SortFunc(list, func(a, b Member) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Raw, b.Raw)) }) // a map has no order
	from := len(c.Baggage)
	for i, m := range list {
		same := func(b Member) bool { return strings.EqualFold(b.Key, m.Key) }
		switch {
		case i > 0 && list[i-1].Key == m.Key:
			if list[i-1].Raw != m.Raw {
				problem("baggage " + m.Key + " comes twice, with different values")
			}
		case slices.ContainsFunc(c.Baggage[:from], same):
			if !slices.ContainsFunc(c.Baggage[:from], func(b Member) bool { return same(b) && b.Value() == m.Value() }) {
				e.overruled = append(e.overruled, m)
			}
		case len(c.Baggage) == maxBaggageMembers:
			problem("it has more than 180 members of baggage")
			return
		default:
			c.Baggage = append(c.Baggage, m)
		}
	}
}
