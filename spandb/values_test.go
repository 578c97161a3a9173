package spandb

import (
	"reflect"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/tally"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// TestValuesAreKept asks for the values of a field while rows come, are sealed:
// what is kept of segments never tells anything else than a store that is asked first.
func TestValuesAreKept(t *testing.T) {
	fs := vfs.NewMem()
	db, err := Open(fs, "data", Config{Window: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	halt(db)
	name := span.Field{Intrinsic: span.Name}
	ask := func(w clew.Window) []storage.TagValue {
		values, more, err := db.TagValues(t.Context(), clew.DefaultTenant, w, name, 100)
		if err != nil || more {
			t.Fatal(more, err)
		}
		return values
	}
	for seed := range uint64(4) {
		spans := storagetest.NewGenerator(seed+1).Spans(20, 6)
		sendTo(t, db, clew.DefaultTenant, spans...)
		before := ask(clew.Window{})
		sealNow(t, db)
		for range 2 {
			if sealed := ask(clew.Window{}); !reflect.DeepEqual(sealed, before) {
				t.Errorf("values %v, and %v when they are sealed", before, sealed)
			}
		}
		w := clew.Window{Start: spans[10].Start}
		first := ask(w)
		db.values = tally.Kept{}
		if again := ask(w); !reflect.DeepEqual(first, again) {
			t.Errorf("in a window: %v, and %v when nothing is kept", first, again)
		}
		if again := ask(clew.Window{}); !reflect.DeepEqual(again, before) {
			t.Errorf("values %v, and %v when nothing is kept", before, again)
		}
	}
}
