// Package otlpdoor takes OTLP trace requests over HTTP and gRPC and appends them
// to a store. No protobuf object exists between the wire and the store.
//
// Both doors are http.Handlers, gRPC's too: a call of gRPC is a POST over HTTP/2
// whose body has a five-byte prefix and whose outcome is in the trailers. That is
// little to write, and it gives the door what grpc.Server keeps to itself: the
// claimed length before the memory for it is taken, so that all requests stay
// within one budget, and the packed bytes, which go to the log as they came.
//
//	HTTP   POST /v1/traces              gRPC  POST /opentelemetry.proto.collector.trace.v1.TraceService/Export
//	       the request, packed as                u8     1: packed as grpc-encoding says, 0: not
//	       Content-Encoding says                 u32    length, big-endian
//	                                             bytes  the request
//
// Life of a request. Its headers are looked at; its body is read as the budget
// allows; it is unpacked, JSON is translated, and the store parses it under the same
// budget; the store appends it; the answer says which spans were refused and why.
//
// Specification: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP", "OTLP/gRPC", and
// gRPC's doc/PROTOCOL-HTTP2.md.
package otlpdoor

import (
	"context"
	"runtime"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage"
)

// Config is what both doors need.
type Config struct {
	Appender storage.Appender
	// Cores are told while spans are worked on; nil: nobody is.
	Cores *cores.Pool
	// MaxBodyBytes bounds a request packed and unpacked; 0 is
	// ingest.DefaultMaxBodyBytes.
	MaxBodyBytes int
	// BodyTimeout bounds the time a request takes to arrive; 0 is
	// DefaultBodyTimeout.
	BodyTimeout time.Duration
	// Budget bounds requests in flight; nil is one of the default size. Doors of
	// one server share it.
	Budget *ingest.Budget
	// Gate, where not nil, closes the doors; doors of one server share it.
	Gate *ingest.Gate
	// CORSOrigins are the origins whose pages may send: exact ones, "*" for any.
	CORSOrigins []string
	// Now tells the time of arrival; nil is time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.MaxBodyBytes <= 0 {
		c.MaxBodyBytes = ingest.DefaultMaxBodyBytes
	}
	if c.BodyTimeout <= 0 {
		c.BodyTimeout = DefaultBodyTimeout
	}
	if c.Budget == nil {
		c.Budget = ingest.NewBudget(0)
	}
	if c.Gate == nil {
		c.Gate = new(ingest.Gate)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// tenantHeader names the tenant of a request, in HTTP and in gRPC's metadata.
const tenantHeader = "X-Scope-OrgID"

// door is the way of a request that both protocols share.
type door struct {
	cfg      Config
	name     string
	counters ingest.Counters
	buffers  buffers
	unpacker otlp.Unpacker
	// unpacking bounds how many requests are unpacked at once. It is work for a
	// processor, so that more at once would gain nothing, and each takes memory
	// that its request is too small to be reserved for: a zstd decoder its window.
	unpacking chan struct{}
}

func newDoor(cfg Config, name string) door {
	return door{cfg: cfg.withDefaults(), name: name, unpacking: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// Stats returns what came through the door.
func (d *door) Stats() ingest.Stats { return d.counters.Stats() }

// request is one request on its way. Its buffers are its own until release.
type request struct {
	room     ingest.Reservation
	tenant   string
	encoding otlp.Encoding
	json     bool
	arrived  time.Time

	packed, unpacked, translated []byte
}

// begin admits a request, or says why not; release ends both.
func (d *door) begin(r *request) error {
	r.room = d.cfg.Budget.Reserve()
	if err := d.cfg.Gate.Err(); err != nil {
		return err
	}
	return r.room.Grow(requestOverhead)
}

// release gives back what a request holds. The store has let go of it.
func (d *door) release(r *request) {
	d.buffers.put(r.packed)
	d.buffers.put(r.unpacked)
	d.buffers.put(r.translated)
	r.packed, r.unpacked, r.translated = nil, nil, nil
	r.room.Release()
}

// take unpacks, translates and appends a request whose body is in r.packed.
func (d *door) take(ctx context.Context, r *request) (storage.Result, error) {
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
	if r.json {
		if r.translated, err = d.hold(r, len(record.Body)); err != nil {
			return storage.Result{}, err
		}
		if r.translated, unknown, err = otlp.TranscodeJSON(r.translated, record.Body); err != nil {
			return storage.Result{}, err
		}
		record.Body, record.Received, record.Compression = r.translated, nil, storage.Identity
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

// hold returns an empty buffer for n bytes, reserved for r.
func (d *door) hold(r *request, n int) ([]byte, error) {
	b := d.buffers.get(n)
	if err := r.room.Grow(int64(cap(b))); err != nil {
		d.buffers.put(b)
		return nil, err
	}
	return b, nil
}

// drop gives back a buffer that hold returned.
func (d *door) drop(r *request, b []byte) {
	r.room.Shrink(int64(cap(b)))
	d.buffers.put(b)
}

// unpack unpacks r.packed. What is usual for its size is reserved first, and step
// by step up to the limit if that does not suffice.
func (d *door) unpack(ctx context.Context, r *request) error {
	select {
	case d.unpacking <- struct{}{}:
		defer func() { <-d.unpacking }()
	case <-ctx.Done():
		return clew.Errorf(clew.Canceled, "the sender gave up: %w", context.Cause(ctx))
	}
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
		out, err := d.unpacker.Unpack(b, r.encoding, r.packed, limit)
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
