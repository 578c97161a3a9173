package otlpdoor_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/url"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage"
)

const benchSpans = 500

// forgetting is a store that does nothing: what is measured is the door.
func forgetting(context.Context, storage.Record) (storage.Result, error) {
	return storage.Result{Accepted: benchSpans}, nil
}

// void is a ResponseWriter that keeps nothing but the status.
type void struct {
	header http.Header
	code   int
}

func (v *void) Header() http.Header         { return v.header }
func (v *void) WriteHeader(code int)        { v.code = code }
func (v *void) Write(b []byte) (int, error) { return len(b), nil }

type benchBody struct{ bytes.Reader }

func (*benchBody) Close() error { return nil }

// packings are shop requests of 500 spans as senders pack them.
func packings(b *testing.B) map[string][][]byte {
	plain := corpus.Requests(corpus.Shop, 1, 20*benchSpans, benchSpans)
	m := map[string][][]byte{"identity": plain}
	for _, x := range plain {
		m["gzip"] = append(m["gzip"], gzipped(b, x))
		m["zstd"] = append(m["zstd"], zstded(b, x))
		j, err := otlp.AppendJSON(nil, x)
		if err != nil {
			b.Fatal(err)
		}
		m["json"] = append(m["json"], j)
	}
	return m
}

// BenchmarkDoor is one request through a door's handler, without net/http around
// it: 500 spans each.
func BenchmarkDoor(b *testing.B) {
	doors := ingest.Config{Appender: appender(forgetting)}
	h, g := otlpdoor.NewHTTP(doors), otlpdoor.NewGRPC(doors)
	m := packings(b)
	for _, c := range []struct {
		name, packing string
		door          http.Handler
		header        http.Header
	}{
		{"HTTP/identity", "identity", h, http.Header{"Content-Type": {"application/x-protobuf"}}},
		{"HTTP/gzip", "gzip", h, http.Header{"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {"gzip"}}},
		{"HTTP/zstd", "zstd", h, http.Header{"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {"zstd"}}},
		{"HTTP/json", "json", h, http.Header{"Content-Type": {"application/json"}}},
		{"gRPC/identity", "identity", g, http.Header{"Content-Type": {"application/grpc"}, "Grpc-Timeout": {"10S"}}},
		{"gRPC/gzip", "gzip", g, http.Header{"Content-Type": {"application/grpc"}, "Grpc-Encoding": {"gzip"}, "Grpc-Timeout": {"10S"}}},
		{"gRPC/zstd", "zstd", g, http.Header{"Content-Type": {"application/grpc"}, "Grpc-Encoding": {"zstd"}, "Grpc-Timeout": {"10S"}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			bodies := m[c.packing]
			r := &http.Request{Method: "POST", URL: &url.URL{Path: otlpdoor.TracesPath}, ProtoMajor: 1, Header: c.header}
			if c.door == http.Handler(g) {
				r.URL.Path, r.ProtoMajor, r.ContentLength = otlpdoor.ExportPath, 2, -1
				bodies = make([][]byte, len(bodies))
				for i, x := range m[c.packing] {
					flag := byte(1)
					if c.packing == "identity" {
						flag = 0
					}
					bodies[i] = frame(flag, len(x), x)
				}
			}
			body, w := new(benchBody), &void{header: http.Header{}}
			r.Body = body
			b.ReportAllocs()
			b.SetBytes(int64(len(bodies[0])))
			for i := 0; b.Loop(); i++ {
				x := bodies[i%len(bodies)]
				body.Reset(x)
				if r.ProtoMajor == 1 {
					r.ContentLength = int64(len(x))
				}
				clear(w.header)
				w.code = 200
				c.door.ServeHTTP(w, r)
				if w.code != 200 || w.header.Get("Grpc-Status") != "" {
					b.Fatalf("HTTP %d %v", w.code, w.header)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSpans, "ns/span")
		})
	}
}

// BenchmarkLoopback is a request there and back over a connection, sender
// included: what net/http adds.
func BenchmarkLoopback(b *testing.B) {
	s := start(b, ingest.Config{Appender: appender(forgetting)})
	m := packings(b)
	for _, packing := range []string{"identity", "gzip", "zstd"} {
		b.Run("HTTP/"+packing, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(m[packing][0])))
			for i := 0; b.Loop(); i++ {
				req, err := http.NewRequest("POST", "http://"+s.httpAddr+otlpdoor.TracesPath, bytes.NewReader(m[packing][i%20]))
				if err != nil {
					b.Fatal(err)
				}
				req.Header = http.Header{"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {packing}}
				res, err := s.client.Do(req)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 {
					b.Fatalf("HTTP %d, %v", res.StatusCode, err)
				}
				_ = res.Body.Close()
			}
		})
	}
	for _, packing := range []string{"identity", "gzip", "zstd"} {
		b.Run("gRPC/"+packing, func(b *testing.B) {
			options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(bytesCodec{}))}
			if packing != "identity" {
				// What follows it can only be registered for the whole process.
				//lint:ignore SA1019 see above
				options = append(options, grpc.WithCompressor(packed(packing)))
			}
			conn, err := grpc.NewClient(s.grpcAddr, options...)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			b.ReportAllocs()
			b.SetBytes(int64(len(m[packing][0])))
			for i := 0; b.Loop(); i++ {
				var out []byte
				if err := conn.Invoke(context.Background(), otlpdoor.ExportPath, m[packing][i%20], &out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// bytesCodec sends bytes as they are.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }
func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (bytesCodec) Unmarshal(b mem.BufferSlice, v any) error {
	*v.(*[]byte) = b.Materialize()
	return nil
}

// packed sends bytes that are packed already as packed in that way.
type packed string

func (p packed) Type() string                 { return string(p) }
func (packed) Do(w io.Writer, b []byte) error { _, err := w.Write(b); return err }

// TestAllocations holds the doors to what they allocate per request of 500 spans: a
// span costs nothing. (Under the race detector pools forget, which costs ten.)
func TestAllocations(t *testing.T) {
	doors := ingest.Config{Appender: appender(forgetting)}
	h, g := otlpdoor.NewHTTP(doors), otlpdoor.NewGRPC(doors)
	shop := corpus.Requests(corpus.Shop, 1, benchSpans, benchSpans)[0]
	z := gzipped(t, shop)
	f := func(name string, door http.Handler, r *http.Request, sent []byte, most float64) {
		t.Helper()
		body, w := new(benchBody), &void{header: http.Header{}}
		r.Method, r.Body = "POST", body
		n := testing.AllocsPerRun(100, func() {
			body.Reset(sent)
			clear(w.header)
			door.ServeHTTP(w, r)
		})
		if n > most {
			t.Errorf("%s: %v allocations for a request, want at most %v", name, n, most)
		}
	}
	f("HTTP", h, &http.Request{URL: &url.URL{Path: otlpdoor.TracesPath}, Header: http.Header{"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {"gzip"}}, ContentLength: int64(len(z))}, z, 40)
	f("gRPC", g, &http.Request{URL: &url.URL{Path: otlpdoor.ExportPath}, ProtoMajor: 2, Header: http.Header{"Content-Type": {"application/grpc"}, "Grpc-Encoding": {"gzip"}}, ContentLength: -1}, append(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(z))), z...), 40)
}
