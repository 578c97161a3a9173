package spandb

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/vfs"
)

var (
	largeFlag    = flag.String("large", "", "the folder in which TestMakeLargeStore makes a store")
	segmentsFlag = flag.Int("segments", 1526, "its segments")
	rowsFlag     = flag.Int("rows", sealRows, "the spans of each")
	tenantsFlag  = flag.Int("tenants", 1, "the tenants they belong to")
	ageFlag      = flag.Duration("age", 20*time.Minute, "how long ago the last of them came")
)

// TestMakeLargeStore makes a store of as many segments as told on a real disk: a
// hundred million spans of the shop corpus by default, in some minutes and 3 GB.
// scripts/large-store.sh measures a server on it: docs/benchmarks.md, "A large store".
func TestMakeLargeStore(t *testing.T) {
	if *largeFlag == "" {
		t.Skip("-large names no folder")
	}
	end := time.Now().Add(-*ageFlag)
	db := openDB(t, vfs.OS(), *largeFlag, Config{})
	for _, id := range fillLarge(t, db, *segmentsFlag, *rowsFlag, *tenantsFlag, end) {
		fmt.Println("trace", id)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// largeRate is the pace of a large store, in spans per second.
const largeRate = 5000

// fillLarge adds segments of so many rows to a store, as if a stream of spans had
// come in until end. A few heads are decoded and sealed again and again, with other
// ids and other times, which is all that sealing and reading can tell them by. It
// returns the ids of some traces, oldest first, each of one segment.
func fillLarge(t testing.TB, db *DB, segments, rows, tenants int, end time.Time) (ids []clew.TraceID) {
	const patterns = 4
	var heads []*span.Batch
	for i := range min(patterns, segments) {
		b := build.NewBuilder(rows)
		var d otlp.Decoder
		for _, body := range corpus.Requests(corpus.Shop, uint64(i+1), rows, 500) {
			if _, err := d.Decode(b, body, otlp.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		heads = append(heads, b.View(b.Rows()))
	}
	each := time.Duration(rows) * time.Second / largeRate
	at := end.Add(-time.Duration(segments) * each)
	for i := range segments {
		head := heads[i%len(heads)]
		disguise(head, uint64(i+1), at)
		name := clew.DefaultTenant
		if tenants > 1 {
			name = clew.Tenant(fmt.Sprintf("tenant-%d", i%tenants))
		}
		sealLarge(t, db, head, name, i, at)
		if i%max(1, segments/100) == 0 {
			ids = append(ids, head.TraceIDs[len(head.TraceIDs)/2])
		}
		at = at.Add(each)
	}
	return ids
}

// disguise gives the rows of a head other ids, in which the n-th disguise differs
// from all others, and moves them in time so that the first starts at a moment.
func disguise(b *span.Batch, n uint64, at time.Time) {
	mask := xxh3.Hash(binary.LittleEndian.AppendUint64(nil, n))
	for i, id := range b.TraceIDs {
		b.TraceIDs[i] = clew.MakeTraceID(id.High()^mask, id.Low()^mask)
	}
	for i := range b.SpanID {
		b.SpanID[i] ^= mask
		if b.ParentID[i] != 0 {
			b.ParentID[i] ^= mask
		}
	}
	least := b.Start[0]
	for _, s := range b.Start {
		least = min(least, s)
	}
	move := uint64(clew.FromTime(at)) - least
	for i := range b.Start {
		b.Start[i] += move
	}
	for i := range b.Events.Time {
		b.Events.Time[i] += move
	}
}

// sealLarge writes a head as the segment that comes next, with the marks of
// requests of 500 spans.
func sealLarge(t testing.TB, db *DB, b *span.Batch, name clew.Tenant, n int, at time.Time) {
	requests := (b.Rows + 499) / 500
	first := uint64(n*requests + 1)
	arrival := uint64(clew.FromTime(at))
	meta := segment.Meta{Tenant: name, MinArrival: arrival, MaxArrival: arrival + uint64(b.Rows)*uint64(time.Second)/largeRate,
		FirstSeq: first, LastSeq: first + uint64(requests) - 1,
		Merged: true} // else a server would merge for minutes, and nobody could tell what it does when it is idle
	marks := make([]segment.Request, requests)
	for i := range marks {
		seq := first + uint64(i)
		marks[i] = segment.Request{Hash: xxh3.Hash128(binary.LittleEndian.AppendUint64(nil, seq)), Seq: seq,
			Arrival: arrival + uint64(i)*uint64(time.Second)*500/largeRate, Accepted: uint32(min(500, b.Rows-500*i))}
	}
	data := db.sealer.Seal(b, meta, marks)
	s, err := db.create(data)
	if err == nil {
		err = db.commit(folder.Addition(s.Segment))
	}
	if err != nil {
		t.Fatal(err)
	}
	ten, err := db.addTenant(name)
	if err != nil {
		t.Fatal(err)
	}
	db.enlist(s)
	ten.mu.Lock()
	finished := ten.relist(keepAll, s)
	ten.mu.Unlock()
	db.finish(finished)
}

// TestLargeStoreIsHonest makes a small one of the kind, which has no damage and
// gives back what was put into it.
func TestLargeStoreIsHonest(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs, "data", Config{Window: -1})
	halt(db)
	ids := fillLarge(t, db, 12, 300, 3, time.Now().Add(-time.Hour))
	for i, id := range ids {
		tr, err := db.Trace(context.Background(), clew.Tenant(fmt.Sprintf("tenant-%d", i%3)), id)
		if err != nil || tr.Rows == 0 || tr.Conflicts+tr.Duplicates != 0 {
			t.Errorf("trace %v: %d rows, %v", id, tr.Rows, err)
		}
	}
	if v, err := db.verifyClosed(t, fs); err != nil || v.Found != 0 || v.Rows != 12*300 {
		t.Errorf("Verify = %+v, %v, want 3600 rows and no damage", v, err)
	}
}
