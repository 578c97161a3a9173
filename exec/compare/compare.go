// Package compare counts which values the attributes of two groups of spans have: what
// compare(…) of TraceQL answers.
//
// It is told of each span in which group and step it is, and goes over columns: a value
// is numbered once for each dictionary, and spans that have the same resource, name or
// scope are counted together. It knows no queries and no stores.
package compare

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/span"
)

// MaxValues and MaxText bound what is remembered of one attribute: different values, and
// the bytes of their texts. Of an attribute that has more only the spans that have it are
// counted. Of so many values none stands out, and a name that a page can show is short.
const (
	MaxValues = 4096
	MaxText   = MaxValues * textBytes
	textBytes = 128
)

// MaxMemory bounds what is remembered of all attributes, in bytes. Where there is as much,
// some hundred of them can have MaxValues; with less memory they are fullAttributes, until
// MaxValues would be less than leastValues. valueBytes is what a value takes beside its
// text, attributeBytes what an attribute does, and cellBytes each number of either.
const (
	MaxMemory      = 128 << 20
	fullAttributes = 40
	leastValues    = 256
	valueBytes     = 192
	attributeBytes = 512
	cellBytes      = 32
)

// maxCells bounds the numbers of one answer over time.
const maxCells = 2_000_000

// Group is one of the two.
type Group uint8

// The groups.
const (
	Baseline Group = iota
	Selection
	groups = 2
)

// Sums is how many spans there are: Ones that count as one, and others of a sum of
// weights, and of their squares, in the unit of clew.Weight.
type Sums struct {
	Ones    uint64
	Weight  clew.Weight
	Squares sketch.Uint128
}

func (s *Sums) add(o *Sums) {
	s.Ones += o.Ones
	s.Weight, s.Squares = s.Weight.Plus(o.Weight), s.Squares.Add(o.Squares)
}

// Total returns the sum of the weights of all spans, and of their squares.
func (s *Sums) Total() (clew.Weight, sketch.Uint128) {
	one := uint64(clew.WeightOne)
	return s.Weight.Plus(clew.Weight(s.Ones) * clew.WeightOne), s.Squares.Add(sketch.Product(s.Ones*one, one))
}

// An Attribute is what was counted of one.
type Attribute struct {
	Field span.Field
	// Spans are those that have the attribute, by group and step.
	Spans  [groups][]Sums
	Values []Value
	// Different is how many values there are, one more than are remembered if there are more.
	Different int
	// Left reports that a group has values that are not told.
	Left bool
}

// A Value is one value of an attribute. Spans are those that have it, by group and step;
// nil of a group of which it is not among the most frequent.
type Value struct {
	Value clew.Value
	Spans [groups][]Sums
}

// A Counter counts batch after batch. One goroutine at a time.
type Counter struct {
	Roots *Roots // nil: those of traces are not compared

	steps  int
	fixed  bool // only values that are known are told apart
	memory int
	most   int // of memory
	values int // at most, of an attribute
	attrs  map[span.Field]*attribute
	err    error

	scratch
}

// attribute is one on its way. Places are steps times groups.
type attribute struct {
	field  span.Field
	spans  []Sums       // by place
	values []clew.Value // by number
	texts  map[string]uint32
	others map[clew.Type]map[uint64]uint32
	cells  []Sums // by number, then place
	told   [][groups]bool
	text   int
	count  int  // how many values there are, where only some of them are known
	more   bool // there are more values than are remembered
	left   bool

	table []uint32 // numbers of the entries of the dictionary dict
	dict  uint64

	columns []*span.Column // of the batch at hand
}

// New returns a counter over the whole of a window that may remember so many bytes, about;
// Again makes one that counts by steps.
func New(memory int64) *Counter {
	c := &Counter{steps: 1, most: int(min(memory, MaxMemory)), attrs: make(map[span.Field]*attribute)}
	c.values = min(MaxValues, max(leastValues, c.most/(fullAttributes*(valueBytes+textBytes))))
	return c
}

// Err returns why nothing more can be counted, once that is so.
func (c *Counter) Err() error { return c.err }

// Place is what a row has to be in to be counted; see Count.
func Place(step int, g Group) uint32 { return uint32(step*groups + int(g)) }

// attribute returns that of a field.
func (c *Counter) attribute(f span.Field) *attribute {
	a := c.attrs[f]
	if a == nil {
		a = &attribute{field: f, spans: make([]Sums, c.steps*groups), texts: make(map[string]uint32),
			others: make(map[clew.Type]map[uint64]uint32), more: c.fixed}
		c.attrs[f] = a
		c.remember(attributeBytes + len(f.Key) + (c.steps-1)*groups*cellBytes)
	}
	return a
}

// remember notes that more memory is used. It does not shrink, so that it does not depend
// on the order of batches whether there is too much.
func (c *Counter) remember(n int) {
	if c.memory += n; c.memory > c.most && c.err == nil {
		c.err = clew.Errorf(clew.TooLarge, "the spans have too many attributes of too many values to compare: select fewer of them, or ask for a shorter window")
	}
}

// number returns the number of a value; unknown if it is not told apart from others.
func (c *Counter) number(a *attribute, v clew.Value) uint32 {
	if v.Type == clew.TypeString {
		if n, ok := a.texts[string(v.Bytes)]; ok {
			return n
		}
		if !c.room(a, len(v.Bytes)) {
			return unknown
		}
		text := string(v.Bytes)
		a.texts[text] = uint32(len(a.values))
		return c.append(a, clew.StringValue(text))
	}
	if v = v.Whole(); v.Type == clew.TypeDouble && v.Double() != v.Double() {
		v = clew.DoubleValue(math.NaN()) // whatever its payload
	}
	known := a.others[v.Type]
	if n, ok := known[v.Bits]; ok {
		return n
	}
	if !c.room(a, 0) {
		return unknown
	}
	if known == nil {
		known = make(map[uint64]uint32)
		a.others[v.Type] = known
	}
	known[v.Bits] = uint32(len(a.values))
	return c.append(a, v)
}

// room reports whether one more value can be remembered; if not, none is any more.
func (c *Counter) room(a *attribute, text int) bool {
	if a.more {
		return false
	}
	if len(a.values) == c.values || a.text+text > c.values*textBytes {
		c.remember(c.values*(textBytes+valueBytes) - a.text - len(a.values)*valueBytes) // as much in whatever order values come
		a.more = true
		a.values, a.cells, a.texts, a.others, a.table, a.dict = nil, nil, nil, nil, nil, 0
		return false
	}
	a.text += text
	c.remember(text + valueBytes)
	return true
}

func (c *Counter) append(a *attribute, v clew.Value) uint32 {
	a.values = append(a.values, v)
	a.cells = append(a.cells, make([]Sums, c.steps*groups)...)
	return uint32(len(a.values) - 1)
}

// Choose says that of each attribute and group so many values are wanted, the most
// frequent; of equally frequent ones those that come first: numbers before texts before
// truth values, by size or by their bytes. A counter chooses once.
func (c *Counter) Choose(top int) {
	for _, a := range c.attrs {
		a.left = a.more
		a.told = make([][groups]bool, len(a.values))
		for g := range groups {
			a.choose(top, g)
		}
	}
}

func (a *attribute) choose(top, g int) {
	var list []int
	for n := range a.values {
		if weight, _ := a.cells[n*groups+g].Total(); weight > 0 {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(x, y int) int {
		wx, _ := a.cells[x*groups+g].Total()
		wy, _ := a.cells[y*groups+g].Total()
		return cmp.Or(cmp.Compare(wy, wx), compareValues(a.values[x], a.values[y]))
	})
	a.left = a.left || len(list) > top
	for _, n := range list[:min(top, len(list))] {
		a.told[n][g] = true
	}
}

// compareValues orders values that are not equal.
func compareValues(a, b clew.Value) int {
	an, bn := isNumber(a), isNumber(b)
	switch {
	case an && bn:
		return cmp.Or(cmp.Compare(asDouble(a), asDouble(b)), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Bits, b.Bits))
	case an != bn || a.Type != b.Type:
		return cmp.Compare(rank(b.Type), rank(a.Type))
	}
	return cmp.Or(bytes.Compare(a.Bytes, b.Bytes), cmp.Compare(a.Bits, b.Bits))
}

func isNumber(v clew.Value) bool { return v.Type == clew.TypeInt || v.Type == clew.TypeDouble }

func asDouble(v clew.Value) float64 {
	if v.Type == clew.TypeInt {
		return float64(v.Int())
	}
	return v.Double()
}

// Again returns a counter by steps of the values that were chosen.
func (c *Counter) Again(steps int) (*Counter, error) {
	next := &Counter{Roots: c.Roots, steps: steps, fixed: true, most: c.most, values: c.values, attrs: make(map[span.Field]*attribute)}
	cells, most := 0, min(maxCells, c.most/cellBytes)
	count := func() error {
		if cells += steps * groups; cells > most {
			return clew.Errorf(clew.TooLarge, "the answer has more than %d points: ask for a longer step, or fewer values of each attribute", most)
		}
		return nil
	}
	for f, a := range c.attrs {
		if err := count(); err != nil {
			return nil, err
		}
		b := next.attribute(f)
		b.left = a.left
		for n, v := range a.values {
			if a.told[n] == [groups]bool{} {
				continue
			}
			if err := count(); err != nil {
				return nil, err
			}
			b.more = false
			next.number(b, v)
			b.told = append(b.told, a.told[n])
		}
		b.more = true // further ones are not wanted
		b.count = c.different(a)
	}
	return next, nil
}

// gone reports that there were too many values, so that none is remembered.
func (a *attribute) gone() bool { return a.more && a.values == nil }

// different returns how many values there are of an attribute.
func (c *Counter) different(a *attribute) int {
	if a.gone() {
		return c.values + 1
	}
	return len(a.values)
}

// Attributes returns what was counted, by field, of the values that were chosen.
func (c *Counter) Attributes() []Attribute {
	out := make([]Attribute, 0, len(c.attrs))
	for f, a := range c.attrs {
		x := Attribute{Field: f, Left: a.left, Different: c.different(a)}
		if c.fixed {
			x.Different = a.count
		}
		for g := range groups {
			x.Spans[g] = c.group(a.spans, g)
		}
		for n, v := range a.values {
			if a.told[n] == [groups]bool{} {
				continue
			}
			value := Value{Value: v}
			for g := range groups {
				if a.told[n][g] {
					value.Spans[g] = c.group(a.cells[n*c.steps*groups:(n+1)*c.steps*groups], g)
				}
			}
			x.Values = append(x.Values, value)
		}
		slices.SortFunc(x.Values, func(a, b Value) int { return compareValues(a.Value, b.Value) })
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Attribute) int {
		return cmp.Or(cmp.Compare(a.Field.Intrinsic, b.Field.Intrinsic), cmp.Compare(a.Field.Scope, b.Field.Scope), cmp.Compare(a.Field.Key, b.Field.Key))
	})
	return out
}

// group returns the sums of one group, by step.
func (c *Counter) group(places []Sums, g int) []Sums {
	out := make([]Sums, c.steps)
	for i := range out {
		out[i] = places[i*groups+g]
	}
	return out
}

// Zero reports that there is nothing in sums.
func Zero(sums []Sums) bool {
	for i := range sums {
		if weight, _ := sums[i].Total(); weight > 0 {
			return false
		}
	}
	return true
}

// MetaTypes name what a series of a group is of: spans with one value of an attribute,
// and all that have the attribute.
var MetaTypes = [groups][2]string{
	Baseline:  {"baseline", "baseline_total"},
	Selection: {"selection", "selection_total"},
}
