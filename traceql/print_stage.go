package traceql

import (
	"fmt"
	"strings"
)

// StageString returns a stage in canonical form.
func StageString(s Stage) string {
	var b strings.Builder
	writeStage(&b, s)
	return b.String()
}

// writeOtherStage writes the stages that are no spansets.
func writeOtherStage(b *strings.Builder, s Stage) {
	switch s := s.(type) {
	case *By:
		b.WriteString("by(")
		writeExpr(b, s.X)
		b.WriteByte(')')
	case *Coalesce:
		b.WriteString("coalesce()")
	case *Select:
		b.WriteString("select(" + fieldsString(s.Fields) + ")")
	case *OrderBy:
		writeOrderBy(b, s)
	case *ScalarFilter:
		writeScalar(b, s.L, 0, false)
		b.WriteString(" " + s.Op.String() + " ")
		writeScalar(b, s.R, 0, false)
	case *Metric:
		writeMetric(b, s)
	case *TopK:
		name := "topk"
		if s.Bottom {
			name = "bottomk"
		}
		fmt.Fprintf(b, "%s(%d)", name, s.N)
	case *MetricFilter:
		b.WriteString(" " + s.Op.String() + " " + s.Value.String())
	case *MetricMath:
		writeMetricExpr(b, s.X, 0, false)
	}
}

// ScalarString returns a number made from a spanset in canonical form.
func ScalarString(s Scalar) string {
	var b strings.Builder
	writeScalar(&b, s, 0, false)
	return b.String()
}

func fieldsString(list []*Field) string {
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = f.String()
	}
	return strings.Join(names, ", ")
}

func writeOrderBy(b *strings.Builder, s *OrderBy) {
	b.WriteString("order by ")
	writeExpr(b, s.X)
	if s.Desc {
		b.WriteString(" desc")
	}
	if s.Limit > 0 {
		fmt.Fprintf(b, " limit %d", s.Limit)
	}
}

// writeScalar writes x as a side of an operator that binds with the given precedence,
// 0 if none does.
func writeScalar(b *strings.Builder, x Scalar, outer int, right bool) {
	switch x := x.(type) {
	case *Aggregate:
		b.WriteString(x.Fn.String() + "(")
		if x.X != nil {
			writeExpr(b, x.X)
		}
		b.WriteByte(')')
	case *ScalarLiteral:
		writeNumber(b, x.Value, outer)
	case *ScalarBinary:
		own := precedence(x.Op)
		parens := own < outer || own == outer && right != (x.Op == OpPow)
		writeOpen(b, parens)
		writeScalar(b, x.L, own, false)
		b.WriteString(" " + x.Op.String() + " ")
		writeScalar(b, x.R, own, true)
		writeClose(b, parens)
	case *ScalarPipeline:
		b.WriteByte('(')
		writeStages(b, x.Stages)
		b.WriteString(" | ")
		writeScalar(b, x.Of, 0, false)
		b.WriteByte(')')
	}
}

// writeNumber puts a negative number in parentheses where a power would take the sign
// for its own.
func writeNumber(b *strings.Builder, v Static, outer int) {
	parens := outer == precPower && v.isNegative()
	writeOpen(b, parens)
	b.WriteString(v.String())
	writeClose(b, parens)
}

func writeOpen(b *strings.Builder, yes bool) {
	if yes {
		b.WriteByte('(')
	}
}

func writeClose(b *strings.Builder, yes bool) {
	if yes {
		b.WriteByte(')')
	}
}

func writeMetric(b *strings.Builder, m *Metric) {
	b.WriteString(m.Fn.String() + "(")
	if m.X != nil {
		writeExpr(b, m.X)
	}
	for _, q := range m.Quantiles {
		b.WriteString(", " + quantileString(q))
	}
	if c := m.Compare; c != nil {
		writeStage(b, c.Selection)
		if c.Top != defaultCompareTop || c.End != 0 {
			fmt.Fprintf(b, ", %d", c.Top)
		}
		if c.End != 0 {
			fmt.Fprintf(b, ", %d, %d", c.Start, c.End)
		}
	}
	b.WriteByte(')')
	if len(m.By) > 0 {
		b.WriteString(" by (" + fieldsString(m.By) + ")")
	}
}

func writeMetricExpr(b *strings.Builder, x MetricExpr, outer int, right bool) {
	switch x := x.(type) {
	case *MetricPipeline:
		b.WriteByte('(')
		writeStages(b, x.Stages)
		b.WriteByte(')')
	case *MetricLiteral:
		writeNumber(b, x.Value, outer)
	case *MetricBinary:
		own := precedence(x.Op)
		parens := own < outer || own == outer && right
		writeOpen(b, parens)
		writeMetricExpr(b, x.L, own, false)
		b.WriteString(" " + x.Op.String() + " ")
		writeMetricExpr(b, x.R, own, true)
		writeClose(b, parens)
	}
}
