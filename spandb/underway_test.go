package spandb

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// TestSameAtOnce sends the same records from many sides at the same time: each is
// there once, whoever came first, and every sender is told the same.
func TestSameAtOnce(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{SealRows: 300})
	bodies := corpus.Requests("shop", 4, 2000, 50)
	var wg sync.WaitGroup
	for side := range 8 {
		wg.Go(func() {
			for _, i := range rand.New(rand.NewPCG(1, uint64(side/2))).Perm(len(bodies)) {
				res, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: bodies[i], ReceivedAt: time.Now()})
				if err != nil || res.Accepted != 50 {
					t.Errorf("Append = %+v, %v", res, err)
				}
			}
		})
	}
	wg.Wait()
	if n := countOf(t, db, clew.DefaultTenant); n != 2000 {
		t.Errorf("%d rows, want each of 2,000 once", n)
	}
	if s := db.Stats(); s.Accepted != 2000 || s.Resent != 7*int64(len(bodies)) {
		t.Errorf("%d spans accepted, %d records resent, want 2,000 and %d", s.Accepted, s.Resent, 7*len(bodies))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLogBreaksUnderLoad breaks the log while many records are under way. Whoever
// was told that a record is kept finds it after a restart, and nobody finds one twice.
func TestLogBreaksUnderLoad(t *testing.T) {
	bodies := corpus.Requests("shop", 4, 2000, 50)
	for n := 3; n < 60; n += 7 * mergeFaultStep {
		mem := vfs.NewMem()
		fs := vfs.NewFault(mem, vfs.Plan{FailAt: n, Sticky: true, Err: syscall.EIO, Only: func(op, name string) bool { return op == "sync" }})
		db, err := Open(fs, "data", Config{SealRows: 200})
		if err != nil {
			continue
		}
		var mu sync.Mutex
		kept := make(map[int]bool)
		var wg sync.WaitGroup
		for side := range 6 {
			wg.Go(func() {
				for i := side; i < len(bodies); i += 6 {
					if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: bodies[i], ReceivedAt: time.Now()}); err == nil {
						mu.Lock()
						kept[i] = true
						mu.Unlock()
					} else if clew.KindOf(err) != clew.Busy {
						t.Errorf("Append = %v, want kind busy", err)
					}
				}
			})
		}
		wg.Wait()
		_ = db.Close() // the disk fails
		again := openDB(t, mem, "data", Config{})
		for i, body := range bodies {
			res, err := again.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Now()})
			if err != nil || kept[i] && !res.Resent {
				t.Fatalf("sync %d fails: record %d, which was acknowledged: %v, is %+v, %v after a restart", n, i, kept[i], res, err)
			}
		}
		if rows := countOf(t, again, clew.DefaultTenant); rows != 2000 {
			t.Fatalf("sync %d fails: %d rows once all is sent again, want 2,000", n, rows)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
