package v1_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// TestSearchTellsSets compares what an answer tells of by(…), numbers of sets and select(…).
func TestSearchTellsSets(t *testing.T) {
	long := strings.Repeat("ö", 300)
	eachStore(t, func(t *testing.T, s *server) {
		var spans []clew.Span
		for i := range 30 {
			spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, 2), SpanID: clew.SpanID(i + 1), Name: fmt.Sprintf("op-%02d", i%25),
				Start: storagetest.Epoch + clew.UnixNanos(i), End: storagetest.Epoch + clew.UnixNanos(i) + 2_000_000,
				Attrs: []clew.Attr{{Key: "half", Value: clew.IntValue(int64(i / 15))}}})
		}
		spans[29].Attrs = append(spans[29].Attrs, clew.Attr{Key: "long", Value: clew.StringValue(long)}, clew.Attr{Key: "bad", Value: clew.StringValue("\xff")})
		s.put(7, spans...)
		ask := func(q string) (text string, more int) {
			var f struct {
				Traces []struct {
					Sets     json.RawMessage
					MoreSets int
				}
			}
			body, _ := json.Marshal(map[string]any{"q": q})
			s.post("/api/v1/search", string(body)).ok(&f)
			if len(f.Traces) != 1 {
				t.Fatalf("%s found %d traces", q, len(f.Traces))
			}
			return string(f.Traces[0].Sets), f.Traces[0].MoreSets
		}
		for _, c := range [][2]string{
			{`{ }`, ""},
			{`{ span.half = 1 }`, ""}, // fields of filters are known from the query
			{`{ } | by(span.half) | coalesce()`, ""},
			{`{ } | count() > 3`, `[{"labels":[{"name":"count()","text":"30","value":{"type":"int","int":"30"}}],"matchedSpans":30}]`},
			{`{ } | by(span.half) | avg(duration) > 1ms`, `[{"labels":[{"name":"span.half","text":"0","value":{"type":"int","int":"0"}},` +
				`{"name":"avg(duration)","text":"2ms","value":{"type":"double","double":2000000}}],"matchedSpans":15},` +
				`{"labels":[{"name":"span.half","text":"1","value":{"type":"int","int":"1"}},` +
				`{"name":"avg(duration)","text":"2ms","value":{"type":"double","double":2000000}}],"matchedSpans":15}]`},
			{`{ } | select(span.half, span.bad, span.half)`, `[{"matchedSpans":30,"spans":[` +
				`{"spanId":"000000000000001e","fields":[{"name":"span.half","text":"1","value":{"type":"int","int":"1"}},{"name":"span.bad","text":"\\xff","value":{"type":"string","string":"\\xff","escaped":true}}]},` +
				`{"spanId":"000000000000001d","fields":[{"name":"span.half","text":"1","value":{"type":"int","int":"1"}}]},` +
				`{"spanId":"000000000000001c","fields":[{"name":"span.half","text":"1","value":{"type":"int","int":"1"}}]}]}]`},
			{`{ span.half >= 0 } | select(span.long)`, `[{"matchedSpans":30,"spans":[{"spanId":"000000000000001e","fields":[{"name":"span.long","text":"` +
				strings.Repeat("ö", 256) + `…","value":{"type":"string","string":"` + strings.Repeat("ö", 256) + `","truncatedBytes":600}}]}]}]`},
		} {
			if got, _ := ask(c[0]); got != c[1] {
				t.Errorf("%s:\n got %s\nwant %s", c[0], got, c[1])
			}
		}
		text, more := ask(`{ } | by(name)`)
		if n := strings.Count(text, `"op-`); n != 40 || more != 5 {
			t.Errorf("of 25 sets %d are told, and %d said to be left out: %s", n/2, more, text)
		}
	})
}
