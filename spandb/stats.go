package spandb

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/wal"
)

// counters are counted since Open.
type counters struct {
	accepted, refused, resent, busy atomic.Int64
	damages, lostSegments, replayed atomic.Int64
	droppedRows, droppedSegments    atomic.Int64
	merges, mergedRows, duplicates  atomic.Int64
	forgotten, lostRecords          atomic.Int64
	trouble                         atomic.Pointer[error]
}

// Stats is the state of a store at one moment.
type Stats struct {
	Tenants     int
	Segments    int
	SegmentRows int64
	HeadRows    int64 // in memory and in the log
	// SegmentBytes and LogBytes are on disk; DiskBytes is their sum and that of the
	// index of traces.
	SegmentBytes, LogBytes, DiskBytes int64
	// OldestArrival is when the oldest row came; zero where there is none.
	OldestArrival time.Time
	// Since Open:
	Accepted, Refused, Resent, Busy int64 // spans, spans, records, records
	Replayed                        int64 // log records
	DroppedRows, DroppedSegments    int64
	// Merges, the rows of the segments they made, and the rows they left out because
	// they equalled others.
	Merges, MergedRows, DuplicateRows int64
	// Damages are the places of damage that were met, Damage the latest of them.
	Damages, LostSegments int64
	Damage                error
	// ForgottenResends counts records whose resend would not be known although
	// they came less than resend.Window ago: there were too many.
	ForgottenResends int64
	// Trouble is what failed last and is being tried again; nil once a segment
	// could be written.
	Trouble error
	// Failed is why the store is read-only until it is opened again; nil while it is
	// not.
	Failed error
	// Full is why it accepts nothing until there is room on the disk, of which
	// FreeBytes are free and KeepFreeBytes kept free.
	Full                     error
	FreeBytes, KeepFreeBytes uint64
	// LostRecords is how many log records Open knew to be missing although they may
	// have been acknowledged: a durability below wal.SyncAlways allows it.
	LostRecords int64
	// UnsyncedRecords is how many records were acknowledged and a power cut may take.
	UnsyncedRecords int64
	Durability      wal.SyncPolicy
	SyncEvery       time.Duration // with wal.SyncInterval
	// Retention and MaxBytes are the limits in force.
	Retention time.Duration
	MaxBytes  int64
}

// Stats returns the state of the store.
func (db *DB) Stats() Stats {
	s := Stats{
		Accepted: db.stats.accepted.Load(), Refused: db.stats.refused.Load(), Resent: db.stats.resent.Load(),
		Busy: db.stats.busy.Load(), Replayed: db.stats.replayed.Load(), DroppedRows: db.stats.droppedRows.Load(),
		DroppedSegments: db.stats.droppedSegments.Load(), Damages: db.stats.damages.Load(),
		LostSegments: db.stats.lostSegments.Load(), Damage: db.damage.Latest(),
	}
	limits := db.limits.Load()
	s.Retention, s.MaxBytes = limits.Retention, limits.MaxBytes
	s.Merges, s.MergedRows, s.DuplicateRows = db.stats.merges.Load(), db.stats.mergedRows.Load(), db.stats.duplicates.Load()
	s.ForgottenResends, s.LostRecords = db.stats.forgotten.Load(), db.stats.lostRecords.Load()
	if s.Durability = db.cfg.Durability; s.Durability == wal.SyncInterval {
		s.SyncEvery = cmp.Or(db.cfg.SyncEvery, wal.DefaultSyncEvery)
	}
	synced := db.log.Synced() // first, as it is the lesser
	s.UnsyncedRecords = int64(db.log.Durable()) - int64(synced)
	if err := db.stats.trouble.Load(); err != nil {
		s.Trouble = *err
	}
	if err := db.failed.Load(); err != nil {
		s.Failed = *err
	}
	s.Full = db.space.Full()
	s.FreeBytes, s.KeepFreeBytes = db.space.Usage()
	oldest := ^uint64(0)
	for _, t := range db.allTenants() {
		t.mu.Lock()
		s.Tenants++
		for _, seg := range t.list.segs {
			s.Segments++
			s.SegmentRows += int64(seg.Rows)
			s.SegmentBytes += int64(seg.Size)
			oldest = min(oldest, seg.MinArrival)
		}
		for _, h := range t.sealing {
			s.HeadRows += int64(h.published)
			oldest = min(oldest, h.minArrival)
		}
		if h := t.active; h != nil {
			s.HeadRows += int64(h.published)
			oldest = min(oldest, h.minArrival)
		}
		t.mu.Unlock()
	}
	if oldest != ^uint64(0) {
		s.OldestArrival = clew.UnixNanos(oldest).Time()
	}
	s.LogBytes = db.log.SizeBytes()
	s.DiskBytes = s.SegmentBytes + s.LogBytes + db.traces.SizeBytes()
	return s
}
