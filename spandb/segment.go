package spandb

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/vfs"
)

// segment is one open segment file. Its directory is in memory; the filter and
// the tables are read when first needed.
//
// A segment is removed in two steps: the manifest forgets it, then, when the
// last reader lets go, the file is closed and removed.
type segment struct {
	id   uint64
	path string
	size int64
	meta segmentMeta
	r    *block.Reader
	file vfs.File

	refs    atomic.Int64 // readers, and one for being listed
	dropped atomic.Bool  // the manifest has forgotten it
	discard func(*segment)

	// broken is why the file could not be opened. Then there is no r and no file,
	// meta has what the manifest says, and answers count the rows as damaged.
	broken error

	filter atomic.Pointer[traceFilter] // nil until first needed

	tables atomic.Pointer[tables]
	load   sync.Mutex // one goroutine reads the tables
}

// openSegment opens a segment file; discard is called when it was dropped and
// nobody reads it any more.
func openSegment(fs vfs.FS, id uint64, path string, discard func(*segment)) (*segment, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, err
	}
	s := &segment{id: id, path: path, size: size, file: f, discard: discard}
	if s.r, err = block.Open(f, size, path); err == nil {
		if s.meta, err = parseSegmentMeta(s.r.Meta()); err != nil {
			err = clew.Corruptf(path, size, "%w", err)
		} else if int64(s.meta.rows) > size/8 {
			err = clew.Corruptf(path, size, "%d rows have no room for their ids in %d bytes", s.meta.rows, size)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	s.refs.Store(1)
	return s, nil
}

// brokenSegment stands for a file that the manifest lists and nobody can open.
func brokenSegment(r *segmentRecord, path string, err error, discard func(*segment)) *segment {
	s := &segment{id: r.id, path: path, size: int64(r.size), broken: err, discard: discard}
	s.meta = segmentMeta{tenant: r.tenant, rows: int(r.rows), maxStart: math.MaxUint64,
		minArrival: r.minArrival, maxArrival: r.maxArrival, firstSeq: r.firstSeq, lastSeq: r.lastSeq}
	s.refs.Store(1)
	return s
}

func (s *segment) acquire() { s.refs.Add(1) }

func (s *segment) release() {
	if s.refs.Add(-1) == 0 {
		if s.file != nil {
			s.file.Close()
		}
		if s.dropped.Load() {
			s.discard(s)
		}
	}
}

// corrupt makes an error about the content of a chunk.
func (s *segment) corrupt(col, blk int, err error) error {
	return clew.Corruptf(s.path, s.r.Offset(col, blk), "%s: %w", s.r.Columns()[col], err)
}

// starts returns the least and greatest start of a block.
func (s *segment) starts(blk int) (lo, hi uint64, err error) {
	if col, ok := s.r.Column(colStart); ok {
		if lo, hi, ok = s.r.Bounds(col, blk); ok {
			return lo, hi, nil
		}
	}
	return 0, 0, clew.Corruptf(s.path, 0, "block %d has no start times", blk)
}

// whole reads the chunk of a column that belongs to no block; nil if the segment
// does not have it.
func (s *segment) whole(name string) ([]byte, int, error) {
	if s.broken != nil {
		return nil, 0, s.broken
	}
	col, ok := s.r.Column(name)
	if !ok {
		return nil, 0, nil
	}
	b, err := s.r.Chunk(nil, col, block.WholeSegment)
	return b, col, err
}

// mayHave reports whether a trace with this low half may be in the segment. With
// an error, it may.
func (s *segment) mayHave(low uint64) (bool, error) {
	f := s.filter.Load()
	if f == nil {
		b, col, err := s.whole(colFilter)
		if err != nil {
			return true, err
		}
		if f, err = parseTraceFilter(b); err != nil {
			return true, s.corrupt(col, block.WholeSegment, err)
		}
		s.filter.Store(f)
	}
	return f.mayHave(low), nil
}

// marks reads which records the segment holds.
func (s *segment) marks() ([]requestMark, error) {
	b, col, err := s.whole(colRequests)
	if err != nil {
		return nil, err
	}
	m, err := parseRequestMarks(b)
	if err != nil {
		return nil, s.corrupt(col, block.WholeSegment, err)
	}
	return m, nil
}

// tables are the parts of a segment that all its blocks share.
type tables struct {
	names     column.Strings
	namesID   uint64
	scopes    []*span.ScopeEntry
	resources []*span.ResourceEntry
	services  []string
	base      []uint32 // by service: its first resource
	templates []segmentTemplate
	shapes    shapeTable
	attrs     []attrColumnInfo

	eventNames  column.Strings
	eventAttrs  []attrColumnInfo
	eventShapes shapeTable
	linkAttrs   []attrColumnInfo
	linkShapes  shapeTable

	mu    sync.Mutex
	dicts map[int]dictionary
	used  atomic.Int64 // clock of last use
}

type dictionary struct {
	values column.Strings
	id     uint64
}

type segmentTemplate struct {
	service, name, scope, shape uint32
	kind, status                uint8
}

// attrColumnInfo is one attribute column of a family.
type attrColumnInfo struct {
	key string
	typ clew.Type
	col int // in the segment
}

// shapeTable is the attribute orders of a family: which columns each has, and
// the same as a forest for batches.
type shapeTable struct {
	lists  [][]uint32
	forest span.Shapes
	node   []uint32 // by list: its last node
}

func (t *shapeTable) has(shape, col uint32) bool {
	for _, c := range t.lists[shape] {
		if c == col {
			return true
		}
	}
	return false
}

// tablesOf returns the segment's tables, reading them if need be. The cache of
// the store decides how long they stay.
func (c *tableCache) tablesOf(s *segment) (*tables, error) {
	if t := s.tables.Load(); t != nil {
		t.used.Store(c.clock.Add(1))
		return t, nil
	}
	s.load.Lock()
	defer s.load.Unlock()
	if t := s.tables.Load(); t != nil {
		return t, nil
	}
	t, err := c.read(s)
	if err != nil {
		return nil, err
	}
	t.used.Store(c.clock.Add(1))
	s.tables.Store(t)
	c.admit(s)
	return t, nil
}

// tableCache keeps the tables of the segments used last.
type tableCache struct {
	clock   atomic.Int64
	nextID  atomic.Uint64 // of dictionaries
	mu      sync.Mutex    // guards holders
	holders []*segment
}

// admit notes that s holds tables and, over the limit, lets those of the segment
// used longest ago go; readers in flight keep theirs.
func (c *tableCache) admit(s *segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holders = append(c.holders, s)
	if len(c.holders) <= segmentTables {
		return
	}
	oldest := 0
	least := int64(1<<63 - 1)
	for i, h := range c.holders {
		if t := h.tables.Load(); t == nil || t.used.Load() < least {
			oldest = i
			if t == nil {
				break
			}
			least = t.used.Load()
		}
	}
	c.holders[oldest].tables.Store(nil)
	c.holders[oldest] = c.holders[len(c.holders)-1]
	c.holders = c.holders[:len(c.holders)-1]
}

// forget drops s from the cache.
func (c *tableCache) forget(s *segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, h := range c.holders {
		if h == s {
			c.holders[i] = c.holders[len(c.holders)-1]
			c.holders = c.holders[:len(c.holders)-1]
			return
		}
	}
}

// read reads all tables of a segment.
func (c *tableCache) read(s *segment) (*tables, error) {
	t := &tables{dicts: make(map[int]dictionary), namesID: c.nextID.Add(1)}
	if err := s.strings(colNames, &t.names, s.meta.rows); err != nil {
		return nil, err
	}
	if err := s.strings(colEventName+"s", &t.eventNames, maxDecodedChildren); err != nil {
		return nil, err
	}
	var raw column.Strings
	if err := s.strings(colServices, &raw, s.meta.rows); err != nil {
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
	for i, name := range s.r.Columns() {
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
		columns int
	}{{colShapes, &t.shapes, len(t.attrs)}, {colEventShapes, &t.eventShapes, len(t.eventAttrs)}, {colLinkShapes, &t.linkShapes, len(t.linkAttrs)}} {
		if err := f.dst.read(s, f.name, f.columns); err != nil {
			return nil, err
		}
	}
	return t, t.readTemplates(s)
}

// strings reads a whole-segment column of at most limit strings.
func (s *segment) strings(name string, dst *column.Strings, limit int) error {
	b, col, err := s.whole(name)
	if err != nil || b == nil {
		return err
	}
	if err := decodeStrings(dst, b, limit); err != nil {
		return s.corrupt(col, block.WholeSegment, err)
	}
	return nil
}

func (t *tables) readScopes(s *segment) error {
	var raw column.Strings
	if err := s.strings(colScopes, &raw, s.meta.rows); err != nil {
		return err
	}
	for i := range raw.Len() {
		scope, err := otlp.ParseScope(raw.At(i))
		if err != nil {
			return clew.Corruptf(s.path, 0, "scope %d: %w", i, err)
		}
		t.scopes = append(t.scopes, span.NewScopeEntry(raw.At(i), scope))
	}
	return nil
}

func (t *tables) readResources(s *segment) error {
	b, col, err := s.whole(colResources)
	if err != nil {
		return err
	}
	perService, rest, err := column.DecodeInts[uint32](nil, b, s.meta.rows)
	if err != nil {
		return s.corrupt(col, block.WholeSegment, err)
	}
	var raw column.Strings
	if err := decodeStrings(&raw, rest, s.meta.rows); err != nil {
		return s.corrupt(col, block.WholeSegment, err)
	}
	sum := uint32(0)
	for _, n := range perService {
		t.base = append(t.base, sum)
		sum += n
	}
	if int(sum) != raw.Len() || len(t.base) != len(t.services) {
		return clew.Corruptf(s.path, s.r.Offset(col, block.WholeSegment), "resources do not add up")
	}
	for i := range raw.Len() {
		r, err := otlp.ParseResource(raw.At(i))
		if err != nil {
			return clew.Corruptf(s.path, s.r.Offset(col, block.WholeSegment), "resource %d: %w", i, err)
		}
		t.resources = append(t.resources, span.NewResourceEntry(raw.At(i), r))
	}
	return nil
}

func (t *tables) readTemplates(s *segment) error {
	b, col, err := s.whole(colTemplates)
	if err != nil {
		return err
	}
	var f [6][]uint32
	for i := range f {
		if f[i], b, err = column.DecodeInts[uint32](nil, b, s.meta.rows); err != nil {
			return s.corrupt(col, block.WholeSegment, err)
		}
	}
	t.templates = make([]segmentTemplate, len(f[0]))
	for i := range t.templates {
		for k := range f {
			if len(f[k]) != len(f[0]) {
				return clew.Corruptf(s.path, s.r.Offset(col, block.WholeSegment), "template fields differ in length")
			}
		}
		x := segmentTemplate{service: f[0][i], name: f[1][i], scope: f[2][i], kind: uint8(f[3][i]), status: uint8(f[4][i]), shape: f[5][i]}
		if f[3][i] > math.MaxUint8 || f[4][i] > math.MaxUint8 || int(x.service) >= len(t.services) || int(x.name) >= t.names.Len() || int(x.scope) >= len(t.scopes) ||
			!s.meta.explicit && int(x.shape) >= len(t.shapes.lists) {
			return clew.Corruptf(s.path, s.r.Offset(col, block.WholeSegment), "template %d points outside its tables", i)
		}
		t.templates[i] = x
	}
	return nil
}

// read reads lists of columns and builds the forest.
func (t *shapeTable) read(s *segment, name string, columns int) error {
	b, col, err := s.whole(name)
	if err != nil || b == nil {
		return err
	}
	lens, b, err := column.DecodeInts[uint32](nil, b, maxShapes)
	if err != nil {
		return s.corrupt(col, block.WholeSegment, err)
	}
	all, _, err := column.DecodeInts[uint32](nil, b, maxShapes*max(columns, 1))
	if err != nil {
		return s.corrupt(col, block.WholeSegment, err)
	}
	root := span.Shapes{Parent: []uint32{span.NoCode}, Column: []uint32{span.NoCode}}
	t.forest = root
	for _, n := range lens {
		if int(n) > len(all) {
			return clew.Corruptf(s.path, s.r.Offset(col, block.WholeSegment), "shape lists are cut off")
		}
		at := uint32(0)
		for _, c := range all[:n] {
			if int(c) >= columns {
				return clew.Corruptf(s.path, s.r.Offset(col, block.WholeSegment), "shape names column %d of %d", c, columns)
			}
			t.forest.Parent = append(t.forest.Parent, at)
			t.forest.Column = append(t.forest.Column, c)
			at = uint32(len(t.forest.Parent) - 1)
		}
		t.lists = append(t.lists, all[:n:n])
		t.node = append(t.node, at)
		all = all[n:]
	}
	return nil
}

// dict returns the dictionary of a column, if it has one.
func (c *tableCache) dict(s *segment, t *tables, col int) (dictionary, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d, ok := t.dicts[col]; ok {
		return d, d.id != 0, nil
	}
	b, err := s.r.Chunk(nil, col, block.WholeSegment)
	if err != nil {
		return dictionary{}, false, err
	}
	var d dictionary
	if b != nil {
		d.id = c.nextID.Add(1)
		if err := decodeStrings(&d.values, b, dictValues); err != nil {
			return dictionary{}, false, s.corrupt(col, block.WholeSegment, err)
		}
	}
	t.dicts[col] = d
	return d, d.id != 0, nil
}

// decodeStrings decodes a whole chunk of at most limit strings.
func decodeStrings(dst *column.Strings, b []byte, limit int) error {
	c, _, err := column.ParseStrings(b, limit, maxDecodedText)
	if err != nil {
		return err
	}
	return c.Decode(dst)
}
