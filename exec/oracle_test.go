package exec_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage/storagetest"
)

var (
	oraclePairs = flag.Int("oracle", 20_000, "how many pairs of a query and a trace TestOracle compares")
	oracleSeed  = flag.Uint64("oracle-seed", 1, "the first seed of TestOracle")
)

// Random queries over random traces are answered as the model says. A million pairs:
//
//	go test ./exec -run TestOracle -oracle 1000000 -timeout 60m
func TestOracle(t *testing.T) {
	const traces, queries = 40, 60
	found, whole, asked := 0, 0, 0
	for seed := *oracleSeed; asked*traces < *oraclePairs; seed++ {
		spans := storagetest.NewGenerator(seed).Spans(traces, 7)
		store := storagetest.NewMemory(storagetest.AllCapabilities())
		fill(t, store, spans, 23)
		r := randomQuery{rand.New(rand.NewPCG(seed, 4))}
		for n := 0; n < queries; {
			text := r.spanset(3)
			p, err := exec.Prepare(text)
			if err != nil {
				continue // of types that do not fit
			}
			n++
			asked++
			w := windows(spans, r.Rand)[r.IntN(3)]
			want := naiveSearch(t, spans, text, w)
			compareHits(t, fmt.Sprintf("seed %d: %s in %v", seed, text, w), pages(t, store, p, w, 1000), want)
			found += min(1, len(want))
			if _, exact := p.Condition(); !exact {
				whole++
			}
			if t.Failed() {
				return
			}
		}
	}
	if found < asked/4 || whole < asked/3 {
		t.Errorf("of %d queries %d find something and %d ask about whole traces: the test shows little", asked, found, whole)
	}
	t.Logf("%d queries over %d traces each, from seed %d on; %d found something, %d asked about whole traces", asked, traces, *oracleSeed, found, whole)
}
