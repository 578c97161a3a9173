package spandb

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/logged"
	"github.com/clew-tracing/clew/spandb/resend"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/wal"
)

// openSegments lists the segments of the manifest and remembers the records they
// hold that may still be sent again. Only the files of those are opened. A segment
// whose file is missing is reported, and so is every answer that lacks it; what is
// wrong with the others shows when they are read. Their files stay for repair until
// retention takes them.
func (db *DB) openSegments() error {
	found, err := db.sweep()
	if err != nil {
		return err
	}
	db.openTraces()
	recent := uint64(clew.FromTime(db.cfg.Now().Add(-resend.Window)))
	come := make(map[*tenant][]*storedSegment)
	for _, id := range slices.Sorted(maps.Keys(db.manifest.Segments)) {
		r := db.manifest.Segments[id]
		t, err := db.addTenant(r.Tenant)
		if err != nil {
			return err
		}
		s := db.newSegment(r)
		db.enlist(s)
		come[t] = append(come[t], s)
		if !found[r.ID] {
			db.damaged(db.lost(s, fs.ErrNotExist))
		} else if r.MaxArrival >= recent {
			db.recall(t, s, recent)
		}
	}
	for t, list := range come {
		t.relist(keepAll, list...)
	}
	return nil
}

// recall remembers the records of a segment that came since a moment.
func (db *DB) recall(t *tenant, s *storedSegment, since uint64) {
	r, err := db.take(s)
	if err != nil {
		db.damaged(err)
		return
	}
	defer db.give(s)
	requests, err := r.Requests()
	if err != nil {
		db.damaged(err)
		return
	}
	for i := range requests {
		if requests[i].Arrival >= since {
			db.remember(t, &requests[i])
		}
	}
}

func (db *DB) damaged(err error) {
	db.stats.damages.Add(1)
	report(db.cfg.Events.Damaged, err)
}

// sweep deals with what a crash left behind in the folders. Segments being
// written are removed, and so are segment files that the manifest has forgotten,
// and those whose edit did not last while the log has their rows. If the log has
// let them go already, such a segment has the only copy and is adopted. Anything
// else in the folders is not ours and stays. found are the listed segments that have
// a file.
func (db *DB) sweep() (found map[uint64]bool, err error) {
	root := path.Join(db.dir, folder.SegmentsDir)
	tenants, err := db.fs.List(root)
	if err != nil {
		return nil, err
	}
	var orphans []string
	found = make(map[uint64]bool, len(db.manifest.Segments))
	for _, t := range tenants {
		hours, err := db.fs.List(path.Join(root, t))
		if err != nil {
			continue // a file, not a tenant
		}
		for _, hour := range hours {
			others, err := db.sweepDir(path.Join(root, t, hour), found)
			if err != nil {
				return nil, err
			}
			orphans = append(orphans, others...)
		}
	}
	if tail := db.manifest.Tail(); tail > 0 && len(found) < len(db.manifest.Segments) {
		return nil, clew.Corruptf(db.manifest.File(), 0, "the manifest ended in %d damaged bytes, and %d segments that it lists are missing: the edit there may have had others in their place. Run clew verify --repair",
			tail, len(db.manifest.Segments)-len(found))
	}
	slices.SortFunc(orphans, func(a, b string) int { return cmp.Compare(path.Base(a), path.Base(b)) })
	// What is older than the manifest's counter was listed once and forgotten.
	known := db.manifest.NextID
	logged, err := db.firstLogged()
	if err != nil {
		return nil, err
	}
	for _, file := range orphans {
		id, _ := folder.ParseSegmentName(path.Base(file))
		if id < known {
			err = db.remove(file)
		} else {
			found[id], err = db.adopt(id, file, logged)
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (db *DB) remove(file string) error {
	if err := db.fs.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweepDir removes partial files and returns segment files that the manifest does
// not list there; those that it does are added to found.
func (db *DB) sweepDir(dir string, found map[uint64]bool) (orphans []string, err error) {
	names, err := db.fs.List(dir)
	if err != nil {
		return nil, nil // a file, not an hour
	}
	for _, n := range names {
		if folder.IsPartial(n) {
			if err := db.remove(path.Join(dir, n)); err != nil {
				return nil, err
			}
			continue
		}
		id, ok := folder.ParseSegmentName(n)
		if !ok {
			continue
		}
		file := path.Join(dir, n)
		if r, listed := db.manifest.Segments[id]; !listed {
			orphans = append(orphans, file)
		} else if r.Path(db.dir) == file {
			found[id] = true
		}
	}
	return orphans, nil
}

// firstLogged returns the least number that a record of the log can have: its
// files are named for their first record (package wal). 0: the log is empty.
func (db *DB) firstLogged() (uint64, error) {
	names, err := db.fs.List(path.Join(db.dir, folder.LogDir))
	if err != nil {
		return 0, err
	}
	for _, n := range names {
		digits, _, _ := strings.Cut(n, ".")
		if first, err := strconv.ParseUint(digits, 16, 64); err == nil && len(digits) == 16 {
			return first, nil
		}
	}
	return 0, nil
}

// adopt lists a segment that the manifest does not know, if the log, whose first
// record is given, has not all of its rows. One that is not whole is put aside: it
// may be the only copy of what can still be read of it.
func (db *DB) adopt(id uint64, file string, logged uint64) (adopted bool, err error) {
	f, err := openSegmentFile(db.fs, file)
	if err == nil {
		defer f.file.Close()
		if damage := f.r.Damage(); len(damage) > 0 {
			err = damage[0]
		}
	}
	switch {
	case clew.KindOf(err) == clew.Unsupported:
		return false, err
	case err != nil:
		db.damaged(clew.Corruptf(file, 0, "segment that the manifest does not list is put aside as %s: %w", folder.Aside(path.Base(file)), err))
		return false, db.fs.Rename(file, folder.Aside(file))
	}
	r := f.r.Listing(id)
	inLog := logged != 0 && logged <= r.FirstSeq
	if inLog || r.FirstSeq <= db.manifest.Sealed[r.Tenant] || file != r.Path(db.dir) {
		return false, db.remove(file)
	}
	return true, db.manifest.Commit(addition(r))
}

// replay reads the log into heads: every record whose rows are in no segment.
// Heads that get full are sealed on the way, so that memory stays bounded.
func (db *DB) replay() error {
	r := replayer{db: db, file: path.Join(db.dir, folder.LogDir)}
	report, err := wal.Replay(db.fs, r.file, 0, r.record)
	db.stats.replayed.Add(int64(report.Records))
	db.stats.lostRecords.Add(int64(report.LostRecords))
	for _, d := range report.Damaged {
		db.damaged(d.Err())
	}
	if err == nil && db.cfg.Events.Replayed != nil {
		db.cfg.Events.Replayed(report)
	}
	return err
}

// replayer reads records of the log into heads.
type replayer struct {
	db      *DB
	file    string // for errors
	decoder logged.Decoder
}

// record takes one record; what is wrong with it is reported, and only what keeps
// the store from opening is an error.
func (p *replayer) record(seq uint64, payload []byte) error {
	if len(payload) == 0 {
		return nil // the mark of an orderly end
	}
	r, err := folder.ParseRecord(payload)
	if clew.KindOf(err) == clew.Unsupported {
		return err
	}
	if err != nil {
		p.damaged(seq, err)
		return nil
	}
	if seq <= p.db.manifest.Sealed[r.Tenant] {
		return nil
	}
	return p.rows(seq, &r)
}

func (p *replayer) damaged(seq uint64, err error) {
	p.db.damaged(clew.Corruptf(p.file, 0, "log record %d: %w", seq, err))
}

// rows puts a record's rows into its tenant's head.
func (p *replayer) rows(seq uint64, r *folder.Record) error {
	db := p.db
	t, err := db.addTenant(r.Tenant)
	if err != nil {
		return err
	}
	if _, twice := t.resends.Find(r.Hash); twice {
		return nil
	}
	h := db.headOf(t)
	bytes, err := p.decoder.Append(h.b, r)
	if err != nil {
		p.damaged(seq, err)
		return nil
	}
	mark := segment.Request{Hash: r.Hash, Seq: seq, Arrival: r.Arrival, Accepted: r.Accepted, Refused: uint32(len(r.Refused))}
	h.note(&mark)
	h.published = h.b.Rows()
	db.remember(t, &mark)
	if db.feed(h, bytes) {
		db.retire(t, true)
	} else if db.headBytes.Load() > db.cfg.Memory.Heads {
		db.relieveMemory()
	}
	return db.sealQueued()
}
