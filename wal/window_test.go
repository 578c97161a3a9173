package wal_test

import (
	"context"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

func TestMain(m *testing.M) {
	code := m.Run()
	for tries := 0; code == 0 && strings.Contains(stacks(), "wal.(*Log)"); tries++ {
		if tries == 1_000_000 {
			fmt.Fprintln(os.Stderr, "a log's goroutine was left behind:\n", stacks())
			code = 1
		}
		runtime.Gosched() // Close returned, its goroutine may be on its last line
	}
	os.Exit(code)
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// slowDisk is a disk whose syncs take a while of the bubble's time.
func slowDisk(took time.Duration) *vfs.Mem {
	m := vfs.NewMem()
	m.OnSync(func(string) { <-time.After(took) })
	return m
}

// groups collects the sizes of the groups.
type groups struct {
	mu    sync.Mutex
	sizes []int
}

func (g *groups) events() wal.Events {
	return wal.Events{Synced: func(info wal.SyncInfo) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.sizes = append(g.sizes, info.Records)
	}}
}

func TestOneSenderNeverWaitsForTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, slowDisk(time.Millisecond), wal.Config{Window: 50 * time.Millisecond})
		add(t, l, "this one makes the file")
		start := time.Now()
		for range 10 {
			add(t, l, "x")
		}
		if took := time.Since(start); took != 10*time.Millisecond {
			t.Errorf("10 records took %v, want the 10 ms of their syncs", took)
		}
		must(t, l.Close())
	})
}

// TestSendersInStepShareASync: n senders that each wait for their reply settle
// on one sync per round, and do not sit out the window.
func TestSendersInStepShareASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const senders, rounds, window = 8, 50, 50 * time.Millisecond
		var g groups
		l := open(t, slowDisk(time.Millisecond), wal.Config{Window: window, Events: g.events()})
		start := time.Now()
		var group sync.WaitGroup
		for s := range senders {
			group.Go(func() {
				<-time.After(time.Duration(s) * 100 * time.Microsecond)
				for range rounds {
					add(t, l, "x")
				}
			})
		}
		group.Wait()
		took := time.Since(start)
		must(t, l.Close())
		if len(g.sizes) > rounds+3 {
			t.Errorf("%d records took %d syncs, want about %d: %v", senders*rounds, len(g.sizes), rounds, g.sizes)
		}
		if took > (rounds+10)*time.Millisecond+window { // the last to leave miss the others once
			t.Errorf("%d rounds took %v, want about 1 ms each", rounds, took)
		}
	})
}

// TestSendersThatLeaveCostOneWindow: whom the log expects and does not see makes
// the others wait one window, once.
func TestSendersThatLeaveCostOneWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = 10 * time.Millisecond
		m := vfs.NewMem()
		l := open(t, m, wal.Config{Window: window})
		crowd := func() { // ends in a group of five
			gate := make(chan struct{})
			m.OnSync(func(string) { <-gate })
			_, err := l.Append(ctx, nil)
			must(t, err)
			synctest.Wait()
			m.OnSync(nil)
			var last uint64
			for range 5 {
				last, err = l.Append(ctx, nil)
				must(t, err)
			}
			close(gate)
			must(t, l.Wait(ctx, last))
		}
		crowd()
		for i, want := range []time.Duration{window, 0, 0} {
			start := time.Now()
			add(t, l, "alone")
			if took := time.Since(start); took != want {
				t.Errorf("record %d after the crowd left took %v, want %v", i, took, want)
			}
		}
		crowd()
		<-time.After(window + 1) // long enough for the log to count as idle
		start := time.Now()
		add(t, l, "alone")
		if took := time.Since(start); took != 0 {
			t.Errorf("a record to an idle log took %v, want 0", took)
		}
		must(t, l.Close())
	})
}

// TestTheWindowBoundsWaiting: under a stream that never fills the expected
// count, no record waits longer than window and sync.
func TestTheWindowBoundsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window, syncTakes, records = 5 * time.Millisecond, time.Millisecond, 500
		var g groups
		l := open(t, slowDisk(syncTakes), wal.Config{Window: window, Events: g.events()})
		add(t, l, "this one makes the file")
		var group sync.WaitGroup
		for i := range records {
			<-time.After(time.Duration(100+i%7*50) * time.Microsecond)
			group.Go(func() {
				start := time.Now()
				add(t, l, "x")
				if took := time.Since(start); took > window+2*syncTakes {
					t.Errorf("a record waited %v, want at most %v", took, window+2*syncTakes)
				}
			})
		}
		group.Wait()
		must(t, l.Close())
		if len(g.sizes) > records/8 {
			t.Errorf("%d records took %d syncs: the window gathers nothing", records, len(g.sizes))
		}
	})
}

func TestWithoutAWindowNothingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, vfs.NewMem(), wal.Config{Window: -1})
		start := time.Now()
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				for range 20 {
					add(t, l, "x")
				}
			})
		}
		group.Wait()
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v, want 0", took)
		}
		must(t, l.Close())
	})
}

// TestAFullBufferHoldsSendersBack: Append waits, TryAppend says so, and both go
// on when the disk does.
func TestAFullBufferHoldsSendersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		gate := make(chan struct{})
		l := open(t, m, wal.Config{BufferBytes: 1000})
		add(t, l, "this one makes the file")
		m.OnSync(func(string) { <-gate })
		_, err := l.Append(ctx, make([]byte, 5000)) // larger than the buffer, but alone
		must(t, err)
		synctest.Wait() // it is being synced
		_, err = l.Append(ctx, make([]byte, 900))
		must(t, err)

		_, err = l.TryAppend(make([]byte, 100))
		if clew.KindOf(err) != clew.Busy || !strings.Contains(err.Error(), "buffer is full") {
			t.Errorf("TryAppend to a full buffer = %v, want Busy", err)
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		start := time.Now()
		_, err = l.Append(short, make([]byte, 100))
		if clew.KindOf(err) != clew.Canceled || time.Since(start) != time.Second {
			t.Errorf("Append to a full buffer = %v after %v, want Canceled after 1s", err, time.Since(start))
		}
		done := make(chan uint64)
		go func() {
			seq, err := l.Append(ctx, make([]byte, 100))
			if err != nil {
				t.Error(err)
			}
			done <- seq
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Error("Append to a full buffer returned")
		default:
		}
		if err := l.Wait(short, 3); clew.KindOf(err) != clew.Canceled {
			t.Errorf("Wait with an ended context = %v, want Canceled", err)
		}
		close(gate)
		if seq := <-done; seq != 4 {
			t.Errorf("Append gave %d, want 4: refused records have no number", seq)
		}
		must(t, l.Close())
		if _, report := replayed(t, m, 0); report.Records != 4 {
			t.Errorf("%d records, want 4", report.Records)
		}
	})
}

// TestCloseSendsHomeWhoWaitsForRoom: an Append that is blocked when Close comes
// gets ErrClosed or is committed, and all others are committed.
func TestCloseSendsHomeWhoWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := slowDisk(time.Millisecond)
		l := open(t, m, wal.Config{BufferBytes: 100})
		taken := 0
		var mu sync.Mutex
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				seq, err := l.Append(ctx, make([]byte, 90))
				if err != nil {
					if clew.KindOf(err) != clew.Busy {
						t.Errorf("Append = %v, want Busy", err)
					}
					return
				}
				if err := l.Wait(ctx, seq); err != nil {
					t.Errorf("Wait = %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				taken++
			})
		}
		synctest.Wait()
		must(t, l.Close())
		group.Wait()
		if _, report := replayed(t, m, 0); report.Records != taken || taken == 0 {
			t.Errorf("%d records, %d confirmed", report.Records, taken)
		}
	})
}

// TestRotateComesBeforeTheNextGroup: senders that leave the log no pause do not
// hold back who wants a new file.
func TestRotateComesBeforeTheNextGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		var seen []string
		l := open(t, m, wal.Config{Window: -1, Events: wal.Events{
			Synced:  func(wal.SyncInfo) { seen = append(seen, "synced") },
			Started: func(name string, _ uint64) { seen = append(seen, path.Base(name)) },
		}})
		add(t, l, "this one makes the file")
		gate := make(chan struct{})
		m.OnSync(func(string) { <-gate })
		group := func() uint64 {
			seq, err := l.Append(ctx, []byte("x"))
			must(t, err)
			synctest.Wait()
			return seq
		}
		group()
		done := make(chan error, 1)
		go func() { done <- l.Rotate() }()
		synctest.Wait()
		last := group()
		close(gate)
		must(t, l.Wait(ctx, last))
		must(t, <-done)
		must(t, l.Close())
		if got, want := strings.Join(seen, " "), "0000000000000001.wal synced synced 0000000000000003.wal synced"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
