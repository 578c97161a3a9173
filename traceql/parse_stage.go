package traceql

import (
	"slices"
	"strings"

	"github.com/clew-tracing/clew/traceql/spelling"
)

// operand is what stands in a stage or in parentheses within one: exactly one field is
// not nil.
type operand struct {
	set    Spanset
	scalar Scalar
	metric MetricExpr
}

func (o operand) at() Range {
	switch {
	case o.set != nil:
		return o.set.Range()
	case o.scalar != nil:
		return o.scalar.Range()
	}
	return o.metric.Range()
}

// a says what the operand is, with its article.
func (o operand) a() string {
	switch {
	case o.set != nil:
		return "a selection of spans"
	case o.scalar != nil:
		return "a number"
	}
	return "a metric"
}

// tail is a scalar as the last stage of a pipeline in parentheses. It does not leave
// the parser.
type tail struct{ Scalar }

func (tail) stage() {}

// pipeline reads stage { "|" stage }.
func (p *parser) pipeline() ([]Stage, *Error) {
	var stages []Stage
	for {
		s, err := p.stage(stages)
		if err != nil {
			return nil, err
		}
		stages = append(stages, s)
		if f, err := p.metricFilter(s); f != nil || err != nil {
			if err != nil {
				return nil, err
			}
			stages = append(stages, f)
		}
		if !p.isSymbol("|") {
			return stages, nil
		}
		if t, ok := s.(tail); ok {
			return nil, p.wantsComparison(t.Scalar)
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

// wantsComparison is the error at a number that is not compared with anything.
func (p *parser) wantsComparison(s Scalar) *Error {
	e := p.q.errorf(Syntax, s.Range(), "%s is a number; compare it with something", p.q.piece(s.Range()))
	if _, ok := s.(*Aggregate); ok {
		e.Near = []string{p.q.piece(s.Range()) + " > 0"}
	}
	return e
}

func (q *Query) piece(at Range) string { return q.Text[at.Start:at.End] }

// stageFunctions are the words that begin a stage.
var stageFunctions = slices.Concat(aggregateNames[1:], metricNames[1:], []string{"by", "coalesce", "select", "topk", "bottomk"})

// stage reads the stage behind those before.
func (p *parser) stage(before []Stage) (Stage, *Error) {
	if len(before) > 0 && makesSeries(before) {
		return p.secondStage()
	}
	if p.tok.kind != tokWord {
		return p.combined(len(before) == 0)
	}
	word := p.tok
	next := p.peek()
	called := next.kind == tokSymbol && next.text == "("
	if !called && len(before) > 0 && slices.Contains(stageFunctions, word.text) {
		e := p.q.errorf(Syntax, word.at, "%s is a function; its parentheses are missing", word.text)
		e.Near = []string{word.text + "(…)"}
		return nil, e
	}
	if word.text == "order" && next.kind == tokWord && next.text == "by" {
		return p.orderBy()
	}
	if !called {
		return nil, p.noBraces()
	}
	fn, metric := parseMetric(word.text)
	switch {
	case metric && len(before) == 0:
		return nil, p.noSpans(word)
	case metric:
		return p.metric(fn)
	case word.text == "by":
		return p.by()
	case word.text == "coalesce":
		return p.coalesce()
	case word.text == "select":
		return p.selected()
	case word.text == "topk" || word.text == "bottomk":
		return nil, p.q.errorf(Syntax, word.at, "%s chooses among series: a metric such as rate() by (resource.service.name) stands before it", word.text)
	}
	if _, ok := parseAggregate(word.text); ok {
		return p.combined(len(before) == 0)
	}
	return nil, p.unknownFunction()
}

// unknownFunction is the error at a word with parentheses that is no stage.
func (p *parser) unknownFunction() *Error {
	e := p.q.errorf(Syntax, p.tok.at, "unknown function %s", p.tok.text)
	e.Expected = stageFunctions
	if near := spelling.Nearest(p.tok.text, stageFunctions, 1); len(near) > 0 {
		e.Near = []string{near[0]}
	}
	return e
}

// noSpans is the error at a metric that nothing stands before.
func (p *parser) noSpans(word token) *Error {
	e := p.q.errorf(Syntax, word.at, "%s counts what is selected before it", word.text)
	e.Near = []string{"{ } | " + word.text}
	return e
}

// noBraces is the error at what stands where a filter should.
func (p *parser) noBraces() *Error {
	e := p.unexpected("one such as { status = error }")
	e.Msg += "; a filter stands in braces"
	return e
}

// combined reads operands joined by operators, as a stage; first says that none stands
// before it.
func (p *parser) combined(first bool) (Stage, *Error) {
	x, err := p.operands(0)
	if err != nil {
		return nil, err
	}
	switch {
	case x.set != nil:
		return x.set, nil
	case x.metric != nil && !first:
		return nil, p.q.errorf(Syntax, x.at(), "a metric in parentheses begins a query; nothing is selected for it before")
	case x.metric != nil:
		return &MetricMath{At: x.metric.Range(), X: x.metric}, nil
	}
	op, ok := binaryOps[p.tok.text]
	if p.tok.kind != tokSymbol || !ok || !op.IsComparison() {
		if p.isSymbol(")") && p.parens > 0 {
			return tail{x.scalar}, nil
		}
		if _, literal := x.scalar.(*ScalarLiteral); literal {
			return nil, p.literalStage(x.scalar.(*ScalarLiteral))
		}
		return nil, p.wantsComparison(x.scalar)
	}
	at := p.tok.at
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.isSymbol("=") || p.tok.kind == tokEOF {
		return nil, p.unexpected("a number")
	}
	if p.tok.kind == tokString || p.tok.kind == tokField {
		return nil, p.q.errorf(Types, p.tok.at, "%s compares numbers here, such as count() > 3 or avg(duration) > 20ms", op)
	}
	y, err := p.operands(0)
	if err != nil {
		return nil, err
	}
	if y.scalar == nil {
		return nil, p.q.errorf(Types, y.at(), "%s compares numbers, this is %s", op, y.a())
	}
	if op == OpRegexp || op == OpNotRegexp {
		return nil, p.q.errorf(Types, at, "%s matches texts, and these are numbers", op)
	}
	return &ScalarFilter{At: Range{x.at().Start, y.at().End}, Op: op, L: x.scalar, R: y.scalar}, p.node()
}

// literalStage is the error at a value that stands alone.
func (p *parser) literalStage(x *ScalarLiteral) *Error {
	e := p.q.errorf(Syntax, x.At, "unexpected %s; a filter stands in braces", p.q.piece(x.At))
	e.Expected = []string{"one such as { status = error }"}
	return e
}

// operands reads operands joined by operators that bind tighter than above. What
// joins them depends on what the left one is.
func (p *parser) operands(above int) (operand, *Error) {
	left, err := p.operandOfStage()
	if err != nil {
		return left, err
	}
	for p.tok.kind == tokSymbol {
		prec, spanset, arithmetic := 0, SpansetOp(0), Op(0)
		if left.set != nil {
			spanset = spansetOps[p.tok.text]
			prec = spansetPrecedence(spanset)
			if _, ok := binaryOps[p.tok.text]; ok && spanset == 0 {
				return left, p.unexpected("an operator between spansets")
			}
		} else if arithmetic = binaryOps[p.tok.text]; arithmetic.IsArithmetic() {
			prec = precedence(arithmetic)
		} else {
			arithmetic = 0
		}
		if spanset == 0 && arithmetic == 0 || prec <= above {
			break
		}
		sign := p.tok
		if err := p.advance(); err != nil {
			return left, err
		}
		if arithmetic == OpPow { // binds to the right
			prec--
			if err := p.enter(); err != nil {
				return left, err
			}
		}
		right, err := p.operands(prec)
		if err != nil {
			return left, err
		}
		if arithmetic == OpPow {
			p.leave()
		}
		if err := p.node(); err != nil {
			return left, err
		}
		if left, err = p.join(left, sign, spanset, arithmetic, right); err != nil {
			return left, err
		}
	}
	return left, nil
}

// join makes one operand of two.
func (p *parser) join(l operand, sign token, spanset SpansetOp, op Op, r operand) (operand, *Error) {
	at := Range{l.at().Start, r.at().End}
	if spanset != 0 {
		if r.set == nil {
			return l, p.q.errorf(Types, r.at(), "%s stands between selections of spans, this is %s", spanset, r.a())
		}
		return operand{set: &SpansetBinary{At: at, Op: spanset, L: l.set, R: r.set}}, nil
	}
	if r.set != nil {
		return l, p.q.errorf(Types, r.at(), "%s calculates with numbers, this is %s", op, r.a())
	}
	if l.scalar != nil && r.scalar != nil {
		return operand{scalar: &ScalarBinary{At: at, Op: op, L: l.scalar, R: r.scalar}}, nil
	}
	if op == OpMod || op == OpPow {
		e := p.q.errorf(Types, sign.at, "metrics have no %s", op)
		e.Expected = []string{"+", "-", "*", "/"}
		return l, e
	}
	var sides [2]MetricExpr
	for i, side := range []operand{l, r} {
		switch x := side.scalar.(type) {
		case nil:
			sides[i] = side.metric
		case *ScalarLiteral:
			sides[i] = &MetricLiteral{x.At, x.Value}
		default:
			return l, p.q.errorf(Types, side.at(), "metrics calculate with metrics and fixed numbers only")
		}
	}
	return operand{metric: &MetricBinary{At: at, Op: op, L: sides[0], R: sides[1]}}, nil
}

// operandOfStage reads { expr }, a number, an aggregate or what is in parentheses.
func (p *parser) operandOfStage() (operand, *Error) {
	switch {
	case p.isSymbol("{"):
		f, err := p.filter()
		if err != nil {
			return operand{}, err
		}
		return operand{set: f}, nil
	case p.isSymbol("("):
		return p.parenthesis()
	case p.isSymbol("-") || p.tok.kind == tokNumber:
		return p.number()
	case p.tok.kind == tokWord:
		fn, ok := parseAggregate(p.tok.text)
		if next := p.peek(); ok && next.kind == tokSymbol && next.text == "(" {
			return p.aggregate(fn)
		}
		return operand{}, p.noOperand()
	case p.tok.kind == tokString || p.tok.kind == tokField:
		return operand{}, p.noBraces()
	}
	return operand{}, p.unexpected(`"{"`)
}

// noOperand is the error at a word that begins nothing here.
func (p *parser) noOperand() *Error {
	next := p.peek()
	if next.kind != tokSymbol || next.text != "(" {
		return p.noBraces()
	}
	if slices.Contains(stageFunctions, p.tok.text) {
		return p.q.errorf(Syntax, p.tok.at, "%s(…) is a stage by itself: a | stands before it", p.tok.text)
	}
	return p.unknownFunction()
}

// number reads a number with its sign.
func (p *parser) number() (operand, *Error) {
	x, err := p.prefix()
	if err != nil {
		return operand{}, err
	}
	lit, ok := x.(*Literal)
	if !ok || !lit.Value.Type.IsNumeric() {
		return operand{}, p.q.errorf(Types, x.Range(), "a number is wanted here, such as 3 or -20ms")
	}
	return operand{scalar: &ScalarLiteral{lit.At, lit.Value}}, nil
}

// parenthesis reads a pipeline in parentheses, or a scalar expression.
func (p *parser) parenthesis() (operand, *Error) {
	start := p.tok.at.Start
	if err := p.enter(); err != nil {
		return operand{}, err
	}
	defer p.leave()
	p.parens++
	defer func() { p.parens-- }()
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	stages, err := p.pipeline()
	if err != nil {
		return operand{}, err
	}
	at := Range{start, p.tok.at.End}
	if err := p.expect(")", `"|"`); err != nil {
		return operand{}, err
	}
	if err := p.node(); err != nil {
		return operand{}, err
	}
	n := len(stages)
	switch last := stages[n-1].(type) {
	case tail:
		if n == 1 {
			return operand{scalar: last.Scalar}, nil
		}
		return operand{scalar: &ScalarPipeline{At: at, Stages: stages[:n-1], Of: last.Scalar}}, nil
	case *MetricMath:
		return operand{metric: last.X}, nil // it is alone
	case Spanset:
		if n == 1 {
			return operand{set: last}, nil
		}
	}
	if makesSeries(stages) {
		return operand{metric: &MetricPipeline{At: at, Stages: stages}}, nil
	}
	return operand{set: &Wrapped{At: at, Stages: stages}}, nil
}

// call reads the name and the opening parenthesis of a function.
func (p *parser) call() (start int, err *Error) {
	start = p.tok.at.Start
	if err := p.advance(); err != nil {
		return start, err
	}
	return start, p.expect("(")
}

// closing reads the parenthesis that closes a call and returns where it ends.
func (p *parser) closing(also ...string) (end int, err *Error) {
	end = p.tok.at.End
	if !p.isSymbol(")") && len(also) == 0 {
		return end, p.afterOperand(")")
	}
	return end, p.expect(")", also...)
}

func (p *parser) aggregate(fn AggregateFn) (operand, *Error) {
	start, err := p.call()
	if err != nil {
		return operand{}, err
	}
	a := &Aggregate{Fn: fn}
	switch {
	case fn == Count && !p.isSymbol(")"):
		return operand{}, p.q.errorf(Syntax, p.tok.at, "count() counts spans and has nothing in its parentheses; count_distinct(field) counts values")
	case fn != Count && p.isSymbol(")"):
		e := p.q.errorf(Syntax, p.tok.at, "%s wants something to calculate from", fn)
		e.Near = []string{fn.String() + "(duration)"}
		return operand{}, e
	case fn != Count:
		if a.X, err = p.expr(0); err != nil {
			return operand{}, err
		}
	}
	end, err := p.closing()
	a.At = Range{start, end}
	if err == nil {
		err = p.node()
	}
	return operand{scalar: a}, err
}

func (p *parser) by() (Stage, *Error) {
	start, err := p.call()
	if err != nil {
		return nil, err
	}
	x, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	if p.isSymbol(",") {
		return nil, p.q.errorf(Syntax, p.tok.at, "by(…) parts spans by one value; for two write by(…) | by(…)")
	}
	end, err := p.closing()
	if err != nil {
		return nil, err
	}
	return &By{At: Range{start, end}, X: x}, p.node()
}

func (p *parser) coalesce() (Stage, *Error) {
	start, err := p.call()
	if err != nil {
		return nil, err
	}
	if !p.isSymbol(")") {
		return nil, p.q.errorf(Syntax, p.tok.at, "coalesce() has nothing in its parentheses")
	}
	end, err := p.closing()
	if err != nil {
		return nil, err
	}
	return &Coalesce{At: Range{start, end}}, p.node()
}

func (p *parser) selected() (Stage, *Error) {
	start, err := p.call()
	if err != nil {
		return nil, err
	}
	fields, end, err := p.fieldList()
	if err != nil {
		return nil, err
	}
	return &Select{At: Range{start, end}, Fields: fields}, p.node()
}

// fieldList reads fields up to the closing parenthesis.
func (p *parser) fieldList() (list []*Field, end int, err *Error) {
	for {
		x, err := p.operand()
		if err != nil {
			return nil, 0, err
		}
		f, ok := x.(*Field)
		if !ok {
			e := p.q.errorf(Syntax, x.Range(), "%s is no field", p.q.piece(x.Range()))
			e.Expected = []string{"one such as resource.service.name"}
			return nil, 0, e
		}
		if len(list) == MaxFields {
			return nil, 0, p.q.errorf(Limit, f.At, "the list has more than %d fields", MaxFields)
		}
		if list = append(list, f); !p.isSymbol(",") {
			end, err := p.closing(`","`)
			return list, end, err
		}
		if err := p.advance(); err != nil {
			return nil, 0, err
		}
	}
}

// orderBy reads order by x [asc | desc] [limit n].
func (p *parser) orderBy() (Stage, *Error) {
	o := &OrderBy{At: p.tok.at}
	for range 2 {
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	x, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	o.X, o.At.End = x, x.Range().End
	if p.isWord("asc") || p.isWord("desc") {
		o.Desc, o.At.End = p.tok.text == "desc", p.tok.at.End
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if p.isWord("limit") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		o.At.End = p.tok.at.End
		if o.Limit, err = p.natural("a limit", MaxLimit); err != nil {
			return nil, err
		}
	}
	return o, p.node()
}

// natural reads an integer from 1 to most.
func (p *parser) natural(what string, most int64) (int, *Error) {
	v, problem := parseNumber(strings.TrimSpace(p.tok.text))
	if p.tok.kind != tokNumber || problem != "" || v.Type != TypeInt || v.Int < 1 || v.Int > most {
		return 0, p.q.errorf(Syntax, p.tok.at, "%s is a whole number from 1 to %d", what, most)
	}
	return int(v.Int), p.advance()
}
