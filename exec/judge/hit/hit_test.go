package hit

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// TestServices counts the spans of services that have several resources each, below and
// above the number from which they are looked up.
func TestServices(t *testing.T) {
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
		got := servicesOf(trace)
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
