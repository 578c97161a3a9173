package runs

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew/column"
)

// directory returns the runs of a block, with shapes 0 to 3.
func directory(t *testing.T, r *rand.Rand, n int) *Runs {
	t.Helper()
	var templates, lens []uint32
	rows := 0
	for i := range n {
		templates, lens = append(templates, uint32(3*i+r.IntN(3))), append(lens, uint32(1+r.IntN(40)))
		rows += int(lens[i])
	}
	src := column.AppendInts(column.AppendInts(nil, templates, column.IntOptions{}), lens, column.IntOptions{})
	b, err := Parse(src, rows, 3*n, shapeOf)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func shapeOf(template uint32) uint32 { return template * 7 % 4 }

// TestValues compares places and values by rows with a walk over all rows.
func TestValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		b := directory(t, r, 1+r.IntN(60))
		rows := int(b.Start[len(b.Template)])
		having := make([]uint32, 4)
		for i := range having {
			having[i] = -uint32(r.IntN(2))
		}
		base, vals, of, at := r.Uint64()>>r.IntN(64), []uint64(nil), []int(nil), []uint32(nil) // of: the row of each value
		for run := range b.Template {
			at = append(at, uint32(len(vals)))
			for row := b.Start[run]; row < b.Start[run+1]; row++ {
				for _, from := range []int{0, run / 2, max(run-1, 0), run} {
					if got := b.From(from, row); got != run {
						t.Fatalf("row %d is of run %d, want %d", row, got, run)
					}
				}
				if having[b.Shape[run]] != 0 {
					vals, of = append(vals, base+uint64(len(vals)/20*7919%5)), append(of, int(row))
				}
			}
		}
		at = append(at, uint32(len(vals)))
		got := make([]uint32, len(b.Start))
		if b.Places(got, having); !slices.Equal(got, at) {
			t.Fatalf("places %v, want %v", got, at)
		}
		v, err := b.Values(vals, having)
		if err != nil {
			t.Fatal(err)
		}
		if v == nil { // only where the sums wrap
			if base+4 >= base {
				t.Fatalf("no values of %v", vals)
			}
			continue
		}
		for _, in := range []column.Range{{Low: base}, {Low: base + 1, Span: 2}, {Low: base + 3, Span: ^uint64(0) - 2}, {Low: base + 5, Span: 9}, {Span: ^uint64(0)}} {
			got, want := column.NewBitmap(rows), column.NewBitmap(rows)
			for i, x := range vals {
				if in.Has(x) {
					want.Set(of[i])
				}
			}
			if v.Select(got, in); !slices.Equal(got, want) {
				t.Fatalf("round %d: %v of %d values has rows %x, want %x", round, in, len(vals), got, want)
			}
		}
		if v, err := b.Values(append(vals, base), having); err == nil {
			t.Fatalf("a value too many: %v", v)
		}
		if len(vals) > 0 {
			if v, err := b.Values(vals[1:], having); err == nil {
				t.Fatalf("a value too few: %v", v)
			}
		}
	}
	b := directory(t, r, 1)
	far := make([]uint64, b.Start[1])
	if far[0] = 1 << 32; len(far) > 1 {
		if v, err := b.Values(far, []uint32{^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0)}); v != nil || err != nil {
			t.Errorf("values 2^32 apart: %v, %v", v, err)
		}
	}
}

// TestParse refuses directories that cannot be.
func TestParse(t *testing.T) {
	of := func(templates, lens []uint32) []byte {
		return column.AppendInts(column.AppendInts(nil, templates, column.IntOptions{}), lens, column.IntOptions{})
	}
	for name, c := range map[string]struct {
		templates, lens []uint32
	}{
		"good":                       {[]uint32{1, 4, 5}, []uint32{2, 3, 5}},
		"more lengths":               {[]uint32{1, 4}, []uint32{2, 3, 5}},
		"a template that is not":     {[]uint32{1, 4, 6}, []uint32{2, 3, 5}},
		"templates that descend":     {[]uint32{4, 1, 5}, []uint32{2, 3, 5}},
		"rows that are missing":      {[]uint32{1, 4, 5}, []uint32{2, 3, 4}},
		"more rows than there are":   {[]uint32{1, 4, 5}, []uint32{2, 3, 6}},
		"more runs than rows":        {[]uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, []uint32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}},
		"lengths that are no longer": {[]uint32{1}, nil},
	} {
		if b, err := Parse(of(c.templates, c.lens), 10, 6, shapeOf); (err == nil) != (name == "good") {
			t.Errorf("%s: %v, %v", name, b, err)
		}
	}
}

// TestSeek finds runs by templates.
func TestSeek(t *testing.T) {
	b := directory(t, rand.New(rand.NewPCG(3, 4)), 50)
	for from := range b.Template {
		for template := range uint32(160) {
			want := from
			for want < len(b.Template) && b.Template[want] < template {
				want++
			}
			if got := b.SeekNear(from, template); got != want {
				t.Fatalf("from run %d template %d is run %d, want %d", from, template, got, want)
			}
			if from > 0 || template >= 150 {
				continue
			}
			if got := b.Seek(template, 150); got != want {
				t.Fatalf("template %d is run %d, want %d", template, got, want)
			}
		}
	}
}
