package ingest

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/ingest/datagram"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage"
)

// Config is what every door needs; doors of one server share most of it.
type Config struct {
	Appender storage.Appender
	// Cores are told while spans are worked on; nil: nobody is.
	Cores *cores.Pool
	// MaxBodyBytes bounds a request packed and unpacked; 0 is
	// DefaultMaxBodyBytes.
	MaxBodyBytes int
	// BodyTimeout bounds the time a request takes to arrive; 0 is
	// DefaultBodyTimeout.
	BodyTimeout time.Duration
	// Budget bounds requests in flight; nil is one of the default size. Doors of
	// one server share it.
	Budget *Budget
	// Datagrams bounds the datagrams that wait; nil is one of the default size for each
	// socket. Doors of one server share it.
	Datagrams *datagram.Room
	// Gate, where not nil, closes the doors; doors of one server share it.
	Gate *Gate
	// Pipeline returns what changes requests before the store has them: nil, or one that
	// returns nil, where they are stored as they come.
	Pipeline func() Pipeline
	// CORSOrigins are the origins whose pages may send: exact ones, "*" for any.
	CORSOrigins []string
	// Now tells the time of arrival; nil is time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.MaxBodyBytes <= 0 {
		c.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if c.BodyTimeout <= 0 {
		c.BodyTimeout = DefaultBodyTimeout
	}
	if c.Budget == nil {
		c.Budget = NewBudget(0)
	}
	if c.Gate == nil {
		c.Gate = new(Gate)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Translate appends to dst, which is empty and has room, the OTLP protobuf that a body
// in another format comes to, and returns that with the number of fields it had no
// place for: no more bytes than a small constant times the body's. An error of kind
// Invalid says that the body is not in its format.
type Translate func(dst, body []byte) (out []byte, unknown int, err error)

// A Pipeline changes requests on their way into the store: what is appended, and lies in
// the log, is what it makes of them. It is safe for concurrent use.
type Pipeline interface {
	// Rewrite returns what a request in OTLP protobuf is to be stored as. dst is empty and
	// has room for as much as body has; out is in it, or in memory that is larger, if the
	// request was changed. It changes body in no case, and keeps neither.
	//
	// An error of kind Invalid says that body is no OTLP, or that a statement failed of a
	// configuration that has requests refused then.
	Rewrite(ctx context.Context, dst, body []byte) (out []byte, done Rewritten, err error)
	// Room returns how many bytes Rewrite takes for a body, besides dst.
	Room(body []byte) int64
}

// Rewritten says what a Pipeline did with a request.
type Rewritten struct {
	// Changed is false where the request is to be stored as it is; out is dst then.
	Changed bool
	// Unknown counts fields that were left out because OTLP does not define them.
	Unknown int
}

// Door is the way of a request from the wire into the store that all doors share: its
// body is read as the budget allows, unpacked, translated and appended. It is safe for
// concurrent use.
type Door struct {
	cfg       Config
	name      string
	origins   origins
	counters  Counters
	buffers   buffers
	unpackers sync.Pool // of *otlp.Unpacker
	// unpacking bounds how many requests are unpacked at once. It is work for a
	// processor, so that more at once would gain nothing, and each takes memory
	// that its request is too small to be reserved for: a zstd decoder its window.
	unpacking chan struct{}
}

// NewDoor returns a door. Its name is what counters, logs and spans' records say.
func NewDoor(cfg Config, name string) *Door {
	return &Door{cfg: cfg.withDefaults(), name: name, origins: newOrigins(cfg.CORSOrigins), unpacking: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// Name returns the name of the door.
func (d *Door) Name() string { return d.name }

// Stats returns what came through the door.
func (d *Door) Stats() Stats { return d.counters.Stats() }

// request is one request on its way. Its buffers are its own until release.
type request struct {
	room      Reservation
	tenant    string
	encoding  otlp.Encoding
	translate Translate // nil: the body is OTLP protobuf
	arrived   time.Time

	packed, unpacked, translated, rewritten []byte
}

// Give takes the spans of a body that came otherwise than as a request of HTTP or gRPC: a
// datagram, a record of a queue. The body is the caller's again when Give returns.
func (d *Door) Give(ctx context.Context, tenant string, body []byte, translate Translate) (storage.Result, error) {
	r := request{tenant: tenant, translate: translate}
	defer r.room.Release() // of a fault, too
	res, err := d.give(ctx, &r, body)
	r.packed = nil // not ours to keep
	d.release(&r)
	if err != nil {
		d.Count(err)
	}
	return res, err
}

func (d *Door) give(ctx context.Context, r *request, body []byte) (storage.Result, error) {
	if err := d.begin(r); err != nil {
		return storage.Result{}, err
	}
	if len(body) > d.cfg.MaxBodyBytes {
		return storage.Result{}, d.tooLarge()
	}
	if err := r.room.Grow(int64(len(body))); err != nil {
		return storage.Result{}, err
	}
	r.packed = body
	return d.take(ctx, r)
}

// begin admits a request, or says why not; release ends both.
func (d *Door) begin(r *request) error {
	r.room = d.cfg.Budget.Reserve()
	if err := d.cfg.Gate.Err(); err != nil {
		return err
	}
	return r.room.Grow(requestOverhead)
}

// release gives back what a request holds. The store has let go of it.
func (d *Door) release(r *request) {
	d.buffers.put(r.packed)
	d.buffers.put(r.unpacked)
	d.buffers.put(r.translated)
	d.buffers.put(r.rewritten)
	r.packed, r.unpacked, r.translated, r.rewritten = nil, nil, nil, nil
	r.room.Release()
}

// take unpacks, translates and appends a request whose body is in r.packed.
func (d *Door) take(ctx context.Context, r *request) (storage.Result, error) {
	if d.cfg.Cores != nil {
		defer d.cfg.Cores.Arrive()()
	}
	r.arrived = d.cfg.Now()
	d.counters.Came(len(r.packed))
	tenant, err := clew.ParseTenant(r.tenant)
	if err != nil {
		return storage.Result{}, err
	}
	record := storage.Record{Tenant: tenant, Body: r.packed, ReceivedAt: r.arrived, Door: d.name}
	if r.encoding != otlp.Identity {
		if err := d.unpack(ctx, r); err != nil {
			return storage.Result{}, err
		}
		record.Body, record.Received, record.Compression = r.unpacked, r.packed, storage.Compression(r.encoding)
	}
	unknown := 0
	if r.translate != nil {
		if r.translated, err = d.hold(r, len(record.Body)); err != nil {
			return storage.Result{}, err
		}
		held := cap(r.translated)
		if r.translated, unknown, err = r.translate(r.translated, record.Body); err != nil {
			return storage.Result{}, err
		}
		if more := cap(r.translated) - held; more > 0 { // it came to more than it was
			if err := r.room.Grow(int64(more)); err != nil {
				return storage.Result{}, err
			}
		}
		record.Body, record.Received, record.Compression = r.translated, nil, storage.Identity
	}
	body, more, err := d.rewrite(ctx, r, record.Body)
	if err != nil {
		return storage.Result{}, err
	}
	if body != nil {
		record.Body, record.Received, record.Compression = body, nil, storage.Identity
	}
	unknown += more
	if len(record.Body) == 0 && body != nil { // nothing is left of it
		d.counters.Took(d.name, &storage.Result{}, r.arrived)
		return storage.Result{UnknownFields: unknown}, nil
	}
	// What the store makes of a request before it has a place takes about its size.
	if err := r.room.Grow(int64(len(record.Body))); err != nil {
		return storage.Result{}, err
	}
	res, err := d.cfg.Appender.Append(ctx, record)
	if err != nil {
		return storage.Result{}, err
	}
	res.UnknownFields += unknown
	d.counters.Took(d.name, &res, r.arrived)
	return res, nil
}

// rewrite has a pipeline change body, if there is one. It returns what body came to, nil if
// it stays as it is, and how many fields are gone that OTLP does not define.
func (d *Door) rewrite(ctx context.Context, r *request, body []byte) (out []byte, unknown int, err error) {
	if d.cfg.Pipeline == nil {
		return nil, 0, nil
	}
	p := d.cfg.Pipeline()
	if p == nil {
		return nil, 0, nil
	}
	room := p.Room(body)
	if err := r.room.Grow(room); err != nil {
		return nil, 0, err
	}
	defer func() { r.room.Shrink(room) }()
	b, err := d.hold(r, len(body))
	if err != nil {
		return nil, 0, err
	}
	out, done, err := p.Rewrite(ctx, b, body)
	if err != nil || !done.Changed {
		d.drop(r, b)
		return nil, 0, err
	}
	if cap(out) != cap(b) { // it came to more than there was room for
		more := int64(cap(out))
		d.drop(r, b)
		if err := r.room.Grow(more); err != nil {
			return nil, 0, err
		}
	}
	r.rewritten = out
	if len(out) > d.cfg.MaxBodyBytes {
		return nil, 0, clew.Errorf(clew.TooLarge, "the pipeline made more than %d bytes of the request; send smaller batches or raise --max-request", d.cfg.MaxBodyBytes)
	}
	if out == nil {
		out = []byte{} // nothing is left
	}
	return out, done.Unknown, nil
}

// hold returns an empty buffer for n bytes, reserved for r.
func (d *Door) hold(r *request, n int) ([]byte, error) {
	b := d.buffers.get(n)
	if err := r.room.Grow(int64(cap(b))); err != nil {
		d.buffers.put(b)
		return nil, err
	}
	return b, nil
}

// drop gives back a buffer that hold returned.
func (d *Door) drop(r *request, b []byte) {
	r.room.Shrink(int64(cap(b)))
	d.buffers.put(b)
}

// unpack unpacks r.packed. What is usual for its size is reserved first, and step
// by step up to the limit if that does not suffice.
func (d *Door) unpack(ctx context.Context, r *request) error {
	select {
	case d.unpacking <- struct{}{}:
		defer func() { <-d.unpacking }()
	case <-ctx.Done():
		return clew.Errorf(clew.Canceled, "the sender gave up: %w", context.Cause(ctx))
	}
	unpacker, _ := d.unpackers.Get().(*otlp.Unpacker)
	if unpacker == nil {
		unpacker = new(otlp.Unpacker)
	}
	defer d.unpackers.Put(unpacker) // one does all tries
	most := d.cfg.MaxBodyBytes
	limit := min(len(r.packed)*expectedRatio+minUnpacked, most)
	reserved := 0
	for {
		// Half of what is reserved is what a rule needs: a larger class of buffers
		// would be a waste.
		b := d.buffers.get(min(limit/2, largeBuffer))
		if err := r.room.Grow(int64(max(limit, cap(b)) - reserved)); err != nil {
			d.buffers.put(b)
			return err
		}
		reserved = max(limit, cap(b))
		out, err := unpacker.Unpack(b, r.encoding, r.packed, limit)
		if cap(out) != cap(b) || err != nil {
			d.buffers.put(b) // out is another one, or none
		}
		if err == nil {
			r.unpacked = out
			return nil
		}
		if clew.KindOf(err) != clew.TooLarge || limit == most {
			return err
		}
		limit = min(limit*unpackStep, most)
	}
}
