package otlpdoor_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// server is both doors on loopback, before a store.
type server struct {
	store              *spandb.DB // nil where the test gave an appender
	budget             *ingest.Budget
	gate               *ingest.Gate
	http               *otlpdoor.HTTP
	grpc               *ingest.GRPC
	httpAddr, grpcAddr string
	httpServer         *http.Server
	client             *http.Client // HTTP/1.1
	client2            *http.Client // HTTP/2 without TLS
}

// start serves doors before a store in memory, or cfg.Appender.
func start(tb testing.TB, cfg ingest.Config) *server {
	tb.Helper()
	s := &server{budget: cfg.Budget, gate: cfg.Gate}
	if s.budget == nil {
		s.budget = ingest.NewBudget(0)
	}
	if s.gate == nil {
		s.gate = new(ingest.Gate)
	}
	cfg.Budget, cfg.Gate = s.budget, s.gate
	if cfg.Appender == nil {
		db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := db.Close(); err != nil {
				tb.Error(err)
			}
		})
		s.store, cfg.Appender = db, db
	}
	s.http, s.grpc = otlpdoor.NewHTTP(cfg), otlpdoor.NewGRPC(cfg)
	s.httpAddr, s.httpServer = listen(tb, s.http)
	s.grpcAddr, _ = listen(tb, s.grpc)
	s.client, s.client2 = newClient(tb, false), newClient(tb, true)
	return s
}

func listen(tb testing.TB, h http.Handler) (string, *http.Server) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	srv := &http.Server{Handler: h, Protocols: protocols}
	done := make(chan struct{})
	go func() { _ = srv.Serve(l); close(done) }()
	tb.Cleanup(func() { _ = srv.Close(); <-done })
	return l.Addr().String(), srv
}

func newClient(tb testing.TB, h2 bool) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2)
	tr := &http.Transport{Protocols: protocols, DisableCompression: true, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
	tb.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// answer is what came back over HTTP.
type answer struct {
	code   int
	header http.Header
	body   []byte
	closes bool // the server does not use the connection again
}

// post sends body to /v1/traces; headers come in pairs.
func (s *server) post(tb testing.TB, body io.Reader, headers ...string) answer {
	tb.Helper()
	return s.do(tb, s.client, "POST", otlpdoor.TracesPath, body, headers...)
}

func (s *server) do(tb testing.TB, c *http.Client, method, path string, body io.Reader, headers ...string) answer {
	tb.Helper()
	req, err := http.NewRequest(method, "http://"+s.httpAddr+path, body)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, out, res.Close}
}

// frame is a message as gRPC sends it, with the length it claims.
func frame(flag byte, claimed int, message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(claimed)), message...)
}

// call is a call of Export whose body is sent as it stands. It returns the
// message of the answer, prefix and all, and the status.
func (s *server) call(tb testing.TB, body io.Reader, headers ...string) ([]byte, *status.Status) {
	tb.Helper()
	req, err := http.NewRequest("POST", "http://"+s.grpcAddr+otlpdoor.ExportPath, body)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.client2.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	if res.StatusCode != 200 {
		tb.Fatalf("a call is answered with HTTP %d: %s", res.StatusCode, out)
	}
	return out, callStatus(tb, res)
}

// callStatus reads the status from where a client looks for it.
func callStatus(tb testing.TB, res *http.Response) *status.Status {
	tb.Helper()
	h := res.Trailer
	if h.Get("Grpc-Status") == "" {
		h = res.Header
	}
	n, err := strconv.Atoi(h.Get("Grpc-Status"))
	if err != nil {
		tb.Fatalf("the answer has no grpc-status: %v %v", res.Header, res.Trailer)
	}
	text, err := url.PathUnescape(h.Get("Grpc-Message"))
	if err != nil {
		tb.Fatal(err)
	}
	st := status.New(codes.Code(n), text)
	if raw := h.Get("Grpc-Status-Details-Bin"); raw != "" {
		b, err := base64.RawStdEncoding.DecodeString(raw)
		if err != nil {
			tb.Fatal(err)
		}
		var p rpc.Status
		if err := proto.Unmarshal(b, &p); err != nil {
			tb.Fatal(err)
		}
		if p.Code != int32(n) || p.Message != text {
			tb.Errorf("the details say %v, the headers %d %q", &p, n, text)
		}
		st = status.FromProto(&p)
	}
	return st
}

// trace reads a trace of the default tenant.
func (s *server) trace(tb testing.TB, id clew.TraceID) storage.Trace {
	tb.Helper()
	tr, err := s.store.Trace(context.Background(), clew.DefaultTenant, id)
	if err != nil {
		tb.Fatal(err)
	}
	return tr
}

func gzipped(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func zstded(tb testing.TB, b []byte) []byte {
	tb.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		tb.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

// bombSize is what the bombs unpack to.
const bombSize = 64 << 20

// bombs are bombSize zeros, packed, made once.
func bombs(tb testing.TB) (gz, z []byte) {
	tb.Helper()
	madeBombs.Do(func() {
		zeros := make([]byte, bombSize)
		gzipBomb, zstdBomb = gzipped(tb, zeros), zstded(tb, zeros)
	})
	return gzipBomb, zstdBomb
}

var (
	madeBombs          sync.Once
	gzipBomb, zstdBomb []byte
)

// raw sends bytes over a connection of its own and reads one answer. The
// connection stays open on this side until then.
func (s *server) raw(tb testing.TB, text string) answer {
	tb.Helper()
	conn, err := net.Dial("tcp", s.httpAddr)
	if err != nil {
		tb.Fatal(err)
	}
	// The answer may come, and the connection end, before all is written.
	written := make(chan struct{})
	go func() { _, _ = io.WriteString(conn, text); close(written) }()
	defer func() { _ = conn.Close(); <-written }()
	return readAnswer(tb, bufio.NewReader(conn))
}

func readAnswer(tb testing.TB, r *bufio.Reader) answer {
	tb.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, body, res.Close}
}
