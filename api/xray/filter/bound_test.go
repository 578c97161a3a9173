package filter_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/xray/filter"
	"github.com/clew-tracing/clew/api/xray/view"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

type random struct{ *rand.Rand }

// one picks one of some texts.
func (r random) one(texts ...string) string { return texts[r.IntN(len(texts))] }

// maybe is true n times of ten.
func (r random) maybe(n int) bool { return r.IntN(10) < n }

// names are those of services, and texts those of all else; few, so that they meet.
func (r random) name() string {
	return r.one("api", "cart", "a/b c", "span", "orders", "db@host", "DynamoDB", "SQS", "naïve", "q")
}
func (r random) text() string {
	return r.one("api", "x", "http://h/v2/x", "", "a.b", "1", "gold", "é\n")
}
func (r random) key() string { return r.one("tier", "a_b", "http_route", "http.route", "n", "user") }

const traceID = "1-6b039621-2942d23cf37ea4a764dab1fe"

// document is a segment, or a subsegment, with what is in it.
func (r random) document(depth int, parent string) map[string]any {
	start := 1795397153 + float64(r.IntN(40))/4
	d := map[string]any{"id": fmt.Sprintf("%016x", r.Uint64N(12)+uint64(depth)*100+1), "name": r.name(), "start_time": start}
	if depth == 0 || parent != "" {
		d["trace_id"] = traceID
	}
	if parent != "" {
		d["parent_id"] = parent
	}
	if r.maybe(1) {
		d["in_progress"] = true
	} else {
		d["end_time"] = start + float64(r.IntN(40))/4
	}
	for _, flag := range []string{"error", "fault", "throttle"} {
		if r.maybe(2) {
			d[flag] = r.maybe(8)
		}
	}
	if r.maybe(5) {
		d["http"] = map[string]any{"request": map[string]any{"url": r.text(), "method": r.text(), "user_agent": r.text(), "client_ip": r.text()}, "response": map[string]any{"status": 100 * (2 + r.IntN(4))}}
	}
	if r.maybe(5) {
		d["annotations"] = map[string]any{r.key(): r.text(), "n": r.IntN(4), "flag": r.maybe(5), "f": 1.5}
	}
	if r.maybe(3) {
		d["user"] = r.text()
	}
	aws := map[string]any{"account_id": r.one("1", "2"), "table_name": r.name(), "queue_url": "https://sqs/1/" + r.name(), "resource_names": []string{r.name()}, "bucket_name": r.name(), "function_name": r.name()}
	for key := range aws {
		if r.maybe(5) {
			delete(aws, key)
		}
	}
	if depth == 0 {
		d["origin"] = r.one("AWS::EC2::Instance", "AWS::Lambda", "other")
		aws["ec2"] = map[string]any{"instance_id": r.text(), "availability_zone": r.text()}
		d["resource_arn"] = r.text()
	} else {
		d["namespace"] = r.one("aws", "remote", "local")
	}
	if r.maybe(6) {
		d["aws"] = aws
	}
	if depth > 0 && r.maybe(2) {
		d["sql"] = map[string]any{"url": "jdbc://h/db"}
	}
	if r.maybe(3) {
		d["cause"] = map[string]any{"exceptions": []any{map[string]any{"id": "00000000000000aa", "type": r.text(), "message": r.text()}}}
	}
	if depth < 3 && r.maybe(6) {
		d["subsegments"] = []any{r.document(depth+1, "")}
	}
	return d
}

// span is one of OpenTelemetry's, and its resource.
func (r random) span() map[string]any {
	attrs := func(keys ...string) (out []any) {
		for _, key := range keys {
			if !r.maybe(2) {
				continue
			}
			value := map[string]any{"stringValue": r.one(r.name(), r.text(), "https://sqs/1/"+r.name())}
			switch {
			case strings.HasSuffix(key, "status_code"):
				value = map[string]any{"intValue": r.one("200", "404", "429", "500")}
			case key == "aws.remote.resource.type":
				value = map[string]any{"stringValue": "AWS::SQS::Queue"}
			case key == "rpc.system":
				value = map[string]any{"stringValue": r.one("aws-api", "grpc")}
			case key == "server.port", key == "n":
				value = map[string]any{"intValue": r.one("1", "80")}
			case key == "aws.xray.annotations":
				value = map[string]any{"arrayValue": map[string]any{"values": []any{map[string]any{"stringValue": r.key()}}}}
			}
			out = append(out, map[string]any{"key": key, "value": value})
		}
		return out
	}
	start := 1795397153_000000000 + r.Uint64N(10)*250_000_000
	s := map[string]any{
		"traceId": "6b0396212942d23cf37ea4a764dab1fe", "spanId": fmt.Sprintf("%016x", r.Uint64N(12)+1), "name": r.one("GET /a?b", "span", "???", r.name()),
		"kind": r.IntN(6), "startTimeUnixNano": fmt.Sprint(start), "endTimeUnixNano": fmt.Sprint(start + r.Uint64N(10)*250_000_000),
		"attributes": attrs(append(slices.Concat(view.NameKeys, view.PartKeys), "aws.remote.resource.type", "http.request.method", "url.full", "http.url", "url.path", "server.address", "server.port", "http.response.status_code", "http.status_code",
			"user_agent.original", "client.address", "enduser.id", "rpc.system", "db.system", "db.connection_string",
			"tier", "a_b", "a.b", "http.route", "n", "user", "aws.xray.annotations")...),
		"status": map[string]any{"code": r.IntN(3), "message": r.text()},
	}
	if r.maybe(7) {
		s["parentSpanId"] = fmt.Sprintf("%016x", r.Uint64N(12)+1)
	}
	if r.maybe(2) {
		delete(s, "endTimeUnixNano")
	}
	return map[string]any{"resource": map[string]any{"attributes": attrs("service.name", "cloud.account.id", "host.id", "cloud.availability_zone", "cloud.platform")},
		"scopeSpans": []any{map[string]any{"spans": []any{s}}}}
}

// trace is a request with spans of one trace, through either door.
func (r random) trace(t *testing.T) []byte {
	var tr xray.Translator
	var body []byte
	for range r.IntN(4) {
		parent := ""
		if r.maybe(6) {
			parent = fmt.Sprintf("%016x", r.Uint64N(12)+uint64(r.IntN(3))*100+1)
		}
		doc, err := json.Marshal(r.document(0, parent))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = tr.Append(body, doc); err != nil && !strings.Contains(err.Error(), "DuplicateId") && !strings.Contains(err.Error(), "InvalidParentId") {
			t.Fatalf("%s: %v", doc, err)
		}
	}
	var spans []any
	for range r.IntN(5) {
		spans = append(spans, r.span())
	}
	if len(body) == 0 && spans == nil {
		spans = append(spans, r.span())
	}
	text, err := json.Marshal(map[string]any{"resourceSpans": spans})
	if err != nil {
		t.Fatal(err)
	}
	if body, _, err = otlp.TranscodeJSON(body, text); err != nil {
		t.Fatal(err)
	}
	return body
}

// test is a condition that can stand in braces of a service.
func (r random) test(in string) string {
	text := func() string {
		return r.one("=", "!=", "CONTAINS", "BEGINSWITH", "ENDSWITH") + " " + (&filter.Test{Key: filter.User, Op: filter.Equal, Value: filter.Value{Text: r.one(r.text(), r.name())}}).String()[len("user = "):]
	}
	number := func(values ...string) string { return r.one("=", "!=", "<", "<=", ">", ">=") + " " + r.one(values...) }
	switch r.IntN(8) {
	case 0:
		return r.one("http.url", "http.method", "http.useragent", "http.clientip", "user", "availabilityzone", "instance.id", "resource.arn")
	case 1, 2:
		return r.one("http.url ", "http.method ", "http.useragent ", "http.clientip ", "user ", "availabilityzone ", "instance.id ", "resource.arn ") + text()
	case 3:
		return r.one("responsetime ", "duration ") + number("0", "0.5", "1", "2.25", "9")
	case 4:
		return "http.status " + number("200", "404", "429", "500", "0.5")
	case 5:
		return "annotation[" + r.key() + "]" + r.one("", " "+text())
	case 6:
		return r.one("annotation.n ", "annotation.f ") + number("0", "1", "1.5", "3")
	}
	keys := []string{"ok", "error", "throttle", "fault", "partial", "inferred", "annotation.flag = true", "annotation.flag != true", "annotation.flag"}
	if in == "service" {
		keys = append(keys, "root", `name = "api"`, `type = "remote"`, `name CONTAINS "a"`)
	}
	return r.one(keys...)
}

func (r random) node() string {
	return r.one(`"`+r.name()+`"`, `id(type: "`+r.one("AWS::EC2::Instance", "AWS::DynamoDB::Table", "AWS::SQS::Queue", "remote", "Database::SQL", "AWS::Lambda", "client", "AWS::Lambda::Function")+`")`,
		`id(name: "`+r.name()+`", account.id: "`+r.one("1", "2")+`")`)
}

// expression is one of some depth.
func (r random) expression(depth int, in string) string {
	if depth > 0 && r.maybe(6) {
		switch r.IntN(4) {
		case 0:
			return "(" + r.expression(depth-1, in) + " OR " + r.expression(depth-1, in) + ")"
		case 1:
			return "(" + r.expression(depth-1, in) + " " + r.expression(depth-1, in) + ")"
		case 2:
			return "!" + r.expression(depth-1, in)
		}
	}
	braces := func(in string) string {
		if r.maybe(5) {
			return ""
		}
		return " { " + r.expression(depth-1, in) + " }"
	}
	if in == "" && depth >= 0 {
		switch r.IntN(6) {
		case 0:
			return "service(" + r.one("", r.node()) + ")" + braces("service")
		case 1:
			return "edge(" + r.node() + ", " + r.node() + ")" + braces("edge")
		case 2:
			name := r.one(" { last }", " { name = \""+r.name()+"\" }", " { index >= 1 }", "")
			if r.maybe(5) {
				return "rootcause." + r.one("fault", "error", "responsetime") + ".entity" + r.one(name, " { remote AND name = \""+r.name()+"\" }")
			}
			return "rootcause." + r.one("fault", "error", "responsetime") + ".service" + r.one(name, " { inferred }", " { type = \"remote\" OR name = \""+r.name()+"\" }")
		case 3:
			return "rootcause." + r.one("fault", "error") + ".exception" + r.one("", " { first AND message CONTAINS \"a\" }", " { name = \"api\" }", " { message = \"x\" }", " { last AND name != \"api\" }")
		}
	}
	return r.test(in)
}

// TestBound: whatever holds of a trace, its query in TraceQL finds the trace, by each of its
// clauses.
func TestBound(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := random{rand.New(rand.NewPCG(seed, 1))}
	held, bounded, left := 0, 0, 0
	for range 40 {
		body := r.trace(t)
		s := storagetest.NewMemory(storagetest.AllCapabilities())
		if _, err := s.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: body}); err != nil {
			t.Fatal(err)
		}
		stored, err := s.Trace(t.Context(), clew.DefaultTenant, clew.MakeTraceID(0x6b0396212942d23c, 0xf37ea4a764dab1fe))
		if err != nil {
			t.Fatal(err)
		}
		rows := span.NewRows(stored.Batch)
		tr := new(view.Builder).Of(rows)
		for range 25 {
			text := r.expression(3, "")
			x, err := filter.Parse(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			query := filter.Query(x)
			holds := filter.Holds(x, tr)
			if query == "{ }" {
				if _, err := exec.Prepare(query); err != nil {
					t.Fatal(err)
				}
				continue
			}
			bounded++
			plan, err := exec.Prepare(query)
			if err != nil {
				t.Fatalf("%s\n%.300s\n%v", text, query, err)
			}
			found, err := exec.Search(t.Context(), s, exec.Request{Over: exec.Over{Tenant: clew.DefaultTenant}, Plan: plan})
			if err != nil {
				t.Fatalf("%.300s: %v", query, err)
			}
			switch {
			case holds && len(found.Hits) == 0:
				docs := ""
				for _, d := range xray.Documents(rows) {
					docs += string(d.Text) + "\n"
				}
				t.Fatalf("seed %d: %s\nholds, and is not found by\n%.3000s\nof\n%s", seed, text, query, docs)
			case holds:
				held++
			case len(found.Hits) == 0:
				left++
			}
		}
	}
	t.Logf("%d expressions with a bound: %d hold; of the others %d are left out", bounded, held, left)
	if held < 30 || left < 30 {
		t.Errorf("%d of %d hold, and %d are left out: the test says little", held, bounded, left)
	}
}
