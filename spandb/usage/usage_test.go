package usage

import (
	"context"
	"errors"
	iofs "io/fs"
	"path"
	"runtime"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// folderBytes sums the sizes of all files under dir.
func folderBytes(t *testing.T, fs vfs.FS, dir string) (sum int64) {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		info, err := fs.Stat(path.Join(dir, name))
		if errors.Is(err, iofs.ErrNotExist) {
			continue // it has gone meanwhile
		}
		if err != nil {
			t.Fatal(err)
		}
		if sum += info.SizeBytes; info.IsDir {
			sum += folderBytes(t, fs, path.Join(dir, name))
		}
	}
	return sum
}

// settledUse returns the use of a folder, and its bytes, of a moment in which the
// store that has it did not seal anything.
func settledUse(t *testing.T, fs vfs.FS) (use map[segment.Family]int64, bytes int64) {
	t.Helper()
	for {
		before := folderBytes(t, fs, "data")
		use, err := Of(fs, "data")
		after := folderBytes(t, fs, "data")
		if before == after {
			if err != nil {
				t.Fatal(err)
			}
			return use, after
		}
		runtime.Gosched()
	}
}

// TestUsage adds up the families of a store's folder, which is in use and then is not.
func TestUsage(t *testing.T) {
	fs := vfs.NewMem()
	if _, err := Of(fs, "data"); clew.KindOf(err) != clew.NotFound {
		t.Errorf("Of nothing = %v", err)
	}
	db, err := spandb.Open(fs, "data", spandb.Config{Window: -1, SealRows: 1000})
	if err != nil {
		t.Fatal(err)
	}
	spans := 0
	for _, body := range corpus.Requests(corpus.Shop, 1, 5000, 500) {
		res, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		spans += res.Accepted
	}
	check := func(sealed bool) {
		t.Helper()
		use, want := settledUse(t, fs)
		sum := int64(0)
		for _, n := range use {
			sum += n
		}
		if sum != want {
			t.Errorf("families have %d bytes, the folder %d: %v", sum, want, use)
		}
		if sealed && (use[segment.SpanIDs] != 8*int64(spans) || use[ManifestFiles] == 0 || use[TraceFiles] == 0 || use[OtherFiles] != 0) {
			t.Errorf("families of %d spans: %v", spans, use)
		}
	}
	check(false)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	check(true)
}
