package rollup

import (
	"fmt"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/storage"
)

// told writes what is known of durations.
func told(h *sketch.Histogram) string {
	line := fmt.Sprintf("%d from %d to %d sum %v:", h.Count(), h.Min(), h.Max(), h.Sum())
	for i, n := range h.Buckets() {
		line += fmt.Sprintf(" %d:%d", i, n)
	}
	return line
}

// segmentOf returns what the services of a segment did in a minute, as it is read, and
// adds their durations to sums.
func segmentOf(t *testing.T, services int, minute uint32, seed uint64, sums map[storage.RollupKey]*sketch.Histogram) *Rollup {
	made := Rollup{Minutes: []Counts{{Minute: minute}}}
	for s := range services {
		o := Series{Key: uint32(s), Minute: minute}
		for i := range 2 + uint64(s)%3 {
			o.Durations.Add((seed+i*977)*uint64(1+s), one)
		}
		o.Rows = o.Durations.Count() / one
		o.Weight, o.Squares = plain(o.Rows)
		made.OperationKeys, made.Operations = append(made.OperationKeys, OperationKey{Service: uint32(s)}), append(made.Operations, o)
		k := storage.RollupKey{Start: startOf(minute), Service: serviceName(s)}
		if sums[k] == nil {
			sums[k] = new(sketch.Histogram)
		}
		sums[k].Merge(&o.Durations)
	}
	read, sizes := new(Rollup), Sizes{Services: services, Rows: 5 * services}
	if err := read.ParseServices(made.AppendServices(nil), sizes); err != nil {
		t.Fatal(err)
	}
	if err := read.ParseTimes(made.AppendTimes(nil), sizes); err != nil {
		t.Fatal(err)
	}
	return read
}

func serviceName(s int) string { return fmt.Sprintf("service %03d", s) }

// TestManyServices adds up more services and minutes than have an accumulator at a time:
// one after the other, and so that those that gave theirs away are wanted again.
func TestManyServices(t *testing.T) {
	for _, services := range []int{3, maxDense / 2, maxDense + 9} {
		var names []string
		for s := range services {
			names = append(names, serviceName(s))
		}
		want := make(map[storage.RollupKey]*sketch.Histogram)
		a := NewAnswer(&storage.RollupRequest{By: storage.ByService, Step: Minute, Durations: true})
		for i, minute := range []uint32{1, 1, 2, 2, 3, 4, 1, 4, 2} {
			a.Add(segmentOf(t, services, minute, uint64(i+1), want), names, new(column.Strings))
		}
		out, err := a.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Series) != len(want) {
			t.Errorf("%d services: %d series, want %d", services, len(out.Series), len(want))
		}
		if !slices.IsSortedFunc(out.Series, func(x, y storage.RollupSeries) int { return x.Compare(&y.RollupKey) }) {
			t.Errorf("%d services: series are not in order", services)
		}
		for i := range out.Series {
			s := &out.Series[i]
			if h := want[s.RollupKey]; h == nil || told(h) != told(&s.Durations) || s.Spans != h.Count()/one || s.Weight != clew.Weight(h.Count()) {
				t.Fatalf("%d services: %+v has %d spans that took %s, want %s", services, s.RollupKey, s.Spans, told(&s.Durations), told(h))
			}
		}
	}
}
