package wal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

var (
	// ErrClosed is found by errors.Is in what Append and Rotate return after
	// Close.
	ErrClosed = errors.New("log is closed")
	// ErrFull is found by errors.Is in what TryAppend returns while the buffer
	// is full.
	ErrFull = errors.New("buffer is full")
	// ErrDiskFull is found by errors.Is in what Wait and Rotate return while the disk
	// is full.
	ErrDiskFull = errors.New("the disk is full")
)

// Log takes records. Its methods may be called from several goroutines.
//
// Life of a record: Append copies it into the gathering group, under mu, and
// returns its number. The writer, the log's one goroutine, swaps the gathering
// group for the spare one, writes it with one call, syncs, tells OnDurable,
// raises durable, and closes the group's channel, on which all of its Waits
// hang. Meanwhile the next group gathers.
//
//	Append ──► gathering ──swap──► committing: write, sync ──► OnDurable ──► Wait
//
// Below SyncAlways a write is not followed by a sync; with SyncInterval the writer
// syncs when the oldest unsynced record is SyncEvery old, between two writes.
// While it does, records gather: their senders wait for one sync a second, which
// is simpler than a second goroutine and bounds how much is unsynced on a slow
// disk.
//
// Two things hold always: every record below the first of the gathering group is
// in a file or in the committing group; and a record is written only after all
// before the first of its group (see recordHead.groupFirst) were synced, which is
// what lets a reader tell a torn write from damage.
//
// A sync that fails breaks the log for good. The kernel may have dropped the
// bytes and forgotten the error, so a second try could report success for what
// is gone; the only truth left is what Replay finds.
//
// A write that finds the disk full does not: nothing that was written before is in
// doubt. The log stalls. The group stays, and is written to a new file once there is
// room; what is torn at the end of the old one lies outside of the numbers that the
// new one leaves to it. Meanwhile Wait says so at once. Append goes on to take
// records, beyond the buffer: they are of callers who were on their way, and each
// learns by its Wait, or by Events.Stalled, that it is time to stop.
//
// A channel for each record would be simpler, and an allocation and a wake-up
// each; one channel for each group wakes all of its waiters at once.
type Log struct {
	fsys vfs.FS
	dir  string
	cfg  Config // with defaults filled in
	// marker begins the records of all files of this Log. It is one for all, as
	// Append cannot know in which file its record will be; numbers tell them apart.
	marker marker

	durable atomic.Uint64 // confirmed up to here
	synced  atomic.Uint64 // up to here synced, too

	mu         sync.Mutex // guards all in this block; never held across I/O or callbacks
	next       uint64     // number of the next record
	gathering  *group
	committing *group // nil while the writer has none
	wakeAt     int    // records in gathering at which Append wakes the writer
	// unsyncedFrom is, below SyncAlways, the number from which on records may not
	// be synced.
	unsyncedFrom uint64
	closing      bool
	broken       error         // why the log takes no more
	stalled      error         // why it takes nothing for the moment
	stalls       chan struct{} // closed while it is stalled
	files        []fileRange

	truncating sync.Mutex // held by TruncateBefore, across its I/O; taken before mu
	removed    bool       // a file was, and the folder is not synced since; truncating guards it

	wake      chan struct{}   // capacity 1: there may be something to do
	rotations chan chan error // Rotate's requests
	stopped   chan struct{}   // closed when the writer is gone
	closeErr  error           // of the last file; written before stopped is closed

	writer writer // the goroutine's own; nobody else touches it
}

// group is records that share a write, and with SyncAlways a sync.
type group struct {
	buf     []byte // the records as they go to disk
	first   uint64 // number of the first record
	records int
	started time.Time     // when the first record came
	done    chan struct{} // closed when the outcome is known; made with the first record
	taken   chan struct{} // closed when the writer takes the group; nil if nobody waits for that
}

// fileRange is a file and the numbers it may hold, [first, end).
type fileRange struct {
	first, end uint64
	sizeBytes  int64
}

// Open opens the log in dir, which it makes if needed, for appending, and starts
// a goroutine that Close ends. New records go to a new file, made when the first
// of them comes; what is there stays as it is and is for Replay.
//
// The caller makes sure that no other Log, here or in another process, has the
// same directory.
func Open(fsys vfs.FS, dir string, cfg Config) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, err
	}
	files, err := listFiles(fsys, dir)
	if err != nil {
		return nil, err
	}
	l := &Log{
		fsys: fsys, dir: dir, cfg: cfg.withDefaults(),
		gathering: &group{},
		wakeAt:    1,
		stalls:    make(chan struct{}),
		wake:      make(chan struct{}, 1),
		rotations: make(chan chan error),
		stopped:   make(chan struct{}),
	}
	end := uint64(1) // one after the last record that is there
	for i := range files {
		f := &files[i]
		fileEnd := f.nameFirst
		if !f.stillborn() {
			if fileEnd, err = endOf(fsys, files, i); err != nil {
				return nil, err
			}
			end = fileEnd
		}
		l.files = append(l.files, fileRange{first: f.nameFirst, end: fileEnd, sizeBytes: f.sizeBytes})
	}
	l.next = max(end, cfg.MinNextSeq)
	if n := len(files); n > 0 && l.next <= files[n-1].nameFirst {
		l.next = files[n-1].nameFirst + 1 // that file holds no record, but has the name
	}
	if err := syncFiles(fsys, dir, files); err != nil {
		return nil, err
	}
	l.durable.Store(l.next - 1)
	l.synced.Store(l.next - 1)
	l.unsyncedFrom = l.next
	l.writer = writer{previous: end}
	if _, err := io.ReadFull(l.cfg.Rand, l.marker[:]); err != nil {
		return nil, fmt.Errorf("wal: open %s: draw a marker: %w", dir, err)
	}
	go l.run()
	return l, nil
}

// syncFiles makes durable what an earlier process left in the files of a log: their
// records were read, and whoever replayed them may confirm them.
func syncFiles(fsys vfs.FS, dir string, files []logFile) error {
	if len(files) == 0 {
		return nil
	}
	for i := range files {
		if err := syncFile(fsys, files[i].name); err != nil {
			return err
		}
	}
	return fsys.SyncDir(dir)
}

func syncFile(fsys vfs.FS, name string) error {
	f, err := fsys.OpenAppend(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// endOf returns one after the last record of files[i]; for the last file that
// takes reading it.
func endOf(fsys vfs.FS, files []logFile, i int) (uint64, error) {
	if after := following(files, i); after != nil {
		end, _ := files[i].end(after)
		return end, nil
	}
	r := replay{fsys: fsys, fn: func(uint64, []byte) error { return nil }}
	err := r.file(&files[i], nil)
	return r.report.Next, err
}

func (c Config) withDefaults() Config {
	if c.Window == 0 {
		c.Window = DefaultWindow
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = DefaultSegmentBytes
	}
	if c.MaxRecordBytes == 0 {
		c.MaxRecordBytes = DefaultMaxRecordBytes
	}
	if c.BufferBytes == 0 {
		c.BufferBytes = DefaultBufferBytes
	}
	if c.SyncEvery == 0 {
		c.SyncEvery = DefaultSyncEvery
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return c
}

// Append copies a record, the parts one after the other, into the log and
// returns its number. It is not durable before Wait says so. Records are
// replayed in the order of their numbers.
//
// Append blocks while the buffer is full, until a group was written or ctx ends;
// so no lock may be held across it that OnDurable takes. Its errors: TooLarge
// for a record above Config.MaxRecordBytes; Canceled if ctx ended; Busy once the
// log is closed or broken. After an error nothing was logged.
func (l *Log) Append(ctx context.Context, parts ...[]byte) (seq uint64, err error) {
	for {
		seq, taken, err := l.append(parts)
		if taken == nil {
			return seq, err
		}
		l.wakeWriter()
		select {
		case <-taken:
		case <-ctx.Done():
			return 0, clew.Errorf(clew.Canceled, "wal: append: %w", ctx.Err())
		}
	}
}

// TryAppend is Append that never blocks: while the buffer is full its error is
// ErrFull, of kind Busy. It may be called under a lock that OnDurable takes.
func (l *Log) TryAppend(parts ...[]byte) (seq uint64, err error) {
	seq, taken, err := l.append(parts)
	if taken != nil {
		l.wakeWriter()
		return 0, clew.Errorf(clew.Busy, "wal: %w: %d bytes wait for the disk", ErrFull, l.cfg.BufferBytes)
	}
	return seq, err
}

// append is Append, but while the buffer is full it returns a channel that is
// closed when it has room again.
func (l *Log) append(parts [][]byte) (seq uint64, taken <-chan struct{}, err error) {
	size, sum := 0, uint32(0)
	for _, p := range parts {
		size += len(p)
		sum = crc32.Update(sum, castagnoli, p)
	}
	if size > l.cfg.MaxRecordBytes {
		return 0, nil, clew.Errorf(clew.TooLarge, "wal: record of %d bytes, want at most %d", size, l.cfg.MaxRecordBytes)
	}
	l.mu.Lock()
	if err := l.refusal(); err != nil {
		l.mu.Unlock()
		return 0, nil, err
	}
	g := l.gathering
	if l.stalled == nil && !g.fits(size, l.cfg.BufferBytes) {
		taken := g.whenTaken()
		l.mu.Unlock()
		return 0, taken, nil
	}
	seq = l.next
	l.next++
	if g.records == 0 {
		g.first, g.started, g.done = seq, time.Now(), make(chan struct{})
	}
	g.add(recordHead{marker: l.marker, payloadSize: uint32(size), ordinal: l.ordinal(seq), seq: seq}, sum, parts)
	ripe := g.records >= l.wakeAt || len(g.buf) >= groupBytes
	l.mu.Unlock()
	if ripe {
		l.wakeWriter()
	}
	return seq, nil, nil
}

// fits reports whether g takes a payload of size bytes more; an empty group
// takes any.
func (g *group) fits(size, limit int) bool {
	return g.records == 0 || len(g.buf)+recordHeadBytes+size <= limit
}

// whenTaken returns a channel that is closed when the writer takes g.
func (g *group) whenTaken() <-chan struct{} {
	if g.taken == nil {
		g.taken = make(chan struct{})
	}
	return g.taken
}

// ordinal is the place of a record of the gathering group among those that are not
// known to be synced when it is written; l.mu is held. A number too large for the
// field says less than is true of records some four billion before: those are in
// another file, where nobody asks.
func (l *Log) ordinal(seq uint64) uint32 {
	if l.cfg.Sync == SyncAlways {
		return uint32(l.gathering.records)
	}
	return uint32(min(seq-l.unsyncedFrom, math.MaxUint32))
}

// add appends a record to g.
func (g *group) add(h recordHead, payloadSum uint32, parts [][]byte) {
	g.buf = appendRecordHead(g.buf, h, payloadSum)
	for _, p := range parts {
		g.buf = append(g.buf, p...)
	}
	g.records++
}

// Wait returns nil once the record is durable and OnDurable was told. Numbers
// from before Open are durable.
//
// Its errors: Canceled if ctx ended first; Invalid for a number that was never
// given; Busy if the log broke, and then the record may or may not come back in
// a replay; Busy around ErrDiskFull while the log is stalled, and then the record
// is written when there is room, and Wait may be called again.
func (l *Log) Wait(ctx context.Context, seq uint64) error {
	if seq <= l.durable.Load() {
		return nil
	}
	for {
		done, stalls, err := l.outcome(seq)
		if done == nil {
			return err
		}
		select {
		case <-done:
		case <-stalls:
		case <-ctx.Done():
			return clew.Errorf(clew.Canceled, "wal: wait: %w", ctx.Err())
		}
	}
}

// outcome returns the channel that is closed when the outcome of seq is known, and
// the one that is when the log stalls; or nil and the outcome.
func (l *Log) outcome(seq uint64) (done, stalls <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case seq <= l.durable.Load():
		return nil, nil, nil
	case seq >= l.next:
		return nil, nil, clew.Errorf(clew.Invalid, "wal: wait for record %d, but the last is %d", seq, l.next-1)
	case l.broken != nil:
		return nil, nil, l.broken
	case l.stalled != nil:
		return nil, nil, l.stalled
	case l.gathering.records > 0 && seq >= l.gathering.first:
		return l.gathering.done, l.stalls, nil
	}
	return l.committing.done, l.stalls, nil
}

// Durable returns the number up to which all records are durable, as Config.Sync
// says.
func (l *Log) Durable() uint64 { return l.durable.Load() }

// Synced returns the number up to which all records were synced. Below SyncAlways
// it lags behind Durable; with SyncNever it is where it was at Open, until Close.
func (l *Log) Synced() uint64 { return l.synced.Load() }

// Err returns why the log is broken, of kind Busy around the cause, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// refusal is why no record is taken; l.mu is held.
func (l *Log) refusal() error {
	switch {
	case l.broken != nil:
		return l.broken
	case l.closing:
		return clew.Errorf(clew.Busy, "wal: %w", ErrClosed)
	}
	return nil
}

// Rotate makes the next record begin a new file, so that TruncateBefore can
// remove the present one. Without records in the present file it does nothing.
// An error breaks the log, unless it is one around ErrDiskFull.
func (l *Log) Rotate() error {
	reply := make(chan error, 1)
	select {
	case l.rotations <- reply:
		return <-reply
	case <-l.stopped:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.refusal()
	}
}

// TruncateBefore removes the files all of whose records are below seq, oldest
// first. The newest file always stays. An error leaves the rest of the files for
// the next call; the log goes on.
//
// Each removal is durable before the next: a power cut that takes the second of two and
// not the first would leave a hole, which is damage.
func (l *Log) TruncateBefore(seq uint64) error {
	l.truncating.Lock()
	defer l.truncating.Unlock()
	for {
		if l.removed {
			if err := l.fsys.SyncDir(l.dir); err != nil {
				return err
			}
			l.removed = false
		}
		first, ok := l.oldestBefore(seq)
		if !ok {
			return nil
		}
		if err := l.fsys.Remove(FilePath(l.dir, first)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		l.removed = true
		l.forget(first)
	}
}

// oldestBefore returns the oldest file if all of its records are below seq.
func (l *Log) oldestBefore(seq uint64) (first uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.files) < 2 || l.files[0].end > seq {
		return 0, false
	}
	return l.files[0].first, true
}

// forget drops the oldest file from the list, if it is the one of that name.
func (l *Log) forget(first uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files[0].first == first {
		l.files = l.files[1:]
	}
}

// SizeBytes returns the size of all files of the log.
func (l *Log) SizeBytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sum int64
	for _, f := range l.files {
		sum += f.sizeBytes
	}
	return sum
}

// Close writes and syncs, at every level, what is pending, wakes all who wait, and returns when
// the log's goroutine is gone. It returns the log's error if it is broken. A
// second Close returns the same.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.wakeWriter()
	<-l.stopped
	if err := l.Err(); err != nil && (l.closeErr == nil || !errors.Is(err, ErrDiskFull)) {
		return err
	}
	return l.closeErr
}

func (l *Log) wakeWriter() {
	select {
	case l.wake <- struct{}{}:
	default: // it will look anyway
	}
}
