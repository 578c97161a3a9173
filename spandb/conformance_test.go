package spandb

import (
	"testing"

	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// TestConformance runs the suite with rows in the head, and with heads so small
// that nearly all rows are in segments.
func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
	}{{"head", Config{Window: -1}}, {"segments", Config{Window: -1, SealRows: 4}}} {
		t.Run(c.name, func(t *testing.T) {
			storagetest.Run(t, func(t *testing.T) storage.Store {
				return openDB(t, vfs.NewMem(), "data", c.cfg)
			})
		})
	}
}
