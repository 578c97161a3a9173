package otlpdoor_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/storage"
)

// decoder is a store that decodes and forgets.
type decoder struct {
	mu  sync.Mutex // guards the others
	dec otlp.Decoder
	b   *build.Builder
	res storage.Result // the last
}

func (d *decoder) Append(_ context.Context, r storage.Record) (storage.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.b.Reset()
	x, err := d.dec.Decode(d.b, r.Body, otlp.Options{})
	d.res = storage.Result{Accepted: x.Accepted, Refused: x.Refused, UnknownFields: x.UnknownFields, Flagged: x.Flagged}
	for _, y := range x.Refusals {
		d.res.Refusals = append(d.res.Refusals, storage.Refusal(y))
	}
	return d.res, err
}

// fuzzBody is the doors' limit: bodies of fuzzing are small, bombs are not.
const fuzzBody = 64 << 10

// FuzzHTTP sends anything under any headers: it never panics, gives all memory
// back, and answers a message of the protocol in the right encoding.
func FuzzHTTP(f *testing.F) {
	good := []byte(request(goodTrace+goodSpan, goodTrace, field(0x2a, "no id")))
	bomb := bytes.Repeat([]byte{0}, 1<<20)
	f.Add("POST", "application/x-protobuf", "", "", "", true, good)
	f.Add("POST", "application/x-protobuf", "gzip", "", "https://a.example", false, gzipped(f, good))
	f.Add("POST", "application/x-protobuf", "zstd", "acme", "", true, zstded(f, good))
	f.Add("POST", "application/json; charset=utf-8", "identity", "../", "null", true, []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x"}]}]}]}`))
	f.Add("POST", "application/json", "x-gzip", "", "", false, gzipped(f, []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"zz"}]}]}]}`)))
	f.Add("OPTIONS", "", "", "", "https://a.example", true, []byte{})
	f.Add("POST", "application/x-protobuf", "gzip", "", "", true, gzipped(f, bomb))
	f.Add("POST", "application/x-protobuf", "zstd", "", "", true, zstded(f, bomb))
	f.Add("PUT", "text/plain", "br, gzip", "\x00", "", true, good)
	store := &decoder{b: build.NewBuilder(64)}
	budget := ingest.NewBudget(1 << 20)
	h := otlpdoor.NewHTTP(ingest.Config{Appender: store, MaxBodyBytes: fuzzBody, Budget: budget, CORSOrigins: []string{"https://a.example"}})
	f.Fuzz(func(t *testing.T, method, contentType, encoding, tenant, origin string, sized bool, body []byte) {
		r := &http.Request{Method: method, URL: &url.URL{Path: "/v1/traces"}, ProtoMajor: 1, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: -1}
		if sized {
			r.ContentLength = int64(len(body))
		}
		for name, v := range map[string]string{"Content-Type": contentType, "Content-Encoding": encoding, "X-Scope-Orgid": tenant, "Origin": origin, "Access-Control-Request-Headers": tenant} {
			if v != "" {
				r.Header[name] = []string{v}
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if n := budget.Used(); n != 0 {
			t.Errorf("%d bytes are still reserved", n)
		}
		var p proto.Message = new(rpc.Status)
		switch w.Code {
		case 204:
			return
		case 200:
			p = new(coltracepb.ExportTraceServiceResponse)
		case 400, 405, 413, 415:
		default:
			t.Errorf("HTTP %d", w.Code)
		}
		var err error
		switch kind := w.Header().Get("Content-Type"); kind {
		case "application/json":
			err = protojson.Unmarshal(w.Body.Bytes(), p)
		case "application/x-protobuf":
			err = proto.Unmarshal(w.Body.Bytes(), p)
		default:
			t.Errorf("content type %q", kind)
		}
		if err != nil {
			t.Errorf("HTTP %d, answer %q: %v", w.Code, w.Body, err)
		}
		if x, ok := p.(*coltracepb.ExportTraceServiceResponse); ok && int(x.PartialSuccess.GetRejectedSpans()) != store.res.Refused {
			t.Errorf("%v, where the store refused %d", x, store.res.Refused)
		}
	})
}

// FuzzGRPC is FuzzHTTP for calls.
func FuzzGRPC(f *testing.F) {
	good := []byte(request(goodTrace+goodSpan, goodTrace))
	z, g := zstded(f, good), gzipped(f, good)
	f.Add("", "", frame(0, len(good), good))
	f.Add("gzip", "10S", frame(1, len(g), g))
	f.Add("zstd", "1n", frame(1, len(z), z))
	f.Add("snappy", "x", frame(1, 3, []byte("abc")))
	f.Add("", "", frame(0, 1<<30, []byte("abc")))
	f.Add("", "99999999H", append(frame(0, 0, nil), 0))
	store := &decoder{b: build.NewBuilder(64)}
	budget := ingest.NewBudget(1 << 20)
	h := otlpdoor.NewGRPC(ingest.Config{Appender: store, MaxBodyBytes: fuzzBody, Budget: budget})
	f.Fuzz(func(t *testing.T, encoding, timeout string, body []byte) {
		r := &http.Request{Method: "POST", URL: &url.URL{Path: otlpdoor.ExportPath}, ProtoMajor: 2, Header: http.Header{"Content-Type": {"application/grpc"}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: -1}
		for name, v := range map[string]string{"Grpc-Encoding": encoding, "Grpc-Timeout": timeout} {
			if v != "" {
				r.Header[name] = []string{v}
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if n := budget.Used(); n != 0 {
			t.Errorf("%d bytes are still reserved", n)
		}
		code := w.Header().Get("Grpc-Status")
		if code == "" {
			code = w.Header().Get(http.TrailerPrefix + "Grpc-Status")
		}
		n, err := strconv.Atoi(code)
		if err != nil || w.Code != 200 {
			t.Fatalf("HTTP %d, grpc-status %q", w.Code, code)
		}
		out := w.Body.Bytes()
		switch codes.Code(n) {
		case codes.OK:
			var p coltracepb.ExportTraceServiceResponse
			if len(out) < 5 || int(binary.BigEndian.Uint32(out[1:])) != len(out)-5 || proto.Unmarshal(out[5:], &p) != nil || int(p.PartialSuccess.GetRejectedSpans()) != store.res.Refused {
				t.Errorf("answer %q, where the store refused %d", out, store.res.Refused)
			}
		case codes.InvalidArgument, codes.ResourceExhausted, codes.Unimplemented:
			if len(out) != 0 {
				t.Errorf("a failed call has the answer %q", out)
			}
		case codes.Unavailable: // the timeout passed while it waited
		default:
			t.Errorf("grpc-status %d", n)
		}
		if text := w.Header().Get("Grpc-Message"); n != 0 {
			for _, c := range []byte(text) {
				if c < ' ' || c > '~' {
					t.Errorf("grpc-message %q has bytes that headers may not have", text)
				}
			}
		}
	})
}
