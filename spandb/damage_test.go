package spandb

import (
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// TestDamageIsToldOnce reads a damaged segment again and again: its place is told once,
// and each answer says what it lacks.
func TestDamageIsToldOnce(t *testing.T) {
	fs := vfs.NewMem()
	var told []error
	db, err := Open(fs, "data", Config{Window: -1, Events: Events{Damaged: func(err error) { told = append(told, err) }}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	halt(db)
	sendTo(t, db, clew.DefaultTenant, someSpans(1, 50)...)
	sealNow(t, db)
	var file string
	for _, s := range db.manifest.Segments {
		file = s.Path("data")
	}
	b, err := vfs.ReadFile(fs, file, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i := 8; i < len(b)/2; i++ { // all chunks of rows, not the directory behind them
		b[i] ^= 0x10
	}
	if err := vfs.Replace(fs, file, b); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		var st storage.Stats
		for _, err := range db.Scan(t.Context(), storage.Request{Tenant: clew.DefaultTenant, Columns: storage.Columns{All: true}, Stats: &st}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if st.Damage == nil {
			t.Fatal("an answer does not say what it lacks")
		}
		if _, err := db.Trace(t.Context(), clew.DefaultTenant, clew.MakeTraceID(7, 1)); err != nil && clew.KindOf(err) == clew.Internal {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, err := range told {
		if seen[err.Error()] {
			t.Errorf("told again: %v", err)
		}
		seen[err.Error()] = true
	}
	s := db.Stats()
	if len(told) == 0 || s.Damages != int64(len(told)) || s.Damage == nil || !strings.Contains(s.Damage.Error(), file) {
		t.Errorf("%d damages counted, the last %v; told are %v", s.Damages, s.Damage, told)
	}
}
