package folder

import (
	"errors"
	"syscall"
	"testing"

	"github.com/clew-tracing/clew/vfs"
)

// TestManifestRewriteFails fails the writing of a new manifest after an edit that
// is durable: that edit counts, the next fails.
func TestManifestRewriteFails(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("d"); err != nil {
		t.Fatal(err)
	}
	fail := false
	fs := vfs.NewFault(disk, vfs.Plan{FailAt: 1, Sticky: true, Err: syscall.EIO, Only: func(op, _ string) bool { return fail && op == "create" }})
	m, err := OpenManifest(fs, "d")
	if err != nil {
		t.Fatal(err)
	}
	fail = true
	m.edits = maxEdits - 1
	if err := m.Commit(Edit{Add: []Segment{{ID: 5, Tenant: "default", Rows: 7}}}); err != nil {
		t.Fatalf("an edit that is durable: %v", err)
	}
	if err := m.Commit(Edit{}); !errors.Is(err, syscall.EIO) {
		t.Fatalf("the edit after it: %v, want the failure", err)
	}
	again, err := OpenManifest(disk, "d")
	if err != nil || again.Segments[5].Rows != 7 {
		t.Fatalf("reopened: %+v, %v", again, err)
	}
}
