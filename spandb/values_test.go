package spandb

import (
	"errors"
	"reflect"
	"slices"
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

// TestCatalogOfDamage asks for what there is while a segment cannot be read: what the
// others have is told, with the damage.
func TestCatalogOfDamage(t *testing.T) {
	fs := vfs.NewMem()
	db, err := Open(fs, "data", Config{Window: -1})
	if err != nil {
		t.Fatal(err)
	}
	halt(db)
	sendTo(t, db, clew.DefaultTenant, storagetest.NewGenerator(1).Spans(20, 6)...)
	sealNow(t, db)
	sendTo(t, db, clew.DefaultTenant, clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: 1, Name: "whole", Start: storagetest.Epoch, End: storagetest.Epoch + 1,
		Attrs: []clew.Attr{{Key: "here", Value: clew.IntValue(1)}}})
	sealNow(t, db)
	ask := func(lacks bool) {
		t.Helper()
		names, err1 := db.TagNames(t.Context(), clew.DefaultTenant, clew.Window{})
		values, more, err2 := db.TagValues(t.Context(), clew.DefaultTenant, clew.Window{}, span.Field{Intrinsic: span.Name}, 1000)
		services, err3 := db.Services(t.Context(), clew.DefaultTenant, clew.Window{})
		for _, err := range []error{err1, err2, err3} {
			if lacking := (*storage.Lacking)(nil); errors.As(err, &lacking) != lacks || !lacks && err != nil {
				t.Errorf("the error is %v", err)
			}
		}
		here := slices.ContainsFunc(names, func(n storage.TagName) bool { return n.Key == "here" })
		whole := slices.ContainsFunc(values, func(v storage.TagValue) bool { return string(v.Value.Bytes) == "whole" })
		if !here || !whole || more || len(services) == 0 || lacks && (len(names) != 1 || len(values) != 1) {
			t.Errorf("with damage %v: names %v, values %v, services %v", lacks, names, values, services)
		}
	}
	ask(false)
	bad := tenantOfTest(t, db, clew.DefaultTenant).list.segs[0]
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, fs, bad.path, -1)
	if db, err = Open(fs, "data", Config{Window: -1}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	halt(db)
	ask(true)
}
