package spandb

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

var (
	seedFlag = flag.Uint64("seed", 0, "seed of the crash tests; 0 is a fixed one")
	cutsFlag = flag.Int("cuts", powerCuts, "power cuts to simulate")
)

// rowID is a span's identity in these tests, where all ids are different.
type rowID struct {
	trace clew.TraceID
	span  uint64
}

// script is a run of appends whose requests are all different.
type script struct {
	bodies [][]byte
	ids    [][]rowID // by request
}

func newScript(t testing.TB, seed uint64, requests int) *script {
	s := &script{bodies: corpus.Requests("shop", seed, requests*12, 12)}
	for _, body := range s.bodies {
		var ids []rowID
		for trace, spans := range spansByTrace(t, [][]byte{body}) {
			for id := range spans {
				ids = append(ids, rowID{trace, id})
			}
		}
		s.ids = append(s.ids, ids)
	}
	return s
}

// rowsOf lists every row of a store with how often it is there.
func rowsOf(t testing.TB, db *DB) map[rowID]int {
	t.Helper()
	rows := make(map[rowID]int)
	req := storage.Request{Tenant: clew.DefaultTenant, Columns: storage.Columns{Intrinsics: []span.Intrinsic{span.SpanID}}}
	for b, err := range db.Scan(context.Background(), req) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Matched.Ones() {
			rows[rowID{b.TraceIDs[b.Trace[i]], b.SpanID[i]}]++
		}
	}
	return rows
}

// checkDisk opens what a crash left and compares it with what was acknowledged.
func checkDisk(t *testing.T, fs vfs.FS, s *script, acked []int) {
	t.Helper()
	db, err := Open(fs, "data", Config{SealRows: 40, Window: -1})
	if err != nil {
		t.Fatalf("reopen: %v", err)
	}
	defer db.Close()
	rows := rowsOf(t, db)
	sent := make(map[rowID]bool)
	for _, ids := range s.ids {
		for _, id := range ids {
			sent[id] = true
		}
	}
	for id, n := range rows {
		if n != 1 || !sent[id] {
			t.Fatalf("row %v is there %d times (sent: %v)", id, n, sent[id])
		}
	}
	for _, r := range acked {
		for _, id := range s.ids[r] {
			if rows[id] != 1 {
				t.Fatalf("acknowledged row %v of request %d is gone", id, r)
			}
		}
		id := s.ids[r][0]
		tr, err := db.Trace(context.Background(), clew.DefaultTenant, id.trace)
		if err != nil || !slices.Contains(tr.SpanID, id.span) {
			t.Fatalf("trace of acknowledged row %v: %v", id, err)
		}
	}
	// A client that got no answer sends everything again: nothing doubles.
	for _, body := range s.bodies {
		if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Now()}); err != nil {
			t.Fatalf("resend: %v", err)
		}
	}
	rows = rowsOf(t, db)
	if len(rows) != len(sent) {
		t.Fatalf("%d rows after sending all again, want %d", len(rows), len(sent))
	}
	for id, n := range rows {
		if n != 1 {
			t.Fatalf("row %v is there %d times after a resend", id, n)
		}
	}
}

// TestPowerCuts cuts the power at every sync of a run, in every manner.
func TestPowerCuts(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = 20260101
	}
	t.Logf("seed %d (repeat with -seed)", seed)
	modes := []vfs.CrashOptions{
		{Keep: vfs.KeepNone}, {Keep: vfs.KeepAll}, {Keep: vfs.KeepRandom},
		{Keep: vfs.KeepRandom, Tear: true}, {Keep: vfs.KeepRandom, Reorder: true}, {Keep: vfs.KeepRandom, Tear: true, Reorder: true},
	}
	type cut struct {
		disk  *vfs.Mem
		acked []int
	}
	done := 0
	for round := uint64(0); done < *cutsFlag; round++ {
		rng := rand.New(rand.NewPCG(seed, round))
		s := newScript(t, seed+round, 14)
		fs := vfs.NewMem()
		var mu sync.Mutex
		var acked []int
		var cuts []cut
		fs.OnSync(func(string) {
			mu.Lock()
			defer mu.Unlock()
			mode := modes[rng.IntN(len(modes))]
			cuts = append(cuts, cut{fs.CrashClone(rng, mode), append([]int(nil), acked...)})
		})
		db := openDB(t, fs, "data", Config{SealRows: 40, Window: -1})
		for i, body := range s.bodies {
			if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Now()}); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			acked = append(acked, i)
			mu.Unlock()
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for _, c := range cuts {
			checkDisk(t, c.disk, s, c.acked)
			done++
		}
	}
	t.Logf("%d power cuts (%d without -cuts, fewer with the race detector)", done, powerCuts)
}

// TestFaults fails every file operation of a run in turn, with EIO and ENOSPC,
// once and for good. What was acknowledged is there when the disk is well again.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	s := newScript(t, 7, 8)
	for _, plan := range []vfs.Plan{{Err: syscall.EIO}, {Err: syscall.ENOSPC, ShortWrite: true}, {Err: syscall.EIO, Sticky: true}} {
		for n := 1; ; n++ {
			plan.FailAt = n
			mem := vfs.NewMem()
			fs := vfs.NewFault(mem, plan)
			var acked []int
			db, err := Open(fs, "data", Config{SealRows: 40, Window: -1})
			if err == nil {
				for i, body := range s.bodies {
					_, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Now()})
					if err == nil {
						acked = append(acked, i)
						continue
					}
					if k := clew.KindOf(err); k != clew.Busy {
						t.Fatalf("operation %d fails: Append = %v (%v), want kind busy", n, err, k)
					}
				}
				_ = db.Close() // may fail: the disk does
			} else if !errors.Is(err, plan.Err) {
				t.Fatalf("operation %d fails: Open = %v, want %v in it", n, err, plan.Err)
			}
			if fs.Ops() < n {
				break
			}
			checkDisk(t, mem, s, acked)
		}
	}
}
