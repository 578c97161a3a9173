package spandb

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/leftovers"
	"github.com/clew-tracing/clew/spandb/logged"
	"github.com/clew-tracing/clew/spandb/resend"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// openSegments lists the segments of the manifest and remembers the records they
// hold that may still be sent again. Only the files of those are opened. A segment
// whose file is missing is reported, and so is every answer that lacks it; what is
// wrong with the others shows when they are read. Their files stay for repair until
// retention takes them.
func (db *DB) openSegments() error {
	left, err := leftovers.Survey(db.fs, db.dir, db.manifest)
	if err == nil {
		err = db.manifest.Start()
	}
	if err == nil {
		err = left.Sweep(db.damaged)
	}
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
		if !left.Has(r.ID) {
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

// replay reads the log into heads: every record whose rows are in no segment.
// Heads that get full are sealed on the way, so that memory stays bounded; where the disk
// is full they stay in memory as far as there is some for them.
func (db *DB) replay() error {
	r := replayer{db: db, file: path.Join(db.dir, folder.LogDir)}
	report, err := wal.Replay(db.fs, r.file, 0, r.record)
	db.stats.replayed.Add(int64(report.Records))
	db.stats.lostRecords.Add(int64(report.LostRecords))
	for _, d := range report.Damaged {
		db.damaged(d.Err())
	}
	if missing := db.manifest.LogMissing(db.dir, report.Files, report.Newest); missing != nil && err == nil {
		db.damaged(missing)
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
	noRoom  error // why heads are not sealed; nil: they are
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
	if seq <= p.db.manifest.SealedUpTo(r.Tenant) {
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
	} else if db.headBytes.Load() > db.cfg.Memory.Heads && p.noRoom == nil {
		db.relieveMemory()
	}
	return p.seal()
}

// seal seals the heads that are full. On a full disk retention makes room, if it can;
// else the heads wait for the store's worker.
func (p *replayer) seal() error {
	db := p.db
	if p.noRoom == nil {
		err := db.sealQueued()
		if vfs.NoRoom(err) {
			db.retain()
			err = db.sealQueued()
		}
		if !vfs.NoRoom(err) {
			return err
		}
		p.noRoom = err
		db.trouble(err)
	}
	// As much as there was before the process ended, and what sealing would take.
	if most := 2*db.cfg.Memory.Heads + db.cfg.Memory.Head; db.headBytes.Load() > most {
		return fmt.Errorf("the log has more spans than the %d MB of memory that they may take until they are sealed: %w", most>>20, p.noRoom)
	}
	return nil
}
