package zipkindoor_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew/format/zipkin"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/ingest/zipkindoor"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/vfs"
)

const (
	benchSpans = 100 // in a request, as reporters send them
	benchStart = 1763889000000000
)

var benchTags = []string{"http.method", "GET", "http.path", "/api/items/17", "http.status_code", "200", "net.host.name", "pod-17", "thread", "exec-4"}

// jsonSpan and protoSpan are the n-th span in both formats of version 2. Ids differ, so that
// nothing is known already.
func jsonSpan(n int) string {
	var tags []string
	for i := 0; i < len(benchTags); i += 2 {
		tags = append(tags, fmt.Sprintf("%q:%q", benchTags[i], benchTags[i+1]))
	}
	return fmt.Sprintf(`{"traceId":"%032x","parentId":"%016x","id":"%016x","kind":"CLIENT","name":"get /items","timestamp":%d,"duration":%d,"localEndpoint":{"serviceName":"front","ipv4":"10.0.0.1","port":8080},"remoteEndpoint":{"serviceName":"items"},"annotations":[{"timestamp":%d,"value":"retry"}],"tags":{%s}}`,
		n/10+1, n, n+1, benchStart+n, 1000+n%50, benchStart+n+3, strings.Join(tags, ","))
}

func protoSpan(n int) []byte {
	text := func(b []byte, num protowire.Number, v string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
	}
	bytes := func(b []byte, num protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
	}
	fixed := func(b []byte, num protowire.Number, v uint64) []byte {
		return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), v)
	}
	number := func(b []byte, num protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
	}
	id := func(v int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }
	s := bytes(nil, 1, append(make([]byte, 8), id(n/10+1)...))
	s = bytes(bytes(s, 2, id(n)), 3, id(n+1))
	s = text(number(s, 4, 1), 5, "get /items")
	s = number(fixed(s, 6, uint64(benchStart+n)), 7, uint64(1000+n%50))
	s = bytes(s, 8, number(bytes(text(nil, 1, "front"), 2, []byte{10, 0, 0, 1}), 4, 8080))
	s = bytes(s, 9, text(nil, 1, "items"))
	s = bytes(s, 10, text(fixed(nil, 1, uint64(benchStart+n+3)), 2, "retry"))
	for i := 0; i < len(benchTags); i += 2 {
		s = bytes(s, 11, text(text(nil, 1, benchTags[i]), 2, benchTags[i+1]))
	}
	return bytes(nil, 1, s)
}

// BenchmarkDoor is the whole way of spans through the door into a store in memory, and beside
// it that of the same spans in OTLP's formats.
func BenchmarkDoor(b *testing.B) {
	inJSON := func(from int) []byte {
		var spans []string
		for n := range benchSpans {
			spans = append(spans, jsonSpan(from+n))
		}
		return []byte("[" + strings.Join(spans, ",") + "]")
	}
	inProto := func(from int) (body []byte) {
		for n := range benchSpans {
			body = append(body, protoSpan(from+n)...)
		}
		return body
	}
	inOTLP := func(from int) []byte {
		body, _, err := zipkin.AppendJSON(nil, inJSON(from), 1)
		if err != nil {
			b.Fatal(err)
		}
		return body
	}
	inOTLPJSON := func(from int) []byte {
		text, err := otlp.AppendJSON(nil, inOTLP(from))
		if err != nil {
			b.Fatal(err)
		}
		return text
	}
	toZipkin := func(c ingest.Config) http.Handler { return zipkindoor.New(c) }
	toOTLP := func(c ingest.Config) http.Handler { return otlpdoor.NewHTTP(c) }
	for _, c := range []struct {
		name, path, kind string
		door             func(ingest.Config) http.Handler
		body             func(from int) []byte
	}{
		{"json", zipkindoor.Paths[0], "application/json", toZipkin, inJSON},
		{"json/otlp", otlpdoor.TracesPath, "application/json", toOTLP, inOTLPJSON},
		{"protobuf", zipkindoor.Paths[0], "application/x-protobuf", toZipkin, inProto},
		{"protobuf/otlp", otlpdoor.TracesPath, "application/x-protobuf", toOTLP, inOTLP},
	} {
		b.Run(c.name, func(b *testing.B) {
			db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			h := c.door(ingest.Config{Appender: db})
			bodies := make([]string, b.N)
			for i := range bodies {
				bodies[i] = string(c.body(i * benchSpans))
			}
			b.ResetTimer()
			for _, body := range bodies {
				r := httptest.NewRequest(http.MethodPost, c.path, strings.NewReader(body))
				r.Header.Set("Content-Type", c.kind)
				w := httptest.NewRecorder()
				if h.ServeHTTP(w, r); w.Code/100 != 2 {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			b.StopTimer()
			if n := db.Stats().Accepted; n != int64(benchSpans*b.N) {
				b.Fatalf("%d spans, want %d", n, benchSpans*b.N)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSpans, "ns/span")
		})
	}
}
