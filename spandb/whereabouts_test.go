package spandb

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/traceindex"
	"github.com/clew-tracing/clew/vfs"
)

// TestIDsComeAgain kills the process between a segment's file and the edit that lists
// it, when the index of traces knows the segment already. Its id comes again, with
// other blocks: what the index knows of the first is not taken for the second.
func TestIDsComeAgain(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs, "data", Config{Window: -1})
	halt(db)
	const segments, traces = 20, 30 // enough segments for a file of the index
	for i := range segments {
		sendTo(t, db, clew.DefaultTenant, someSpans(uint64(1000+i), 1)...)
		sealNow(t, db)
	}
	for i := range traces {
		sendTo(t, db, clew.DefaultTenant, someSpans(uint64(i), 1)...)
	}
	db.sealer.BlockRows = 1
	db.retireWhere(func(*head) bool { return true })
	j := db.seals.front(1)[0]
	e := db.encode(&db.sealer, j)
	lost, err := db.create(e.data)
	if err != nil {
		t.Fatal(err)
	}
	db.traces.Flush() // as the worker does, which create has woken
	killed := fs.CrashClone(rand.New(rand.NewPCG(1, 2)), vfs.CrashOptions{Keep: vfs.KeepAll})
	if names, _ := killed.List("data/traces"); len(names) == 0 {
		t.Fatal("the index has no file")
	}

	db = openDB(t, killed, "data", Config{Window: -1})
	halt(db)
	sealNow(t, db)
	list := tenantFor(t, db).list.segs
	if again := list[len(list)-1]; again.ID != lost.ID || again.Sum == lost.Sum {
		t.Fatalf("segment %+v came in the place of %+v", again.Segment, lost.Segment)
	}
	for i := range traces {
		if names, _ := namesOf(t, db, clew.MakeTraceID(7, uint64(i))); len(names) != 1 {
			t.Errorf("trace %d has rows %v", i, names)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTheIndexIsNotBelieved has the index name a block that there is not: the answer
// lacks nothing, the damage is told once, and the segment is added again.
func TestTheIndexIsNotBelieved(t *testing.T) {
	var damage []error
	db, err := Open(vfs.NewMem(), "data", Config{Window: -1, Events: Events{Damaged: func(err error) { damage = append(damage, err) }}})
	if err != nil {
		t.Fatal(err)
	}
	halt(db)
	sendTo(t, db, clew.DefaultTenant, someSpans(1, 3)...)
	sealNow(t, db)
	seg := tenantFor(t, db).list.segs[0]
	id := clew.MakeTraceID(7, 1)
	db.traces.Add(indexed(&seg.Segment), []traceindex.Trace{{ID: id, Block: 0}, {ID: id, Block: 1}})
	for range 2 {
		names, tr := namesOf(t, db, id)
		if len(names) != 3 || tr.Damaged != nil {
			t.Errorf("rows %v, %v; want three", names, tr.Damaged)
		}
	}
	if len(damage) != 1 || clew.KindOf(damage[0]) != clew.Corrupt || !strings.Contains(damage[0].Error(), "names block 1") {
		t.Errorf("damage is told as %v", damage)
	}
	db.coverAll(t.Context())
	if list := db.traces.Uncovered(); len(list) > 0 {
		t.Errorf("%v are not covered", list)
	}
	if names, _ := namesOf(t, db, id); len(names) != 3 || len(damage) != 1 {
		t.Errorf("rows %v, damage %v, once the segment was added again", names, damage)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAddedAfterItWasDropped adds a segment to the index that retention dropped while
// it was read: a reader who holds the list before still finds its traces.
func TestAddedAfterItWasDropped(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
	halt(db)
	sendTo(t, db, clew.DefaultTenant, someSpans(1, 3)...)
	sealNow(t, db)
	ten := tenantFor(t, db)
	seg := ten.list.segs[0]
	db.traces.Doubt(indexed(&seg.Segment))
	held := db.takeList(ten)
	db.drop("age", func(all []*storedSegment) []*storedSegment { return all })
	db.coverAll(t.Context())
	if found := db.candidates(held, clew.MakeTraceID(7, 1)); len(found) != 1 || found[0].seg != seg {
		t.Errorf("found %v, want the segment", found)
	}
	db.giveList(ten, held)
	if list := db.traces.Uncovered(); len(list) > 0 {
		t.Errorf("%v are listed after the last reader has gone", list)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
