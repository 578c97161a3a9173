package ingest

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest/datagram"
	"github.com/clew-tracing/clew/storage"
)

// UDP is a door of datagrams.
type UDP struct {
	*Door
	translate Translate
	server    datagram.Server
}

// NewUDP returns a door of datagrams, each of which is what translate takes: for the tenant
// of those that name none, since a datagram names none.
func NewUDP(cfg Config, name string, translate Translate) *UDP {
	return &UDP{Door: NewDoor(cfg, name), translate: translate, server: datagram.Server{Room: cfg.Datagrams}}
}

// Serve takes what comes at conn until ctx ends, and then what has come by then. It closes
// conn.
func (u *UDP) Serve(ctx context.Context, conn net.PacketConn) error {
	return u.server.Serve(ctx, conn, func(batch [][]byte) { u.GiveEach(ctx, "", batch, u.translate) })
}

// Datagrams returns what the sockets say of what came: they know of those, too, that nobody
// had room for.
func (u *UDP) Datagrams() datagram.Stats { return u.server.Stats() }

// GiveEach takes the spans of datagrams, all by one append. translate appends what one
// datagram comes to, other than a request's also behind what is there already, and a datagram
// that it refuses is counted, and none of it taken. Nobody is there to be told of errors or to
// send again, so that GiveEach waits when memory is short or the store takes nothing for the
// moment, as long as senders of requests usually would; when ctx ends, it tries once more. What
// it could not give then is counted as an error of one request.
//
// The batch is the caller's again when GiveEach returns.
func (d *Door) GiveEach(ctx context.Context, tenant string, batch [][]byte, translate Translate) {
	r := request{tenant: tenant, translate: translate, arrived: d.cfg.Now(), room: d.cfg.Budget.Reserve()}
	defer r.room.Release() // as in Door.Post
	size := 0
	for _, x := range batch {
		d.counters.Came(len(x))
		size += len(x)
	}
	if err := d.giveEach(ctx, &r, batch, size); err != nil {
		d.Count(err)
	}
	d.release(&r)
}

func (d *Door) giveEach(ctx context.Context, r *request, batch [][]byte, size int) error {
	tenant, err := clew.ParseTenant(r.tenant)
	if err != nil {
		return err
	}
	err = patiently(ctx, func() (err error) {
		r.room.Release()
		if err = d.begin(r); err == nil {
			r.translated, err = d.hold(r, size)
		}
		return err
	})
	if err != nil {
		return err
	}
	if d.cfg.Cores != nil {
		defer d.cfg.Cores.Arrive()()
	}
	unknown, held := 0, cap(r.translated)
	for _, x := range batch {
		out, n, err := translateOne(r.translate, r.translated, x)
		if err != nil {
			d.Count(err)
			continue
		}
		r.translated = out
		unknown += n
	}
	if len(r.translated) == 0 {
		return nil
	}
	// What they came to more than they were, and the store's part, as in Door.take.
	more := int64(cap(r.translated) - held + len(r.translated))
	if err := patiently(ctx, func() error { return r.room.Grow(more) }); err != nil {
		return err
	}
	body, gone, err := d.rewritePatiently(ctx, r)
	if err != nil || len(body) == 0 {
		return err
	}
	var res storage.Result
	err = patiently(ctx, func() (err error) {
		// The end of the server is not the end of what has come by then.
		res, err = d.cfg.Appender.Append(context.WithoutCancel(ctx), storage.Record{Tenant: tenant, Body: body, ReceivedAt: r.arrived, Door: d.name})
		return err
	})
	if err != nil {
		return err
	}
	res.UnknownFields += unknown + gone
	d.counters.Took(d.name, &res, r.arrived)
	return nil
}

// rewritePatiently has a pipeline change what datagrams were translated into, if there is
// one. unknown counts fields that are gone.
func (d *Door) rewritePatiently(ctx context.Context, r *request) (body []byte, unknown int, err error) {
	err = patiently(ctx, func() (err error) {
		body, unknown, err = d.rewrite(context.WithoutCancel(ctx), r, r.translated)
		return err
	})
	if body == nil {
		body = r.translated
	}
	return body, unknown, err
}

// translateOne translates a datagram. A fault costs the datagram that met it, not the server:
// no handler of HTTP stands around it.
func translateOne(translate Translate, dst, body []byte) (out []byte, unknown int, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = clew.Errorf(clew.Internal, "a datagram met a fault of the server, please report it: %s", fmt.Sprintf("%v\n%s", fault, debug.Stack()))
		}
	}()
	return translate(dst, body)
}

// patiently does what may have to be done again later, for a while.
func patiently(ctx context.Context, try func() error) error {
	for end := time.Now().Add(datagramPatience); ; {
		err := try()
		if err == nil || !AnswerTo(err).Retry || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
		wait := time.NewTimer(min(RetryAfter(err), datagramRetry))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
}
