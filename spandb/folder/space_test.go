package folder

import (
	"errors"
	"maps"
	"syscall"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

// TestManifestOnAFullDisk makes edits on disks of every size, and room whenever the
// disk is full: no edit that failed counts, none that was made is lost, and whatever
// moment the store is opened at, it is what it was.
func TestManifestOnAFullDisk(t *testing.T) {
	for capacity := int64(0); capacity < 900; capacity++ {
		fs := vfs.NewMem()
		if err := fs.MkdirAll("d"); err != nil {
			t.Fatal(err)
		}
		fs.SetCapacity(capacity + 1)
		m, err := OpenManifest(fs, "d")
		if err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("%d bytes: a new store: %v", capacity, err)
			}
			continue
		}
		want := map[uint64]Segment{}
		room := capacity
		for id := uint64(1); id <= 8; id++ {
			s := Segment{ID: id, Tenant: "default", Rows: 7, LastSeq: id, Size: id << 40}
			for {
				err := m.Commit(Edit{Add: []Segment{s}, NextID: id + 1})
				if err == nil {
					break
				}
				if clew.KindOf(err) != clew.Busy || !errors.Is(err, syscall.ENOSPC) || len(m.Segments) != len(want) {
					t.Fatalf("%d bytes: Commit = %v, %d segments, want %d", capacity, err, len(m.Segments), len(want))
				}
				for _, keep := range []vfs.Keep{vfs.KeepNone, vfs.KeepAll} {
					wantSegments(t, fs.CrashClone(nil, vfs.CrashOptions{Keep: keep}), want)
				}
				room += 40
				fs.SetCapacity(room)
			}
			want[id] = s
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := OpenManifest(fs, "d") // perhaps on a full disk
		if err != nil {
			t.Fatalf("%d bytes: reopened: %v", capacity, err)
		}
		if !maps.Equal(again.Segments, want) {
			t.Fatalf("%d bytes: reopened with %v", capacity, again.Segments)
		}
		fs.SetCapacity(0)
		if err := again.Commit(Edit{Remove: []uint64{1}}); err != nil {
			t.Fatalf("%d bytes: an edit when there is room: %v", capacity, err)
		}
		delete(want, 1)
		wantSegments(t, fs, want)
	}
}

func wantSegments(t *testing.T, fs vfs.FS, want map[uint64]Segment) {
	t.Helper()
	m, err := ReadManifest(fs, "d")
	if err != nil || !maps.Equal(m.Segments, want) {
		t.Fatalf("read %v, %v; want %v", m, err, want)
	}
}
