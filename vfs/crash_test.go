package vfs_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew/vfs"
)

var seedFlag = flag.Uint64("seed", 0, "repeat the run of this seed; 0 takes a fresh one")

func newRand(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func none(m *vfs.Mem) *vfs.Mem {
	return m.CrashClone(rand.New(rand.NewPCG(1, 1)), vfs.CrashOptions{})
}

func TestPowerCutTakesWhatWasNotSynced(t *testing.T) {
	m := vfs.NewMem()
	must(t, m.MkdirAll("/d"))
	f, err := m.Create("/d/a")
	must(t, err)
	f.Write([]byte("kept"))
	must(t, f.Sync())
	wantList(t, none(m), "/d") // synced bytes, but no name
	must(t, m.SyncDir("/d"))
	f.Write([]byte("lost"))

	if got := read(t, none(m), "/d/a"); got != "kept" {
		t.Fatalf("after the cut = %q, want kept", got)
	}
	all := m.CrashClone(nil, vfs.CrashOptions{Keep: vfs.KeepAll})
	if got := read(t, all, "/d/a"); got != "keptlost" {
		t.Fatalf("KeepAll = %q, want keptlost", got)
	}

	must(t, m.Rename("/d/a", "/d/b"))
	wantList(t, none(m), "/d", "a")
	must(t, m.SyncDir("/d"))
	wantList(t, none(m), "/d", "b")
	must(t, m.Remove("/d/b"))
	wantList(t, none(m), "/d", "b")
	must(t, m.SyncDir("/d"))
	wantList(t, none(m), "/d")
}

func TestReplaceSurvivesAPowerCutAtEverySync(t *testing.T) {
	rng := newRand(t)
	m := vfs.NewMem()
	must(t, m.MkdirAll("/d"))
	must(t, vfs.Replace(m, "/d/f", []byte("old")))
	var disks []*vfs.Mem
	m.OnSync(func(string) {
		for range 50 {
			disks = append(disks, m.CrashClone(rng, vfs.CrashOptions{Keep: vfs.KeepRandom, Tear: true, Reorder: true}))
		}
	})
	must(t, vfs.Replace(m, "/d/f", bytes.Repeat([]byte("new!"), 1000)))
	seen := map[int]bool{}
	for _, disk := range disks {
		got := read(t, disk, "/d/f")
		if got != "old" && got != strings.Repeat("new!", 1000) {
			t.Fatalf("after the cut = %.40q…, want old or new", got)
		}
		seen[len(got)] = true
	}
	if len(disks) != 100 || len(seen) != 2 {
		t.Fatalf("%d disks with %d contents, want 100 with both", len(disks), len(seen))
	}
	if got := read(t, none(m), "/d/f"); len(got) != 4000 {
		t.Fatalf("after Replace returned, %d bytes, want 4000", len(got))
	}
}

// TestCrashCloneShowsEveryCruelty wants each of the promised kinds of loss to
// come up, and the synced bytes to survive all of them.
func TestCrashCloneShowsEveryCruelty(t *testing.T) {
	rng := newRand(t)
	m := vfs.NewMem()
	f, err := m.Create("/a")
	must(t, err)
	must(t, m.SyncDir("/"))
	synced := bytes.Repeat([]byte{'s'}, 700)
	f.Write(synced)
	must(t, f.Sync())
	for _, c := range "ABCD" {
		f.Write(bytes.Repeat([]byte{byte(c)}, 1500))
	}
	full := []byte(read(t, m, "/a"))

	tests := []struct {
		opts vfs.CrashOptions
		want []string
	}{
		{vfs.CrashOptions{Keep: vfs.KeepRandom}, []string{"all", "nothing", "whole writes"}},
		{vfs.CrashOptions{Keep: vfs.KeepRandom, Tear: true}, []string{"nothing", "torn", "foreign bytes"}},
		{vfs.CrashOptions{Keep: vfs.KeepRandom, Reorder: true}, []string{"all", "hole", "foreign bytes"}},
		{vfs.CrashOptions{Keep: vfs.KeepRandom, Tear: true, Reorder: true}, []string{"torn", "hole", "foreign bytes"}},
	}
	for _, test := range tests {
		seen := map[string]bool{}
		for range 500 {
			got := []byte(read(t, m.CrashClone(rng, test.opts), "/a"))
			if !bytes.HasPrefix(got, synced) {
				t.Fatalf("%+v: synced bytes changed", test.opts)
			}
			if len(got) > len(full) {
				t.Fatalf("%+v: %d bytes, more than the %d written", test.opts, len(got), len(full))
			}
			for _, kind := range lossKinds(got, full) {
				seen[kind] = true
			}
		}
		for _, kind := range test.want {
			if !seen[kind] {
				t.Errorf("%+v never showed %q, only %v", test.opts, kind, seen)
			}
		}
		if !test.opts.Reorder && seen["hole"] {
			t.Errorf("%+v reordered writes", test.opts)
		}
		if !test.opts.Tear && seen["torn"] {
			t.Errorf("%+v tore a write", test.opts)
		}
	}
}

// lossKinds says what happened to full's four writes of 1500 bytes after 700
// synced ones.
func lossKinds(got, full []byte) (kinds []string) {
	same := 0
	for same < len(got) && got[same] == full[same] {
		same++
	}
	switch {
	case same == len(full):
		kinds = append(kinds, "all")
	case same == 700 && len(got) == 700:
		kinds = append(kinds, "nothing")
	case same == len(got) && (same-700)%1500 == 0:
		kinds = append(kinds, "whole writes")
	case (same-700)%1500 > 3: // noise may equal a byte or two
		kinds = append(kinds, "torn")
	}
	if same < len(got) {
		kinds = append(kinds, "foreign bytes")
	}
	next := 700 + ((same-700)/1500+1)*1500
	if next+1500 <= len(got) && bytes.Equal(got[next:next+1500], full[next:next+1500]) {
		kinds = append(kinds, "hole")
	}
	return kinds
}

func TestUnsyncedNamesHappenOrNot(t *testing.T) {
	rng := newRand(t)
	m := vfs.NewMem()
	write(t, m, "/a", "a")
	write(t, m, "/b", "b")
	must(t, m.SyncDir("/"))
	must(t, m.Rename("/a", "/c"))
	must(t, m.Remove("/b"))
	write(t, m, "/d", "d")

	for _, test := range []struct {
		reorder bool
		want    []string
	}{
		{false, []string{"[a b]", "[b c]", "[c]", "[c d]"}},
		{true, []string{"[a b]", "[b c]", "[c]", "[c d]", "[a]", "[a b d]", "[a d]", "[b c d]"}},
	} {
		seen := map[string]bool{}
		for range 500 {
			disk := m.CrashClone(rng, vfs.CrashOptions{Keep: vfs.KeepRandom, Reorder: test.reorder})
			seen[fmt.Sprint(list(t, disk, "/"))] = true
		}
		if len(seen) != len(test.want) {
			t.Errorf("reorder %v: saw %v, want %v", test.reorder, seen, test.want)
		}
		for _, names := range test.want {
			if !seen[names] {
				t.Errorf("reorder %v: never saw %s", test.reorder, names)
			}
		}
	}
}

func TestMoveBetweenDirectoriesLosesNothingIfSyncedInOrder(t *testing.T) {
	rng := newRand(t)
	m := vfs.NewMem()
	must(t, m.MkdirAll("/from"))
	must(t, m.MkdirAll("/to"))
	must(t, vfs.Replace(m, "/from/a", []byte("a")))
	both, neither := 0, 0
	cut := func(string) {
		for range 100 {
			disk := m.CrashClone(rng, vfs.CrashOptions{Keep: vfs.KeepRandom, Reorder: true})
			switch len(list(t, disk, "/from")) + len(list(t, disk, "/to")) {
			case 0:
				neither++
			case 2:
				both++
			}
		}
	}
	must(t, m.Rename("/from/a", "/to/a"))
	cut("")
	if both == 0 || neither == 0 {
		t.Errorf("before a sync: both %d times, neither %d times, want some of each", both, neither)
	}
	must(t, m.SyncDir("/to"))
	both, neither = 0, 0
	cut("")
	if neither != 0 {
		t.Errorf("after the sync of the new directory: lost %d times", neither)
	}
	must(t, m.SyncDir("/from"))
	both, neither = 0, 0
	cut("")
	if both+neither != 0 {
		t.Errorf("after both syncs: both %d times, neither %d times", both, neither)
	}
}

func TestMadeDirectoriesAreDurable(t *testing.T) {
	m := vfs.NewMem()
	var ops []string
	m.OnSync(func(op string) { ops = append(ops, op) })
	must(t, m.MkdirAll("/a/b"))
	if want := []string{"syncdir /", "syncdir /a"}; !slices.Equal(ops, want) {
		t.Errorf("syncs = %q, want %q", ops, want)
	}
	wantList(t, none(m), "/a", "b")
}

func TestCloneAndOriginalShareNothing(t *testing.T) {
	m := vfs.NewMem()
	write(t, m, "/a", "x")
	clone := m.CrashClone(nil, vfs.CrashOptions{Keep: vfs.KeepAll})
	for _, fsys := range []*vfs.Mem{m, clone} {
		f, err := fsys.OpenAppend("/a")
		must(t, err)
		f.Write([]byte{'1' + byte(len(read(t, m, "/a")))})
		must(t, f.Close())
	}
	write(t, clone, "/b", "b")
	if a, b := read(t, m, "/a"), read(t, clone, "/a"); a != "x2" || b != "x3" {
		t.Fatalf("original %q, clone %q, want x2 and x3", a, b)
	}
	wantList(t, m, "/", "a")
}

func TestEqualSeedsGiveEqualDisks(t *testing.T) {
	m := vfs.NewMem()
	for i := range 20 {
		write(t, m, fmt.Sprint("/", i), strings.Repeat("data", 300))
	}
	opts := vfs.CrashOptions{Keep: vfs.KeepRandom, Tear: true, Reorder: true}
	draw := func() string {
		disk := m.CrashClone(rand.New(rand.NewPCG(7, 7)), opts)
		var b strings.Builder
		for _, name := range list(t, disk, "/") {
			fmt.Fprintf(&b, "%s=%q\n", name, read(t, disk, "/"+name))
		}
		return b.String()
	}
	if first, second := draw(), draw(); first != second {
		t.Fatal("one seed gave two disks")
	}
}

func TestFullDisk(t *testing.T) {
	m := vfs.NewMem()
	m.SetCapacity(10)
	write(t, m, "/a", "123456")
	f, err := m.Create("/b")
	must(t, err)
	n, err := f.Write([]byte("abcdef"))
	if n != 4 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Write to a full disk = %d, %v, want 4, ENOSPC", n, err)
	}
	if _, free, _ := m.DiskUsage("/"); free != 0 {
		t.Fatalf("free = %d, want 0", free)
	}
	must(t, m.Remove("/a"))
	if n, err := f.Write([]byte("efghij")); n != 6 || err != nil {
		t.Fatalf("Write after Remove = %d, %v, want 6", n, err)
	}
}

func TestFaultFailsTheNthOperation(t *testing.T) {
	run := func(fsys vfs.FS) (done int, err error) {
		steps := []func() error{
			func() error { return fsys.MkdirAll("/d") },
			func() error { return vfs.Replace(fsys, "/d/a", []byte("hello")) },
			func() error { _, err := vfs.ReadFile(fsys, "/d/a", 99); return err },
			func() error { return fsys.Rename("/d/a", "/d/b") },
			func() error { _, err := fsys.List("/d"); return err },
			func() error { _, err := fsys.Stat("/d/b"); return err },
			func() error { return fsys.Remove("/d/b") },
			func() error { return fsys.RemoveAll("/d") },
			func() error { _, err := fsys.Lock("/l"); return err },
			func() error { _, _, err := fsys.DiskUsage("/"); return err },
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return done, err
			}
			done++
		}
		return done, nil
	}
	untouched := vfs.NewFault(vfs.NewMem(), vfs.Plan{})
	if done, err := run(untouched); done != 10 || err != nil {
		t.Fatalf("without faults: %d steps, %v", done, err)
	}
	last := 0
	for n := 1; n <= untouched.Ops(); n++ {
		fsys := vfs.NewFault(vfs.NewMem(), vfs.Plan{FailAt: n, Err: syscall.EIO})
		done, err := run(fsys)
		if done == 10 { // ReadFile has nothing to lose by a failed Close
			continue
		}
		if !errors.Is(err, syscall.EIO) || done < last {
			t.Errorf("operation %d: failed with %v after %d steps, want EIO after %d or more", n, err, done, last)
		}
		last = done
	}
	if last != 9 {
		t.Errorf("the last failure came after %d steps, want 9", last)
	}
}

func TestFaultModes(t *testing.T) {
	inner := vfs.NewMem()
	onlyWrites := func(op, _ string) bool { return op == "write" }
	fsys := vfs.NewFault(inner, vfs.Plan{FailAt: 2, ShortWrite: true, Err: syscall.ENOSPC, Only: onlyWrites})
	f, err := fsys.Create("/a")
	must(t, err)
	f.Write([]byte("whole."))
	n, err := f.Write([]byte("halved"))
	if n != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("short Write = %d, %v, want 3, ENOSPC", n, err)
	}
	_, err = f.Write([]byte("again"))
	must(t, err) // not sticky
	if got := read(t, inner, "/a"); got != "whole.halagain" {
		t.Fatalf("content = %q", got)
	}

	fsys = vfs.NewFault(inner, vfs.Plan{FailAt: 2, Sticky: true, Err: syscall.EIO})
	_, err = fsys.List("/")
	must(t, err)
	for range 3 {
		_, err = fsys.List("/")
		var pathErr *fs.PathError
		if !errors.Is(err, syscall.EIO) || !errors.As(err, &pathErr) || pathErr.Op != "list" {
			t.Fatalf("List = %v, want EIO", err)
		}
	}
	if got := fsys.Ops(); got != 4 {
		t.Fatalf("Ops = %d, want 4", got)
	}
}
