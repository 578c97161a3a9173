package wal_test

import (
	"flag"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

var (
	seedFlag = flag.Uint64("seed", 0, "repeat the power cuts of this seed; 0 takes a fresh one")
	cutsFlag = flag.Int("cuts", 1000, "how many power cuts to simulate")
)

func newRand(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

var powerCuts = []vfs.CrashOptions{
	{Keep: vfs.KeepNone},
	{Keep: vfs.KeepAll},
	{Keep: vfs.KeepRandom},
	{Keep: vfs.KeepRandom, Tear: true},
	{Keep: vfs.KeepRandom, Reorder: true},
	{Keep: vfs.KeepRandom, Tear: true, Reorder: true},
}

// machine runs a log step by step: every sync waits at the gate until the test
// lets it pass. So one seed gives one history, whatever the scheduler does. It
// lives in a synctest bubble.
type machine struct {
	t    *testing.T
	rng  *rand.Rand
	sync wal.SyncPolicy
	disk *vfs.Mem
	h    *history
	from uint64
	log  *wal.Log
	gate chan struct{}
	held atomic.Int32 // how many syncs wait at the gate
	cut  func()       // called before each sync takes effect, and below SyncAlways at any time
}

// run calls f and lets syncs pass until it returns.
func (m *machine) run(f func() error) {
	m.t.Helper()
	var err error
	done := false
	go func() {
		err = f()
		done = true
	}()
	for synctest.Wait(); !done; {
		m.pass()
	}
	must(m.t, err)
}

// pass lets the sync that waits longest take effect and waits until all is still
// again.
func (m *machine) pass() {
	m.cut()
	m.held.Add(-1)
	m.gate <- struct{}{}
	synctest.Wait()
	if m.log != nil {
		m.h.confirm(m.log.Synced())
	}
}

// syncEvery is short, so that many a sync falls into a life.
const syncEvery = 10 * time.Millisecond

// life opens a log and does ops random operations with it.
func (m *machine) life(ops int) {
	m.gate = make(chan struct{})
	m.disk.OnSync(func(string) {
		m.held.Add(1)
		<-m.gate
	})
	m.h.reopened()
	left, _ := replayed(m.t, m.disk, 0)
	m.log = nil
	m.run(func() (err error) {
		l, err := wal.Open(m.disk, dir, wal.Config{Window: -1, SegmentBytes: 12_000, BufferBytes: 8_000, OnDurable: m.h.told,
			Sync: m.sync, SyncEvery: syncEvery})
		m.log = l
		return err
	})
	m.h.opened(left)
	for range ops {
		m.step()
	}
	m.run(m.log.Close)
	m.disk.OnSync(nil)
}

func (m *machine) step() {
	if m.sync != wal.SyncAlways {
		m.cut()
		if m.rng.IntN(3) == 0 {
			<-time.After(time.Duration(m.rng.IntN(5)) * time.Millisecond)
			synctest.Wait()
		}
	}
	switch m.rng.IntN(16) {
	case 0:
		m.run(m.log.Rotate)
	case 1:
		m.run(func() error {
			m.from = max(m.from, m.log.Durable()/2)
			return m.log.TruncateBefore(m.from)
		})
	case 2, 3, 4, 5:
		if m.held.Load() > 0 {
			m.pass()
		}
	default:
		payload := make([]byte, m.rng.IntN(3000))
		for i := range payload {
			payload[i] = byte(m.rng.Uint32())
		}
		m.append(payload)
	}
}

// append appends while the writer stays at the gate, so that groups gather; only a
// full buffer lets it pass.
func (m *machine) append(payload []byte) {
	m.t.Helper()
	for m.h.tryAppend(m.t, m.log, payload) != nil {
		m.pass()
	}
	synctest.Wait()
}

// TestPowerCutsOfTruncation cuts the power while many files are removed at once: what is
// left is a log without its beginning, never one with a hole.
func TestPowerCutsOfTruncation(t *testing.T) {
	rng := newRand(t)
	m := vfs.NewMem()
	l := open(t, m, wal.Config{SegmentBytes: 8200})
	h := newHistory()
	for i := range 12 {
		must(t, h.tryAppend(t, l, []byte{byte(i)}))
		must(t, l.Wait(ctx, uint64(i+1)))
	}
	h.confirm(l.Synced())
	var taken []*vfs.Mem
	m.OnSync(func(string) {
		for range 50 {
			for _, opts := range powerCuts {
				taken = append(taken, m.CrashClone(rng, opts))
			}
		}
	})
	must(t, l.TruncateBefore(11))
	m.OnSync(nil)
	files := map[int]bool{}
	for i, disk := range taken {
		report, err := h.check(disk, 11)
		if err != nil {
			t.Fatalf("cut %d: %v", i, err)
		}
		files[report.Files] = true
	}
	if len(files) < 5 {
		t.Errorf("cuts left %v files: nothing was cut in the middle", files)
	}
	must(t, l.Close())
}

// cutDisk is a disk after a power cut and what was known at that moment.
type cutDisk struct {
	disk *vfs.Mem
	h    *history
	from uint64
}

// take cuts the power. What must be on the disk is what was synced. If the cut
// takes nothing, as kill -9 does, it is all that anybody was told of.
func (m *machine) take(opts vfs.CrashOptions) cutDisk {
	h := m.h.clone()
	if opts.Keep == vfs.KeepAll {
		h.confirmed = max(h.confirmed, h.toldUpTo)
	}
	return cutDisk{m.disk.CrashClone(m.rng, opts), h, m.from}
}

// TestPowerCuts cuts the power at random moments of random runs, in all modes and
// at all levels, reopens what is left, and goes on from there, up to four cuts
// deep. What was synced is there, what is there was once appended, no record comes
// twice, and no cut is taken for damage.
func TestPowerCuts(t *testing.T) {
	for _, level := range []wal.SyncPolicy{wal.SyncAlways, wal.SyncInterval, wal.SyncNever} {
		t.Run(level.String(), func(t *testing.T) { testPowerCuts(t, level) })
	}
}

func testPowerCuts(t *testing.T, level wal.SyncPolicy) {
	rng := newRand(t)
	cuts, torn, lost := 0, 0, uint64(0)
	for cuts < *cutsFlag {
		synctest.Test(t, func(t *testing.T) {
			m := &machine{t: t, rng: rng, sync: level, disk: vfs.NewMem(), h: newHistory()}
			for depth := range 4 {
				var taken []cutDisk
				m.cut = func() {
					if rng.IntN(4) == 0 {
						taken = append(taken, m.take(powerCuts[rng.IntN(len(powerCuts))]))
					}
				}
				m.life(40)
				for _, c := range taken {
					cuts++
					report, err := c.h.check(c.disk, c.from)
					if err != nil {
						t.Fatalf("cut %d, depth %d: %v", cuts, depth, err)
					}
					if report.TornBytes > 0 {
						torn++
					}
					lost += report.LostRecords
				}
				if len(taken) == 0 {
					return
				}
				c := taken[rng.IntN(len(taken))]
				m.disk, m.h, m.from = c.disk, c.h, c.from
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d power cuts, %d of them tore a group, %d records known to be lost", cuts, torn, lost)
	if torn < cuts/50 {
		t.Errorf("only %d of %d power cuts tore a group: the test has lost its teeth", torn, cuts)
	}
	if (lost > 0) != (level != wal.SyncAlways) {
		t.Errorf("%d records were lost that nobody had synced", lost)
	}
}

// TestPowerCutAtEverySync takes all modes at every sync of one run, and opens
// what is left for new records.
func TestPowerCutAtEverySync(t *testing.T) {
	rng := newRand(t)
	var taken []cutDisk
	syncs := 0
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, rng: rng, disk: vfs.NewMem(), h: newHistory()}
		m.cut = func() {
			syncs++
			for _, opts := range powerCuts {
				taken = append(taken, m.take(opts))
			}
		}
		m.life(200)
	})
	if syncs < 50 {
		t.Fatalf("only %d syncs", syncs)
	}
	for i, c := range taken {
		sync, opts := i/len(powerCuts)+1, powerCuts[i%len(powerCuts)]
		if _, err := c.h.check(c.disk, c.from); err != nil {
			t.Fatalf("at sync %d with %+v: %v", sync, opts, err)
		}
		l := open(t, c.disk, wal.Config{})
		c.h.reopened()
		seq := add(t, l, "after")
		must(t, l.Close())
		c.h.payloads[seq], c.h.confirmed = []byte("after"), seq
		if _, err := c.h.check(c.disk, c.from); err != nil {
			t.Fatalf("at sync %d with %+v, reopened: %v", sync, opts, err)
		}
	}
}
