package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// errNoReply stands for an export that ended without error and without a reply
// that could be read.
var errNoReply = errors.New("the endpoint gave no OTLP reply")

// errFlushOver ends exports that are still trying when Run has no more time.
var errFlushOver = errors.New("gave up: the time to flush is over")

// settledExporter is an instance's exporter. It books every span it is given,
// exactly once, as accepted or refused.
//
// The SDK's exporters fold refusals into an error without a number that could
// be read, and report a mere warning as an error too. So the reply itself is
// looked at on its way through the transport (see reply); retrying, back-off
// and throttling stay the SDK's.
type settledExporter struct {
	next    *otlptrace.Exporter
	ledger  *ledger
	account *account
	// patience ends when exports must give up.
	patience context.Context
	// release frees what the exporter does not own, after its Shutdown.
	release func()
}

// reply is what the transport saw of the final answer to one export request. It
// travels down in the request's context and is written by the goroutine that
// runs ExportSpans.
type reply struct {
	acknowledged bool
	refused      int64
	message      string
}

type replyKey struct{}

// seen records a successful answer for the export that ctx belongs to.
func seen(ctx context.Context, r *coltracepb.ExportTraceServiceResponse) {
	if out, ok := ctx.Value(replyKey{}).(*reply); ok {
		*out = reply{
			acknowledged: true,
			refused:      r.GetPartialSuccess().GetRejectedSpans(),
			message:      r.GetPartialSuccess().GetErrorMessage(),
		}
	}
}

// ExportSpans sends spans, trying again where that can help, and books the
// outcome. It returns nil always: the batch processor could only print an error
// to a global handler, and the ledger has logged it.
func (e *settledExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	var out reply
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, replyKey{}, &out))
	defer cancel(nil)
	stop := context.AfterFunc(e.patience, func() { cancel(errFlushOver) })
	defer stop()

	err := e.next.ExportSpans(ctx, spans)
	if !out.acknowledged {
		if err == nil {
			err = errNoReply
		}
		e.ledger.settle(e.account, 0, len(spans), err)
		return nil
	}
	refused := int(min(max(out.refused, 0), int64(len(spans))))
	if refused > 0 {
		err = fmt.Errorf("partial success, %d of %d spans refused: %s", refused, len(spans), out.message)
	} else if out.message != "" {
		e.ledger.warned(out.message)
	}
	e.ledger.settle(e.account, len(spans)-refused, refused, err)
	return nil
}

// Shutdown closes the exporter and its connections.
func (e *settledExporter) Shutdown(ctx context.Context) error {
	err := e.next.Shutdown(ctx)
	e.release()
	return err
}

// newExporter builds the exporter of one instance. It connects when first used.
// Exports give up when patience ends.
func newExporter(patience context.Context, c Config, l *ledger, a *account) (*settledExporter, error) {
	t, err := c.target()
	if err != nil {
		return nil, err
	}
	e := &settledExporter{ledger: l, account: a, patience: patience, release: func() {}}
	var client otlptrace.Client
	if c.protocol() == ProtocolHTTP {
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1}
		e.release = transport.CloseIdleConnections
		client = newHTTPClient(c, t, replyReader{next: transport, ledger: l})
	} else {
		client = newGRPCClient(c, t, l)
	}
	// Starting dials nothing and blocks on nothing with either client.
	e.next, err = otlptrace.New(context.Background(), client)
	return e, err
}

// tenantHeader is the header that names the tenant, for both protocols.
const tenantHeader = "X-Scope-OrgID"

// headers are sent with each export; nil leaves them to the SDK's variables.
func (c Config) headers() map[string]string {
	if c.Tenant == "" && c.Token == "" {
		return nil
	}
	h := map[string]string{}
	if c.Tenant != "" {
		h[tenantHeader] = c.Tenant
	}
	if c.Token != "" {
		h["Authorization"] = "Bearer " + c.Token
	}
	return h
}

func newGRPCClient(c Config, t target, l *ledger) otlptrace.Client {
	opts := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpoint(t.hostPort),
		// The exporter's timeout spans all attempts; one attempt has its own.
		otlptracegrpc.WithTimeout(retryFor + attemptTimeout),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
			Enabled: true, InitialInterval: retryFirst, MaxInterval: retryMost, MaxElapsedTime: retryFor,
		}),
		otlptracegrpc.WithDialOption(
			grpc.WithUnaryInterceptor(l.watchReply),
			// gRPC's own pause between dials grows to two minutes, which would
			// leave the retries above nothing to succeed with.
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: retryFirst, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * retryFirst},
				MinConnectTimeout: attemptTimeout,
			}),
		),
	}
	if t.insecure {
		opts = append(opts, otlptracegrpc.WithInsecure())
	}
	if h := c.headers(); h != nil {
		opts = append(opts, otlptracegrpc.WithHeaders(h))
	}
	return otlptracegrpc.NewClient(opts...)
}

// watchReply is a gRPC interceptor around each export attempt.
func (l *ledger) watchReply(ctx context.Context, method string, req, res any, cc *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if err := invoke(attempt, method, req, res, cc, opts...); err != nil {
		if ctx.Err() == nil {
			l.retrying(err)
		}
		return err
	}
	if r, ok := res.(*coltracepb.ExportTraceServiceResponse); ok {
		seen(ctx, r)
	}
	return nil
}

func newHTTPClient(c Config, t target, transport http.RoundTripper) otlptrace.Client {
	opts := []otlptracehttp.Option{
		otlptracehttp.WithEndpoint(t.hostPort),
		otlptracehttp.WithURLPath(t.path),
		otlptracehttp.WithHTTPClient(&http.Client{Transport: transport, Timeout: attemptTimeout}),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: retryFirst, MaxInterval: retryMost, MaxElapsedTime: retryFor,
		}),
	}
	if t.insecure {
		opts = append(opts, otlptracehttp.WithInsecure())
	}
	if h := c.headers(); h != nil {
		opts = append(opts, otlptracehttp.WithHeaders(h))
	}
	return otlptracehttp.NewClient(opts...)
}

// replyReader is the HTTP transport around each export attempt.
type replyReader struct {
	next   http.RoundTripper
	ledger *ledger
}

// lostConnection marks a broken connection as worth another attempt. The SDK's
// HTTP client takes a refused or reset connection for final, which would lose a
// batch at each restart of the server; sending twice is safe, because a resend
// of the same bytes is recognised.
type lostConnection struct{ error }

// Temporary is how url.Error asks.
func (lostConnection) Temporary() bool { return true }

func (e lostConnection) Unwrap() error { return e.error }

// RoundTrip sends one attempt. It reads the whole reply, so that a reply lost
// half-way counts as lost.
func (r replyReader) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	res, err := r.next.RoundTrip(req)
	if err == nil {
		var body []byte
		body, err = io.ReadAll(io.LimitReader(res.Body, exportReplyBytes))
		res.Body.Close()
		res.Body = io.NopCloser(bytes.NewReader(body))
		if err == nil && res.StatusCode/100 == 2 {
			if answer, ok := parseReply(res.Header.Get("Content-Type"), body); ok {
				seen(ctx, answer)
			}
		}
	}
	switch {
	case err == nil && res.StatusCode/100 != 2:
		r.ledger.retrying(fmt.Errorf("HTTP status %s", res.Status))
	case err != nil && ctx.Err() == nil:
		r.ledger.retrying(err)
		return nil, lostConnection{err}
	case err != nil:
		return nil, err
	}
	return res, nil
}

// parseReply reads the body of a successful export reply. An empty body is full
// success; a body that is no OTLP message is none.
func parseReply(contentType string, body []byte) (*coltracepb.ExportTraceServiceResponse, bool) {
	answer := new(coltracepb.ExportTraceServiceResponse)
	if len(body) == 0 {
		return answer, true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, false
	}
	switch mediaType {
	case "application/x-protobuf":
		err = proto.Unmarshal(body, answer)
	case "application/json":
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, answer)
	default:
		return nil, false
	}
	return answer, err == nil
}
