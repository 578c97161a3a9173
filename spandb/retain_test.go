package spandb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/internal/upkeep"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// appendAt sends bodies as if they came at a moment.
func appendAt(t *testing.T, db *DB, bodies [][]byte, at time.Time) {
	t.Helper()
	for _, b := range bodies {
		if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: b, ReceivedAt: at}); err != nil {
			t.Fatal(err)
		}
	}
}

func tenantFor(t *testing.T, db *DB) *tenant {
	t.Helper()
	ten, err := db.tenantOf(clew.DefaultTenant)
	if ten == nil {
		t.Fatalf("no default tenant: %v", err)
	}
	return ten
}

// settle waits until the background worker has sealed all heads that are full.
func settle(t *testing.T, db *DB) {
	t.Helper()
	enough := time.After(time.Minute)
	for {
		sealed := db.seals.progress()
		if db.seals.empty() {
			return
		}
		db.seals.nudge() // the next tick would do
		select {
		case <-sealed:
		case <-enough:
			t.Fatal("heads are not sealed")
		}
	}
}

func segmentFiles(t *testing.T, fs vfs.FS) (n int) {
	t.Helper()
	tenants, err := fs.List("data/" + folder.SegmentsDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, ten := range tenants {
		hours, _ := fs.List("data/" + folder.SegmentsDir + "/" + ten)
		for _, h := range hours {
			names, _ := fs.List("data/" + folder.SegmentsDir + "/" + ten + "/" + h)
			for _, name := range names {
				if strings.HasSuffix(name, ".seg") {
					n++
				}
			}
		}
	}
	return n
}

// TestRetentionByAge ages a store past its retention: old segments go, files
// included, and what is younger stays, also across a restart.
func TestRetentionByAge(t *testing.T) {
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	fs := vfs.NewMem()
	cfg := Config{SealRows: 100, Window: -1, Retention: 24 * time.Hour, Now: func() time.Time { return time.Unix(0, now.Load()) }}
	db := openDB(t, fs, "data", cfg)
	bodies := corpus.Requests("shop", 3, 600, 100)
	appendAt(t, db, bodies[:3], start)
	now.Store(start.Add(20 * time.Hour).UnixNano())
	appendAt(t, db, bodies[3:], start.Add(20*time.Hour))
	settle(t, db)
	halt(db)
	db.retain()
	if got := countAll(t, db, span.Condition{}); got != 600 {
		t.Fatalf("%d rows within retention, want 600", got)
	}
	now.Store(start.Add(25 * time.Hour).UnixNano())
	db.retain()
	if got := countAll(t, db, span.Condition{}); got != 300 {
		t.Fatalf("%d rows after 25 h, want the 300 of hour 20", got)
	}
	if n := segmentFiles(t, fs); n != 3 {
		t.Fatalf("%d segment files after 25 h, want 3", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openDB(t, fs, "data", cfg)
	defer db.Close()
	if got := countAll(t, db, span.Condition{}); got != 300 {
		t.Fatalf("%d rows after a restart, want 300", got)
	}
	if s := db.Stats(); !s.OldestArrival.Equal(start.Add(20 * time.Hour)) {
		t.Fatalf("oldest arrival %v, want hour 20", s.OldestArrival)
	}
}

// TestRetentionBySize keeps a store under its limit, oldest first.
func TestRetentionBySize(t *testing.T) {
	fs := vfs.NewMem()
	var dropped []DropInfo
	cfg := Config{SealRows: 1000, Window: -1, Events: Events{Dropped: func(d DropInfo) { dropped = append(dropped, d) }}}
	db := openDB(t, fs, "data", cfg)
	bodies := corpus.Requests("shop", 4, 8000, 500)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i, b := range bodies {
		appendAt(t, db, [][]byte{b}, at.Add(time.Duration(i)*time.Hour))
	}
	settle(t, db)
	halt(db)
	full := db.Stats()
	db.SetLimits(Limits{MaxBytes: full.LogBytes + full.SegmentBytes/2})
	db.retain()
	s := db.Stats()
	if most := s.MaxBytes - s.MaxBytes/logFileShare; s.DiskBytes > most || s.Segments == 0 {
		t.Fatalf("%d bytes in %d segments, want at most %d, so that there is room for the log, and some", s.DiskBytes, s.Segments, most)
	}
	if got := countAll(t, db, span.Condition{}); int64(got) != s.SegmentRows+s.HeadRows {
		t.Fatalf("%d rows found, stats say %d", got, s.SegmentRows+s.HeadRows)
	}
	if !s.OldestArrival.After(at) || len(dropped) != 1 || dropped[0].Reason != "size" || dropped[0].Rows == 0 {
		t.Fatalf("oldest %v, dropped %+v: want the oldest gone, by size", s.OldestArrival, dropped)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLimitsChangeWhileOpen gives an open store a shorter retention, then a longer
// one: the old rows go, and no more.
func TestLimitsChangeWhileOpen(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	db := openDB(t, vfs.NewMem(), "data", Config{SealRows: 100, Window: -1, Now: func() time.Time { return now }, Retention: 24 * time.Hour})
	defer db.Close()
	appendAt(t, db, corpus.Requests("shop", 4, 200, 100), now.Add(-3*time.Hour))
	appendAt(t, db, corpus.Requests("shop", 5, 200, 100), now.Add(-time.Hour))
	settle(t, db)
	halt(db)
	f := func(retention time.Duration, maxBytes int64, want int64) {
		t.Helper()
		db.SetLimits(Limits{Retention: retention, MaxBytes: maxBytes})
		db.retain()
		s := db.Stats()
		if s.SegmentRows != want || s.Retention != retention || s.MaxBytes != maxBytes {
			t.Errorf("at retention %v and %d bytes: %d rows under %v and %d bytes, want %d rows", retention, maxBytes, s.SegmentRows, s.Retention, s.MaxBytes, want)
		}
	}
	f(24*time.Hour, 1<<40, 400)
	f(2*time.Hour, 1<<40, 200)
	f(0, 0, 200)
	f(0, 1, 0)
	if got, want := db.logLimit.Load(), int64(4*logFileBytes); got != want {
		t.Errorf("the log is cut at %d bytes, want %d", got, want)
	}
}

// TestSmallStoreHasASmallLog: the log is a quarter of what a store may be, and is cut in
// pieces of a sixteenth.
func TestSmallStoreHasASmallLog(t *testing.T) {
	for maxBytes, want := range map[int64][2]int64{
		0: {logFileBytes, maxLogBytes}, 64 << 20: {4 << 20, 16 << 20}, 1 << 20: {1 << 20, 4 << 20}, 1 << 30: {logFileBytes, 256 << 20}, 1 << 40: {logFileBytes, maxLogBytes},
	} {
		db := openDB(t, vfs.NewMem(), "data", Config{Window: -1, MaxBytes: maxBytes})
		if got := [2]int64{db.logFile, db.logLimit.Load()}; got != want {
			t.Errorf("a store of %d bytes has log files of %d and cuts the log at %d, want %d", maxBytes, got[0], got[1], want)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReaderKeepsDroppedSegment drops a segment under a running scan.
func TestReaderKeepsDroppedSegment(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs, "data", Config{SealRows: 100, Window: -1})
	defer db.Close()
	appendAt(t, db, corpus.Requests("shop", 5, 400, 100), time.Now())
	settle(t, db)
	halt(db)
	rows := 0
	for b, err := range db.Scan(context.Background(), storage.Request{Tenant: clew.DefaultTenant}) {
		if err != nil {
			t.Fatal(err)
		}
		if rows += b.Matched.Count(); rows <= 100 {
			db.drop("age", func(all []*storedSegment) []*storedSegment { return all })
			if n := segmentFiles(t, fs); n != 4 {
				t.Fatalf("%d files while they are read, want 4", n)
			}
		}
	}
	if rows != 400 {
		t.Fatalf("scan saw %d rows, want the 400 there were when it began", rows)
	}
	if n := segmentFiles(t, fs); n != 0 {
		t.Fatalf("%d files when nobody reads them, want 0", n)
	}
}

// TestOneProcess locks the folder.
func TestOneProcess(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs, "data", Config{})
	_, err := Open(fs, "data", Config{})
	if !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), "--data") {
		t.Fatalf("second Open = %v, want locked, naming --data", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(fs, "data", Config{})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// TestUnknownVersions refuses files of a later format by name.
func TestUnknownVersions(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs, "data", Config{SealRows: 100, Window: -1})
	appendAt(t, db, corpus.Requests("shop", 6, 100, 100), time.Now())
	settle(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	manifests, err := fs.List("data")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range manifests {
		if !strings.HasPrefix(name, "MANIFEST-") {
			continue
		}
		file := "data/" + name
		good, err := vfs.ReadFile(fs, file, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		bad := append([]byte(nil), good...)
		bad[7] = 9
		if err := vfs.Replace(fs, file, bad); err != nil {
			t.Fatal(err)
		}
		if _, err = Open(fs, "data", Config{}); clew.KindOf(err) != clew.Corrupt {
			t.Fatalf("Open with a damaged version = %v, want damage", err)
		}
		bad[12] ^= 1 // records of another version have other checksums
		if err := vfs.Replace(fs, file, bad); err != nil {
			t.Fatal(err)
		}
		_, err = Open(fs, "data", Config{})
		if clew.KindOf(err) != clew.Unsupported || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "9") {
			t.Fatalf("Open with a manifest of version 9 = %v, want it refused by name", err)
		}
		if err := vfs.Replace(fs, file, good); err != nil {
			t.Fatal(err)
		}
	}
}

// chunkAt returns where a chunk of a segment file begins.
func chunkAt(t *testing.T, fs vfs.FS, path, column string, blk int) int {
	t.Helper()
	b, err := vfs.ReadFile(fs, path, 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	r, err := block.Open(bytes.NewReader(b), int64(len(b)), path)
	if err != nil {
		t.Fatal(err)
	}
	col, ok := r.Column(column)
	if !ok {
		t.Fatalf("%s has no %s", path, column)
	}
	return int(r.Offset(col, blk))
}

// TestDamagedBlock flips a byte of a segment: the answer leaves the block out and
// says where; the rest is read.
func TestDamagedBlock(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs, "data", Config{SealRows: 1000, Window: -1})
	appendAt(t, db, corpus.Requests("shop", 7, 3000, 500), time.Now())
	settle(t, db)
	path := tenantFor(t, db).list.segs[1].path
	off := chunkAt(t, fs, path, ".start", 0) + 20
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := vfs.ReadFile(fs, path, 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	b[off] ^= 1
	if err := vfs.Replace(fs, path, b); err != nil {
		t.Fatal(err)
	}
	damages := 0
	db, err = Open(fs, "data", Config{Events: Events{Damaged: func(error) { damages++ }}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var st storage.Stats
	rows := 0
	for b, err := range db.Scan(context.Background(), storage.Request{Tenant: clew.DefaultTenant, Stats: &st}) {
		if err != nil {
			t.Fatal(err)
		}
		rows += b.Matched.Count()
	}
	var e *clew.Error
	if st.Damaged != 1000 || rows != 2000 || !errors.As(st.Damage, &e) || e.File != path || damages == 0 {
		t.Fatalf("%d rows, %d damaged, %v, %d events: want 2000, 1000 and the file %s", rows, st.Damaged, st.Damage, damages, path)
	}
}

// TestVerify finds a flipped byte anywhere in the store.
func TestVerify(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	fs := vfs.NewMem()
	db := openDB(t, fs, "data", Config{SealRows: 200, Window: -1})
	appendAt(t, db, corpus.Requests("shop", 8, 500, 100), time.Now())
	settle(t, db)
	path := tenantFor(t, db).list.segs[0].path
	if _, err := upkeep.Verify(fs, "data", nil); clew.KindOf(err) != clew.Busy {
		t.Fatalf("Verify of an open store = %v, want busy", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := upkeep.Verify(fs, "data", nil)
	if err != nil || v.Found != 0 || v.Rows != 400 || v.LogRecords == 0 {
		t.Fatalf("Verify = %+v, %v: want 400 rows, log records and no damage", v, err)
	}
	good, err := vfs.ReadFile(fs, path, 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	for off := 0; off < len(good); off += 61 {
		bad := append([]byte(nil), good...)
		bad[off] ^= 0x10
		if err := vfs.Replace(fs, path, bad); err != nil {
			t.Fatal(err)
		}
		if v, err := upkeep.Verify(fs, "data", nil); err != nil || v.Found == 0 {
			t.Fatalf("byte %d flipped: Verify = %+v, %v", off, v, err)
		}
	}
}

// TestLostEdit damages the manifest's last record, which looks as if a crash had
// cut it off, after the log let the rows go: the segment is adopted.
func TestLostEdit(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs, "data", Config{SealRows: 100, Window: -1})
	appendAt(t, db, corpus.Requests("shop", 9, 200, 100), time.Now())
	settle(t, db)
	name := db.manifest.File()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := vfs.ReadFile(fs, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := vfs.Replace(fs, name, b); err != nil {
		t.Fatal(err)
	}
	if err := fs.RemoveAll("data/" + folder.LogDir); err != nil {
		t.Fatal(err)
	}
	var damage []error
	db, err = Open(fs, "data", Config{Events: Events{Damaged: func(err error) { damage = append(damage, err) }}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := countAll(t, db, span.Condition{}); got != 200 {
		t.Fatalf("%d rows, want the 200 of both segments", got)
	}
	if len(damage) != 1 || !strings.Contains(damage[0].Error(), "the log is missing") || db.Stats().Damage == nil {
		t.Errorf("damage %v, want that of the log, which was taken away", damage)
	}
}

// TestVerifyNoStore names a folder that is no store, and leaves it as it is.
func TestVerifyNoStore(t *testing.T) {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("other"); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"other", "missing"} {
		if _, err := upkeep.Verify(fs, dir, nil); clew.KindOf(err) != clew.NotFound || !strings.Contains(err.Error(), "no store in "+dir) {
			t.Fatalf("Verify(%s) = %v, want not found, naming the folder", dir, err)
		}
	}
	if names, err := fs.List("other"); err != nil || len(names) != 0 {
		t.Fatalf("Verify left %v, %v", names, err)
	}
}

// TestQuietHead seals a head of some size a minute after its last row, and keeps
// a small one in the log.
func TestQuietHead(t *testing.T) {
	for _, c := range []struct{ rows, left int }{{5000, 0}, {500, 500}} {
		start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		var now atomic.Int64
		now.Store(start.UnixNano())
		db := openDB(t, vfs.NewMem(), "data", Config{Window: -1, Now: func() time.Time { return time.Unix(0, now.Load()) }})
		appendAt(t, db, corpus.Requests("shop", 11, c.rows, 500), start)
		now.Store(start.Add(sealIdle - time.Second).UnixNano())
		db.retireOld()
		settle(t, db)
		if s := db.Stats(); s.HeadRows != int64(c.rows) {
			t.Fatalf("%d rows in memory before a minute has passed, want %d", s.HeadRows, c.rows)
		}
		now.Store(start.Add(sealIdle + time.Second).UnixNano())
		db.retireOld()
		settle(t, db)
		if s := db.Stats(); s.HeadRows != int64(c.left) {
			t.Fatalf("%d of %d rows in memory after a quiet minute, want %d", s.HeadRows, c.rows, c.left)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestQuietStore lets nothing come for a minute: a store whose log is worth it
// seals all heads, however small, and keeps no log. What comes then is logged and
// survives as ever.
func TestQuietStore(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var now atomic.Int64
	now.Store(start.UnixNano())
	fs := vfs.NewMem()
	cfg := Config{Window: -1, Now: func() time.Time { return time.Unix(0, now.Load()) }}
	db := openDB(t, fs, "data", cfg)
	appendAt(t, db, corpus.Requests("shop", 11, 2000, 500), start)
	if size := db.log.SizeBytes(); size <= quietLogBytes {
		t.Fatalf("the log has %d bytes, want more than %d for this test", size, quietLogBytes)
	}
	now.Store(start.Add(sealIdle + time.Second).UnixNano())
	db.retireOld()
	settle(t, db)
	if s := db.Stats(); s.HeadRows != 0 || s.LogBytes > 16<<10 {
		t.Fatalf("a quiet store has %d rows in memory and %d bytes of log, want none and a header", s.HeadRows, s.LogBytes)
	}
	appendAt(t, db, corpus.Requests("shop", 12, 500, 500), time.Unix(0, now.Load()))
	fs = fs.CrashClone(nil, vfs.CrashOptions{})
	db = openDB(t, fs, "data", cfg)
	if s := db.Stats(); s.HeadRows != 500 || s.SegmentRows != 2000 {
		t.Fatalf("%d rows in memory and %d in segments after a crash, want 500 and 2000", s.HeadRows, s.SegmentRows)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTenantsOfThePast has tenants come and go: once retention has their rows the store
// knows nothing of them, and the log, which still has their records, does not bring them
// back. A head that is older than theirs keeps what is known until it is sealed.
func TestTenantsOfThePast(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	fs := vfs.NewMem()
	db := mergeStore(t, fs, &now, Config{})
	db.SetLimits(Limits{Retention: time.Hour})
	send := func(name clew.Tenant, i int) {
		t.Helper()
		body := storagetest.Body(someSpans(uint64(i), 1)...)
		if _, err := db.Append(t.Context(), storage.Record{Tenant: name, Body: body, ReceivedAt: time.Unix(0, now.Load())}); err != nil {
			t.Fatal(err)
		}
	}
	known := func() int {
		m, err := folder.ReadManifest(fs, "data")
		if err != nil {
			t.Fatal(err)
		}
		return len(m.Sealed)
	}
	const rounds, tenants = 3, 50
	for round := range rounds {
		if round == rounds-1 {
			send("old", 1)
		}
		for i := range tenants {
			send(clew.Tenant(fmt.Sprintf("run-%d-%d", round, i)), i)
		}
		for _, ten := range db.allTenants() {
			ten.mu.Lock()
			if ten.name != "old" && ten.active != nil && ten.active.b.Rows() > 0 {
				db.retire(ten, false)
			}
			ten.mu.Unlock()
		}
		if err := db.sealQueued(); err != nil {
			t.Fatal(err)
		}
		now.Add(int64(2 * time.Hour))
		db.retain()
		if n, want := known(), map[bool]int{true: tenants}[round == rounds-1]; n != want || db.Stats().Segments != 0 {
			t.Errorf("round %d: %d tenants are known, want %d; %d segments", round, n, want, db.Stats().Segments)
		}
	}
	again := func(old int) {
		t.Helper()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = mergeStore(t, fs, &now, Config{})
		if s := db.Stats(); s.HeadRows+s.SegmentRows != int64(old) || countOf(t, db, "old") != old {
			t.Errorf("%d rows after a start, want %d of the old head", s.HeadRows+s.SegmentRows, old)
		}
	}
	again(1)
	sealNow(t, db)
	db.SetLimits(Limits{Retention: time.Hour})
	now.Add(int64(2 * time.Hour))
	db.retain()
	if n := known(); n != 0 {
		t.Errorf("%d tenants are known at last", n)
	}
	again(0)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
