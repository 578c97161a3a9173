package spandb

import (
	"context"
	"errors"
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
	"github.com/clew-tracing/clew/internal/upkeep"
	"github.com/clew-tracing/clew/span"
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
	return errors.As(err, &e) && e.Kind == clew.Busy && e.RetryAfter == fullRetry && strings.Contains(err.Error(), "disk is full")
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
		if err := appendOne(db, s.bodies[2]); !isDiskFull(err) || !strings.Contains(err.Error(), "1 MB are kept free") || !strings.Contains(err.Error(), "--max-disk") {
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
	for capacity := int64(2_000); capacity < 150_000; capacity += 3_511 {
		fs := vfs.NewMem()
		fs.SetCapacity(capacity)
		room := capacity
		more := func() { room += 9_000; fs.SetCapacity(room) }
		db, err := Open(fs, "data", Config{Window: -1, SealRows: 40})
		for ; err != nil; db, err = Open(fs, "data", Config{Window: -1, SealRows: 40}) {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("%d bytes: Open = %v", capacity, err)
			}
			more()
		}
		for _, body := range s.bodies {
			for {
				err := appendOne(db, body)
				if err == nil {
					break
				}
				if clew.KindOf(err) != clew.Busy || db.Stats().Failed != nil {
					t.Fatalf("%d bytes: Append = %v, %v", capacity, err, db.Stats().Failed)
				}
				more()
				db.space.Forget()
			}
		}
		for db.Stats().Segments < 3 {
			more()
			db.seals.nudge()
			runtime.Gosched()
		}
		if err := db.Close(); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%d bytes: Close = %v", capacity, err)
		}
		fs.SetCapacity(0)
		checkDisk(t, fs, s, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
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
			if !errors.As(err, &e) || e.Kind != clew.Busy || e.RetryAfter != failedRetry || !errors.Is(err, cause) || !strings.Contains(err.Error(), "read-only") {
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
