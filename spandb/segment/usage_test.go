package segment

import (
	"testing"

	"github.com/clew-tracing/clew/internal/corpus"
)

// TestUsage adds up the families of a segment of each corpus; with -v it prints
// what a span takes of each.
func TestUsage(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	for _, name := range corpus.Names() {
		data := seal(decode(t, corpus.Requests(name, 1, benchRows, 500)))
		r := open(t, data)
		use := make(map[Family]int64)
		if err := r.Usage(use); err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for _, f := range Families() {
			t.Logf("%-5s %-26s %6.3f B/span", name, f, float64(use[f])/benchRows)
			sum += use[f]
			delete(use, f)
		}
		if len(use) > 0 || sum != int64(len(data)) {
			t.Errorf("%s: families have %d bytes of %d, and unknown %v", name, sum, len(data), use)
		}
	}
}
