package xraydoor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// run runs a program of AWS' and returns what it prints; it may know nothing of who runs it.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_DEFAULT_REGION=eu-west-1", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=")
	c.Env = append(c.Env, env...)
	var out, errors bytes.Buffer
	c.Stdout, c.Stderr = &out, &errors
	if err := c.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, errors.String())
	}
	return out.String()
}

// missing skips a test that needs a program, unless it has to be there.
func missing(t *testing.T, what, how string, err error) {
	t.Helper()
	if os.Getenv("CLEW_REQUIRE_ENGINES") == "1" {
		t.Fatalf("%s is not here (%v): %s", what, err, how)
	}
	t.Skipf("%s is not here (%v): %s, or set CLEW_REQUIRE_ENGINES=1 to make this a failure", what, err, how)
}

// TestCommand puts segments and telemetry by the aws command, which signs what it sends.
func TestCommand(t *testing.T) {
	aws, err := exec.LookPath("aws")
	if err != nil {
		missing(t, "the aws command", "pip install awscli", err)
	}
	s := start(t)
	good := ended + `,"annotations":{"items":3.50},"metadata":{"debug":{"umlaut":"ü","quote":"\""}}}`
	text := run(t, nil, aws, "xray", "put-trace-segments", "--endpoint-url", s.url, "--output", "json", "--trace-segment-documents", good, `{"id":"1"}`)
	var out struct {
		UnprocessedTraceSegments []struct{ Id, ErrorCode, Message string }
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil || len(out.UnprocessedTraceSegments) != 1 || out.UnprocessedTraceSegments[0].ErrorCode != "InvalidId" {
		t.Errorf("%v: %s", err, text)
	}
	s.has(trace, good)
	run(t, nil, aws, "xray", "put-telemetry-records", "--endpoint-url", s.url, "--telemetry-records", `[{"Timestamp":1795397153.5,"SegmentsReceivedCount":7}]`)
	if x := s.http.Telemetry(); x.Received != 7 || x.Last.Unix() != 1795397153 {
		t.Errorf("%+v", x)
	}
	if st := s.http.Stats(); st.Accepted != 1 || st.Refused["InvalidId"] != 1 {
		t.Errorf("%+v", st)
	}
}

const pythonProgram = `
import sys
from aws_xray_sdk.core import xray_recorder
xray_recorder.configure(service="pysvc", sampling=False)
seg = xray_recorder.begin_segment("pysvc")
seg.put_annotation("tier", "gold")
seg.put_metadata("cart", {"items": [1, 2.5]}, "debug")
try:
    with xray_recorder.in_subsegment("db", namespace="remote") as sub:
        sub.sql = {"url": "postgres://h/db", "sanitized_query": "SELECT ?", "database_type": "PostgreSQL"}
        raise ValueError("boom")
except ValueError:
    pass
for i in range(150): # enough that the SDK sends subsegments by themselves
    with xray_recorder.in_subsegment("step"):
        pass
print(seg.trace_id, flush=True)
xray_recorder.end_segment()
`

// TestPython sends what the Python SDK makes of a small program.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.Command(python, "-c", "import aws_xray_sdk").Run()
	}
	if err != nil {
		missing(t, "X-Ray's SDK for Python", "pip install aws-xray-sdk", err)
	}
	s := start(t)
	id := strings.TrimSpace(run(t, []string{"AWS_XRAY_DAEMON_ADDRESS=" + s.to.RemoteAddr().String()}, python, "-c", pythonProgram))
	const spans = 152
	s.taken(spans)
	docs := s.documents(id)
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	if n := strings.Count(docs[0], `"name":"step"`); n != spans-2 || s.udp.Stats().Accepted != spans || s.udp.Datagrams().Received < 2 {
		t.Errorf("%d steps, %+v, %+v", n, s.udp.Stats(), s.udp.Datagrams())
	}
	for _, want := range []string{
		`"name":"pysvc"`, `"annotations":{"tier":"gold"}`, `"debug":{"cart": {"items": [1, 2.5]}}`, `"name":"db"`, `"namespace":"remote"`, `"message":"boom"`, `"type":"ValueError"`,
		`"stack":[{"path":"<string>","line":11,"label":"<module>"}]`, `"sanitized_query":"SELECT ?"`, `"url":"postgres://h/db"`, `"sdk":"X-Ray for Python"`, `"fault":true`,
	} {
		if !strings.Contains(docs[0], want) {
			t.Errorf("no %s in\n%s", want, docs[0])
		}
	}
}
