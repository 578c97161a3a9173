package folder

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/clew-tracing/clew"
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

// TestNameless opens folders without CURRENT: those of a store that never was are new,
// others are refused and stay as they are.
func TestNameless(t *testing.T) {
	first, second := "d/"+ManifestName(1), "d/"+ManifestName(2)
	state := appendRecord(append([]byte(manifestMagic), manifestVersion), (&Edit{NextID: 1, NextSeq: 1}).append(nil), manifestHead)
	edited := appendRecord(state, (&Edit{}).append(nil), len(state))
	segment := SegmentDir("d", "default", 0) + "/" + SegmentName(3)
	for _, c := range []struct {
		name  string
		files map[string][]byte
		want  clew.ErrorKind // 0: it is new
	}{
		{"nothing", nil, 0},
		{"the first manifest", map[string][]byte{first: state}, 0},
		{"a part of it", map[string][]byte{first: state[:11]}, 0},
		{"its name", map[string][]byte{first: {}}, 0},
		{"an edit", map[string][]byte{first: edited}, clew.Corrupt},
		{"a later manifest", map[string][]byte{second: state}, clew.Corrupt},
		{"a segment", map[string][]byte{segment: {1}}, clew.Corrupt},
		{"a segment that was being written", map[string][]byte{Partial(segment): {1}}, 0},
		{"half of a copy", map[string][]byte{"d/" + UnfinishedName: {}, second: state}, clew.Invalid},
	} {
		disk := vfs.NewMem()
		if err := disk.MkdirAll(SegmentDir("d", "default", 0)); err != nil {
			t.Fatal(err)
		}
		for file, b := range c.files {
			if err := vfs.Replace(disk, file, b); err != nil {
				t.Fatal(err)
			}
		}
		m, err := OpenManifest(disk, "d")
		if c.want == 0 {
			if err != nil || len(m.Segments) > 0 || m.NextID != 1 {
				t.Errorf("%s: %v, want a new store", c.name, err)
			}
			continue
		}
		if clew.KindOf(err) != c.want || c.want == clew.Corrupt && !strings.Contains(err.Error(), "nothing is changed") {
			t.Errorf("%s: %v, want it refused", c.name, err)
		}
		for file, b := range c.files {
			if kept, err := vfs.ReadFile(disk, file, 1<<10); err != nil || !slices.Equal(kept, b) {
				t.Errorf("%s: %s is not what it was: %v", c.name, file, err)
			}
		}
	}
}

// TestSealedIsForgotten: what a manifest says of tenants goes once it says as much of all
// of them, and is known all the same, also by the next file.
func TestSealedIsForgotten(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("d"); err != nil {
		t.Fatal(err)
	}
	m, err := OpenManifest(disk, "d")
	for _, e := range []Edit{
		{Sealed: map[clew.Tenant]uint64{"a": 5}, NextSeq: 6},
		{Sealed: map[clew.Tenant]uint64{"b": 9}, NextSeq: 10, Needed: 5}, // a's next may be 6
		{Needed: 8},
		{Needed: 3}, // known
	} {
		if err == nil {
			err = m.Commit(e)
		}
	}
	for i := range 3 {
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Sealed) != 1 || m.Needed != 8 || m.SealedUpTo("a") != 7 || m.SealedUpTo("b") != 9 || m.SealedUpTo("c") != 7 {
			t.Errorf("%d starts later: %v of tenants, %d of all", i, m.Sealed, m.Needed)
		}
		m, err = OpenManifest(disk, "d")
	}
}
