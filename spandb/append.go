package spandb

import (
	"context"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/spandb/admission"
	"github.com/clew-tracing/clew/spandb/logged"
	"github.com/clew-tracing/clew/storage"
)

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

// Append implements storage.Appender.
func (db *DB) Append(ctx context.Context, r storage.Record) (storage.Result, error) {
	if len(r.Body) > logged.MaxBodyBytes {
		return storage.Result{}, clew.Errorf(clew.TooLarge, "request of %d bytes: the store takes up to %d; send smaller batches", len(r.Body), logged.MaxBodyBytes)
	}
	if err := db.begin(); err != nil {
		return storage.Result{}, db.count(err)
	}
	defer db.appends.Done()
	hash := xxh3.Hash128(r.Body)
	patience := time.NewTimer(maxStall)
	defer patience.Stop()
	u, res, err := db.admit(ctx, &r, hash, patience.C)
	if err != nil || u == nil {
		return res, db.count(err)
	}
	if !res.Resent {
		db.arrive(u, &r)
	}
	<-u.done
	if u.err != nil {
		return storage.Result{}, db.count(db.unavailable(u.err))
	}
	seq := u.mark.Seq
	if err := db.log.Wait(ctx, seq); err != nil {
		if ctx.Err() != nil {
			return storage.Result{}, clew.Errorf(clew.Canceled, "gave up waiting for the log; the record is kept all the same: %w", err)
		}
		return storage.Result{}, db.unavailable(err)
	}
	db.publish(seq)
	return res, nil
}

// begin admits an append, unless the store is closed, read-only or its disk full.
func (db *DB) begin() error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.closed {
		return errClosed()
	}
	if err := db.refusal(); err != nil {
		return err
	}
	db.appends.Add(1)
	return nil
}

func errClosed() error { return admission.Behind("the store is closed: send again later") }

// count counts the refusals that ask to come again.
func (db *DB) count(err error) error {
	if err != nil && clew.KindOf(err) == clew.Busy {
		db.stats.busy.Add(1)
	}
	return err
}

// admit parses a record and puts its rows into its tenant's head, where nobody sees
// them yet. It returns the record's way to the log: of a record that is there or under
// way, that of the first; of one without rows nil.
func (db *DB) admit(ctx context.Context, r *storage.Record, hash xxh3.Uint128, patience <-chan time.Time) (*underWay, storage.Result, error) {
	t, err := db.addTenant(r.Tenant)
	if err != nil {
		return nil, storage.Result{}, err
	}
	if err := t.parse.Enter(ctx, patience); err != nil {
		return nil, storage.Result{}, err
	}
	defer t.parse.Leave()
	decoder := db.decoders.Get().(*otlp.Decoder)
	defer db.decoders.Put(decoder)
	if err := decoder.Parse(r.Body, otlp.Options{}); err != nil {
		return nil, storage.Result{}, err
	}
	defer decoder.Forget()
	if t, err = db.enter(ctx, r.Tenant, patience); err != nil {
		return nil, storage.Result{}, err
	}
	defer t.write.Leave()
	return db.place(ctx, t, r, decoder, hash, patience)
}

// enter returns a tenant's state, made if missing, with its write gate taken.
func (db *DB) enter(ctx context.Context, name clew.Tenant, patience <-chan time.Time) (*tenant, error) {
	for {
		t, err := db.addTenant(name)
		if err != nil {
			return nil, err
		}
		if err := t.write.Enter(ctx, patience); err != nil {
			return nil, err
		}
		if t.mu.Lock(); !t.gone {
			t.mu.Unlock()
			return t, nil
		}
		t.mu.Unlock()
		t.write.Leave()
	}
}

// place puts the rows of a record that was parsed into the tenant's head, unless it
// has none or they are there. t.write is held.
func (db *DB) place(ctx context.Context, t *tenant, r *storage.Record, parsed *otlp.Decoder, hash xxh3.Uint128, patience <-chan time.Time) (*underWay, storage.Result, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := t.find(hash); first != nil {
		db.stats.resent.Add(1)
		res := result(parsed.Append(build.NewBuilder(0)))
		res.Resent = true
		return first, res, nil
	}
	if parsed.Parsed() == 0 {
		dec := parsed.Append(build.NewBuilder(0))
		db.stats.refused.Add(int64(dec.Refused))
		return nil, result(dec), nil
	}
	if err := db.room(ctx, t, patience); err != nil {
		return nil, storage.Result{}, err
	}
	h := db.headOf(t)
	dec := parsed.Append(h.b)
	u := db.depart(t, h, r, &dec, hash)
	if db.feed(h, len(r.Body)) {
		db.retire(t, true)
	} else if db.headBytes.Load() > db.cfg.Memory.Heads {
		db.seals.nudge()
	}
	return u, result(dec), nil
}

// room waits until a tenant has fewer than maxPending heads to be sealed,
// and all heads together are not far beyond their budget. t.write and t.mu are
// held, and t.mu is let go while waiting.
func (db *DB) room(ctx context.Context, t *tenant, patience <-chan time.Time) error {
	for {
		sealed := db.seals.progress()
		if err := db.failed.Load(); err != nil {
			return db.unavailable(*err)
		}
		over := db.headBytes.Load() > 2*db.cfg.Memory.Heads
		if len(t.sealing) < db.maxPending() && !over {
			return nil
		}
		if over && t.active != nil && t.active.b.Rows() > 0 && len(t.sealing) < db.maxPending() {
			db.retire(t, false) // nobody else can while the gate is taken
		}
		t.mu.Unlock()
		db.seals.nudge()
		var err error
		select {
		case <-sealed:
		case <-ctx.Done():
			err = admission.GaveUp(ctx)
		case <-patience:
			err = admission.Behind("the disk does not keep up with sealing: send again later")
		}
		t.mu.Lock()
		if err != nil {
			return err
		}
	}
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
