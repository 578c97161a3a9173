package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clew-tracing/clew/cmd/clew/serve"
	"github.com/clew-tracing/clew/internal/usage"
)

// pipelineFolder has a pipeline, what it names and some spans.
func pipelineFolder(t *testing.T, pipeline string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"p.yaml":     pipeline,
		"owners.csv": "service.name,team\ncart,shop\n",
		"t.json": `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart-blue"}}]},"scopeSpans":[{"spans":[
			{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","name":"GET /users/17","startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{"key":"authorization","value":{"stringValue":"Bearer x"}}]},
			{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b8","name":"GET /healthz","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const shopPipeline = `
service_names: {rules: [{regexp: (.+)-(blue|green), name: $1}]}
lookups: [{by: service.name, file: owners.csv}]
statements:
  - replace_pattern(span.name, "/[0-9]+", "/{id}")
drop:
  - IsMatch(span.name, "healthz")
redact: {sets: all}
`

// TestPipelineCommand prints what a pipeline changes.
func TestPipelineCommand(t *testing.T) {
	dir := pipelineFolder(t, shopPipeline)
	out, _, err := cli(nil, "pipeline", "test", dir+"/p.yaml", "--input", dir+"/t.json")
	want := `span 4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7 "GET /users/17"
  - attributes["authorization"]: "Bearer x"
  + attributes["authorization"]: "REDACTED"
  - name: "GET /users/17"
  + name: "GET /users/{id}"
  - resource.attributes["service.name"]: "cart-blue"
  + resource.attributes["service.name"]: "cart"
  + resource.attributes["team"]: "shop"
span 4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b8 "GET /healthz" dropped
2 spans read, 1 changed, 1 dropped; 1 value redacted (credentials 1); 1 service named, 1 attribute added, 0 statements failed
`
	if err != nil || out != want {
		t.Errorf("%v, printed\n%s\nwant\n%s", err, out, want)
	}
	out, _, err = cli(nil, "pipeline", "test", dir+"/p.yaml")
	if want := dir + "/p.yaml: 1 rule for names of services; 1 lookup; 1 statement, 1 condition to drop; redaction of credentials, cards, email, urls, sql\n"; err != nil || out != want {
		t.Errorf("%v, printed %q, want %q", err, out, want)
	}
	out, _, err = cli(nil, "pipeline", "test", dir+"/p.yaml", "--input", dir+"/t.json", "--limit", "1")
	if err != nil || strings.Contains(out, "dropped\n2") || !strings.Contains(out, "1 dropped;") {
		t.Errorf("with a limit: %v, %s", err, out)
	}
}

// TestPipelineExitCodes: what was not tried is wrong usage, what failed is not.
func TestPipelineExitCodes(t *testing.T) {
	dir := pipelineFolder(t, "error_mode: propagate\nstatements: ['set(span.name, ParseJSON(span.name))']\n")
	bad := pipelineFolder(t, "redact:\n  sets: [x]\n")
	away := pipelineFolder(t, "lookups: [{by: a, url: 'http://127.0.0.1:1/'}]\n")
	for _, c := range []struct {
		args  []string
		usage bool
		want  string
	}{
		{[]string{"pipeline", "test"}, true, "needs FILE"},
		{[]string{"pipeline", "test", dir + "/p.yaml", "x"}, true, "takes FILE and no more"},
		{[]string{"pipeline", "tset"}, true, "did you mean clew pipeline test"},
		{[]string{"pipeline", "test", dir + "/p.yaml", "--limit", "-1"}, true, "want 0 or more"},
		{[]string{"pipeline", "test", dir + "/gone.yaml"}, false, "no such file"},
		{[]string{"pipeline", "test", bad + "/p.yaml"}, false, "p.yaml:2: redact: sets: there is no set"},
		{[]string{"pipeline", "test", away + "/p.yaml"}, false, "1 table could not be read"},
		{[]string{"pipeline", "test", dir + "/p.yaml", "--input", dir + "/gone.json"}, false, "no such file"},
		{[]string{"pipeline", "test", dir + "/p.yaml", "--input", dir + "/owners.csv"}, false, "owners.csv"},
		{[]string{"pipeline", "test", dir + "/p.yaml", "--input", dir + "/t.json"}, false, "1 request refused"},
		{[]string{"serve", "--pipeline", bad + "/p.yaml", "--data", dir + "/data"}, true, "pipeline: " + bad + "/p.yaml:2: redact"},
	} {
		_, _, err := cli(nil, c.args...)
		if err == nil || errors.Is(err, usage.Err) != c.usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("clew %s: %v, want %q", strings.Join(c.args, " "), err, c.want)
		}
	}
}

// TestPipelineReload: a hangup reads the pipeline again, and one that is wrong leaves the
// one before.
func TestPipelineReload(t *testing.T) {
	dir := pipelineFolder(t, "redact: {keys: [first]}\n")
	p := startServer(t, dir, "--data", "data", "--pipeline", "p.yaml")
	send := func(n int) string {
		t.Helper()
		body := fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"a","startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[
			{"key":"first","value":{"stringValue":"f"}},{"key":"second","value":{"stringValue":"s"}}]}]}]}]}`, n, n)
		res, err := http.Post(p.url(serve.DoorOTLPHTTP)+"/v1/traces", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		out, _, err := cli([]string{"CLEW_SERVER=" + p.url(serve.DoorPage)}, "trace", fmt.Sprintf("%032x", n), "--json")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	reload := func(text, says string, count int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "p.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if !p.log.await(says, count, p.exited) {
			t.Fatal(p.log)
		}
	}
	redacted := func(n int, first, second bool) {
		t.Helper()
		out := send(n)
		if strings.Contains(out, `"f"`) == first || strings.Contains(out, `"s"`) == second {
			t.Errorf("trace %d: %s", n, out)
		}
	}
	redacted(1, true, false)
	reload("redact: {keys: [second]}\n", "pipeline read again", 1)
	redacted(2, false, true)
	reload("redact: {keys: 5}\n", "settings not reloaded", 1)
	redacted(3, false, true)
}

// TestPipelineExample: the example of docs/reference/pipeline.md makes of its spans what is printed
// there.
func TestPipelineExample(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/pipeline.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "\n## A worked example\n")
	dir := t.TempDir()
	block := func(kind string) string {
		_, after, found := strings.Cut(example, "\n```"+kind+"\n")
		body, rest, ends := strings.Cut(after, "```\n")
		if !found || !ends {
			t.Fatalf("there is no block of kind %q", kind)
		}
		example = rest
		return body
	}
	for _, file := range []struct{ kind, name string }{{"yaml", "pipeline.yaml"}, {"csv", "owners.csv"}, {"json", "traces.json"}} {
		if err := os.WriteFile(filepath.Join(dir, file.name), []byte(block(file.kind)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, _, err := cli(nil, "pipeline", "test", filepath.Join(dir, "pipeline.yaml"), "--input", filepath.Join(dir, "traces.json"))
	if want := block(""); err != nil || out != want {
		t.Errorf("%v, printed\n%s\nwant\n%s", err, out, want)
	}
}
