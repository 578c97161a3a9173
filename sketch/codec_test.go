package sketch

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew/column"
)

func TestRoundTrip(t *testing.T) {
	all := []Histogram{{}}
	for _, values := range distributions(rand.New(rand.NewPCG(11, 12))) {
		h := histogramOf(values)
		all = append(all, *h)
		weighted := new(Histogram)
		weighted.Merge(h)
		weighted.Scale(65536)
		all = append(all, *weighted)
	}
	all = append(all, *histogramOf([]counted{{math.MaxUint64, math.MaxUint64}, {3, 2}, {0, math.MaxUint64}}))
	for n := range len(all) + 1 {
		hs := all[:n]
		got, rest, err := Decode(append(Append(nil, hs), "tail"...), n, 1<<20)
		if err != nil || string(rest) != "tail" || len(got) != n {
			t.Fatalf("Decode of %d: %d, rest %q, %v", n, len(got), rest, err)
		}
		for i := range got {
			if !same(&got[i], &hs[i]) {
				t.Errorf("histogram %d: %v, want %v", i, got[i], hs[i])
			}
		}
	}
}

// fieldsOf encodes fields one by one, so that a test can say what is in them.
func fieldsOf(f [fields][]uint64) (b []byte) {
	for _, v := range f {
		b = column.AppendInts(b, v, column.IntOptions{})
	}
	return b
}

func TestDamage(t *testing.T) {
	u := func(v ...uint64) []uint64 { return v }
	good := [fields][]uint64{u(0), u(1), u(0), u(0), u(0), u(5), u(0), u(74 + 1), u(0)}
	if _, _, err := Decode(fieldsOf(good), 1, 1); err != nil {
		t.Fatalf("one value of 5: %v", err)
	}
	for name, c := range map[string]struct {
		field int
		v     []uint64
	}{
		"shift of 64":               {fieldShift, u(64)},
		"more buckets than places":  {fieldBuckets, u(2)},
		"fewer buckets than places": {fieldBuckets, u(0)},
		"fields of two lengths":     {fieldZero, u(0, 0)},
		"place too high":            {fieldPlaces, u(maxPlace + 1)},
		"place without a number":    {fieldPlaces, u(2)},
		"count that wraps":          {fieldCounts, u(math.MaxUint64)},
		"least beyond its bucket":   {fieldMin, u(1)},
		"greatest beyond":           {fieldMax, u(1)},
		"counts without places":     {fieldCounts, u(0, 0)},
		"too many histograms":       {fieldShift, u(0, 0)},
	} {
		f := good
		f[c.field] = c.v
		if hs, _, err := Decode(fieldsOf(f), 1, 2); err == nil {
			t.Errorf("%s: read as %v", name, hs)
		}
	}
	for _, f := range [][fields][]uint64{
		{u(1), u(1), u(0), u(0), u(0), u(5), u(0), u(75), u(1<<63 - 1)}, // counts shifted out
		{u(1), u(0), u(1 << 63), u(0), u(0), u(0), u(0), u(), u()},
		{u(1), u(1), u(0), u(0), u(0), u(0), u(1 << 63), u(75), u(0)},
		{u(0), u(0), u(0), u(1), u(0), u(0), u(0), u(), u()},         // a least value of nothing
		{u(0), u(1), u(1), u(1), u(0), u(9), u(0), u(318 + 1), u(0)}, // besides zeros
	} {
		if hs, _, err := Decode(fieldsOf(f), 1, 2); err == nil {
			t.Errorf("%v: read as %v", f, hs)
		}
	}
	b := Append(nil, []Histogram{*histogramOf([]counted{{1000, 3}, {70, 1}})})
	for n := range len(b) {
		if _, _, err := Decode(b[:n], 1, 2); err == nil {
			t.Errorf("the first %d of %d bytes are taken for all", n, len(b))
		}
	}
}

// FuzzDecode reads anything: no panic, no more than is allowed, and what is read
// comes back the same.
func FuzzDecode(f *testing.F) {
	f.Add(Append(nil, nil))
	f.Add(Append(nil, []Histogram{*histogramOf([]counted{{0, 1}, {5, 2}, {1e9, 65536}}), {}}))
	f.Add(Append(nil, []Histogram{*histogramOf([]counted{{1 << 63, 65536}, {7, 1 << 40}})}))
	f.Fuzz(func(t *testing.T, b []byte) {
		const most, buckets = 64, 4096
		hs, rest, err := Decode(b, most, buckets)
		if err != nil {
			return
		}
		sum := 0
		for i := range hs {
			sum += len(hs[i].place)
			if h := &hs[i]; h.min > h.max || !slices.IsSorted(h.place) || h.Quantile(0.5) > float64(h.max) {
				t.Fatalf("histogram %d makes no sense: %v", i, h)
			}
		}
		if len(hs) > most || sum > buckets || !bytes.HasSuffix(b, rest) {
			t.Fatalf("%d histograms, %d buckets, rest %x", len(hs), sum, rest)
		}
		again, _, err := Decode(Append(nil, hs), most, buckets)
		if err != nil || len(again) != len(hs) {
			t.Fatalf("written again: %v", err)
		}
		for i := range hs {
			if !same(&hs[i], &again[i]) {
				t.Fatalf("histogram %d: %v, written again %v", i, hs[i], again[i])
			}
		}
	})
}
