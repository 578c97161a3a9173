package spandb

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// rollupText asks for everything that rollups tell.
func rollupText(t *testing.T, a storage.Aggregator) string {
	t.Helper()
	var text []string
	for _, r := range []storage.RollupRequest{
		{Step: time.Minute, By: storage.OperationDimensions},
		{Step: time.Minute, By: storage.EdgeDimensions, Edges: true},
	} {
		r.Tenant, r.Durations = "t", true
		got, err := a.Rollups(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, storagetest.RollupText(got)...)
	}
	return strings.Join(text, "\n")
}

// TestRollupsOfMerges sends traces in pieces, of which some come twice. When they
// have been merged, rollups are those of whole traces, each row once: edges have found
// their clients.
func TestRollupsOfMerges(t *testing.T) {
	var now atomic.Int64
	start := storagetest.Epoch.Time()
	now.Store(start.UnixNano())
	gen := storagetest.NewGenerator(4)
	whole := storagetest.NewMemory(storagetest.AllCapabilities())
	db := mergeStore(t, vfs.NewMem(), &now, Config{SealRows: 40})
	send := func(a storage.Appender, spans []clew.Span) {
		r := storage.Record{Tenant: "t", Body: storagetest.Body(spans...), ReceivedAt: time.Unix(0, now.Load())}
		if _, err := a.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for i, trace := range gen.Rolled(100, 9) {
		now.Add(int64(time.Second))
		send(whole, trace)
		for part := range slices.Chunk(trace, 3) {
			send(db, part)
		}
		if i%5 == 0 {
			send(db, slices.Concat(trace[:1], trace[len(trace)-1:]))
		}
		if err := db.sealQueued(); err != nil {
			t.Fatal(err)
		}
	}
	want, before := rollupText(t, whole), rollupText(t, db)
	if !strings.Contains(before, "Unresolved:true") || before == want {
		t.Fatal("the pieces lie together already: the test shows nothing")
	}
	db.retireWhere(func(*head) bool { return true })
	if err := db.sealQueued(); err != nil {
		t.Fatal(err)
	}
	now.Add(int64(48 * time.Hour))
	if n, err := db.mergeAll(t.Context()); err != nil || n == 0 {
		t.Fatalf("%d merges, %v", n, err)
	}
	if got := rollupText(t, db); got != want {
		t.Errorf("merged:\n%s\nwant\n%s", got, want)
	}
}

// TestRollupDamage flips bytes of a segment, one after the other: an answer is right
// or says which rows it may lack.
func TestRollupDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	var now atomic.Int64
	now.Store(storagetest.Epoch.Time().UnixNano())
	fs := vfs.NewMem()
	db := mergeStore(t, fs, &now, Config{SealRows: 20})
	for _, trace := range storagetest.NewGenerator(9).Rolled(12, 9) {
		r := storage.Record{Tenant: "t", Body: storagetest.Body(trace...), ReceivedAt: time.Unix(0, now.Load())}
		if _, err := db.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := db.sealQueued(); err != nil {
			t.Fatal(err)
		}
	}
	good := rollupText(t, db)
	bad := tenantOfTest(t, db, "t").list.segs[1]
	lacking := fmt.Sprintf("damaged %d", bad.Rows)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	told := 0
	for off := 0; off < int(bad.Size); off += 11 {
		flip(t, fs, bad.path, off)
		db, err := Open(fs, "data", Config{Window: -1, Now: db.cfg.Now})
		if err != nil {
			t.Fatal(err)
		}
		halt(db)
		if got := rollupText(t, db); strings.Contains(got, lacking) {
			told++
		} else if got != good {
			t.Fatalf("byte %d of %d flipped:\n%s\nwant\n%s", off, bad.Size, got, good)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		flip(t, fs, bad.path, off)
	}
	if told == 0 {
		t.Error("no flipped byte made a difference")
	}
}

func tenantOfTest(t *testing.T, db *DB, name clew.Tenant) *tenant {
	t.Helper()
	found, err := db.tenantOf(name)
	if err != nil || found == nil {
		t.Fatalf("no tenant %s: %v", name, err)
	}
	return found
}
