package xraydoor_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew/ingest/xraydoor"
)

const (
	header = "{\"format\": \"json\", \"version\": 1}\n"
	trace  = "1-6b039621-2942d23cf37ea4a764dab1fe"
	begun  = `{"name":"checkout","id":"70de5b6f19ff9a0a","trace_id":"` + trace + `","start_time":1795397153.564`
	ended  = begun + `,"end_time":1795397153.999`
	part   = `{"name":"api.pay.example","id":"aa995c3f42cd8ad8","type":"subsegment","parent_id":"70de5b6f19ff9a0a","trace_id":"` + trace + `","start_time":1795397153.7,"end_time":1795397153.9,"namespace":"remote"}`
)

// TestPut puts documents, good and bad ones together: the good are there when the answer is,
// the bad are named in it.
func TestPut(t *testing.T) {
	s := start(t)
	if list := s.put(); len(list) != 0 {
		t.Errorf("%v of no documents", list)
	}
	list := s.put(begun+`}`, ended+`,"http":{"request":{"method":"GET"}}}`, `{"name":"x"}`, `nothing`, part)
	s.has(trace, ended+`,"http":{"request":{"method":"GET"}},"subsegments":[`+part+`]}`)
	want := []map[string]string{
		{"Id": "70de5b6f19ff9a0a", "ErrorCode": "MissingEndTime", "Message": "Invalid segment. ErrorCode: MissingEndTime, Cause: X-Ray segment: offset 0: there is neither an end_time nor in_progress: true"},
		{"ErrorCode": "MissingId", "Message": "Invalid segment. ErrorCode: MissingId, Cause: X-Ray segment: offset 0: there is no id"},
		{"ErrorCode": "ParseError", "Message": "Invalid segment. ErrorCode: ParseError, Cause: X-Ray segment: offset 0: want '{', have 'n'"},
	}
	if fmt.Sprint(list) != fmt.Sprint(want) {
		t.Errorf("not taken:\n%v\nwant\n%v", list, want)
	}
	st := s.http.Stats()
	if st.Accepted != 2 || st.Refused["MissingEndTime"] != 1 || st.Refused["MissingId"] != 1 || st.Refused["ParseError"] != 1 || !strings.Contains(st.LastRefusal.Reason, "have 'n'") {
		t.Errorf("%+v", st)
	}
}

// TestInProgress: what runs is seen at once, and replaced by what it comes to, in whatever
// order these arrive and by whatever door.
func TestInProgress(t *testing.T) {
	s := start(t)
	running := begun + `,"in_progress":true}`
	s.put(running)
	s.has(trace, running)
	s.send(header + ended + `,"user":"u"}`)
	s.taken(1)
	s.has(trace, ended+`,"user":"u"}`)
	s.put(running)
	s.has(trace, ended+`,"user":"u"}`)
}

// TestCaptured sends what real SDKs sent.
func TestCaptured(t *testing.T) {
	s := start(t)
	for i, c := range []struct{ file, trace string }{
		{"python.datagram", "1-6b039621-2942d23cf37ea4a764dab1fe"}, {"node.datagram", "1-6b03962e-6e0b1eb9198028243f9dfe2f"},
	} {
		datagram, err := os.ReadFile("testdata/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		s.send(string(datagram))
		s.taken(int64(2 * (i + 1))) // each has a subsegment
		_, doc, _ := strings.Cut(string(datagram), "\n")
		s.has(c.trace, doc)
	}
}

// TestParts sends the parts of a segment in datagrams of their own, the last first.
func TestParts(t *testing.T) {
	s := start(t)
	inner := strings.NewReplacer("aa995c3f42cd8ad8", "aa995c3f42cd8ad9", "70de5b6f19ff9a0a", "aa995c3f42cd8ad8").Replace(part)
	for i, doc := range []string{inner, part, ended + `}`} {
		s.send(header + doc)
		s.taken(int64(i + 1))
	}
	s.has(trace, ended+`,"subsegments":[`+strings.TrimSuffix(part, "}")+`,"subsegments":[`+inner+`]}]}`)
}

// TestDatagrams: what is no document in a datagram is counted with the reason, and the largest
// there can be is taken.
func TestDatagrams(t *testing.T) {
	s := start(t)
	for i, c := range []struct{ datagram, want string }{
		{"", "there is no header line"},
		{ended + "}", "there is no header line"},
		{"{\"format\":\"json\",\"version\":2}\n" + ended + "}", "the header's version is not 1"},
		{header + ended + "}\n" + ended + "}", "another document behind the first: send one at a time"},
		{header + ended, "want ',' or '}'"},
		{header + strings.Replace(ended, "checkout", "a*b", 1) + "}", "ErrorCode: InvalidName"},
	} {
		s.send(c.datagram)
		s.taken(int64(i + 1))
		if st := s.udp.Stats(); st.Errors["invalid"] != int64(i+1) || !strings.Contains(st.LastRefusal.Reason, c.want) || st.LastRefusal.Door != "xray-udp" {
			t.Errorf("%q: %+v", c.datagram, st)
		}
	}
	before := s.settled()
	rest := `,"metadata":{"a":{"b":"`
	doc := ended + rest + strings.Repeat("x", 65507-len(header)-len(ended)-len(rest)-len(`"}}}`)) + `"}}}`
	s.send(header + doc)
	s.taken(before + 1)
	s.has(trace, doc)
	if d := s.udp.Datagrams(); d.Received != 7 || d.KernelDrops != 0 {
		t.Errorf("%+v", d)
	}
}

// TestLarge puts a document that is larger than X-Ray itself takes.
func TestLarge(t *testing.T) {
	s := start(t)
	doc := ended + `,"metadata":{"a":{"b":"` + strings.Repeat("x", 1<<20) + `"}}}`
	if list := s.put(doc); len(list) != 0 {
		t.Fatalf("%v", list)
	}
	s.has(trace, doc)
}

// TestTelemetry adds up what senders say of themselves.
func TestTelemetry(t *testing.T) {
	s := start(t)
	for range 2 {
		a := s.do("POST", xraydoor.TelemetryPath, `{"TelemetryRecords":[{"Timestamp":1795397153.5,"SegmentsReceivedCount":5,"SegmentsSentCount":4,"SegmentsSpilloverCount":1,"SegmentsRejectedCount":2,"BackendConnectionErrors":{"HTTPCode5XXCount":3}},{"Timestamp":7}],"Hostname":"h"}`)
		if a.code != http.StatusOK || a.body != "{}" {
			t.Errorf("%d %s", a.code, a.body)
		}
	}
	have := s.http.Telemetry()
	if have.Records != 4 || have.Received != 10 || have.Sent != 8 || have.Spilled != 2 || have.Rejected != 4 || have.Errors["5xx"] != 6 || len(have.Errors) != 1 || have.Last.UnixMilli() != 1795397153500 {
		t.Errorf("%+v", have)
	}
}

// TestErrors is what is answered to requests that are not right as a whole.
func TestErrors(t *testing.T) {
	s := start(t)
	many := `{"TraceSegmentDocuments":[""` + strings.Repeat(`,""`, 10_000) + `]}`
	for _, c := range []struct {
		method, path, body string
		headers            []string
		code               int
		kind, want         string
	}{
		{"POST", "/TraceSegments", `{`, nil, 400, "InvalidRequestException", "PutTraceSegments: offset 1"},
		{"POST", "/TraceSegments", `{"TraceSegmentDocuments":[{}]}`, nil, 400, "InvalidRequestException", "TraceSegmentDocuments[0]: want a string"},
		{"POST", "/TraceSegments", `{}`, nil, 400, "InvalidRequestException", "there are no TraceSegmentDocuments"},
		{"POST", "/TraceSegments", many, nil, 413, "InvalidRequestException", "more than 10000 documents"},
		{"POST", "/TraceSegments", `{}`, []string{"Content-Encoding", "br"}, 415, "InvalidRequestException", "br"},
		{"POST", "/TraceSegments", `{}`, []string{"X-Scope-OrgID", "a/b"}, 400, "InvalidRequestException", "tenant"},
		{"GET", "/TraceSegments", ``, nil, 405, "InvalidRequestException", "POST to /TraceSegments"},
		{"POST", "/TelemetryRecords", `[]`, nil, 400, "InvalidRequestException", "PutTelemetryRecords"},
		{"POST", "/TelemetryRecords", `{}`, nil, 400, "InvalidRequestException", "there are no TelemetryRecords"},
		{"POST", "/TelemetryRecords", `{"TelemetryRecords":[` + strings.Repeat(" ", 1<<20) + `]}`, nil, 413, "InvalidRequestException", "larger than 1048576 bytes"},
		{"POST", "/Nothing", `{}`, nil, 404, "UnknownOperationException", "POST /TraceSegments or /TelemetryRecords"},
	} {
		a := s.do(c.method, c.path, c.body, c.headers...)
		if a.code != c.code || a.header.Get("X-Amzn-Errortype") != c.kind || !strings.Contains(a.body, `"__type":"`+c.kind+`","Message":"`) || !strings.Contains(a.body, c.want) || a.header.Get("X-Amzn-Requestid") == "" {
			t.Errorf("%s %s %.60s: %d %v %s", c.method, c.path, c.body, a.code, a.header, a.body)
		}
	}
}

// TestBesides is what the door does not do itself, or only where it is told to.
func TestBesides(t *testing.T) {
	s := start(t)
	if a := s.do("POST", "/v1/traces", "{}", "Content-Type", "application/json"); a.code != http.StatusOK || a.body != "{}" {
		t.Errorf("OTLP: %d %s", a.code, a.body)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(`{"TraceSegmentDocuments":[]}`))
	_ = z.Close()
	signed := []string{"Content-Encoding", "gzip", "Authorization", "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/xray/aws4_request, SignedHeaders=host, Signature=0"}
	if a := s.do("POST", "/TraceSegments", b.String(), signed...); a.code != http.StatusOK || a.body != `{"UnprocessedTraceSegments":[]}` {
		t.Errorf("signed and packed: %d %s", a.code, a.body)
	}
	s.http.Verify = func(*http.Request) error { return errors.New("the signature is another") }
	if a := s.do("POST", "/TraceSegments", b.String(), signed...); a.code != http.StatusForbidden || !strings.Contains(a.body, "the signature is another") {
		t.Errorf("verified: %d %s", a.code, a.body)
	}
	s.http.Verify = nil
	s.http.OTLP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.http.Deny(w, r, http.StatusUnauthorized, codes.Unauthenticated, "no token")
	})
	if a := s.do("POST", "/v1/traces", ""); a.code != http.StatusUnauthorized || !strings.Contains(a.body, `"AccessDeniedException","Message":"no token"`) {
		t.Errorf("denied: %d %s", a.code, a.body)
	}
}
