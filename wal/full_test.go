package wal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

func isFull(err error) bool {
	return errors.Is(err, wal.ErrDiskFull) && errors.Is(err, syscall.ENOSPC) && clew.KindOf(err) == clew.Busy
}

// TestAFullDiskIsWaitedFor fills the disk at each step of a record's way. Everybody is
// told at once; when there is room, what was logged is written, and all goes on.
func TestAFullDiskIsWaitedFor(t *testing.T) {
	for _, level := range []wal.SyncPolicy{wal.SyncAlways, wal.SyncInterval, wal.SyncNever} {
		for name, room := range map[string]int64{
			"making the first file":  5000,
			"the first record":       8192 + 50,
			"a record behind others": 8192 + 28 + 100 + 50,
		} {
			t.Run(fmt.Sprint(level, ", ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := vfs.NewMem()
					m.SetCapacity(room)
					stalled, resumed := 0, 0
					l := open(t, m, wal.Config{Sync: level, Events: wal.Events{
						Stalled: func(err error) {
							stalled++
							if !isFull(err) {
								t.Errorf("stalled by %v", err)
							}
						},
						Resumed: func() { resumed++ },
						Failed:  func(err error) { t.Errorf("failed: %v", err) },
					}})
					var seqs []uint64
					for i := 0; stalled == 0; i++ {
						seq, err := l.Append(ctx, []byte(strings.Repeat(fmt.Sprint(i), 100)))
						must(t, err)
						seqs = append(seqs, seq)
						synctest.Wait()
					}
					last := seqs[len(seqs)-1]
					for range 2 { // it stays full for a while
						if err := l.Wait(ctx, last); !isFull(err) {
							t.Fatalf("Wait = %v", err)
						}
						last, err := l.TryAppend([]byte("more"))
						must(t, err)
						seqs = append(seqs, last)
						if err := l.Wait(ctx, last); !isFull(err) {
							t.Fatalf("Wait for another = %v", err)
						}
						if err := l.Rotate(); !isFull(err) {
							t.Fatalf("Rotate = %v", err)
						}
						if l.Err() != nil || stalled != 1 || resumed != 0 {
							t.Fatalf("Err = %v, stalled %d times, resumed %d", l.Err(), stalled, resumed)
						}
						<-time.After(time.Minute)
					}
					report, err := wal.Verify(m.CrashClone(nil, vfs.CrashOptions{Keep: vfs.KeepAll}), dir)
					must(t, err)
					if report.DamagedCount > 0 {
						t.Fatalf("a power cut while the disk is full is damage: %+v", report)
					}
					m.SetCapacity(0)
					<-time.After(time.Second)
					synctest.Wait()
					last = seqs[len(seqs)-1]
					must(t, l.Wait(ctx, last))
					add(t, l, "behind")
					must(t, l.Rotate())
					add(t, l, "and in the next file")
					must(t, l.Close())
					if stalled != 1 || resumed != 1 {
						t.Errorf("stalled %d times, resumed %d", stalled, resumed)
					}
					got, report := replayed(t, m, 0)
					if len(got) != len(seqs)+2 || report.DamagedCount > 0 || report.LostRecords > 0 || report.Next != last+3 {
						t.Errorf("%d records, want %d; %+v", len(got), len(seqs)+2, report)
					}
				})
			})
		}
	}
}

// TestALogIsNeverWithoutFiles fills the disk when the only file has no record yet: it
// stays until the next one has its name.
func TestALogIsNeverWithoutFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		l := open(t, m, wal.Config{})
		seq, err := l.Append(ctx, []byte("first"))
		must(t, err)
		must(t, l.Wait(ctx, seq))
		must(t, l.Rotate())
		must(t, l.TruncateBefore(seq+1))
		m.SetCapacity(8192 + 50)
		last, err := l.Append(ctx, make([]byte, 100))
		must(t, err)
		if err := l.Wait(ctx, last); !isFull(err) {
			t.Fatalf("Wait = %v", err)
		}
		files := func(what string, want, records int) {
			t.Helper()
			for _, keep := range []vfs.CrashOptions{{Keep: vfs.KeepAll}, {Keep: vfs.KeepNone}} {
				report, err := wal.Verify(m.CrashClone(nil, keep), dir)
				if err != nil || report.Files != want || report.Records != records || report.DamagedCount > 0 {
					t.Errorf("%s: %+v, %v; want %d files and %d records", what, report, err, want, records)
				}
			}
		}
		files("full", 1, 0)
		m.SetCapacity(1 << 20)
		<-time.After(time.Minute)
		must(t, l.Wait(ctx, last))
		files("with room again", 1, 1)
		must(t, l.Close())
	})
}

// TestNobodyHangsInAFullLog: an append that waits for room in the buffer gets in when
// the disk turns out to be full, and so does every other that is on its way: their
// Waits tell them. Close does not wait for anybody.
func TestNobodyHangsInAFullLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		l := open(t, m, wal.Config{BufferBytes: 200})
		add(t, l, "makes the file")
		gate := make(chan struct{})
		m.OnSync(func(string) { <-gate })
		_, err := l.Append(ctx, []byte("in the sync"))
		must(t, err)
		synctest.Wait()
		_, err = l.Append(ctx, make([]byte, 150))
		must(t, err)
		done := make(chan error)
		go func() {
			seq, err := l.Append(ctx, make([]byte, 100))
			must(t, err)
			done <- l.Wait(ctx, seq)
		}()
		synctest.Wait() // it waits for the buffer
		m.SetCapacity(1)
		m.OnSync(nil)
		close(gate)
		if err := <-done; !isFull(err) {
			t.Errorf("Wait = %v", err)
		}
		for range 10 {
			_, err := l.Append(ctx, make([]byte, 100))
			must(t, err)
		}
		if err := l.Close(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Close = %v", err)
		}
	})
}

// TestClosedWhileFull: the last try is made at once, and the error names the cause.
func TestClosedWhileFull(t *testing.T) {
	for _, room := range []bool{true, false} {
		m := vfs.NewMem()
		m.SetCapacity(8192 + 28 + 10)
		l := open(t, m, wal.Config{})
		add(t, l, "fits")
		seq, err := l.Append(ctx, []byte("does not fit"))
		must(t, err)
		if err := l.Wait(ctx, seq); !isFull(err) {
			t.Fatalf("Wait = %v", err)
		}
		if room {
			m.SetCapacity(0)
		}
		if err := l.Close(); (err == nil) != room || err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("room %v: Close = %v", room, err)
		}
		m.SetCapacity(0)
		got, report := replayed(t, m, 0)
		if len(got) != map[bool]int{true: 2, false: 1}[room] || report.DamagedCount > 0 {
			t.Errorf("room %v: %q, %+v", room, got, report)
		}
	}
}

// TestFullDiskSweep gives a run every size of disk, makes room each time the log
// stalls, and cuts the power in between. Every record that the log took is there, once
// and in order.
func TestFullDiskSweep(t *testing.T) {
	for capacity := int64(100); capacity < 60_000; capacity += 509 {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, uint64(capacity)))
			m := vfs.NewMem()
			m.SetCapacity(capacity)
			level := wal.SyncPolicy(rng.IntN(3))
			l := open(t, m, wal.Config{Sync: level, SegmentBytes: 12_000})
			var want []string
			room := capacity
			for len(want) < 40 {
				payload := strings.Repeat(fmt.Sprint(len(want)%10), rng.IntN(2000))
				seq, err := l.Append(ctx, []byte(payload))
				if err == nil {
					want = append(want, fmt.Sprintf("%d:%s", seq, payload))
					err = l.Wait(ctx, seq)
				}
				if err == nil {
					continue
				}
				if !isFull(err) {
					t.Fatalf("capacity %d: %v", capacity, err)
				}
				for _, mode := range powerCuts {
					report, err := wal.Verify(m.CrashClone(rng, mode), dir)
					if err != nil || report.DamagedCount > 0 {
						t.Fatalf("capacity %d, %v, %+v: %v, %+v", capacity, level, mode, err, report)
					}
				}
				room += int64(rng.IntN(15_000))
				m.SetCapacity(room)
				<-time.After(time.Second)
				synctest.Wait()
			}
			m.SetCapacity(0)
			must(t, l.Close())
			report := wantReplay(t, m, 0, want...)
			if report.DamagedCount > 0 || report.LostRecords > 0 {
				t.Fatalf("capacity %d, %v: %+v", capacity, level, report)
			}
		})
	}
}

// TestClosedWhileFullIsSynced: what was written before the disk was full is synced by
// Close; if that fails, it says so and not that the disk is full.
func TestClosedWhileFullIsSynced(t *testing.T) {
	for _, fails := range []bool{false, true} {
		m := vfs.NewMem()
		fsys := vfs.NewFault(m, vfs.Plan{FailAt: 2, Sticky: true, Err: syscall.EIO, Only: func(op, name string) bool {
			return fails && op == "sync" && strings.HasSuffix(name, ".wal") // the header's passes
		}})
		failed := false
		l := open(t, fsys, wal.Config{Sync: wal.SyncNever, Events: wal.Events{Failed: func(error) { failed = true }}})
		add(t, l, "fits")
		m.SetCapacity(8192 + 28 + 10)
		_, err := l.Append(ctx, []byte("does not fit"))
		must(t, err)
		err = l.Close()
		if fails && (!errors.Is(err, syscall.EIO) || errors.Is(err, wal.ErrDiskFull)) || !fails && !isFull(err) {
			t.Errorf("the sync fails %v: Close = %v", fails, err)
		}
		if !fails && failed {
			t.Error("the end of a log on a full disk is told as a failure")
		}
		power := m.CrashClone(rand.New(rand.NewPCG(1, 1)), vfs.CrashOptions{})
		if got, _ := replayed(t, power, 0); !fails && len(got) != 1 {
			t.Errorf("after a power cut there is %q", got)
		}
	}
}

// TestAFailedSyncIsNoFullDisk: a sync that fails for want of room fails for good, as
// any other: what it was to write may be gone.
func TestAFailedSyncIsNoFullDisk(t *testing.T) {
	for _, level := range []wal.SyncPolicy{wal.SyncAlways, wal.SyncInterval} {
		synctest.Test(t, func(t *testing.T) {
			only := func(op, name string) bool { return op == "sync" && strings.HasSuffix(name, ".wal") }
			fsys := vfs.NewFault(vfs.NewMem(), vfs.Plan{FailAt: 2, Err: syscall.ENOSPC, Only: only}) // the header's passes
			l := open(t, fsys, wal.Config{Sync: level})
			_, err := l.Append(ctx, []byte("x"))
			must(t, err)
			<-time.After(time.Minute)
			if err := l.Err(); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, wal.ErrDiskFull) {
				t.Errorf("%v: Err = %v, want the log broken", level, err)
			}
			l.Close()
		})
	}
}
