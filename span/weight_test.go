package span_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// weighted is a batch of one row.
func weighted(state string, set clew.Weight, attrs ...clew.Attr) *span.Batch {
	b := build.NewBuilder(1)
	at := b.Attrs.Root(0)
	for _, a := range attrs {
		var c *build.ColumnBuilder
		if c, at = b.Attrs.Next(at, []byte(a.Key), a.Value.Type); a.Value.Type == clew.TypeString {
			c.PutBytes(0, a.Value.Bytes)
		} else {
			c.PutBits(0, a.Value.Bits)
		}
	}
	if state != "" {
		b.TraceState.PutBytes(0, []byte(state))
	}
	if set != 0 {
		b.Weight.PutBits(0, uint64(set))
	}
	b.EndSpan(&build.Fixed{Name: b.InternName(nil), Shape: at})
	res, _ := b.InternResource(nil)
	b.SetResource(res, clew.Resource{})
	scope, _ := b.InternScope(nil)
	b.SetScope(scope, clew.Scope{})
	return b.View(1)
}

func TestWeights(t *testing.T) {
	const unknown, one = clew.WeightUnknown, clew.WeightOne
	forced := clew.Attr{Key: "sampling.priority", Value: clew.IntValue(1)}
	for _, c := range []struct {
		state string
		attrs []clew.Attr
		set   clew.Weight
		want  clew.Weight
	}{
		{"", nil, 0, one},
		{"ot=th:0", nil, 0, one},
		{"ot=th:8", nil, 0, 2 * one},
		{"ot=th:c", nil, 0, 4 * one},
		{"ot=th:C", nil, 0, 4 * one},
		{"ot=th:c000", nil, 0, 4 * one},
		{"ot=th:fd70a4", nil, 0, 6553606}, // 1 %, as exactly as six digits say it
		{"ot=rv:abcdef01234567;th:8;x:1", nil, 0, 2 * one},
		{"vendor=a, \tot=th:8 ,other=b", nil, 0, 2 * one},
		{"ot=p:8;r:62", nil, 0, one}, // no threshold: nobody sampled
		{"t@ot=th:8,xot=th:8", nil, 0, one},
		{"ot=xth:8", nil, 0, one},
		{"ot=", nil, 0, one},
		{"th:8", nil, 0, one},
		{"ot=rv:1,ot=th:8", nil, 0, one}, // keys are unique: the first counts
		{"ot=th:", nil, 0, unknown},
		{"ot=th:g", nil, 0, unknown},
		{"ot=th: 8", nil, 0, unknown},
		{"ot=th:000000000000000", nil, 0, unknown}, // 15 digits
		{"ot=th:ffffffffffffff", nil, 0, unknown},  // one span in 2^56
		{"ot=th:ffffffff000000", nil, 0, clew.MaxWeight},
		{"ot=th:ffffffff000001", nil, 0, unknown},
		{"", []clew.Attr{forced}, 0, unknown},
		{"", []clew.Attr{{Key: "sampling.priority", Value: clew.IntValue(0)}}, 0, one},
		{"", []clew.Attr{{Key: "sampling.priority", Value: clew.IntValue(-1)}}, 0, one},
		{"", []clew.Attr{{Key: "sampling.priority", Value: clew.DoubleValue(0.5)}}, 0, unknown},
		{"", []clew.Attr{{Key: "sampling.priority", Value: clew.DoubleValue(math.NaN())}}, 0, one},
		{"", []clew.Attr{{Key: "sampling.priority", Value: clew.StringValue("1")}}, 0, unknown},
		{"", []clew.Attr{{Key: "sampling.priority", Value: clew.StringValue("yes")}}, 0, one},
		{"", []clew.Attr{{Key: "sampling.priority", Value: clew.BoolValue(true)}}, 0, one},
		{"", []clew.Attr{{Key: "priority", Value: clew.IntValue(1)}}, 0, one},
		{"ot=th:8", []clew.Attr{forced}, 0, 2 * one}, // the sampler knew
		{"ot=th:0", []clew.Attr{forced}, 0, one},
		{"ot=th:g", []clew.Attr{forced}, 0, unknown},
		{"ot=th:8", []clew.Attr{forced}, 40 * one, 40 * one}, // sampled here once more
		{"ot=th:8", nil, one, one},
	} {
		name := fmt.Sprintf("%q %v set %d", c.state, c.attrs, c.set)
		b := weighted(c.state, c.set, c.attrs...)
		if got := span.NewRows(b).Weight(0); got != c.want {
			t.Errorf("%s: weight %d, want %d", name, got, c.want)
		}
		copied := build.NewBuilder(1)
		copied.AppendRows(b, []uint32{0})
		if got := span.NewRows(copied.View(1)).Weight(0); got != c.want {
			t.Errorf("%s: weight of a copy %d, want %d", name, got, c.want)
		}
	}
}

// TestWeightsOfMany looks at rows with and without trace states in one batch, of
// which a view has a part.
func TestWeightsOfMany(t *testing.T) {
	b := build.NewBuilder(0)
	states := []string{"", "ot=th:8", "ot=th:0", "x=y", "ot=th:8", "ot=th:zz", ""}
	res, _ := b.InternResource(nil)
	b.SetResource(res, clew.Resource{})
	for i, s := range states {
		if s != "" {
			b.TraceState.PutBytes(uint32(i), []byte(s))
		}
		b.EndSpan(&build.Fixed{Name: b.InternName(nil)})
	}
	for n := range len(states) + 1 {
		got := b.View(n).Weights()
		var rows []uint32
		for i, s := range states[:n] {
			if s == "ot=th:8" || s == "ot=th:zz" {
				rows = append(rows, uint32(i))
			}
		}
		if fmt.Sprint(got.Rows) != fmt.Sprint(rows) {
			t.Errorf("rows %v of %d have a weight, want %v", got.Rows, n, rows)
		}
	}
	if w := clew.WeightUnknown.Counted(); w != clew.WeightOne {
		t.Errorf("an unknown weight counts as %d", w)
	}
	if w := (3 * clew.WeightOne / 2); w.Counted() != w || w.Float64() != 1.5 {
		t.Errorf("a weight of 1.5 counts as %d and is %v", w.Counted(), w.Float64())
	}
}
