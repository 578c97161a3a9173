package spandb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// commit makes an edit of the manifest. An error of kind Busy says that the disk is
// full, and that it may be tried again; any other, that the store can seal nothing
// more.
func (db *DB) commit(e folder.Edit) error {
	db.manMu.Lock()
	defer db.manMu.Unlock()
	e.Needed = db.needed.Load()
	err := db.manifest.Commit(e)
	if err != nil && clew.KindOf(err) != clew.Busy {
		db.fail(err)
	}
	return err
}

// logStarted is told of each file of the log, in the log's goroutine.
func (db *DB) logStarted(_ string, first uint64) { db.logNewest = first }

// durable notes in the manifest that a file of the log has a record, before anybody is
// told of the first, as a log without that file after that has lost it; and publishes
// rows. It runs in the log's goroutine.
func (db *DB) durable(upTo uint64) {
	if db.logNewest > db.logNoted && db.commit(folder.Edit{Log: db.logNewest, NextSeq: db.logNewest + 1}) == nil {
		db.logNoted = db.logNewest
	}
	db.publish(upTo)
}

// endLog ends the log with an empty record, if it has any of this process: so damage to
// the last that was acknowledged is told from what a power cut leaves at a log's end. What
// a full disk keeps out of the log was acknowledged to nobody.
func (db *DB) endLog() error {
	if db.log.Durable() > db.opened {
		if seq, err := db.log.Append(context.Background()); err == nil {
			_ = db.log.Wait(context.Background(), seq) // Close says it again
		}
	}
	err := db.log.Close()
	if errors.Is(err, wal.ErrDiskFull) {
		db.trouble(fmt.Errorf("the end of the log: %w", err))
		return nil
	}
	return err
}

// truncateLog removes log files that nobody needs. When that is all of them, the
// file being written to is ended first, unless it is small. What cannot be removed
// is tried again after the next seal.
func (db *DB) truncateLog() {
	if db.log == nil {
		return
	}
	oldest := db.oldestNeeded()
	db.needed.Store(oldest)
	if oldest > db.log.Durable() && db.log.SizeBytes() > quietLogBytes {
		if err := db.log.Rotate(); err != nil {
			return // the log has said so: it takes nothing more
		}
	}
	if err := db.log.TruncateBefore(oldest); err != nil {
		db.trouble(err)
	}
}

// writeSegment makes the file durable under its name.
func (db *DB) writeSegment(dir, file string, data []byte) error {
	tmp := folder.Partial(file)
	if err := db.fs.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := db.fs.MkdirAll(dir); err != nil {
		return err
	}
	f, err := db.fs.Create(tmp)
	if errors.Is(err, fs.ErrNotExist) { // the last segment of the hour was dropped just now, and the folder with it
		if err = db.fs.MkdirAll(dir); err == nil {
			f, err = db.fs.Create(tmp)
		}
	}
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return errors.Join(err, db.fs.Remove(tmp)) // gives back what space it took
	}
	if err := db.fs.Rename(tmp, file); err != nil {
		return errors.Join(err, db.fs.Remove(tmp))
	}
	if err := db.fs.SyncDir(dir); err != nil {
		return errors.Join(err, db.fs.Remove(file))
	}
	return nil
}

// swap puts a segment in the place of its head, in one step for readers.
func (db *DB) swap(j sealJob, seg *storedSegment) {
	db.enlist(seg)
	j.t.mu.Lock()
	if j.t.sealing[0] != j.h {
		// Sealed out of order: the manifest would say that rows are in segments that are not.
		panic("spandb: a head was sealed before one in front of it")
	}
	j.t.sealing = slices.Clone(j.t.sealing[1:])
	finished := j.t.relist(keepAll, seg)
	j.h.retired = true
	idle := j.h.readers == 0
	j.t.mu.Unlock()
	db.finish(finished)
	db.headBytes.Add(-int64(j.h.weight))
	db.stats.trouble.Store(nil)
	if idle {
		db.pool.put(j.h)
	}
}

// oldestNeeded returns the least log record whose rows are in no segment.
func (db *DB) oldestNeeded() uint64 {
	// The manifest's number comes first: records below it that a tenant has in no
	// segment were in its head, or being logged, before that number rose.
	db.manMu.Lock()
	oldest := db.manifest.NextSeq
	db.manMu.Unlock()
	for _, t := range db.allTenants() {
		t.mu.Lock()
		if len(t.underWay) > 0 {
			oldest = min(oldest, t.underWay[0].least)
		}
		for _, h := range t.sealing {
			if h.firstSeq != 0 {
				oldest = min(oldest, h.firstSeq)
			}
		}
		if h := t.active; h != nil && h.firstSeq != 0 {
			oldest = min(oldest, h.firstSeq)
		}
		t.mu.Unlock()
	}
	return oldest
}

// sealForClose seals what is worth it when nothing else runs any more but
// readers. What has no room stays in the log, and is sealed after the next start.
func (db *DB) sealForClose() error {
	if db.failed.Load() != nil {
		return nil
	}
	for _, t := range db.allTenants() {
		t.mu.Lock()
		if t.active != nil && t.active.b.Rows() >= min(closeRows, db.cfg.SealRows) {
			db.retire(t, false)
		}
		t.mu.Unlock()
	}
	err := db.sealQueued()
	if vfs.NoRoom(err) && db.failed.Load() == nil {
		db.trouble(fmt.Errorf("spans stay in the log until the next start: %w", err))
		return nil
	}
	return err
}

// discard removes the file of a dropped segment that nobody reads any more, and
// the folders that it leaves empty.
func (db *DB) discard(s *storedSegment) {
	if err := db.fs.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		db.trouble(err) // the next start removes it
		return
	}
	// A folder that is not empty stays: that is no error worth telling.
	hour := path.Dir(s.path)
	if db.fs.Remove(hour) == nil {
		_ = db.fs.Remove(path.Dir(hour))
	}
}
