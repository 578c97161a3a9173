package pooled

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
)

type entry struct {
	col, row uint32
	value    clew.Value
}

// typeOf is the type of a column in these tests.
func typeOf(col uint32) clew.Type { return clew.Type(col % clew.TypeCount) }

func chunkOf(entries []entry) []byte {
	var b Builder
	b.Add(9, 9, clew.StringValue("forgotten"))
	b.Reset()
	for _, e := range entries {
		b.Add(e.col, e.row, e.value)
	}
	return b.Append(nil)
}

func valueOf(r *rand.Rand, t clew.Type) clew.Value {
	switch t {
	case clew.TypeInt:
		return clew.IntValue(int64(r.Uint64()) >> r.IntN(64))
	case clew.TypeDouble:
		return clew.DoubleValue(math.Floor(r.Float64()*1000) / 8)
	case clew.TypeBool:
		return clew.BoolValue(r.IntN(2) == 0)
	}
	text := make([]byte, r.IntN(20))
	for i := range text {
		text[i] = byte(r.Uint32())
	}
	return clew.Value{Type: t, Bytes: text}
}

const rows = 1000

func randomEntries(seed uint64, columns int) (entries []entry) {
	r := rand.New(rand.NewPCG(seed, 1))
	for col := range uint32(columns) {
		if col%7 == 3 {
			continue
		}
		for row := range uint32(rows) {
			if r.IntN(50*(int(col%5)+1)) == 0 {
				entries = append(entries, entry{col, row, valueOf(r, typeOf(col))})
			}
		}
	}
	return entries
}

// TestRoundTrip reads every column of random chunks.
func TestRoundTrip(t *testing.T) {
	for seed, columns := range []int{0, 1, 2, 30, 300} {
		entries := randomEntries(uint64(seed), columns)
		c, err := Parse(chunkOf(entries), Limits{Columns: columns, Rows: rows, Values: len(entries), Text: 1 << 20}, typeOf)
		if err != nil {
			t.Fatal(err)
		}
		var got []entry
		for _, col := range c.Columns() {
			vals, texts, err := c.Values(col)
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range c.Rows(col) {
				v := clew.Value{Type: typeOf(col)}
				if vals != nil {
					v.Bits = vals[i]
				} else {
					v.Bytes = texts.At(i)
				}
				got = append(got, entry{col, row, v})
			}
		}
		if !slices.EqualFunc(got, entries, func(a, b entry) bool {
			return a.col == b.col && a.row == b.row && a.value.Type == b.value.Type && a.value.Bits == b.value.Bits && string(a.value.Bytes) == string(b.value.Bytes)
		}) {
			t.Errorf("%d columns: %d values read, %d written", columns, len(got), len(entries))
		}
		if rows := c.Rows(uint32(columns)); rows != nil {
			t.Errorf("rows %d of a column that is not there", rows)
		}
	}
}

// FuzzParse reads any bytes.
func FuzzParse(f *testing.F) {
	f.Add(chunkOf(nil))
	for seed := range uint64(4) {
		f.Add(chunkOf(randomEntries(seed, 6)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := Limits{Columns: 20, Rows: rows, Values: 5000, Text: 1 << 16}
		c, err := Parse(b, l, typeOf)
		if err != nil {
			return
		}
		for _, col := range c.Columns() {
			vals, texts, err := c.Values(col)
			if n := len(c.Rows(col)); err == nil && len(vals) != n && texts.Len() != n {
				t.Fatalf("column %d has %d rows, %d values, %d texts", col, n, len(vals), texts.Len())
			}
		}
	})
}
