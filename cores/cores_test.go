package cores_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew/cores"
)

// long is more than anybody computes in one piece.
const long = time.Second

func enter(t *testing.T, p *cores.Pool) (context.Context, *cores.Share) {
	t.Helper()
	ctx, share, err := p.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ctx, share
}

func expect(t *testing.T, p *cores.Pool, computing, waiting int) {
	t.Helper()
	synctest.Wait()
	if c, w := p.State(); c != computing || w != waiting {
		t.Fatalf("%d compute and %d wait, want %d and %d", c, w, computing, waiting)
	}
}

// Who waits longest has the next core, and who had one long enough goes behind.
func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := cores.New(1)
		first, share := enter(t, p)
		var order []string
		var mu sync.Mutex
		note := func(s string) { mu.Lock(); order = append(order, s); mu.Unlock() }
		for _, name := range []string{"a", "b", "c"} {
			go func() {
				_, share := enter(t, p)
				note(name)
				<-time.After(long)
				share.Leave()
			}()
			synctest.Wait()
		}
		expect(t, p, 1, 3)
		if err := cores.Yield(first); err != nil || len(order) > 0 {
			t.Fatalf("yields at once, to %v: %v", order, err)
		}
		<-time.After(long)
		if err := cores.Yield(first); err != nil {
			t.Fatal(err)
		}
		note("first again")
		share.Leave()
		expect(t, p, 0, 0)
		if want := []string{"a", "b", "c", "first again"}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
	})
}

// While spans come in, questions leave a core to them, but keep one.
func TestArrivingSpansTakeACore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for all, left := range map[int]int{1: 1, 2: 1, 3: 2} {
			p := cores.New(all)
			contexts, shares := make([]context.Context, all), make([]*cores.Share, all)
			for i := range all {
				contexts[i], shares[i] = enter(t, p)
			}
			done, again := p.Arrive(), p.Arrive()
			expect(t, p, all, 0) // nobody is stopped within a piece of work
			<-time.After(long)
			var yielding sync.WaitGroup
			for i := range all {
				yielding.Go(func() {
					if err := cores.Yield(contexts[i]); err != nil {
						t.Error(err)
					}
				})
			}
			expect(t, p, left, all-left)
			done()
			expect(t, p, left, all-left)
			again()
			expect(t, p, all, 0)
			yielding.Wait()
			for _, s := range shares {
				s.Leave()
			}
			expect(t, p, 0, 0)
		}
	})
}

// Whoever goes while waiting leaves no trace.
func TestGoneWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := cores.New(1)
		holds, share := enter(t, p)
		leaving, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() {
			_, _, err := p.Enter(leaving)
			failed <- err
		}()
		expect(t, p, 1, 1)
		cancel()
		if err := <-failed; err != context.Canceled {
			t.Fatalf("Enter = %v", err)
		}
		expect(t, p, 1, 0)

		// The same between two pieces of work.
		<-time.After(long)
		other, cancelOther := context.WithCancel(t.Context())
		go func() {
			ctx, otherShare, err := p.Enter(other)
			if err == nil {
				<-time.After(long)
				err = cores.Yield(ctx) // behind the first, who goes on
				otherShare.Leave()
			}
			failed <- err
		}()
		synctest.Wait()
		if err := cores.Yield(holds); err != nil {
			t.Fatal(err)
		}
		expect(t, p, 1, 1)
		cancelOther()
		if err := <-failed; err != context.Canceled {
			t.Fatalf("Yield = %v", err)
		}
		share.Leave()
		expect(t, p, 0, 0)
		ended, end := context.WithCancel(t.Context())
		end()
		if err := cores.Yield(ended); err != context.Canceled {
			t.Errorf("Yield without a pool = %v", err)
		}
	})
}

// A client that reads slowly keeps no core.
func TestAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := cores.New(1)
		ctx, share := enter(t, p)
		waited := make(chan struct{})
		go func() {
			_, share := enter(t, p)
			share.Leave()
			close(waited)
		}()
		expect(t, p, 1, 1)
		if err := cores.Away(ctx, func() {}); err != nil { // short: the core stays
			t.Fatal(err)
		}
		expect(t, p, 1, 1)
		if err := cores.Away(ctx, func() { <-waited }); err != nil {
			t.Fatal(err)
		}
		expect(t, p, 1, 0)
		share.Leave()
		expect(t, p, 0, 0)
		ran := false
		if err := cores.Away(t.Context(), func() { ran = true }); err != nil || !ran {
			t.Errorf("without a pool: %v, ran %v", err, ran)
		}
	})
}

// A client that reads just when it has become late costs nobody a place: whoever comes
// back with the core has it, whoever waits for one gets it.
func TestAwayJustLate(t *testing.T) {
	p := cores.New(2)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 40 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				ctx, share, err := p.Enter(ctx)
				if err != nil {
					t.Error(err)
					cancel()
					return
				}
				err = cores.Away(ctx, func() {
					for began := time.Now(); time.Since(began) < 5*time.Millisecond; { // as long as a slice
						runtime.Gosched()
					}
				})
				if err == nil {
					err = cores.Yield(ctx)
				}
				if err != nil {
					t.Error(err)
				}
				share.Leave()
				cancel()
			}
		})
	}
	all.Wait()
	if c, w := p.State(); c != 0 || w != 0 {
		t.Errorf("%d compute and %d wait at the end", c, w)
	}
}

// However they come and go, never more compute than may, and nobody is forgotten.
func TestNeverMoreThanThereAre(t *testing.T) {
	const n = 3
	p := cores.New(n)
	var computing, most atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for j := range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+j)%7 == 0 {
					cancel()
				}
				if ctx, share, err := p.Enter(ctx); err == nil {
					now := computing.Add(1)
					for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
					}
					computing.Add(-1)
					_ = cores.Yield(ctx) // its end is the next round's
					share.Leave()
				}
				if (i+j)%5 == 0 {
					p.Arrive()()
				}
				cancel()
			}
		})
	}
	all.Wait()
	if c, w := p.State(); c != 0 || w != 0 || most.Load() > n {
		t.Errorf("%d compute and %d wait at the end; %d at once, want %d at most", c, w, most.Load(), n)
	}
}

// A pool that is bounded lends no core beside others once so many compute, but to questions.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := cores.New(4)
		p.Bound(2)
		ctx, first := enter(t, p)
		second, ok := cores.Beside(ctx)
		if !ok {
			t.Fatal("the second core is free")
		}
		if _, ok := cores.Beside(ctx); ok {
			t.Error("three compute, and there is memory for two")
		}
		_, third := enter(t, p)
		for _, s := range []*cores.Share{first, second, third} {
			s.Leave()
		}
		expect(t, p, 0, 0)
	})
}

// A question has further cores while there are some, and nobody else wants one.
func TestBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, ok := cores.Beside(t.Context()); ok {
			t.Error("a core beside none")
		}
		p := cores.New(3)
		first, share := enter(t, p)
		_, second := enter(t, p)
		third, ok := cores.Beside(first)
		if !ok || !third.Spare() {
			t.Fatal("the third core is free")
		}
		if _, ok := cores.Beside(first); ok {
			t.Error("there is no fourth core")
		}
		done := p.Arrive()
		if third.Spare() {
			t.Error("spans come in, and a question keeps three cores")
		}
		third.Leave()
		if _, ok := cores.Beside(first); ok {
			t.Error("the third core is for spans")
		}
		done()
		if third, ok = cores.Beside(first); !ok {
			t.Fatal("the third core is free again")
		}
		expect(t, p, 3, 0)
		var waited sync.WaitGroup
		waited.Go(func() {
			_, fourth := enter(t, p)
			fourth.Leave()
		})
		synctest.Wait()
		if third.Spare() {
			t.Error("a question waits for a core, and who came beside keeps one")
		}
		third.Leave()
		waited.Wait()
		second.Leave()
		share.Leave()
		expect(t, p, 0, 0)
	})
}
