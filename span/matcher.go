package span

import (
	"encoding/hex"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
)

// A Matcher evaluates one condition on batch after batch. It remembers what it
// found out about dictionaries that batches share, and it owns its scratch
// memory: one goroutine at a time.
type Matcher struct {
	// Stop, where not nil, is asked time and again while relations are calculated, of which
	// one over a span's events and links takes as many steps as there are pairs. Once it
	// says true matches end early, and what they return is nothing to rely on.
	Stop func() bool

	cond    Condition
	memos   map[memoKey][]uint8
	free    []column.Bitmap
	table   []bool
	entries []uint8                    // by entry of a table: a memo
	bytes   map[*Condition]*[256]uint8 // which small values meet a test: 1

	vectors []*vector                 // free ones, of relations
	chunk   []uint32                  // numbers of a relation's elements
	whole   *Whole                    // the batch, should it be of whole traces
	parents map[*Condition]*Condition // the same tests, of the row itself
}

func (m *Matcher) stopped() bool { return m.Stop != nil && m.Stop() }

// memoKey names a dictionary and the condition leaf its values were tested with.
type memoKey struct {
	leaf *Condition
	dict uint64
}

// Memo states of a dictionary value.
const (
	memoUnknown uint8 = iota
	memoNo
	memoYes
)

// NewMatcher returns a matcher for c.
func NewMatcher(c Condition) *Matcher {
	return &Matcher{cond: c, memos: make(map[memoKey][]uint8)}
}

// Match returns the rows of b that meet the condition. The bitmap is new and the
// caller's. b must have the columns that the condition tests; if the condition has
// fields of the whole trace (Condition.OfTrace), b must be exactly one trace.
func (m *Matcher) Match(b *Batch) column.Bitmap { return m.MatchWhole(&Whole{Batch: b}) }

// MatchWhole is Match for what was found out about the batch before.
func (m *Matcher) MatchWhole(w *Whole) column.Bitmap {
	dst := column.NewBitmap(w.Rows)
	m.whole = w
	m.eval(&m.cond, w.Batch, dst)
	m.whole = nil
	return dst
}

func (m *Matcher) scratch(n int) column.Bitmap {
	if k := len(m.free); k > 0 {
		s := m.free[k-1]
		m.free = m.free[:k-1]
		if cap(s)*64 >= n {
			return s.Reset(n)
		}
	}
	return column.NewBitmap(n)
}

func (m *Matcher) done(s column.Bitmap) { m.free = append(m.free, s) }

// eval sets in dst, which is empty, the rows that meet c.
func (m *Matcher) eval(c *Condition, b *Batch, dst column.Bitmap) {
	switch c.Op {
	case True:
		dst.Fill(b.Rows)
	case And:
		dst.Fill(b.Rows)
		for i := range c.Args {
			s := m.scratch(b.Rows)
			m.eval(&c.Args[i], b, s)
			dst.And(s)
			m.done(s)
		}
	case Or:
		for i := range c.Args {
			s := m.scratch(b.Rows)
			m.eval(&c.Args[i], b, s)
			dst.Or(s)
			m.done(s)
		}
	case Not:
		m.eval(&c.Args[0], b, dst)
		dst.Not(b.Rows)
	case Relate:
		m.relate(c.Relation, b, dst)
	default:
		m.leaf(c, b, dst)
	}
}

// leaf evaluates a test of a field.
func (m *Matcher) leaf(c *Condition, b *Batch, dst column.Bitmap) {
	if c.Field.Parent {
		m.ofParents(c, b, dst)
		return
	}
	if c.Field.Intrinsic != None {
		m.intrinsic(c, b, dst)
		return
	}
	key := c.Field.Key
	switch c.Field.Scope {
	case ScopeSpan:
		m.attrs(c, key, &b.Attrs, dst)
	case ScopeResource:
		m.byResource(c, b, dst)
	case ScopeInstrumentation:
		m.byScope(b, dst, func(s *ScopeEntry) bool { return m.anyAttr(c, key, s.Attrs) })
	case ScopeEvent:
		s := m.scratch(len(b.Events.Row))
		m.attrs(c, key, &b.Events.Attrs, s)
		spread(s, b.Events.Row, dst)
		m.done(s)
	case ScopeLink:
		s := m.scratch(len(b.Links.Row))
		m.attrs(c, key, &b.Links.Attrs, s)
		spread(s, b.Links.Row, dst)
		m.done(s)
	default:
		m.byResource(c, b, dst)
		for t := range clew.Type(clew.TypeCount) {
			if col := b.Attrs.Lookup(key, t); col != nil {
				for _, r := range col.Rows {
					dst.Clear(int(r))
				}
			}
		}
		m.attrs(c, key, &b.Attrs, dst)
	}
}

// spread sets the rows that own a set child.
func spread(children column.Bitmap, rows []uint32, dst column.Bitmap) {
	for i := range children.Ones() {
		dst.Set(int(rows[i]))
	}
}

func (m *Matcher) attrs(c *Condition, key string, a *Attrs, dst column.Bitmap) {
	for t := range clew.Type(clew.TypeCount) {
		if !c.mayMeet(t) {
			continue
		}
		if col := a.Lookup(key, t); col != nil {
			m.column(c, col, dst)
		}
	}
}

// mayMeet reports whether a value of type t can meet the test at all.
func (c *Condition) mayMeet(t clew.Type) bool {
	switch {
	case c.Op == Exists, t == clew.TypeOther: // an array may have such an element
		return true
	case c.Op == Match, c.Op == NotMatch:
		return t == clew.TypeString
	}
	switch c.Value.Type {
	case clew.TypeInt, clew.TypeDouble:
		return t == clew.TypeInt || t == clew.TypeDouble
	}
	return t == c.Value.Type
}

// column sets the rows of a sparse column whose value meets c.
func (m *Matcher) column(c *Condition, col *Column, dst column.Bitmap) {
	if c.Op == Exists {
		for _, r := range col.Rows {
			dst.Set(int(r))
		}
		return
	}
	if col.Type == clew.TypeString || col.Type == clew.TypeOther {
		memo := m.memo(c, col.DictID, col.Strings.Len())
		for i, r := range col.Rows {
			if testCode(c, memo, col.Type, col.Strings, col.Vals[i]) {
				dst.Set(int(r))
			}
		}
		return
	}
	if col.Type == clew.TypeInt && c.Value.Type == clew.TypeInt {
		lo, hi, inside := c.Op.intRange(c.Value.Int())
		for i, r := range col.Rows {
			if v := int64(col.Vals[i]); (v >= lo && v <= hi) == inside {
				dst.Set(int(r))
			}
		}
		return
	}
	for i, r := range col.Rows {
		if c.Test(clew.Value{Type: col.Type, Bits: col.Vals[i]}) {
			dst.Set(int(r))
		}
	}
}

// intRange turns a comparison with v into membership in (or, not inside, absence
// from) the closed range [lo, hi].
func (o Op) intRange(v int64) (lo, hi int64, inside bool) {
	const least, most = -1 << 63, 1<<63 - 1
	switch o {
	case Eq:
		return v, v, true
	case Ne:
		return v, v, false
	case Lt:
		return v, most, false
	case Le:
		return least, v, true
	case Gt:
		return least, v, false
	}
	return v, most, true
}

// memo returns the tested-value table of a dictionary with n values; nil where
// the dictionary is no larger than it is worth.
func (m *Matcher) memo(c *Condition, dict uint64, n int) []uint8 {
	if dict == 0 {
		return make([]uint8, n)
	}
	k := memoKey{c, dict}
	memo := m.memos[k]
	if len(memo) < n {
		memo = append(memo, make([]uint8, n-len(memo))...)
		m.memos[k] = memo
	}
	return memo
}

// testCode tests the value of type t that has a code.
func testCode(c *Condition, memo []uint8, t clew.Type, s column.Strings, code uint64) bool {
	switch memo[code] {
	case memoYes:
		return true
	case memoNo:
		return false
	}
	ok := c.Test(clew.Value{Type: t, Bytes: s.At(int(code))})
	memo[code] = memoNo
	if ok {
		memo[code] = memoYes
	}
	return ok
}

// codes evaluates c on a dense column of codes.
func (m *Matcher) codes(c *Condition, codes []uint32, s column.Strings, dict uint64, dst column.Bitmap) {
	memo := m.memo(c, dict, s.Len())
	for i, code := range codes {
		if testCode(c, memo, clew.TypeString, s, uint64(code)) {
			dst.Set(i)
		}
	}
}

func (m *Matcher) byResource(c *Condition, b *Batch, dst column.Bitmap) {
	m.byEntry(b.Resource, len(b.Resources), dst, func(code uint32) bool {
		r := b.Resources[code]
		return r != nil && m.anyAttr(c, c.Field.Key, r.Attrs)
	})
}

func (m *Matcher) byScope(b *Batch, dst column.Bitmap, test func(*ScopeEntry) bool) {
	m.byEntry(b.Scope, len(b.Scopes), dst, func(code uint32) bool { return b.Scopes[code] != nil && test(b.Scopes[code]) })
}

// byEntry sets the rows whose entries in a table of n meet a test. Those that no row has
// are not tested: a table may be that of a segment, and the batch one trace of it.
func (m *Matcher) byEntry(codes []uint32, n int, dst column.Bitmap, test func(code uint32) bool) {
	memo := slices.Grow(m.entries[:0], n)[:n]
	clear(memo)
	m.entries = memo
	for i, code := range codes {
		if memo[code] == memoUnknown {
			memo[code] = memoNo
			if test(code) {
				memo[code] = memoYes
			}
		}
		if memo[code] == memoYes {
			dst.Set(i)
		}
	}
}

func (m *Matcher) anyAttr(c *Condition, key string, attrs []clew.Attr) bool {
	for _, a := range attrs {
		if a.Key == key && c.Test(a.Value) {
			return true
		}
	}
	return false
}

func (m *Matcher) intrinsic(c *Condition, b *Batch, dst column.Bitmap) {
	switch c.Field.Intrinsic {
	case Name:
		m.codes(c, b.Name, b.Names, b.NamesDictID, dst)
	case Duration:
		testInts(c, dst, b.Rows, func(i int) int64 { return int64(b.Duration[i]) })
		for i := range dst.Ones() {
			if b.Unfinished(i) {
				dst.Clear(i)
			}
		}
	case Start:
		testInts(c, dst, b.Rows, func(i int) int64 { return clampNanos(b.Start[i]) })
	case StatusCode:
		m.testBytes(c, b.Status, dst)
	case SpanKind:
		m.testBytes(c, b.Kind, dst)
	case StatusMessage:
		m.column(c, &b.StatusMessage, dst)
	case TraceState:
		m.column(c, &b.TraceState, dst)
	case TraceID:
		m.traceIDs(c, b, dst)
	case SpanID:
		testIDs(c, b.SpanID, dst, false)
	case ParentID:
		testIDs(c, b.ParentID, dst, true)
	case ScopeName:
		m.byScope(b, dst, func(s *ScopeEntry) bool { return c.Test(clew.StringValue(s.Name)) })
	case ScopeVersion:
		m.byScope(b, dst, func(s *ScopeEntry) bool { return c.Test(clew.StringValue(s.Version)) })
	case EventName, EventTimeSinceStart:
		m.events(c, b, dst)
	case LinkTraceID, LinkSpanID:
		m.links(c, b, dst)
	default:
		m.ofTrace(c, b, dst)
	}
}

func (m *Matcher) events(c *Condition, b *Batch, dst column.Bitmap) {
	s := m.scratch(len(b.Events.Row))
	if c.Field.Intrinsic == EventName {
		m.codes(c, b.Events.Name, b.Events.Names, 0, s)
	} else {
		testInts(c, s, len(b.Events.Row), func(i int) int64 {
			return int64(b.Events.Time[i] - b.Start[b.Events.Row[i]])
		})
	}
	spread(s, b.Events.Row, dst)
	m.done(s)
}

func (m *Matcher) links(c *Condition, b *Batch, dst column.Bitmap) {
	s := m.scratch(len(b.Links.Row))
	if c.Field.Intrinsic == LinkSpanID {
		testIDs(c, b.Links.SpanID, s, false)
	} else {
		for i := range b.Links.Row {
			if testTraceID(c, clew.MakeTraceID(b.Links.TraceHigh[i], b.Links.TraceLow[i])) {
				s.Set(i)
			}
		}
	}
	spread(s, b.Links.Row, dst)
	m.done(s)
}

// clampNanos makes a start time a signed number; moments past 2262 become its
// largest.
func clampNanos(n uint64) int64 {
	if n > 1<<63-1 {
		return 1<<63 - 1
	}
	return int64(n)
}

func testInts(c *Condition, dst column.Bitmap, n int, at func(int) int64) {
	if c.Op == Exists {
		dst.Fill(n)
		return
	}
	if c.Value.Type == clew.TypeInt && c.Op >= Eq && c.Op <= Ge {
		lo, hi, inside := c.Op.intRange(c.Value.Int())
		for i := range n {
			if v := at(i); (v >= lo && v <= hi) == inside {
				dst.Set(i)
			}
		}
		return
	}
	for i := range n {
		if c.Test(clew.IntValue(at(i))) {
			dst.Set(i)
		}
	}
}

// testBytes evaluates c on small enumerations through a table.
func (m *Matcher) testBytes(c *Condition, vals []uint8, dst column.Bitmap) {
	table := m.bytes[c]
	if table == nil {
		table = new([256]uint8)
		for i := range table {
			if c.Test(clew.IntValue(int64(i))) {
				table[i] = 1
			}
		}
		if m.bytes == nil {
			m.bytes = make(map[*Condition]*[256]uint8)
		}
		m.bytes[c] = table
	}
	for i := range dst[:(len(vals)+63)>>6] {
		word := uint64(0)
		for k, v := range vals[i<<6 : min(len(vals), i<<6+64)] {
			word |= uint64(table[v]) << (k & 63)
		}
		dst[i] |= word
	}
}

func (m *Matcher) traceIDs(c *Condition, b *Batch, dst column.Bitmap) {
	table := m.table[:0]
	for _, id := range b.TraceIDs {
		table = append(table, testTraceID(c, id))
	}
	m.table = table
	for i, ord := range b.Trace {
		if table[ord] {
			dst.Set(i)
		}
	}
}

func testTraceID(c *Condition, id clew.TraceID) bool {
	var text [32]byte
	hex.Encode(text[:], id[:])
	return c.Test(clew.Value{Type: clew.TypeString, Bytes: text[:]})
}

// testIDs evaluates c on span ids as hex text; zeroAbsent says that 0 is no id.
func testIDs(c *Condition, ids []uint64, dst column.Bitmap, zeroAbsent bool) {
	if (c.Op == Eq || c.Op == Ne) && c.Value.Type == clew.TypeString {
		want, err := clew.ParseSpanID(string(c.Value.Bytes))
		if string(c.Value.Bytes) == clew.SpanID(0).String() {
			want, err = 0, nil // no id of a span, but links may have it
		}
		for i, id := range ids {
			if id == 0 && zeroAbsent {
				continue
			}
			if (err == nil && id == uint64(want)) == (c.Op == Eq) {
				dst.Set(i)
			}
		}
		return
	}
	for i, id := range ids {
		if id == 0 && zeroAbsent {
			continue
		}
		if c.Op == Exists || c.Test(clew.Value{Type: clew.TypeString, Bytes: []byte(clew.SpanID(id).String())}) {
			dst.Set(i)
		}
	}
}
