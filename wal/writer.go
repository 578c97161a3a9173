package wal

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

// writer is what the log's goroutine alone knows.
type writer struct {
	file      vfs.File // nil until there is something to write
	sizeBytes int64    // of file
	name      string   // of file
	previous  uint64   // one after the last record before file
	spare     *group   // swapped with the gathering one
	// unsyncedSince is when the oldest record was written that is in file and not
	// synced; zero if there is none.
	unsyncedSince time.Time
	// torn is the file that was given up and is the only one: it stays until the next
	// one, which has its name, takes its place. "" if there is none.
	torn string
	// made says that this process made a file before.
	made bool
	// syncFailed says that records could not be synced, and that there is no trying
	// again, whatever the error.
	syncFailed bool

	// What the last commit tells about the load.
	committedAt time.Time
	expected    int // records that may come at once: those answered then, and those that waited already
}

// run is the log's goroutine.
func (l *Log) run() {
	defer close(l.stopped)
	l.writer.spare = &group{}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		err := l.serveRotation() // under full load gather finds no time for it
		more := true
		if err == nil {
			more, err = l.gather(timer)
		}
		if err == nil && more {
			err = l.commit(l.take())
		}
		if err != nil {
			l.fail(err)
			if errors.Is(err, ErrDiskFull) { // the log is closing; what it has written was acknowledged
				l.closeErr = errors.Join(l.syncAll(), l.closeFile())
			}
			return
		}
		if !more {
			l.closeErr = errors.Join(l.syncAll(), l.closeFile())
			return
		}
	}
}

// gather returns true when the gathering group is ripe, and false when there is
// none and the log is closing. In between it serves Rotate, and syncs when that is
// due.
//
// A record that comes to an idle log makes the group ripe. Under load, when the
// group before had several records, their senders are likely to come back at
// once: the group is ripe when as many have come as were answered, or when the
// window of its first record ends, whichever is first. So one sender alone never
// waits, n senders that wait for replies share one sync, and senders that left
// cost the others one window, once.
func (l *Log) gather(timer *time.Timer) (more bool, err error) {
	for {
		wait, syncs := l.untilSync()
		if syncs && wait <= 0 {
			if err := l.sync(); err != nil {
				return false, err
			}
			syncs = false
		}
		l.mu.Lock()
		g := l.gathering
		if g.records == 0 && l.closing {
			l.mu.Unlock()
			return false, nil
		}
		l.wakeAt = l.ripeAt(g)
		ripe := g.records > 0 && (g.records >= l.wakeAt || len(g.buf) >= groupBytes || g.taken != nil || l.closing)
		if g.records > 0 && !ripe { // never where a sync may be due: see ripeAt
			wait = time.Until(g.started.Add(l.cfg.Window))
			ripe = wait <= 0
		}
		var deadline <-chan time.Time
		if g.records > 0 && !ripe || syncs {
			timer.Reset(wait)
			deadline = timer.C
		}
		l.mu.Unlock()
		if ripe {
			return true, nil
		}
		select {
		case <-l.wake:
		case <-deadline:
		case reply := <-l.rotations:
			if err := l.rotate(reply); err != nil {
				return false, err
			}
		}
	}
}

// serveRotation serves one Rotate that waits, if any does.
func (l *Log) serveRotation() error {
	select {
	case reply := <-l.rotations:
		return l.rotate(reply)
	default:
		return nil
	}
}

// ripeAt is the number of records with which g is ripe: 1 where Append must wake
// the writer to look, when idle, and where there is no sync to share. l.mu is held.
func (l *Log) ripeAt(g *group) int {
	window := l.cfg.Window
	if g.records == 0 || window <= 0 || l.cfg.Sync != SyncAlways || g.started.Sub(l.writer.committedAt) > window {
		return 1
	}
	return max(1, l.writer.expected)
}

// untilSync returns in how long what was written is to be synced; false if nothing
// is.
func (l *Log) untilSync() (wait time.Duration, due bool) {
	if l.cfg.Sync != SyncInterval || l.writer.unsyncedSince.IsZero() {
		return 0, false
	}
	return time.Until(l.writer.unsyncedSince.Add(l.cfg.SyncEvery)), true
}

// sync makes durable what was written to the present file, if that is not.
func (l *Log) sync() error {
	w := &l.writer
	if w.unsyncedSince.IsZero() {
		return nil
	}
	if err := w.file.Sync(); err != nil {
		w.syncFailed = true
		return err
	}
	w.unsyncedSince = time.Time{}
	l.synced.Store(w.previous - 1)
	l.mu.Lock()
	l.unsyncedFrom = w.previous
	l.mu.Unlock()
	return nil
}

// take makes the gathering group the committing one.
func (l *Log) take() *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.gathering
	l.gathering, l.committing = l.writer.spare, g
	l.writer.spare = nil
	if g.taken != nil {
		close(g.taken)
		g.taken = nil
	}
	return g
}

// syncAll makes durable what was written, in this file and, where that was not done
// before each next one was made, in the others.
func (l *Log) syncAll() error {
	if l.cfg.Sync == SyncNever && !l.writer.unsyncedSince.IsZero() {
		l.mu.Lock()
		files := slices.Clone(l.files)
		l.mu.Unlock()
		for _, f := range files[:len(files)-1] {
			if err := syncFile(l.fsys, FilePath(l.dir, f.first)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return l.sync()
}

// commit makes a group durable, as Config.Sync says, and lets everybody know.
func (l *Log) commit(g *group) error {
	w := &l.writer
	var start time.Time
	for {
		start = time.Now()
		err := l.write(g)
		if err == nil {
			break
		}
		if !l.diskFull(err) {
			return err
		}
		if err := l.stall(err); err != nil {
			return err
		}
	}
	l.resume()
	info := SyncInfo{Records: g.records, SizeBytes: int64(len(g.buf))}
	w.sizeBytes += info.SizeBytes
	w.previous = g.first + uint64(g.records)
	if w.unsyncedSince.IsZero() {
		w.unsyncedSince = start
	}
	if wait, syncs := l.untilSync(); l.cfg.Sync == SyncAlways || syncs && wait <= 0 {
		if err := l.sync(); err != nil {
			return err
		}
		info.Synced = true
	}
	info.Took = time.Since(start)
	if l.cfg.OnDurable != nil {
		l.cfg.OnDurable(w.previous - 1)
	}
	l.publish(g)
	if l.cfg.Events.Synced != nil {
		l.cfg.Events.Synced(info)
	}
	return nil
}

// write writes a group to the present file, or to a new one. After an error the
// whole group may be written again: what is there of it in a file that was given up
// is outside of the numbers that the next file leaves to it.
func (l *Log) write(g *group) error {
	w := &l.writer
	if w.file == nil || w.sizeBytes > recordsOffset && w.sizeBytes >= l.cfg.SegmentBytes {
		if err := l.startFile(g.first); err != nil {
			return err
		}
	}
	n, err := w.file.Write(g.buf)
	if err == nil || !l.diskFull(err) {
		return err
	}
	if err := l.giveUpFile(g.first, int64(n)); err != nil {
		return err
	}
	return err
}

// giveUpFile ends the present file, at whose end torn bytes of a group are that
// begins with a record. If nothing else is in it, it goes, as the next file will
// have its name; but a log that has had a file is never without.
func (l *Log) giveUpFile(first uint64, torn int64) error {
	w := &l.writer
	if err := errors.Join(l.sync(), l.closeFile()); err != nil {
		return err
	}
	l.mu.Lock()
	last := &l.files[len(l.files)-1]
	last.sizeBytes = w.sizeBytes + torn
	empty, alone := last.first == first, len(l.files) == 1
	if empty && alone {
		l.files = l.files[:0]
		w.torn = FilePath(l.dir, first)
	}
	l.mu.Unlock()
	if !empty || alone {
		return nil
	}
	if err := l.fsys.Remove(FilePath(l.dir, first)); err != nil {
		return err
	}
	l.mu.Lock()
	l.files = l.files[:len(l.files)-1]
	l.mu.Unlock()
	return nil
}

// stall tells everybody that the disk is full and returns when it is time to try
// again, or with an error when the log is closing.
func (l *Log) stall(cause error) error {
	l.mu.Lock()
	closing := l.closing
	first := l.stalled == nil
	l.stalled = clew.Errorf(clew.Busy, "wal: %w, waiting for room: %w", ErrDiskFull, cause)
	err := l.stalled
	if first {
		close(l.stalls)
	}
	if taken := l.gathering.taken; taken != nil {
		close(taken) // there is room in the buffer, while it lasts
		l.gathering.taken = nil
	}
	l.mu.Unlock()
	if first && l.cfg.Events.Stalled != nil {
		l.cfg.Events.Stalled(err)
	}
	if closing {
		return err
	}
	again := time.NewTimer(fullRetry)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			return nil
		case reply := <-l.rotations:
			reply <- err
		case <-l.wake:
			l.mu.Lock()
			closing := l.closing
			l.mu.Unlock()
			if closing {
				return nil // the last try
			}
		}
	}
}

// resume ends a stall.
func (l *Log) resume() {
	l.mu.Lock()
	was := l.stalled
	if was != nil {
		l.stalled = nil
		l.stalls = make(chan struct{})
	}
	l.mu.Unlock()
	if was != nil && l.cfg.Events.Resumed != nil {
		l.cfg.Events.Resumed()
	}
}

// diskFull reports whether an error says that there is no room, which may change.
func (l *Log) diskFull(err error) bool {
	return !l.writer.syncFailed && vfs.NoRoom(err)
}

// publish wakes who waits for g and makes it the spare group.
func (l *Log) publish(g *group) {
	w := &l.writer
	w.committedAt = time.Now()
	done := g.done
	l.mu.Lock()
	l.durable.Store(w.previous - 1)
	l.files[len(l.files)-1].sizeBytes = w.sizeBytes
	l.files[len(l.files)-1].end = w.previous
	w.expected = g.records + l.gathering.records
	l.committing = nil
	w.spare = &group{buf: g.buf[:0]}
	if cap(g.buf) > max(keepBufferBytes, 2*l.cfg.BufferBytes) {
		w.spare.buf = nil
	}
	l.mu.Unlock()
	close(done)
}

// rotate starts a file for the next record, unless the present one is empty.
func (l *Log) rotate(reply chan<- error) error {
	l.mu.Lock()
	next, none := l.next, len(l.files) == 0
	if l.gathering.records > 0 {
		next = l.gathering.first
	}
	l.mu.Unlock()
	w := &l.writer
	if w.file == nil && none || w.file != nil && w.sizeBytes == recordsOffset {
		reply <- nil
		return nil
	}
	err := l.startFile(next)
	switch {
	case err == nil:
		reply <- nil
		return nil
	case l.diskFull(err): // the present file goes on
		reply <- clew.Errorf(clew.Busy, "wal: %w: %w", ErrDiskFull, err)
		return nil
	}
	reply <- l.fail(err)
	return err
}

// startFile ends the present file and makes the one whose first record will be
// first. Its header and its name are made durable: a record in it shall not depend
// on luck.
func (l *Log) startFile(first uint64) error {
	w := &l.writer
	h := header{marker: l.marker, first: first, previous: w.previous}
	if w.file != nil && l.cfg.Sync != SyncNever {
		if err := l.sync(); err != nil {
			return err
		}
	}
	switch {
	case w.made && l.cfg.Sync == SyncNever:
		h.flags = flagUnsynced
	case w.file != nil:
		h.flags = flagContinues
	default: // what is before was synced by Open or giveUpFile, and may end in what was not
	}
	if l.cfg.Sync != SyncAlways {
		h.flags |= flagLax
	}
	name := FilePath(l.dir, first)
	at := name
	if w.torn == name {
		at = name + besideSuffix
	}
	f, err := l.fsys.Create(at)
	if err != nil {
		return err
	}
	if err = l.writeHeader(f, h); err == nil && at != name {
		if err = l.fsys.Rename(at, name); err == nil {
			err = l.fsys.SyncDir(l.dir)
		}
	}
	if err == nil {
		err = l.closeFile()
	}
	if err != nil {
		f.Close()
		if l.diskFull(err) {
			_ = l.fsys.Remove(at) // where it stays, making it again fails, which says why
		}
		return err
	}
	w.torn = ""
	w.file, w.name, w.sizeBytes, w.made = f, name, recordsOffset, true
	l.mu.Lock()
	l.files = append(l.files, fileRange{first: first, end: first, sizeBytes: recordsOffset})
	l.mu.Unlock()
	if l.cfg.Events.Started != nil {
		l.cfg.Events.Started(name, first)
	}
	return nil
}

func (l *Log) writeHeader(f vfs.File, h header) error {
	if _, err := f.Write(appendHeader(nil, h)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return l.fsys.SyncDir(l.dir)
}

func (l *Log) closeFile() error {
	f := l.writer.file
	l.writer.file = nil
	if f == nil {
		return nil
	}
	return f.Close()
}

// fail breaks the log for good and wakes everybody. It returns the error that
// all get; a second call changes nothing.
func (l *Log) fail(cause error) error {
	l.mu.Lock()
	if l.broken != nil {
		defer l.mu.Unlock()
		return l.broken
	}
	l.broken = clew.Errorf(clew.Busy, "wal: the log takes no more until it is reopened: %w", cause)
	err := l.broken
	var waiting []chan struct{}
	for _, g := range []*group{l.committing, l.gathering} {
		if g == nil {
			continue
		}
		for _, c := range []chan struct{}{g.done, g.taken} {
			if c != nil {
				waiting = append(waiting, c)
			}
		}
		g.buf = nil
	}
	l.mu.Unlock()
	if l.cfg.Events.Failed != nil && !errors.Is(cause, ErrDiskFull) { // that is the log's end, not its fault
		l.cfg.Events.Failed(err)
	}
	for _, c := range waiting {
		close(c)
	}
	_ = l.closeFile() // what it may say is less than what is known
	return err
}
