// Package wal is a log of opaque records, cut into files, written by group
// commit: what was acknowledged is on disk, and comes back in order.
//
// A log is a directory of files named for their first sequence number, sixteen
// hex digits and ".wal". A file is a header, kept twice because without it
// nothing in the file can be read, and records back to back:
//
//	offset   size  field
//	0        4096  header
//	4096     4096  the same again
//	8192           records
//
//	header   size  field
//	0           8  magic, "clew wal"
//	8           4  format version, 1
//	12          4  flags: 1 continues, 2 lax, 4 unsynced (below)
//	16          8  marker: random, drawn each time the log is opened
//	24          8  first: number of the first record of this file
//	32          8  previous: number after the last record of the file before
//	40       4052  zeros
//	4092        4  crc32c of all before it
//
//	record   size  field
//	0           8  marker of the file
//	8           4  size of the payload
//	12          4  ordinal: how many records precede it in its group (below)
//	16          8  sequence number
//	24          4  crc32c of the payload, then of the 24 bytes before this field
//	28             payload
//
// All integers are little-endian. docs/format/wal.md has an example with every
// byte and says why each field is there.
//
// Records are numbered from 1 without gaps within a process; a number that
// was synced is never given again.
//
// # Groups and levels
//
// A group is what one sync made durable together. A record's ordinal says where
// its group begins: all records before that were synced before this one was
// written. When somebody is told of a record is the level, SyncPolicy:
//
//	SyncAlways    after the sync of its group, which is one write
//	SyncInterval  after its write; a group is all that was written since the
//	              sync before, and ends at most SyncEvery after it began
//	SyncNever     after its write; all that a process wrote is one group
//
// A file that says lax was written at one of the latter two.
//
// # Damage
//
// Whatever is wrong in the last group of the last file was never synced: it is
// the trace of a power cut, and is counted as torn bytes. With SyncAlways nobody
// had been told of it. In a lax file somebody may have been: that is what these
// levels give away, and Report.LostRecords counts what is known of it. Anything
// wrong before that is damage. A reader then looks for the next marker, goes on
// there, and reports the file, the offset and the numbers of the records that are
// gone. Nobody outside knows the marker, so no payload can pass itself off as a
// record.
//
// A file is synced, whole, before the next is made, which says so by continues;
// with SyncNever it is not, and the next says unsynced. Headers and names are
// synced at every level, before the first record is written: they cost a sync per
// file, and without them nothing could be told apart. So is what an earlier
// process left, when a log is opened: its records were read, and may be answered
// for by whoever replayed them.
//
// This package does not know what is in a record.
package wal

import (
	"fmt"
	"io"
	"time"

	"github.com/clew-tracing/clew"
)

// SyncPolicy says what "durable" means.
type SyncPolicy uint8

const (
	// SyncAlways syncs each group to disk: what Wait confirms survives a power
	// cut.
	SyncAlways SyncPolicy = iota
	// SyncInterval syncs at least every Config.SyncEvery while there is something
	// to sync: what Wait confirmed survives the end of the process at once, and a
	// power cut once a sync has come after it.
	SyncInterval
	// SyncNever leaves it to the operating system when bytes reach the disk:
	// what Wait confirms survives the end of the process, not of the machine.
	SyncNever
)

// String returns the name of the level, as users write it.
func (p SyncPolicy) String() string {
	switch p {
	case SyncAlways:
		return "sync"
	case SyncInterval:
		return "interval"
	case SyncNever:
		return "os"
	}
	return fmt.Sprintf("SyncPolicy(%d)", uint8(p))
}

// ParseSyncPolicy is the inverse of String.
func ParseSyncPolicy(name string) (SyncPolicy, error) {
	for p := SyncAlways; p <= SyncNever; p++ {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, clew.Errorf(clew.Invalid, "durability %q: want sync, interval or os", name)
}

// Config is how a log behaves. The zero value is a good one.
type Config struct {
	// Window is how long a record may wait for others to share its sync while
	// there is load; a record that comes to an idle log is written at once, and so
	// is each where a write is not followed by a sync. 0 is DefaultWindow, negative
	// is no waiting ever, MaxWindow is the most.
	Window time.Duration

	// SegmentBytes is the size at which a file is followed by the next; the
	// group that reaches it is still written to it. 0 is DefaultSegmentBytes.
	SegmentBytes int64

	// MaxRecordBytes is the largest payload Append takes. 0 is
	// DefaultMaxRecordBytes, FormatMaxRecordBytes is the most.
	MaxRecordBytes int

	// BufferBytes is how many bytes of records may wait while a group is being
	// written; beyond it Append blocks. A single larger record is taken alone.
	// A log holds two such buffers. 0 is DefaultBufferBytes.
	BufferBytes int

	// MinNextSeq is the least number the next record may get. A caller that
	// remembers numbers elsewhere passes one more than the highest of them, so
	// that none comes twice even if the directory was emptied.
	MinNextSeq uint64

	// Sync says when records count as durable.
	Sync SyncPolicy

	// SyncEvery is, with SyncInterval, how old the oldest record that was confirmed
	// and not synced may grow before a sync begins. 0 is DefaultSyncEvery,
	// MinSyncEvery and MaxSyncEvery are the bounds.
	SyncEvery time.Duration

	// OnDurable, if not nil, is told the number up to which all records are
	// durable: after each sync, before Durable and Wait know. It runs in the
	// log's goroutine, one call at a time, with rising numbers; it must be quick
	// and must not wait for anybody who may be in Append (see TryAppend). This is where a store
	// makes rows visible, so that an acknowledged row can be queried.
	OnDurable func(upTo uint64)

	// Events reports what the log does. Its functions run in the log's
	// goroutine and must be quick.
	Events Events

	// Rand gives the files' markers; nil is crypto/rand.Reader. Only tests that
	// want equal bytes set it.
	Rand io.Reader
}

// Events are functions that the log calls; each may be nil.
type Events struct {
	// Synced comes after each write of records, once their waiters were woken.
	Synced func(SyncInfo)
	// Started comes when a file was made, with its name and the number of its first
	// record, before that is written.
	Started func(name string, first uint64)
	// Failed comes once, when the log breaks, before its waiters are woken.
	Failed func(error)
	// Stalled comes when the disk is full, Resumed when there is room again.
	Stalled func(error)
	Resumed func()
}

// SyncInfo describes one group.
type SyncInfo struct {
	Records   int
	SizeBytes int64         // on disk, with record headers
	Took      time.Duration // of write and, if it was synced, sync together
	Synced    bool          // before its waiters were woken
}

// Validate reports the first field that is out of range, as kind Invalid.
func (c Config) Validate() error {
	switch {
	case c.Window > MaxWindow:
		return clew.Errorf(clew.Invalid, "wal: Window %v, want at most %v", c.Window, MaxWindow)
	case c.SegmentBytes < 0 || c.SegmentBytes > maxSegmentBytes:
		return clew.Errorf(clew.Invalid, "wal: SegmentBytes %d, want 0 to %d", c.SegmentBytes, int64(maxSegmentBytes))
	case c.MaxRecordBytes < 0 || c.MaxRecordBytes > FormatMaxRecordBytes:
		return clew.Errorf(clew.Invalid, "wal: MaxRecordBytes %d, want 0 to %d", c.MaxRecordBytes, FormatMaxRecordBytes)
	case c.BufferBytes < 0 || c.BufferBytes > maxBufferBytes:
		return clew.Errorf(clew.Invalid, "wal: BufferBytes %d, want 0 to %d", c.BufferBytes, maxBufferBytes)
	case c.Sync > SyncNever:
		return clew.Errorf(clew.Invalid, "wal: Sync %d, want SyncAlways, SyncInterval or SyncNever", c.Sync)
	case c.SyncEvery != 0 && (c.SyncEvery < MinSyncEvery || c.SyncEvery > MaxSyncEvery):
		return clew.Errorf(clew.Invalid, "wal: SyncEvery %v, want %v to %v", c.SyncEvery, MinSyncEvery, MaxSyncEvery)
	}
	return nil
}
