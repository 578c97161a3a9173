package sketch

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew/column"
)

func appendAll(dst []byte, hs []Histogram) []byte {
	return Append(dst, len(hs), func(i int) *Histogram { return &hs[i] })
}

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
		got, rest, err := Decode(append(appendAll([]byte{}, hs), "tail"...), n, 1<<20)
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

// encoded is one histogram, field by field and bucket by bucket, so that a test can
// say what is in it.
type encoded struct {
	fields  [fields]uint64
	buckets []uint64 // place, count, distance, count, …
}

func (x *encoded) bytes() (b []byte) {
	for _, v := range x.fields {
		b = column.AppendInts(b, []uint64{v}, column.IntOptions{})
	}
	w := bitWriter{dst: b}
	for i, v := range x.buckets {
		if i == 0 {
			w.put(v, placeBits)
		} else {
			w.gamma(v)
		}
	}
	return w.bytes()
}

func TestDamage(t *testing.T) {
	five := []uint64{75, 1} // the bucket of 5, once
	for name, x := range map[string]encoded{
		"good":                      {[fields]uint64{0, 1, 0, 0, 0, 5, 0}, five},
		"shift of 64":               {[fields]uint64{64, 1, 0, 0, 0, 5, 0}, five},
		"more buckets than bits":    {[fields]uint64{0, 400, 0, 0, 0, 5, 0}, five},
		"a bucket that is cut off":  {[fields]uint64{0, 1, 0, 0, 0, 5, 0}, []uint64{75}},
		"place too high":            {[fields]uint64{0, 1, 0, 0, 0, 5, 0}, []uint64{maxPlace + 1, 1}},
		"distance too far":          {[fields]uint64{0, 2, 0, 0, 0, 5, 0}, []uint64{75, 1, 1 << 63, 1}},
		"bucket without a number":   {[fields]uint64{0, 1, 0, 0, 0, 5, 0}, []uint64{3, 1}},
		"count shifted out":         {[fields]uint64{2, 1, 0, 0, 0, 5, 0}, []uint64{75, 1 << 62}},
		"zeros shifted out":         {[fields]uint64{1, 0, 1 << 63, 0, 0, 0, 0}, nil},
		"sum shifted out":           {[fields]uint64{1, 1, 0, 0, 0, 0, 1 << 63}, five},
		"least beyond its bucket":   {[fields]uint64{0, 1, 0, 1, 0, 5, 0}, five},
		"greatest beyond":           {[fields]uint64{0, 1, 0, 0, 1, 5, 0}, five},
		"a least value of nothing":  {[fields]uint64{0, 0, 0, 1, 0, 0, 0}, nil},
		"a least besides zeros":     {[fields]uint64{0, 1, 1, 1, 0, 1000, 0}, []uint64{319, 1}},
		"a least above the largest": {[fields]uint64{0, 1, 0, 15, 15, 1000, 0}, []uint64{319, 1}},
	} {
		hs, _, err := Decode(x.bytes(), 1, 1000)
		if (err == nil) != (name == "good") {
			t.Errorf("%s: read as %v, %v", name, hs, err)
		}
	}
	two := append(column.AppendInts(nil, []uint64{0, 0}, column.IntOptions{}), appendAll(nil, []Histogram{{}})...)
	if _, _, err := Decode(two, 2, 1000); err == nil {
		t.Error("fields of two lengths are read")
	}
	if _, _, err := Decode(two, 1, 1000); err == nil {
		t.Error("two histograms are read where one is allowed")
	}
	b := appendAll(nil, []Histogram{*histogramOf([]counted{{1000, 3}, {70, 1}})})
	for n := range len(b) {
		if _, _, err := Decode(b[:n], 1, 2); err == nil {
			t.Errorf("the first %d of %d bytes are taken for all", n, len(b))
		}
	}
}

// FuzzDecode reads anything: no panic, no more than is allowed, and what is read
// comes back the same.
func FuzzDecode(f *testing.F) {
	f.Add(appendAll(nil, nil))
	f.Add(appendAll(nil, []Histogram{*histogramOf([]counted{{0, 1}, {5, 2}, {1e9, 65536}}), {}}))
	f.Add(appendAll(nil, []Histogram{*histogramOf([]counted{{1 << 63, 65536}, {7, 1 << 40}})}))
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
		again, _, err := Decode(appendAll(nil, hs), most, buckets)
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
