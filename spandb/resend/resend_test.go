package resend

import (
	"testing"
	"time"

	"github.com/zeebo/xxh3"
)

func hash(n uint64) xxh3.Uint128 { return xxh3.Uint128{Lo: n} }

// TestTable remembers records for as long as the window is, and of too many the
// youngest.
func TestTable(t *testing.T) {
	var table Table
	second := uint64(time.Second)
	add := func(n, arrival uint64, limit, wantGrown, wantEarly int) {
		t.Helper()
		grown, early := table.Add(hash(n), n*10, arrival, limit)
		if grown != wantGrown || early != wantEarly {
			t.Errorf("Add(%d) = %d, %d, want %d, %d", n, grown, early, wantGrown, wantEarly)
		}
	}
	if _, ok := table.Find(hash(1)); ok {
		t.Error("an empty table knows something")
	}
	for n := range uint64(5000) {
		add(n, n*second, 10_000, 1-min(1, int(n/601)), 0)
	}
	if n := table.Len(); n != 601 {
		t.Errorf("%d records are remembered, want those of ten minutes and the moment itself", n)
	}
	add(4999, 6000*second, 10_000, 0, 0) // as before: nothing changes
	if seq, ok := table.Find(hash(4999)); !ok || seq != 49990 {
		t.Errorf("Find = %d, %v", seq, ok)
	}
	if _, ok := table.Find(hash(4000)); ok {
		t.Error("a record is remembered for too long")
	}
	add(9000, 5000*second, 100, 100-601, 501)
	if _, ok := table.Find(hash(4950)); !ok || table.Len() != 100 {
		t.Errorf("%d records, want the youngest hundred", table.Len())
	}
}
