package spandb

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/vfs"
)

// failFirst is a disk on which the first operation of a kind on a segment's file
// fails.
func failFirst(disk vfs.FS, op, suffix string, err error) *vfs.Fault {
	return vfs.NewFault(disk, vfs.Plan{FailAt: 1, Err: err, Only: func(o, name string) bool {
		return o == op && strings.Contains(name, "/"+folder.SegmentsDir+"/") && strings.HasSuffix(name, suffix)
	}})
}

// TestSealFails fails the writing of the first of several segments. The heads
// behind it must wait: sealed before it, they would tell the next start that its
// rows are in segments too. When the disk is well again everything is sealed.
func TestSealFails(t *testing.T) {
	for _, op := range []string{"create", "write", "sync", "close", "rename"} {
		suffix := ".tmp"
		if op == "rename" {
			suffix = ".seg"
		}
		for _, closeEarly := range []bool{false, true} {
			disk := vfs.NewMem()
			db := openDB(t, failFirst(disk, op, suffix, syscall.ENOSPC), "data", Config{SealRows: 100, Window: -1})
			appendAt(t, db, corpus.Requests("shop", 21, 400, 100), time.Now())
			if got := countAll(t, db, span.Condition{}); got != 400 {
				t.Fatalf("%s fails: %d rows, want 400", op, got)
			}
			if !closeEarly {
				settle(t, db)
				if n := segmentFiles(t, disk); n != 4 {
					t.Fatalf("%s fails: %d segments when the disk is well again, want 4", op, n)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = openDB(t, disk, "data", Config{SealRows: 100, Window: -1})
			if got := countAll(t, db, span.Condition{}); got != 400 {
				t.Fatalf("%s fails: %d rows after a restart, want 400", op, got)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
