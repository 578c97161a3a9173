package otlpdoor_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/storage"
)

// appender is a store that is one function.
type appender func(ctx context.Context, r storage.Record) (storage.Result, error)

func (a appender) Append(ctx context.Context, r storage.Record) (storage.Result, error) {
	return a(ctx, r)
}

func failing(err error) appender {
	return func(context.Context, storage.Record) (storage.Result, error) { return storage.Result{}, err }
}

// sendBoth sends one span through each door and returns the answers.
func (s *server) sendBoth(t *testing.T) (answer, *status.Status) {
	t.Helper()
	body := request(goodTrace + goodSpan)
	a := s.post(t, strings.NewReader(body), "Content-Type", "application/x-protobuf")
	_, st := s.call(t, bytes.NewReader(frame(0, len(body), []byte(body))))
	return a, st
}

// TestAnswers wants, for each error that a store may have, the codes that make a
// client of OTLP do the right thing, in both protocols.
func TestAnswers(t *testing.T) {
	busy := &clew.Error{Kind: clew.Busy, RetryAfter: 2500 * time.Millisecond, Err: errors.New("the disk does not keep up")}
	for _, c := range []struct {
		name string
		err  error
		http int
		grpc codes.Code
		wait string // Retry-After
		info time.Duration
	}{
		{"busy", busy, 503, codes.Unavailable, "3", 2500 * time.Millisecond},
		{"busy, not said how long", clew.Errorf(clew.Busy, "later"), 503, codes.Unavailable, "1", time.Second},
		{"canceled", clew.Errorf(clew.Canceled, "gave up"), 503, codes.Unavailable, "1", time.Second},
		{"invalid", clew.Errorf(clew.Invalid, "bad"), 400, codes.InvalidArgument, "", 0},
		{"too large", clew.Errorf(clew.TooLarge, "large"), 413, codes.ResourceExhausted, "", 0},
		{"damage on our disk", clew.Corruptf("x.seg", 7, "checksum"), 500, codes.Internal, "", 0},
		{"a fault of ours", os.ErrNotExist, 500, codes.Internal, "", 0},
	} {
		s := start(t, ingest.Config{Appender: failing(c.err)})
		a, st := s.sendBoth(t)
		if a.code != c.http || a.header.Get("Retry-After") != c.wait {
			t.Errorf("%s: HTTP %d, Retry-After %q; want %d, %q", c.name, a.code, a.header.Get("Retry-After"), c.http, c.wait)
		}
		for _, st := range []*status.Status{st, readStatus(t, a)} {
			if st.Code() != c.grpc || !strings.Contains(st.Message(), c.err.Error()) || retryInfo(st) != c.info {
				t.Errorf("%s: %v, retry in %v; want %v, %v", c.name, st, retryInfo(st), c.grpc, c.info)
			}
		}
		if h, g := s.http.Stats(), s.grpc.Stats(); h.Errors[clew.KindOf(c.err).String()] != 1 || g.Errors[clew.KindOf(c.err).String()] != 1 || h.LastRefusal.Reason == "" {
			t.Errorf("%s: counted %+v and %+v", c.name, h, g)
		}
	}
}

func retryInfo(st *status.Status) time.Duration {
	for _, d := range st.Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			return r.RetryDelay.AsDuration()
		}
	}
	return 0
}

// TestShortMemory takes the whole budget: requests are told to come again, and
// come in when it is free. A request larger than the budget is taken alone.
func TestShortMemory(t *testing.T) {
	s := start(t, ingest.Config{Budget: ingest.NewBudget(1 << 20), MaxBodyBytes: 8 << 20})
	r := s.budget.Reserve()
	if err := r.Grow(1 << 20); err != nil {
		t.Fatal(err)
	}
	a, st := s.sendBoth(t)
	if a.code != 429 || a.header.Get("Retry-After") != "1" || st.Code() != codes.ResourceExhausted {
		t.Errorf("HTTP %d, Retry-After %q, gRPC %v; want 429, 1, RESOURCE_EXHAUSTED", a.code, a.header.Get("Retry-After"), st)
	}
	for _, st := range []*status.Status{st, readStatus(t, a)} {
		if retryInfo(st) != time.Second || !strings.Contains(st.Message(), "--max-inflight") {
			t.Errorf("%v, retry in %v", st, retryInfo(st))
		}
	}
	r.Release()
	if a, st := s.sendBoth(t); a.code != 200 || st.Code() != codes.OK {
		t.Errorf("with memory again: HTTP %d, %v", a.code, st)
	}
	var large []byte
	for _, b := range corpus.Requests(corpus.Shop, 1, 8000, 8000) {
		large = b
	}
	for name, body := range map[string][]byte{"": large, "gzip": gzipped(t, large)} {
		if a := s.post(t, bytes.NewReader(body), "Content-Type", "application/x-protobuf", "Content-Encoding", name); a.code != 200 {
			t.Errorf("%d bytes over a budget of 1 MiB, %q: HTTP %d %q", len(body), name, a.code, a.body)
		}
	}
	if n := s.budget.Used(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}

// TestParsingIsReserved looks at the budget while a request is in the store: there is
// room for its body and for what the store makes of it.
func TestParsingIsReserved(t *testing.T) {
	budget := ingest.NewBudget(0)
	var during, size int64
	s := start(t, ingest.Config{Budget: budget, Appender: appender(func(_ context.Context, r storage.Record) (storage.Result, error) {
		during, size = budget.Used(), int64(len(r.Body))
		return storage.Result{Accepted: 1}, nil
	})})
	var body []byte
	for _, b := range corpus.Requests(corpus.Shop, 1, 8000, 8000) {
		body = b
	}
	for name, sent := range map[string][]byte{"": body, "gzip": gzipped(t, body)} {
		if a := s.post(t, bytes.NewReader(sent), "Content-Type", "application/x-protobuf", "Content-Encoding", name); a.code != 200 {
			t.Fatalf("HTTP %d %q", a.code, a.body)
		}
		if size != int64(len(body)) || during < 2*size {
			t.Errorf("%q: %d bytes are reserved for a body of %d, want twice as many", name, during, size)
		}
	}
}

// TestDrain closes the doors while a request is in the store: it ends well, later
// ones are told to come again, and to come on another connection.
func TestDrain(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := start(t, ingest.Config{Appender: appender(func(context.Context, storage.Record) (storage.Result, error) {
		entered <- struct{}{}
		<-leave
		return storage.Result{Accepted: 1}, nil
	})})
	body := request(goodTrace + goodSpan)
	var inFlight sync.WaitGroup
	inFlight.Go(func() {
		if a := s.post(t, strings.NewReader(body), "Content-Type", "application/x-protobuf"); a.code != 200 {
			t.Errorf("in flight over HTTP: %d %q", a.code, a.body)
		}
	})
	inFlight.Go(func() {
		if _, st := s.call(t, bytes.NewReader(frame(0, len(body), []byte(body)))); st.Code() != codes.OK {
			t.Errorf("in flight over gRPC: %v", st)
		}
	})
	<-entered
	<-entered
	s.gate.Drain()
	a, st := s.sendBoth(t)
	if a.code != 503 || a.header.Get("Retry-After") != "2" || !a.closes || st.Code() != codes.Unavailable {
		t.Errorf("HTTP %d %v, gRPC %v; want 503, UNAVAILABLE", a.code, a.header, st)
	}
	for _, st := range []*status.Status{st, readStatus(t, a)} {
		if retryInfo(st) != 2*time.Second || !strings.Contains(st.Message(), "shutting down") {
			t.Errorf("%v, retry in %v", st, retryInfo(st))
		}
	}
	close(leave)
	inFlight.Wait()
}

// TestRecords looks at what the store gets: the body as it came, packed, beside
// its clear form; JSON in protobuf; the tenant; and every buffer left alone while
// it works.
func TestRecords(t *testing.T) {
	var bodies sync.Map // clear body -> true
	var wrong atomic.Int64
	var got atomic.Pointer[storage.Record]
	s := start(t, ingest.Config{Appender: appender(func(_ context.Context, r storage.Record) (storage.Result, error) {
		before := string(r.Body)
		if _, ok := bodies.Load(before); !ok {
			wrong.Add(1)
		}
		keep := r
		keep.Body, keep.Received = bytes.Clone(r.Body), bytes.Clone(r.Received)
		got.Store(&keep)
		if string(r.Body) != before {
			wrong.Add(1)
		}
		return storage.Result{Accepted: 1}, nil
	})})
	shop := corpus.Requests(corpus.Shop, 7, 4000, 500)
	gz, zs := make([][]byte, len(shop)), make([][]byte, len(shop))
	for i, b := range shop {
		bodies.Store(string(b), true)
		gz[i], zs[i] = gzipped(t, b), zstded(t, b)
	}
	check := func(name string, packed []byte, c storage.Compression) {
		t.Helper()
		r := got.Load()
		if !bytes.Equal(r.Body, shop[0]) || !bytes.Equal(r.Received, packed) || r.Compression != c || r.Tenant != "acme" || r.ReceivedAt.IsZero() {
			t.Errorf("%s: body right %v, received %d bytes (want %d), %v, tenant %q", name, bytes.Equal(r.Body, shop[0]), len(r.Received), len(packed), r.Compression, r.Tenant)
		}
	}
	for _, c := range []struct {
		name   string
		packed []byte
		flag   byte
		c      storage.Compression
	}{
		{"identity", nil, 0, storage.Identity}, {"gzip", gz[0], 1, storage.Gzip}, {"zstd", zs[0], 1, storage.Zstd},
	} {
		sent := c.packed
		if sent == nil {
			sent = shop[0]
		}
		for _, chunked := range []bool{false, true} {
			var body io.Reader = bytes.NewReader(sent)
			if chunked {
				body = struct{ io.Reader }{body} // of no known length
			}
			if a := s.post(t, body, "Content-Type", "application/x-protobuf", "Content-Encoding", c.name, "X-Scope-OrgID", "acme"); a.code != 200 {
				t.Fatalf("HTTP %s: %d %q", c.name, a.code, a.body)
			}
			check("HTTP "+c.name, c.packed, c.c)
		}
		if _, st := s.call(t, bytes.NewReader(frame(c.flag, len(sent), sent)), "Grpc-Encoding", c.name, "X-Scope-Orgid", "acme"); st.Code() != codes.OK {
			t.Fatalf("gRPC %s: %v", c.name, st)
		}
		check("gRPC "+c.name, c.packed, c.c)
	}
	var senders sync.WaitGroup
	for i := range 8 {
		senders.Go(func() {
			for j := range 24 {
				n := (i + j) % len(shop)
				b := shop[n]
				switch j % 4 {
				case 0:
					s.call(t, bytes.NewReader(frame(0, len(b), b)))
				case 1:
					s.call(t, bytes.NewReader(frame(1, len(gz[n]), gz[n])), "Grpc-Encoding", "gzip")
				case 2:
					s.post(t, bytes.NewReader(b), "Content-Type", "application/x-protobuf")
				case 3:
					s.post(t, bytes.NewReader(zs[n]), "Content-Type", "application/x-protobuf", "Content-Encoding", "zstd")
				}
			}
		})
	}
	senders.Wait()
	if n := wrong.Load(); n != 0 {
		t.Errorf("%d records were not what was sent, or changed under the store", n)
	}
	if n := s.http.Stats().Accepted + s.grpc.Stats().Accepted; n != 8*24+9 {
		t.Errorf("%d requests taken, want %d", n, 8*24+9)
	}
}

// TestTenants wants the tenant of the header, and a name that is none refused.
func TestTenants(t *testing.T) {
	s := start(t, ingest.Config{})
	if a := s.post(t, strings.NewReader(request(goodTrace+goodSpan)), "Content-Type", "application/x-protobuf", "X-Scope-OrgID", "acme"); a.code != 200 {
		t.Fatal(a.code)
	}
	if _, err := s.store.Trace(context.Background(), clew.DefaultTenant, goodID()); clew.KindOf(err) != clew.NotFound {
		t.Errorf("the default tenant has it: %v", err)
	}
	if _, err := s.store.Trace(context.Background(), "acme", goodID()); err != nil {
		t.Error(err)
	}
	if a := s.post(t, strings.NewReader(""), "Content-Type", "application/json", "X-Scope-OrgID", "../x"); a.code != 400 || !strings.Contains(readStatus(t, a).Message(), "tenant") {
		t.Errorf("HTTP %d %q", a.code, a.body)
	}
}
