package segment

import (
	"cmp"
	"sync"
	"sync/atomic"

	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/column/filter"
	"github.com/clew-tracing/clew/span"
)

// A Cache keeps the tables and dictionaries of the segments used last. The zero
// value is ready for use, by many goroutines. It keeps those of cachedSegments at
// most; readers in flight keep what they have.
type Cache struct {
	// MaxBytes bounds the tables and MaxBlockBytes what scans keep of blocks; 0 is
	// cachedBytes and hotBytes. Set them before use.
	MaxBytes, MaxBlockBytes int64

	clock atomic.Int64

	mu       sync.Mutex // guards all below, and cached.bytes
	holders  []*Reader  // those with tables
	bytes    int64      // of their tables
	hotBytes int64      // of what is kept of their blocks
	hand     int        // the holder that gave up what was kept of its blocks last
	refused  int        // what has asked for room since there is none
}

// lastID is the number of the dictionary read last, by any Cache: a Reader may come from
// one to another with what it has.
var lastID atomic.Uint64

// cached is what a Reader has while a Cache keeps it.
type cached struct {
	used  atomic.Int64 // clock of last use
	bytes int64
	hot   atomic.Pointer[hot]

	mu    sync.Mutex // guards all below; held while a dictionary is read
	dicts map[int]dictionary
	picks map[int]int // by column: how often values were picked out of its dictionary
}

// dictionary is the values of one column; id 0: it has none.
type dictionary struct {
	values column.Strings
	id     uint64
}

// tables returns the segment's tables, reading them if need be.
func (c *Cache) tables(r *Reader) (*Tables, error) {
	if t := r.tables.Load(); t != nil {
		t.used.Store(c.clock.Add(1))
		return t, nil
	}
	r.load.Lock()
	defer r.load.Unlock()
	if t := r.tables.Load(); t != nil {
		return t, nil
	}
	t, err := c.read(r)
	if err != nil {
		return nil, err
	}
	t.used.Store(c.clock.Add(1))
	c.mu.Lock()
	defer c.mu.Unlock()
	r.tables.Store(t)
	c.holders = append(c.holders, r)
	c.grow(r, t, t.sizeBytes())
	return t, nil
}

// grow counts bytes more of t and lets the tables used longest ago go while there
// are too many. c.mu is held.
func (c *Cache) grow(keep *Reader, t *Tables, bytes int64) {
	if keep.tables.Load() != t {
		return // they have gone already
	}
	t.bytes += bytes
	c.bytes += bytes
	for len(c.holders) > 1 && (len(c.holders) > cachedSegments || c.bytes > cmp.Or(c.MaxBytes, cachedBytes)) {
		oldest := -1
		for i, h := range c.holders {
			if h != keep && (oldest < 0 || h.tables.Load().used.Load() < c.holders[oldest].tables.Load().used.Load()) {
				oldest = i
			}
		}
		c.drop(oldest)
	}
}

// drop lets the tables of holder i go. c.mu is held.
func (c *Cache) drop(i int) {
	h := c.holders[i]
	c.bytes -= h.tables.Load().bytes
	c.cool(h.tables.Load())
	h.tables.Store(nil)
	last := len(c.holders) - 1
	c.holders[i] = c.holders[last]
	c.holders[last] = nil
	c.holders = c.holders[:last]
}

// Forget drops what is kept of a segment that nobody will read again.
func (c *Cache) Forget(r *Reader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, h := range c.holders {
		if h == r {
			c.drop(i)
			return
		}
	}
}

// dict returns the dictionary of a column, if it has one.
func (c *Cache) dict(r *Reader, t *Tables, col int) (dictionary, bool, error) {
	t.mu.Lock()
	d, ok := t.dicts[col]
	var err error
	if !ok {
		if d, err = c.readDict(r, col); err == nil {
			t.dicts[col] = d
		}
	}
	t.mu.Unlock()
	if !ok && err == nil {
		c.mu.Lock()
		c.grow(r, t, textBytes(&d.values)+64)
		c.mu.Unlock()
	}
	return d, d.id != 0, err
}

// mayPick reports whether a few values of a column's dictionary are better picked out of
// its chunk: it is not kept, and has not been asked for time and again.
func (t *Tables) mayPick(col int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.dicts[col]; ok {
		return false
	}
	t.picks[col]++
	return t.picks[col] <= dictPicks
}

func (c *Cache) readDict(r *Reader, col int) (d dictionary, err error) {
	b, err := r.blocks.Chunk(nil, col, block.WholeSegment)
	if err != nil || b == nil {
		return d, err
	}
	if err := decodeStrings(&d.values, b, dictValues); err != nil {
		return dictionary{}, r.corrupt(col, block.WholeSegment, err)
	}
	d.id = lastID.Add(1)
	return d, nil
}

// filter returns the filter of the values of a column, if it has one.
func (c *Cache) filter(r *Reader, t *Tables, col int) (f filter.Filter, ok bool, err error) {
	of, ok := t.filters[col]
	if !ok {
		return f, false, nil
	}
	k, err := c.chunk(r, t, of, block.WholeSegment)
	if err != nil || k == nil {
		return f, false, err
	}
	if f, _, err = filter.Parse(k.bytes); err != nil {
		return f, false, r.corrupt(of, block.WholeSegment, err)
	}
	return f, true, nil
}

// Lacks reports whether a column of string attributes surely has not the value v: its
// filter says so. A filter that cannot be read says nothing; Damage tells of it.
func (c *Cache) Lacks(r *Reader, t *Tables, col int, v []byte) bool {
	f, ok, err := c.filter(r, t, col)
	return err == nil && ok && !f.Has(v)
}

// testFilters looks up the values of a block, of which all columns are read, in the
// filters of their columns.
func (c *Cache) testFilters(r *Reader, t *Tables, b *span.Batch) error {
	for i := range t.Attrs {
		f, ok, err := c.filter(r, t, t.Attrs[i].Column)
		if err != nil {
			return err
		}
		values := &b.Attrs.Columns[i].Strings
		for k := 0; ok && k < values.Len(); k++ {
			if !f.Has(values.At(k)) {
				return r.bad(t.filters[t.Attrs[i].Column], "the filter lacks %q", values.At(k))
			}
		}
	}
	return nil
}

func textBytes(s *column.Strings) int64 { return int64(cap(s.Buf)) + 4*int64(cap(s.Ends)) }
