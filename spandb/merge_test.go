package spandb

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment/merge"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// TestDueMerge says which segments are merged when.
func TestDueMerge(t *testing.T) {
	const day = 24 * 60 // minutes
	at := func(minute int) uint64 { return uint64(time.Duration(100*day+minute) * time.Minute) }
	never := ^uint64(0)
	type seg struct{ minute, rows, bytes int }
	for _, c := range []struct {
		name     string
		segs     []seg
		now      int
		unsealed uint64
		want     int // segments merged, of the first
	}{
		{"nothing", nil, 500, never, 0},
		{"one is no merge", []seg{{1, 90, 0}}, 9 * day, never, 0},
		{"slot not over", []seg{{1, 60, 0}, {2, 60, 0}}, 9, never, 0},
		{"lateness not over", []seg{{1, 60, 0}, {2, 60, 0}}, 19, never, 0},
		{"slot over", []seg{{1, 60, 0}, {2, 60, 0}}, 20, never, 2},
		{"rows of the slot unsealed", []seg{{1, 60, 0}, {2, 60, 0}}, 20, at(3), 0},
		{"rows of later slots unsealed", []seg{{1, 60, 0}, {2, 60, 0}}, 20, at(10), 2},
		{"the next slot's stay", []seg{{1, 60, 0}, {2, 60, 0}, {11, 60, 0}}, 20, never, 2},
		{"few rows wait", []seg{{1, 20, 0}, {2, 20, 0}}, 60, never, 0},
		{"few rows wait for the hour", []seg{{1, 30, 0}, {2, 30, 0}, {31, 30, 0}, {59, 30, 0}, {61, 1, 0}}, 70, never, 4},
		{"very few wait for the day", []seg{{1, 1, 0}, {2, 1, 0}, {700, 1, 0}}, day, never, 0},
		{"the day", []seg{{1, 1, 0}, {2, 1, 0}, {700, 1, 0}}, day + 10, never, 3},
		{"a slot before is left alone", []seg{{1, 9, 0}, {12, 60, 0}, {14, 60, 0}}, 30, never, 2},
		{"few rows of many bytes do not wait", []seg{{1, 2, 600}, {2, 2, 600}}, 20, never, 2},
		{"not too many bytes at once", slices.Repeat([]seg{{1, 1, 600}}, maxMergeInputs+9), 20, never, maxMergeInputs},
		{"small ones until there are too many bytes", slices.Repeat([]seg{{1, 1, 2000 / (maxMergeInputs + 9)}}, 2*maxMergeInputs), 20, never, maxMergeInputs + 10},
		{"not too many at once", slices.Repeat([]seg{{1, 60, 0}}, maxMergeInputs+9), 20, never, maxMergeInputs},
	} {
		var list []*storedSegment
		for _, s := range c.segs {
			list = append(list, &storedSegment{Segment: folder.Segment{MinArrival: at(s.minute), Rows: uint64(s.rows), InMemory: uint64(s.bytes)}})
		}
		if got := dueMerge(list, at(c.now), c.unsealed, mergeSize{rows: 200, bytes: 2000}); len(got) != c.want {
			t.Errorf("%s: %d segments are due, want %d", c.name, len(got), c.want)
		}
	}
}

// mergeStore is a store whose clock the test moves and whose workers are halted.
func mergeStore(t testing.TB, fs vfs.FS, now *atomic.Int64, cfg Config) *DB {
	t.Helper()
	cfg.Window, cfg.Now = -1, func() time.Time { return time.Unix(0, now.Load()) }
	db := openDB(t, fs, "data", cfg)
	halt(db)
	return db
}

// TestMerge seals a thousand traces in pieces. Afterwards there is one segment, in
// which each trace lies whole, and all answers are what they were.
func TestMerge(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	fs := vfs.NewMem()
	db := mergeStore(t, fs, &now, Config{})
	bodies := corpus.Requests("shop", 5, 1800, 30)
	for i, body := range bodies {
		appendAt(t, db, [][]byte{body}, start.Add(time.Duration(i)*time.Second))
		if i%10 == 9 {
			sealNow(t, db)
		}
	}
	before := answersOf(t, db)
	now.Store(start.Add(20 * time.Minute).UnixNano())
	var info []MergeInfo
	db.cfg.Events.Merged = func(i MergeInfo) { info = append(info, i) }
	if n, err := db.mergeAll(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d merges of 1,800 rows after 20 minutes, %v; want none: they wait for the hour", n, err)
	}
	now.Store(start.Add(70 * time.Minute).UnixNano())
	if n, err := db.mergeAll(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d merges after an hour, %v; want none: they wait for the day", n, err)
	}
	now.Store(start.Add(13 * time.Hour).UnixNano())
	if n, err := db.mergeAll(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d merges after a day, %v; want 1", n, err)
	}
	if n, err := db.mergeAll(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d merges of what is merged, %v", n, err)
	}
	if i := info[0]; i.Inputs != 6 || i.Outputs != 1 || i.Rows != 1800 || i.Duplicates != 0 {
		t.Errorf("%+v, want 6 segments to become one of 1,800 rows", i)
	}
	check := func(what string) {
		t.Helper()
		if after := answersOf(t, db); !reflect.DeepEqual(before, after) {
			t.Errorf("answers differ %s", what)
		}
	}
	check("after the merge")
	if names, err := fs.List(segmentsFolder(t, db)); err != nil || len(names) != 1 {
		t.Errorf("files %v, %v, want one", names, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = mergeStore(t, fs, &now, Config{})
	check("after a restart")
	if s := db.Stats(); s.Segments != 1 {
		t.Errorf("%d segments after a restart, want 1", s.Segments)
	}
}

func segmentsFolder(t *testing.T, db *DB) string {
	s := tenantFor(t, db).list.segs[0]
	return folder.SegmentDir(db.dir, s.Tenant, s.MinArrival)
}

// answersOf is every trace of a store, its services, and the parents that a segment
// holds as places in the trace.
func answersOf(t *testing.T, db *DB) map[string]any {
	t.Helper()
	out := make(map[string]any)
	services, err := db.Services(t.Context(), clew.DefaultTenant, clew.Window{})
	if err != nil {
		t.Fatal(err)
	}
	out["services"] = services
	ids := make(map[clew.TraceID]bool)
	for b, err := range db.Scan(t.Context(), storage.Request{Tenant: clew.DefaultTenant}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range b.TraceIDs {
			ids[id] = true
		}
	}
	for id := range ids {
		tr, err := db.Trace(t.Context(), clew.DefaultTenant, id)
		if err != nil {
			t.Fatal(err)
		}
		rows := span.NewRows(tr.Batch)
		var texts []string
		for i := range tr.Rows {
			texts = append(texts, textOf(rows.Span(i)))
		}
		slices.Sort(texts)
		out[id.String()] = texts
	}
	return out
}

// TestMergeOutputs makes several segments of many: a trace is in one of them,
// although its rows lie all over the inputs.
func TestMergeOutputs(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	db := mergeStore(t, vfs.NewMem(), &now, Config{MergeRows: 30})
	for i := range 20 {
		var spans []clew.Span
		for k := range 10 {
			spans = append(spans, named(7, uint64(1+(i*10+k)%40), clew.SpanID(i*10+k+1), "op", clew.KindServer))
		}
		sendTo(t, db, "t", spans...)
		sealNow(t, db)
	}
	ten, _ := db.tenantOf("t")
	list, _ := ten.unmerged()
	if err := db.merge(t.Context(), mergeJob{ten, list}, db.newMerger()); err != nil {
		t.Fatal(err)
	}
	where := make(map[clew.TraceID]int)
	for i, s := range ten.list.segs {
		r, err := db.take(s)
		if err != nil {
			t.Fatal(err)
		}
		defer db.give(s)
		for blk := range r.Meta().BlockRows {
			ids, err := r.TraceIDs(nil, blk)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				if at, ok := where[id]; ok {
					t.Errorf("trace %s is in outputs %d and %d", id, at, i)
				}
				where[id] = i
			}
		}
	}
	// The first 30 rows are of 30 traces, of which 120 more lie in later inputs.
	if len(ten.list.segs) != 2 || ten.list.segs[0].Rows != 150 || ten.list.segs[1].Rows != 50 {
		t.Errorf("%d outputs, want one of 150 rows and one of 50", len(ten.list.segs))
	}
}

// TestMergeDamage leaves a damaged segment as it is and merges the others.
func TestMergeDamage(t *testing.T) {
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	fs := vfs.NewMem()
	db := mergeStore(t, fs, &now, Config{})
	for i := range 4 {
		appendAt(t, db, corpus.Requests("shop", uint64(i+1), 200, 200), start)
		sealNow(t, db)
	}
	path := tenantFor(t, db).list.segs[1].path
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := vfs.ReadFile(fs, path, 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := vfs.Replace(fs, path, b); err != nil {
		t.Fatal(err)
	}
	db = mergeStore(t, fs, &now, Config{})
	db.cfg.Events.Damaged = nil
	bad := tenantFor(t, db).list.segs[1]
	now.Store(start.Add(26 * time.Hour).UnixNano())
	if n, err := db.mergeAll(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d merges, %v, want one without the damaged segment", n, err)
	}
	segs := tenantFor(t, db).list.segs
	if len(segs) != 2 || !slices.Contains(segs, bad) {
		t.Errorf("%d segments, want the damaged one and one of the others", len(segs))
	}
	if s := db.Stats(); s.Damages == 0 || s.SegmentRows != 800 {
		t.Errorf("%d damages counted, %d rows; want the damage told and 800 rows", s.Damages, s.SegmentRows)
	}
}

// TestMergesShareMemory merges segments of tenants that have little in common, one after
// the other in the same memory, and each in memory of its own: the files are the same.
func TestMergesShareMemory(t *testing.T) {
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	fs := vfs.NewMem()
	db := mergeStore(t, fs, &now, Config{MergeRows: 700})
	tenants := []clew.Tenant{"shop", "few", "wide", "huge"}
	for i := range 4 {
		for _, name := range tenants {
			bodies := [][]byte{storagetest.Body(someSpans(uint64(i%2+1), 30+i)...)}
			if name != "few" {
				bodies = corpus.Requests(corpus.Name(name), uint64(i/2+1), 300*(i+1), 100)
			}
			for _, b := range bodies {
				if _, err := db.Append(t.Context(), storage.Record{Tenant: name, Body: b, ReceivedAt: start.Add(time.Duration(i) * time.Second)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		sealNow(t, db)
	}
	files := func(name clew.Tenant, m *merge.Merger) (all [][]byte, joined, duplicates int64) {
		ten, err := db.tenantOf(name)
		if err != nil {
			t.Fatal(err)
		}
		list, _ := ten.unmerged()
		outputs, err := db.runMerge(t.Context(), mergeJob{ten, list}, m)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range outputs {
			b, err := vfs.ReadFile(fs, s.path, 1<<24)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		db.discardOutputs(outputs)
		return all, m.Joined, m.Duplicates
	}
	shared := db.newMerger()
	for _, name := range append(tenants, tenants...) {
		want, joined, duplicates := files(name, db.newMerger())
		got, j, d := files(name, shared)
		if !slices.EqualFunc(got, want, bytes.Equal) || j != joined || d != duplicates {
			t.Errorf("%s: %d files with %d rows joined and %d dropped are not the %d with %d and %d of a merger that is new", name, len(got), j, d, len(want), joined, duplicates)
		}
		if name == "shop" && (len(want) < 2 || duplicates == 0) {
			t.Errorf("%d files and %d duplicates, want several and some", len(want), duplicates)
		}
	}
}

// TestMergeOvertaken lets retention remove an input while it is merged.
func TestMergeOvertaken(t *testing.T) {
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	fs := vfs.NewMem()
	db := mergeStore(t, fs, &now, Config{})
	for i := range 3 {
		appendAt(t, db, corpus.Requests("shop", uint64(i+1), 200, 200), start.Add(time.Duration(i)*time.Second))
		sealNow(t, db)
	}
	ten := tenantFor(t, db)
	list, _ := ten.unmerged()
	outputs, err := db.runMerge(t.Context(), mergeJob{ten, list}, db.newMerger())
	if err != nil {
		t.Fatal(err)
	}
	db.drop("size", func(all []*storedSegment) []*storedSegment { return all[:1] })
	if err := db.installMerge(mergeJob{ten, list}, outputs); err != errOvertaken {
		t.Fatalf("install = %v, want %v", err, errOvertaken)
	}
	db.discardOutputs(outputs)
	if s := db.Stats(); s.Segments != 2 || s.SegmentRows != 400 {
		t.Errorf("%d segments of %d rows, want 2 of 400", s.Segments, s.SegmentRows)
	}
	if names, _ := fs.List(segmentsFolder(t, db)); len(names) != 2 {
		t.Errorf("files %v, want two", names)
	}
}

// TestMergeOvertakenAtOnce has retention take the inputs of a merge before it holds
// them: it is no damage and no trouble, and what is left is merged.
func TestMergeOvertakenAtOnce(t *testing.T) {
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	cfg := Config{Events: Events{Trouble: func(err error) { t.Errorf("trouble: %v", err) }}}
	db := mergeStore(t, vfs.NewMem(), &now, cfg) // damage is an error
	for i := range 4 {
		appendAt(t, db, corpus.Requests("shop", uint64(i+1), 50, 50), start.Add(time.Duration(i)*time.Second))
		sealNow(t, db)
	}
	now.Store(start.Add(30 * time.Hour).UnixNano())
	j, ok := db.nextMerge()
	if !ok || len(j.inputs) != 4 {
		t.Fatalf("%d inputs, want 4", len(j.inputs))
	}
	db.drop("age", func(all []*storedSegment) []*storedSegment { return all[:2] })
	if err := db.merge(t.Context(), j, db.newMerger()); err != errOvertaken {
		t.Errorf("merge = %v, want %v", err, errOvertaken)
	}
	if n, err := db.mergeAll(t.Context()); n != 1 || err != nil {
		t.Errorf("%d merges of the rest, %v; want 1", n, err)
	}
	if s := db.Stats(); s.Segments != 1 || s.SegmentRows != 100 || s.LostSegments != 0 || s.Damages != 0 {
		t.Errorf("%+v", s)
	}
}

// TestMergeOvertakenInTheMiddle has retention take the inputs while a merge writes its
// output: the next merges are without them, and there is no trouble.
func TestMergeOvertakenInTheMiddle(t *testing.T) {
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	fs := vfs.NewMem()
	db := mergeStore(t, fs, &now, Config{})
	for i := range 4 {
		appendAt(t, db, corpus.Requests("shop", uint64(i+1), 50, 50), start.Add(time.Duration(i)*time.Second))
		sealNow(t, db)
	}
	now.Store(start.Add(30 * time.Hour).UnixNano())
	fs.OnSync(func(string) {
		fs.OnSync(nil) // the first is that of the output
		db.drop("age", func(all []*storedSegment) []*storedSegment { return all[:1] })
	})
	if n, err := db.mergeAll(t.Context()); n != 1 || err != nil {
		t.Errorf("%d merges, %v; want that of the three others", n, err)
	}
	if s := db.Stats(); s.Segments != 1 || s.SegmentRows != 150 || s.Damages != 0 {
		t.Errorf("%+v", s)
	}
	if names, _ := fs.List(segmentsFolder(t, db)); len(names) != 1 {
		t.Errorf("files %v, want one", names)
	}
}

// TestMergeOfWhatIsBad has what a merge writes turn out to be bad, which is the fault of
// no input: it is told once, and not tried again.
func TestMergeOfWhatIsBad(t *testing.T) {
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	var armed atomic.Bool
	mem := vfs.NewMem()
	fs := vfs.NewFault(mem, vfs.Plan{FailAt: 1, Sticky: true, Err: clew.Errorf(clew.Corrupt, "no segment"), Only: func(op, name string) bool {
		return armed.Load() && op == "create"
	}})
	db := mergeStore(t, fs, &now, Config{MergeRows: 100})
	for i := range 8 {
		appendAt(t, db, corpus.Requests("shop", uint64(i+1), 50, 50), start.Add(time.Duration(i/4)*24*time.Hour+time.Duration(i)*time.Second))
		sealNow(t, db)
	}
	before := answersOf(t, db)
	now.Store(start.Add(54 * time.Hour).UnixNano())
	armed.Store(true)
	for range 2 { // of two days
		if n, err := db.mergeAll(t.Context()); n != 0 || clew.KindOf(err) != clew.Corrupt || !strings.Contains(err.Error(), "4 segments of tenant default") {
			t.Fatalf("%d merges, %v; want none", n, err)
		}
	}
	tried := fs.Ops()
	if n, err := db.mergeAll(t.Context()); n != 0 || err != nil || tried != 2 || fs.Ops() != tried {
		t.Errorf("%d merges, %v, after two tries; %d files were written", n, err, fs.Ops())
	}
	if s := db.Stats(); s.Segments != 8 || s.Damages != 0 || !reflect.DeepEqual(before, answersOf(t, db)) {
		t.Errorf("%+v, or answers differ", s)
	}
	armed.Store(false)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = mergeStore(t, mem, &now, Config{MergeRows: 100})
	if n, err := db.mergeAll(t.Context()); n != 2 || err != nil {
		t.Errorf("%d merges after the next start, %v; want 2", n, err)
	}
}

// TestMergeCrash cuts the power at every sync of a merge: each row is there once,
// in the inputs or in the output, and no file is left over.
func TestMergeCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	fs := vfs.NewMem()
	db := mergeStore(t, fs, &now, Config{MergeRows: 120})
	for i := range 8 {
		appendAt(t, db, corpus.Requests("shop", uint64(i+1), 50, 50), start)
		sealNow(t, db)
	}
	before := answersOf(t, db)
	var disks []*vfs.Mem
	var labels []string
	rng := rand.New(rand.NewPCG(cmp.Or(*seedFlag, 3), 0))
	fs.OnSync(func(op string) {
		for _, keep := range []vfs.CrashOptions{{}, {Keep: vfs.KeepAll}, {Keep: vfs.KeepRandom, Tear: true, Reorder: true}} {
			disks, labels = append(disks, fs.CrashClone(rng, keep)), append(labels, fmt.Sprintf("%s, %+v", op, keep))
		}
	})
	now.Store(start.Add(26 * time.Hour).UnixNano())
	if n, err := db.mergeAll(context.Background()); n != 1 || err != nil {
		t.Fatalf("%d merges, %v", n, err)
	}
	fs.OnSync(nil)
	if len(disks) < 9 {
		t.Fatalf("%d power cuts, want some at files, folders and manifest", len(disks))
	}
	for i, disk := range disks {
		again := mergeStore(t, disk, &now, Config{})
		if !reflect.DeepEqual(before, answersOf(t, again)) {
			t.Errorf("%s: answers differ", labels[i])
		}
		names, _ := disk.List(segmentsFolder(t, again))
		if s := again.Stats(); len(names) != s.Segments || s.Damages != 0 {
			t.Errorf("%s: %d files for %d segments, %d damages", labels[i], len(names), s.Segments, s.Damages)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMergeFaults lets every file operation of a merge fail: the store goes on
// with the inputs, and the next try succeeds where the fault was for once.
func TestMergeFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	for _, c := range []struct {
		what string
		only func(op string) bool
		step int
	}{
		{"what changes the disk", func(op string) bool { return op != "read" }, mergeFaultStep},
		{"reads", func(op string) bool { return op == "read" }, 11 * mergeFaultStep},
	} {
		t.Run(c.what, func(t *testing.T) { mergeFaults(t, c.step, c.only) })
	}
}

func mergeFaults(t *testing.T, step int, only func(op string) bool) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	faults := 0
	for n := 1; ; n += step {
		var now atomic.Int64
		var armed atomic.Bool
		now.Store(start.UnixNano())
		fs := vfs.NewFault(vfs.NewMem(), vfs.Plan{FailAt: n, Err: syscall.EIO, Only: func(op, _ string) bool { return armed.Load() && only(op) }})
		db := mergeStore(t, fs, &now, Config{MergeRows: 100})
		for i := range 4 {
			appendAt(t, db, corpus.Requests("shop", uint64(i+1), 40, 40), start)
			sealNow(t, db)
		}
		db.cfg.Events.Damaged = nil
		before := answersOf(t, db)
		now.Store(start.Add(26 * time.Hour).UnixNano())
		armed.Store(true)
		merges, err := db.mergeAll(context.Background())
		armed.Store(false)
		if fs.Ops() < n {
			if faults < 3 || merges != 1 || err != nil {
				t.Fatalf("%d operations failed in turn, then %d merges, %v", faults, merges, err)
			}
			return
		}
		faults++
		if !reflect.DeepEqual(before, answersOf(t, db)) {
			t.Errorf("operation %d: answers differ", n)
		}
		if db.failed.Load() == nil {
			if _, err := db.mergeAll(context.Background()); err != nil {
				t.Errorf("operation %d: the next merge: %v", n, err)
			}
			if s := db.Stats(); s.SegmentRows != 160 {
				t.Errorf("operation %d: %d rows after the next merge, want 160", n, s.SegmentRows)
			}
		}
		_ = db.Close() // fails where the manifest has
	}
}
