package spandb

import (
	"cmp"
	"path"
	"slices"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
)

// Limits are what a store keeps at most, as in Config.
type Limits struct {
	Retention time.Duration
	MaxBytes  int64
}

// logFileSize is the size of the log's files in a store that may have so many bytes.
func logFileSize(maxBytes int64) int64 {
	if maxBytes == 0 {
		return logFileBytes
	}
	return min(logFileBytes, max(leastLogFile, maxBytes/logFileShare))
}

// SetLimits replaces the limits of an open store. What the new ones do not allow
// goes within backgroundTick.
func (db *DB) SetLimits(l Limits) {
	logLimit := int64(maxLogBytes)
	if l.MaxBytes > 0 {
		logLimit = min(maxLogBytes, max(l.MaxBytes/4, 4*db.logFile))
	}
	db.limits.Store(&l)
	db.logLimit.Store(logLimit)
}

// retain removes segments that are too old, then the oldest while the store is
// too large. A segment is as old as its newest row.
func (db *DB) retain() {
	limits := db.limits.Load()
	if limits.Retention > 0 {
		limit := uint64(clew.FromTime(db.cfg.Now().Add(-limits.Retention)))
		db.drop("age", func(all []*storedSegment) []*storedSegment {
			n := 0
			for _, s := range all {
				if s.MaxArrival < limit {
					all[n] = s
					n++
				}
			}
			return all[:n]
		})
	}
	if limits.MaxBytes == 0 {
		return
	}
	// The log's next file is counted before it is there, as far as it is a small part.
	most := limits.MaxBytes - min(db.logFile, limits.MaxBytes/logFileShare)
	total := db.diskBytes()
	if total <= most {
		return
	}
	db.drop("size", func(all []*storedSegment) []*storedSegment {
		slices.SortFunc(all, func(a, b *storedSegment) int {
			return cmp.Or(cmp.Compare(a.MaxArrival, b.MaxArrival), cmp.Compare(a.ID, b.ID))
		})
		n := 0
		for n < len(all) && total > most {
			total -= int64(all[n].Size)
			n++
		}
		return all[:n]
	})
}

// diskBytes is Stats.DiskBytes, also while the log is still being replayed.
func (db *DB) diskBytes() (sum int64) {
	for _, t := range db.allTenants() {
		t.mu.Lock()
		for _, s := range t.list.segs {
			sum += int64(s.Size)
		}
		t.mu.Unlock()
	}
	sum += db.traces.SizeBytes()
	if db.log != nil {
		return sum + db.log.SizeBytes()
	}
	dir := path.Join(db.dir, folder.LogDir)
	names, _ := db.fs.List(dir)
	for _, n := range names {
		if info, err := db.fs.Stat(path.Join(dir, n)); err == nil {
			sum += info.SizeBytes
		}
	}
	return sum
}

// drop removes the segments that choose picks.
func (db *DB) drop(reason string, choose func(all []*storedSegment) []*storedSegment) {
	db.listing.Lock()
	defer db.listing.Unlock()
	var all []*storedSegment
	tenants := db.allTenants()
	for _, t := range tenants {
		t.mu.Lock()
		all = append(all, t.list.segs...)
		t.mu.Unlock()
	}
	tenantsOfGone := make(map[clew.Tenant]bool)
	info := DropInfo{Reason: reason}
	var e folder.Edit
	gone := choose(all)
	for _, s := range gone {
		tenantsOfGone[s.Tenant] = true
		e.Remove = append(e.Remove, s.ID)
		info.Segments++
		info.Rows += int64(s.Rows)
		info.SizeBytes += int64(s.Size)
	}
	if len(gone) == 0 {
		return
	}
	if db.commit(e) != nil {
		return
	}
	for _, s := range gone {
		s.dropped.Store(true)
	}
	for _, t := range tenants {
		if !tenantsOfGone[t.name] {
			continue
		}
		t.mu.Lock()
		finished := t.relist(func(s *storedSegment) bool { return s.dropped.Load() })
		t.mu.Unlock()
		db.finish(finished)
	}
	db.stats.droppedRows.Add(info.Rows)
	db.stats.droppedSegments.Add(int64(info.Segments))
	if db.cfg.Events.Dropped != nil {
		db.cfg.Events.Dropped(info)
	}
}
