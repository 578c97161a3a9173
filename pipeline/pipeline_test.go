package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/otlp/wire"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// write writes files into a folder of the test and returns its path.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, yaml string) *Pipeline {
	t.Helper()
	return loadFrom(t, write(t, map[string]string{"p.yaml": yaml}))
}

func loadFrom(t *testing.T, dir string) *Pipeline {
	t.Helper()
	p, err := Load(t.Context(), filepath.Join(dir, "p.yaml"), new(Counts), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Await(t.Context())
	return p
}

// request is a request of one resource, of OTLP JSON.
func request(t *testing.T, resource, spans string) []byte {
	t.Helper()
	return encode(t, `{"resourceSpans":[{"resource":{"attributes":[`+resource+`]},"scopeSpans":[{"scope":{"name":"lib"},"spans":[`+spans+`]}]}]}`)
}

func encode(t *testing.T, text string) []byte {
	t.Helper()
	var req coltracepb.ExportTraceServiceRequest
	if err := protojson.Unmarshal([]byte(text), &req); err != nil {
		t.Fatal(err)
	}
	body, err := proto.Marshal(&req)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func attr(key, value string) string {
	return `{"key":"` + key + `","value":{"stringValue":"` + value + `"}}`
}

func span(name, attrs string) string {
	return `{"traceId":"AAAAAAAAAAAAAAAAAAAAAQ==","spanId":"AAAAAAAAAAE=","name":"` + name + `","attributes":[` + attrs + `]}`
}

// rewritten returns what a request comes to, read again.
func rewritten(t *testing.T, p *Pipeline, body []byte) (*coltracepb.ExportTraceServiceRequest, Done) {
	t.Helper()
	out, done, err := p.Rewrite(t.Context(), make([]byte, 0, len(body)), body)
	if err != nil {
		t.Fatal(err)
	}
	if !done.Changed {
		out = body
	}
	var req coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(out, &req); err != nil {
		t.Fatal(err)
	}
	return &req, done
}

// resourceOf returns the attributes of the first resource.
func resourceOf(req *coltracepb.ExportTraceServiceRequest) map[string]string {
	out := map[string]string{}
	for _, kv := range req.ResourceSpans[0].Resource.GetAttributes() {
		out[kv.Key] = strings.TrimSpace(strings.Join(strings.Fields(kv.Value.String()), " "))
	}
	return out
}

func TestServiceNames(t *testing.T) {
	p := load(t, `
service_names:
  rules:
    - exact: shop-frontend-v2
      name: frontend
    - regexp: (.+)-(blue|green)
      name: $1
`)
	for _, c := range []struct{ resource, want string }{
		{attr("service.name", "shop-frontend-v2"), "frontend"},
		{attr("service.name", "cart-green"), "cart"},
		{attr("service.name", "cart"), "cart"},
		{attr("service.name", "unknown_service:java") + "," + attr("k8s.pod.name", "cart-7f") + "," + attr("k8s.deployment.name", "cart-blue"), "cart"},
		{attr("aws.ecs.task.family", "pay"), "pay"},
		{attr("host.name", "x"), ""},
	} {
		req, done := rewritten(t, p, request(t, c.resource+","+attr("z", "1"), span("a", "")))
		got := resourceOf(req)
		if want := `string_value:"` + c.want + `"`; c.want != "" && got["service.name"] != want {
			t.Errorf("%s: %s, want %s", c.resource, got["service.name"], want)
		}
		if got["z"] == "" || len(req.ResourceSpans[0].ScopeSpans[0].Spans) != 1 {
			t.Errorf("%s: something was lost: %v", c.resource, req)
		}
		if done.Changed != (c.want != "" && c.want != "cart" || strings.Contains(c.resource, "green") || strings.Contains(c.resource, "blue")) {
			t.Errorf("%s: changed %v", c.resource, done.Changed)
		}
	}
}

func TestLookupsFromFiles(t *testing.T) {
	dir := write(t, map[string]string{
		"hosts.csv":   "zone,host.name,rack\neu-1,web1,r7\n,web2,r8\n",
		"owners.json": `{"cart":{"team":"shop","oncall":true,"tier":1,"cost":0.5,"zone":"never"}}`,
		"p.yaml": `
lookups:
  - by: host.name
    file: hosts.csv
    every: 1s
  - {by: service.name, file: owners.json}
`})
	p := loadFrom(t, dir)
	body := request(t, attr("host.name", "web1")+","+attr("service.name", "cart")+","+attr("rack", "mine"), span("a", ""))
	req, _ := rewritten(t, p, body)
	got := resourceOf(req)
	for key, want := range map[string]string{"zone": `string_value:"eu-1"`, "rack": `string_value:"mine"`, "team": `string_value:"shop"`, "oncall": "bool_value:true", "tier": "int_value:1", "cost": "double_value:0.5"} {
		if got[key] != want {
			t.Errorf("%s is %s, want %s", key, got[key], want)
		}
	}
	if p.counts.Added.Load() != 5 {
		t.Errorf("%d added", p.counts.Added.Load())
	}
	// A file that is wrong leaves what was read before.
	if err := os.WriteFile(filepath.Join(dir, "hosts.csv"), []byte("host\nx\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.refresh(t.Context(), p.lookups[0])
	if req, _ := rewritten(t, p, body); resourceOf(req)["zone"] == "" || p.counts.LookupErrs.Load() == 0 {
		t.Error("the table is gone")
	}
	if err := os.WriteFile(filepath.Join(dir, "hosts.csv"), []byte("host.name,zone\nweb1,eu-2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; { // it is looked at by itself
		req, _ := rewritten(t, p, body)
		if resourceOf(req)["zone"] == `string_value:"eu-2"` {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a file that changed was not read again")
		}
	}
}

func TestLookupsFromServers(t *testing.T) {
	var answer atomic.Value
	answer.Store(`{"cart":{"team":"shop"}}`)
	asked := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := answer.Load().(string)
		if text == "" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		if strings.HasPrefix(text, "service.name") {
			w.Header().Set("Content-Type", "text/csv")
		}
		_, _ = io.WriteString(w, text)
		select {
		case asked <- struct{}{}:
		default:
		}
	}))
	defer server.Close()
	dir := write(t, map[string]string{"p.yaml": "lookups: [{by: service.name, url: '" + server.URL + "', every: 1h, overwrite: true}]"})
	p := loadFrom(t, dir)
	body := request(t, attr("service.name", "cart")+","+attr("team", "x"), span("a", ""))
	team := func(p *Pipeline) string {
		req, _ := rewritten(t, p, body)
		return resourceOf(req)["team"]
	}
	if got := team(p); got != `string_value:"shop"` {
		t.Error(got)
	}
	<-asked
	for _, bad := range []string{"", "{", strings.Repeat(" ", maxTableBytes+1)} {
		answer.Store(bad)
		p.refresh(t.Context(), p.lookups[0])
		if got := team(p); got != `string_value:"shop"` {
			t.Errorf("after a bad answer: %s", got)
		}
	}
	if p.counts.LookupErrs.Load() != 3 {
		t.Errorf("%d errors", p.counts.LookupErrs.Load())
	}
	answer.Store("service.name,team\ncart,new\n")
	p.refresh(t.Context(), p.lookups[0])
	if got := team(p); got != `string_value:"new"` {
		t.Error(got)
	}
	// A pipeline that is loaded while the server is away has what the one before had.
	var h Holder
	h.Use(p)
	answer.Store("")
	if err := h.Load(t.Context(), filepath.Join(dir, "p.yaml"), quiet); err != nil {
		t.Fatal(err)
	}
	defer h.Use(nil)
	h.Current().Await(t.Context())
	if got := team(h.Current()); got != `string_value:"new"` {
		t.Errorf("loaded anew: %s", got)
	}
}

func TestStatements(t *testing.T) {
	p := load(t, `
statements:
  - set(span.attributes["env"], "prod") where resource.attributes["service.name"] == "cart"
  - delete_key(span.attributes, "internal")
  - replace_pattern(span.name, "/[0-9]+", "/{id}")
  - set(span.attributes["user"], SHA256(span.attributes["user"])) where span.attributes["user"] != nil
  - set(resource.attributes["region"], "eu")
  - set(span.attributes["region"], resource.attributes["region"])
  - set(spanevent.attributes["seen"], true)
  - set(scope.version, "9")
drop:
  - IsMatch(span.name, "^/health")
  - spanevent.name == "noise"
  - scope.name == "quiet"
  - resource.attributes["service.name"] == "nobody"
`)
	body := encode(t, `{"resourceSpans":[
		{"resource":{"attributes":[`+attr("service.name", "cart")+`]},"scopeSpans":[
			{"scope":{"name":"lib"},"spans":[
				{"name":"/users/17","attributes":[`+attr("internal", "x")+","+attr("user", "bob")+`],"events":[{"name":"noise"},{"name":"e"}]},
				{"name":"/healthz"}]},
			{"scope":{"name":"quiet"},"spans":[{"name":"q1"},{"name":"q2"}]}]},
		{"resource":{"attributes":[`+attr("service.name", "nobody")+`]},"scopeSpans":[{"spans":[{"name":"n"}]}]}]}`)
	req, done := rewritten(t, p, body)
	if done.Dropped != 4 || p.counts.Dropped.Load() != 4 {
		t.Errorf("%d dropped, %d counted", done.Dropped, p.counts.Dropped.Load())
	}
	got, err := protojson.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceSpans":[{"resource":{"attributes":[` + attr("service.name", "cart") + `,` + attr("region", "eu") + `]},"scopeSpans":[{"scope":{"name":"lib","version":"9"},
		"spans":[{"name":"/users/{id}","attributes":[` + attr("env", "prod") + `,` + attr("user", "81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9") + `,` + attr("region", "eu") + `],
		"events":[{"name":"e","attributes":[{"key":"seen","value":{"boolValue":true}}]}],"status":{}}]}]}]}`
	var wantReq coltracepb.ExportTraceServiceRequest
	if err := protojson.Unmarshal([]byte(want), &wantReq); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(req, &wantReq) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// Twice the same is the same bytes: a request that is sent again is known by them.
	one, _, _ := p.Rewrite(t.Context(), nil, body)
	two, _, _ := p.Rewrite(t.Context(), nil, body)
	if string(one) != string(two) {
		t.Error("the same request came to different bytes")
	}
}

func TestNothingIsLeft(t *testing.T) {
	p := load(t, "drop: ['true == true and span.name != nil']")
	out, done, err := p.Rewrite(t.Context(), make([]byte, 0, 100), request(t, attr("a", "b"), span("x", "")))
	if err != nil || len(out) != 0 || !done.Changed || done.Dropped != 1 {
		t.Errorf("%q, %+v, %v", out, done, err)
	}
}

func TestErrorModes(t *testing.T) {
	for mode, refused := range map[string]bool{"ignore": false, "silent": false, "propagate": true} {
		p := load(t, "error_mode: "+mode+`
statements:
  - set(span.attributes["n"], ParseJSON(span.name))
  - set(span.attributes["done"], true)
`)
		body := request(t, attr("a", "b"), span("no json", "")+","+span("{}", ""))
		out, done, err := p.Rewrite(t.Context(), nil, body)
		if (err != nil) != refused || p.counts.Errors.Load() != 1 {
			t.Errorf("%s: %v, %d errors", mode, err, p.counts.Errors.Load())
		}
		if refused {
			if clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), `ParseJSON(span.name)`) || p.counts.Refused.Load() != 1 {
				t.Errorf("%s: %v", mode, err)
			}
		} else if !done.Changed || strings.Count(string(out), "done") != 2 {
			t.Errorf("%s: %q", mode, out)
		}
	}
}

// TestOddIDs: a span whose id has an odd length costs the others nothing.
func TestOddIDs(t *testing.T) {
	p := load(t, `statements: ['set(span.attributes["x"], "y")']`)
	body := encode(t, `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"AAAA","spanId":"AAAA","name":"odd","links":[{"traceId":"AA=="}]},`+span("good", "")+`]}]}]}`)
	req, _ := rewritten(t, p, body)
	spans := req.ResourceSpans[0].ScopeSpans[0].Spans
	if len(spans) != 2 || len(spans[0].TraceId) != 0 || len(spans[1].TraceId) != 16 || len(spans[1].Attributes) != 1 {
		t.Errorf("%v", spans)
	}
	if _, _, err := p.Rewrite(t.Context(), nil, []byte{10, 200}); clew.KindOf(err) != clew.Invalid {
		t.Errorf("what is no OTLP: %v", err)
	}
}

// TestDeepValues: what is nested so deep that reading it into objects would end the program
// is refused, as the store does it.
func TestDeepValues(t *testing.T) {
	p := load(t, `statements: ['set(span.attributes["x"], "y")']`)
	deep := func(values int) []byte {
		head := 0 // sizes are known from within
		var heads [][]byte
		for n := range 2*values - 1 {
			tag := byte(wire.ValueArray<<3 | 2)
			if n%2 == 0 {
				tag = wire.ListValues<<3 | 2
			}
			if n == 2*values-2 {
				tag = wire.PairValue<<3 | 2
			}
			h := binary.AppendUvarint([]byte{tag}, uint64(head))
			head += len(h)
			heads = append(heads, h)
		}
		slices.Reverse(heads)
		body := bytes.Join(heads, nil)
		for _, num := range []int{wire.SpanAttributes, wire.ScopeSpansSpans, wire.ResourceSpansScope, wire.RequestResourceSpans} {
			body = wire.AppendBytes(nil, num, body)
		}
		return body
	}
	if _, _, err := p.Rewrite(t.Context(), nil, deep(maxValueDepth)); err != nil {
		t.Errorf("%d values: %v", maxValueDepth, err)
	}
	for _, values := range []int{maxValueDepth + 1, 200_000} {
		if _, _, err := p.Rewrite(t.Context(), nil, deep(values)); clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), "nested deeper than 64") {
			t.Errorf("%d values: %v", values, err)
		}
	}
}

// TestRoom: what a request takes as objects is told, also where there are many in few bytes.
func TestRoom(t *testing.T) {
	const spans = 10_000
	empty := bytes.Repeat([]byte{wire.ScopeSpansSpans<<3 | 2, 0}, spans)
	body := wire.AppendBytes(nil, wire.RequestResourceSpans, wire.AppendBytes(nil, wire.ResourceSpansScope, empty))
	p := load(t, `statements: ['set(span.attributes["x"], "y")']`)
	if n := p.Room(body); n < spans*200 || n > spans*1000 {
		t.Errorf("%d spans take %d bytes", spans, n)
	}
	usual := request(t, attr("a", "b"), span("x", attr("c", strings.Repeat("d", 10_000))))
	if n := p.Room(usual); n != objectRatio*int64(len(usual)) {
		t.Errorf("%d bytes take %d", len(usual), n)
	}
	named := load(t, "service_names: {}")
	attrs := bytes.Repeat([]byte{wire.ResourceAttributes<<3 | 2, 0}, spans)
	body = wire.AppendBytes(nil, wire.RequestResourceSpans, wire.AppendBytes(nil, wire.ResourceSpansResource, attrs))
	if n := named.Room(body); n < spans*64 || n > spans*200 {
		t.Errorf("%d attributes take %d bytes", spans, n)
	}
	if n := load(t, "redact: {sets: all}").Room(body); n != 0 {
		t.Errorf("redaction takes %d bytes", n)
	}
}

func TestRedactionComesLast(t *testing.T) {
	p := load(t, `
statements: ['set(span.attributes["copy"], resource.attributes["mail"])']
redact: {sets: all}
`)
	req, _ := rewritten(t, p, request(t, attr("mail", "bob@example.com"), span("a", attr("password", "x"))))
	if text := req.String(); strings.Contains(text, "bob@") || strings.Count(text, "REDACTED") != 3 {
		t.Error(text)
	}
}

// TestAddressesOfTables: the log says which server does not answer, and no secret of its address.
func TestAddressesOfTables(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	at := strings.TrimPrefix(server.URL, "http://")
	dir := write(t, map[string]string{"p.yaml": "lookups: [{by: service.name, url: 'http://me:hush@" + at + "/table?token=hush', every: 1h}]"})
	var said bytes.Buffer
	p, err := Load(t.Context(), filepath.Join(dir, "p.yaml"), new(Counts), slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Await(t.Context())
	server.Close()
	p.refresh(t.Context(), p.lookups[0])
	if text := said.String(); strings.Count(text, at+"/table") < 4 || !strings.Contains(text, "404") || !strings.Contains(text, "refused") || strings.Contains(text, "hush") {
		t.Error(text)
	}
}

// TestLogIsRedacted: what a statement failed at is not in the log, where it would not be kept.
func TestLogIsRedacted(t *testing.T) {
	dir := write(t, map[string]string{"p.yaml": "statements: ['set(span.attributes[\"t\"], Time(span.name, \"%Y-%m-%d\"))']\nredact: {sets: all}\n"})
	var said bytes.Buffer
	p, err := Load(t.Context(), filepath.Join(dir, "p.yaml"), new(Counts), slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, _, err := p.Rewrite(t.Context(), nil, request(t, "", span("bob@example.com", ""))); err != nil {
		t.Fatal(err)
	}
	if text := said.String(); !strings.Contains(text, "Time(span.name") || !strings.Contains(text, "REDACTED") || strings.Contains(text, "bob@") {
		t.Error(text)
	}
}

func TestUnchangedIsFree(t *testing.T) {
	p := load(t, "service_names: {}\nlookups: []\nredact: {sets: all}\n")
	body := request(t, attr("service.name", "cart"), span("a", attr("http.route", "/cart")))
	dst := make([]byte, 0, 10)
	out, done, err := p.Rewrite(t.Context(), dst, body)
	if err != nil || done.Changed || len(out) != 0 || p.counts.Requests.Load() != 0 {
		t.Errorf("%q, %+v, %v", out, done, err)
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "it is empty",
		"- a":                                 "p.yaml:1: want lines of NAME: VALUE with drop, error_mode",
		"a: b":                                "p.yaml:1: there is no a: want drop",
		"redact:\n  sets: [creds]":            "p.yaml:2: redact: sets: there is no set \"creds\": want credentials, cards",
		"redact: {}":                          "p.yaml:1: redact: want sets",
		"redact:\n  sets: all\n  keys: ['*']": "p.yaml:2: redact: key \"*\"",
		"redact: {sets: all, hash_key_file: gone}": "hash_key_file: open",
		"error_mode: never":                        "p.yaml:1: error_mode \"never\": want ignore, silent or propagate",
		"drop: []\ndrop: []":                       "p.yaml",
		"statements:\n  - set(span.attributes[\"a\"], \"b\")\n  - sett(span.name, \"x\")": "p.yaml:3: statements: ",
		"statements: ['set(name, \"x\")']":                                                "context",
		"drop:\n  - span.name = \"x\"":                                                    "p.yaml:2: drop: ",
		"statements: x":                                                                   "p.yaml:1: want a list",
		"lookups:\n  - by: a":                                                             "p.yaml:2: lookups: want by, and one of file and url",
		"lookups:\n  - {by: a, file: gone.csv}":                                           "lookups: number 1: open",
		"lookups:\n  - {by: a, file: x.txt}":                                              "want a name that ends in .csv or .json",
		"lookups:\n  - {by: a, url: 'ftp://x'}":                                           "p.yaml:2: lookups: url",
		"lookups:\n  - {by: a, url: 'http://x', every: 1ms}":                              "want a duration from 1s to 24h",
		"lookups:\n  - {by: a, url: 'http://x', overwrite: maybe}":                        "want true or false",
		"service_names:\n  rules:\n    - {regexp: '(', name: x}":                          "p.yaml:3: service_names: regexp",
		"service_names:\n  rules:\n    - {name: x}":                                       "p.yaml:3: service_names: want name",
		"redact: {sets: all}\n---\ndrop: []\n":                                            "p.yaml:2: there is a second document",
		"redact: {sets: all}\n---\n[":                                                     "p.yaml: ",
		"service_names: [a":                                                               "p.yaml",
	} {
		dir := write(t, map[string]string{"p.yaml": text})
		_, err := Load(t.Context(), filepath.Join(dir, "p.yaml"), new(Counts), quiet)
		if err == nil || !strings.Contains(err.Error(), want) || clew.KindOf(err) != clew.Invalid {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := Load(context.Background(), filepath.Join(t.TempDir(), "gone.yaml"), new(Counts), quiet); err == nil {
		t.Error("a file that is not there is read")
	}
}

// FuzzResources: whatever a request is, naming services and adding attributes leaves its
// spans.
func FuzzResources(f *testing.F) {
	f.Add([]byte("\n\x1c\n\x1a\n\x18\n\x0cservice.name\x12\b\n\x06a-blue"))
	f.Add([]byte("\n\x06\n\x00\x12\x02\x12\x00"))
	p := &Pipeline{counts: new(Counts), log: quiet, names: &names{exact: map[string]string{"": "none", "x": "y"}, rules: []nameRule{{regexp.MustCompile("^(.+)-blue$"), "$1"}}}}
	l := &lookup{by: serviceName}
	l.table.Store(&table{"a": {{"team", textValue("shop")}}, "none": {{"team", textValue("x")}}})
	p.lookups = []*lookup{l}
	f.Fuzz(func(t *testing.T, body []byte) {
		out, changed, err := p.resources(nil, body)
		n, before := otlp.CountSpans(body)
		if err != nil || !changed {
			return
		}
		m, after := otlp.CountSpans(out)
		if n != m || (before == nil) != (after == nil) {
			t.Fatalf("%d spans, %v; then %d, %v", n, before, m, after)
		}
		if again, changed, err := p.resources(nil, out); err != nil || changed {
			t.Fatalf("%q came to %q, and then to %q, %v", body, out, again, err)
		}
	})
}

// BenchmarkRewrite tells what each part costs for each span.
func BenchmarkRewrite(b *testing.B) {
	const spans = 10_000
	bodies := corpus.Requests(corpus.Shop, 1, spans, 500)
	dir := b.TempDir()
	for name, text := range map[string]string{
		"owners.csv": "service.name,team\ncart,shop\nfrontend,shop\n",
		"redact":     "redact: {sets: all}",
		"names":      "service_names: {rules: [{regexp: (.+)-blue, name: $1}]}\nlookups: [{by: service.name, file: owners.csv}]",
		"statements": "statements:\n  - set(span.attributes[\"env\"], \"prod\")\n  - delete_key(span.attributes, \"internal\")\n  - replace_pattern(span.name, \"/[0-9]+\", \"/{id}\")\n",
		"drop":       "drop: ['IsMatch(span.name, \"^/healthz\")']",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for _, name := range []string{"redact", "names", "drop", "statements"} {
		b.Run(name, func(b *testing.B) {
			p, err := Load(b.Context(), filepath.Join(dir, name), new(Counts), quiet)
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			buf := make([]byte, 0, 4<<20)
			b.ReportAllocs()
			for b.Loop() {
				for _, body := range bodies {
					if _, _, err := p.Rewrite(b.Context(), buf, body); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
		})
	}
}
