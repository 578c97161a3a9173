package spandb

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/internal/upkeep"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// countingFS counts the segment files that are opened and not closed yet, and
// refuses to open more than limit, if that is not 0.
type countingFS struct {
	vfs.FS
	opened     atomic.Int64 // ever
	open, most atomic.Int64
	limit      atomic.Int64
}

type countedFile struct {
	vfs.File
	fs *countingFS
}

func (c *countingFS) Open(name string) (vfs.File, error) {
	if !strings.HasSuffix(name, ".seg") {
		return c.FS.Open(name)
	}
	now := c.open.Load()
	for ; ; now = c.open.Load() { // whoever is refused takes no place meanwhile
		if limit := c.limit.Load(); limit > 0 && now >= limit {
			return nil, &vfsError{name}
		}
		if c.open.CompareAndSwap(now, now+1) {
			now++
			break
		}
	}
	f, err := c.FS.Open(name)
	if err != nil {
		c.open.Add(-1)
		return nil, err
	}
	c.opened.Add(1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	return &countedFile{f, c}, nil
}

func (f *countedFile) Close() error {
	f.fs.open.Add(-1)
	return f.File.Close()
}

// vfsError is what opening a file is like for a process that has too many.
type vfsError struct{ name string }

func (e *vfsError) Error() string { return "open " + e.name + ": too many open files" }
func (e *vfsError) Unwrap() error { return syscall.EMFILE }

// oldStore makes a store of so many segments of a hundred rows that came an hour
// before it is opened again, and returns their files and the ids of some traces.
func oldStore(t *testing.T, fs vfs.FS, segments int) (files []string, ids []clew.TraceID) {
	t.Helper()
	then := func() time.Time { return time.Now().Add(-time.Hour) }
	db := openDB(t, fs, "data", Config{SealRows: 100, Window: -1, Now: then})
	bodies := corpus.Requests("shop", 17, 100*segments, 100)
	appendAt(t, db, bodies, then())
	settle(t, db)
	for _, s := range tenantFor(t, db).list.segs {
		files = append(files, s.path)
	}
	for id := range spansByTrace(t, bodies) {
		ids = append(ids, id)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return files, ids
}

// TestSegmentsStayClosed opens a store, asks for its state, for a trace and for a
// window that no row is in: only the files that have an answer are opened.
func TestSegmentsStayClosed(t *testing.T) {
	disk := vfs.NewMem()
	files, ids := oldStore(t, disk, 20)
	fs := &countingFS{FS: disk}
	db := openDB(t, fs, "data", Config{})
	defer db.Close()
	if s := db.Stats(); s.Segments != len(files) || s.SegmentRows != 2000 || s.SegmentBytes == 0 || s.OldestArrival.IsZero() {
		t.Errorf("Stats = %+v", s)
	}
	ctx := context.Background()
	future := clew.Window{Start: clew.FromTime(time.Now().Add(time.Hour))}
	if list, err := db.Services(ctx, clew.DefaultTenant, future); len(list) != 0 || err != nil {
		t.Errorf("Services = %v, %v", list, err)
	}
	var st storage.Stats
	for range db.Scan(ctx, storage.Request{Tenant: clew.DefaultTenant, Window: future, Stats: &st}) {
		t.Error("rows of the future")
	}
	if st.PrunedRows != 2000 {
		t.Errorf("%d rows pruned, want 2000", st.PrunedRows)
	}
	if n := fs.opened.Load(); n != 0 {
		t.Errorf("%d files were opened for nothing", n)
	}
	for range db.Scan(ctx, storage.Request{Tenant: clew.DefaultTenant}) {
		break
	}
	if n := fs.opened.Load(); n == 0 || n > 3 {
		t.Errorf("%d files were opened for the youngest rows, want one or a few", n)
	}
	fs.opened.Store(0)
	if _, err := db.Trace(ctx, clew.DefaultTenant, ids[0]); err != nil {
		t.Fatal(err)
	}
	if n := fs.opened.Load(); n == 0 || n > int64(len(files))/2 {
		t.Errorf("%d of %d files were opened for the first trace, want the few that have it", n, len(files))
	}
	fs.opened.Store(0)
	for _, id := range ids {
		if _, err := db.Trace(ctx, clew.DefaultTenant, id); err != nil {
			t.Fatal(err)
		}
	}
	if n := fs.opened.Load(); n > int64(len(files)) {
		t.Errorf("%d files were opened for all traces, want %d at most", n, len(files))
	}
	halt(db)
	db.drop("age", func(all []*storedSegment) []*storedSegment { return all })
	names, err := disk.List("data/traces")
	if err != nil || len(names) != 0 || fs.open.Load() != 0 {
		t.Errorf("index files %v, %v, and %d open files of segments that are gone", names, err, fs.open.Load())
	}
}

// TestFewOpenFiles reads a store of many segments from several goroutines while few
// files may stay open, and while the process may open few: answers are the same.
func TestFewOpenFiles(t *testing.T) {
	const readers = 4
	disk := vfs.NewMem()
	_, ids := oldStore(t, disk, 40)
	for name, c := range map[string]struct {
		cfg         Config
		limit, most int64
	}{
		"by setting": {cfg: Config{OpenFiles: 3}, most: 3 + 2*readers},
		"by ulimit":  {limit: 2 * readers, most: 2 * readers},
	} {
		t.Run(name, func(t *testing.T) {
			fs := &countingFS{FS: disk}
			fs.limit.Store(c.limit)
			db := openDB(t, fs, "data", c.cfg)
			defer db.Close()
			var wg sync.WaitGroup
			for k := range readers {
				wg.Go(func() {
					if n := countAll(t, db, span.Condition{}); n != 4000 {
						t.Errorf("%d rows, want 4000", n)
					}
					for _, id := range ids[k*10 : k*10+10] {
						if _, err := db.Trace(context.Background(), clew.DefaultTenant, id); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if n := fs.most.Load(); n > c.most {
				t.Errorf("%d files were open at once, want %d at most", n, c.most)
			}
			if err := db.Close(); err != nil || fs.open.Load() != 0 {
				t.Errorf("Close = %v with %d files open", err, fs.open.Load())
			}
		})
	}
}

// TestDamageAtFirstUse damages segments in ways that only show when they are opened:
// the store opens, every answer says what it lacks, with the file, and when the file
// is mended the rows are there again.
func TestDamageAtFirstUse(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, fs vfs.FS, files []string){
		"a byte of the directory":     func(t *testing.T, fs vfs.FS, files []string) { flip(t, fs, files[1], -40) },
		"the file cut off":            func(t *testing.T, fs vfs.FS, files []string) { replace(t, fs, files[1], nil) },
		"a version of tomorrow":       func(t *testing.T, fs vfs.FS, files []string) { flip(t, fs, files[1], 7) },
		"another segment in its name": func(t *testing.T, fs vfs.FS, files []string) { replace(t, fs, files[1], contentOf(t, fs, files[2])) },
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			files, _ := oldStore(t, fs, 3)
			good := contentOf(t, fs, files[1])
			damage(t, fs, files)
			var told []error
			db, err := Open(fs, "data", Config{Events: Events{Damaged: func(err error) { told = append(told, err) }}})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if len(told) != 0 {
				t.Errorf("told at the start: %v", told)
			}
			if rows, damaged := scanDamaged(t, db); rows != 200 || damaged != 100 {
				t.Errorf("%d rows and %d damaged, want 200 and 100", rows, damaged)
			}
			if len(told) == 0 || !strings.Contains(told[0].Error(), files[1]) {
				t.Errorf("told %v, want the file %s", told, files[1])
			}
			if s := db.Stats(); s.LostSegments != 1 || s.Damages == 0 {
				t.Errorf("%d segments lost, %d damages, want one and some", s.LostSegments, s.Damages)
			}
			if v, err := db.verifyClosed(t, fs); err != nil || v.Found == 0 {
				t.Errorf("Verify = %+v, %v, want damage", v, err)
			}
			replace(t, fs, files[1], good)
			if db, err = Open(fs, "data", Config{}); err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if rows, damaged := scanDamaged(t, db); rows != 300 || damaged != 0 {
				t.Errorf("mended: %d rows and %d damaged, want 300", rows, damaged)
			}
		})
	}
}

// verifyClosed closes the store and verifies its folder.
func (db *DB) verifyClosed(t *testing.T, fs vfs.FS) (upkeep.Verification, error) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return upkeep.Verify(fs, "data", nil)
}

func contentOf(t *testing.T, fs vfs.FS, file string) []byte {
	t.Helper()
	b, err := vfs.ReadFile(fs, file, 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func replace(t *testing.T, fs vfs.FS, file string, content []byte) {
	t.Helper()
	if err := vfs.Replace(fs, file, content); err != nil {
		t.Fatal(err)
	}
}

// TestLostSegmentComesBack takes a segment's file away under an open store and gives
// it back: answers lack its rows in between, and no longer.
func TestLostSegmentComesBack(t *testing.T) {
	fs := vfs.NewMem()
	files, _ := oldStore(t, fs, 3)
	db, err := Open(fs, "data", Config{OpenFiles: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, c := range []struct {
		from, to      string
		rows, damaged int
	}{{files[0], "data/away", 200, 100}, {"data/away", files[0], 300, 0}} {
		if err := fs.Rename(c.from, c.to); err != nil {
			t.Fatal(err)
		}
		db.shelf.Empty()
		if rows, damaged := scanDamaged(t, db); rows != c.rows || damaged != int64(c.damaged) {
			t.Errorf("%d rows and %d damaged, want %d and %d", rows, damaged, c.rows, c.damaged)
		}
	}
	_, err = db.take(&storedSegment{path: "data/none"})
	var e *clew.Error
	if !errors.As(err, &e) || e.Kind != clew.Corrupt || e.File != "data/none" {
		t.Errorf("opening a file that is not there: %v", err)
	}
}

// TestIndexLost takes the index of traces away, or damages it, while the store is
// closed: every trace is found before the worker has made it anew, and after.
func TestIndexLost(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	for name, harm := range map[string]func(fs vfs.FS, files []string){
		"whole": func(fs vfs.FS, files []string) {},
		"gone": func(fs vfs.FS, _ []string) {
			if err := fs.RemoveAll("data/traces"); err != nil {
				t.Fatal(err)
			}
		},
		"a bucket damaged":      func(fs vfs.FS, files []string) { flip(t, fs, files[0], 20) },
		"its directory damaged": func(fs vfs.FS, files []string) { flip(t, fs, files[0], -30) },
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			_, ids := oldStore(t, fs, 30)
			names, err := fs.List("data/traces")
			if err != nil || len(names) == 0 {
				t.Fatalf("index files %v, %v", names, err)
			}
			for i := range names {
				names[i] = "data/traces/" + names[i]
			}
			harm(fs, names)
			db := openDB(t, fs, "data", Config{})
			defer db.Close()
			halt(db)
			findAll(t, db, ids)
			db.coverAll(context.Background())
			if list := db.traces.Uncovered(); len(list) != 0 {
				t.Errorf("segments %v are not covered", list)
			}
			findAll(t, db, ids)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if v, err := upkeep.Verify(fs, "data", nil); err != nil || v.Found != 0 {
				t.Errorf("Verify = %+v, %v", v, err)
			}
		})
	}
}

func findAll(t *testing.T, db *DB, ids []clew.TraceID) {
	t.Helper()
	for _, id := range ids {
		if tr, err := db.Trace(context.Background(), clew.DefaultTenant, id); err != nil || tr.Damaged != nil {
			t.Fatalf("trace %v: %v, %v", id, err, tr.Damaged)
		}
	}
	if _, err := db.Trace(context.Background(), clew.DefaultTenant, clew.MakeTraceID(1, 2)); clew.KindOf(err) != clew.NotFound {
		t.Fatalf("a trace that is not there: %v", err)
	}
}

// TestTracesAreFoundMeanwhile looks traces up while rows come, are sealed, merged and
// dropped, and while files of the index are taken away: what was acknowledged and not
// dropped is found at every moment.
func TestTracesAreFoundMeanwhile(t *testing.T) {
	disk := vfs.NewMem()
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	db, err := Open(disk, "data", Config{SealRows: 20, MergeRows: 60, Window: -1, Now: func() time.Time { return time.Unix(0, now.Load()) }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const kept, requests = 30, 250
	send := func(i int) {
		body := storagetest.Body(someSpans(uint64(i), 3)...)
		if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Unix(0, now.Load())}); err != nil {
			t.Error(err)
		}
	}
	var newest atomic.Int64
	newest.Store(-1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				last := int(newest.Load())
				if last < 0 {
					continue
				}
				want := last - i%min(kept, last+1)
				tr, err := db.Trace(context.Background(), clew.DefaultTenant, clew.MakeTraceID(7, uint64(want)))
				if err != nil && int(newest.Load())-want > kept {
					continue // it may have been dropped meanwhile
				}
				if err != nil || tr.Rows != 3 || tr.Damaged != nil {
					t.Errorf("trace %d of %d: %d rows, %v, %v", want, last, tr.Rows, err, tr.Damaged)
					return
				}
			}
		})
	}
	for i := range requests {
		now.Add(int64(20 * time.Second))
		send(i)
		newest.Store(int64(i))
		switch i % 25 {
		case 5:
			if _, err := db.mergeAll(context.Background()); err != nil {
				t.Error(err)
			}
		case 10:
			db.traces.Flush()
		case 15:
			if err := disk.RemoveAll("data/traces"); err != nil {
				t.Error(err)
			}
		case 20:
			old := uint64(now.Load()) - 2*kept*uint64(20*time.Second)
			db.drop("age", func(all []*storedSegment) []*storedSegment {
				return slices.DeleteFunc(all, func(s *storedSegment) bool { return s.MaxArrival >= old })
			})
		}
	}
	close(stop)
	wg.Wait()
}
