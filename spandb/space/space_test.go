package space

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/clew-tracing/clew/vfs"
)

// TestWatch lets a disk of 20 MiB, of which 1 MiB is kept free, fill and empty.
func TestWatch(t *testing.T) {
	fs := vfs.NewMem()
	fs.SetCapacity(20 << 20)
	if err := fs.MkdirAll("d"); err != nil {
		t.Fatal(err)
	}
	var told []string
	w := New(fs, "d", func(err error) { told = append(told, err.Error()) }, func() { told = append(told, "room") })
	const kib = 1 << 10
	for i, step := range []struct {
		freeKiB int
		stalled bool
		full    bool
	}{
		{1024, false, false},
		{1023, false, true},
		{1100, false, true}, // a little more is used up at once
		{1279, false, true},
		{1280, false, false},
		{1024, false, false},
		{5000, true, true}, // the log knows better
		{5000, false, false},
		{10, true, true},
		{10, false, true}, // the log goes on, but not for long
		{19000, false, false},
	} {
		if err := fs.RemoveAll("d/other"); err != nil {
			t.Fatal(err)
		}
		f, err := fs.Create("d/other")
		if err == nil {
			_, err = f.Write(make([]byte, 20<<20-step.freeKiB*kib))
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if step.stalled {
			w.Stalled(syscall.ENOSPC)
		} else {
			w.Resumed()
		}
		w.Forget()
		err = w.Full()
		if (err != nil) != step.full || step.stalled && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("step %d: Full = %v, want %v", i, err, step.full)
		}
		if free, keep := w.Usage(); free != uint64(step.freeKiB*kib) || keep != 1<<20 {
			t.Errorf("step %d: %d free, %d kept", i, free, keep)
		}
	}
	if got := fmt.Sprint(len(told), strings.Count(fmt.Sprint(told), "room")); got != "6 3" || !strings.Contains(told[0], "0 MB are free where d is, 1 MB are kept free") {
		t.Errorf("told %q", told)
	}
}

// TestSeldomAsked: under load the file system is asked a few times a second.
func TestSeldomAsked(t *testing.T) {
	asked := 0
	fs := vfs.NewFault(vfs.NewMem(), vfs.Plan{Only: func(op, _ string) bool {
		if op == "diskusage" {
			asked++
		}
		return false
	}})
	w := New(fs, "", nil, nil)
	for range 10_000 {
		if err := w.Full(); err != nil {
			t.Fatal(err)
		}
	}
	if asked == 0 || asked > 100 {
		t.Errorf("asked %d times for 10,000 requests", asked)
	}
}

// TestSilentFileSystem: one that does not say how much is free has room.
func TestSilentFileSystem(t *testing.T) {
	fs := vfs.NewFault(vfs.NewMem(), vfs.Plan{FailAt: 1, Sticky: true, Err: syscall.ENOSYS})
	if err := New(fs, "", nil, nil).Full(); err != nil {
		t.Error(err)
	}
}
