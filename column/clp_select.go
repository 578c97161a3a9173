package column

import (
	"sync"

	"github.com/clew-tracing/clew/column/bitpack"
	"github.com/clew-tracing/clew/column/clp"
)

// clpSearch looks for one string in the blocks of a chunk. What the string's template is
// among those of the chunk is known by fingerprint first: text is unpacked when a block
// has a row with the string's numbers, and a template that may be the one.
type clpSearch struct {
	template []byte
	numbers  [clp.MaxNumbers]uint64
	n        int      // numbers
	heads    []uint64 // of all templates
	least    int      // numbers that each of them has
	codes    []uint64 // of those that may be the one; once sure, its own
	sure     bool

	vectors [clp.MaxNumbers]Ints
	hits    [clp.MaxNumbers]Bitmap // by number: the vector's elements equal to it
	rows    Bitmap                 // of a block
	vals    []uint64
	list    Strings // the texts of templates
}

var clpSearchPool = sync.Pool{New: func() any { return new(clpSearch) }}

func (q *clpSearch) put() {
	size := cap(q.list.Buf) + 4*cap(q.list.Ends) + cap(q.template) + 8*(cap(q.heads)+cap(q.codes)+cap(q.rows)+cap(q.vals))
	for i := range q.hits {
		size += 8 * cap(q.hits[i])
	}
	if size <= maxPooledBytes {
		clpSearchPool.Put(q)
	}
}

// selectCLP is SelectEqual for templates and numbers.
func (c *StringsChunk) selectCLP(dst Bitmap, at int, v []byte) error {
	q := clpSearchPool.Get().(*clpSearch)
	defer q.put()
	var ok bool
	if q.template, q.n, ok = clp.Split(q.template[:0], &q.numbers, v); !ok {
		return nil
	}
	if err := q.begin(c.templates); err != nil {
		return err
	}
	for k := 0; k*c.block < c.n && len(q.codes) > 0; k++ {
		data, n, err := c.blockAt(k)
		if err != nil {
			return err
		}
		found, err := q.block(c.templates, data, n)
		if err != nil {
			return err
		}
		if found {
			dst.OrRange(at+k*c.block, q.rows, 0, n)
		}
	}
	return nil
}

// begin finds the templates that may be the one.
func (q *clpSearch) begin(t *clpTemplates) (err error) {
	if q.heads, err = t.heads.Decode(q.heads[:0]); err != nil {
		return err
	}
	q.codes, q.sure, q.least = q.codes[:0], false, clp.MaxNumbers
	want := uint64(q.n)<<8 | uint64(clp.Fingerprint(q.template))
	for code, head := range q.heads {
		if head == want {
			q.codes = append(q.codes, uint64(code))
		}
		q.least = min(q.least, int(head>>8))
	}
	return nil
}

// block sets q.rows to the strings of a block, of n, that are the one, and reports
// whether there are any.
func (q *clpSearch) block(t *clpTemplates, data []byte, n int) (found bool, err error) {
	codes, rest, err := ParseInts(data, n)
	if err != nil {
		return false, err
	}
	if codes.n != n {
		return false, damaged("%d template codes for %d strings", codes.n, n)
	}
	for pos := range q.n {
		if len(rest) == 0 {
			return false, nil // no string of the block has so many numbers
		}
		if q.vectors[pos], rest, err = ParseInts(rest, n); err != nil {
			return false, err
		}
	}
	if found, err = q.number(); !found || err != nil {
		return false, err
	}
	if found, err = q.ofTemplate(&codes); !found || err != nil {
		return false, err
	}
	if !q.sure {
		before := len(q.codes)
		if err := q.resolve(t); err != nil || len(q.codes) == 0 {
			return false, err
		}
		if before > 1 {
			if found, err = q.ofTemplate(&codes); !found || err != nil {
				return false, err
			}
		}
	}
	if q.n > 0 {
		err = q.together(&codes)
	}
	return err == nil && q.rows.Any(), err
}

// number finds the string's numbers, each in the vector of its position. It reports
// false where one is missing. It looks first where a number tells most.
func (q *clpSearch) number() (found bool, err error) {
	widest := 0
	for pos := range q.n {
		if q.vectors[pos].tells() > q.vectors[widest].tells() {
			widest = pos
		}
	}
	for i := range q.n {
		pos := i
		switch i { // widest is the first, and its place is that of the first
		case 0:
			pos = widest
		case widest:
			pos = 0
		}
		x := &q.vectors[pos]
		if x.lacks(q.numbers[pos]) {
			return false, nil
		}
		q.hits[pos] = q.hits[pos].Reset(x.n)
		if err := x.Select(q.hits[pos], 0, 0, x.n, Range{Low: q.numbers[pos]}); err != nil {
			return false, err
		}
		if !q.hits[pos].Any() {
			return false, nil
		}
	}
	return true, nil
}

// tells is the greater the fewer values of a vector are likely to equal a number, and 0
// where it takes long to find out.
func (x *Ints) tells() int {
	switch x.kind {
	case IntFor:
		return 1 + int(x.width)
	case IntPacks:
		return 32
	}
	return 0
}

// lacks reports that v is not among the values; it tells of IntFor alone.
func (x *Ints) lacks(v uint64) bool {
	v -= x.base
	w := uint(x.width)
	return x.kind == IntFor && (v > bitpack.Mask(w) || w > 0 && w <= bitpack.HasWidth && !bitpack.Has(x.data, x.n, w, v))
}

// ofTemplate sets q.rows to those with a template in q.codes.
func (q *clpSearch) ofTemplate(codes *Ints) (found bool, err error) {
	q.rows = q.rows.Reset(codes.n)
	for _, code := range q.codes {
		if err := codes.Select(q.rows, 0, 0, codes.n, Range{Low: code}); err != nil {
			return false, err
		}
	}
	return q.rows.Any(), nil
}

// resolve compares the texts of the templates that may be the one.
func (q *clpSearch) resolve(t *clpTemplates) error {
	q.sure = true
	q.list.Reset()
	if err := t.list.decode(&q.list, t.list.total); err != nil {
		return err
	}
	kept := q.codes[:0]
	for _, code := range q.codes {
		if string(q.list.At(int(code))) == string(q.template) {
			kept = append(kept, code)
		}
	}
	q.codes = kept
	return nil
}

// together keeps of q.rows those that have all the numbers. A string's numbers have, in
// each vector, the place that is the count of strings before it with so many.
func (q *clpSearch) together(codes *Ints) (err error) {
	if q.least >= q.n {
		for pos := range q.n {
			if q.vectors[pos].n != codes.n {
				return damaged("%d numbers at position %d, want %d", q.vectors[pos].n, pos, codes.n)
			}
			q.rows.And(q.hits[pos])
		}
		return nil
	}
	if q.vals, err = codes.Decode(q.vals[:0]); err != nil {
		return err
	}
	var next [clp.MaxNumbers]int
	for row, code := range q.vals {
		if code >= uint64(len(q.heads)) {
			return damaged("template code %d of %d", code, len(q.heads))
		}
		have := min(int(q.heads[code]>>8), q.n)
		all := q.rows.Get(row)
		for pos := range have {
			if next[pos] >= q.vectors[pos].n {
				return damaged("%d numbers at position %d, want more", q.vectors[pos].n, pos)
			}
			all = all && q.hits[pos].Get(next[pos])
			next[pos]++
		}
		if !all {
			q.rows.Clear(row)
		}
	}
	return nil
}
