package ingest

import (
	"context"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

// Messages are some of a queue, of one tenant, that are taken together.
type Messages struct {
	Tenant clew.Tenant
	// Sizes are those of their bodies in bytes.
	Sizes []int
	// Translate appends what message i comes to, also behind what is there already; an error
	// says that it is none, and nothing of it stays. The same message gives the same bytes.
	Translate func(dst []byte, i int) (out []byte, unknown int, err error)
	// Stop leaves out what is behind the first bad message.
	Stop bool
}

// Bad is a message that is not in its format, or too large, and why.
type Bad struct {
	Message int
	Err     error
}

// GiveMessages takes the spans of messages of a queue, all by one append: the same messages
// give the same record, which the store knows if it comes again. Those that are bad are left
// out, counted and returned in their order; the result has what the others came to.
//
// An error says that the messages are to be given again, all of them: the queue has them
// still, so that nobody waits here. What of them was appended before is recognised then.
func (d *Door) GiveMessages(ctx context.Context, m *Messages) (storage.Result, []Bad, error) {
	r := request{arrived: d.cfg.Now(), room: d.cfg.Budget.Reserve()}
	defer r.room.Release() // of a fault, too
	res, bad, good, err := d.giveMessages(ctx, &r, m)
	d.release(&r)
	if kind := clew.KindOf(err); err != nil && (kind == clew.Invalid || kind == clew.TooLarge) {
		if len(good) > 1 {
			return d.giveOneByOne(ctx, m)
		}
		res, bad, err = storage.Result{}, append(bad, Bad{good[0], err}), nil
		slices.SortFunc(bad, func(a, b Bad) int { return a.Message - b.Message })
	}
	if err != nil {
		return storage.Result{}, nil, err
	}
	taken := len(m.Sizes)
	if m.Stop && len(bad) > 0 {
		taken = bad[0].Message + 1
	}
	for _, n := range m.Sizes[:taken] {
		d.counters.Came(n)
	}
	for _, b := range bad {
		d.Count(b.Err)
	}
	d.counters.Took(d.name, &res, r.arrived)
	return res, bad, nil
}

// giveMessages tries all messages at once. good are those that are in the record.
func (d *Door) giveMessages(ctx context.Context, r *request, m *Messages) (res storage.Result, bad []Bad, good []int, err error) {
	size := 0
	for _, n := range m.Sizes {
		size += n
	}
	if err := d.begin(r); err != nil {
		return res, nil, nil, err
	}
	if r.translated, err = d.hold(r, min(size, d.cfg.MaxBodyBytes)); err != nil {
		return res, nil, nil, err
	}
	if d.cfg.Cores != nil {
		defer d.cfg.Cores.Arrive()()
	}
	unknown, held := 0, cap(r.translated)
	for i, size := range m.Sizes {
		err := error(nil)
		if size > d.cfg.MaxBodyBytes {
			err = d.tooLarge()
		} else {
			var n int
			var out []byte
			out, n, err = translateOne(func(dst, _ []byte) ([]byte, int, error) { return m.Translate(dst, i) }, r.translated, nil)
			if err == nil {
				r.translated, good = out, append(good, i)
				unknown += n
				continue
			}
		}
		if bad = append(bad, Bad{i, err}); m.Stop {
			break
		}
	}
	if len(r.translated) == 0 {
		return res, bad, good, nil
	}
	// What they came to more than they were, and the store's part, as in Door.take.
	if err := r.room.Grow(int64(cap(r.translated) - held + len(r.translated))); err != nil {
		return res, nil, nil, err
	}
	body, more, err := d.rewrite(ctx, r, r.translated)
	if err != nil {
		if clew.KindOf(err) == clew.Internal { // as a fault of a translation: given again, they meet it again
			err = clew.Errorf(clew.Invalid, "%w", err)
		}
		return res, bad, good, err
	}
	if unknown += more; body == nil {
		body = r.translated
	}
	if len(body) > 0 {
		res, err = d.cfg.Appender.Append(ctx, storage.Record{Tenant: m.Tenant, Body: body, ReceivedAt: r.arrived, Door: d.name})
	}
	res.UnknownFields += unknown
	return res, bad, good, err
}

// giveOneByOne finds the messages that the store does not take.
func (d *Door) giveOneByOne(ctx context.Context, m *Messages) (storage.Result, []Bad, error) {
	var sum storage.Result
	var all []Bad
	for i, size := range m.Sizes {
		one := Messages{Tenant: m.Tenant, Sizes: []int{size}, Translate: func(dst []byte, _ int) ([]byte, int, error) { return m.Translate(dst, i) }}
		res, bad, err := d.GiveMessages(ctx, &one)
		if err != nil {
			return storage.Result{}, nil, err
		}
		sum.Accepted += res.Accepted
		sum.Refused += res.Refused
		sum.UnknownFields += res.UnknownFields
		sum.Flagged += res.Flagged
		for _, b := range bad {
			all = append(all, Bad{i, b.Err})
		}
		if m.Stop && len(all) > 0 {
			break
		}
	}
	return sum, all, nil
}
