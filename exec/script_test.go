package exec_test

import (
	"testing"

	"github.com/clew-tracing/clew/exec/exectest"
	"github.com/clew-tracing/clew/storage/storagetest"
)

func TestScripts(t *testing.T) {
	for name, open := range variants() {
		t.Run(name, func(t *testing.T) {
			exectest.Run(t, "testdata", open, exectest.Encode{Body: storagetest.Body, Array: storagetest.ArrayValue})
		})
	}
}
