package judge

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
)

// Step is one stage of a pipeline in which spans are in sets; one field besides text is
// set, or none: coalesce.
type Step struct {
	Text    string
	Selects *Selection // from each set
	By      *Measure   // parts each set by a value
	Test    *ScalarTest
}

// Measure is a value of single spans.
type Measure struct {
	Text string
	Type traceql.Type // TypeAny: only the span tells
	Expr span.Expr
}

// ScalarTest keeps the sets for which it holds.
type ScalarTest struct {
	Op   span.Op
	L, R Scalar
}

// Scalar is a number made from a set.
type Scalar struct {
	Text  string
	Value clew.Value          // of a literal; an integer or a double
	Type  traceql.Type        // of a literal
	Fn    traceql.AggregateFn // of an aggregate
	Of    *Measure            // what it aggregates; nil: count
	Pipe  *Selection          // what is aggregated is selected from the set first; nil: the set
	Inner *Scalar             // then this is made of it
	Op    span.ExprOp         // of an operation
	Args  []Scalar            // its two operands
}

// A spanset is spans of one trace that a pipeline keeps together.
type Spanset struct {
	Trace uint32   // of the batch
	Rows  []uint32 // ascending, at least one
	By    []Label  // by what it was parted
	Made  []Label  // what was made of it
}

// None is the value of what a span does not have.
var None = clew.Value{Type: clew.TypeOther}

type judgeStep struct {
	*Step
	selects *Judge
	by      *span.Calculator
	test    *judgeTest
}

type judgeTest struct {
	op   span.Op
	l, r *judgeScalar
}

type judgeScalar struct {
	*Scalar
	calc  *span.Calculator
	pipe  *Judge
	inner *judgeScalar
	args  []*judgeScalar
}

func newJudgeStep(s *Step, stop func() bool) judgeStep {
	j := judgeStep{Step: s}
	switch {
	case s.Selects != nil:
		j.selects = New(s.Selects, stop)
	case s.By != nil:
		j.by = span.NewCalculator(s.By.Expr, stop)
	case s.Test != nil:
		j.test = &judgeTest{s.Test.Op, newJudgeScalar(&s.Test.L, stop), newJudgeScalar(&s.Test.R, stop)}
	}
	return j
}

func newJudgeScalar(s *Scalar, stop func() bool) *judgeScalar {
	j := &judgeScalar{Scalar: s}
	if s.Of != nil {
		j.calc = span.NewCalculator(s.Of.Expr, stop)
	}
	if s.Pipe != nil {
		j.pipe, j.inner = New(s.Pipe, stop), newJudgeScalar(s.Inner, stop)
	}
	for i := range s.Args {
		j.args = append(j.args, newJudgeScalar(&s.Args[i], stop))
	}
	return j
}

// sets returns what is selected out of a as sets, those of a trace in the order in which
// they came about, the traces in the order of the batch.
func (j *Judge) sets(w *span.Whole, a among) []Spanset {
	if j.op != OpPipe {
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
func whole(w *span.Whole, rows column.Bitmap) []Spanset {
	at := make([]int32, w.Traces)
	var sets []Spanset
	for row := range rows.Ones() {
		t := w.Of[row]
		if at[t] == 0 {
			sets = append(sets, Spanset{Trace: t})
			at[t] = int32(len(sets))
		}
		s := &sets[at[t]-1]
		s.Rows = append(s.Rows, uint32(row))
	}
	slices.SortFunc(sets, func(x, y Spanset) int { return cmp.Compare(x.Trace, y.Trace) })
	return sets
}

// Union returns the rows of all sets.
func Union(w *span.Whole, sets []Spanset) column.Bitmap {
	rows := column.NewBitmap(w.Rows)
	for i := range sets {
		for _, row := range sets[i].Rows {
			rows.Set(int(row))
		}
	}
	return rows
}

func (s *judgeStep) apply(w *span.Whole, sets []Spanset) []Spanset {
	switch {
	case s.selects != nil:
		return s.selects.fromSets(w, sets)
	case s.by != nil:
		return s.part(w, sets)
	case s.test != nil:
		return s.test.keep(w, sets)
	}
	return whole(w, Union(w, sets))
}

// fromSets selects from each set by itself.
func (j *Judge) fromSets(w *span.Whole, sets []Spanset) (out []Spanset) {
	kept := j.rowsOf(w, sets)
	for i, s := range sets {
		if s.Rows = kept[i]; len(s.Rows) > 0 {
			s.Made = nil // of other spans
			out = append(out, s)
		}
	}
	return out
}

// rowsOf returns what is selected from each set by itself. Sets of different traces are
// looked at together.
func (j *Judge) rowsOf(w *span.Whole, sets []Spanset) [][]uint32 {
	rounds, round := [][]int{}, 0
	for i := range sets {
		if round++; i == 0 || sets[i].Trace != sets[i-1].Trace {
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
			for _, row := range sets[i].Rows {
				from.Set(int(row))
			}
		}
		rows := j.choose(w, among{from, from})
		for _, i := range round {
			for _, row := range sets[i].Rows {
				if rows.Get(int(row)) {
					kept[i] = append(kept[i], row)
				}
			}
		}
	}
	return kept
}

// part parts each set by a value. Spans without one are a set, too.
func (s *judgeStep) part(w *span.Whole, sets []Spanset) (out []Spanset) {
	values := ValuesOf(w, s.by, Union(w, sets))
	for i := range sets {
		places := make(map[string]int)
		for _, row := range sets[i].Rows {
			v := values.Of(row)
			k := v.Key()
			at, ok := places[k]
			if !ok {
				at = len(out)
				places[k] = at
				by := append(slices.Clip(sets[i].By), LabelOf(s.By.Text, s.By.Type, v))
				out = append(out, Spanset{Trace: sets[i].Trace, By: by})
			}
			out[at].Rows = append(out[at].Rows, row)
		}
	}
	return out
}

// Label is a value with its name.
type Label struct {
	Name  string
	Value clew.Value // None where there is none
	// Text is the value for people: 20ms, where Value is of nanoseconds.
	Text string
}

// Compare orders labels by their texts.
func (l Label) Compare(o Label) int {
	return cmp.Or(cmp.Compare(l.Text, o.Text), cmp.Compare(l.Value.Key(), o.Value.Key()))
}

// LabelOf names a value; typ is what the language has it for.
func LabelOf(name string, typ traceql.Type, v clew.Value) Label {
	text := v.String()
	switch {
	case v.Type == clew.TypeOther:
		text = "nil"
	case v.Type == clew.TypeInt && (typ == traceql.TypeDuration || typ == traceql.TypeStatus || typ == traceql.TypeKind):
		text = traceql.Static{Type: typ, Int: v.Int()}.String()
	case v.Type == clew.TypeDouble && typ == traceql.TypeDuration && math.Abs(v.Double()) < 1<<62: // a mean
		text = traceql.Static{Type: typ, Int: int64(math.Round(v.Double()))}.String()
	}
	return Label{Name: name, Value: v, Text: text}
}

// RowValues are values of rows of a batch.
type RowValues struct {
	Has    column.Bitmap
	values []clew.Value // by row, or where few have one, by the place of a row in rows
	rows   []uint32     // ascending
}

// fewValues is of how many rows one at most has a value for values to be searched: a value
// for each row is more memory to make than a search is steps.
const fewValues = 8

// ValuesOf calculates a value for rows.
func ValuesOf(w *span.Whole, c *span.Calculator, rows column.Bitmap) RowValues {
	v := RowValues{Has: column.NewBitmap(w.Rows)}
	few := rows.Count()*fewValues <= w.Rows
	if !few {
		v.values = make([]clew.Value, w.Rows)
	}
	c.Each(w, rows, func(row int, x clew.Value) {
		if x.Type == clew.TypeString {
			x.Bytes = bytes.Clone(x.Bytes)
		}
		v.Has.Set(row)
		if few {
			v.rows, v.values = append(v.rows, uint32(row)), append(v.values, x)
		} else {
			v.values[row] = x
		}
	})
	return v
}

// Of returns the value of a row, None where it has none.
func (v *RowValues) Of(row uint32) clew.Value {
	if !v.Has.Get(int(row)) {
		return None
	}
	if v.rows != nil {
		i, _ := slices.BinarySearch(v.rows, row)
		return v.values[i]
	}
	return v.values[row]
}

// keep keeps the sets for which the test holds, and notes what it calculated.
func (t *judgeTest) keep(w *span.Whole, sets []Spanset) (out []Spanset) {
	l, r := t.l.calculate(w, sets), t.r.calculate(w, sets)
	for i, s := range sets {
		if l[i].Type == clew.TypeOther || r[i].Type == clew.TypeOther || !span.CompareValues(l[i], t.op, r[i]) {
			continue
		}
		s.Made = slices.Clip(s.Made)
		for side, x := range []*judgeScalar{t.l, t.r} {
			if x.Fn != 0 || x.Pipe != nil || len(x.Args) > 0 {
				s.Made = append(s.Made, LabelOf(x.Text, x.TypeOf(), [2]clew.Value{l[i], r[i]}[side]))
			}
		}
		out = append(out, s)
	}
	return out
}

// TypeOf returns what the number is of: a duration, or a plain number.
func (s *Scalar) TypeOf() traceql.Type {
	switch {
	case s.Of != nil && s.Fn != traceql.CountDistinct && s.Of.Type == traceql.TypeDuration:
		return traceql.TypeDuration
	case s.Inner != nil:
		return s.Inner.TypeOf()
	case s.Type == traceql.TypeDuration:
		return s.Type
	case len(s.Args) > 0:
		l, r := s.Args[0].TypeOf(), s.Args[1].TypeOf()
		if ratio := s.Op == span.Ratio; !ratio && (l == traceql.TypeDuration || r == traceql.TypeDuration) {
			return traceql.TypeDuration
		}
	}
	return traceql.TypeFloat
}

// calculate returns the number of each set, None where there is none.
func (s *judgeScalar) calculate(w *span.Whole, sets []Spanset) []clew.Value {
	if s.pipe != nil {
		return s.calculatePipe(w, sets)
	}
	out := make([]clew.Value, len(sets))
	switch {
	case len(s.args) > 0:
		l, r := s.args[0].calculate(w, sets), s.args[1].calculate(w, sets)
		for i := range out {
			out[i] = None
			if l[i].Type == clew.TypeOther || r[i].Type == clew.TypeOther {
				continue
			}
			if v, ok := span.Operate(s.Op, l[i], r[i]); ok {
				out[i] = v
			}
		}
	case s.Fn == 0:
		for i := range out {
			out[i] = s.Value
		}
	case s.Fn == traceql.Count:
		for i := range out {
			out[i] = clew.IntValue(int64(len(sets[i].Rows)))
		}
	default:
		values := ValuesOf(w, s.calc, Union(w, sets))
		for i := range out {
			out[i] = aggregate(w, s.Fn, sets[i].Rows, &values)
		}
	}
	return out
}

// calculatePipe makes a number of what is selected from each set, all of which are one
// set for it. Of nothing the count is 0 and all else None.
func (s *judgeScalar) calculatePipe(w *span.Whole, sets []Spanset) []clew.Value {
	ones := make([]Spanset, len(sets))
	for i, rows := range s.pipe.rowsOf(w, sets) {
		ones[i] = Spanset{Trace: sets[i].Trace, Rows: rows}
	}
	return s.inner.calculate(w, ones)
}

// aggregate makes a number of the values that rows have; None if none has one.
func aggregate(w *span.Whole, fn traceql.AggregateFn, rows []uint32, values *RowValues) clew.Value {
	switch fn {
	case traceql.CountDistinct:
		different := make(map[string]struct{})
		for _, row := range rows {
			if v := values.Of(row); v.Type != clew.TypeOther {
				different[v.Key()] = struct{}{}
			}
		}
		return clew.IntValue(int64(len(different)))
	case traceql.First, traceql.Last:
		return outermost(w, fn, rows, values)
	}
	var total sketch.Sum
	n, best := 0, None
	for _, row := range rows {
		v := values.Of(row)
		if !isNumber(v) {
			continue
		}
		if n++; n == 1 || better(fn, v, best) {
			best = v
		}
		if v.Type == clew.TypeInt {
			total.AddInt(v.Int(), 1)
		} else {
			total.AddFloat(v.Double(), 1)
		}
	}
	whole, ok := total.Int()
	switch {
	case n == 0:
		return None
	case fn == traceql.Sum && ok:
		return clew.IntValue(whole)
	case fn == traceql.Sum:
		return clew.DoubleValue(total.Float64(0))
	case fn == traceql.Avg:
		return clew.DoubleValue(total.Float64(0) / float64(n))
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

func isNumber(v clew.Value) bool { return v.Type == clew.TypeInt || v.Type == clew.TypeDouble }

// outermost returns the number of the span that starts first or last, of those that have
// one; of spans that start together that of the lowest or highest id.
func outermost(w *span.Whole, fn traceql.AggregateFn, rows []uint32, values *RowValues) clew.Value {
	best, found := uint32(0), false
	for _, row := range rows {
		if !isNumber(values.Of(row)) {
			continue
		}
		order := cmp.Or(cmp.Compare(w.Start[row], w.Start[best]), cmp.Compare(w.SpanID[row], w.SpanID[best]))
		if !found || fn == traceql.First && order < 0 || fn == traceql.Last && order > 0 {
			best, found = row, true
		}
	}
	if !found {
		return None
	}
	return values.Of(best)
}
