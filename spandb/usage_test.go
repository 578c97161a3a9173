package spandb

import (
	"path"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/spandb/segment"
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
		if err != nil {
			t.Fatal(err)
		}
		if sum += info.SizeBytes; info.IsDir {
			sum += folderBytes(t, fs, path.Join(dir, name))
		}
	}
	return sum
}

// TestUsage adds up the families of a store's folder, which is in use and then is not.
func TestUsage(t *testing.T) {
	fs := vfs.NewMem()
	if _, err := Usage(fs, "data"); clew.KindOf(err) != clew.NotFound {
		t.Errorf("Usage of nothing = %v", err)
	}
	db := openDB(t, fs, "data", Config{Window: -1, SealRows: 1000})
	spans := appendAll(t, db, corpus.Requests(corpus.Shop, 1, 5000, 500))
	check := func(sealed bool) {
		t.Helper()
		use, err := Usage(fs, "data")
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for _, n := range use {
			sum += n
		}
		if want := folderBytes(t, fs, "data"); sum != want {
			t.Errorf("families have %d bytes, the folder %d: %v", sum, want, use)
		}
		if sealed && (use[segment.SpanIDs] != 8*int64(spans) || use[ManifestFiles] == 0 || use[OtherFiles] != 0) {
			t.Errorf("families of %d spans: %v", spans, use)
		}
	}
	check(false)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	check(true)
}
