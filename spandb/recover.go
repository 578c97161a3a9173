package spandb

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/wal"
)

// openSegments opens the segments of the manifest and remembers the records they
// hold that may still be sent again. A segment that cannot be opened is
// reported and left out; its file stays for repair.
func (db *DB) openSegments() error {
	if err := db.sweep(); err != nil {
		return err
	}
	recs := make([]segmentRecord, 0, len(db.manifest.segments))
	for _, r := range db.manifest.segments {
		recs = append(recs, r)
	}
	slices.SortFunc(recs, func(a, b segmentRecord) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	recent := uint64(clew.FromTime(db.cfg.Now().Add(-resendWindow)))
	for _, r := range recs {
		t, err := db.addTenant(r.tenant)
		if err != nil {
			return err
		}
		file := path.Join(segmentDir(db.dir, r.tenant, r.hour), segmentName(r.id))
		s, err := openSegment(db.fs, r.id, file, db.discard)
		if err != nil {
			if clew.KindOf(err) == clew.Unsupported {
				return err
			}
			db.damaged(clew.Corruptf(file, 0, "segment left out: %w", err))
			db.stats.lostSegments.Add(1)
			continue
		}
		t.segs = append(t.segs, s)
		if r.maxArrival < recent {
			continue
		}
		marks, err := s.marks()
		if err != nil {
			db.damaged(err)
			continue
		}
		for _, m := range marks {
			if m.arrival >= recent {
				t.resends.add(m)
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
// written are removed, and so are segment files that the manifest has forgotten.
// A whole segment whose edit did not last is adopted: its rows are the next of
// its tenant in the log, or the log has let them go already and it has the only
// copy. Anything else in the folders is not ours and stays.
func (db *DB) sweep() error {
	root := path.Join(db.dir, segDir)
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
	slices.SortFunc(orphans, func(a, b string) int { return strings.Compare(path.Base(a), path.Base(b)) })
	for _, file := range orphans {
		adopted, err := db.adopt(file)
		if err != nil {
			return err
		}
		if !adopted {
			if err := db.fs.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
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
		if stem, partial := strings.CutSuffix(n, tmpSuffix); partial {
			if _, ok := parseSegmentName(stem + segSuffix); ok {
				if err := db.fs.Remove(path.Join(dir, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return nil, err
				}
			}
			continue
		}
		id, ok := parseSegmentName(n)
		if _, listed := db.manifest.segments[id]; ok && !listed {
			orphans = append(orphans, path.Join(dir, n))
		}
	}
	return orphans, nil
}

// adopt registers a segment that continues its tenant's sealed rows.
func (db *DB) adopt(file string) (bool, error) {
	id, _ := parseSegmentName(path.Base(file))
	s, err := openSegment(db.fs, id, file, func(*segment) {})
	if err != nil {
		return false, nil // cut off: its rows are in the log
	}
	defer s.release()
	m := s.meta
	if id < db.manifest.nextID || m.firstSeq <= db.manifest.sealed[m.tenant] || path.Dir(file) != segmentDir(db.dir, m.tenant, m.minArrival) {
		return false, nil
	}
	return true, db.manifest.commit(edit{
		add: []segmentRecord{{id: id, tenant: m.tenant, hour: m.minArrival, size: uint64(s.size), rows: uint64(m.rows),
			minArrival: m.minArrival, maxArrival: m.maxArrival, firstSeq: m.firstSeq, lastSeq: m.lastSeq}},
		sealed: map[clew.Tenant]uint64{m.tenant: m.lastSeq}, nextID: id + 1, nextSeq: m.lastSeq + 1,
	})
}

// replay reads the log into heads: every record whose rows are in no segment.
// Heads that get full are sealed on the way, so that memory stays bounded.
func (db *DB) replay() error {
	var body []byte
	var unpacker otlp.Unpacker
	report, err := wal.Replay(db.fs, path.Join(db.dir, walDir), 0, func(seq uint64, payload []byte) error {
		r, err := parseLoggedRecord(payload)
		if err != nil {
			if clew.KindOf(err) == clew.Unsupported {
				return err
			}
			db.damaged(clew.Corruptf(path.Join(db.dir, walDir), 0, "log record %d: %w", seq, err))
			return nil
		}
		r.mark.seq = seq
		if seq <= db.manifest.sealed[r.tenant] {
			return nil
		}
		body, err = unpacker.Unpack(body[:0], otlp.Encoding(r.compression), r.body, maxUnpacked)
		if err != nil {
			db.damaged(clew.Corruptf(path.Join(db.dir, walDir), 0, "log record %d: %w", seq, err))
			return nil
		}
		return db.replayRecord(&r, body)
	})
	db.stats.replayed.Add(int64(report.Records))
	for _, d := range report.Damaged {
		db.damaged(clew.Corruptf(d.File, d.Offset, "log damaged: %d bytes", d.Size))
	}
	return err
}

// replayRecord puts one record's rows into its tenant's head.
func (db *DB) replayRecord(r *loggedRecord, body []byte) error {
	t, err := db.addTenant(r.tenant)
	if err != nil {
		return err
	}
	if _, twice := t.resends.find(r.mark.hash); twice {
		return nil
	}
	if t.active == nil {
		t.active = db.pool.get(db.headRows())
	}
	h := t.active
	_, err = t.dec.Decode(h.b, body, otlp.Options{Replay: true, Refuse: r.refused})
	if err != nil {
		db.damaged(clew.Corruptf(path.Join(db.dir, walDir), 0, "log record %d: %w", r.mark.seq, err))
		return nil
	}
	h.note(r.mark)
	h.published = h.b.Rows()
	t.resends.add(r.mark)
	if !db.full(h, len(body)) {
		return nil
	}
	t.active = nil
	t.sealing = append(t.sealing, h)
	return db.seal(sealJob{t, h})
}
