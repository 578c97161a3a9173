package segment

import (
	"math"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/order"
	"github.com/clew-tracing/clew/spandb/segment/shapes"
)

// Tables are the parts of a segment that all its blocks share.
type Tables struct {
	Names     column.Strings
	Scopes    []*span.ScopeEntry
	Resources []*span.ResourceEntry // by service
	// ResourceKeys are the keys that some resource has.
	ResourceKeys map[string]bool
	// ServiceNames are the services, ascending; Base is the first resource of each, and
	// OfService the first template of each, both with one more at the end.
	ServiceNames []clew.Value
	Base         []uint32
	OfService    []uint32
	// PlainServices says that each resource has one service.name, a string.
	PlainServices bool
	Templates     []Template
	Shapes        Shapes
	// Attrs, EventAttrs and LinkAttrs are the columns of attributes of spans, events, links.
	Attrs, EventAttrs, LinkAttrs []Attr
	// Start to Parent are columns that every segment has; Received is -1 where it has none.
	Start, Duration, Resource, Trace, TraceIDs, Parent, Received int

	namesID     uint64
	services    []string
	eventNames  column.Strings
	eventShapes Shapes
	linkShapes  Shapes
	chunks      int // of the segment
	packing     []packing
	filters     map[int]int // by column of attributes: that of its filter

	pooled, eventPooled, linkPooled pooledTable

	cached
}

// templateFields is the number of vectors in .templates.
const templateFields = 7

// Template is what rows of a run have in common, in numbers of the tables.
type Template struct {
	Service, Name, Scope, Shape uint32
	rows                        uint32
	Kind, Status                uint8
}

// Attr is one attribute column of a family.
type Attr struct {
	Key    string
	Type   clew.Type
	Column int // of the segment; of a pooled one that of all of them
	// Partial says that a loose list has it, so that its chunks begin with presence.
	Partial bool
	// ByTrace says that its chunks have a value for each trace, and before them which
	// traces have one.
	ByTrace bool
}

// Shapes are those of package shapes.
type Shapes = shapes.Shapes

// read reads all tables of a segment.
func (c *Cache) read(s *Reader) (*Tables, error) {
	t := &Tables{namesID: lastID.Add(1), chunks: s.blocks.Chunks()}
	t.dicts, t.picks, t.filters = make(map[int]dictionary), make(map[int]int), make(map[int]int)
	if err := s.strings(colNames, &t.Names, s.meta.Rows); err != nil {
		return nil, err
	}
	if err := s.strings(colEventName+"s", &t.eventNames, maxChildren); err != nil {
		return nil, err
	}
	var raw column.Strings
	if err := s.strings(colServices, &raw, s.meta.Rows); err != nil {
		return nil, err
	}
	for i := range raw.Len() {
		t.services = append(t.services, string(raw.At(i)))
		t.ServiceNames = append(t.ServiceNames, clew.StringValue(t.services[i]))
	}
	if err := t.readScopes(s); err != nil {
		return nil, err
	}
	if err := t.readResources(s); err != nil {
		return nil, err
	}
	t.listAttrs(s)
	for name, col := range map[string]*int{colStart: &t.Start, colDuration: &t.Duration, colResource: &t.Resource, colTrace: &t.Trace, colTraceIDs: &t.TraceIDs, colParent: &t.Parent} {
		var ok bool
		if *col, ok = s.blocks.Column(name); !ok {
			return nil, s.lacks(name)
		}
	}
	t.Received = -1
	if col, ok := s.blocks.Column(colReceived); ok {
		t.Received = col
	}
	for _, p := range []struct {
		name string
		dst  *pooledTable
	}{{colPooled, &t.pooled}, {colEventPooled, &t.eventPooled}, {colLinkPooled, &t.linkPooled}} {
		if err := p.dst.read(s, p.name); err != nil {
			return nil, err
		}
	}
	for _, f := range []struct {
		name    string
		dst     *Shapes
		columns []Attr
	}{{colShapes, &t.Shapes, t.Attrs}, {colEventShapes, &t.eventShapes, t.EventAttrs}, {colLinkShapes, &t.linkShapes, t.LinkAttrs}} {
		var err error
		if *f.dst, err = s.readShapes(f.name, f.columns); err != nil {
			return nil, err
		}
	}
	t.packing = t.packings(s)
	return t, t.readTemplates(s)
}

// listAttrs lists the attribute columns, and their filters.
func (t *Tables) listAttrs(s *Reader) {
	for i, name := range s.blocks.Columns() {
		if len(name) < 2 || name[0] == '.' || name[1] < '0' || name[1] >= '0'+clew.TypeCount {
			continue
		}
		info := Attr{Key: name[2:], Type: clew.Type(name[1] - '0'), Column: i}
		switch name[0] {
		case familySpan:
			t.Attrs = append(t.Attrs, info)
		case familyTrace:
			info.ByTrace = true
			t.Attrs = append(t.Attrs, info)
		case familyEvent:
			t.EventAttrs = append(t.EventAttrs, info)
		case familyLink:
			t.LinkAttrs = append(t.LinkAttrs, info)
		case familyFilter:
			if n := len(t.Attrs); n > 0 && t.Attrs[n-1].Key == info.Key && t.Attrs[n-1].Type == info.Type {
				t.filters[t.Attrs[n-1].Column] = i
			}
		}
	}
}

// strings reads a whole-segment column of at most limit strings.
func (s *Reader) strings(name string, dst *column.Strings, limit int) error {
	b, col, err := s.whole(name)
	if err != nil || b == nil {
		return err
	}
	if err := decodeStrings(dst, b, limit); err != nil {
		return s.corrupt(col, block.WholeSegment, err)
	}
	return nil
}

func (t *Tables) readScopes(s *Reader) error {
	var raw column.Strings
	if err := s.strings(colScopes, &raw, s.meta.Rows); err != nil {
		return err
	}
	for i := range raw.Len() {
		scope, err := otlp.ParseScope(raw.At(i))
		if err != nil {
			return clew.Corruptf(s.file, 0, "scope %d: %w", i, err)
		}
		t.Scopes = append(t.Scopes, span.NewScopeEntry(raw.At(i), scope))
	}
	return nil
}

func (t *Tables) readResources(s *Reader) error {
	b, col, err := s.must(colResources)
	if err != nil {
		return err
	}
	perService, rest, err := column.DecodeInts[uint32](nil, b, s.meta.Rows)
	if err != nil {
		return s.corrupt(col, block.WholeSegment, err)
	}
	var raw column.Strings
	if err := decodeStrings(&raw, rest, s.meta.Rows); err != nil {
		return s.corrupt(col, block.WholeSegment, err)
	}
	sum := uint64(0)
	for _, n := range perService {
		t.Base = append(t.Base, uint32(sum))
		sum += uint64(n)
	}
	t.Base = append(t.Base, uint32(sum))
	if sum != uint64(raw.Len()) || len(perService) != len(t.services) {
		return s.bad(col, "resources do not add up")
	}
	t.PlainServices, t.ResourceKeys = true, make(map[string]bool)
	for i := range raw.Len() {
		r, err := otlp.ParseResource(raw.At(i))
		if err != nil {
			return s.bad(col, "resource %d: %w", i, err)
		}
		t.Resources = append(t.Resources, span.NewResourceEntry(raw.At(i), r))
		names := 0
		for _, a := range r.Attrs {
			t.ResourceKeys[a.Key] = true
			if a.Key == otelService {
				names++
				t.PlainServices = t.PlainServices && a.Value.Type == clew.TypeString
			}
		}
		t.PlainServices = t.PlainServices && names == 1
	}
	return nil
}

func (t *Tables) readTemplates(s *Reader) error {
	b, col, err := s.must(colTemplates)
	if err != nil {
		return err
	}
	var f [templateFields][]uint32
	for i := range f {
		if f[i], b, err = column.DecodeInts[uint32](nil, b, s.meta.Rows); err != nil {
			return s.corrupt(col, block.WholeSegment, err)
		}
		if len(f[i]) != len(f[0]) {
			return s.bad(col, "template fields differ in length")
		}
	}
	t.Templates = make([]Template, len(f[0]))
	rows := 0
	for i := range t.Templates {
		x := Template{Service: f[0][i], Name: f[1][i], Scope: f[2][i], Kind: uint8(f[3][i]), Status: uint8(f[4][i]), Shape: f[5][i], rows: f[6][i]}
		if f[3][i] > math.MaxUint8 || f[4][i] > math.MaxUint8 || int(x.Service) >= len(t.services) || int(x.Name) >= t.Names.Len() ||
			int(x.Scope) >= len(t.Scopes) || int(x.Shape) >= len(t.Shapes.Lists) {
			return s.bad(col, "template %d points outside its tables", i)
		}
		if i > 0 && x.Service < t.Templates[i-1].Service {
			return s.bad(col, "template %d is out of order", i)
		}
		t.Templates[i] = x
		rows += int(x.rows)
		for len(t.OfService) <= int(x.Service) {
			t.OfService = append(t.OfService, uint32(i))
		}
	}
	for len(t.OfService) <= len(t.services) {
		t.OfService = append(t.OfService, uint32(len(t.Templates)))
	}
	if rows != s.meta.Rows {
		return s.bad(col, "templates have %d rows, the segment %d", rows, s.meta.Rows)
	}
	return nil
}

// sizeBytes is about the memory that the tables take.
func (t *Tables) sizeBytes() int64 {
	n := textBytes(&t.Names) + textBytes(&t.eventNames)
	for _, r := range t.Resources {
		n += entryBytes + int64(len(r.Raw))
	}
	for _, s := range t.Scopes {
		n += entryBytes + int64(len(s.Raw))
	}
	n += 8*int64(t.chunks) + 32*int64(len(t.Templates)) + 64*int64(len(t.ResourceKeys))
	for _, list := range [][]Attr{t.Attrs, t.EventAttrs, t.LinkAttrs, t.pooled.columns, t.eventPooled.columns, t.linkPooled.columns} {
		n += 64 * int64(len(list))
	}
	for _, f := range []*Shapes{&t.Shapes, &t.eventShapes, &t.linkShapes} {
		n += f.SizeBytes()
	}
	return n
}

// readShapes reads lists of columns. Exact ones are few; those of loose templates are
// bounded together.
func (s *Reader) readShapes(name string, columns []Attr) (Shapes, error) {
	b, col, err := s.whole(name)
	if err != nil || b == nil {
		return Shapes{}, err
	}
	t, err := shapes.Parse(b, len(columns), shapes.Limits{
		Lists: s.meta.Rows + order.MaxShapes, Elements: order.MaxShapes*max(len(columns), 1) + order.MaxListed,
	})
	if err != nil {
		return t, s.corrupt(col, block.WholeSegment, err)
	}
	for i, partial := range t.Partial {
		columns[i].Partial = partial
	}
	return t, nil
}

// decodeStrings decodes a whole chunk of at most limit strings.
func decodeStrings(dst *column.Strings, b []byte, limit int) error {
	c, err := ParseStrings(b, limit)
	if err != nil {
		return err
	}
	return c.Decode(dst)
}
