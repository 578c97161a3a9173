package exec

import (
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
	"github.com/clew-tracing/clew/traceql/fold"
)

// ordering says in which order traces come: by the greatest value that a span selected in
// them has, descending, or by the least, ascending.
type ordering struct {
	by    measure
	desc  bool
	limit int // 0: none
}

// stage compiles one stage. A step without text is none: the stage says what is answered.
func (c *compiler) stage(s traceql.Stage, outer bool) (step, error) {
	text := traceql.StageString(s)
	switch s := s.(type) {
	case traceql.Spanset:
		sel, err := c.spanset(s)
		return step{text: text, selects: &sel}, err
	case *traceql.By:
		by, err := c.measure(s.X)
		return step{text: text, by: &by}, err
	case *traceql.Coalesce:
		return step{text: text}, nil
	case *traceql.ScalarFilter:
		l, err := c.scalar(s.L)
		if err != nil {
			return step{}, err
		}
		r, err := c.scalar(s.R)
		return step{text: text, test: &scalarTest{spanOps[s.Op], l, r}}, err
	case *traceql.Select:
		for _, f := range s.Fields {
			m, err := c.measure(f)
			if err != nil {
				return step{}, err
			}
			c.fields = append(c.fields, m)
		}
		return step{}, nil
	case *traceql.OrderBy:
		return step{}, c.orderBy(s, outer)
	}
	return step{}, c.unsupported(s.Range(), "the pipeline stage "+text+" is")
}

func (c *compiler) orderBy(s *traceql.OrderBy, outer bool) error {
	switch {
	case !outer:
		return c.q.Errorf(traceql.Types, s.At, "the whole query is in one order: order by stands outside of parentheses")
	case c.order != nil:
		return c.q.Errorf(traceql.Types, s.At, "the query is in an order already")
	}
	by, err := c.measure(s.X)
	c.order = &ordering{by, s.Desc, s.Limit}
	return err
}

// measure compiles a value of single spans.
func (c *compiler) measure(x traceql.Expr) (measure, error) {
	folded, err := fold.Expr(c.q, x)
	if err != nil {
		return measure{}, err
	}
	expr, err := c.operand(folded)
	if err != nil {
		return measure{}, err
	}
	if r := (span.Relation{L: expr, R: expr}); r.MixesChildren() {
		return measure{}, c.unsupported(x.Range(), "calculating with an event and a link is")
	}
	return measure{traceql.ExprString(x), c.q.TypeOf(x), expr}, nil
}

func (c *compiler) scalar(s traceql.Scalar) (scalar, error) {
	out := scalar{text: traceql.ScalarString(s)}
	switch s := s.(type) {
	case *traceql.ScalarLiteral:
		out.value, out.typ = value(span.Field{}, s.Value), s.Value.Type
	case *traceql.Aggregate:
		out.fn = s.Fn
		if s.X != nil {
			of, err := c.measure(s.X)
			out.of = &of
			return out, err
		}
	case *traceql.ScalarPipeline:
		pipe, err := c.stages(s.Stages, false)
		if err != nil {
			return out, err
		}
		inner, err := c.scalar(s.Of)
		out.pipe, out.inner = &pipe, &inner
		return out, err
	case *traceql.ScalarBinary:
		for _, x := range []traceql.Scalar{s.L, s.R} {
			arg, err := c.scalar(x)
			if err != nil {
				return out, err
			}
			out.args = append(out.args, arg)
		}
		out.op = exprOps[s.Op]
		isDuration := func(s *scalar) bool { return s.typeOf() == traceql.TypeDuration }
		if s.Op == traceql.OpDiv && isDuration(&out.args[0]) && isDuration(&out.args[1]) {
			out.op = span.Ratio
		}
	}
	return out, nil
}

// kin compiles an operator that looks at the places of spans in their trace.
func (c *compiler) kin(s *traceql.SpansetBinary) (selection, error) {
	l, err := c.spanset(s.L)
	if err != nil {
		return selection{}, err
	}
	r, err := c.spanset(s.R)
	c.needsTrace(s.At, s.Op.String()+" between { … }")
	return selection{op: selectKin, kin: kins[s.Op], args: []selection{l, r}}, err
}
