package spandb

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// manifestHead is where the first record of a manifest stands.
const manifestHead = 8

// storeOf makes a store of some segments and returns the names of their files and
// of the manifest.
func storeOf(t *testing.T, fs vfs.FS, segments int) (files []string, manifest string) {
	t.Helper()
	db := openDB(t, fs, "data", Config{SealRows: 100, Window: -1})
	appendAt(t, db, corpus.Requests("shop", 9, 100*segments, 100), time.Now())
	settle(t, db)
	for _, s := range tenantFor(t, db).list.segs {
		files = append(files, s.path)
	}
	manifest = db.manifest.File()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return files, manifest
}

func flip(t *testing.T, fs vfs.FS, file string, off int) {
	t.Helper()
	b, err := vfs.ReadFile(fs, file, 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	if off < 0 {
		off += len(b)
	}
	b[off] ^= 1
	if err := vfs.Replace(fs, file, b); err != nil {
		t.Fatal(err)
	}
}

// TestStateDamaged damages the first record of a manifest, which is the whole
// state. It was durable before the manifest came into force, so that no crash can
// have cut it off: the store must not open as if it were empty.
func TestStateDamaged(t *testing.T) {
	fs := vfs.NewMem()
	storeOf(t, fs, 2)
	db := openDB(t, fs, "data", Config{}) // all in the first record
	name := db.manifest.File()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, fs, name, -1)
	_, err := Open(fs, "data", Config{})
	var e *clew.Error
	if !errors.As(err, &e) || e.Kind != clew.Corrupt || e.File != name || e.Offset != manifestHead {
		t.Fatalf("Open = %v, want damage of %s at %d", err, name, manifestHead)
	}
	flip(t, fs, name, -1)
	db = openDB(t, fs, "data", Config{})
	defer db.Close()
	if got := countAll(t, db, span.Condition{}); got != 200 {
		t.Fatalf("%d rows of the mended store, want 200", got)
	}
}

// TestOrphansPutAside loses the edits of two segments, one of which is damaged,
// while the log has their rows: the damaged one is put aside, its rows come from
// the log.
func TestOrphansPutAside(t *testing.T) {
	fs := vfs.NewMem()
	files, manifest := storeOf(t, fs, 2)
	cutEdits(t, fs, manifest)
	flip(t, fs, files[0], 100)
	var damages []error
	db, err := Open(fs, "data", Config{Events: Events{Damaged: func(err error) { damages = append(damages, err) }}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := countAll(t, db, span.Condition{}); got != 200 {
		t.Fatalf("%d rows, want 200", got)
	}
	if len(damages) != 1 || !strings.Contains(damages[0].Error(), files[0]) {
		t.Errorf("damage %v, want that of %s", damages, files[0])
	}
	if _, err := fs.Stat(folder.Aside(files[0])); err != nil {
		t.Errorf("the damaged segment is gone: %v", err)
	}
}

// cutEdits leaves of a manifest only its first record.
func cutEdits(t *testing.T, fs vfs.FS, file string) {
	t.Helper()
	b, err := vfs.ReadFile(fs, file, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	first := int(binary.LittleEndian.Uint32(b[manifestHead:]))
	if err := vfs.Replace(fs, file, b[:manifestHead+8+first]); err != nil {
		t.Fatal(err)
	}
}

// TestLostSegment removes the file of a segment: answers say what they lack, and
// retention takes its entry away.
func TestLostSegment(t *testing.T) {
	fs := vfs.NewMem()
	files, _ := storeOf(t, fs, 3)
	if err := fs.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	db, err := Open(fs, "data", Config{Retention: time.Hour, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, damaged := 0, int64(0)
	for i := range 2 {
		rows, damaged = scanDamaged(t, db)
		if rows != 200 || damaged != 100 {
			t.Fatalf("scan %d: %d rows and %d damaged, want 200 and 100", i, rows, damaged)
		}
	}
	if s := db.Stats(); s.LostSegments != 1 || s.Segments != 3 {
		t.Errorf("%+v, want 3 segments, one lost", s)
	}
	halt(db)
	now = now.Add(2 * time.Hour)
	db.retain()
	if rows, damaged = scanDamaged(t, db); rows != 0 || damaged != 0 {
		t.Fatalf("after retention %d rows and %d damaged, want none", rows, damaged)
	}
}

// scanDamaged counts rows and those that could not be read.
func scanDamaged(t *testing.T, db *DB) (rows int, damaged int64) {
	t.Helper()
	var st storage.Stats
	for b, err := range db.Scan(context.Background(), storage.Request{Tenant: clew.DefaultTenant, Stats: &st}) {
		if err != nil {
			t.Fatal(err)
		}
		rows += b.Matched.Count()
	}
	return rows, st.Damaged
}

// TestFoldersGo drops all segments of a store: their folders go with them.
func TestFoldersGo(t *testing.T) {
	fs := vfs.NewMem()
	storeOf(t, fs, 3)
	db := openDB(t, fs, "data", Config{})
	halt(db)
	db.drop("age", func(all []*storedSegment) []*storedSegment { return all })
	names, err := fs.List("data/" + folder.SegmentsDir)
	if err != nil || len(names) != 0 {
		t.Errorf("left in the folder of segments: %v, %v", names, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOldManifestStays fails the removal of the manifest before: that is no reason
// not to open, nor to fail an edit.
func TestOldManifestStays(t *testing.T) {
	disk := vfs.NewMem()
	_, old := storeOf(t, disk, 1)
	fs := vfs.NewFault(disk, vfs.Plan{FailAt: 1, Sticky: true, Err: syscall.EIO, Only: func(op, name string) bool {
		return op == "remove" && name == old
	}})
	db, err := Open(fs, "data", Config{})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestTroubleIsNoFailure has a segment fail once: the store says so while it is
// tried again, and accepts meanwhile.
func TestTroubleIsNoFailure(t *testing.T) {
	troubles := make(chan error, 10)
	db := openDB(t, failFirst(vfs.NewMem(), "sync", ".tmp", syscall.ENOSPC), "data",
		Config{SealRows: 10, Window: -1, Events: Events{Trouble: func(err error) { troubles <- err }}})
	defer db.Close()
	sendTo(t, db, clew.DefaultTenant, someSpans(1, 10)...)
	if err := <-troubles; !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("trouble: %v", err)
	}
	if s := db.Stats(); !errors.Is(s.Trouble, syscall.ENOSPC) || s.Failed != nil {
		t.Fatalf("Stats = %+v, want trouble and no failure", s)
	}
	sendTo(t, db, clew.DefaultTenant, someSpans(2, 5)...)
	settle(t, db)
	if s := db.Stats(); s.Trouble != nil || s.Segments != 1 {
		t.Fatalf("Stats = %+v, want one segment and no trouble", s)
	}
}
