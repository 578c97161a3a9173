package folder

import (
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

// FuzzManifest replays any bytes as a manifest.
func FuzzManifest(f *testing.F) {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("d"); err != nil {
		f.Fatal(err)
	}
	m, err := OpenManifest(fs, "d")
	if err == nil {
		err = m.Commit(Edit{Add: []Segment{{ID: 1, Tenant: "default", Rows: 7}}, NextID: 2, Sealed: map[clew.Tenant]uint64{"default": 9}})
	}
	if err == nil {
		err = m.Commit(Edit{Remove: []uint64{1}})
	}
	if err != nil {
		f.Fatal(err)
	}
	good, err := vfs.ReadFile(fs, m.File(), 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		m := Manifest{State: State{Segments: make(map[uint64]Segment), Sealed: make(map[clew.Tenant]uint64)}}
		if err := m.replay("x", b); err != nil && clew.KindOf(err) != clew.Corrupt && clew.KindOf(err) != clew.Unsupported {
			t.Fatalf("replay: %v", err)
		}
	})
}

// FuzzRecord parses any bytes as a record of the log.
func FuzzRecord(f *testing.F) {
	r := Record{Tenant: "default", Packing: 2, Arrival: 3, Accepted: 4, Refused: []uint32{1, 5}}
	f.Add(append(r.AppendHeader(nil), "body"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err == nil && len(r.Body) > len(b) {
			t.Fatalf("body of %d bytes out of %d", len(r.Body), len(b))
		}
	})
}
