package build

import (
	"math/rand/v2"
	"testing"
)

// TestEdges compares an edgeTable with a map, through growth and reset.
func TestEdges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var e edgeTable
	for range 2 {
		model := make(map[[2]uint32]uint32)
		for range 20_000 {
			node, col := r.Uint32N(300), r.Uint32N(100)
			got, slot := e.find(node, col)
			if want := model[[2]uint32{node, col}]; got != want {
				t.Fatalf("edge %d/%d leads to %d, want %d", node, col, got, want)
			}
			if got == 0 {
				child := r.Uint32() | 1
				e.put(slot, node, col, child)
				model[[2]uint32{node, col}] = child
			}
		}
		if e.used != len(model) {
			t.Fatalf("%d edges, want %d", e.used, len(model))
		}
		e.reset()
	}
}
