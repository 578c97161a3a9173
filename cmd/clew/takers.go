package main

import (
	"context"
	"net"
	"net/http"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/guard"
)

// taker is a door that takes spans, of requests or of datagrams.
type taker struct {
	door string // that it listens at
	of   interface{ Stats() ingest.Stats }

	handler http.Handler
	deny    ingest.Denial // answers requests that are not let through

	// datagrams takes what comes at an address until the context ends, and then what
	// has come by then.
	datagrams func(context.Context, net.PacketConn) error
}

// newTakers are the doors of spans of this server.
func (s *server) newTakers(cfg ingest.Config) []taker {
	s.otlpHTTP, s.otlpGRPC = otlpdoor.NewHTTP(cfg), otlpdoor.NewGRPC(cfg)
	return []taker{
		{door: doorOTLPHTTP, of: s.otlpHTTP, handler: s.otlpHTTP, deny: s.otlpHTTP.Deny},
		{door: doorOTLPGRPC, of: s.otlpGRPC, handler: s.otlpGRPC, deny: s.otlpGRPC.Deny},
	}
}

// serveTakers serves the datagrams that are listened for, and adds to serve, by door, what
// serves the requests.
func (s *server) serveTakers(serve map[string]func(net.Listener) error) {
	ctx, end := context.WithCancel(context.Background())
	s.endDatagrams = end
	for _, t := range s.takers {
		if t.datagrams == nil {
			h := s.newHTTPServer(s.gate.Guard(config.Write, denyBy(t.deny), t.handler), faultBy(t.deny))
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

// denyBy denies as a door does, in the form that OTLP's clients read.
func denyBy(deny ingest.Denial) guard.Deny {
	return func(w http.ResponseWriter, r *http.Request, no *guard.Denial) {
		deny(w, r, no.Status, no.Code(), no.Message)
	}
}
