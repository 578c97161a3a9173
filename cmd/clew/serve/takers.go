package serve

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/datagram"
	"github.com/clew-tracing/clew/ingest/jaegerdoor"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/ingest/xraydoor"
	"github.com/clew-tracing/clew/ingest/zipkindoor"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/guard"
)

// taker is a door that takes spans, of requests or of datagrams.
type taker struct {
	door string // that it listens at
	// paths are those of a dialect's door that are for spans; nil: the whole door is.
	paths []string
	of    interface{ Stats() ingest.Stats }
	// before, where not nil, sees requests before a token is asked for.
	before func(http.Handler) http.Handler
	// prefix is where the page's address has all of the door as well; "" is nowhere.
	prefix string

	handler http.Handler
	deny    ingest.Denial // answers requests that are not let through
	// reads is what of the door's paths is for reading, guarded where it has to be; it returns
	// nil for a path that is the handler's. nil: all of them are.
	reads func(path string) http.Handler

	// datagrams takes what comes at an address until the context ends, and then what
	// has come by then.
	datagrams func(context.Context, net.PacketConn) error
	// fetches, where not nil, takes what it fetches itself until the context ends; from says
	// where.
	fetches func(context.Context) error
	from    fmt.Stringer

	// counted says what came in datagrams, and what the kernel had no room for.
	counted func() datagram.Stats
}

// newTakers are the doors of spans of this server.
func (s *server) newTakers(cfg ingest.Config) []taker {
	s.otlpHTTP, s.otlpGRPC = otlpdoor.NewHTTP(cfg), otlpdoor.NewGRPC(cfg)
	inZipkin := zipkindoor.New(cfg)
	xray, xrayUDP := xraydoor.NewHTTP(cfg), xraydoor.NewUDP(cfg)
	xray.OTLP = s.otlpHTTP
	post, thrift := jaegerdoor.NewGRPC(cfg), jaegerdoor.NewHTTP(cfg)
	compact, binary := jaegerdoor.NewCompact(cfg), jaegerdoor.NewBinary(cfg)
	takers := []taker{
		{door: DoorOTLPHTTP, of: s.otlpHTTP, handler: s.otlpHTTP, deny: s.otlpHTTP.Deny},
		{door: DoorOTLPGRPC, of: s.otlpGRPC, handler: s.otlpGRPC, deny: s.otlpGRPC.Deny, reads: s.healthOf(s.otlpGRPC, nil)},
		{door: DoorZipkin, paths: zipkindoor.Paths, of: inZipkin, handler: inZipkin, deny: inZipkin.Deny},
		{door: DoorXRay, prefix: "/xray", before: s.signed(xray), of: xray, handler: s.fromOrigins(xray), deny: xray.Deny, reads: s.xrayReads()},
		{door: DoorXRayUDP, of: xrayUDP, datagrams: xrayUDP.Serve, counted: xrayUDP.Datagrams},
		{door: DoorJaegerPost, of: post, handler: post, deny: post.Deny, reads: s.healthOf(post, s.strategiesCalled)},
		{door: DoorJaegerThrift, of: thrift, handler: s.fromOrigins(thrift), deny: thrift.Deny, reads: s.jaegerStrategies()},
		{door: DoorJaegerCompact, of: compact, datagrams: compact.Serve, counted: compact.Datagrams},
		{door: DoorJaegerBinary, of: binary, datagrams: binary.Serve, counted: binary.Datagrams},
	}
	if s.kafka != nil {
		takers = append(takers, s.kafkaTaker(cfg))
	}
	return takers
}

// serveTakers serves the datagrams that are listened for, and adds to serve, by door, what
// serves the requests.
func (s *server) serveTakers(serve map[string]func(net.Listener) error) {
	ctx, end := context.WithCancel(context.Background())
	s.endDatagrams = end
	for _, t := range s.takers {
		switch {
		case t.paths != nil: // its dialect serves it
			continue
		case t.fetches != nil:
			s.datagrams.Go(func() { s.ended(t.door, t.from, t.fetches(ctx)) })
			continue
		case t.datagrams == nil:
			h := s.newHTTPServer(s.guarded(t), faultBy(t.deny))
			s.taking = append(s.taking, h)
			serve[t.door] = h.Serve
			continue
		}
		for _, d := range s.doors {
			if d.Name != t.door {
				continue
			}
			for _, at := range d.Datagrams {
				s.datagrams.Go(func() { s.ended(d.Name, at.LocalAddr(), t.datagrams(ctx, at)) })
			}
		}
	}
}

// guarded is what a door answers those who may write, and those who may read.
func (s *server) guarded(t taker) http.Handler {
	takes := s.gate.Guard(config.Write, denyBy(t.deny), t.handler)
	if t.reads == nil {
		return takes
	}
	all := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := t.reads(r.URL.Path); h != nil {
			h.ServeHTTP(w, r)
			return
		}
		takes.ServeHTTP(w, r)
	})
	if t.before != nil {
		return t.before(all)
	}
	return all
}

// takersAt adds to an address, whose answers besides are rest, the doors of spans that a
// dialect has there under a prefix. Other than what is read there, spans may come from
// pages of the origins that the settings name.
func (s *server) takersAt(d *dialect, rest http.Handler, prefixes ...string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	for _, t := range s.takers {
		if t.door != d.door {
			continue
		}
		h := s.fromOrigins(s.guarded(t))
		for _, path := range t.paths {
			for _, prefix := range prefixes {
				mux.Handle("POST "+prefix+path, http.StripPrefix(prefix, h))
				mux.Handle("OPTIONS "+prefix+path, http.StripPrefix(prefix, h))
			}
		}
	}
	return mux
}

// takersUnder adds to the page's address the doors that it has under a prefix.
func (s *server) takersUnder(rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	for _, t := range s.takers {
		if t.prefix != "" {
			mux.Handle(t.prefix+"/", http.StripPrefix(t.prefix, s.guarded(t)))
		}
	}
	return mux
}

// fromOrigins lets no other site's page send through a visitor's browser but those that
// the settings name.
func (s *server) fromOrigins(h http.Handler) http.Handler {
	p := http.NewCrossOriginProtection()
	for _, o := range s.settings.CORSOrigins {
		if o == "*" {
			return h
		}
		_ = p.AddTrustedOrigin(strings.TrimSuffix(o, "/")) // the settings take only what is an origin
	}
	return p.Handler(h)
}

// denyBy denies as a door does, in the form that OTLP's clients read.
func denyBy(deny ingest.Denial) guard.Deny {
	return func(w http.ResponseWriter, r *http.Request, no *guard.Denial) {
		deny(w, r, no.Status, no.Code(), no.Message)
	}
}
