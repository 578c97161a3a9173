package wal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

func TestLevelsHaveNames(t *testing.T) {
	for p, name := range map[wal.SyncPolicy]string{wal.SyncAlways: "sync", wal.SyncInterval: "interval", wal.SyncNever: "os"} {
		if got, err := wal.ParseSyncPolicy(name); got != p || p.String() != name || err != nil {
			t.Errorf("%q = %v, %v; %d is %q", name, got, err, p, p)
		}
	}
	if _, err := wal.ParseSyncPolicy("never"); clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), "sync, interval or os") {
		t.Errorf("an unknown level: %v", err)
	}
	for _, every := range []time.Duration{-1, wal.MinSyncEvery - 1, wal.MaxSyncEvery + 1} {
		if err := (wal.Config{SyncEvery: every}).Validate(); clew.KindOf(err) != clew.Invalid {
			t.Errorf("SyncEvery %v: %v", every, err)
		}
	}
}

// TestTheIntervalIsKept appends for a while and then stops. At no moment is a record
// that was confirmed longer ago than the interval unsynced, under load or after it;
// a sync comes once an interval, and none when there is nothing to sync.
func TestTheIntervalIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 100 * time.Millisecond
		m := vfs.NewMem()
		var syncs atomic.Int64
		m.OnSync(func(op string) {
			if strings.HasPrefix(op, "sync ") {
				syncs.Add(1)
			}
		})
		l := open(t, m, wal.Config{Sync: wal.SyncInterval, SyncEvery: every, SegmentBytes: 1 << 30})
		rng := rand.New(rand.NewPCG(1, 2))
		confirmed := map[uint64]time.Time{}
		start := time.Now()
		check := func() {
			t.Helper()
			for seq, at := range confirmed {
				switch {
				case seq <= l.Synced():
					delete(confirmed, seq)
				case time.Since(at) > every:
					t.Fatalf("after %v record %d, confirmed %v ago, is not synced", time.Since(start), seq, time.Since(at))
				}
			}
		}
		for time.Since(start) < 10*time.Second {
			seq := add(t, l, "x")
			confirmed[seq] = time.Now()
			check()
			<-time.After(time.Duration(rng.IntN(9)) * time.Millisecond)
			check()
		}
		if n := syncs.Load(); n < 90 || n > 102 {
			t.Errorf("%d syncs in ten seconds, want one for every %v", n, every)
		}
		<-time.After(every + 1)
		synctest.Wait()
		if check(); len(confirmed) > 0 || l.Synced() != l.Durable() {
			t.Errorf("synced up to %d, confirmed up to %d", l.Synced(), l.Durable())
		}
		before := syncs.Load()
		<-time.After(time.Hour)
		must(t, l.Close())
		if syncs.Load() != before {
			t.Errorf("%d syncs of nothing", syncs.Load()-before)
		}
	})
}

// TestNobodyWaitsBelowSync: a reply waits for no sync, and not for the window.
func TestNobodyWaitsBelowSync(t *testing.T) {
	for _, level := range []wal.SyncPolicy{wal.SyncInterval, wal.SyncNever} {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, slowDisk(time.Millisecond), wal.Config{Sync: level, SyncEvery: time.Minute, Window: 50 * time.Millisecond})
			add(t, l, "this one makes the file")
			start := time.Now()
			var seqs []uint64
			for range 20 {
				seq, err := l.Append(ctx, []byte("x"))
				must(t, err)
				seqs = append(seqs, seq)
			}
			for _, seq := range seqs {
				must(t, l.Wait(ctx, seq))
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("%v: 20 records took %v", level, took)
			}
			must(t, l.Close())
		})
	}
}

// TestWithoutSyncsOnlyHeadersAreSynced: a file's header and name, once; and at the
// end everything.
func TestWithoutSyncsOnlyHeadersAreSynced(t *testing.T) {
	m := vfs.NewMem()
	synced := map[string]int{}
	m.OnSync(func(op string) { synced[op]++ })
	l := open(t, m, wal.Config{Sync: wal.SyncNever, SegmentBytes: 9000})
	for range 50 {
		add(t, l, strings.Repeat("x", 100))
	}
	must(t, l.Rotate())
	add(t, l, "last")
	files := fileCount(t, m)
	for op, n := range synced {
		if strings.HasPrefix(op, "sync ") && n != 1 {
			t.Errorf("%s: %d times", op, n)
		}
	}
	if l.Synced() != 0 || files < 5 || synced["syncdir "+dir] != files || len(synced) != files+2 { // the root, for the log's own name
		t.Errorf("synced up to %d, %d files, %v", l.Synced(), files, synced)
	}
	must(t, l.Close())
	if l.Synced() != 51 {
		t.Errorf("closed: synced up to %d, want 51", l.Synced())
	}
	got, report := replayed(t, m.CrashClone(nil, vfs.CrashOptions{Keep: vfs.KeepNone}), 0)
	wantClean(t, report)
	if len(got) != 51 {
		t.Errorf("%d records after a power cut, want all 51", len(got))
	}
}

// TestOpenSyncsWhatItFinds: a process that was killed left records that were never
// synced. Whoever opens the log has read them, and they must be there from then on.
func TestOpenSyncsWhatItFinds(t *testing.T) {
	for _, level := range []wal.SyncPolicy{wal.SyncAlways, wal.SyncInterval, wal.SyncNever} {
		m := vfs.NewMem()
		// The first process never gets to sync records, like one that was killed.
		syncs := 0
		killed := vfs.NewFault(m, vfs.Plan{FailAt: 1, Sticky: true, Err: syscall.EIO, Only: func(op, _ string) bool {
			if op == "sync" {
				syncs++
			}
			return op == "sync" && syncs > 2 // the headers
		}})
		l := open(t, killed, wal.Config{Sync: wal.SyncNever, SegmentBytes: 9000})
		for i := range 20 {
			add(t, l, fmt.Sprintf("%d%s", i, strings.Repeat("x", 50)))
		}
		if err := l.Close(); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Close = %v", err)
		}
		want, _ := replayed(t, m, 0)
		if len(want) != 20 || fileCount(t, m) != 2 {
			t.Fatalf("%d records in %d files", len(want), fileCount(t, m))
		}
		l = open(t, m, wal.Config{Sync: level})
		wantReplay(t, m.CrashClone(nil, vfs.CrashOptions{Keep: vfs.KeepNone}), 0, want...)
		must(t, l.Close())
	}
}

// TestWhatEachLevelLoses damages logs of three records, each a write of its own, as a
// power cut may damage writes that were not synced, and as it may not.
func TestWhatEachLevelLoses(t *testing.T) {
	const all, interval, never = wal.SyncAlways, wal.SyncInterval, wal.SyncNever
	at := func(i int) int { return recordAt + i*recordSize }
	for _, test := range []struct {
		level  wal.SyncPolicy
		syncs  int // records before it are synced
		name   string
		damage func([]byte) []byte
		want   string
		report string
	}{
		{all, 3, "second record", flip(at(1)), "1 3", "1 8320+128 2-3"},
		{interval, 0, "second record", flip(at(1)), "1 3", "torn 128, lost 1"},
		{interval, 1, "second record", flip(at(1)), "1 3", "torn 128, lost 1"},
		{interval, 2, "second record", flip(at(1)), "1 3", "1 8320+128 2-3"},
		{never, 0, "second record", flip(at(1)), "1 3", "torn 128, lost 1"},
		{all, 3, "last record", flip(at(2)), "1 2", "torn 128"},
		{interval, 3, "last record", flip(at(2)), "1 2", "torn 128"}, // nothing comes after it
		{never, 0, "last record", flip(at(2)), "1 2", "torn 128"},
		{never, 0, "the first two", flip(at(0), at(1)), "3", "torn 256, lost 2"},
		{interval, 2, "the first two", flip(at(0), at(1)), "3", "1 8192+256 1-3"},
		{interval, 0, "a header", flip(20), "1 2 3", "1 0+4096 0-0"},
		{never, 0, "a header", flip(20), "1 2 3", "1 0+4096 0-0"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := vfs.NewMem()
			l := open(t, m, wal.Config{Sync: test.level, SyncEvery: time.Second})
			for i := range 3 {
				add(t, l, strings.Repeat(fmt.Sprint(i+1), 100))
				if i+1 == test.syncs && test.level == interval {
					<-time.After(time.Second)
					synctest.Wait()
				}
			}
			must(t, l.Close())
			change(t, m, firstFile, test.damage)
			got, report := digits(t, m)
			text := describe(report)
			if report.LostRecords > 0 {
				text += fmt.Sprintf(", lost %d", report.LostRecords)
			}
			if got != test.want || text != test.report {
				t.Errorf("%v, %d synced, %s: records %s, %q; want %s, %q", test.level, test.syncs, test.name, got, text, test.want, test.report)
			}
		})
	}
}

// TestAFileIsSyncedBeforeTheNext: with an interval, what is missing from a file that
// another follows is damage; where nobody syncs it may be a power cut.
func TestAFileIsSyncedBeforeTheNext(t *testing.T) {
	for level, want := range map[wal.SyncPolicy]string{wal.SyncInterval: "1 8320+128 2-3", wal.SyncNever: "torn 128"} {
		m := vfs.NewMem()
		l := open(t, m, wal.Config{Sync: level, SyncEvery: time.Minute})
		add(t, l, strings.Repeat("1", 100))
		add(t, l, strings.Repeat("2", 100))
		must(t, l.Rotate())
		add(t, l, strings.Repeat("3", 100))
		must(t, l.Close())
		change(t, m, firstFile, flip(recordAt+recordSize))
		got, report := digits(t, m)
		if got != "1 3" || describe(report) != want || (report.LostRecords == 1) != (level == wal.SyncNever) {
			t.Errorf("%v: records %s, %q, %d lost; want 1 3, %q", level, got, describe(report), report.LostRecords, want)
		}
	}
}

// TestAFailedIntervalSyncBreaksTheLog: as every sync that fails. What was confirmed
// since the one before may be gone.
func TestAFailedIntervalSyncBreaksTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		only := func(op, name string) bool { return op == "sync" && strings.HasSuffix(name, ".wal") }
		l := open(t, vfs.NewFault(m, vfs.Plan{FailAt: 3, Err: syscall.EIO, Only: only}), wal.Config{Sync: wal.SyncInterval}) // header, "a", "b"
		add(t, l, "a")
		<-time.After(2 * time.Second)
		add(t, l, "b")
		if l.Err() != nil || l.Synced() != 1 {
			t.Fatalf("Err = %v, synced up to %d", l.Err(), l.Synced())
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if err := l.Err(); !errors.Is(err, syscall.EIO) || clew.KindOf(err) != clew.Busy || l.Synced() != 1 {
			t.Errorf("Err = %v, synced up to %d; want EIO, 1", err, l.Synced())
		}
		if err := l.Close(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Close = %v", err)
		}
	})
}

func TestUnknownFlagsAreRefused(t *testing.T) {
	m := twoFiles(t)
	change(t, m, firstFile, func(b []byte) []byte {
		for _, off := range []int{0, 4096} {
			b[off+12] |= 8
			mendHeader(b[off:])
		}
		return b
	})
	if _, err := wal.Verify(m, dir); clew.KindOf(err) != clew.Unsupported || !strings.Contains(err.Error(), firstFile) {
		t.Errorf("Verify = %v, want the flags refused by name", err)
	}
}
