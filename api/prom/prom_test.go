package prom_test

import (
	"flag"
	"testing"
	"time"

	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/api/prom"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

var update = flag.Bool("update", false, "rewrite golden files")

// asked is after the spans of the shop, in the minute 09:13.
var asked = time.Unix(1763889200, 0)

// eachStore runs f over the model and the embedded store, which seals early.
func eachStore(t *testing.T, f func(t *testing.T, s storage.Store)) {
	t.Run("memory", func(t *testing.T) { f(t, storagetest.NewMemory(storagetest.AllCapabilities())) })
	t.Run("spandb", func(t *testing.T) {
		db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{SealRows: 3})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		f(t, db)
	})
}

func newAPI(s storage.Store, now time.Time) *prom.API {
	return prom.New(prom.Config{Config: api.Config{Store: s}, Now: func() time.Time { return now }})
}

// TestAnswers holds every answer to testdata/answers.txt.
func TestAnswers(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) { apitest.Answers(t, newAPI(apitest.Shop(t, s), asked), *update) })
}
