package wal_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

var ctx = context.Background()

const dir = "/log"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, fsys vfs.FS, cfg wal.Config) *wal.Log {
	t.Helper()
	l, err := wal.Open(fsys, dir, cfg)
	must(t, err)
	return l
}

// add appends a record, waits until it is durable, and returns its number.
func add(t testing.TB, l *wal.Log, payload string) uint64 {
	t.Helper()
	seq, err := l.Append(ctx, []byte(payload))
	must(t, err)
	must(t, l.Wait(ctx, seq))
	return seq
}

// replayed returns the records as "number:payload".
func replayed(t testing.TB, fsys vfs.FS, from uint64) ([]string, wal.Report) {
	t.Helper()
	var got []string
	report, err := wal.Replay(fsys, dir, from, func(seq uint64, payload []byte) error {
		got = append(got, fmt.Sprintf("%d:%s", seq, payload))
		return nil
	})
	must(t, err)
	if report.Records != len(got) {
		t.Fatalf("report says %d records, fn got %d", report.Records, len(got))
	}
	return got, report
}

func wantReplay(t testing.TB, fsys vfs.FS, from uint64, want ...string) wal.Report {
	t.Helper()
	got, report := replayed(t, fsys, from)
	if !slices.Equal(got, want) {
		t.Fatalf("Replay(%d) = %q, want %q", from, got, want)
	}
	return report
}

func wantClean(t testing.TB, r wal.Report) {
	t.Helper()
	if r.TornBytes != 0 || r.DamagedCount != 0 || r.MissingRecords != 0 {
		t.Fatalf("report = %+v, want no damage", r)
	}
}

func fileCount(t testing.TB, fsys vfs.FS) int {
	t.Helper()
	names, err := fsys.List(dir)
	must(t, err)
	return len(names)
}

func TestWhatIsAppendedIsReplayed(t *testing.T) {
	m := vfs.NewMem()
	l := open(t, m, wal.Config{})
	for i, payload := range []string{"one", "", strings.Repeat("x", 1<<20)} {
		if seq := add(t, l, payload); seq != uint64(i+1) {
			t.Fatalf("record %d got number %d", i+1, seq)
		}
	}
	seq, err := l.Append(ctx, []byte("in "), nil, []byte("parts"))
	must(t, err)
	must(t, l.Close()) // commits it
	if got := l.Durable(); got != seq {
		t.Fatalf("Durable = %d, want %d", got, seq)
	}
	report := wantReplay(t, m, 0, "1:one", "2:", "3:"+strings.Repeat("x", 1<<20), "4:in parts")
	wantClean(t, report)
	if report.Next != 5 || report.Files != 1 || report.Bytes != 3+1<<20+8 {
		t.Fatalf("report = %+v", report)
	}
	wantReplay(t, m, 4, "4:in parts")
	wantReplay(t, m, 5)
}

func TestAnEmptyLogReplaysNothing(t *testing.T) {
	m := vfs.NewMem()
	wantClean(t, wantReplay(t, m, 0)) // not even a directory
	l := open(t, m, wal.Config{})
	must(t, l.Close())
	if n := fileCount(t, m); n != 0 {
		t.Fatalf("opening and closing left %d files", n)
	}
	wantClean(t, wantReplay(t, m, 0))
}

func TestNumbersGoOnAfterReopening(t *testing.T) {
	m := vfs.NewMem()
	l := open(t, m, wal.Config{})
	add(t, l, "a")
	add(t, l, "b")
	must(t, l.Close())
	l = open(t, m, wal.Config{})
	must(t, l.Wait(ctx, 2)) // from before
	if seq := add(t, l, "c"); seq != 3 {
		t.Fatalf("number after reopening = %d, want 3", seq)
	}
	must(t, l.Close())
	l = open(t, m, wal.Config{MinNextSeq: 100})
	add(t, l, "d")
	must(t, l.Close())
	wantClean(t, wantReplay(t, m, 0, "1:a", "2:b", "3:c", "100:d"))

	must(t, m.RemoveAll(dir))
	l = open(t, m, wal.Config{MinNextSeq: 101})
	add(t, l, "e")
	must(t, l.Close())
	wantClean(t, wantReplay(t, m, 0, "101:e"))
}

func TestFilesFollowEachOtherAndAreTruncated(t *testing.T) {
	m := vfs.NewMem()
	var started []string
	l := open(t, m, wal.Config{SegmentBytes: 10_000, Events: wal.Events{Started: func(name string, _ uint64) { started = append(started, name) }}})
	var want []string
	for i := range 10 {
		payload := strings.Repeat(fmt.Sprint(i), 1000)
		want = append(want, fmt.Sprintf("%d:%s", add(t, l, payload), payload))
	}
	if n := fileCount(t, m); n != 5 {
		t.Fatalf("%d files, want 5 of two records each", n)
	}
	wantClean(t, wantReplay(t, m, 0, want...))
	sizeBefore := l.SizeBytes()

	must(t, l.TruncateBefore(5)) // records 1 to 4 are in the first two files
	if n := fileCount(t, m); n != 3 {
		t.Fatalf("after TruncateBefore(5) %d files, want 3", n)
	}
	wantClean(t, wantReplay(t, m, 5, want[4:]...))
	must(t, l.TruncateBefore(6)) // record 6 shares a file with 5
	if n := fileCount(t, m); n != 3 {
		t.Fatalf("after TruncateBefore(6) %d files, want 3", n)
	}
	must(t, l.TruncateBefore(999))
	if n := fileCount(t, m); n != 1 {
		t.Fatalf("the newest file must stay, have %d", n)
	}
	must(t, l.Rotate())
	must(t, l.Rotate()) // an empty file is new enough
	must(t, l.TruncateBefore(11))
	if n := fileCount(t, m); n != 1 {
		t.Fatalf("after Rotate and TruncateBefore %d files, want 1", n)
	}
	if got := l.SizeBytes(); got != 8192 || sizeBefore != 5*8192+10*1028 {
		t.Fatalf("SizeBytes = %d and before %d, want 8192 and %d", got, sizeBefore, 5*8192+10*1028)
	}
	must(t, l.Close())

	l = open(t, m, wal.Config{}) // the empty file remembers the number
	if seq := add(t, l, "k"); seq < 11 {
		t.Fatalf("number %d was given before", seq)
	}
	must(t, l.Close())
	if len(started) != 6 || started[0] != "/log/0000000000000001.wal" {
		t.Fatalf("Started told of %q", started)
	}
}

func TestTruncateBeforeAlsoRemovesFilesOfEarlierRuns(t *testing.T) {
	m := vfs.NewMem()
	for range 3 {
		l := open(t, m, wal.Config{})
		add(t, l, "x")
		must(t, l.Close())
	}
	l := open(t, m, wal.Config{})
	must(t, l.TruncateBefore(3))
	wantClean(t, wantReplay(t, m, 3, "3:x"))
	must(t, l.TruncateBefore(4)) // the newest stays, it knows the number
	if n := fileCount(t, m); n != 1 {
		t.Fatalf("%d files, want 1", n)
	}
	must(t, l.Rotate())
	must(t, l.TruncateBefore(4))
	if n := fileCount(t, m); n != 1 {
		t.Fatalf("%d files, want 1", n)
	}
	must(t, l.Close())
	if _, err := m.Stat(dir + "/0000000000000004.wal"); err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	m := vfs.NewMem()
	l := open(t, m, wal.Config{MaxRecordBytes: 10})
	_, err := l.Append(ctx, make([]byte, 6), make([]byte, 5))
	if clew.KindOf(err) != clew.TooLarge {
		t.Errorf("Append of 11 bytes = %v, want TooLarge", err)
	}
	if err := l.Wait(ctx, 1); clew.KindOf(err) != clew.Invalid {
		t.Errorf("Wait for a number never given = %v, want Invalid", err)
	}
	must(t, l.Wait(ctx, 0))
	must(t, l.Close())
	must(t, l.Close())
	_, err = l.Append(ctx, nil)
	if clew.KindOf(err) != clew.Busy || !errors.Is(err, wal.ErrClosed) {
		t.Errorf("Append after Close = %v, want Busy, ErrClosed", err)
	}
	if err := l.Rotate(); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("Rotate after Close = %v, want ErrClosed", err)
	}
	for name, cfg := range map[string]wal.Config{
		"Window":         {Window: wal.MaxWindow + 1},
		"SegmentBytes":   {SegmentBytes: -1},
		"MaxRecordBytes": {MaxRecordBytes: wal.FormatMaxRecordBytes + 1},
		"BufferBytes":    {BufferBytes: -1},
		"Sync":           {Sync: 7},
	} {
		if _, err := wal.Open(m, dir, cfg); clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), name) {
			t.Errorf("Open with a bad %s = %v, want Invalid with its name", name, err)
		}
	}
}

func TestReplayStopsAtTheErrorOfItsFunction(t *testing.T) {
	m := vfs.NewMem()
	l := open(t, m, wal.Config{})
	add(t, l, "a")
	add(t, l, "b")
	must(t, l.Close())
	stop := errors.New("stop")
	report, err := wal.Replay(m, dir, 0, func(seq uint64, _ []byte) error {
		if seq == 2 {
			return stop
		}
		return nil
	})
	if err != stop || report.Records != 1 {
		t.Fatalf("Replay = %+v, %v, want 1 record and the error as it was", report, err)
	}
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	m := vfs.NewMem()
	must(t, m.MkdirAll(dir))
	for _, name := range []string{"README", "1.wal", "0000000000000001.WAL", "000000000000000G.wal", "00000000000000AB.wal"} {
		f, err := m.Create(dir + "/" + name)
		must(t, err)
		must(t, f.Close())
	}
	l := open(t, m, wal.Config{})
	add(t, l, "a")
	must(t, l.Close())
	wantClean(t, wantReplay(t, m, 0, "1:a"))
	if n := fileCount(t, m); n != 6 {
		t.Fatalf("%d files, want 6", n)
	}
}

func TestAppendConcurrentSafe(t *testing.T) {
	m := vfs.NewMem()
	var mu sync.Mutex
	var published []uint64
	l := open(t, m, wal.Config{
		SegmentBytes: 1 << 16,
		BufferBytes:  2000, // tight enough to block
		OnDurable: func(upTo uint64) {
			mu.Lock()
			defer mu.Unlock()
			published = append(published, upTo)
		},
	})
	const senders, each = 16, 200
	var want sync.Map
	var group sync.WaitGroup
	for s := range senders {
		group.Go(func() {
			for i := range each {
				payload := fmt.Sprintf("%d/%d", s, i)
				seq, err := l.Append(ctx, []byte(payload), make([]byte, i))
				if err != nil {
					t.Error(err)
					return
				}
				want.Store(seq, payload)
				if err := l.Wait(ctx, seq); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if published[len(published)-1] < seq {
					t.Errorf("Wait(%d) returned before OnDurable", seq)
				}
				mu.Unlock()
				if i%50 == 0 {
					if err := l.Rotate(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	must(t, l.Close())
	if !slices.IsSorted(published) {
		t.Error("OnDurable went back")
	}
	next := uint64(1)
	report, err := wal.Replay(m, dir, 0, func(seq uint64, payload []byte) error {
		if seq != next {
			t.Fatalf("record %d came, want %d", seq, next)
		}
		next++
		if w, _ := want.Load(seq); w == nil || !strings.HasPrefix(string(payload), w.(string)) {
			t.Fatalf("record %d = %.20q, want %v", seq, payload, w)
		}
		return nil
	})
	must(t, err)
	wantClean(t, report)
	if report.Records != senders*each {
		t.Fatalf("%d records, want %d", report.Records, senders*each)
	}
}

func TestOpenNeedsAUsableDirectory(t *testing.T) {
	m := vfs.NewMem()
	f, err := m.Create(dir)
	must(t, err)
	must(t, f.Close())
	if _, err := wal.Open(m, dir, wal.Config{}); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Open over a file = %v", err)
	}
}
