package scan

import (
	"math"
	"slices"
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
)

// A Selector finds the rows that meet a condition, in segment after segment, and
// reads as little as it can:
//
//	Segment  tests what rows have in common: of each template it is known whether its
//	         rows meet the condition, do not, or may. Few templates are left, as
//	         ranges of numbers, and codes instead of strings.
//	Block    tests the bounds of a block's chunks.
//	Rows     takes the runs of those templates, and tests on packed values what is
//	         not known yet.
//
// What it does not know to test so, it tests as span.Matcher does, on columns.
//
// One goroutine uses it. Selections it has from others of the same condition, too, which
// may use them at the same time.
type Selector struct {
	cache  *segment.Cache
	nodes  []*node // the condition's, each after its arguments; the last is all of it
	lookup bool    // see looksUp
	block  blockSelector
	known  []state // scratch
	tell   []teller
	groups []group // of the segment at hand
}

// node is a part of a condition.
type node struct {
	kind   nodeKind
	number int // in Selector.nodes
	cond   *span.Condition
	args   []*node
	cost   int          // the greater, the later it is tested
	window column.Range // leafWindow
	byCode []state      // leafTemplate: by kind or status; nil for others

	matcher *span.Matcher // leafOther
	need    segment.Need
	tested  int // blocks since the matcher is new
}

type nodeKind uint8

const (
	nodeTrue nodeKind = iota
	nodeAnd
	nodeOr
	nodeNot
	leafTemplate // of the template: name, kind, status, scope
	leafResource
	leafWindow   // the start
	leafDuration // compared with an int, or whether there is one
	leafAttr     // an attribute of spans
	leafAny      // an attribute of spans or else of the resource
	leafChild    // an attribute of events or links, tested on columns
	leafOther    // tested on columns
)

// Costs of testing a row, relative to one another.
const (
	costDense  = 1
	costAttr   = 2
	costColumn = 10
)

// New returns a selector for rows that start within w and meet a condition,
// which is one on single rows.
func New(c *segment.Cache, where span.Condition, w clew.Window) *Selector {
	s := &Selector{cache: c}
	s.block.reader.Cache, s.block.reader.Keep = c, true
	root := s.node(&where)
	switch {
	case w.End != 0 && w.Start >= w.End:
		s.addNode(&node{kind: nodeOr}) // nothing starts within it
	case w.Start != 0 || w.End != 0:
		start := &node{kind: leafWindow, cost: costDense, window: column.Range{Low: uint64(w.Start), Span: uint64(w.End - 1 - w.Start)}}
		s.addNode(start)
		both := &node{kind: nodeAnd, args: []*node{root, start}}
		slices.SortStableFunc(both.args, func(a, b *node) int { return a.cost - b.cost })
		s.addNode(both)
	}
	s.block.leaves = make([]blockLeaf, len(s.nodes))
	s.lookup = s.looksUp()
	return s
}

func (s *Selector) addNode(n *node) *node {
	n.number = len(s.nodes)
	s.nodes = append(s.nodes, n)
	return n
}

func (s *Selector) root() *node { return s.nodes[len(s.nodes)-1] }

// node adds a condition and its arguments.
func (s *Selector) node(c *span.Condition) *node {
	n := &node{cond: c}
	switch c.Op {
	case span.True:
		n.kind = nodeTrue
	case span.And, span.Or, span.Not:
		n.kind = nodeKind(c.Op-span.And) + nodeAnd
		for i := range c.Args {
			arg := s.node(&c.Args[i])
			n.args = append(n.args, arg)
			n.cost = max(n.cost, arg.cost)
		}
		slices.SortStableFunc(n.args, func(a, b *node) int { return a.cost - b.cost })
	case span.Relate:
		needs := c.Relation.Needs()
		relation := s.addNode(&node{cond: c, kind: leafOther, cost: costColumn})
		c.Fields(relation.need.Field)
		n.kind, n.cost, n.args = nodeAnd, costColumn, []*node{s.node(&needs), relation}
	default:
		n.kind, n.cost = leafOf(c)
	}
	if c.Field.Intrinsic == span.SpanKind || c.Field.Intrinsic == span.StatusCode {
		for i := range math.MaxUint8 + 1 {
			n.byCode = append(n.byCode, stateOf(c.Test(clew.IntValue(int64(i)))))
		}
	}
	if n.kind >= leafDuration {
		c.Fields(n.need.Field)
	}
	return s.addNode(n)
}

func leafOf(c *span.Condition) (nodeKind, int) {
	switch c.Field.Intrinsic {
	case span.None:
		switch c.Field.Scope {
		case span.ScopeSpan:
			return leafAttr, costAttr
		case span.ScopeResource:
			return leafResource, costDense
		case span.ScopeAny:
			return leafAny, costAttr
		case span.ScopeInstrumentation:
			return leafTemplate, 0
		case span.ScopeEvent, span.ScopeLink:
			return leafChild, costColumn
		}
	case span.Name, span.SpanKind, span.StatusCode, span.ScopeName, span.ScopeVersion:
		return leafTemplate, 0
	case span.Duration:
		if c.Op == span.Exists || c.Op >= span.Eq && c.Op <= span.Ge && c.Value.Type == clew.TypeInt {
			return leafDuration, costDense
		}
	}
	return leafOther, costColumn
}

// rangeOf returns the ints that meet a test; false if there are none, or it is a
// comparison with something else.
func rangeOf(c *span.Condition) (r column.Range, some bool) {
	const least, most = uint64(1) << 63, uint64(1)<<63 - 1
	switch {
	case c.Op == span.Exists:
		return column.Range{Span: ^uint64(0)}, true
	case c.Value.Type != clew.TypeInt:
		return r, false
	}
	switch v := c.Value.Bits; c.Op {
	case span.Eq:
		return column.Range{Low: v}, true
	case span.Ne:
		return column.Range{Low: v + 1, Span: ^uint64(0) - 1}, true
	case span.Lt:
		return column.Range{Low: least, Span: v - 1 - least}, v != least
	case span.Le:
		return column.Range{Low: least, Span: v - least}, true
	case span.Gt:
		return column.Range{Low: v + 1, Span: most - v - 1}, v != most
	case span.Ge:
		return column.Range{Low: v, Span: most - v}, true
	}
	return r, false
}

// serviceKey is the resource attribute that names the service.
const serviceKey = "service.name"

// state is what is known of a condition for some rows.
type state uint8

const (
	stateNo state = iota
	stateSome
	stateYes
)

func stateOf(yes bool) state {
	if yes {
		return stateYes
	}
	return stateNo
}

// either adds what is known of other rows.
func (s state) either(yes bool) state {
	if s != stateOf(yes) {
		return stateSome
	}
	return s
}

// combine sets what is known of the nodes that have arguments, where leaves are set,
// and returns what is known of all.
func (s *Selector) combine(known []state) state {
	for i, n := range s.nodes {
		switch n.kind {
		case nodeTrue:
			known[i] = stateYes
		case nodeAnd:
			known[i] = stateYes
			for _, arg := range n.args {
				known[i] = min(known[i], known[arg.number])
			}
		case nodeOr:
			known[i] = stateNo
			for _, arg := range n.args {
				known[i] = max(known[i], known[arg.number])
			}
		case nodeNot:
			known[i] = stateYes - known[n.args[0].number]
		}
	}
	return known[len(known)-1]
}

// A Selection is what a Selector knows about one segment.
type Selection struct {
	groups []group
	states [][]state  // by group.states, then node
	open   bool       // nothing is known of any leaf
	leaves []leafPlan // by node

	start, duration int // columns

	once sync.Once
	of   []uint32 // see byTemplate
}

// leafPlan is what a leaf tests in a segment.
type leafPlan struct {
	columns  []columnPlan // leafAttr, leafChild
	resource []bool       // leafResource: by resource
	service  []state      // leafResource: by service
	byCode   []state      // leafTemplate: by code of the name, kind, status or scope
	byShape  []state      // columns, but of leafChild: by shape
	other    bool         // to be tested on columns
	within   bool         // leafWindow: all rows start within it
}

// Segment returns what is known of the rows of a segment, nil if none meets the
// condition.
func (s *Selector) Segment(r *segment.Reader) (*Selection, error) {
	t, err := s.cache.Tables(r)
	if err != nil {
		return nil, err
	}
	x := &Selection{leaves: make([]leafPlan, len(s.nodes)), start: t.Start, duration: t.Duration}
	for i, n := range s.nodes {
		x.leaves[i].plan(n, t)
		x.leaves[i].within = n.kind == leafWindow && isWithin(n.window, r)
	}
	// Dictionaries are read, and their values tested, where templates are left; but where a
	// value is looked up and nothing else is asked of templates, that is the quicker way to
	// find that none are.
	if !s.lookup {
		if s.group(x, t); len(x.groups) == 0 {
			return nil, nil
		}
	}
	less := s.lookup
	for i, n := range s.nodes {
		narrower, err := s.narrow(&x.leaves[i], n, r, t)
		if err != nil {
			return nil, err
		}
		less = less || narrower
	}
	if less {
		s.group(x, t)
	}
	if len(x.groups) == 0 {
		return nil, nil
	}
	return x, nil
}

// looksUp reports whether a condition asks for a value of an attribute of spans, perhaps
// one of the resource, and of templates nothing else.
func (s *Selector) looksUp() bool {
	lookups := 0
	for _, n := range s.nodes {
		switch n.kind {
		case nodeTrue, nodeAnd, leafWindow, leafDuration:
		case leafAttr, leafAny:
			if n.cond.Op != span.Eq || n.cond.Value.Type != clew.TypeString {
				return false
			}
			lookups++
		default:
			return false
		}
	}
	return lookups == 1
}

// plan finds what a leaf tests, without a look at dictionaries.
func (p *leafPlan) plan(n *node, t *segment.Tables) {
	switch n.kind {
	case leafTemplate:
		if p.byCode = n.byCode; p.byCode == nil {
			p.byCode = testCodes(t, n.cond)
		}
	case leafResource:
		p.resources(n.cond, t)
	case leafAttr:
		p.own(n.cond, t)
	case leafChild:
		if p.other = t.Pooled(n.cond.Field.Scope, n.cond.Field.Key); p.other {
			break
		}
		attrs := t.EventAttrs
		if n.cond.Field.Scope == span.ScopeLink {
			attrs = t.LinkAttrs
		}
		p.columns = columnPlans(n.cond, attrs, nil)
	case leafAny:
		if t.ResourceKeys[n.cond.Field.Key] {
			p.resources(n.cond, t)
		}
		if !slices.Contains(p.resource, true) { // only the span's own may meet it
			p.resource, p.service = nil, nil
			p.own(n.cond, t)
			break
		}
		p.other = t.Pooled(span.ScopeSpan, n.cond.Field.Key) ||
			slices.ContainsFunc(t.Attrs, func(a segment.Attr) bool { return a.Key == n.cond.Field.Key })
	}
}

// own finds the columns of an attribute of spans. Of one that is pooled all values are
// tested on columns.
func (p *leafPlan) own(c *span.Condition, t *segment.Tables) {
	if p.other = t.Pooled(span.ScopeSpan, c.Field.Key); !p.other {
		p.columns = columnPlans(c, t.Attrs, &t.Shapes)
	}
}

// resources tests all resources, or where that is enough the names of services.
func (p *leafPlan) resources(c *span.Condition, t *segment.Tables) {
	p.service = make([]state, len(t.ServiceNames))
	if c.Field.Key == serviceKey && c.Field.Scope == span.ScopeResource && t.PlainServices {
		for i, name := range t.ServiceNames {
			p.service[i] = stateOf(c.Test(name))
		}
		return
	}
	if p.resource = make([]bool, len(t.Resources)); !t.ResourceKeys[c.Field.Key] {
		return
	}
	for i, r := range t.Resources {
		for _, a := range r.Attrs {
			p.resource[i] = p.resource[i] || a.Key == c.Field.Key && c.Test(a.Value)
		}
	}
	for i := range p.service {
		of := p.resource[t.Base[i]:t.Base[i+1]]
		for k, yes := range of {
			if k == 0 {
				p.service[i] = stateOf(yes)
			}
			p.service[i] = p.service[i].either(yes)
		}
	}
}

// ofColumns reports whether rows meet a leaf by a value in one of its columns only.
func (n *node) ofColumns(p *leafPlan) bool {
	return !p.other && (n.kind == leafAttr || n.kind == leafChild || n.kind == leafAny && p.service == nil)
}

// testCodes tests the names, or scopes, that rows of a template may have in common.
func testCodes(t *segment.Tables, c *span.Condition) (by []state) {
	switch c.Field.Intrinsic {
	case span.Name:
		for i := range t.Names.Len() {
			by = append(by, stateOf(c.Test(clew.Value{Type: clew.TypeString, Bytes: t.Names.At(i)})))
		}
	case span.ScopeName:
		for _, s := range t.Scopes {
			by = append(by, stateOf(c.Test(clew.StringValue(s.Name))))
		}
	case span.ScopeVersion:
		for _, s := range t.Scopes {
			by = append(by, stateOf(c.Test(clew.StringValue(s.Version))))
		}
	default:
		for _, s := range t.Scopes {
			has := func(a clew.Attr) bool { return a.Key == c.Field.Key && c.Test(a.Value) }
			by = append(by, stateOf(slices.ContainsFunc(s.Attrs, has)))
		}
	}
	return by
}

// Block reports whether a block may have a row that meets the condition, by the
// bounds of its chunks.
func (s *Selector) Block(r *segment.Reader, x *Selection, blk int) bool {
	known := resize(s.known, len(s.nodes))
	s.known = known
	for i, n := range s.nodes {
		known[i] = x.bounds(n, r, blk)
	}
	return s.combine(known) != stateNo
}

// bounds decides a leaf for all rows of a block.
func (x *Selection) bounds(n *node, r *segment.Reader, blk int) state {
	if n.ofColumns(&x.leaves[n.number]) {
		return x.attrBounds(n, r, blk)
	}
	switch n.kind {
	case leafWindow:
		if x.leaves[n.number].within {
			return stateYes
		}
		return boundsOf(r, x.start, blk, n.window, false)
	case leafDuration:
		in, some := rangeOf(n.cond)
		if !some {
			return stateNo
		}
		known := boundsOf(r, x.duration, blk, in, true)
		if known == stateYes && mayLackEnds(r, x.start, x.duration, blk) {
			return stateSome
		}
		return known
	}
	return stateSome
}

// mayLackEnds reports whether a block may have rows without an end, whose place in the
// column of durations has minus their start. They have no duration, and are told from
// others by their starts only.
func mayLackEnds(r *segment.Reader, start, duration, blk int) bool {
	lo, hi, ok := r.Bounds(start, blk)
	return !ok || boundsOf(r, duration, blk, column.Range{Low: -hi, Span: hi - lo}, true) != stateNo
}

// isWithin reports whether all rows of a segment start within a window.
func isWithin(window column.Range, r *segment.Reader) bool {
	m := r.Meta()
	return stateWithin(m.MinStart, m.MaxStart, window) == stateYes
}

// attrBounds is bounds for an attribute: rows without it do not meet the condition.
func (x *Selection) attrBounds(n *node, r *segment.Reader, blk int) state {
	for i := range x.leaves[n.number].columns {
		c := &x.leaves[n.number].columns[i]
		if _, _, ok := r.Bounds(c.col, blk); ok && (!c.ranged || boundsOf(r, c.col, blk, c.in, c.signed) != stateNo) {
			return stateSome
		}
	}
	return stateNo
}

// boundsOf compares the bounds of a chunk with a range.
func boundsOf(r *segment.Reader, col, blk int, in column.Range, signed bool) state {
	lo, hi, ok := r.Bounds(col, blk)
	switch {
	case !ok:
		return stateSome
	case signed: // bounds are shifted to the order of unsigned numbers
		in.Low += 1 << 63
	}
	return stateWithin(lo, hi, in)
}

// stateWithin compares bounds with a range.
func stateWithin(lo, hi uint64, in column.Range) state {
	switch {
	case !in.Has(lo) && in.Low-lo > hi-lo:
		return stateNo
	case in.Has(lo) && in.Low+in.Span-lo >= hi-lo:
		return stateYes
	}
	return stateSome
}
