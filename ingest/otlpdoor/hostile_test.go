package otlpdoor_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
)

// field is a length-delimited field.
func field(tag byte, content ...string) string {
	s := strings.Join(content, "")
	return string(binary.AppendUvarint([]byte{tag}, uint64(len(s)))) + s
}

// request is a request of spans, each given by its fields.
func request(spans ...string) string {
	var list string
	for _, s := range spans {
		list += field(0x12, s)
	}
	return field(0x0a, field(0x12, list))
}

const (
	goodTrace = "\x0a\x10\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
	goodSpan  = "\x12\x08\x01\x02\x03\x04\x05\x06\x07\x08"
)

func goodID() clew.TraceID { return clew.TraceID([]byte(goodTrace[2:])) }

// nested is a value of that many lists within each other.
func nested(depth int) string {
	v := "\x10\x01"
	for range depth {
		v = field(0x0a, v) // values of an ArrayValue
		v = field(0x2a, v) // array_value of an AnyValue
	}
	return v
}

func nestedJSON(depth int) string {
	return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":` +
		strings.Repeat(`{"arrayValue":{"values":[`, depth) + `{}` + strings.Repeat(`]}}`, depth) + `}]}]}]}]}`
}

// maxBody is the limit of the doors in these tests.
const maxBody = 1 << 20

// hostile is one bad request and what it is answered.
type hostile struct {
	name     string
	body     string
	encoding string
	code     int        // of HTTP
	grpc     codes.Code // of gRPC
	text     string     // in the message
}

func badRequests(t *testing.T) []hostile {
	shop := string(corpus.Requests(corpus.Shop, 1, 500, 500)[0])
	gzipBomb, zstdBomb := bombs(t)
	limit := fmt.Sprint(maxBody)
	// A frame that claims a window of 1 GiB, and one block of a few bytes.
	window := "\x28\xb5\x2f\xfd\x00\xa0\x19\x00\x00abc"
	return []hostile{
		{"cut", shop[:len(shop)-7], "", 400, codes.InvalidArgument, "offset"},
		{"cut, gzip", string(gzipped(t, []byte(shop))[:9000]), "gzip", 400, codes.InvalidArgument, "gzip"},
		{"cut, zstd", string(zstded(t, []byte(shop))[:9000]), "zstd", 400, codes.InvalidArgument, "zstd"},
		{"cut inside, gzip", string(gzipped(t, []byte(shop[:len(shop)-7]))), "gzip", 400, codes.InvalidArgument, "offset"},
		{"1 GB claimed by a field", "\x0a\x80\x80\x80\x80\x04abc", "", 400, codes.InvalidArgument, "offset"},
		{"a varint without end", "\x0a" + strings.Repeat("\xff", 20), "", 400, codes.InvalidArgument, "offset"},
		{"10,000 deep", request(goodTrace + goodSpan + field(0x4a, field(0x0a, "k"), field(0x12, nested(10_000)))), "", 400, codes.InvalidArgument, "deep"},
		{"groups 10,000 deep", strings.Repeat("\x0b", 10_000), "", 400, codes.InvalidArgument, "group"},
		{"text", "hello", "", 400, codes.InvalidArgument, "offset"},
		{"not gzip", shop, "gzip", 400, codes.InvalidArgument, "gzip"},
		{"not zstd", shop, "zstd", 400, codes.InvalidArgument, "zstd"},
		{"unknown encoding", shop, "br", 415, codes.Unimplemented, `"br" is not supported; send gzip, zstd or identity`},
		{"two encodings", shop, "gzip, gzip", 415, codes.Unimplemented, "not supported"},
		{"too large", string(make([]byte, maxBody+1)), "", 413, codes.ResourceExhausted, limit + " bytes; send smaller batches or raise --max-request"},
		{"gzip bomb", string(gzipBomb), "gzip", 413, codes.ResourceExhausted, limit + " bytes unpacked; send smaller batches or raise --max-request"},
		{"zstd bomb", string(zstdBomb), "zstd", 413, codes.ResourceExhausted, limit + " bytes unpacked; send smaller batches or raise --max-request"},
		{"zstd window", window, "zstd", 413, codes.ResourceExhausted, "window"},
	}
}

// TestBadRequests sends what is no request in every way, and looks at code, body
// and memory.
func TestBadRequests(t *testing.T) {
	s := start(t, ingest.Config{MaxBodyBytes: maxBody})
	for _, c := range badRequests(t) {
		t.Run(c.name, func(t *testing.T) {
			headers := []string{"Content-Type", "application/x-protobuf"}
			if c.encoding != "" {
				headers = append(headers, "Content-Encoding", c.encoding)
			}
			check := func(st *status.Status) {
				t.Helper()
				if st.Code() != c.grpc || !strings.Contains(st.Message(), c.text) {
					t.Errorf("status %v %q, want %v with %q", st.Code(), st.Message(), c.grpc, c.text)
				}
				checkDetails(t, st)
			}
			overHTTP := func() {
				a := s.post(t, strings.NewReader(c.body), headers...)
				if a.code != c.code || a.header.Get("Content-Type") != "application/x-protobuf" || a.header.Get("Retry-After") != "" {
					t.Errorf("HTTP %d %v, want %d", a.code, a.header, c.code)
				}
				check(readStatus(t, a))
			}
			flag, packing := byte(0), "identity"
			if c.encoding != "" {
				flag, packing = 1, c.encoding
			}
			overGRPC := func() {
				out, st := s.call(t, strings.NewReader(string(frame(flag, len(c.body), []byte(c.body)))), "Grpc-Encoding", packing)
				if len(out) != 0 {
					t.Errorf("a failed call has the answer %q", out)
				}
				check(st)
			}
			for name, send := range map[string]func(){"HTTP": overHTTP, "gRPC": overGRPC} {
				send() // connections and pools are made
				// What a request may take: itself in its packed and its clear form, more
				// as memory grows, and the window of a decoder, where the pool has none
				// (under the race detector it forgets at random). The bombs unpack to
				// 64 MiB.
				if n := allocated(send); n > 12*maxBody+8<<20 {
					t.Errorf("%s: %d bytes allocated for one request of %d", name, n, len(c.body))
				}
			}
			if used := s.budget.Used(); used != 0 {
				t.Errorf("%d bytes are still reserved", used)
			}
		})
	}
	if n := s.http.Stats().Accepted + s.grpc.Stats().Accepted; n != 0 {
		t.Errorf("%d spans accepted", n)
	}
}

// checkDetails wants what OTLP asks for: BadRequest where the request is at fault,
// RetryInfo where the sender is to come again, and never where not.
func checkDetails(t *testing.T, st *status.Status) {
	t.Helper()
	var bad, retry bool
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.BadRequest:
			bad = len(d.FieldViolations) == 1 && d.FieldViolations[0].Description == st.Message()
		case *errdetails.RetryInfo:
			retry = d.RetryDelay.AsDuration() > 0
		default:
			t.Errorf("detail %v", d)
		}
	}
	if want := st.Code() == codes.InvalidArgument; bad != want || retry {
		t.Errorf("%v: BadRequest %v, RetryInfo %v", st.Code(), bad, retry)
	}
}

// readStatus reads an error body in its encoding.
func readStatus(t *testing.T, a answer) *status.Status {
	t.Helper()
	var p rpc.Status
	var err error
	if a.header.Get("Content-Type") == "application/json" {
		err = protojson.Unmarshal(a.body, &p)
	} else {
		err = proto.Unmarshal(a.body, &p)
	}
	if err != nil {
		t.Fatalf("error body %q: %v", a.body, err)
	}
	return status.FromProto(&p)
}

// allocated returns how many bytes f allocates, the test's own included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestBadJSON is TestBadRequests for JSON, over HTTP.
func TestBadJSON(t *testing.T) {
	s := start(t, ingest.Config{MaxBodyBytes: maxBody})
	for _, c := range []hostile{
		{"cut", `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01`, "", 400, codes.InvalidArgument, "offset"},
		{"empty", ``, "", 400, codes.InvalidArgument, "offset"},
		{"no object", `[]`, "", 400, codes.InvalidArgument, "offset"},
		{"wrong type", `{"resourceSpans":{}}`, "", 400, codes.InvalidArgument, "resourceSpans"},
		{"more behind", `{}{}`, "", 400, codes.InvalidArgument, "offset"},
		{"10,000 deep", nestedJSON(10_000), "", 400, codes.InvalidArgument, "deep"},
		{"unknown 10,000 deep", `{"x":` + strings.Repeat(`[`, 10_000), "", 400, codes.InvalidArgument, "deep"},
		{"protobuf", request(goodTrace + goodSpan), "", 400, codes.InvalidArgument, "offset"},
		{"not gzip", `{}`, "gzip", 400, codes.InvalidArgument, "gzip"},
		{"too large", strings.Repeat(" ", maxBody+1), "", 413, codes.ResourceExhausted, "--max-request"},
		{"bomb", string(gzipped(t, bytes.Repeat([]byte(" "), 16*maxBody))), "gzip", 413, codes.ResourceExhausted, "--max-request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := []string{"Content-Type", "application/json; charset=utf-8"}
			if c.encoding != "" {
				headers = append(headers, "Content-Encoding", c.encoding)
			}
			send := func() {
				a := s.post(t, strings.NewReader(c.body), headers...)
				st := readStatus(t, a)
				if a.code != c.code || a.header.Get("Content-Type") != "application/json" || st.Code() != c.grpc || !strings.Contains(st.Message(), c.text) {
					t.Errorf("HTTP %d %q: %v; want %d with %q", a.code, a.header.Get("Content-Type"), st, c.code, c.text)
				}
				checkDetails(t, st)
			}
			send()
			if n := allocated(send); n > 8*maxBody {
				t.Errorf("%d bytes allocated for a request of %d", n, len(c.body))
			}
		})
	}
}

// TestClaims sends lengths that are only claimed: nothing is waited for, nothing
// set aside.
func TestClaims(t *testing.T) {
	s := start(t, ingest.Config{MaxBodyBytes: maxBody})
	overHTTP := func() {
		// The transport would not claim what the body does not have, so that by hand.
		got := s.raw(t, "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1073741824\r\n\r\n\x0a")
		if got.code != 413 || !strings.Contains(readStatus(t, got).Message(), "--max-request") {
			t.Errorf("1 GB claimed: %d %q", got.code, got.body)
		}
	}
	overGRPC := func() {
		pr, pw := io.Pipe() // open: the call goes on
		defer pw.Close()
		go func() { _, _ = pw.Write(frame(0, 1<<30, []byte("\x0a"))) }()
		_, st := s.call(t, pr)
		if st.Code() != codes.ResourceExhausted || !strings.Contains(st.Message(), "--max-request") || len(st.Details()) != 0 {
			t.Errorf("1 GB claimed: %v", st)
		}
	}
	for name, send := range map[string]func(){"HTTP": overHTTP, "gRPC": overGRPC} {
		send()
		if n := allocated(send); n > 1<<20 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
}

// TestOddContentTypes wants a readable refusal of what is not OTLP's.
func TestOddContentTypes(t *testing.T) {
	s := start(t, ingest.Config{})
	for _, c := range []struct{ kind, answer, text string }{
		{"", "application/json", `content type "" is not OTLP: send application/x-protobuf or application/json`},
		{"text/plain", "application/json", `content type "text/plain" is not OTLP`},
		{"application/protobuf", "application/x-protobuf", "send application/x-protobuf"},
		{"application/jsonl", "application/json", "is not OTLP"},
		{"\xff;;=", "application/json", "is not OTLP"},
		{"application/grpc", "application/json", "--otlp-grpc-port"},
	} {
		a := s.post(t, strings.NewReader("x"), "Content-Type", c.kind)
		if a.code != 415 || a.header.Get("Content-Type") != c.answer || !strings.Contains(readStatus(t, a).Message(), c.text) {
			t.Errorf("%q: %d %q %q, want 415 %q with %q", c.kind, a.code, a.header.Get("Content-Type"), a.body, c.answer, c.text)
		}
	}
	for _, c := range []string{"application/x-protobuf", "Application/X-Protobuf", "application/x-protobuf; proto=x"} {
		if a := s.post(t, strings.NewReader(""), "Content-Type", c); a.code != 200 || len(a.body) != 0 {
			t.Errorf("%q: %d %q", c, a.code, a.body)
		}
	}
	for _, c := range []struct {
		method, path string
		code         int
		allow, text  string
	}{
		{"GET", "/v1/traces", 405, "POST, OPTIONS", "POST traces to /v1/traces"},
		{"PUT", "/v1/traces", 405, "POST, OPTIONS", "POST traces to /v1/traces"},
		{"POST", "/v1/metrics", 404, "", "metrics, logs and profiles are not taken"},
		{"GET", "/", 404, "", "OTLP/HTTP door"},
	} {
		a := s.do(t, s.client, c.method, c.path, nil)
		if a.code != c.code || a.header.Get("Allow") != c.allow || !strings.Contains(readStatus(t, a).Message(), c.text) {
			t.Errorf("%s %s: %d %q %s", c.method, c.path, a.code, a.header.Get("Allow"), a.body)
		}
	}
}

// TestRefusals sends bad ids beside good spans, in every form: the good ones are
// kept, the others named.
func TestRefusals(t *testing.T) {
	body := request(
		goodTrace+goodSpan+field(0x2a, "first"),
		"\x0a\x10"+strings.Repeat("\x00", 16)+goodSpan+field(0x2a, "zero trace"),
		"\x0a\x03abc"+goodSpan+field(0x2a, "short trace"),
		goodTrace+"\x12\x08"+strings.Repeat("\x00", 8)+field(0x2a, "zero \xff span"),
		goodTrace+"\x12\x09123456789"+field(0x2a, strings.Repeat("long span ", 100)),
		goodTrace+"\x12\x08\x08\x07\x06\x05\x04\x03\x02\x01"+field(0x2a, "last"),
	)
	text := `{"resourceSpans":[{"scopeSpans":[{"spans":[
		{"traceId":"0102030405060708090A0b0c0d0e0f10","spanId":"0102030405060708","name":"first"},
		{"traceId":"00000000000000000000000000000000","spanId":"0102030405060708","name":"zero trace"},
		{"traceId":"616263","spanId":"0102030405060708","name":"short trace"},
		{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0000000000000000","name":"zero span"},
		{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"313233343536373839","name":"long span"},
		{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0807060504030201","name":"last"}]}]}]}`
	f := func(name string, send func(s *server) *coltracepb.ExportTraceServiceResponse) {
		s := start(t, ingest.Config{})
		p := send(s).PartialSuccess
		if p.GetRejectedSpans() != 4 {
			t.Fatalf("%s: %v, want 4 rejected", name, p)
		}
		for _, want := range []string{"4 of 6 spans refused; span 1 \"zero trace\": ", "; span 2 \"short trace\": ", "; span 3 \"zero ", "; span 4 \"long span"} {
			if !strings.Contains(p.ErrorMessage, want) {
				t.Errorf("%s: %q does not name %q", name, p.ErrorMessage, want)
			}
		}
		if tr := s.trace(t, goodID()); tr.Rows != 2 {
			t.Errorf("%s: %d spans kept, want 2", name, tr.Rows)
		}
		var refused, accepted int64
		for _, st := range []ingest.Stats{s.http.Stats(), s.grpc.Stats()} {
			accepted += st.Accepted
			for _, n := range st.Refused {
				refused += n
			}
		}
		if accepted != 2 || refused != 4 {
			t.Errorf("%s: counted %d accepted, %d refused", name, accepted, refused)
		}
	}
	for _, pack := range []string{"", "gzip", "zstd"} {
		packed := body
		headers := []string{"Content-Type", "application/x-protobuf"}
		flag := byte(0)
		switch pack {
		case "gzip":
			packed, flag = string(gzipped(t, []byte(body))), 1
		case "zstd":
			packed, flag = string(zstded(t, []byte(body))), 1
		}
		if pack != "" {
			headers = append(headers, "Content-Encoding", pack)
		}
		f("HTTP "+pack, func(s *server) *coltracepb.ExportTraceServiceResponse {
			a := s.post(t, strings.NewReader(packed), headers...)
			return readResponse(t, a)
		})
		f("gRPC "+pack, func(s *server) *coltracepb.ExportTraceServiceResponse {
			out, st := s.call(t, strings.NewReader(string(frame(flag, len(packed), []byte(packed)))), "Grpc-Encoding", pack)
			if st.Code() != codes.OK || len(out) < 5 || out[0] != 0 || int(binary.BigEndian.Uint32(out[1:])) != len(out)-5 {
				t.Fatalf("%v, answer %q", st, out)
			}
			return readResponse(t, answer{code: 200, body: out[5:]})
		})
	}
	f("JSON", func(s *server) *coltracepb.ExportTraceServiceResponse {
		return readResponse(t, s.post(t, strings.NewReader(text), "Content-Type", "application/json"))
	})
}

func readResponse(t *testing.T, a answer) *coltracepb.ExportTraceServiceResponse {
	t.Helper()
	var r coltracepb.ExportTraceServiceResponse
	var err error
	if a.header.Get("Content-Type") == "application/json" {
		err = protojson.Unmarshal(a.body, &r)
	} else {
		err = proto.Unmarshal(a.body, &r)
	}
	if err != nil || a.code != 200 {
		t.Fatalf("HTTP %d, %q: %v", a.code, a.body, err)
	}
	return &r
}

// TestManyRefusals sends more bad spans than a message can name.
func TestManyRefusals(t *testing.T) {
	s := start(t, ingest.Config{})
	var spans []string
	for range 1000 {
		spans = append(spans, field(0x2a, strings.Repeat("\xffé", 200)))
	}
	p := readResponse(t, s.post(t, strings.NewReader(request(spans...)), "Content-Type", "application/x-protobuf")).PartialSuccess
	if p.GetRejectedSpans() != 1000 || len(p.ErrorMessage) > 1100 || !strings.HasPrefix(p.ErrorMessage, "1000 of 1000 spans refused; span 0 ") {
		t.Errorf("%d rejected, %q", p.GetRejectedSpans(), p.ErrorMessage)
	}
	var more int
	if i := strings.LastIndex(p.ErrorMessage, "; and "); i < 0 {
		t.Errorf("%q does not say how many more", p.ErrorMessage)
	} else if _, err := fmt.Sscanf(p.ErrorMessage[i:], "; and %d more", &more); err != nil || more+strings.Count(p.ErrorMessage, "; span ") != 1000 {
		t.Errorf("%q: %d named, %d more", p.ErrorMessage, strings.Count(p.ErrorMessage, "; span "), more)
	}
}

// TestNoErrors sends what is odd and taken all the same: unknown fields, an end
// before the start, bytes that are not UTF-8.
func TestNoErrors(t *testing.T) {
	times := "\x39" + string(binary.LittleEndian.AppendUint64(nil, 2000)) + "\x41" + string(binary.LittleEndian.AppendUint64(nil, 1000))
	body := request(goodTrace+goodSpan+field(0x2a, "caf\xe9")+times+field(0x4a, field(0x0a, "k\xff"), field(0x12, field(0x0a, "\xfe\x00")))) +
		"\xfa\x3f\x03abc" + "\xf8\x3f\x01" // fields 1023, twice
	text := `{"future":{"a":[1,2]},"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708",
		"name":"caf` + "\xe9" + `","startTimeUnixNano":"2000","endTimeUnixNano":1000,"other":null,"attributes":[{"key":"k` + "\xff" + `","value":{"stringValue":"` + "\xfe\\u0000" + `"}}]}]}]}]}`
	f := func(name string, send func(s *server) []byte) {
		s := start(t, ingest.Config{})
		if out := send(s); len(out) != 0 && string(out) != "{}" {
			t.Errorf("%s: answer %q", name, out)
		}
		row := span.NewRows(s.trace(t, goodID()).Batch).Span(0)
		if row.Name != "caf\xe9" || row.Start != 2000 || row.End != 1000 || len(row.Attrs) != 1 || row.Attrs[0].Key != "k\xff" || string(row.Attrs[0].Value.Bytes) != "\xfe\x00" {
			t.Errorf("%s: came back as %+v", name, row)
		}
		h, g := s.http.Stats(), s.grpc.Stats()
		if n := h.Unknown + g.Unknown; n != 2 {
			t.Errorf("%s: %d unknown fields counted, want 2", name, n)
		}
		if n := h.Flagged + g.Flagged; n != 1 {
			t.Errorf("%s: %d spans flagged, want 1", name, n)
		}
	}
	f("HTTP", func(s *server) []byte {
		a := s.post(t, strings.NewReader(body), "Content-Type", "application/x-protobuf")
		if a.code != 200 {
			t.Errorf("HTTP %d", a.code)
		}
		return a.body
	})
	f("JSON", func(s *server) []byte {
		a := s.post(t, strings.NewReader(text), "Content-Type", "application/json")
		if a.code != 200 || !json.Valid(a.body) {
			t.Errorf("HTTP %d %q", a.code, a.body)
		}
		return a.body
	})
	f("gRPC", func(s *server) []byte {
		out, st := s.call(t, strings.NewReader(string(frame(0, len(body), []byte(body)))))
		if st.Code() != codes.OK || string(out) != "\x00\x00\x00\x00\x00" {
			t.Errorf("%v, answer %q", st, out)
		}
		return nil
	})
}
