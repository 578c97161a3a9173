// Package space knows whether there is room on a disk. A store stops taking things
// before it is used up, so that what it took can still be put in order, and goes on
// by itself when there is room again.
package space

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clew-tracing/clew/vfs"
)

// keepBytes is what is kept free on the disk, or a keepShare-th of a small one: room
// for the heads in memory to be sealed, for a merge, for the manifest. The log takes
// nothing while there is less, so that it does not meet the end of the disk.
const (
	keepBytes = 128 << 20
	keepShare = 20
)

// lookEvery is how often the file system is asked for its free space under load. At
// 40 MB of log a second a quarter of a second is 10 MB.
const lookEvery = 250 * time.Millisecond

// A Watch watches the disk that a folder is on. Two tell it: the file system, which is
// asked for its free space, and a log, which may meet the end of the disk all the same
// when others fill it. It is safe for concurrent use.
type Watch struct {
	fs   vfs.FS
	dir  string
	full func(error) // nil, or told when there is no room
	room func()      // nil, or told when there is again

	began    time.Time
	lookedAt atomic.Int64 // nanoseconds after began; 0 is never
	is       atomic.Pointer[error]

	mu         sync.Mutex // guards all below, and is held while the functions are told
	free, keep uint64     // bytes, when last looked
	stalled    error      // what the log met
}

// New returns the watch over the disk of a folder. Both functions may be nil; they
// must be quick, and must not call the Watch.
func New(fs vfs.FS, dir string, full func(error), room func()) *Watch {
	return &Watch{fs: fs, dir: dir, full: full, room: room, began: time.Now()}
}

// Full returns why there is no room, nil if there is. It asks the file system unless
// that was done a moment ago. One that does not say is taken to have room.
func (w *Watch) Full() error {
	w.look()
	if err := w.is.Load(); err != nil {
		return *err
	}
	return nil
}

// Usage returns how many bytes were free when the file system was last asked, and how
// many are kept free.
func (w *Watch) Usage() (free, keep uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.free, w.keep
}

// Stalled says that a log met the end of the disk, Resumed that it goes on.
func (w *Watch) Stalled(err error) { w.note(err) }

// Resumed ends Stalled.
func (w *Watch) Resumed() { w.note(nil) }

func (w *Watch) note(stalled error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stalled = stalled
	w.settle()
}

// Forget has the file system asked at once, the next time.
func (w *Watch) Forget() { w.lookedAt.Store(0) }

func (w *Watch) look() {
	now := max(1, int64(time.Since(w.began)))
	last := w.lookedAt.Load()
	if last != 0 && now-last < int64(lookEvery) || !w.lookedAt.CompareAndSwap(last, now) {
		return
	}
	total, free, err := w.fs.DiskUsage(w.dir)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free, w.keep = free, min(keepBytes, total/keepShare)
	w.settle()
}

// settle says whether the disk is full, and tells when that changes. Once full, it
// needs a quarter more than what is kept free, so that it does not change with every
// file. mu is held.
func (w *Watch) settle() {
	was := w.is.Load()
	keep := w.keep
	if was != nil {
		keep += keep / 4
	}
	var is *error
	switch {
	case w.stalled != nil:
		err := fmt.Errorf("the disk is full: %w", w.stalled)
		is = &err
	case w.free < keep:
		err := fmt.Errorf("the disk is full: %d MB are free where %s is, %d MB are kept free", w.free>>20, w.dir, w.keep>>20)
		is = &err
	}
	w.is.Store(is)
	switch {
	case was == nil && is != nil && w.full != nil:
		w.full(*is)
	case was != nil && is == nil && w.room != nil:
		w.room()
	}
}
