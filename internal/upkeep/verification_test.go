package upkeep

import (
	"testing"

	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/vfs"
)

// TestVerifyCountsWhatOnlyTheLogHas verifies a store that is young and one that
// has sealed some of its spans: every acknowledged span is counted once.
func TestVerifyCountsWhatOnlyTheLogHas(t *testing.T) {
	f := func(sealRows int, sealed bool) {
		t.Helper()
		fs := vfs.NewMem()
		db := open(t, fs, "data", spandb.Config{Window: -1, SealRows: sealRows})
		want := int64(len(feed(t, db, 3, 40)))
		must(t, db.Close())
		v, err := Verify(fs, "data", nil)
		must(t, err)
		if v.Found > 0 || v.Rows+v.LogRows != want || v.LogRows == 0 || sealed != (v.Rows > 0) {
			t.Errorf("heads of %d rows: %d spans in segments and %d in the log, damage %v; want %d together", sealRows, v.Rows, v.LogRows, v.Damage, want)
		}
	}
	f(100_000, false)
	f(100, true)
}

func TestVerifySaysWhereSpansAre(t *testing.T) {
	f := func(v Verification, want string) {
		t.Helper()
		if got := v.spans(); got != want {
			t.Errorf("%+v: %q, want %q", v, got, want)
		}
	}
	f(Verification{Rows: 7, Segments: 1, LogRecords: 3}, "7 spans in 1 segment")
	f(Verification{LogRows: 1, LogRecords: 1}, "1 span: 0 in 0 segments, 1 safe in the log")
	f(Verification{Rows: 7, Segments: 2, LogRows: 3}, "10 spans: 7 in 2 segments, 3 safe in the log")
}
