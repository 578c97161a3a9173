package upkeep

import (
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/vfs"
)

// badDisk is a disk on which one file has a sector that cannot be read.
type badDisk struct {
	vfs.FS
	bad atomic.Pointer[string] // how its name ends
}

type badFile struct{ vfs.File }

// The sector.
const badFrom, badTo = 500, 600

func (d *badDisk) Open(name string) (vfs.File, error) {
	f, err := d.FS.Open(name)
	if bad := d.bad.Load(); err == nil && bad != nil && strings.HasSuffix(name, *bad) {
		return badFile{f}, nil
	}
	return f, err
}

// Link is not to be had: what is read of links is read around the disk.
func (d *badDisk) Link(string, string) error { return syscall.EXDEV }

func (f badFile) ReadAt(p []byte, off int64) (int, error) {
	if off < badTo && off+int64(len(p)) > badFrom {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(p, off)
}

// damageable is a store with six segments, and one of them.
func damageable(t *testing.T, fs vfs.FS) (db *spandb.DB, all rows, one folder.Segment) {
	t.Helper()
	db = open(t, fs, "/data", spandb.Config{SealRows: 60, Events: spandb.Events{Damaged: func(error) {}}})
	all = feed(t, db, 1, 60)
	settled(t, db, 6)
	b, err := db.Backup()
	must(t, err)
	defer b.Close()
	return db, all, b.Segments[2]
}

// TestBackupOfFlippedBytes: a segment whose directory is whole and whose rows are not is
// in the backup as it is in the store, which says so; a restore brings back the rest.
func TestBackupOfFlippedBytes(t *testing.T) {
	for _, link := range []bool{true, false} {
		fs := vfs.NewMem()
		db, all, bad := damageable(t, fs)
		change(t, fs, bad.Path("/data"), flipAt(500))
		done, err := take(t, db, fs, fs, "/backup", link)
		must(t, err)
		if len(done.Missing) > 0 || done.DamagedSegments != 1 || len(done.Damaged) != 1 || !strings.Contains(done.Damaged[0].Error(), bad.Path("/data")) {
			t.Errorf("links %v: %+v, want %s to be damaged", link, done, bad.Path("/data"))
		}
		err = done.lack("/backup")
		if err == nil || !strings.Contains(err.Error(), "clew restore --repair") || !strings.Contains(err.Error(), "stop its server and run clew verify --repair") {
			t.Errorf("links %v: the command says %v", link, err)
		}
		must(t, db.Close())
		must(t, fs.RemoveAll("/data"))
		v, err := Verify(fs, "/backup", nil)
		must(t, err)
		if v.Found == 0 {
			t.Fatal("the backup is sound: the test damages nothing")
		}
		wantSalvaged(t, fs, fs, "/backup", all, bad)
	}
}

// wantSalvaged restores what can be read: all rows but some of one segment. What it was
// read of stays as it was.
func wantSalvaged(t *testing.T, fs, plain vfs.FS, from string, all rows, bad folder.Segment) {
	t.Helper()
	before := segmentFiles(plain, from)
	r, err := restore(ctx, fs, from, "/new", true, nil)
	must(t, err)
	lost := int64(0)
	for _, l := range r.Repaired.Lost {
		lost += l.Spans
	}
	if lost <= 0 || lost > int64(bad.Rows) || r.Spans != int64(len(all))-lost {
		t.Errorf("%d spans, %d lost, of %d: %+v", r.Spans, lost, len(all), r.Repaired)
	}
	wantSound(t, plain, "/new")
	db := open(t, plain, "/new", spandb.Config{})
	got := rowsIn(t, db)
	must(t, db.Close())
	for id, n := range got {
		if n != 1 || all[id] == 0 {
			t.Errorf("row %v is there %d times, want %d", id, n, all[id])
		}
	}
	if int64(len(got)) != r.Spans || segmentFiles(plain, from) != before {
		t.Errorf("%d rows, want %d; %d files in %s, want %d", len(got), r.Spans, segmentFiles(plain, from), from, before)
	}
	for _, name := range list(plain, "/new") {
		if name == folder.UnfinishedName || strings.HasSuffix(name, ".damaged") {
			t.Errorf("the store has %s", name)
		}
	}
}

// TestBackupThatRots: what rotted in a backup comes from the store again, unless the
// store's is no better, or it is not looked at.
func TestBackupThatRots(t *testing.T) {
	for _, test := range []struct {
		name                    string
		quick, store            bool
		renewed, damaged, stays int
	}{
		{"the backup's", false, false, 1, 0, 0},
		{"the backup's, not looked at", true, false, 0, 0, 1},
		{"both", false, true, 0, 1, 1},
	} {
		fs := vfs.NewMem()
		db, _, bad := damageable(t, fs)
		_, err := take(t, db, fs, fs, "/backup", false)
		must(t, err)
		change(t, fs, bad.Path("/backup"), flipAt(500))
		if test.store {
			change(t, fs, bad.Path("/data"), flipAt(500))
		}
		b, err := db.Backup()
		must(t, err)
		src := &local{fs, "/data", b}
		c := &copier{fs: fs, dir: "/backup", snap: snapshotOf(b, "/data"), src: src, quick: test.quick}
		done, err := c.backup(ctx)
		must(t, err)
		must(t, src.Close())
		if done.Renewed != test.renewed || done.DamagedSegments != test.damaged || len(done.Missing) > 0 || done.Segments != done.Kept+done.Copied {
			t.Errorf("%s: %+v", test.name, done)
		}
		if segmentFiles(fs, "/backup") != done.Segments {
			t.Errorf("%s: %d files of %d segments", test.name, segmentFiles(fs, "/backup"), done.Segments)
		}
		must(t, db.Close())
		v, err := Verify(fs, "/backup", nil)
		must(t, err)
		if v.Found != test.stays {
			t.Errorf("%s: %d damages in the backup, want %d: %v", test.name, v.Found, test.stays, v.Damage)
		}
	}
}

// TestBackupOverABadSector: a segment that cannot be read is left out and named, here
// as over HTTP, and the rest is there.
func TestBackupOverABadSector(t *testing.T) {
	mem := vfs.NewMem()
	disk := &badDisk{FS: mem}
	db, _, bad := damageable(t, disk)
	name := bad.Path("")
	disk.bad.Store(&name)
	_, ask := serve(t, db, disk)
	for _, remote := range []bool{false, true} {
		dest := vfs.NewMem()
		var done *Copied
		var err error
		if remote {
			src, snap, beginErr := beginRemote(ctx, ask)
			must(t, beginErr)
			c := &copier{fs: dest, dir: "/backup", snap: snap, src: src}
			done, err = c.backup(ctx)
			must(t, src.Close())
		} else {
			done, err = take(t, db, disk, dest, "/backup", false)
		}
		must(t, err)
		if len(done.Missing) != 1 || clew.KindOf(done.Missing[0]) != clew.Corrupt || !strings.Contains(done.Missing[0].Error(), path.Join("/data", name)) ||
			!strings.Contains(done.Missing[0].Error(), "input/output error") || done.Segments-done.Heads < 5 {
			t.Errorf("over HTTP %v: %+v, want all but %s", remote, done, name)
		}
		wantSound(t, dest, "/backup")
	}
	must(t, db.Close())
}

// TestRestoreOverABadSector: of a backup on a disk that cannot be read in one place the
// rest comes back.
func TestRestoreOverABadSector(t *testing.T) {
	mem := vfs.NewMem()
	disk := &badDisk{FS: mem}
	db, all, bad := damageable(t, disk)
	_, err := take(t, db, mem, mem, "/backup", false)
	must(t, err)
	must(t, db.Close())
	name := bad.Path("/backup")
	disk.bad.Store(&name)
	if _, err := restore(ctx, disk, "/backup", "/new", false, nil); err == nil || len(list(mem, "/new")) > 0 {
		t.Errorf("a restore of what cannot be read: %v, and %v stays behind", err, list(mem, "/new"))
	}
	wantSalvaged(t, disk, mem, "/backup", all, bad)
}
