package exec

import (
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
	"github.com/clew-tracing/clew/traceql/fold"
)

// ordering says in which order traces come: by the greatest value that a span selected in
// them has, descending, or by the least, ascending.
type ordering struct {
	by    judge.Measure
	desc  bool
	limit int // 0: none
}

// stage compiles one stage. A step without text is none: the stage says what is answered.
func (c *compiler) stage(s traceql.Stage, outer bool) (judge.Step, error) {
	text := traceql.StageString(s)
	switch s := s.(type) {
	case traceql.Spanset:
		sel, err := c.spanset(s)
		return judge.Step{Text: text, Selects: &sel}, err
	case *traceql.By:
		by, err := c.measure(s.X)
		return judge.Step{Text: text, By: &by}, err
	case *traceql.Coalesce:
		return judge.Step{Text: text}, nil
	case *traceql.ScalarFilter:
		l, err := c.scalar(s.L)
		if err != nil {
			return judge.Step{}, err
		}
		r, err := c.scalar(s.R)
		return judge.Step{Text: text, Test: &judge.ScalarTest{Op: spanOps[s.Op], L: l, R: r}}, err
	case *traceql.Select:
		for _, f := range s.Fields {
			m, err := c.measure(f)
			if err != nil {
				return judge.Step{}, err
			}
			c.fields = append(c.fields, m)
		}
		return judge.Step{}, nil
	case *traceql.OrderBy:
		return judge.Step{}, c.orderBy(s, outer)
	}
	return judge.Step{}, c.unsupported(s.Range(), "the pipeline stage "+text+" is")
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
func (c *compiler) measure(x traceql.Expr) (judge.Measure, error) {
	folded, err := fold.Expr(c.q, x)
	if err != nil {
		return judge.Measure{}, err
	}
	expr, err := c.operand(folded)
	if err != nil {
		return judge.Measure{}, err
	}
	return judge.Measure{Text: traceql.ExprString(x), Type: c.q.TypeOf(x), Expr: expr}, nil
}

func (c *compiler) scalar(s traceql.Scalar) (judge.Scalar, error) {
	out := judge.Scalar{Text: traceql.ScalarString(s)}
	switch s := s.(type) {
	case *traceql.ScalarLiteral:
		out.Value, out.Type = value(span.Field{}, s.Value), s.Value.Type
	case *traceql.Aggregate:
		out.Fn = s.Fn
		if s.X != nil {
			of, err := c.measure(s.X)
			out.Of = &of
			return out, err
		}
	case *traceql.ScalarPipeline:
		pipe, err := c.stages(s.Stages, false)
		if err != nil {
			return out, err
		}
		inner, err := c.scalar(s.Of)
		out.Pipe, out.Inner = &pipe, &inner
		return out, err
	case *traceql.ScalarBinary:
		for _, x := range []traceql.Scalar{s.L, s.R} {
			arg, err := c.scalar(x)
			if err != nil {
				return out, err
			}
			out.Args = append(out.Args, arg)
		}
		out.Op = exprOps[s.Op]
		isDuration := func(s *judge.Scalar) bool { return s.TypeOf() == traceql.TypeDuration }
		if s.Op == traceql.OpDiv && isDuration(&out.Args[0]) && isDuration(&out.Args[1]) {
			out.Op = span.Ratio
		}
	}
	return out, nil
}

// kin compiles an operator that looks at the places of spans in their trace.
func (c *compiler) kin(s *traceql.SpansetBinary) (judge.Selection, error) {
	l, err := c.spanset(s.L)
	if err != nil {
		return judge.Selection{}, err
	}
	r, err := c.spanset(s.R)
	c.needsTrace(s.At, s.Op.String()+" between { … }")
	return judge.Selection{Op: judge.OpKin, Kin: judge.Kins[s.Op], Args: []judge.Selection{l, r}}, err
}
