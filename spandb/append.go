package spandb

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// recordVersion is the version of the header that precedes a body in the log.
const recordVersion = 1

// pending lists records whose rows wait for the log.
type pending struct {
	// publishing is held while rows are made visible, so that whoever finds
	// nothing to publish knows that it has been done, not that it is being done.
	publishing sync.Mutex
	mu         sync.Mutex // guards list
	list       []pendingRows
}

// pendingRows becomes visible when record seq is durable: rows [.., rows) of h.
type pendingRows struct {
	seq  uint64
	t    *tenant
	h    *head
	rows int
}

// busy is how long a sender should wait when the disk does not keep up.
const busyRetry = time.Second

// Append implements storage.Appender.
func (db *DB) Append(ctx context.Context, r storage.Record) (storage.Result, error) {
	if err := db.begin(); err != nil {
		return storage.Result{}, err
	}
	defer db.appends.Done()
	t, err := db.addTenant(r.Tenant)
	if err != nil {
		return storage.Result{}, err
	}
	hash := xxh3.Hash128(r.Body)
	patience := time.NewTimer(maxStall)
	defer patience.Stop()
	t.write.Lock()
	res, seq, err := db.appendLocked(ctx, t, &r, hash, patience.C)
	t.write.Unlock()
	if err != nil || seq == 0 {
		return res, err
	}
	if err := db.log.Wait(ctx, seq); err != nil {
		if ctx.Err() != nil {
			return storage.Result{}, clew.Errorf(clew.Canceled, "gave up waiting for the log; the record is kept all the same: %w", err)
		}
		return storage.Result{}, db.unavailable(err)
	}
	db.publish(seq)
	return res, nil
}

// begin admits an append, unless the store is closed or has failed.
func (db *DB) begin() error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.closed {
		return &clew.Error{Kind: clew.Busy, RetryAfter: busyRetry, Err: errors.New("the store is closing: send again later")}
	}
	if err := db.failed.Load(); err != nil {
		return db.unavailable(*err)
	}
	db.appends.Add(1)
	return nil
}

func (db *DB) unavailable(err error) error {
	return &clew.Error{Kind: clew.Busy, RetryAfter: 30 * time.Second,
		Err: clew.Errorf(clew.Busy, "the store takes nothing more since a write failed (%w); restart it when the disk is mended", err)}
}

// appendLocked decodes and logs a record; it returns the log record to wait for,
// 0 if there is none. t.write is held.
func (db *DB) appendLocked(ctx context.Context, t *tenant, r *storage.Record, hash xxh3.Uint128, patience <-chan time.Time) (storage.Result, uint64, error) {
	t.mu.Lock()
	if m, ok := t.resends.find(hash); ok {
		t.mu.Unlock()
		db.stats.resent.Add(1)
		res, err := answerAgain(t, r.Body)
		return res, m.seq, err
	}
	if err := db.room(ctx, t, patience); err != nil {
		t.mu.Unlock()
		return storage.Result{}, 0, err
	}
	h := t.active
	if h == nil {
		h = db.pool.get(db.headRows())
		t.active = h
	}
	from := h.b.Rows()
	dec, err := t.dec.Decode(h.b, r.Body, otlp.Options{})
	t.logging = db.log.Durable() + 1
	if err != nil || dec.Accepted == 0 {
		db.shed(t, h, len(r.Body))
	}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.logging = 0
		t.mu.Unlock()
	}()
	if err != nil {
		return storage.Result{}, 0, err
	}
	res := result(dec)
	if dec.Accepted == 0 {
		db.stats.refused.Add(int64(dec.Refused))
		return res, 0, nil
	}
	mark := requestMark{hash: hash, arrival: uint64(clew.FromTime(r.ReceivedAt)), accepted: uint32(dec.Accepted), refused: uint32(dec.Refused)}
	body, packing := r.Body, storage.Identity
	if r.Received != nil {
		body, packing = r.Received, r.Compression
	}
	mark.seq, err = db.log.Append(context.Background(), appendRecordHeader(nil, t.name, packing, &mark, dec.RefusedSpans), body)
	t.mu.Lock()
	if err != nil {
		h.b.Truncate(from)
		t.mu.Unlock()
		return storage.Result{}, 0, db.unavailable(err)
	}
	h.note(mark)
	t.resends.add(mark)
	db.pending.add(pendingRows{mark.seq, t, h, h.b.Rows()})
	full := db.full(h, len(r.Body))
	if full {
		db.retire(t, h)
	}
	t.mu.Unlock()
	db.stats.accepted.Add(int64(dec.Accepted))
	db.stats.refused.Add(int64(dec.Refused))
	return res, mark.seq, nil
}

// answerAgain returns the Result that a record had when it came first.
func answerAgain(t *tenant, body []byte) (storage.Result, error) {
	dec, err := t.dec.Decode(span.NewBuilder(0), body, otlp.Options{})
	if err != nil {
		return storage.Result{}, err
	}
	res := result(dec)
	res.Resent = true
	return res, nil
}

// room waits until a tenant has fewer than maxPendingHeads heads to be sealed.
// t.mu is held, and let go while waiting.
func (db *DB) room(ctx context.Context, t *tenant, patience <-chan time.Time) error {
	for len(t.sealing) >= maxPendingHeads {
		sealed := t.sealed
		t.mu.Unlock()
		var err error
		select {
		case <-sealed:
		case <-ctx.Done():
			err = clew.Errorf(clew.Canceled, "gave up waiting: %w", context.Cause(ctx))
		case <-patience:
			db.stats.busy.Add(1)
			err = &clew.Error{Kind: clew.Busy, RetryAfter: busyRetry,
				Err: errors.New("the disk does not keep up with sealing: send again later")}
		}
		t.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// headRows is the room a new head starts with. Only full-size heads are worth
// allocating at once.
func (db *DB) headRows() int { return min(db.cfg.SealRows, 2048) }

// full says whether a head is to be sealed, after it was fed so many bytes. Its
// size takes a pass over the columns, so it is looked at every sizeEvery bytes.
func (db *DB) full(h *head, fed int) bool {
	if h.b.Rows() >= db.cfg.SealRows {
		return true
	}
	if h.fed += fed; h.fed < sizeEvery {
		return false
	}
	h.fed = 0
	return h.b.SizeBytes() >= sealBytes
}

// retire takes the active head out of the way of appends. t.mu is held.
func (db *DB) retire(t *tenant, h *head) {
	t.active = nil
	t.sealing = append(t.sealing, h)
	db.seals.push(t, h)
}

// shed is for a record that added no rows but perhaps values to dictionaries: it
// keeps a stream of bad requests from growing a head. t.mu is held.
func (db *DB) shed(t *tenant, h *head, fed int) {
	if !db.full(h, fed) {
		return
	}
	if h.b.Rows() > 0 {
		db.retire(t, h)
		return
	}
	if h.readers == 0 {
		h.b.Reset()
	}
}

// note records that a record's rows are in h.
func (h *head) note(m requestMark) {
	if h.firstSeq == 0 {
		h.firstSeq = m.seq
	}
	h.lastSeq = m.seq
	h.minArrival, h.maxArrival = min(h.minArrival, m.arrival), max(h.maxArrival, m.arrival)
	h.marks = append(h.marks, m)
}

func (p *pending) add(r pendingRows) {
	p.mu.Lock()
	p.list = append(p.list, r)
	p.mu.Unlock()
}

// publish makes the rows of all records up to seq visible. The log calls it
// after a sync and before it wakes those who wait; an append calls it again for
// its own record, which may have been listed too late for that.
func (db *DB) publish(seq uint64) {
	db.pending.publishing.Lock()
	defer db.pending.publishing.Unlock()
	db.pending.mu.Lock()
	var due []pendingRows
	keep := db.pending.list[:0]
	for _, p := range db.pending.list {
		if p.seq <= seq {
			due = append(due, p)
		} else {
			keep = append(keep, p)
		}
	}
	db.pending.list = keep
	db.pending.mu.Unlock()
	for _, p := range due {
		p.t.mu.Lock()
		if first := p.h.published; p.rows > first {
			p.h.published = p.rows
			p.t.tail.tell(p.h, first, p.rows)
		}
		p.t.mu.Unlock()
	}
}

func result(d otlp.Result) storage.Result {
	r := storage.Result{Accepted: d.Accepted, Refused: d.Refused, UnknownFields: d.UnknownFields, Flagged: d.Flagged}
	for _, x := range d.Refusals {
		r.Refusals = append(r.Refusals, storage.Refusal(x))
	}
	return r
}

// appendRecordHeader writes what precedes a body in the log:
//
//	u8       recordVersion
//	bytes    tenant
//	u8       storage.Compression of the body
//	16 B     hash of the unpacked body
//	uvarint  arrival, accepted, refused
//	uvarint  ordinals of refused spans, each less the one before
func appendRecordHeader(dst []byte, t clew.Tenant, c storage.Compression, m *requestMark, refused []uint32) []byte {
	dst = append(dst, recordVersion)
	dst = appendString(dst, string(t))
	dst = append(dst, byte(c))
	dst = binary.LittleEndian.AppendUint64(dst, m.hash.Hi)
	dst = binary.LittleEndian.AppendUint64(dst, m.hash.Lo)
	dst = binary.AppendUvarint(dst, m.arrival)
	dst = binary.AppendUvarint(dst, uint64(m.accepted))
	dst = binary.AppendUvarint(dst, uint64(len(refused)))
	last := uint32(0)
	for _, r := range refused {
		dst = binary.AppendUvarint(dst, uint64(r-last))
		last = r
	}
	return dst
}

// loggedRecord is a record read back from the log.
type loggedRecord struct {
	tenant      clew.Tenant
	compression storage.Compression
	mark        requestMark
	refused     []uint32
	body        []byte
}

func parseLoggedRecord(b []byte) (r loggedRecord, err error) {
	bad := clew.Errorf(clew.Corrupt, "record header is cut off")
	if len(b) == 0 {
		return r, bad
	}
	if b[0] != recordVersion {
		return r, clew.Errorf(clew.Unsupported, "log record version %d is not known to this clew, which reads version %d", b[0], recordVersion)
	}
	f := fields{b: b[1:], ok: true}
	r.tenant = clew.Tenant(f.bytes())
	if len(f.b) < 17 {
		return r, bad
	}
	r.compression = storage.Compression(f.b[0])
	r.mark.hash = xxh3.Uint128{Hi: binary.LittleEndian.Uint64(f.b[1:]), Lo: binary.LittleEndian.Uint64(f.b[9:])}
	f.b = f.b[17:]
	r.mark.arrival, r.mark.accepted = f.uint(), uint32(f.uint())
	n := f.uint()
	r.mark.refused = uint32(n)
	if n > uint64(len(f.b)) {
		return r, bad
	}
	r.refused = slices.Grow(r.refused, int(n))
	last := uint32(0)
	for range n {
		last += uint32(f.uint())
		r.refused = append(r.refused, last)
	}
	r.body = f.b
	if !f.ok {
		return r, bad
	}
	return r, nil
}
