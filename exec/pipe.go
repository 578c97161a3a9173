package exec

import (
	"bytes"
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec/series"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
)

// step is one stage of a pipeline in which spans are in sets; one field besides text is
// set, or none: coalesce.
type step struct {
	text    string
	selects *selection // from each set
	by      *measure   // parts each set by a value
	test    *scalarTest
}

// measure is a value of single spans.
type measure struct {
	text string
	typ  traceql.Type // TypeAny: only the span tells
	expr span.Expr
}

// scalarTest keeps the sets for which it holds.
type scalarTest struct {
	op   span.Op
	l, r scalar
}

// scalar is a number made from a set.
type scalar struct {
	text  string
	value clew.Value          // of a literal; its Type is TypeInt or TypeDouble
	typ   traceql.Type        // of a literal
	fn    traceql.AggregateFn // of an aggregate
	of    *measure            // what it aggregates; nil: count
	pipe  *selection          // what is aggregated is selected from the set first; nil: the set
	inner *scalar             // then this is made of it
	op    span.ExprOp         // of an operation
	args  []scalar            // its two operands
}

// A spanset is spans of one trace that a pipeline keeps together.
type spanset struct {
	trace uint32
	rows  []uint32       // ascending, at least one
	by    []series.Label // by what it was parted
	made  []series.Label // what was made of it
}

// none is the value of what a span does not have.
var none = clew.Value{Type: clew.TypeOther}

type judgeStep struct {
	*step
	selects *judge
	by      *span.Calculator
	test    *judgeTest
}

type judgeTest struct {
	op   span.Op
	l, r *judgeScalar
}

type judgeScalar struct {
	*scalar
	calc  *span.Calculator
	pipe  *judge
	inner *judgeScalar
	args  []*judgeScalar
}

func newJudgeStep(s *step) judgeStep {
	j := judgeStep{step: s}
	switch {
	case s.selects != nil:
		j.selects = newJudge(s.selects)
	case s.by != nil:
		j.by = span.NewCalculator(s.by.expr)
	case s.test != nil:
		j.test = &judgeTest{s.test.op, newJudgeScalar(&s.test.l), newJudgeScalar(&s.test.r)}
	}
	return j
}

func newJudgeScalar(s *scalar) *judgeScalar {
	j := &judgeScalar{scalar: s}
	if s.of != nil {
		j.calc = span.NewCalculator(s.of.expr)
	}
	if s.pipe != nil {
		j.pipe, j.inner = newJudge(s.pipe), newJudgeScalar(s.inner)
	}
	for i := range s.args {
		j.args = append(j.args, newJudgeScalar(&s.args[i]))
	}
	return j
}

// sets returns what is selected out of a as sets, those of a trace in the order in which
// they came about, the traces in the order of the batch.
func (j *judge) sets(w *span.Whole, a among) []spanset {
	if j.op != selectPipe {
		return whole(w, j.choose(w, a))
	}
	steps := j.steps
	for len(steps) > 0 && steps[0].selects != nil { // still without sets
		a = steps[0].selects.narrow(w, a, true)
		steps = steps[1:]
	}
	sets := whole(w, a.rows)
	for i := range steps {
		sets = steps[i].apply(w, sets)
	}
	return sets
}

// whole puts the rows of each trace in one set.
func whole(w *span.Whole, rows column.Bitmap) []spanset {
	at := make([]int32, w.Traces)
	var sets []spanset
	for row := range rows.Ones() {
		t := w.Of[row]
		if at[t] == 0 {
			sets = append(sets, spanset{trace: t})
			at[t] = int32(len(sets))
		}
		s := &sets[at[t]-1]
		s.rows = append(s.rows, uint32(row))
	}
	slices.SortFunc(sets, func(x, y spanset) int { return cmp.Compare(x.trace, y.trace) })
	return sets
}

// union returns the rows of all sets.
func union(w *span.Whole, sets []spanset) column.Bitmap {
	rows := column.NewBitmap(w.Rows)
	for i := range sets {
		for _, row := range sets[i].rows {
			rows.Set(int(row))
		}
	}
	return rows
}

func (s *judgeStep) apply(w *span.Whole, sets []spanset) []spanset {
	switch {
	case s.selects != nil:
		return s.selects.fromSets(w, sets)
	case s.by != nil:
		return s.part(w, sets)
	case s.test != nil:
		return s.test.keep(w, sets)
	}
	merged := whole(w, union(w, sets))
	return merged
}

// fromSets selects from each set by itself. Sets of different traces are looked at
// together.
func (j *judge) fromSets(w *span.Whole, sets []spanset) (out []spanset) {
	rounds, round := [][]int{}, 0
	for i := range sets {
		if round++; i == 0 || sets[i].trace != sets[i-1].trace {
			round = 0
		}
		if round == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[round] = append(rounds[round], i)
	}
	kept := make([][]uint32, len(sets))
	from := column.NewBitmap(w.Rows)
	for _, round := range rounds {
		from = from.Reset(w.Rows)
		for _, i := range round {
			for _, row := range sets[i].rows {
				from.Set(int(row))
			}
		}
		rows := j.choose(w, among{from, from})
		for _, i := range round {
			for _, row := range sets[i].rows {
				if rows.Get(int(row)) {
					kept[i] = append(kept[i], row)
				}
			}
		}
	}
	for i, s := range sets {
		if s.rows = kept[i]; len(s.rows) > 0 {
			s.made = nil // of other spans
			out = append(out, s)
		}
	}
	return out
}

// part parts each set by a value. Spans without one are a set, too.
func (s *judgeStep) part(w *span.Whole, sets []spanset) (out []spanset) {
	values := valuesOf(w, s.by, union(w, sets))
	for i := range sets {
		places := make(map[string]int)
		for _, row := range sets[i].rows {
			v := values.of(row)
			k := series.ValueKey(v)
			at, ok := places[k]
			if !ok {
				at = len(out)
				places[k] = at
				by := append(slices.Clip(sets[i].by), labelOf(s.step.by.text, s.step.by.typ, v))
				out = append(out, spanset{trace: sets[i].trace, by: by})
			}
			out[at].rows = append(out[at].rows, row)
		}
	}
	return out
}

// labelOf names a value; typ is what the language has it for.
func labelOf(name string, typ traceql.Type, v clew.Value) series.Label {
	text := v.String()
	switch {
	case v.Type == clew.TypeOther:
		text = "nil"
	case v.Type == clew.TypeInt && (typ == traceql.TypeDuration || isEnumeration(typ)):
		text = traceql.Static{Type: typ, Int: v.Int()}.String()
	}
	return series.Label{Name: name, Value: v, Text: text}
}

// rowValues are values of rows of a batch.
type rowValues struct {
	has    column.Bitmap
	values []clew.Value
}

func valuesOf(w *span.Whole, c *span.Calculator, rows column.Bitmap) rowValues {
	v := rowValues{column.NewBitmap(w.Rows), make([]clew.Value, w.Rows)}
	c.Each(w, rows, func(row int, x clew.Value) {
		if x.Type == clew.TypeString {
			x.Bytes = bytes.Clone(x.Bytes)
		}
		v.has.Set(row)
		v.values[row] = x
	})
	return v
}

func (v *rowValues) of(row uint32) clew.Value {
	if v.has.Get(int(row)) {
		return v.values[row]
	}
	return none
}

// keep keeps the sets for which the test holds, and notes what it calculated.
func (t *judgeTest) keep(w *span.Whole, sets []spanset) (out []spanset) {
	l, r := t.l.calculate(w, sets), t.r.calculate(w, sets)
	for i, s := range sets {
		if l[i].Type == clew.TypeOther || r[i].Type == clew.TypeOther || !span.CompareValues(l[i], t.op, r[i]) {
			continue
		}
		s.made = slices.Clip(s.made)
		for side, x := range []*judgeScalar{t.l, t.r} {
			if x.fn != 0 || x.pipe != nil || len(x.args) > 0 {
				s.made = append(s.made, labelOf(x.text, x.typeOf(), [2]clew.Value{l[i], r[i]}[side]))
			}
		}
		out = append(out, s)
	}
	return out
}

// typeOf returns what the number is of: a duration, or a plain number.
func (s *scalar) typeOf() traceql.Type {
	switch {
	case s.of != nil && s.fn != traceql.CountDistinct && s.of.typ == traceql.TypeDuration:
		return traceql.TypeDuration
	case s.inner != nil:
		return s.inner.typeOf()
	case s.typ == traceql.TypeDuration:
		return s.typ
	case len(s.args) > 0:
		l, r := s.args[0].typeOf(), s.args[1].typeOf()
		if ratio := s.op == span.Ratio; !ratio && (l == traceql.TypeDuration || r == traceql.TypeDuration) {
			return traceql.TypeDuration
		}
	}
	return traceql.TypeFloat
}

// calculate returns the number of each set, none where there is none.
func (s *judgeScalar) calculate(w *span.Whole, sets []spanset) []clew.Value {
	out := make([]clew.Value, len(sets))
	switch {
	case s.pipe != nil:
		s.calculatePipe(w, sets, out)
	case len(s.args) > 0:
		l, r := s.args[0].calculate(w, sets), s.args[1].calculate(w, sets)
		for i := range out {
			out[i] = none
			if l[i].Type == clew.TypeOther || r[i].Type == clew.TypeOther {
				continue
			}
			if v, ok := span.Operate(s.op, l[i], r[i]); ok {
				out[i] = v
			}
		}
	case s.fn == 0:
		for i := range out {
			out[i] = s.value
		}
	case s.fn == traceql.Count:
		for i := range out {
			out[i] = clew.IntValue(int64(len(sets[i].rows)))
		}
	default:
		values := valuesOf(w, s.calc, union(w, sets))
		for i := range out {
			out[i] = aggregate(w, s.fn, sets[i].rows, &values)
		}
	}
	return out
}

// calculatePipe makes a number of what is selected from each set, all of which are one
// set for it. Of nothing the count is 0 and all else none.
func (s *judgeScalar) calculatePipe(w *span.Whole, sets []spanset, out []clew.Value) {
	from := column.NewBitmap(w.Rows)
	for i := range sets {
		from = from.Reset(w.Rows)
		for _, row := range sets[i].rows {
			from.Set(int(row))
		}
		one := spanset{trace: sets[i].trace, rows: s.pipe.choose(w, among{from, from}).AppendOnes(nil)}
		out[i] = s.inner.calculate(w, []spanset{one})[0]
	}
}

// aggregate makes a number of the values that rows have; none if none has one.
func aggregate(w *span.Whole, fn traceql.AggregateFn, rows []uint32, values *rowValues) clew.Value {
	switch fn {
	case traceql.CountDistinct:
		different := make(map[string]struct{})
		for _, row := range rows {
			if v := values.of(row); v.Type != clew.TypeOther {
				different[series.ValueKey(v)] = struct{}{}
			}
		}
		return clew.IntValue(int64(len(different)))
	case traceql.First, traceql.Last:
		return outermost(w, fn, rows, values)
	}
	var t total
	best := none
	for _, row := range rows {
		v := values.of(row)
		if !isNumber(v) {
			continue
		}
		t.add(v)
		if t.n == 1 || better(fn, v, best) {
			best = v
		}
	}
	switch {
	case t.n == 0:
		return none
	case fn == traceql.Sum:
		return t.sum()
	case fn == traceql.Avg:
		return clew.DoubleValue(double(t.sum()) / float64(t.n))
	}
	return best
}

// better reports whether v is rather the least or the greatest than best is; of an
// integer and a double that are equal it is the integer.
func better(fn traceql.AggregateFn, v, best clew.Value) bool {
	switch {
	case best.Type == clew.TypeDouble && math.IsNaN(best.Double()):
		return true // anything is
	case fn == traceql.Min && span.CompareValues(v, span.Lt, best), fn == traceql.Max && span.CompareValues(v, span.Gt, best):
		return true
	}
	return v.Type == clew.TypeInt && best.Type == clew.TypeDouble && span.CompareValues(v, span.Eq, best)
}

// total is a sum that does not depend on the order in which it was made: integers are
// added exactly, and doubles by size.
type total struct {
	n       int
	high    int64 // of the integers' sum
	low     uint64
	doubles []float64
}

func (t *total) add(v clew.Value) {
	t.n++
	if v.Type == clew.TypeDouble {
		t.doubles = append(t.doubles, v.Double())
		return
	}
	var carry uint64
	t.low, carry = bits.Add64(t.low, v.Bits, 0)
	t.high += v.Int()>>63 + int64(carry)
}

// sum is an integer if all numbers were and it fits, else a double.
func (t *total) sum() clew.Value {
	fits := t.high == int64(t.low)>>63
	if fits && len(t.doubles) == 0 {
		return clew.IntValue(int64(t.low))
	}
	slices.Sort(t.doubles)
	d := float64(t.high)*(1<<64) + float64(t.low)
	if fits {
		d = float64(int64(t.low))
	}
	for _, x := range t.doubles {
		d += x
	}
	return clew.DoubleValue(d)
}

func isNumber(v clew.Value) bool { return v.Type == clew.TypeInt || v.Type == clew.TypeDouble }

func double(v clew.Value) float64 {
	if v.Type == clew.TypeInt {
		return float64(v.Int())
	}
	return v.Double()
}

// outermost returns the number of the span that starts first or last, of those that have
// one; of spans that start together that of the lowest or highest id.
func outermost(w *span.Whole, fn traceql.AggregateFn, rows []uint32, values *rowValues) clew.Value {
	best, found := uint32(0), false
	for _, row := range rows {
		if !isNumber(values.of(row)) {
			continue
		}
		order := cmp.Or(cmp.Compare(w.Start[row], w.Start[best]), cmp.Compare(w.SpanID[row], w.SpanID[best]))
		if !found || fn == traceql.First && order < 0 || fn == traceql.Last && order > 0 {
			best, found = row, true
		}
	}
	if !found {
		return none
	}
	return values.of(best)
}
