package wal_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// life runs a log through random operations. It returns when ops operations are
// done, or with the log's error.
func life(t testing.TB, rng *rand.Rand, fsys vfs.FS, h *history, from *uint64, ops int) error {
	l, err := wal.Open(fsys, dir, wal.Config{Window: -1, SegmentBytes: 12_000, BufferBytes: 8_000,
		OnDurable: h.confirm})
	if err != nil {
		return err
	}
	defer l.Close()
	h.reopened()
	for range ops {
		switch rng.IntN(12) {
		case 0:
			err = l.Rotate()
		case 1:
			h.mu.Lock()
			*from = max(*from, h.confirmed/2)
			before := *from
			h.mu.Unlock()
			if err := l.TruncateBefore(before); err != nil && !errors.Is(err, syscall.EIO) {
				return err
			}
		case 2, 3:
			err = l.Wait(ctx, l.Durable())
		default:
			payload := make([]byte, rng.IntN(3000))
			for i := range payload {
				payload[i] = byte(rng.Uint32())
			}
			err = h.append(t, l, payload)
		}
		if err != nil {
			return err
		}
	}
	return l.Close()
}

// TestFaultSweep fails the N-th file operation for every N. The error is clean,
// nothing confirmed is lost, and the log works again when reopened.
func TestFaultSweep(t *testing.T) {
	plans := map[string]vfs.Plan{
		"EIO":                  {Err: syscall.EIO},
		"EIO for good":         {Err: syscall.EIO, Sticky: true},
		"ENOSPC, half a write": {Err: syscall.ENOSPC, ShortWrite: true},
	}
	for name, plan := range plans {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				m := vfs.NewMem()
				plan.FailAt = n
				fsys := vfs.NewFault(m, plan)
				h := newHistory()
				from := uint64(0)
				rng := rand.New(rand.NewPCG(3, 4))
				err := life(t, rng, fsys, h, &from, 40)
				if err == nil {
					err = life(t, rng, fsys, h, &from, 40)
				}
				if err != nil && !errors.Is(err, plan.Err) {
					t.Fatalf("operation %d: %v, want the cause %v in it", n, err, plan.Err)
				}
				if _, err := h.check(m, from); err != nil {
					t.Fatalf("operation %d: %v", n, err)
				}
				if err := life(t, rng, m, h, &from, 20); err != nil {
					t.Fatalf("operation %d: reopened: %v", n, err)
				}
				if _, err := h.check(m, from); err != nil {
					t.Fatalf("operation %d: reopened: %v", n, err)
				}
				if err == nil && fsys.Ops() < n {
					if n < 50 {
						t.Fatalf("the run has only %d operations", n)
					}
					return
				}
			}
		})
	}
}

// TestReplayUnderFaults fails each operation of a replay.
func TestReplayUnderFaults(t *testing.T) {
	m := vfs.NewMem()
	h := newHistory()
	from := uint64(0)
	rng := rand.New(rand.NewPCG(5, 6))
	must(t, life(t, rng, m, h, &from, 60))
	for n := 1; ; n++ {
		fsys := vfs.NewFault(m, vfs.Plan{FailAt: n, Err: syscall.EIO})
		_, err := h.check(fsys, from)
		if fsys.Ops() < n {
			must(t, err)
			return
		}
		if err != nil && !errors.Is(err, syscall.EIO) {
			t.Fatalf("operation %d: %v, want EIO", n, err)
		}
	}
}

// TestAFailedSyncBreaksTheLogForGood: a sync that succeeds after one that failed
// proves nothing, so there must not be one.
func TestAFailedSyncBreaksTheLogForGood(t *testing.T) {
	m := vfs.NewMem()
	only := func(op, name string) bool { return op == "sync" && strings.HasSuffix(name, ".wal") }
	fsys := vfs.NewFault(m, vfs.Plan{FailAt: 3, Err: syscall.EIO, Only: only}) // header, "good", "bad"
	var failed []error
	l := open(t, fsys, wal.Config{Events: wal.Events{Failed: func(err error) { failed = append(failed, err) }}})
	good := add(t, l, "good")
	bad, err := l.Append(ctx, []byte("bad"))
	must(t, err)
	broken := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, syscall.EIO) || clew.KindOf(err) != clew.Busy {
			t.Errorf("%s = %v, want Busy around EIO", what, err)
		}
	}
	broken("Wait", l.Wait(ctx, bad))
	broken("second Wait", l.Wait(ctx, bad))
	_, err = l.Append(ctx, []byte("more"))
	broken("Append", err)
	broken("Err", l.Err())
	broken("Rotate", l.Rotate())
	must(t, l.Wait(ctx, good))
	if l.Durable() != good || fsys.Ops() != 3 {
		t.Errorf("Durable = %d after %d syncs, want %d after 3", l.Durable(), fsys.Ops(), good)
	}
	broken("Close", l.Close())
	if len(failed) != 1 {
		t.Errorf("Failed came %d times, want once", len(failed))
	}
}

// TestASyncPrecedesEachConfirmation counts: whenever records are confirmed, all
// of their bytes are in the disk that a cruel power cut leaves.
func TestASyncPrecedesEachConfirmation(t *testing.T) {
	m := vfs.NewMem()
	syncs, confirmations := 0, 0
	m.OnSync(func(op string) {
		if strings.HasPrefix(op, "sync ") {
			syncs++
		}
	})
	syncsBefore := 0
	h := newHistory()
	l := open(t, m, wal.Config{OnDurable: func(upTo uint64) {
		confirmations++
		if syncs <= syncsBefore {
			t.Errorf("%d was confirmed without a sync", upTo)
		}
		syncsBefore = syncs
		h.confirm(upTo)
		disk := m.CrashClone(nil, vfs.CrashOptions{Keep: vfs.KeepNone})
		if _, err := h.clone().check(disk, 0); err != nil {
			t.Errorf("at confirmation of %d: %v", upTo, err)
		}
	}})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 20 {
				payload := binary.LittleEndian.AppendUint64(nil, uint64(i))
				if err := h.append(t, l, payload); err != nil {
					t.Error(err)
				}
				h.mu.Lock()
				last := uint64(len(h.payloads))
				h.mu.Unlock()
				if err := l.Wait(ctx, last); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	must(t, l.Close())
	if confirmations == 0 || syncs != confirmations+1 {
		t.Errorf("%d syncs for %d confirmations, want one each and one for the header", syncs, confirmations)
	}
	t.Logf("160 records, %d syncs", syncs)
}
