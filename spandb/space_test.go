package spandb

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/internal/upkeep"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/admission"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// toldOf records what a store tells of its disk.
type toldOf struct {
	mu   sync.Mutex
	list []string
}

func (o *toldOf) events() Events {
	note := func(what string) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.list = append(o.list, what)
	}
	return Events{Full: func(error) { note("full") }, Room: func() { note("room") }, Failed: func(error) { note("failed") }}
}

func (o *toldOf) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.list, " ")
}

// appendOne sends one request.
func appendOne(db *DB, body []byte) error {
	_, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Now()})
	return err
}

// isDiskFull checks what a sender is told: come again, when, and why.
func isDiskFull(err error) bool {
	var e *clew.Error
	return errors.As(err, &e) && e.Kind == clew.Busy && e.RetryAfter == admission.FullRetry && strings.Contains(err.Error(), "disk is full")
}

func fill(t *testing.T, fs vfs.FS, name string, bytes int) {
	t.Helper()
	f, err := fs.Create(name)
	if err == nil {
		_, err = f.Write(make([]byte, bytes))
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// TestSpaceIsKeptFree fills the disk up to what is kept free: appends are refused
// before the log meets its end, reads go on, and so do appends once there is room.
func TestSpaceIsKeptFree(t *testing.T) {
	var told toldOf
	fs := vfs.NewMem()
	fs.SetCapacity(20 << 20) // 1 MiB is kept free
	db := openDB(t, fs, "data", Config{Window: -1, Events: told.events()})
	s := newScript(t, 3, 4)
	for _, body := range s.bodies[:2] {
		if err := appendOne(db, body); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, fs, "other", 19<<20)
	db.space.Forget()
	for range 2 {
		if err := appendOne(db, s.bodies[2]); !isDiskFull(err) || !strings.Contains(err.Error(), "1 MB are kept free") || !strings.Contains(err.Error(), "lowers max-disk") {
			t.Fatalf("Append = %v, want the disk full", err)
		}
	}
	if st := db.Stats(); st.Full == nil || st.Failed != nil || st.Busy != 2 || st.KeepFreeBytes != 1<<20 || st.FreeBytes >= 1<<20 {
		t.Errorf("%+v", st)
	}
	if n := countAll(t, db, span.Condition{}); n != 24 {
		t.Errorf("%d rows are read, want 24", n)
	}
	// A little more than what is kept is not enough: it would be used up at once.
	if err := fs.Remove("other"); err != nil {
		t.Fatal(err)
	}
	fill(t, fs, "other", 19<<20-150<<10)
	db.space.Forget()
	if err := appendOne(db, s.bodies[2]); !isDiskFull(err) {
		t.Fatalf("Append = %v, want the disk full still", err)
	}
	if err := fs.Remove("other"); err != nil {
		t.Fatal(err)
	}
	db.space.Forget()
	for _, body := range s.bodies {
		if err := appendOne(db, body); err != nil {
			t.Fatal(err)
		}
	}
	if told.String() != "full room" || db.Stats().Full != nil {
		t.Errorf("told %q, %v", &told, db.Stats().Full)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	checkDisk(t, fs, s, []int{0, 1, 2, 3})
}

// TestTheLogMeetsTheEndOfTheDisk: nobody looked in time. Senders are told, what they
// sent is kept for when there is room, and sending it again doubles nothing.
func TestTheLogMeetsTheEndOfTheDisk(t *testing.T) {
	for _, level := range []wal.SyncPolicy{wal.SyncAlways, wal.SyncInterval, wal.SyncNever} {
		var told toldOf
		fs := vfs.NewMem()
		db := openDB(t, fs, "data", Config{Window: -1, SealRows: 40, Durability: level, Events: told.events()})
		s := newScript(t, 4, 8)
		var refused [][]byte
		var acked []int
		for i, body := range s.bodies {
			if i == 3 {
				settle(t, db)
				_, free, _ := fs.DiskUsage("")
				fs.SetCapacity(1<<40 - int64(free) + 100)
			}
			err := appendOne(db, body)
			switch {
			case err == nil:
				acked = append(acked, i)
			case isDiskFull(err):
				refused = append(refused, body)
			default:
				t.Fatalf("Append = %v", err)
			}
		}
		for db.Stats().Full == nil {
			runtime.Gosched() // the log tells its senders first
		}
		if len(acked) != 3 || len(refused) != 5 || db.Stats().Failed != nil {
			t.Fatalf("%v acknowledged, %d refused, %+v", acked, len(refused), db.Stats())
		}
		if n := countAll(t, db, span.Condition{}); n != 36 {
			t.Errorf("%d rows are read, want those of the three", n)
		}
		fs.SetCapacity(0)
		for _, body := range refused {
			for isDiskFull(appendOne(db, body)) {
				runtime.Gosched() // until the log has tried again
			}
		}
		settle(t, db)
		if told.String() != "full room" {
			t.Errorf("told %q", &told)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		checkDisk(t, fs, s, []int{0, 1, 2, 3, 4, 5, 6, 7})
	}
}

// TestFullDiskSweep runs a store on disks of every size and makes room whenever it is
// full, in the log, a segment or the manifest. It never fails for good, and at the end
// has every row once.
func TestFullDiskSweep(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	s := newScript(t, 5, 12)
	rng := rand.New(rand.NewPCG(cmp.Or(*seedFlag, 5), 0))
	for capacity := int64(2_000); capacity < 150_000; capacity += 3_511 {
		fs := vfs.NewMem()
		fs.SetCapacity(capacity)
		room := capacity
		more := func() { room += 9_000; fs.SetCapacity(room) }
		db, err := Open(fs, "data", Config{Window: -1, SealRows: 40})
		for ; err != nil; db, err = Open(fs, "data", Config{Window: -1, SealRows: 40}) { // a new one needs some
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("%d bytes: Open = %v", capacity, err)
			}
			more()
		}
		acked := []int{}
		for i, body := range s.bodies {
			for {
				err := appendOne(db, body)
				if err == nil {
					break
				}
				if clew.KindOf(err) != clew.Busy || db.Stats().Failed != nil {
					t.Fatalf("%d bytes: Append = %v, %v", capacity, err, db.Stats().Failed)
				}
				killed := fs.CrashClone(rng, vfs.CrashOptions{Keep: vfs.KeepAll})
				killed.SetCapacity(room)
				checkFull(t, killed, s, acked)
				more()
				db.space.Forget()
			}
			acked = append(acked, i)
		}
		for db.Stats().Segments < 3 {
			more()
			db.seals.nudge()
			runtime.Gosched()
		}
		if err := db.Close(); err != nil {
			t.Fatalf("%d bytes: Close = %v", capacity, err)
		}
		fs.SetCapacity(0)
		checkDisk(t, fs, s, acked)
	}
}

// checkFull opens what a crash left on a full disk, reads what was acknowledged, and
// closes it, all without any more room.
func checkFull(t *testing.T, fs vfs.FS, s *script, acked []int) {
	t.Helper()
	db, err := Open(fs, "data", Config{SealRows: 40, Window: -1})
	if err != nil {
		t.Fatalf("reopen with %d requests acknowledged: %v", len(acked), err)
	}
	rows := rowsOf(t, db)
	for id, n := range rows {
		if n != 1 {
			t.Fatalf("row %v is there %d times", id, n)
		}
	}
	for _, r := range acked {
		for _, id := range s.ids[r] {
			if rows[id] != 1 {
				t.Fatalf("acknowledged row %v of request %d is gone", id, r)
			}
		}
	}
	if err := db.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
}

// TestOpenOnAFullDisk: what is there can be read, and there is an end to it.
func TestOpenOnAFullDisk(t *testing.T) {
	fs := vfs.NewMem()
	storeOf(t, fs, 2)
	_, free, _ := fs.DiskUsage("")
	fs.SetCapacity(1<<40 - int64(free))
	db := openDB(t, fs, "data", Config{Window: -1, SealRows: 40})
	if n := countAll(t, db, span.Condition{}); n != 200 {
		t.Errorf("%d rows, want 200", n)
	}
	s := newScript(t, 6, 4)
	if err := appendOne(db, s.bodies[0]); !isDiskFull(err) {
		t.Fatalf("Append = %v", err)
	}
	fs.SetCapacity(0)
	db.space.Forget()
	for _, body := range s.bodies {
		if err := appendOne(db, body); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, db)
	if st := db.Stats(); st.Segments != 3 || st.Failed != nil {
		t.Errorf("%+v", st)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// killedOnFullDisk is what a kill leaves of a store that had no room to seal its heads,
// with so many bytes free. Before them come as many sealed requests of an hour ago.
func killedOnFullDisk(t *testing.T, sealed, unsealed int, freeBytes int64) (disk *vfs.Mem, now time.Time) {
	t.Helper()
	fs := vfs.NewMem()
	now = time.Now()
	db := openDB(t, fs, "data", Config{Window: -1})
	halt(db)
	bodies := corpus.Requests("shop", 12, 60*(sealed+unsealed), 60)
	appendAt(t, db, bodies[:sealed], now.Add(-time.Hour))
	sealNow(t, db)
	appendAt(t, db, bodies[sealed:], now)
	disk = fs.CrashClone(rand.New(rand.NewPCG(1, 2)), vfs.CrashOptions{Keep: vfs.KeepAll})
	used := int64(0)
	for _, size := range filesIn(disk, "data") {
		used += size
	}
	disk.SetCapacity(used + freeBytes)
	return disk, now
}

// TestOpenWithoutRoomToSeal: heads that the log filled stay in memory, can be read, and
// are sealed when there is room.
func TestOpenWithoutRoomToSeal(t *testing.T) {
	disk, _ := killedOnFullDisk(t, 2, 13, 500)
	var told toldOf
	db := openDB(t, disk, "data", Config{Window: -1, SealRows: 100, Events: told.events()})
	if st := db.Stats(); st.Full == nil || !errors.Is(st.Trouble, syscall.ENOSPC) || st.HeadRows != 13*60 {
		t.Errorf("%+v, want it full and the heads in memory", st)
	}
	if n := countAll(t, db, span.Condition{}); n != 15*60 {
		t.Errorf("%d rows are read, want %d", n, 15*60)
	}
	s := newScript(t, 6, 1)
	if err := appendOne(db, s.bodies[0]); !isDiskFull(err) {
		t.Errorf("Append = %v", err)
	}
	disk.SetCapacity(0)
	db.space.Forget()
	settle(t, db)
	if err := appendOne(db, s.bodies[0]); err != nil {
		t.Error(err)
	}
	if st := db.Stats(); st.Full != nil || st.Trouble != nil || st.SegmentRows != 15*60-60 || told.String() != "full room" {
		t.Errorf("%+v, told %q", st, &told)
	}
	if n := countAll(t, db, span.Condition{}); n != 15*60+12 {
		t.Errorf("%d rows are read, want %d", n, 15*60+12)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOpenMakesRoom: what retention would remove goes before a start gives up sealing.
func TestOpenMakesRoom(t *testing.T) {
	disk, now := killedOnFullDisk(t, 30, 4, 500)
	var dropped []DropInfo
	db := openDB(t, disk, "data", Config{Window: -1, SealRows: 100, Retention: time.Minute, Now: func() time.Time { return now },
		Events: Events{Dropped: func(i DropInfo) { dropped = append(dropped, i) }}})
	halt(db)
	if st := db.Stats(); st.Trouble != nil || st.SegmentRows != 4*60 || len(dropped) != 1 || dropped[0].Rows != 30*60 {
		t.Errorf("%+v, dropped %+v; want the log sealed in the place of what was old", st, dropped)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOpenWithoutRoomOrMemory: a log that fits neither says so, and all is there once
// there is room.
func TestOpenWithoutRoomOrMemory(t *testing.T) {
	disk, _ := killedOnFullDisk(t, 2, 13, 500)
	small := Config{Window: -1, SealRows: 100, Memory: Memory{Heads: 60 << 10, Head: 30 << 10}}
	if _, err := Open(disk, "data", small); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "more spans than") {
		t.Fatalf("Open = %v", err)
	}
	disk.SetCapacity(0)
	db := openDB(t, disk, "data", small)
	if n := countAll(t, db, span.Condition{}); n != 15*60 {
		t.Errorf("%d rows are read, want %d", n, 15*60)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestReadOnly fails a sync of the log: nothing is accepted any more, however well
// later syncs go, and everything that was acknowledged can be read, now and after the
// next start.
func TestReadOnly(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		var told toldOf
		mem := vfs.NewMem()
		fail := false
		fs := vfs.NewFault(mem, vfs.Plan{FailAt: 1, Err: cause, Only: func(op, name string) bool {
			return fail && op == "sync" && strings.HasSuffix(name, ".wal")
		}})
		db := openDB(t, fs, "data", Config{Window: -1, Events: told.events()})
		s := newScript(t, 8, 3)
		if err := appendOne(db, s.bodies[0]); err != nil {
			t.Fatal(err)
		}
		fail = true
		for _, body := range s.bodies[1:] {
			err := appendOne(db, body)
			var e *clew.Error
			if !errors.As(err, &e) || e.Kind != clew.Busy || e.RetryAfter != admission.FailedRetry || !errors.Is(err, cause) || !strings.Contains(err.Error(), "read-only") {
				t.Fatalf("Append = %v, want read-only because of %v", err, cause)
			}
		}
		if n := countAll(t, db, span.Condition{}); n != 12 {
			t.Errorf("%d rows are read, want 12", n)
		}
		if st := db.Stats(); !errors.Is(st.Failed, cause) || st.Full != nil || told.String() != "failed" {
			t.Errorf("%+v, told %q", st, &told)
		}
		if err := db.Close(); !errors.Is(err, cause) {
			t.Errorf("Close = %v", err)
		}
		checkDisk(t, mem, s, []int{0})
	}
}

// TestRealFullDisk fills a real file system, where a test may mount one.
func TestRealFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := mountSmall(dir, 4<<20); err != nil {
		t.Skip("cannot mount a small file system here: ", err)
	}
	defer unmount(dir)
	var told toldOf
	fs, data := vfs.OS(), filepath.Join(dir, "data")
	db := openDB(t, fs, data, Config{Window: -1, SealRows: 300, Events: told.events()})
	s := newScript(t, 9, 60)
	var acked []int
	filler := filepath.Join(dir, "filler")
	for i, body := range s.bodies {
		if i == 20 {
			fillUp(t, filler)
		}
		err := appendOne(db, body)
		for isDiskFull(err) {
			if told.String() == "full" && slices.Contains(acked, 19) {
				if err := os.Remove(filler); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				db.space.Forget()
			}
			runtime.Gosched()
			err = appendOne(db, body)
		}
		if err != nil {
			t.Fatal(err)
		}
		acked = append(acked, i)
	}
	if got := told.String(); !strings.HasPrefix(got, "full room") || db.Stats().Failed != nil {
		t.Errorf("told %q, %v", got, db.Stats().Failed)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if v, err := upkeep.Verify(fs, data, nil); err != nil || v.Found > 0 {
		t.Errorf("Verify = %+v, %v", v, err)
	}
	db = openDB(t, fs, data, Config{})
	if rows := rowsOf(t, db); len(rows) != 60*12 {
		t.Errorf("%d rows, want %d", len(rows), 60*12)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// fillUp writes a file until there is no room for another byte.
func fillUp(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
