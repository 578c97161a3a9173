package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// TestSignedCommand has the aws command sign with keys that the server knows, and others: on
// X-Ray's port and under the page. What SDKs ask X-Ray's daemon is asked unsigned.
func TestSignedCommand(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "keys")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop:write+read:AKSHOP:hush/shop\nbank:read:AKBANK:hush+bank\n")
	p := startServer(t, dir, "--xray-keys-file", file)
	as := func(endpoint, id, secret string) func(want string, args ...string) {
		run := awsAt(t, endpoint, "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret)
		return func(want string, args ...string) {
			t.Helper()
			out, err := run(args...)
			if err != nil {
				out += err.Error()
			}
			if !strings.Contains(out, want) {
				t.Errorf("%s: aws xray %q: %s, want %s", id, args, out, want)
			}
		}
	}
	const (
		id       = "1-58406520-a006649127e371903a2de979"
		document = `{"trace_id":"` + id + `","id":"6226467e3f845502","name":"größe","start_time":1498082657.37518,"end_time":1498082657.4042}`
		none     = `"Traces": []`
	)
	port, page := p.url(serve.DoorXRay), p.url(serve.DoorPage)+"/xray"
	as(port, "AKSHOP", "hush/shop")(`"UnprocessedTraceSegments": []`, "put-trace-segments", "--trace-segment-documents", document)
	as(page, "AKSHOP", "hush/shop")(`"Duration": 0.029`, "batch-get-traces", "--trace-ids", id)
	bank := as(port, "AKBANK", "hush+bank")
	bank(none, "batch-get-traces", "--trace-ids", id)
	bank("(AccessDeniedException)", "put-trace-segments", "--trace-segment-documents", document)
	as(page, "AKSHOP", "hush+bank")("(InvalidSignatureException)", "batch-get-traces", "--trace-ids", id)
	as(port, "AKSHOP", "wrong")("(InvalidSignatureException)", "put-trace-segments", "--trace-segment-documents", document)
	for path, want := range map[string]int{"/GetSamplingRules": http.StatusOK, "/SamplingTargets": http.StatusOK, "/Traces": http.StatusForbidden, "/TraceSegments": http.StatusForbidden} {
		r, err := http.Post(port+path, "application/json", strings.NewReader(`{"SamplingStatisticsDocuments":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if r.StatusCode != want || want == http.StatusForbidden && r.Header.Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" {
			t.Errorf("%s, unsigned: %s %s, want %d", path, r.Status, text, want)
		}
	}
	// Other keys are read at a hangup; what is no file of keys leaves all as it is.
	write("shop:write+read:AKNEW:hush-new\n")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.log.await("settings reloaded", 1, p.exited)
	as(port, "AKNEW", "hush-new")(`"Duration": 0.029`, "batch-get-traces", "--trace-ids", id)
	as(port, "AKSHOP", "hush/shop")("(UnrecognizedClientException)", "batch-get-traces", "--trace-ids", id)
	write("nonsense")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.log.await("settings not reloaded", 1, p.exited)
	as(port, "AKNEW", "hush-new")(`"Duration": 0.029`, "batch-get-traces", "--trace-ids", id)
	if strings.Contains(p.log.String(), "hush") {
		t.Errorf("the log has a secret:\n%s", p.log)
	}
}
