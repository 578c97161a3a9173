package xraydoor_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/ingest/xraydoor"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/vfs"
)

// BenchmarkDoor is the whole way of segments, each with two subsegments, through the door into
// a store in memory, 50 in a request as the daemon of X-Ray sends them; and beside it that of the
// same spans as OTLP JSON. Ids differ each time, so that nothing is known already.
func BenchmarkDoor(b *testing.B) {
	const segments, spans = 50, 150
	segment := func(n int) string {
		return fmt.Sprintf(`{"name":"checkout","id":"%016x","trace_id":"1-6b039621-%024x","start_time":1795397153.564062,"end_time":1795397153.999,"http":{"request":{"method":"POST","url":"https://shop/checkout","client_ip":"10.1.2.3","user_agent":"curl/8"},"response":{"status":200,"content_length":58}},"annotations":{"customer_tier":"gold","items":3},"metadata":{"debug":{"cart":[1,2]}},"aws":{"xray":{"sdk":"X-Ray for Python","sdk_version":"2.15.0"}},"service":{"runtime":"CPython","runtime_version":"3.11.7"},`+
			`"subsegments":[{"id":"%016x","name":"DynamoDB","namespace":"aws","start_time":1795397153.6,"end_time":1795397153.7,"aws":{"operation":"GetItem","table_name":"carts","request_id":"ABC"},"http":{"response":{"status":200,"content_length":58}}},`+
			`{"id":"%016x","name":"db","namespace":"remote","start_time":1795397153.71,"end_time":1795397153.9,"sql":{"url":"postgres://h/db","sanitized_query":"SELECT ?","database_type":"PostgreSQL"}}]}`, 3*n+1, n+1, 3*n+2, 3*n+3)
	}
	run := func(b *testing.B, new func(ingest.Config) http.Handler, path string, request func(docs []string) []byte) {
		db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		h := new(ingest.Config{Appender: db})
		var bodies [][]byte
		for i := range b.N {
			var docs []string
			for k := range segments {
				docs = append(docs, segment(segments*i+k))
			}
			bodies = append(bodies, request(docs))
		}
		b.ResetTimer()
		for _, body := range bodies {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(string(body)))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != http.StatusOK {
				b.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		b.StopTimer()
		if n := db.Stats().Accepted; n != int64(spans*b.N) {
			b.Fatalf("%d spans, want %d", n, spans*b.N)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
	}
	b.Run("xray", func(b *testing.B) {
		run(b, func(c ingest.Config) http.Handler { return xraydoor.NewHTTP(c) }, xraydoor.SegmentsPath, func(docs []string) []byte {
			body, err := json.Marshal(map[string]any{"TraceSegmentDocuments": docs})
			if err != nil {
				b.Fatal(err)
			}
			return body
		})
	})
	b.Run("otlp", func(b *testing.B) {
		var tr xray.Translator
		run(b, func(c ingest.Config) http.Handler { return otlpdoor.NewHTTP(c) }, otlpdoor.TracesPath, func(docs []string) []byte {
			var body []byte
			for _, doc := range docs {
				var err error
				if body, err = tr.Append(body, []byte(doc)); err != nil {
					b.Fatal(err)
				}
			}
			text, err := otlp.AppendJSON(nil, body)
			if err != nil {
				b.Fatal(err)
			}
			return text
		})
	})
}
