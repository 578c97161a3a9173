package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// mesh is the shop's network: names of services, the loopback sockets behind
// them, and everything that has to be closed at the end.
//
// Names such as cart.shop:8080 are resolved here and not by DNS; what goes over
// the sockets is the same as between machines.
type mesh struct {
	mu        sync.Mutex // guards what follows
	addresses map[string][]string
	drains    []func()
	pools     []*http.Transport
	clients   []io.Closer
}

func newMesh() *mesh { return &mesh{addresses: map[string][]string{}} }

// listen opens a loopback socket behind name; several sockets may share one.
func (m *mesh) listen(name string) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: listen for %s on 127.0.0.1: %w", name, err)
	}
	m.publish(name, l.Addr().String())
	return namedListener{Listener: l, name: name}, nil
}

// publish puts a socket behind name.
func (m *mesh) publish(name, address string) {
	m.mu.Lock()
	m.addresses[name] = append(m.addresses[name], address)
	m.mu.Unlock()
}

// lookup returns the sockets behind name.
func (m *mesh) lookup(name string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.addresses[name]
}

// onDrain registers how a server ends: refuse new work, wait for what is under
// way, and leave no goroutine behind.
func (m *mesh) onDrain(f func()) {
	m.mu.Lock()
	m.drains = append(m.drains, f)
	m.mu.Unlock()
}

func (m *mesh) addClient(c io.Closer) {
	m.mu.Lock()
	m.clients = append(m.clients, c)
	m.mu.Unlock()
}

// drain ends all servers at once. When it returns no handler runs and every
// server span has ended.
//
// Shoppers ask for nothing any more by now, but handlers of requests that they
// gave up on may still run and ask other services; what those no longer answer
// is an error to the handler, and no harm.
//
// Nothing is cut off, because a handler that is cut off may end a span after its
// exporter has gone. Handlers end by themselves: their calls have deadlines, and
// a queue of spans that is full becomes free when exports give up.
func (m *mesh) drain() {
	m.mu.Lock()
	drains, pools := m.drains, m.pools
	m.mu.Unlock()
	// A server waits five seconds for a connection that was opened and never
	// used; the pools have some of those.
	for _, t := range pools {
		t.CloseIdleConnections()
	}
	var wg sync.WaitGroup
	for _, f := range drains {
		wg.Go(f)
	}
	wg.Wait()
}

// pool makes an HTTP connection pool whose connections dial opens.
func (m *mesh) pool(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	t := &http.Transport{
		DialContext: dial,
		// The default of 2 would open and close connections all the time.
		MaxIdleConnsPerHost: maxInFlight,
		DisableCompression:  true,
	}
	m.mu.Lock()
	m.pools = append(m.pools, t)
	m.mu.Unlock()
	return t
}

// closeClients closes all clients, the latest first.
func (m *mesh) closeClients() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	for i := len(m.clients) - 1; i >= 0; i-- {
		err = errors.Join(err, m.clients[i].Close())
	}
	m.clients = nil
	return err
}

// namedListener gives accepted connections the service's name as their local
// address, as a server in a cluster has it.
type namedListener struct {
	net.Listener
	name string
}

func (l namedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return namedConn{Conn: c, local: serviceAddr(l.name), remote: c.RemoteAddr()}, nil
}

// namedConn is a connection with a name at one end. Its socket does the rest.
type namedConn struct {
	net.Conn
	local, remote net.Addr
}

func (c namedConn) LocalAddr() net.Addr  { return c.local }
func (c namedConn) RemoteAddr() net.Addr { return c.remote }

// serviceAddr is host:port by name.
type serviceAddr string

func (serviceAddr) Network() string  { return "tcp" }
func (a serviceAddr) String() string { return string(a) }

// dial connects to one socket behind name.
func dial(ctx context.Context, name, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return namedConn{Conn: c, local: c.LocalAddr(), remote: serviceAddr(name)}, nil
}

// routes are handlers by method and pattern, as http.ServeMux has them.
type routes map[string]http.HandlerFunc

// serveHTTP serves routes as instance in under name, with a span per request.
func (m *mesh) serveHTTP(in *instance, name string, all routes) error {
	mux := http.NewServeMux()
	for pattern, handler := range all {
		route := semconv.HTTPRoute(routeOf(pattern))
		handler = recovered(handler)
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			annotate(r.Context(), route)
			handler(w, r)
		})
	}
	return m.servePlainHTTP(name, otelhttp.NewHandler(mux, "",
		otelhttp.WithTracerProvider(in.tracers),
		otelhttp.WithPropagators(propagator()),
		otelhttp.WithMeterProvider(noop.NewMeterProvider()),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			return strings.TrimSpace(r.Method + " " + routeOf(r.Pattern))
		}),
	))
}

// routeOf is the path of a pattern of http.ServeMux, as http.route has it.
func routeOf(pattern string) string {
	_, path, _ := strings.Cut(pattern, " ")
	return strings.TrimSuffix(path, "{$}")
}

// servePlainHTTP serves handler under name without telemetry.
func (m *mesh) servePlainHTTP(name string, handler http.Handler) error {
	l, err := m.listen(name)
	if err != nil {
		return err
	}
	guarded, shut := shuttable(handler)
	s := &http.Server{Handler: guarded, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(l)
	}()
	m.onDrain(func() {
		s.Shutdown(context.Background())
		<-done
		shut()
	})
	return nil
}

// shuttable returns h and how to end it: shut returns when no request runs in h,
// and none will. http.Server.Shutdown cannot promise that: it closes connections
// that are idle, and a request that arrives on one at that moment runs on, to end
// its span when the exporter is gone.
func shuttable(h http.Handler) (guarded http.Handler, shut func()) {
	// Each request holds it for reading; shut takes it for good.
	var open sync.RWMutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !open.TryRLock() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		defer open.RUnlock()
		h.ServeHTTP(w, r)
	}), open.Lock
}

// serveGRPC serves a gRPC service as instance in under name, with a span per
// call.
func (m *mesh) serveGRPC(in *instance, name string, desc *grpc.ServiceDesc) error {
	l, err := m.listen(name)
	if err != nil {
		return err
	}
	s := grpc.NewServer(
		grpc.ForceServerCodec(jsonCodec{}),
		grpc.WaitForHandlers(true),
		// Goroutines that stay, so that each call does not grow a new stack.
		grpc.NumStreamWorkers(streamWorkers),
		grpc.StatsHandler(otelgrpc.NewServerHandler(
			otelgrpc.WithTracerProvider(in.tracers),
			otelgrpc.WithPropagators(propagator()),
			otelgrpc.WithMeterProvider(noop.NewMeterProvider()),
		)),
	)
	s.RegisterService(desc, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(l)
	}()
	m.onDrain(func() {
		s.GracefulStop()
		<-done
	})
	return nil
}

// httpClient calls one service over HTTP, its instances in turn.
type httpClient struct {
	base string
	http *http.Client
}

// httpClient makes instance in's client of the service under name.
func (m *mesh) httpClient(in *instance, name string) httpClient {
	var turns turns
	for _, address := range m.lookup(name) {
		turns.transports = append(turns.transports, m.pool(func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx, name, address)
		}))
	}
	traced := otelhttp.NewTransport(&turns,
		otelhttp.WithTracerProvider(in.tracers),
		otelhttp.WithPropagators(propagator()),
		otelhttp.WithMeterProvider(noop.NewMeterProvider()),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method }),
	)
	return httpClient{base: "http://" + name, http: &http.Client{Transport: traced}}
}

// turns spreads requests over the transports of several instances.
type turns struct {
	next       atomic.Uint64
	transports []*http.Transport
}

// RoundTrip sends r to the instance whose turn it is.
func (t *turns) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.transports[t.next.Add(1)%uint64(len(t.transports))].RoundTrip(r)
}

// call sends one request and reads its JSON answer into out (nil: thrown away).
// A status of 400 and more is a *fault named by its number.
func (c httpClient) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = strings.NewReader(string(raw))
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, replyBytes))
	if err != nil {
		return err
	}
	if res.StatusCode >= 400 {
		return &fault{name: fmt.Sprint(res.StatusCode), text: fmt.Sprintf("%s %s: %s: %s", method, path, res.Status, raw)}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}

// grpcClient calls one service over gRPC, its instances in turn.
type grpcClient struct {
	next  *atomic.Uint64
	conns []*grpc.ClientConn
}

// grpcClient makes instance in's client of the service under name.
func (m *mesh) grpcClient(in *instance, name string) (grpcClient, error) {
	c := grpcClient{next: new(atomic.Uint64)}
	for _, address := range m.lookup(name) {
		conn, err := grpc.NewClient("passthrough:///"+name,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx, name, address) }),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(jsonCodec{})),
			grpc.WithStatsHandler(otelgrpc.NewClientHandler(
				otelgrpc.WithTracerProvider(in.tracers),
				otelgrpc.WithPropagators(propagator()),
				otelgrpc.WithMeterProvider(noop.NewMeterProvider()),
			)),
		)
		if err != nil {
			return c, fmt.Errorf("demo: client of %s: %w", name, err)
		}
		m.addClient(conn)
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

// call invokes service/method on the instance whose turn it is.
func call[Res, Req any](ctx context.Context, c grpcClient, method string, req *Req) (*Res, error) {
	res := new(Res)
	conn := c.conns[c.next.Add(1)%uint64(len(c.conns))]
	if err := conn.Invoke(ctx, method, req, res); err != nil {
		return nil, err
	}
	return res, nil
}

// jsonCodec carries plain structs over gRPC, so that no generated code is
// needed. The content type on the wire is application/grpc+json.
type jsonCodec struct{}

func (jsonCodec) Name() string                       { return "json" }
func (jsonCodec) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (jsonCodec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// unary describes one method of a gRPC service by its handler.
func unary[Req, Res any](name string, handle func(context.Context, *Req) (*Res, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, decode func(any) error,
		_ grpc.UnaryServerInterceptor) (any, error) {
		req := new(Req)
		if err := decode(req); err != nil {
			return nil, err
		}
		return handle(ctx, req)
	}}
}

// writeJSON writes v as a JSON answer.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
