package v1_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"reflect"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/clew-tracing/clew"
	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// unpacked returns the body as it was before Content-Encoding.
func (a *answer) unpacked() []byte {
	a.tb.Helper()
	var r io.Reader = bytes.NewReader(a.bytes())
	switch encoding := a.header.Get("Content-Encoding"); encoding {
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			a.tb.Fatal(err)
		}
		r = z
	case "zstd":
		z, err := zstd.NewReader(r)
		if err != nil {
			a.tb.Fatal(err)
		}
		defer z.Close()
		r = z
	case "":
	default:
		a.tb.Fatalf("Content-Encoding %q", encoding)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		a.tb.Fatal(err)
	}
	return out
}

// TestPacking chooses the encoding by what the client takes.
func TestPacking(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	s := serve(t, database(t, 0), v1.Config{})
	shop := &clew.Resource{}
	var spans []clew.Span
	for i := range 30_000 { // two parts
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: clew.SpanID(i + 1), ParentID: 1, Start: clew.UnixNanos(i + 1), End: 1e9, Resource: shop})
	}
	spans[0].ParentID = 0
	s.put(len(spans), spans...)
	s.put(1, clew.Span{TraceID: clew.MakeTraceID(2, 2), SpanID: 1, Start: 1, End: 2})
	large := "/api/v1/traces/" + clew.MakeTraceID(1, 1).String()
	plain := map[string][]byte{}
	for _, path := range []string{"/skeleton", ""} {
		plain[path] = s.get(large + path).bytes()
	}
	for _, c := range [][2]string{
		{"", ""},
		{"gzip", "gzip"},
		{"zstd", "zstd"},
		{"gzip, deflate, br, zstd", "zstd"},
		{"gzip, deflate, br", "gzip"},
		{"gzip;q=1.0, zstd;q=0.5", "gzip"},
		{"GZIP ; q=0.3", "gzip"},
		{"gzip;q=0", ""},
		{"gzip;q=nonsense", ""},
		{"gzip;q=NaN", ""},
		{"identity, gzip;q=0.5", ""},
		{"identity;q=0.5, gzip;q=0.5", "gzip"},
		{"br, deflate", ""},
		{"*", ""},
		{"*;q=0, gzip;q=0.1", "gzip"},
		{",;,gzip,", "gzip"},
	} {
		for path, want := range plain {
			a := s.get(large+path, "Accept-Encoding", c[0])
			if got := a.header.Get("Content-Encoding"); got != c[1] {
				t.Errorf("Accept-Encoding %q: packed by %q, want %q", c[0], got, c[1])
			}
			if !bytes.Equal(a.unpacked(), want) {
				t.Errorf("Accept-Encoding %q, %q: other bytes", c[0], path)
			}
			if c[1] != "" && len(a.body) > len(want)/2 {
				t.Errorf("Accept-Encoding %q: %d bytes of %d", c[0], len(a.body), len(want))
			}
		}
	}
	if a := s.get("/api/v1/traces/20000000000000002/skeleton", "Accept-Encoding", "gzip"); a.header.Get("Content-Encoding") != "" {
		t.Error("a small answer is packed")
	}
}

// TestAccept answers protobuf and JSON of the same trace.
func TestAccept(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		spans := storagetest.NewGenerator(5).Trace(200)
		s.put(50, spans...)
		path := "/api/v1/traces/" + spans[0].TraceID.String()
		body := s.get(path, "Accept", "application/x-protobuf").bytes()
		if n, err := otlp.CountSpans(body); err != nil || n != len(spans) {
			t.Errorf("%d spans, want %d, %v", n, len(spans), err)
		}
		for _, c := range [][2]string{
			{"", "application/json"},
			{"*/*", "application/json"},
			{"application/*", "application/json"},
			{"application/json", "application/json"},
			{"text/html,application/xhtml+xml,*/*;q=0.8", "application/json"},
			{"application/x-protobuf", "application/x-protobuf"},
			{"application/protobuf", "application/x-protobuf"},
			{"application/x-protobuf, application/json;q=0.9", "application/x-protobuf"},
			{"application/x-protobuf;q=0.1, application/json;q=0.9", "application/json"},
			{"application/x-protobuf;q=0.5, */*;q=0.4", "application/x-protobuf"},
			{"application/x-protobuf;q=0", "application/json"},
			{"image/png", "application/json"},
		} {
			a := s.bad("GET", path, "", "Accept", c[0])
			if got := a.header.Get("Content-Type"); got != c[1] || a.status != 200 {
				t.Errorf("Accept %q: %d %s, want %s", c[0], a.status, got, c[1])
			}
		}
	})
}

// TestTraceJSON says the same as the protobuf form, with bad bytes shown, and in
// several pieces as in one.
func TestTraceJSON(t *testing.T) {
	s := serve(t, database(t, 0), v1.Config{})
	shop := &clew.Resource{Attrs: []clew.Attr{{Key: "a\xff", Value: clew.StringValue("b\xfe")}}}
	var spans []clew.Span
	for i := range 12_000 {
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: clew.SpanID(i + 1), Start: clew.UnixNanos(i + 1), End: 1e9, Resource: shop})
	}
	s.put(len(spans), spans...)
	path := "/api/v1/traces/" + spans[0].TraceID.String()
	body := s.get(path).bytes()
	if !bytes.Contains(body, []byte(`{"key":"a\\xff","value":{"stringValue":"b\\xfe"}}`)) {
		t.Errorf("no bad bytes in %.300s", body)
	}
	whole, err := otlp.AppendJSON(nil, s.get(path, "Accept", "application/x-protobuf").bytes())
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(whole, &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Error("JSON and protobuf differ")
	}
	if n := bytes.Count(body, []byte(`"spanId"`)); n != len(spans) {
		t.Errorf("%d spans, want %d", n, len(spans))
	}
}

// TestUnchanged answers 304 to those who have the state, by any comparison.
func TestUnchanged(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		spans := goldenTrace()
		s.put(100, spans...)
		for _, path := range []string{"", "/skeleton"} {
			path := "/api/v1/traces/" + spans[0].TraceID.String() + path
			etag := s.get(path).header.Get("ETag")
			for _, c := range []struct {
				have string
				want int
			}{
				{etag, 304}, {etag[2:], 304}, {`"x", ` + etag, 304}, {"*", 304}, {`"x"`, 200}, {etag + "x", 200}, {"", 200}, {`W/`, 200},
			} {
				a := s.get(path, "If-None-Match", c.have)
				if a.status != c.want || a.header.Get("ETag") != etag || c.want == 304 && len(a.body) > 0 {
					t.Errorf("%s with %q: %d, ETag %q, %d bytes; want %d", path, c.have, a.status, a.header.Get("ETag"), len(a.body), c.want)
				}
			}
		}
		a := s.get("/api/v1/traces/"+spans[0].TraceID.String()+"/skeleton", "If-None-Match", `"x"`)
		for name, want := range map[string]string{"Vary": "Accept, Accept-Encoding, X-Scope-OrgID", "Cache-Control": "private, no-cache"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	})
}
