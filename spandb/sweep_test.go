package spandb

import (
	"io"
	"maps"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/internal/upkeep"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/vfs"
)

// repairStore runs clew verify --repair.
func repairStore(dir string) (said string, err error) {
	var out strings.Builder
	c := upkeep.NewVerify(&upkeep.Host{
		Settings: func(*cobra.Command, ...string) {},
		Data:     func(*cobra.Command) (string, error) { return dir, nil },
	})
	c.SetArgs([]string{"--repair"})
	c.SetOut(&out)
	c.SetErr(io.Discard)
	c.SilenceErrors, c.SilenceUsage = true, true
	err = c.Execute()
	return out.String(), err
}

// filesIn lists all files under a folder but the lock, with their sizes.
func filesIn(fs vfs.FS, dir string) map[string]int64 {
	files := map[string]int64{}
	names, _ := fs.List(dir)
	for _, n := range names {
		file := path.Join(dir, n)
		if info, err := fs.Stat(file); err == nil && !info.IsDir && n != folder.LockName {
			files[file] = info.SizeBytes
		}
		maps.Copy(files, filesIn(fs, file))
	}
	return files
}

// TestLostManifest takes from a store what says which segments count, when segments were
// merged after younger ones had been sealed, and the log has let their rows go: a start
// is refused and changes nothing, and a repair brings all back.
func TestLostManifest(t *testing.T) {
	fs := vfs.OS()
	var dir, manifest string
	var edits []int // sizes of the manifest
	remove := func(file string) {
		if err := fs.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	cut := func(size int) {
		b, err := vfs.ReadFile(fs, manifest, 1<<20)
		if err == nil {
			err = vfs.Replace(fs, manifest, b[:size])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		lose func()
	}{
		{"CURRENT", func() { remove(path.Join(dir, folder.CurrentName)) }},
		{"CURRENT and the manifest", func() { remove(path.Join(dir, folder.CurrentName)); remove(manifest) }},
		{"the manifest", func() { remove(manifest) }},
		{"the edit of the merge", func() { cut(edits[5]) }},
		{"the edits of the merge and of a seal", func() { cut(edits[4]) }},
		{"all edits", func() { cut(edits[0]) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var now atomic.Int64
			start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			now.Store(start.UnixNano())
			dir = filepath.Join(t.TempDir(), "data")
			cfg := Config{Window: -1, Now: func() time.Time { return time.Unix(0, now.Load()) }}
			db := openDB(t, fs, dir, cfg)
			halt(db)
			manifest, edits = db.manifest.File(), nil
			size := func() {
				info, err := fs.Stat(manifest)
				if err != nil {
					t.Fatal(err)
				}
				edits = append(edits, int(info.SizeBytes))
			}
			size()
			for i := range 5 {
				at := start.Add(time.Duration(i) * time.Second)
				if i == 4 {
					at = start.Add(30 * time.Hour)
					now.Store(at.UnixNano())
				}
				appendAt(t, db, corpus.Requests("shop", uint64(i+1), 50, 50), at)
				sealNow(t, db)
				size()
			}
			if n, err := db.mergeAll(t.Context()); n != 1 || err != nil {
				t.Fatalf("%d merges, %v", n, err)
			}
			if err := db.log.Rotate(); err != nil {
				t.Fatal(err)
			}
			db.truncateLog()
			before := answersOf(t, db)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			c.lose()
			there := filesIn(fs, dir)
			for range 2 {
				_, err := Open(fs, dir, cfg)
				if clew.KindOf(err) != clew.Corrupt || c.name != "the manifest" && !strings.Contains(err.Error(), "the manifest has lost edits") && !strings.Contains(err.Error(), "that it lists are missing") && !strings.Contains(err.Error(), "the file is missing") {
					t.Fatalf("Open = %v, want damage and what to do", err)
				}
			}
			if after := filesIn(fs, dir); !reflect.DeepEqual(there, after) {
				t.Errorf("a start that is refused changes %v to %v", there, after)
			}
			said, err := repairStore(dir)
			if err != nil {
				t.Fatalf("the repair: %v, %s", err, said)
			}
			db = openDB(t, fs, dir, cfg)
			halt(db)
			if after := answersOf(t, db); !reflect.DeepEqual(before, after) {
				t.Errorf("answers differ after the repair, which says %s", said)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestSealedTwice leaves two files of one head, of which neither is listed, where the log
// has not its rows any more: one is.
func TestSealedTwice(t *testing.T) {
	fs := vfs.NewMem()
	files, manifest := storeOf(t, fs, 2)
	b, err := vfs.ReadFile(fs, files[1], 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	again := path.Join(path.Dir(files[1]), folder.SegmentName(9))
	if err := vfs.Replace(fs, again, b); err != nil {
		t.Fatal(err)
	}
	cutEdits(t, fs, manifest)
	if err := fs.RemoveAll("data/wal"); err != nil {
		t.Fatal(err)
	}
	db := openDB(t, fs, "data", Config{})
	if n := countOf(t, db, clew.DefaultTenant); n != 200 {
		t.Errorf("%d rows, want 200", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(again); err == nil {
		t.Errorf("%s is left", again)
	}
}

// TestSegmentOfAnotherFolder has a whole segment lie where it does not belong: it is not
// taken for one of the store's, nor removed.
func TestSegmentOfAnotherFolder(t *testing.T) {
	fs := vfs.NewMem()
	files, _ := storeOf(t, fs, 1)
	b, err := vfs.ReadFile(fs, files[0], 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	stray := "data/seg/b/2020010100/" + folder.SegmentName(77)
	if err := fs.MkdirAll(path.Dir(stray)); err != nil {
		t.Fatal(err)
	}
	if err := vfs.Replace(fs, stray, b); err != nil {
		t.Fatal(err)
	}
	var damage []error
	db, err := Open(fs, "data", Config{Events: Events{Damaged: func(err error) { damage = append(damage, err) }}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if len(damage) != 1 || !strings.Contains(damage[0].Error(), "it belongs to data/seg/default/") {
		t.Errorf("damage is told as %v", damage)
	}
	if kept, err := vfs.ReadFile(fs, folder.Aside(stray), 1<<24); err != nil || !reflect.DeepEqual(kept, b) {
		t.Errorf("what is put aside is not what it was: %v", err)
	}
}
