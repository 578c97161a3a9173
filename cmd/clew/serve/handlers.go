package serve

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/guard"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/web"
)

// The limits of connections, for every HTTP address.
const (
	readHeaderTimeout = 10 * time.Second
	// idleTimeout is longer than the exporters' own (90 s in Go), so that it is
	// they who close, and no request meets a connection that is going away.
	idleTimeout    = 3 * time.Minute
	maxHeaderBytes = 64 << 10

	// maxStreams is how many calls one connection of HTTP/2 may have open; a
	// collector in front of many programs has one connection.
	maxStreams = 1000
	// A window of 1 MiB takes a usual batch without a round trip; four of them
	// are what one connection may have on its way.
	streamBuffer     = 1 << 20
	connectionBuffer = 4 << 20
	// A client that has gone without a word is noticed and let go.
	pingAfter    = 2 * time.Minute
	pingPatience = 20 * time.Second
)

// newHTTPServer returns a server for HTTP/1.1 and HTTP/2, the latter also
// without TLS. fail answers where h has a fault.
func (s *server) newHTTPServer(h http.Handler, fail func(http.ResponseWriter, *http.Request)) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: s.catching(h, fail), Protocols: protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerStream: streamBuffer, MaxReceiveBufferPerConnection: connectionBuffer,
			SendPingTimeout: pingAfter, PingTimeout: pingPatience,
		},
		ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// pageHandler is everything on the address for people: the page, the read API and
// its dialects, metrics and the two questions of those who watch over processes.
func (s *server) pageHandler(api http.Handler, dialects []dialect) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", api)
	for _, d := range dialects {
		d.onPage(mux)
	}
	s.telling().Mount(mux, true)
	mux.Handle("/metrics", s.gate.Guard(config.Read, denyJSON, s.metrics.handler()))
	mux.Handle("/debug/pprof/", s.gate.Guard(config.Admin, denyJSON, profiles()))
	alive := func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok") }
	mux.HandleFunc("/healthz", alive)
	mux.HandleFunc("/livez", alive) // the other name that watchers know
	mux.HandleFunc("/readyz", s.readyz)
	mux.HandleFunc("/v1/", s.elsewhere("OTLP over HTTP", DoorOTLPHTTP, s.otlpHTTP.DenyAt(DoorPage)))
	mux.HandleFunc(otlpdoor.ExportPath, s.elsewhere("OTLP over gRPC", DoorOTLPGRPC, s.otlpGRPC.DenyAt(DoorPage)))
	mux.Handle("/", web.Handler())
	// Another site's page must not act here through a visitor's browser.
	page := http.NewCrossOriginProtection().Handler(mux)
	for i := range dialects {
		if d := &dialects[i]; d.prefix != "" {
			page = s.takersAt(d, page, d.prefix)
		}
	}
	return s.takersUnder(page)
}

// elsewhere answers those who send spans to the page's address where the door is
// that they mean.
func (s *server) elsewhere(what, name string, deny ingest.Denial) http.HandlerFunc {
	text := "this address has the page and the read API; "
	for _, d := range s.doors {
		if d.Name != name {
			continue
		}
		if at := d.URL(s.settings.TLSCert != ""); at == "" {
			text += fmt.Sprintf("the door for %s is off (--%s)", what, d.Setting)
		} else {
			text += fmt.Sprintf("%s is taken at %s", what, at)
		}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		deny(w, r, http.StatusNotFound, codes.Unimplemented, text)
	}
}

// profiles answers what the runtime knows of itself, for go tool pprof.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// whileReady lets fail answer "come again later" while the server starts or ends.
func (s *server) whileReady(fail func(w http.ResponseWriter, status int, text string), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.in(phaseReady) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
		fail(w, http.StatusServiceUnavailable, s.notReady())
	})
}

func writeBusy(w http.ResponseWriter, status int, text string) { writeError(w, status, "busy", text) }

// notReady says why the server is not ready, "" if it is.
func (s *server) notReady() string {
	switch {
	case s.in(phaseStarting):
		return "the server is starting"
	case s.in(phaseLeaving):
		return "the server is ending"
	}
	_, why := storeState(s.store.Stats())
	return why
}

// storeState names what a store does with what comes, and says why it takes nothing.
func storeState(stats spandb.Stats) (state, why string) {
	switch {
	case stats.Failed != nil:
		return "read-only", "the store is read-only until a restart, since a write failed: " + stats.Failed.Error()
	case stats.Full != nil:
		return "full", stats.Full.Error()
	}
	return "open", ""
}

// readyz answers 200 when doors and store are ready, else 503 and why.
func (s *server) readyz(w http.ResponseWriter, _ *http.Request) {
	if why := s.notReady(); why != "" {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
		writeText(w, http.StatusServiceUnavailable, why)
		return
	}
	writeText(w, http.StatusOK, "ready")
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // the reader may have gone
}

// writeError answers in the form of the API's errors.
func writeError(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"kind": kind, "message": message}}) // the reader may have gone
}

// denyJSON denies in the form of the API's errors.
func denyJSON(w http.ResponseWriter, _ *http.Request, no *guard.Denial) {
	writeError(w, no.Status, "invalid", no.Message)
}
