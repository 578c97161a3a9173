// Package span holds spans as columns: the one shape in which they exist in
// memory between the doors and the screen.
//
//	Batch    is a read-only view: of a build.Builder up to a published row, of
//	         blocks read from a segment, of one trace
//	Condition is a closed algebra of tests (field, operator, typed literal;
//	         and, or, not) that a Matcher evaluates on a Batch, column-wise
//
// A row is a span. Attributes are sparse columns, one per (key, type): the
// ascending row numbers that have a value, and the values. Strings are codes
// into a dictionary of the column. Resources and scopes are tables of distinct
// messages that rows point into. Events and links are child tables with a row
// number each and attribute columns of their own.
//
// The package knows no TraceQL, no OTLP bytes and no files.
package span

import (
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
)

// NoCode marks "no entry" where a code is stored.
const NoCode = ^uint32(0)

// A Batch is a read-only view of spans as columns. All dense slices have Rows
// elements, or are nil where the batch was read without that column. A Batch
// belongs to whoever made it; see storage.Scanner for how long it may be kept.
// It is safe for concurrent readers.
type Batch struct {
	Rows int

	// TraceIDs are the traces of the batch; Trace is each row's index into it.
	TraceIDs []clew.TraceID
	Trace    []uint32

	SpanID   []uint64
	ParentID []uint64 // 0: none
	// Parent, where not nil, has for each row of Traced what Tree.Parent has: no two of
	// these rows share trace and id, and none is its own ancestor.
	Parent []int32
	Start  []uint64 // unix nanoseconds
	// Duration is end − start modulo 2^64. Read as a signed number it is
	// negative where a span ends before it starts. Of a row without an end it says
	// nothing: see Batch.Unfinished.
	Duration []uint64
	Name     []uint32 // codes into Names
	Kind     []uint8
	Status   []uint8
	Flags    []uint32
	Resource []uint32 // index into Resources
	Scope    []uint32 // index into Scopes

	Names       column.Strings
	NamesDictID uint64 // as Column.DictID
	Resources   []*ResourceEntry
	Scopes      []*ScopeEntry

	// StatusMessage and TraceState are strings, the dropped counts integers,
	// all sparse: no value is the empty string or 0.
	StatusMessage Column
	TraceState    Column
	DroppedAttrs  Column
	DroppedEvents Column
	DroppedLinks  Column
	// Weight has weights (clew.Weight) that were set when rows were sampled here, or
	// read from a segment. Weights returns those of all rows.
	Weight Column
	// Moved has the time, in unix nanoseconds, under which a row is counted that
	// starts too far from when it came (see build.Builder.Move).
	Moved Column

	Attrs  Attrs
	Events Events
	Links  Links

	// MaxStart bounds the start of every row of this batch and of all batches
	// that follow it in the same scan.
	MaxStart clew.UnixNanos
	// Matched, where not nil, has exactly the rows that meet the scan's
	// condition and window. Where nil, the reader of the batch filters.
	Matched column.Bitmap
	// Traced, in a scan by traces, has the rows of the traces that the batch yields whole;
	// the others are there in part. Where nil, all are.
	Traced column.Bitmap
}

// Column is one sparse column. Rows are ascending; Vals[i] belongs to Rows[i].
type Column struct {
	Key  string // empty for intrinsic columns
	Type clew.Type
	Rows []uint32
	// Vals holds an int's two's complement, a double's IEEE bits, a bool's 0 or
	// 1; for TypeString and TypeOther a code into Strings.
	Vals    []uint64
	Strings column.Strings
	// DictID is not 0 where Strings is one immutable dictionary shared by many
	// batches: equal ids mean equal dictionaries, so that a Matcher tests each
	// value once.
	DictID uint64
}

// Attrs are the attribute columns of spans, events or links, and the order in
// which each row's attributes came.
type Attrs struct {
	Columns []Column
	// Shape is, per row, a node of Shapes, or NoCode where the order was not
	// kept and is that of Columns. Nil: not kept for any row.
	Shape  []uint32
	Shapes Shapes
	// Extra holds, per row, the KeyValue messages that have no place in Columns,
	// back to back as they came (each with tag and length): those whose key and
	// type occurred before in the same row, and those of too many keys.
	Extra Column
}

// Shapes is a forest of attribute orders. A node stands for the list of columns
// on the way from a root down to it: Parent[n] is the node before it, Column[n]
// the last column. A node with Column NoCode is a root, the empty list.
type Shapes struct {
	Parent []uint32
	Column []uint32
}

// AppendList appends the columns of node n in order.
func (s Shapes) AppendList(dst []uint32, n uint32) []uint32 {
	at := len(dst)
	for s.Column[n] != NoCode {
		dst = append(dst, s.Column[n])
		n = s.Parent[n]
	}
	for i, j := at, len(dst)-1; i < j; i, j = i+1, j-1 {
		dst[i], dst[j] = dst[j], dst[i]
	}
	return dst
}

// Events are the events of a batch in ascending order of Row.
type Events struct {
	Row     []uint32
	Time    []uint64 // unix nanoseconds
	Name    []uint32 // codes into Names
	Names   column.Strings
	Dropped Column // dropped attributes; rows are event indexes
	Attrs   Attrs  // rows are event indexes
}

// Links are the links of a batch in ascending order of Row.
type Links struct {
	Row        []uint32
	TraceHigh  []uint64
	TraceLow   []uint64
	SpanID     []uint64
	Flags      []uint32
	TraceState Column // rows are link indexes
	Dropped    Column
	Attrs      Attrs
}

// ResourceEntry is one distinct resource.
type ResourceEntry struct {
	// Raw is the ResourceSpans message without its scope_spans: resource, schema
	// URL and any unknown fields, as they came.
	Raw []byte
	clew.Resource
	// Service is the resource's service.name, "" if it has none.
	Service string
	// Odd reports text that is not UTF-8 or a repeated attribute key.
	Odd bool
}

// ScopeEntry is one distinct instrumentation scope.
type ScopeEntry struct {
	// Raw is the ScopeSpans message without its spans, as it came.
	Raw []byte
	clew.Scope
	// Odd is as ResourceEntry.Odd.
	Odd bool
}

// NewResourceEntry and NewScopeEntry make entries; they keep raw.
func NewResourceEntry(raw []byte, r clew.Resource) *ResourceEntry {
	return &ResourceEntry{Raw: raw, Resource: r, Service: r.ServiceName(), Odd: odd(r.Attrs, r.SchemaURL)}
}

// NewScopeEntry is NewResourceEntry for scopes.
func NewScopeEntry(raw []byte, s clew.Scope) *ScopeEntry {
	return &ScopeEntry{Raw: raw, Scope: s, Odd: odd(s.Attrs, s.Name, s.Version, s.SchemaURL)}
}

func odd(attrs []clew.Attr, texts ...string) bool {
	for _, t := range texts {
		if !utf8.ValidString(t) {
			return true
		}
	}
	seen := make(map[string]bool, len(attrs))
	for _, a := range attrs {
		if seen[a.Key] || !utf8.ValidString(a.Key) || a.Value.Type == clew.TypeString && !utf8.Valid(a.Value.Bytes) {
			return true
		}
		seen[a.Key] = true
	}
	return false
}

// Len returns how many rows have a value.
func (c *Column) Len() int { return len(c.Rows) }

// ValueAt returns the i-th present value. Its bytes are shared.
func (c *Column) ValueAt(i int) clew.Value {
	if c.Type == clew.TypeString || c.Type == clew.TypeOther {
		return clew.Value{Type: c.Type, Bytes: c.Strings.At(int(c.Vals[i]))}
	}
	return clew.Value{Type: c.Type, Bits: c.Vals[i]}
}

// Find returns the position of row among the present values, or false.
func (c *Column) Find(row uint32) (int, bool) {
	lo, hi := 0, len(c.Rows)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if c.Rows[m] < row {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo, lo < len(c.Rows) && c.Rows[lo] == row
}

// Until returns c with only the values of rows below rows.
func (c Column) Until(rows uint32) Column {
	n := len(c.Rows)
	for n > 0 && c.Rows[n-1] >= rows {
		n--
		if n > 64 && c.Rows[n-64] >= rows { // far to go: search instead
			n, _ = c.Find(rows)
			break
		}
	}
	c.Rows, c.Vals = c.Rows[:n], c.Vals[:n]
	return c
}

// Lookup returns the column of (key, type), nil if there is none.
func (a *Attrs) Lookup(key string, t clew.Type) *Column {
	for i := range a.Columns {
		if c := &a.Columns[i]; c.Type == t && c.Key == key {
			return c
		}
	}
	return nil
}

// End returns a row's end time, exactly as received; 0 where it is unfinished.
func (b *Batch) End(row int) clew.UnixNanos {
	return clew.UnixNanos(b.Start[row] + b.Duration[row])
}

// Unfinished reports whether a row has no end: what Duration has of it is minus its
// start then, and no duration.
func (b *Batch) Unfinished(row int) bool { return Unfinished(b.Start[row], b.Duration[row]) }

// Completes reports whether row i, which shares its identity with row k, is what that came to:
// it has an end, and the other has none.
func (b *Batch) Completes(i, k int) bool { return b.Unfinished(k) && !b.Unfinished(i) }

// Unfinished is Batch.Unfinished for a row of a start and end − start.
func Unfinished(start, duration uint64) bool { return start+duration == 0 }

// Service returns the service name of a row, "" if its resource has none.
func (b *Batch) Service(row int) string {
	return b.Resources[b.Resource[row]].Service
}
