package segment

import (
	"math"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/order"
)

// tables are the parts of a segment that all its blocks share.
type tables struct {
	names     column.Strings
	namesID   uint64
	scopes    []*span.ScopeEntry
	resources []*span.ResourceEntry
	services  []string
	base      []uint32 // by service: its first resource; one more at the end
	templates []segmentTemplate
	shapes    shapeTable
	attrs     []attrColumnInfo

	eventNames  column.Strings
	eventAttrs  []attrColumnInfo
	eventShapes shapeTable
	linkAttrs   []attrColumnInfo
	linkShapes  shapeTable
	chunks      int // of the segment

	cached
}

// templateFields is the number of vectors in .templates.
const templateFields = 7

type segmentTemplate struct {
	service, name, scope, shape uint32
	rows                        uint32
	kind, status                uint8
}

// attrColumnInfo is one attribute column of a family.
type attrColumnInfo struct {
	key string
	typ clew.Type
	col int // in the segment
	// partial: a loose list has it, so that its chunks begin with presence.
	partial bool
}

// shapeTable is the attribute orders of a family: which columns each has, and
// the same as a forest for batches.
type shapeTable struct {
	lists  [][]uint32
	loose  []bool // by list: rows have some of its columns; nil: no list is
	forest span.Shapes
	node   []uint32 // by list: its last node; NoCode of loose ones
}

// read reads all tables of a segment.
func (c *Cache) read(s *Reader) (*tables, error) {
	t := &tables{namesID: c.nextID.Add(1), chunks: s.blocks.Chunks()}
	t.dicts = make(map[int]dictionary)
	if err := s.strings(colNames, &t.names, s.meta.Rows); err != nil {
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
	}
	if err := t.readScopes(s); err != nil {
		return nil, err
	}
	if err := t.readResources(s); err != nil {
		return nil, err
	}
	for i, name := range s.blocks.Columns() {
		if len(name) < 2 || name[0] == '.' || name[1] < '0' || name[1] >= '0'+clew.TypeCount {
			continue
		}
		info := attrColumnInfo{key: name[2:], typ: clew.Type(name[1] - '0'), col: i}
		switch name[0] {
		case familySpan:
			t.attrs = append(t.attrs, info)
		case familyEvent:
			t.eventAttrs = append(t.eventAttrs, info)
		case familyLink:
			t.linkAttrs = append(t.linkAttrs, info)
		}
	}
	for _, f := range []struct {
		name    string
		dst     *shapeTable
		columns []attrColumnInfo
	}{{colShapes, &t.shapes, t.attrs}, {colEventShapes, &t.eventShapes, t.eventAttrs}, {colLinkShapes, &t.linkShapes, t.linkAttrs}} {
		if err := f.dst.read(s, f.name, f.columns); err != nil {
			return nil, err
		}
	}
	return t, t.readTemplates(s)
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

func (t *tables) readScopes(s *Reader) error {
	var raw column.Strings
	if err := s.strings(colScopes, &raw, s.meta.Rows); err != nil {
		return err
	}
	for i := range raw.Len() {
		scope, err := otlp.ParseScope(raw.At(i))
		if err != nil {
			return clew.Corruptf(s.file, 0, "scope %d: %w", i, err)
		}
		t.scopes = append(t.scopes, span.NewScopeEntry(raw.At(i), scope))
	}
	return nil
}

func (t *tables) readResources(s *Reader) error {
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
		t.base = append(t.base, uint32(sum))
		sum += uint64(n)
	}
	t.base = append(t.base, uint32(sum))
	if sum != uint64(raw.Len()) || len(perService) != len(t.services) {
		return s.bad(col, "resources do not add up")
	}
	for i := range raw.Len() {
		r, err := otlp.ParseResource(raw.At(i))
		if err != nil {
			return s.bad(col, "resource %d: %w", i, err)
		}
		t.resources = append(t.resources, span.NewResourceEntry(raw.At(i), r))
	}
	return nil
}

func (t *tables) readTemplates(s *Reader) error {
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
	t.templates = make([]segmentTemplate, len(f[0]))
	rows := 0
	for i := range t.templates {
		x := segmentTemplate{service: f[0][i], name: f[1][i], scope: f[2][i], kind: uint8(f[3][i]), status: uint8(f[4][i]), shape: f[5][i], rows: f[6][i]}
		if f[3][i] > math.MaxUint8 || f[4][i] > math.MaxUint8 || int(x.service) >= len(t.services) || int(x.name) >= t.names.Len() ||
			int(x.scope) >= len(t.scopes) || int(x.shape) >= len(t.shapes.lists) {
			return s.bad(col, "template %d points outside its tables", i)
		}
		t.templates[i] = x
		rows += int(x.rows)
	}
	if rows != s.meta.Rows {
		return s.bad(col, "templates have %d rows, the segment %d", rows, s.meta.Rows)
	}
	return nil
}

// sizeBytes is about the memory that the tables take.
func (t *tables) sizeBytes() int64 {
	n := textBytes(&t.names) + textBytes(&t.eventNames)
	for _, r := range t.resources {
		n += entryBytes + int64(len(r.Raw))
	}
	for _, s := range t.scopes {
		n += entryBytes + int64(len(s.Raw))
	}
	n += 8 * int64(t.chunks)
	n += 32*int64(len(t.templates)) + 64*int64(len(t.attrs)+len(t.eventAttrs)+len(t.linkAttrs))
	for _, f := range []*shapeTable{&t.shapes, &t.eventShapes, &t.linkShapes} {
		n += 32*int64(len(f.lists)) + 12*int64(len(f.forest.Parent))
	}
	return n
}

// read reads lists of columns and builds the forest.
func (t *shapeTable) read(s *Reader, name string, columns []attrColumnInfo) error {
	b, col, err := s.whole(name)
	if err != nil || b == nil {
		return err
	}
	// Exact lists are few; those of loose templates are bounded together.
	lens, b, err := column.DecodeInts[uint32](nil, b, s.meta.Rows+order.MaxShapes)
	if err != nil {
		return s.corrupt(col, block.WholeSegment, err)
	}
	all, b, err := column.DecodeInts[uint32](nil, b, order.MaxShapes*max(len(columns), 1)+maxListed)
	if err != nil {
		return s.corrupt(col, block.WholeSegment, err)
	}
	var loose []uint32
	if len(b) > 0 {
		if loose, _, err = column.DecodeInts[uint32](nil, b, len(lens)); err != nil {
			return s.corrupt(col, block.WholeSegment, err)
		}
		if len(loose) != len(lens) {
			return s.bad(col, "%d shapes, %d of them known to be loose or not", len(lens), len(loose))
		}
		t.loose = make([]bool, len(lens))
	}
	t.forest = span.Shapes{Parent: []uint32{span.NoCode}, Column: []uint32{span.NoCode}}
	for i, n := range lens {
		if int(n) > len(all) {
			return s.bad(col, "shape lists are cut off")
		}
		for _, c := range all[:n] {
			if int(c) >= len(columns) {
				return s.bad(col, "shape names column %d of %d", c, len(columns))
			}
		}
		if loose != nil && loose[i] != 0 {
			t.loose[i] = true
			for _, c := range all[:n] {
				columns[c].partial = true
			}
			t.node = append(t.node, span.NoCode)
		} else {
			t.node = append(t.node, t.grow(all[:n]))
		}
		t.lists = append(t.lists, all[:n:n])
		all = all[n:]
	}
	return nil
}

// grow adds a list to the forest, and returns its last node.
func (t *shapeTable) grow(list []uint32) (node uint32) {
	for _, c := range list {
		t.forest.Parent = append(t.forest.Parent, node)
		t.forest.Column = append(t.forest.Column, c)
		node = uint32(len(t.forest.Parent) - 1)
	}
	return node
}

// decodeStrings decodes a whole chunk of at most limit strings.
func decodeStrings(dst *column.Strings, b []byte, limit int) error {
	c, _, err := column.ParseStrings(b, limit, maxText)
	if err != nil {
		return err
	}
	return c.Decode(dst)
}
