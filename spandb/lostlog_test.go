package spandb

import (
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/vfs"
)

// TestLostLogFile takes files of a log away: each that had a record is missed, also the
// newest, behind which nothing tells of it. One that had none is not.
func TestLostLogFile(t *testing.T) {
	for _, c := range []struct {
		gone []int // of three files, of which the last has no record
		want string
		rows int
	}{
		{nil, "", 2},
		{[]int{2}, "", 2},
		{[]int{1, 2}, "/0000000000000003.wal: offset 0: the log's newest file is missing", 1},
		{[]int{0, 1, 2}, "/wal: offset 0: the log is missing", 0},
	} {
		fs := vfs.NewMem()
		for i := range 2 { // each process begins a file
			db := openDB(t, fs, "data", Config{Window: -1})
			sendTo(t, db, clew.DefaultTenant, clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1, Start: 1, End: 2})
			clone := fs
			if i == 1 { // and the last ends in the middle, just as it has begun another
				if err := db.log.Rotate(); err != nil {
					t.Fatal(err)
				}
				clone = fs.CrashClone(rand.New(rand.NewPCG(1, 2)), vfs.CrashOptions{})
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			fs = clone
		}
		dir := path.Join("data", folder.LogDir)
		files, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(files)
		if len(files) != 3 {
			t.Fatalf("files %q, want 3", files)
		}
		for _, i := range c.gone {
			if err := fs.Remove(path.Join(dir, files[i])); err != nil {
				t.Fatal(err)
			}
		}
		var damage []string
		cfg := Config{Window: -1, Events: Events{Damaged: func(err error) { damage = append(damage, err.Error()) }}}
		db, err := Open(fs, "data", cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got := countAll(t, db, span.Condition{}); got != c.rows {
			t.Errorf("without %v: %d rows, want %d", c.gone, got, c.rows)
		}
		if c.want == "" && len(damage) > 0 || c.want != "" && (len(damage) != 1 || !strings.Contains(damage[0], c.want)) {
			t.Errorf("without %v: damage %q, want %q", c.gone, damage, c.want)
		}
		// What comes behind the loss is sound, and numbers do not come twice.
		sendTo(t, db, clew.DefaultTenant, clew.Span{TraceID: clew.MakeTraceID(1, 9), SpanID: 1, Start: 1, End: 2})
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		damage = nil
		if db, err = Open(fs, "data", cfg); err != nil {
			t.Fatal(err)
		}
		if got := countAll(t, db, span.Condition{}); got != c.rows+1 || c.want == "" && len(damage) > 0 {
			t.Errorf("behind the loss of %v: %d rows, damage %q", c.gone, got, damage)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
