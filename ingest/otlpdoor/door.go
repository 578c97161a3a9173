// Package otlpdoor takes OTLP trace requests over HTTP and gRPC and appends them
// to a store. No protobuf object exists between the wire and the store.
//
// Specification: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP", "OTLP/gRPC".
package otlpdoor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage"
)

// Config is what both doors need.
type Config struct {
	Appender storage.Appender
	// MaxBodyBytes bounds a request packed and unpacked; 0 is
	// ingest.DefaultMaxBodyBytes.
	MaxBodyBytes int
	// Budget bounds requests in flight; nil is one of the default size. Doors of
	// one server share it.
	Budget *ingest.Budget
	// Gate, where not nil, closes the doors; doors of one server share it.
	Gate *ingest.Gate
	// CORSOrigins are the origins whose pages may send: exact ones, "*" for any.
	CORSOrigins []string
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.MaxBodyBytes <= 0 {
		c.MaxBodyBytes = ingest.DefaultMaxBodyBytes
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

// maxPooledBytes is the largest buffer kept for the next request.
const maxPooledBytes = 4 << 20

// door is the way of a request that both protocols share.
type door struct {
	cfg      Config
	name     string
	counters ingest.Counters
	unpacker otlp.Unpacker
	buffers  sync.Pool // of *[]byte
}

func (d *door) buffer() *[]byte {
	if b, ok := d.buffers.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

func (d *door) recycle(b *[]byte) {
	if cap(*b) <= maxPooledBytes {
		*b = (*b)[:0]
		d.buffers.Put(b)
	}
}

// request is one request as it came.
type request struct {
	tenant   string
	packed   []byte
	encoding otlp.Encoding
	json     bool
	arrived  time.Time
}

// take unpacks, translates and appends a request. The memory of its unpacked
// form is reserved first: what is usual for its size, and the limit if that is
// not enough.
func (d *door) take(ctx context.Context, r *request) (storage.Result, error) {
	tenant, err := clew.ParseTenant(r.tenant)
	if err != nil {
		return storage.Result{}, err
	}
	body := r.packed
	if r.encoding != otlp.Identity {
		buf := d.buffer()
		defer d.recycle(buf)
		reserved, err := d.unpack(buf, r)
		defer d.cfg.Budget.Give(reserved)
		if err != nil {
			return storage.Result{}, err
		}
		body = *buf
	}
	record := storage.Record{Tenant: tenant, Body: body, ReceivedAt: r.arrived, Door: d.name}
	unknown := 0
	if r.json {
		buf := d.buffer()
		defer d.recycle(buf)
		if err := d.cfg.Budget.Take(int64(len(body))); err != nil {
			return storage.Result{}, err
		}
		defer d.cfg.Budget.Give(int64(len(body)))
		if *buf, unknown, err = otlp.TranscodeJSON((*buf)[:0], body); err != nil {
			return storage.Result{}, err
		}
		record.Body = *buf
	} else if r.encoding != otlp.Identity {
		record.Received, record.Compression = r.packed, storage.Compression(r.encoding)
	}
	res, err := d.cfg.Appender.Append(ctx, record)
	res.UnknownFields += unknown
	return res, err
}

// expected is how much larger an unpacked request usually is at most.
const expected = 16

func (d *door) unpack(buf *[]byte, r *request) (reserved int64, err error) {
	first := min(len(r.packed)*expected+4096, d.cfg.MaxBodyBytes)
	if err := d.cfg.Budget.Take(int64(first)); err != nil {
		return 0, err
	}
	reserved = int64(first)
	*buf, err = d.unpacker.Unpack((*buf)[:0], r.encoding, r.packed, first)
	if clew.KindOf(err) != clew.TooLarge || first == d.cfg.MaxBodyBytes {
		return reserved, err
	}
	rest := int64(d.cfg.MaxBodyBytes) - reserved
	if err := d.cfg.Budget.Take(rest); err != nil {
		return reserved, err
	}
	reserved += rest
	*buf, err = d.unpacker.Unpack((*buf)[:0], r.encoding, r.packed, d.cfg.MaxBodyBytes)
	return reserved, err
}

// Lengths of what a client is told.
const (
	maxMessageBytes = 4096
	maxNameBytes    = 64
)

// message names the refused spans and why, for partial_success.
func message(r *storage.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d spans refused", r.Refused, r.Refused+r.Accepted)
	for _, x := range r.Refusals {
		fmt.Fprintf(&b, "; span %d %q: %s", x.Span, clip(x.Name, maxNameBytes), x.Reason)
		if b.Len() > maxMessageBytes {
			break
		}
	}
	if more := r.Refused - len(r.Refusals); more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return clip(b.String(), maxMessageBytes)
}

// clip shortens s to n bytes and makes it valid UTF-8.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// retryAfter returns how long a sender is to wait, at least a second.
func retryAfter(err error) time.Duration {
	wait := time.Second
	for e := err; e != nil; {
		x, ok := e.(*clew.Error)
		if ok && x.RetryAfter > wait {
			wait = x.RetryAfter
		}
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			break
		}
		e = u.Unwrap()
	}
	return wait
}
