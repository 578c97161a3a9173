package hit

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// TestServices counts the spans of services that have several resources each, below and
// above the number from which they are looked up.
func TestServices(t *testing.T) {
	var known Summariser
	for _, n := range []int{1, fewServices, fewServices + 1, 100} {
		trace := &storage.Trace{Batch: &span.Batch{}}
		want := make(map[string]Service)
		for row := range 7 * n {
			name := fmt.Sprintf("service %d", (row*row)%n)
			trace.Resources = append(trace.Resources, &span.ResourceEntry{Service: name})
			trace.Resource = append(trace.Resource, uint32(row), uint32(row/2))
			for _, code := range trace.Resource[2*row:] {
				status := clew.Status(int(code) % 3)
				trace.Status = append(trace.Status, uint8(status))
				s := want[trace.Resources[code].Service]
				s.Name = trace.Resources[code].Service
				s.Spans++
				if status == clew.StatusError {
					s.Errors++
				}
				want[s.Name] = s
			}
		}
		got := known.servicesOf(trace)
		for _, s := range got {
			if want[s.Name] != s {
				t.Errorf("of %d services: %+v, want %+v", n, s, want[s.Name])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d services of %v", len(got), slices.Collect(maps.Keys(want)))
		}
		if !slices.IsSortedFunc(got, func(a, b Service) int { return b.Spans - a.Spans }) {
			t.Errorf("not by spans: %+v", got)
		}
	}
}

// TestIDs compares sets of ids, one after the other in the same memory, with maps.
func TestIDs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var set idSet
	for _, n := range []int{0, 1, 40, 3, maxKept, 2 * maxKept, 5} {
		want := make(map[uint64]bool)
		set.reset(n)
		for range n {
			id := uint64(r.IntN(4 * n))
			if r.IntN(2) == 0 {
				id <<= 60 // the same low bits
			}
			set.add(id)
			want[id] = true
		}
		for id := range uint64(4*n + 2) {
			if set.has(id) != want[id] || set.has(id<<60) != want[id<<60] {
				t.Fatalf("of %d ids, %d or %d: %v, %v", n, id, id<<60, set.has(id), set.has(id<<60))
			}
		}
		if set.trim(); cap(set.slots) > 2*maxKept {
			t.Errorf("memory of %d ids is kept", cap(set.slots)/2)
		}
	}
}
