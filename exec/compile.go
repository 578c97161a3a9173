package exec

import (
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
	"github.com/clew-tracing/clew/traceql/doubt"
	"github.com/clew-tracing/clew/traceql/fold"
)

// Plan is a query ready to run. It is immutable and safe for concurrent use.
type Plan struct {
	text      string
	selection judge.Selection
	// rows is what a store can be asked of single rows: each span that the query
	// selects meets it.
	rows span.Condition
	// whole is nil where that is all that is asked; otherwise it says what part of
	// the query needs the whole trace, as an error at its place.
	whole  error
	why    string   // the part of the query
	doubts []string // see Doubts
	// fields are those that the answer tells of its spans; order says in which order
	// traces come, nil: the newest first.
	fields []judge.Measure
	order  *ordering
	// metrics, where not nil, says which series are made; nothing is selected then. raw
	// is that spans count as one in them, and exemplars how many are wanted: see
	// Plan.Exemplars.
	metrics   *metrics
	raw       bool
	exemplars int
	// parts are what each span has to meet, where that is more than one condition.
	parts []Part
}

// Part is a condition with its text.
type Part struct {
	Text string
	Cond span.Condition
}

// Asked is what a plan, or one of the metrics that it calculates with, asks of spans.
type Asked struct {
	// Conditions are what single spans are selected by, somewhere in the query.
	Conditions []span.Condition
	// Parts are what each span has to meet, where that is more than one condition.
	Parts []Part
	// Read are fields that are measured: spans without them do not count.
	Read []span.Field
}

// Asked returns what the plan asks.
func (p *Plan) Asked() []Asked {
	if p.metrics == nil {
		return []Asked{p.asked()}
	}
	return p.metrics.asked(nil)
}

func (p *Plan) asked() Asked {
	return Asked{Conditions: appendPicks(nil, &p.selection), Parts: p.parts}
}

func appendPicks(dst []span.Condition, s *judge.Selection) []span.Condition {
	if s.Op == judge.OpPick {
		dst = append(dst, s.Cond)
	}
	for i := range s.Args {
		dst = appendPicks(dst, &s.Args[i])
	}
	return dst
}

// String returns the query in canonical form.
func (p *Plan) String() string { return p.text }

// Doubts say what of the query is probably not what was meant, whatever spans there are.
func (p *Plan) Doubts() []string { return p.doubts }

// Condition returns what each selected span meets, and whether that is all: an
// exact condition says of each span by itself whether it is selected; of another
// the trace decides, too.
func (p *Plan) Condition() (where span.Condition, exact bool) { return p.rows, p.whole == nil }

// Everything is the plan of { }: every span.
func Everything() *Plan { return &Plan{text: "{ }"} }

// Prepare parses and compiles a query; the empty text is { }, every span.
func Prepare(text string) (*Plan, error) {
	if strings.TrimSpace(text) == "" {
		text = "{ }"
	}
	q, err := traceql.Parse(text)
	if err != nil {
		return nil, err
	}
	return Compile(q)
}

// Compile turns a query into a plan. What the language has and exec has not is a
// *traceql.Error of class Unsupported, at its place.
//
// Semantics. A comparison with a field that the span lacks is false, also != and
// !~; so is one between types that do not compare. A filter selects the spans
// that meet it; | selects from what was selected before; || selects what either
// side does; && does so too, but nothing at all unless both sides select
// something. What needs whole traces is told by package judge; a query that ends in a
// metric makes series.
func Compile(q *traceql.Query) (*Plan, error) {
	c := compiler{q: q, exemplars: unsaid}
	if err := c.hints(); err != nil {
		return nil, err
	}
	p := &Plan{text: q.String(), doubts: doubt.Of(q), raw: c.raw, exemplars: c.exemplars}
	if q.IsMetrics() {
		m, err := c.metrics(q.Stages)
		p.metrics, p.selection, p.rows = m, judge.Pick(judge.Never()), judge.Never()
		return p, err
	}
	err := c.selects(p, q.Stages)
	return p, err
}

// selects compiles stages that select spans into p.
func (c *compiler) selects(p *Plan, stages []traceql.Stage) error {
	c.whole.what = ""
	sel, err := c.stages(stages, true)
	if err != nil {
		return err
	}
	p.selection, p.rows, p.parts, p.fields, p.order = sel, sel.Bound(), c.parts(stages), c.fields, c.order
	switch {
	case p.rows.Never():
		p.selection = judge.Pick(p.rows)
	case sel.NeedsTrace():
		p.why = c.whole.what
		p.whole = c.q.Errorf(traceql.Unsupported, c.whole.at, "%s needs the whole trace, and here spans are looked at one by one as they arrive", c.whole.what)
	}
	return nil
}

// hints are those of with (…) that change something, or that are of Tempo's and need
// not: what they save there is not done here.
func (c *compiler) hints() error {
	for _, h := range c.q.Hints {
		ok := true
		switch h.Name {
		case "most_recent", "sample", "span_sample", "trace_sample", "job_size", "debug", "dedupe":
		case "weighted":
			ok = h.Value.Type == traceql.TypeBool
			c.raw = !h.Value.IsTrue()
		case "exemplars":
			switch {
			case h.Value.Type == traceql.TypeInt && h.Value.Int >= 0:
				c.exemplars = int(min(h.Value.Int, MaxExemplars))
			case h.Value.IsTrue():
				c.exemplars = some
			case h.Value.Type == traceql.TypeBool:
				c.exemplars = 0
			default:
				ok = false
			}
		default:
			return c.q.Errorf(traceql.Types, h.At, "unknown hint %s; there are exemplars and weighted", h.Name)
		}
		if !ok {
			return c.q.Errorf(traceql.Types, h.At, "the hint %s is true or false, or a number of exemplars", h.Name)
		}
	}
	return nil
}

// wantSpans returns an error if the answer is series.
func (p *Plan) wantSpans() error {
	switch {
	case p == nil:
		return clew.Errorf(clew.Invalid, "exec: no plan")
	case p.metrics != nil:
		return clew.Errorf(clew.Invalid, "the query makes numbers over time, and here spans are asked for: ask clew metrics or /api/v1/metrics, or leave out the metric")
	}
	return nil
}

// IsMetrics reports whether the answer is series.
func (p *Plan) IsMetrics() bool { return p.metrics != nil }

// ParseField reads the name of one field as a query writes it: span.http.route,
// .foo, name. Fields of the whole trace are Unsupported: no span has them.
func ParseField(text string) (span.Field, error) {
	q, err := traceql.Parse("{ " + text + " != nil }")
	if err != nil {
		return span.Field{}, clew.Errorf(clew.KindOf(err), "field %.100q: %w", text, err)
	}
	if f, ok := q.Stages[0].(*traceql.Filter); ok && len(q.Stages) == 1 {
		if cmp, ok := f.Where.(*traceql.Binary); ok {
			if field, ok := cmp.L.(*traceql.Field); ok {
				c := compiler{q: q}
				f, err := c.field(field)
				if err == nil && f.OfTrace() {
					err = clew.Errorf(clew.Unsupported, "field %.100q is of the whole trace; no span has it by itself", text)
				}
				return f, err
			}
		}
	}
	return span.Field{}, clew.Errorf(clew.Invalid, "field %.100q: want one name, as in span.http.route", text)
}

type compiler struct {
	q *traceql.Query
	// whole is the first part of the query that needs the whole trace.
	whole struct {
		what string
		at   traceql.Range
	}
	fields []judge.Measure
	order  *ordering

	raw       bool // spans count as one, whatever they stand for
	exemplars int
}

func (c *compiler) unsupported(at traceql.Range, what string) error {
	return c.q.Errorf(traceql.Unsupported, at, "%s not supported yet", what)
}

// needsTrace notes a part of the query that does.
func (c *compiler) needsTrace(at traceql.Range, what string) {
	if c.whole.what == "" || at.Start < c.whole.at.Start {
		c.whole.what, c.whole.at = what, at
	}
}

// stages compiles stages that select spans; outer says that they are those of the whole
// query, and not an operand.
func (c *compiler) stages(stages []traceql.Stage, outer bool) (judge.Selection, error) {
	var steps []judge.Step
	sets := false // spans are in sets
	for _, s := range stages {
		step, err := c.stage(s, outer)
		if err != nil {
			return judge.Selection{}, err
		}
		if step.Text == "" {
			continue // it says what is answered, not what is selected
		}
		if step.Selects == nil {
			c.needsTrace(s.Range(), step.Text)
			sets = true
		}
		steps = append(steps, step)
	}
	if sets {
		return judge.Selection{Op: judge.OpPipe, Steps: steps}, nil
	}
	all := make([]judge.Selection, len(steps))
	for i := range steps {
		all[i] = *steps[i].Selects
	}
	return judge.InTurn(all...), nil
}

// parts takes filters in turn apart, at && outside of parentheses; nil if there is
// something else among the stages.
func (c *compiler) parts(stages []traceql.Stage) (parts []Part) {
	for _, s := range stages {
		f, ok := s.(*traceql.Filter)
		if !ok {
			return nil
		}
		if f.Where == nil {
			continue
		}
		folded, err := fold.Expr(c.q, f.Where)
		if err != nil {
			return nil
		}
		for _, x := range operands(folded, traceql.OpAnd) {
			cond, err := c.condition(x)
			if err != nil {
				return nil
			}
			parts = append(parts, Part{traceql.ExprString(x), cond})
		}
	}
	return parts
}

func (c *compiler) spanset(s traceql.Spanset) (judge.Selection, error) {
	switch s := s.(type) {
	case *traceql.Filter:
		if s.Where == nil {
			return judge.Pick(span.Condition{}), nil
		}
		folded, err := fold.Expr(c.q, s.Where)
		if err != nil {
			return judge.Selection{}, err
		}
		cond, err := c.condition(folded)
		return judge.Pick(cond), err
	case *traceql.Wrapped:
		return c.stages(s.Stages, false)
	case *traceql.SpansetBinary:
		return c.combination(s)
	}
	return judge.Selection{}, c.unsupported(s.Range(), "this is")
}

// combination compiles a chain of spansets joined by && or by ||, as long as it
// may be.
func (c *compiler) combination(s *traceql.SpansetBinary) (judge.Selection, error) {
	if s.Op.IsStructural() {
		return c.kin(s)
	}
	var operands []traceql.Spanset // last first
	var left traceql.Spanset = s
	for {
		b, ok := left.(*traceql.SpansetBinary)
		if !ok || b.Op != s.Op {
			break
		}
		operands = append(operands, b.R)
		left = b.L
	}
	operands = append(operands, left)
	args := make([]judge.Selection, 0, len(operands))
	for i := len(operands) - 1; i >= 0; i-- {
		sel, err := c.spanset(operands[i])
		if err != nil {
			return judge.Selection{}, err
		}
		args = append(args, sel)
	}
	if s.Op == traceql.SpansetOr {
		return judge.Either(args...), nil
	}
	c.needsTrace(s.At, s.Op.String()+" between { … }")
	return judge.Both(args...), nil
}
