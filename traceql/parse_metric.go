package traceql

import (
	"strconv"
	"strings"
)

// metric reads f(…) [by (fields)].
func (p *parser) metric(fn MetricFn) (Stage, *Error) {
	start, err := p.call()
	if err != nil {
		return nil, err
	}
	m := &Metric{Fn: fn}
	switch {
	case fn == Compare:
		m.Compare, err = p.comparison()
	case !fn.Measures():
		if !p.isSymbol(")") {
			err = p.q.errorf(Syntax, p.tok.at, "%s() counts spans and has nothing in its parentheses", fn)
		}
	case p.isSymbol(")"):
		err = p.q.errorf(Syntax, p.tok.at, "%s wants something to measure", fn)
		err.Near = []string{fn.String() + "(" + fn.example() + ")"}
	default:
		m.X, err = p.expr(0)
		if err == nil && fn == QuantileOverTime {
			m.Quantiles, err = p.quantiles()
		}
	}
	if err != nil {
		return nil, err
	}
	end, err := p.closing()
	if err != nil {
		return nil, err
	}
	if p.isWord("by") && fn != Compare {
		if _, err := p.call(); err != nil {
			return nil, err
		}
		if m.By, end, err = p.fieldList(); err != nil {
			return nil, err
		}
	}
	m.At = Range{start, end}
	return m, p.node()
}

// example is what f may have in its parentheses.
func (f MetricFn) example() string {
	if f == QuantileOverTime {
		return "duration, 0.99"
	}
	return "duration"
}

// quantiles reads { "," number }, each from 0 to 1.
func (p *parser) quantiles() ([]float64, *Error) {
	var list []float64
	for p.isSymbol(",") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		// .99 has the form of an attribute.
		v, err := strconv.ParseFloat(p.tok.text, 64)
		if err != nil || p.tok.kind != tokNumber && p.tok.kind != tokField || v < 0 || v > 1 {
			return nil, p.q.errorf(Syntax, p.tok.at, "a quantile is a number from 0 to 1, such as 0.99")
		}
		if len(list) == MaxQuantiles {
			return nil, p.q.errorf(Limit, p.tok.at, "more than %d quantiles", MaxQuantiles)
		}
		list = append(list, v)
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, p.unexpected(`"," and a quantile such as 0.99`)
	}
	return list, nil
}

// comparison reads { expr } [, top [, start, end]].
func (p *parser) comparison() (*Comparison, *Error) {
	if !p.isSymbol("{") {
		return nil, p.unexpected("a filter such as { status = error }")
	}
	f, err := p.filter()
	if err != nil {
		return nil, err
	}
	c := &Comparison{Selection: f.(*Filter), Top: defaultCompareTop}
	if !p.isSymbol(",") {
		return c, nil
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if c.Top, err = p.natural("how many values are told of each attribute", MaxCompareTop); err != nil || !p.isSymbol(",") {
		return c, err
	}
	for i, bound := range []*int64{&c.Start, &c.End} {
		if !p.isSymbol(",") {
			return nil, p.unexpected(`","`)
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		v, problem := parseNumber(p.tok.text)
		if p.tok.kind != tokNumber || problem != "" || v.Type != TypeInt || i == 1 && v.Int <= c.Start {
			return nil, p.q.errorf(Syntax, p.tok.at, "the selection is bounded by two times in nanoseconds since 1970, the earlier first")
		}
		*bound = v.Int
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// secondStage reads what may stand behind a metric.
func (p *parser) secondStage() (Stage, *Error) {
	word := p.tok
	if !p.isWord("topk") && !p.isWord("bottomk") {
		e := p.unexpected("topk(…)", "bottomk(…)")
		e.Msg += "; what stands before it are series"
		return nil, e
	}
	start, err := p.call()
	if err != nil {
		return nil, err
	}
	n, err := p.natural("how many series "+word.text+" keeps", MaxTopK)
	if err != nil {
		return nil, err
	}
	end, err := p.closing()
	if err != nil {
		return nil, err
	}
	return &TopK{At: Range{start, end}, Bottom: word.text == "bottomk", N: n}, p.node()
}

// metricFilter reads a comparison behind stage s, if s makes series and one is there.
func (p *parser) metricFilter(s Stage) (Stage, *Error) {
	op := binaryOps[p.tok.text]
	if p.tok.kind != tokSymbol || !op.IsComparison() || !makesSeries([]Stage{s}) {
		return nil, nil
	}
	at := p.tok.at
	if op == OpRegexp || op == OpNotRegexp {
		return nil, p.q.errorf(Types, at, "%s matches texts, and a metric is numbers", op)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if m, ok := s.(*Metric); ok && m.Fn == Compare {
		return nil, p.q.errorf(Types, m.At, "compare(…) tells of attributes; there is no number to compare with another")
	}
	x, err := p.number()
	if err != nil {
		return nil, err
	}
	lit := x.scalar.(*ScalarLiteral)
	return &MetricFilter{At: Range{at.Start, lit.At.End}, Op: op, Value: lit.Value}, p.node()
}

// quantileString writes a quantile so that it is read as a number again.
func quantileString(v float64) string {
	text := strconv.FormatFloat(v, 'g', -1, 64)
	return strings.TrimPrefix(text, "+")
}
