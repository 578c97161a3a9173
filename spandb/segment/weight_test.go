package segment

import (
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// TestWeightsSurvive seals rows with weights that the sender told and weights that
// were set, and seals what it reads again.
func TestWeightsSurvive(t *testing.T) {
	const one = clew.WeightOne
	head := decode(t, [][]byte{storagetest.Body(spansOf(6, func(i int, s *clew.Span) {
		s.TraceState = []string{"", "ot=th:8", "ot=th:?", "ot=th:8", "", "ot=th:8"}[i]
	})...)})
	want := map[uint64]clew.Weight{1: one, 2: 2 * one, 3: clew.WeightUnknown, 4: 40 * one, 5: 7 * one / 2, 6: one}
	for _, row := range []uint32{3, 4, 5} { // trace row + 1
		head.Weight.PutBits(row, uint64(want[uint64(row)+1]))
	}
	for round := range 3 {
		r := open(t, seal(head))
		reader, next := BlockReader{Cache: new(Cache)}, build.NewBuilder(0)
		b, err := reader.Read(r, 0, &Need{All: true})
		if err != nil {
			t.Fatal(err)
		}
		rows := span.NewRows(b)
		for i := range b.Rows {
			if id := b.TraceIDs[b.Trace[i]].Low(); rows.Weight(i) != want[id] {
				t.Errorf("round %d: trace %d has weight %d, want %d", round, id, rows.Weight(i), want[id])
			}
			next.AppendRows(b, []uint32{uint32(i)})
		}
		head = next
	}
}
