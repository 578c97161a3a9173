package storagetest_test

import (
	"testing"

	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

func TestMemory(t *testing.T) {
	for name, caps := range map[string]storage.Capabilities{
		"all":   storagetest.AllCapabilities(),
		"least": {},
	} {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, func(t *testing.T) storage.Store {
				m := storagetest.NewMemory(caps)
				m.BatchRows = 16
				t.Cleanup(func() {
					if err := m.Close(); err != nil {
						t.Error(err)
					}
				})
				return m
			})
		})
	}
}
