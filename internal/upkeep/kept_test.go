package upkeep

import (
	"encoding/binary"
	"flag"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/state"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

var update = flag.Bool("update", false, "make the store of the format version that is not released yet anew")

const (
	keptStores = "testdata/stores"
	// unreleased is the version of the store that may change in place: docs/format has
	// the list.
	unreleased = "1"
	// sentName is the file beside a kept store that has what was sent to it: for each
	// request its tenant and its body, each after its size as a uvarint.
	sentName = "sent"
)

// TestKeptStores opens a store of every version of the format that there was. It is
// sound, every span is as it was sent, and the store goes on.
func TestKeptStores(t *testing.T) {
	if *update {
		keepStore(t, filepath.Join(keptStores, unreleased))
	}
	versions, err := os.ReadDir(keptStores)
	must(t, err)
	for _, v := range versions {
		t.Run(v.Name(), func(t *testing.T) {
			fs := vfs.NewMem()
			dir := filepath.Join(keptStores, v.Name())
			copyIn(t, fs, filepath.Join(dir, "data"), "/data")
			want := sentTo(t, filepath.Join(dir, sentName))
			if found, err := Verify(fs, "/data", nil); err != nil || found.Found > 0 || found.TornBytes > 0 {
				t.Fatalf("a store of version %s: %+v, %v. Before its release: go test ./internal/upkeep -run TestKeptStores -update; after it old stores must be read", v.Name(), found, err)
			}
			wantAllKinds(t, fs)
			for range 2 { // the second time as this program has left it
				db := open(t, fs, "/data", spandb.Config{SealRows: 60})
				got, missing := readAll(t, db)
				if len(got) != len(want) || missing > 0 {
					t.Errorf("%d rows, %d missing, want %d", len(got), missing, len(want))
				}
				for id, text := range want {
					if got[id] != text {
						t.Fatalf("row %v is\n%q, want\n%q", id, got[id], text)
					}
				}
				must(t, db.Close())
				wantSound(t, fs, "/data")
			}
			var names map[string][]string
			if found, err := state.Load(fs, "/data/services.doc", &names); !found || err != nil || len(names["default"]) != 2 {
				t.Errorf("the document has %v, %v", names, err)
			}
			db := open(t, fs, "/data", spandb.Config{SealRows: 60})
			feed(t, db, 1_000, 8)
			must(t, db.Close())
			wantSound(t, fs, "/data")
		})
	}
}

// wantAllKinds checks that a kept store has what there is to be read: segments merged
// and not, rows in the log alone, an index.
func wantAllKinds(t *testing.T, fs vfs.FS) {
	t.Helper()
	m, err := folder.ReadManifest(fs, "/data")
	must(t, err)
	merged := 0
	for _, s := range m.Segments {
		if s.Merged != 0 {
			merged++
		}
	}
	v, err := Verify(fs, "/data", nil)
	must(t, err)
	if merged == 0 || merged == len(m.Segments) || v.LogRows == 0 || len(list(fs, "/data/"+folder.TracesDir)) == 0 {
		t.Errorf("%d of %d segments are merged, %d rows are in the log alone", merged, len(m.Segments), v.LogRows)
	}
}

// keepStore makes a store that has a file of every kind, and segments merged and not.
func keepStore(t *testing.T, dir string) {
	t.Helper()
	must(t, os.RemoveAll(dir))
	data := filepath.Join(dir, "data")
	now := time.Now().Add(-96 * time.Hour).Truncate(24 * time.Hour)
	merged := make(chan struct{}, 2)
	db := open(t, vfs.OS(), data, spandb.Config{SealRows: 24, Now: func() time.Time { return now }, Events: spandb.Events{
		Merged: func(spandb.MergeInfo) { merged <- struct{}{} },
	}})
	var sent []byte
	send := func(seed uint64, requests int) {
		for i, body := range corpus.Requests("shop", seed, requests*12, 12) {
			tenant := clew.Tenant([]string{"default", "b"}[i%2])
			_, err := db.Append(ctx, storage.Record{Tenant: tenant, Body: body, ReceivedAt: now})
			must(t, err)
			for _, part := range [][]byte{[]byte(tenant), body} {
				sent = append(binary.AppendUvarint(sent, uint64(len(part))), part...)
			}
			now = now.Add(time.Second)
		}
	}
	send(1, 8)
	settled(t, db, 4)
	now = now.Add(48 * time.Hour) // a merge waits for the day to end, and is looked for every 30 s
	for range 2 {                 // of each tenant
		<-merged
	}
	send(2, 6)
	settled(t, db, 4)
	must(t, state.Save(vfs.OS(), filepath.Join(data, "services.doc"), map[string][]string{"default": {"cart", "checkout"}}))
	must(t, db.Close())
	must(t, os.Remove(filepath.Join(data, folder.LockName)))
	must(t, os.WriteFile(filepath.Join(dir, sentName), sent, 0o644))
}

// sentTo returns the spans of the requests that were sent to a kept store.
func sentTo(t *testing.T, file string) contents {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	next := func() []byte {
		size, n := binary.Uvarint(b)
		part := b[n : n+int(size)]
		b = b[n+int(size):]
		return part
	}
	out := contents{}
	for len(b) > 0 {
		tenant := clew.Tenant(next())
		var m tracepb.TracesData
		must(t, proto.Unmarshal(next(), &m))
		for id, text := range spansIn(t, tenant, &m) {
			out[id] = text
		}
	}
	return out
}

// copyIn copies a folder of this machine.
func copyIn(t *testing.T, fs vfs.FS, from, to string) {
	t.Helper()
	must(t, fs.MkdirAll(to))
	must(t, filepath.WalkDir(from, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := path.Join(to, filepath.ToSlash(strings.TrimPrefix(name, from)))
		if d.IsDir() {
			return fs.MkdirAll(target)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return writeWhole(fs, target, content)
	}))
}
