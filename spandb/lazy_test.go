package spandb

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
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
	now := c.open.Add(1)
	f, err := c.FS.Open(name)
	if limit := c.limit.Load(); err == nil && limit > 0 && now > limit {
		f.Close()
		err = &vfsError{name}
	}
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
	for _, s := range tenantFor(t, db).segs {
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
	if n := fs.opened.Load(); n < int64(len(files))+1 || n > int64(len(files))+4 {
		t.Errorf("%d files were opened for the first trace, want %d for their indexes and a few for its rows", n, len(files))
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
	if now := db.indexBytes.Load(); now == 0 {
		t.Error("no index of traces is kept")
	}
	halt(db)
	db.drop("age", func(all []*storedSegment) []*storedSegment { return all })
	if now := db.indexBytes.Load(); now != 0 || fs.open.Load() != 0 {
		t.Errorf("%d bytes of indexes and %d files of segments that are gone", now, fs.open.Load())
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
		"by setting": {cfg: Config{OpenFiles: 3, IndexBytes: 100}, most: 3 + 2*readers},
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
func (db *DB) verifyClosed(t *testing.T, fs vfs.FS) (Verification, error) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return Verify(fs, "data", nil)
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
