package spandb

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// TestPowerCutsByLevel cuts the power in the middle of runs at each level of
// durability, and says what may be lost:
//
//	sync      nothing that was acknowledged
//	interval  what was acknowledged since the last sync, which begins when the
//	          oldest of it is SyncEvery old (wal.TestTheIntervalIsKept)
//	os        what was acknowledged and is in no segment
//
// kill -9, which takes nothing from the disk, loses nothing that was acknowledged at
// any level. Never is a row there twice, or one that nobody sent; and everything sent
// again makes the store whole.
func TestPowerCutsByLevel(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	seed := *seedFlag
	if seed == 0 {
		seed = 20260102
	}
	t.Logf("seed %d (repeat with -seed)", seed)
	for _, level := range []wal.SyncPolicy{wal.SyncAlways, wal.SyncInterval, wal.SyncNever} {
		t.Run(level.String(), func(t *testing.T) {
			cuts, lost := 0, 0
			for round := uint64(0); cuts < max(12, *cutsFlag/10); round++ {
				for _, c := range levelRun(t, level, rand.New(rand.NewPCG(seed, round)), seed+round) {
					lost += c.check(t)
					cuts++
				}
			}
			t.Logf("%d power cuts, %d requests lost that were acknowledged", cuts, lost)
			if (lost > 0) != (level != wal.SyncAlways) {
				t.Errorf("%d acknowledged requests were lost", lost)
			}
		})
	}
}

// levelCut is a disk after a power cut, what had been acknowledged, and what of it
// must be there.
type levelCut struct {
	disk        *vfs.Mem
	s           *script
	acked, must []int
}

// check returns how many acknowledged requests are not there.
func (c *levelCut) check(t *testing.T) (lost int) {
	t.Helper()
	db, err := Open(c.disk, "data", Config{})
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsOf(t, db)
	if s := db.Stats(); s.Damages > 0 {
		t.Fatalf("%d damages, want a power cut to be told from damage", s.Damages)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range c.acked {
		if rows[c.s.ids[r][0]] == 0 {
			lost++
		}
	}
	checkDisk(t, c.disk, c.s, c.must)
	return lost
}

// levelRun appends the requests of a script and cuts the power between them.
func levelRun(t *testing.T, level wal.SyncPolicy, rng *rand.Rand, seed uint64) (cuts []levelCut) {
	modes := []vfs.CrashOptions{
		{Keep: vfs.KeepNone}, {Keep: vfs.KeepAll}, {Keep: vfs.KeepRandom},
		{Keep: vfs.KeepRandom, Tear: true}, {Keep: vfs.KeepRandom, Reorder: true}, {Keep: vfs.KeepRandom, Tear: true, Reorder: true},
	}
	s := newScript(t, seed, 14)
	disk := vfs.NewMem()
	var sealed atomic.Int64
	db := openDB(t, disk, "data", Config{SealRows: 60, Window: -1, Durability: level, SyncEvery: wal.MinSyncEvery,
		Events: Events{Sealed: func(i SealInfo) { sealed.Add(int64(i.Rows)) }}})
	for i, body := range s.bodies {
		if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
		// The i-th request is record i+1 of the log.
		for wait := level == wal.SyncInterval && rng.IntN(4) == 0; wait && db.log.Synced() < uint64(i+1); {
			runtime.Gosched() // the interval ends by itself
		}
		safe := max(int(db.log.Synced()), int(sealed.Load())/len(s.ids[0])) // before the cut, as it only rises
		mode := modes[rng.IntN(len(modes))]
		if mode.Keep == vfs.KeepAll || level == wal.SyncAlways {
			safe = i + 1
		}
		all := make([]int, i+1)
		for r := range all {
			all[r] = r
		}
		cuts = append(cuts, levelCut{disk: disk.CrashClone(rng, mode), s: s, acked: all, must: all[:safe]})
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return cuts
}
