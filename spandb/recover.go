package spandb

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/wal"
)

// openSegments opens the segments of the manifest and remembers the records they
// hold that may still be sent again. A segment that cannot be opened is
// reported, and so is every answer that lacks it; its file stays for repair until
// retention takes it.
func (db *DB) openSegments() error {
	if err := db.sweep(); err != nil {
		return err
	}
	recs := make([]folder.Segment, 0, len(db.manifest.Segments))
	for _, r := range db.manifest.Segments {
		recs = append(recs, r)
	}
	slices.SortFunc(recs, func(a, b folder.Segment) int { return cmp.Compare(a.ID, b.ID) })
	recent := uint64(clew.FromTime(db.cfg.Now().Add(-resendWindow)))
	for _, r := range recs {
		t, err := db.addTenant(r.Tenant)
		if err != nil {
			return err
		}
		file := r.Path(db.dir)
		s, err := openSegment(db.fs, r.ID, file, db.discard)
		if err != nil {
			if clew.KindOf(err) == clew.Unsupported {
				return err
			}
			err = clew.Corruptf(file, 0, "segment cannot be opened: %w", err)
			db.damaged(err)
			db.stats.lostSegments.Add(1)
			t.segs = append(t.segs, brokenSegment(&r, file, err, db.discard))
			continue
		}
		t.segs = append(t.segs, s)
		if r.MaxArrival < recent {
			continue
		}
		requests, err := s.r.Requests()
		if err != nil {
			db.damaged(err)
			continue
		}
		for i := range requests {
			if requests[i].Arrival >= recent {
				db.remember(t, &requests[i])
			}
		}
	}
	return nil
}

func (db *DB) damaged(err error) {
	db.stats.damages.Add(1)
	report(db.cfg.Events.Damaged, err)
}

// sweep deals with what a crash left behind in the folders. Segments being
// written are removed, and so are segment files that the manifest has forgotten,
// and those whose edit did not last while the log has their rows. If the log has
// let them go already, such a segment has the only copy and is adopted. Anything
// else in the folders is not ours and stays.
func (db *DB) sweep() error {
	root := path.Join(db.dir, folder.SegmentsDir)
	tenants, err := db.fs.List(root)
	if err != nil {
		return err
	}
	var orphans []string
	for _, t := range tenants {
		hours, err := db.fs.List(path.Join(root, t))
		if err != nil {
			continue // a file, not a tenant
		}
		for _, hour := range hours {
			found, err := db.sweepDir(path.Join(root, t, hour))
			if err != nil {
				return err
			}
			orphans = append(orphans, found...)
		}
	}
	slices.SortFunc(orphans, func(a, b string) int { return cmp.Compare(path.Base(a), path.Base(b)) })
	// What is older than the manifest's counter was listed once and forgotten.
	known := db.manifest.NextID
	logged, err := db.firstLogged()
	if err != nil {
		return err
	}
	for _, file := range orphans {
		if id, _ := folder.ParseSegmentName(path.Base(file)); id < known {
			if err := db.remove(file); err != nil {
				return err
			}
		} else if err := db.adopt(id, file, logged); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) remove(file string) error {
	if err := db.fs.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweepDir removes partial files and returns segment files that the manifest does
// not list.
func (db *DB) sweepDir(dir string) (orphans []string, err error) {
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
		if _, listed := db.manifest.Segments[id]; ok && !listed {
			orphans = append(orphans, path.Join(dir, n))
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

// adopt registers a segment that the manifest does not know, if the log, whose
// first record is given, has not all of its rows. One that is not whole is put
// aside: it may be the only copy of what can still be read of it.
func (db *DB) adopt(id uint64, file string, logged uint64) error {
	s, err := openSegment(db.fs, id, file, func(*storedSegment) {})
	if err == nil {
		defer s.release()
		if damage := s.r.Damage(); len(damage) > 0 {
			err = damage[0]
		}
	}
	switch {
	case clew.KindOf(err) == clew.Unsupported:
		return err
	case err != nil:
		db.damaged(clew.Corruptf(file, 0, "segment that the manifest does not list is put aside as %s: %w", folder.Aside(path.Base(file)), err))
		return db.fs.Rename(file, folder.Aside(file))
	}
	m := s.meta
	inLog := logged != 0 && logged <= m.FirstSeq
	if inLog || m.FirstSeq <= db.manifest.Sealed[m.Tenant] || path.Dir(file) != folder.SegmentDir(db.dir, m.Tenant, m.MinArrival) {
		return db.remove(file)
	}
	return db.manifest.Commit(addition(s))
}

// replay reads the log into heads: every record whose rows are in no segment.
// Heads that get full are sealed on the way, so that memory stays bounded.
func (db *DB) replay() error {
	r := replayer{db: db, file: path.Join(db.dir, folder.LogDir)}
	report, err := wal.Replay(db.fs, r.file, 0, r.record)
	db.stats.replayed.Add(int64(report.Records))
	for _, d := range report.Damaged {
		db.damaged(d.Err())
	}
	return err
}

// replayer reads records of the log into heads.
type replayer struct {
	db       *DB
	file     string // for errors
	unpacker otlp.Unpacker
	decoder  otlp.Decoder
	body     []byte
}

// record takes one record; what is wrong with it is reported, and only what keeps
// the store from opening is an error.
func (p *replayer) record(seq uint64, payload []byte) error {
	r, err := folder.ParseRecord(payload)
	if clew.KindOf(err) == clew.Unsupported {
		return err
	}
	if err == nil {
		if seq <= p.db.manifest.Sealed[r.Tenant] {
			return nil
		}
		p.body, err = p.unpacker.Unpack(p.body[:0], otlp.Encoding(r.Compression), r.Body, maxBodyBytes)
	}
	if err != nil {
		p.damaged(seq, err)
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
	if _, twice := t.resends.find(r.Hash); twice {
		return nil
	}
	h := db.headOf(t)
	if _, err = p.decoder.Decode(h.b, p.body, otlp.Options{Replay: true, Refuse: r.Refused}); err != nil {
		p.damaged(seq, err)
		return nil
	}
	mark := segment.Request{Hash: r.Hash, Seq: seq, Arrival: r.Arrival, Accepted: r.Accepted, Refused: uint32(len(r.Refused))}
	h.note(&mark)
	h.published = h.b.Rows()
	db.remember(t, &mark)
	if db.feed(h, len(p.body)) {
		db.retire(t, true)
	} else if db.headBytes.Load() > db.cfg.HeadBytes {
		db.relieveMemory()
	}
	return db.sealQueued()
}
