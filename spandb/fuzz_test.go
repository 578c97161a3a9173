package spandb

import (
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/vfs"
)

// FuzzManifest replays any bytes as a manifest.
func FuzzManifest(f *testing.F) {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("d"); err != nil {
		f.Fatal(err)
	}
	m, err := openManifest(fs, "d")
	if err == nil {
		err = m.commit(edit{add: []segmentRecord{{id: 1, tenant: "default", rows: 7}}, nextID: 2, sealed: map[clew.Tenant]uint64{"default": 9}})
	}
	if err == nil {
		err = m.commit(edit{remove: []uint64{1}})
	}
	if err != nil {
		f.Fatal(err)
	}
	good, err := vfs.ReadFile(fs, "d/"+manifestName(m.number), 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		m := manifest{segments: make(map[uint64]segmentRecord), sealed: make(map[clew.Tenant]uint64)}
		if err := m.replay("x", b); err != nil && clew.KindOf(err) != clew.Corrupt && clew.KindOf(err) != clew.Unsupported {
			t.Fatalf("replay: %v", err)
		}
	})
}

// FuzzLoggedRecord parses any bytes as a record of the log.
func FuzzLoggedRecord(f *testing.F) {
	f.Add(append(appendRecordHeader(nil, "default", 2, &segment.Request{Arrival: 3, Accepted: 4, Refused: 2}, []uint32{1, 5}), "body"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseLoggedRecord(b)
		if err == nil && len(r.body) > len(b) {
			t.Fatalf("body of %d bytes out of %d", len(r.body), len(b))
		}
	})
}
