package spandb

import (
	"cmp"
	"context"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// lanesStore is a store of some segments and a head, and some odd spans that are in it.
func lanesStore(t *testing.T, seed uint64) (*DB, []clew.Span) {
	t.Helper()
	db := openDB(t, vfs.NewMem(), "data", Config{SealRows: 8192, Window: -1})
	t.Cleanup(func() { db.Close() })
	odd := storagetest.NewGenerator(seed).Spans(150, 7)
	for i, body := range corpus.Requests(corpus.Shop, seed, 64_000, 1000) {
		appendAll(t, db, [][]byte{body})
		if part := odd[min(20*i, len(odd)):min(20*(i+1), len(odd))]; len(part) > 0 {
			sendTo(t, db, clew.DefaultTenant, part...)
		}
	}
	settle(t, db)
	return db, odd
}

// inPool returns a context that computes on a core of several.
func inPool(t *testing.T, n int) (context.Context, *cores.Pool) {
	t.Helper()
	p := cores.New(n)
	ctx, share, err := p.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(share.Leave)
	return ctx, p
}

// found is what a scan gives, in whatever order.
type found struct {
	batches, rows int
	hash          uint64 // the sum of those of rows
}

func (f *found) add(b *span.Batch) {
	f.batches++
	rows := b.Matched
	if b.Traced != nil {
		rows = b.Traced
	}
	for i := range rows.Ones() {
		f.rows++
		if b.Trace != nil {
			h := (b.TraceIDs[b.Trace[i]].Low() + 1) * 0x9E3779B97F4A7C15
			f.hash += (h ^ h>>32 ^ b.SpanID[i]) * 0xBF58476D1CE4E5B9
		}
	}
}

func (f *found) join(o *found) {
	f.batches, f.rows, f.hash = f.batches+o.batches, f.rows+o.rows, f.hash+o.hash
}

// foundBy scans, and takes what is found beside the loop, too; enough says of a batch that
// no more is wanted there.
func foundBy(t *testing.T, ctx context.Context, db *DB, r storage.Request, enough func() bool) (all found, st storage.Stats, besides int) {
	t.Helper()
	r.Tenant, r.Stats = clew.DefaultTenant, &st
	if enough != nil {
		r.Beside = func() storage.Beside {
			besides++
			var f found
			more := true
			return storage.Beside{
				Take: func(b *span.Batch) bool {
					f.add(b)
					more = more && !enough()
					return more
				},
				Join: func() { all.join(&f) },
			}
		}
	}
	for b, err := range db.Scan(ctx, r) {
		if err != nil {
			t.Fatal(err)
		}
		all.add(b)
	}
	st.Watermark = time.Time{}
	return all, st, besides
}

// TestLanes scans with one core and with several: what is found and all numbers are the
// same, wherever a bound ends it.
func TestLanes(t *testing.T) {
	seed := cmp.Or(*seedFlag, 20260103)
	t.Logf("seed %d (repeat with -seed)", seed)
	db, odd := lanesStore(t, seed)
	gen, rng := storagetest.NewGenerator(seed), rand.New(rand.NewPCG(seed, 1))
	lanes, ended := 0, 0
	for n := range 20 {
		r := storage.Request{Columns: storage.Columns{Intrinsics: []span.Intrinsic{span.SpanID, span.ParentID, span.SpanKind}}}
		switch rng.IntN(4) {
		case 0:
			r.Where = gen.Condition(odd, 3)
		case 1:
			r.Where = span.Compare(span.Field{Intrinsic: span.Duration}, span.Gt, clew.IntValue(rng.Int64N(50e6)))
		}
		switch n % 5 {
		case 0:
			r.Mode = storage.Traces
		case 1:
			r.Mode, r.Columns.Tree = storage.Traces, true
		case 2:
			r.Columns = storage.Columns{None: true}
		case 3:
			r.MaxRows = 1 + rng.Int64N(64_000)
		case 4:
			r.MaxBytes = 1<<20 + rng.Int64N(4<<20)
		}
		want, wantStats, _ := foundBy(t, t.Context(), db, r, nil)
		ctx, pool := inPool(t, 2+rng.IntN(3))
		calls := make(chan int, 1) // lanes call it at the same time
		calls <- 0
		every := 1 + rng.IntN(9)
		got, stats, besides := foundBy(t, ctx, db, r, func() bool {
			k := <-calls + 1
			calls <- k
			return k%every == 0
		})
		if got != want {
			t.Fatalf("%+v: %+v, want %+v", r, got, want)
		}
		if !reflect.DeepEqual(stats, wantStats) {
			t.Fatalf("%+v: stats\n%+v\nwant\n%+v", r, stats, wantStats)
		}
		if computing, waiting := pool.State(); computing != 1 || waiting != 0 {
			t.Fatalf("%d compute and %d wait behind the scan", computing, waiting)
		}
		lanes += besides
		if stats.Exhausted {
			ended++
		}
	}
	if lanes < 20 || ended < 2 {
		t.Errorf("%d lanes, and %d scans that ended early: nothing is tested", lanes, ended)
	}
}

// TestLanesEnd ends scans on several cores.
func TestLanesEnd(t *testing.T) {
	db, _ := lanesStore(t, 1)
	ctx, pool := inPool(t, 4)
	for n := range 4 {
		for _, canceled := range []bool{true, false} {
			ctx, stop := context.WithCancel(ctx)
			over, batches, begun, joined := false, 0, 0, 0
			var last error
			r := storage.Request{Tenant: clew.DefaultTenant, Columns: storage.Columns{All: true}}
			r.Beside = func() storage.Beside {
				begun++
				return storage.Beside{Join: func() { joined++ }, Take: func(*span.Batch) bool {
					if over {
						t.Error("a lane goes on behind the scan")
					}
					return true
				}}
			}
			for _, err := range db.Scan(ctx, r) {
				if last = err; batches == n && !canceled {
					break
				} else if batches == n {
					stop()
				}
				batches++
			}
			over = true
			if begun == 0 || joined != begun {
				t.Errorf("%d lanes, %d of them joined", begun, joined)
			}
			if canceled && clew.KindOf(last) != clew.Canceled || !canceled && last != nil {
				t.Errorf("ended in batch %d, canceled %v: %v", n, canceled, last)
			}
			if computing, waiting := pool.State(); computing != 1 || waiting != 0 {
				t.Errorf("%d compute and %d wait behind the scan", computing, waiting)
			}
			stop()
		}
	}
}

// TestLanesYield has spans come in while a scan is on two cores: it leaves one of them
// after one block, and takes it again.
func TestLanesYield(t *testing.T) {
	db, _ := lanesStore(t, 2)
	ctx, pool := inPool(t, 2)
	var arrived func()
	took, taken, begun, joined := make(chan bool, 100), 0, 0, 0
	r := storage.Request{Tenant: clew.DefaultTenant, Columns: storage.Columns{Intrinsics: []span.Intrinsic{span.SpanID}}}
	r.Beside = func() storage.Beside {
		taken = 0
		begun++
		return storage.Beside{
			Take: func(*span.Batch) bool {
				if taken++; taken > 1 {
					t.Error("a lane goes on while spans come in")
				} else {
					arrived = pool.Arrive()
					took <- true
				}
				return true
			},
			Join: func() {
				if joined++; taken != 1 {
					t.Errorf("a lane took %d batches", taken)
				}
				arrived()
			},
		}
	}
	waited := 0
	for _, err := range db.Scan(ctx, r) {
		if err != nil {
			t.Fatal(err)
		}
		if waited < begun {
			<-took
			waited++
			for n, _ := pool.State(); n > 1; n, _ = pool.State() {
				runtime.Gosched() // until it has left the core
			}
		}
	}
	if joined < 2 {
		t.Errorf("%d lanes, want one, and another one when spans came no more", joined)
	}
}

// TestLanesPanic has a lane fail: as if the loop did.
func TestLanesPanic(t *testing.T) {
	db, _ := lanesStore(t, 3)
	ctx, pool := inPool(t, 3)
	defer func() {
		if x := recover(); x != "a fault" {
			t.Errorf("recovered %v", x)
		}
		if computing, waiting := pool.State(); computing != 1 || waiting != 0 {
			t.Errorf("%d compute and %d wait behind the scan", computing, waiting)
		}
	}()
	r := storage.Request{Tenant: clew.DefaultTenant, Columns: storage.Columns{Intrinsics: []span.Intrinsic{span.SpanID}}}
	begun, taken := false, make(chan struct{})
	take := sync.OnceFunc(func() { close(taken) })
	r.Beside = func() storage.Beside {
		begun = true
		return storage.Beside{Take: func(*span.Batch) bool { take(); panic("a fault") }, Join: func() { t.Error("a lane is joined that failed") }}
	}
	for _, err := range db.Scan(ctx, r) {
		if err != nil {
			t.Error(err)
		}
		if begun {
			<-taken // before nothing is left for the lane
		}
	}
}
