// Package pooled encodes the values that rare columns have in a block as one chunk. A
// column of its own costs a name, and in every block a chunk with its header and its
// entry in the directory; a segment of 5,000 attribute keys would be made of those.
//
//	ints      columns that have values here, ascending
//	ints      how many values each has
//	ints      rows of the values, column by column, ascending within each
//	ints      the values that are ints, in the same order
//	doubles   those that are doubles
//	ints      those that are bools
//	strings   those that are strings
//	strings   all others, as bytes
//
// Columns are numbered by the caller, who knows their types. Chunks are those of
// package column.
package pooled

import (
	"errors"
	"fmt"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
)

// mini is the number of strings that the read of one decodes.
const mini = 256

var (
	options = column.IntOptions{Delta: true, Zstd: true}
	signed  = column.IntOptions{Delta: true, Zstd: true, Signed: true}
)

// A Builder builds one chunk after the other. The zero value is ready.
type Builder struct {
	columns, counts, rows []uint32
	ints, doubles, bools  []uint64
	texts                 [2]column.Strings // strings, others
}

// Reset begins a chunk.
func (b *Builder) Reset() {
	b.columns, b.counts, b.rows = b.columns[:0], b.counts[:0], b.rows[:0]
	b.ints, b.doubles, b.bools = b.ints[:0], b.doubles[:0], b.bools[:0]
	b.texts[0].Reset()
	b.texts[1].Reset()
}

// Len returns how many values there are.
func (b *Builder) Len() int { return len(b.rows) }

// Add adds a value: by ascending column, and in a column by ascending row.
func (b *Builder) Add(col, row uint32, v clew.Value) {
	if n := len(b.columns); n == 0 || b.columns[n-1] != col {
		b.columns, b.counts = append(b.columns, col), append(b.counts, 0)
	}
	b.counts[len(b.counts)-1]++
	b.rows = append(b.rows, row)
	switch v.Type {
	case clew.TypeInt:
		b.ints = append(b.ints, v.Bits)
	case clew.TypeDouble:
		b.doubles = append(b.doubles, v.Bits)
	case clew.TypeBool:
		b.bools = append(b.bools, v.Bits)
	case clew.TypeString:
		b.texts[0].Append(v.Bytes)
	default:
		b.texts[1].Append(v.Bytes)
	}
}

// Append appends the chunk.
func (b *Builder) Append(dst []byte) []byte {
	for _, v := range [][]uint32{b.columns, b.counts, b.rows} {
		dst = column.AppendInts(dst, v, options)
	}
	dst = column.AppendInts(dst, b.ints, signed)
	dst = column.AppendDoubles(dst, b.doubles, options)
	dst = column.AppendInts(dst, b.bools, options)
	for i := range b.texts {
		dst = column.AppendStrings(dst, b.texts[i], column.StringOptions{Block: mini})
	}
	return dst
}

// Chunk is a parsed chunk: a view into the bytes it was parsed from. One goroutine.
type Chunk struct {
	columns []uint32
	ends    []uint32 // by column of the chunk: the end of its rows
	rows    []uint32
	types   func(col uint32) clew.Type
	before  [][clew.TypeCount]uint32 // by column of the chunk: values of each type before it

	ints, bools column.Ints
	doubles     column.Doubles
	texts       [2]column.StringsChunk
	decoded     [2]column.Strings // those of which a value was asked for
}

// Limits are what a reader believes of a chunk.
type Limits struct {
	Columns, Rows, Values, Text int
}

// Parse reads a chunk. types tells the type of each column.
func Parse(b []byte, l Limits, types func(col uint32) clew.Type) (c Chunk, err error) {
	c.types = types
	if c.columns, b, err = column.DecodeInts[uint32](nil, b, l.Columns); err != nil {
		return c, err
	}
	if c.ends, b, err = column.DecodeInts[uint32](nil, b, l.Columns); err != nil {
		return c, err
	}
	if c.rows, b, err = column.DecodeInts[uint32](nil, b, l.Values); err != nil {
		return c, err
	}
	have, err := c.check(l)
	if err != nil {
		return c, err
	}
	if c.ints, b, err = column.ParseInts(b, len(c.rows)); err != nil {
		return c, err
	}
	if c.doubles, b, err = column.ParseDoubles(b, len(c.rows)); err != nil {
		return c, err
	}
	if c.bools, b, err = column.ParseInts(b, len(c.rows)); err != nil {
		return c, err
	}
	for i := range c.texts {
		if c.texts[i], b, err = column.ParseStrings(b, len(c.rows), l.Text); err != nil {
			return c, err
		}
	}
	want := [clew.TypeCount]uint32{
		clew.TypeString: uint32(c.texts[0].Len()), clew.TypeInt: uint32(c.ints.Len()), clew.TypeDouble: uint32(c.doubles.Len()),
		clew.TypeBool: uint32(c.bools.Len()), clew.TypeOther: uint32(c.texts[1].Len()),
	}
	if have != want || len(b) > 0 {
		return c, fmt.Errorf("values of each type %d, columns have %d; %d bytes left over", want, have, len(b))
	}
	return c, nil
}

// check turns counts into ends, and returns how many values of each type the columns
// have.
func (c *Chunk) check(l Limits) (sum [clew.TypeCount]uint32, err error) {
	if len(c.ends) != len(c.columns) {
		return sum, fmt.Errorf("%d columns, %d counts", len(c.columns), len(c.ends))
	}
	c.before = make([][clew.TypeCount]uint32, len(c.columns))
	at := uint32(0)
	for i, n := range c.ends {
		col := c.columns[i]
		if int(col) >= l.Columns || i > 0 && col <= c.columns[i-1] || n == 0 || n > uint32(len(c.rows))-at {
			return sum, fmt.Errorf("column %d with %d values is out of place", col, n)
		}
		c.before[i] = sum
		sum[c.types(col)] += n
		for k, row := range c.rows[at : at+n] {
			if int(row) >= l.Rows || k > 0 && row <= c.rows[int(at)+k-1] {
				return sum, fmt.Errorf("row %d of %d is out of place", row, l.Rows)
			}
		}
		at += n
		c.ends[i] = at
	}
	if int(at) != len(c.rows) {
		return sum, errors.New("counts do not add up")
	}
	return sum, nil
}

// Columns returns the columns that have values, ascending. They are c's.
func (c *Chunk) Columns() []uint32 { return c.columns }

// Rows returns the rows that have a value in a column, ascending. They are c's.
func (c *Chunk) Rows(col uint32) []uint32 {
	i, ok := slices.BinarySearch(c.columns, col)
	if !ok {
		return nil
	}
	return c.rows[c.start(i):c.ends[i]]
}

func (c *Chunk) start(i int) uint32 {
	if i == 0 {
		return 0
	}
	return c.ends[i-1]
}

// Values returns the values that a column has in all its rows: as bits, or as texts
// where its type has those.
func (c *Chunk) Values(col uint32) (vals []uint64, texts column.Strings, err error) {
	i, ok := slices.BinarySearch(c.columns, col)
	if !ok {
		return nil, texts, nil
	}
	t, n := c.types(col), int(c.ends[i]-c.start(i))
	first := int(c.before[i][t])
	switch t {
	case clew.TypeInt:
		vals, err = c.ints.DecodeRange(nil, first, first+n)
	case clew.TypeDouble:
		vals, err = c.doubles.DecodeRange(nil, first, first+n)
	case clew.TypeBool:
		vals, err = c.bools.DecodeRange(nil, first, first+n)
	default:
		class := 0
		if t != clew.TypeString {
			class = 1
		}
		all := &c.decoded[class]
		if all.Len() == 0 {
			err = c.texts[class].Decode(all)
		}
		for k := 0; k < n && err == nil; k++ {
			texts.Append(all.At(first + k))
		}
	}
	return vals, texts, err
}
