package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestMkdirWithoutEnd makes a folder below one that exists and takes none: the
// working directory after it was removed.
func TestMkdirWithoutEnd(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(gone, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(gone)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	if err := OS().MkdirAll("data/seg"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("MkdirAll = %v, want not exist", err)
	}
}
