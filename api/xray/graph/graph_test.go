package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/graph"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/xraydoor"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

var update = flag.Bool("update", false, "write the expected answers")

// eachStore runs a test on the model, on one that cannot scan by traces, on the embedded
// store's head and on its segments, between which traces are parted.
func eachStore(t *testing.T, f func(t *testing.T, s storage.Store)) {
	t.Run("memory", func(t *testing.T) { f(t, storagetest.NewMemory(storagetest.AllCapabilities())) })
	least := storagetest.AllCapabilities()
	least.TracesMode = false
	t.Run("memory that reads rows only", func(t *testing.T) { f(t, storagetest.NewMemory(least)) })
	for name, rows := range map[string]int{"head": 0, "segments": 5} {
		t.Run("spandb, "+name, func(t *testing.T) {
			db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1, SealRows: rows})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			f(t, db)
		})
	}
}

// put puts documents of X-Ray and requests of OTLP in JSON into a store, one by one.
func put(t testing.TB, s storage.Store, documents ...string) {
	t.Helper()
	for _, d := range documents {
		if strings.HasPrefix(d, `{"resourceSpans"`) {
			body, _, err := otlp.TranscodeJSON(nil, []byte(d))
			if err != nil {
				t.Fatal(err)
			}
			if res, err := s.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body}); err != nil || res.Refused > 0 {
				t.Fatalf("%+v, %v", res, err)
			}
			continue
		}
		body, err := json.Marshal(map[string]any{"TraceSegmentDocuments": []string{d}})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		xraydoor.NewHTTP(ingest.Config{Appender: s}).ServeHTTP(w, httptest.NewRequest("POST", "/TraceSegments", bytes.NewReader(body)))
		if w.Body.String() != `{"UnprocessedTraceSegments":[]}` {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
}

// load reads a file of documents, a line each.
func load(t testing.TB, name string) (out []string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

// ask posts to an operation.
func ask(t testing.TB, cfg api.Config, code int, path, body string) string {
	t.Helper()
	w := httptest.NewRecorder()
	xray.New(cfg, graph.Operations(groups, graph.NewRetrievals(nil))...).ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
	if w.Code != code {
		t.Fatalf("%s %s: %d %s, want %d", path, body, w.Code, w.Body, code)
	}
	if partial := w.Header().Get(api.PartialHeader); partial != "" {
		return "partial: " + partial
	}
	return w.Body.String()
}

// golden holds an answer to a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(got), "", " "); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	file := "testdata/" + name + ".json"
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s: %s", name, b.String())
	}
}

const (
	shop = "1-6b039621-2942d23cf37ea4a764dab1fe" // trace of shop.docs
	web  = "7b0396212942d23cf37ea4a764dab1fe"    // trace of otlp.docs
)

// TestGolden has the graphs of four services with DynamoDB, SQS and SQL, as soon as they were
// put, the same from every store.
func TestGolden(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, load(t, "../view/testdata/shop.docs")...)
		put(t, s, load(t, "../view/testdata/otlp.docs")...)
		cfg := api.Config{Store: s}
		golden(t, "all", ask(t, cfg, 200, "/ServiceGraph", `{"StartTime":1795397000,"EndTime":1795398000}`))
		golden(t, "none", ask(t, cfg, 200, "/ServiceGraph", `{"StartTime":1795390000,"EndTime":1795391000}`))
		golden(t, "shop", ask(t, cfg, 200, "/TraceGraph", fmt.Sprintf(`{"TraceIds":["%s","1-00000000-000000000000000000000009","%s"]}`, shop, shop)))
		golden(t, "web", ask(t, cfg, 200, "/TraceGraph", fmt.Sprintf(`{"TraceIds":["%s"]}`, web)))
	})
}

// TestFewColumns: of what graphs of a range read of traces, they know as much as of all of it.
func TestFewColumns(t *testing.T) {
	var docs []string
	var ids []string
	add := func(i int, document string) {
		docs, ids = append(docs, document), append(ids, fmt.Sprintf(`"1-6b039621-%024x"`, i))
	}
	for i, sub := range []string{
		`"name":"AmazonDynamoDBv2","namespace":"aws","aws":{"resource_names":["carts","b"],"account_id":"1"},"throttle":true`,
		`"name":"dynamodb","namespace":"aws","aws":{"table_names":["x","y"]},"error":true`,
		`"name":"SQS","namespace":"aws","aws":{"queue_url":"https://sqs.eu-west-1.amazonaws.com/1/orders"}`,
		`"name":"SNS","namespace":"aws","aws":{"topic_arn":"arn:aws:sns:eu-west-1:1:news"}`,
		`"name":"S3","namespace":"aws","aws":{"bucket_name":"b"},"fault":true`,
		`"name":"Lambda","namespace":"aws","aws":{"function_name":"f"}`,
		`"name":"Lambda","namespace":"aws","aws":{"function_arn":"arn:aws:lambda:x:1:function:g"}`,
		`"name":"shop@db","sql":{"url":"postgres://db/shop"}`, `"name":"shop@db2","sql":{"connection_string":"x"}`, `"name":"shop@db3","sql":{"sanitized_query":"SELECT 1"}`,
		`"name":"work","http":{"response":{"status":500}}`,
	} {
		add(i+1, fmt.Sprintf(`{"trace_id":"1-6b039621-%024x","id":"0000000000000001","name":"front","origin":"AWS::EC2::Instance","start_time":1795397153,"end_time":1795397154,"aws":{"account_id":"7"},"links":[{"trace_id":"1-6b039621-000000000000000000000001","id":"0000000000000002"}],"subsegments":[{"id":"0000000000000002","start_time":1795397153,"end_time":1795397154,%s}]}`, i+1, sub))
	}
	for i, attrs := range []string{
		"rpc.system=aws-api rpc.service=DynamoDB aws.table.name=carts", "rpc.system=aws-api rpc.service=SQS aws.queue.url=https://sqs/1/orders", "rpc.system=aws-api rpc.service=SNS aws.topic.arn=a:b",
		"rpc.system=aws-api rpc.service=Kinesis aws.remote.resource.type=AWS::Kinesis::Stream aws.remote.resource.identifier=clicks", "rpc.service=Cart", "db.system=mysql db.namespace=shop db.connection_string=jdbc:mysql://h/x",
		"http.host=h", "net.peer.name=p", "server.address=a", "aws.remote.service=r", "messaging.destination.name=t", "peer.service=s",
	} {
		var list []string
		for _, a := range strings.Fields(attrs) {
			key, value, _ := strings.Cut(a, "=")
			list = append(list, fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, key, value))
		}
		add(100+i, fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}},{"key":"cloud.platform","value":{"stringValue":"aws_eks"}}]},"scopeSpans":[{"spans":[
			{"traceId":"6b039621%024x","spanId":"0000000000000011","parentSpanId":"0000000000000010","name":"x","kind":3,"startTimeUnixNano":"1795397153000000000","endTimeUnixNano":"1795397153500000000","attributes":[{"key":"http.response.status_code","value":{"intValue":"%d"}},%s]}]}]}]}`,
			100+i, 200+100*(i%4), strings.Join(list, ",")))
	}
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, docs...)
		cfg := api.Config{Store: s}
		services := func(text string) string {
			var out struct{ Services json.RawMessage }
			if err := json.Unmarshal([]byte(text), &out); err != nil {
				t.Fatal(err)
			}
			return string(out.Services)
		}
		few := services(ask(t, cfg, 200, "/ServiceGraph", `{"StartTime":1795397000,"EndTime":1795398000}`))
		all := services(ask(t, cfg, 200, "/TraceGraph", `{"TraceIds":[`+strings.Join(ids, ",")+`]}`))
		if few != all || !strings.Contains(few, "AWS::Kinesis::Stream") || !strings.Contains(few, `"EdgeType":"link"`) {
			t.Errorf("by few columns\n%s\nby all\n%s", few, all)
		}
	})
}

// answer is what of a graph is counted.
type answer struct {
	Services []struct {
		ReferenceId       int
		Name, Type        string
		Root              bool
		SummaryStatistics *struct {
			OkCount, TotalCount int
			FaultStatistics     struct{ TotalCount int }
		}
		Edges []struct {
			ReferenceId       int
			SummaryStatistics struct{ TotalCount int }
		}
	}
}

// counts are how often each node was asked, and each edge.
func counts(t *testing.T, text string) map[string]int {
	t.Helper()
	var a answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, s := range a.Services {
		if s.SummaryStatistics != nil {
			out[s.Name] = s.SummaryStatistics.TotalCount
		}
		for _, e := range s.Edges {
			from := s.Name
			if s.Type == "client" {
				from = "client"
			}
			out[from+">"+a.Services[e.ReferenceId].Name] = e.SummaryStatistics.TotalCount
		}
	}
	return out
}

// TestRangesAddUp: what is counted in two ranges that follow each other is what is counted in
// both, wherever they meet.
func TestRangesAddUp(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, load(t, "../view/testdata/shop.docs")...)
		cfg := api.Config{Store: s}
		graphOf := func(from, to string) map[string]int {
			return counts(t, ask(t, cfg, 200, "/ServiceGraph", fmt.Sprintf(`{"StartTime":%s,"EndTime":%s}`, from, to)))
		}
		const start, end = "1795397153", "1795397155"
		want := graphOf(start, end)
		if want["front"] != 1 || want["client>front"] != 1 || want["cart>carts"] != 2 || want["pay>orders"] != 1 {
			t.Fatalf("%v", want)
		}
		for _, between := range []string{"1795397153.5", "1795397153.52", "1795397153.525", "1795397153.62", "1795397153.64", "1795397153.935"} {
			sum := graphOf(start, between)
			for k, n := range graphOf(between, end) {
				sum[k] += n
			}
			for k, n := range want {
				if sum[k] != n {
					t.Errorf("parted at %s: %s is %d, want %d", between, k, sum[k], n)
				}
			}
		}
	})
}

// TestInProgress: what goes on is in the graph and not counted, until it has ended.
func TestInProgress(t *testing.T) {
	const running = `{"trace_id":"1-58406520-000000000000000000000001","id":"0000000000000001","name":"job","start_time":1498082657.5,"in_progress":true}`
	const when = `{"StartTime":1498082657,"EndTime":1498082659}`
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, running)
		if got := counts(t, ask(t, api.Config{Store: s}, 200, "/ServiceGraph", when)); got["job"] != 0 || len(got) != 2 {
			t.Errorf("running: %v", got)
		}
		put(t, s, strings.Replace(running, `"in_progress":true`, `"end_time":1498082658.5`, 1))
		if got := counts(t, ask(t, api.Config{Store: s}, 200, "/ServiceGraph", when)); got["job"] != 1 || got["client>job"] != 1 {
			t.Errorf("ended: %v", got)
		}
	})
}

func TestMistakes(t *testing.T) {
	cfg := api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}
	for _, c := range []struct{ path, body, want string }{
		{"/ServiceGraph", `{}`, "StartTime, EndTime: give both"},
		{"/ServiceGraph", `{"StartTime":2,"EndTime":2}`, "the end behind the start"},
		{"/ServiceGraph", `{"StartTime":1,"EndTime":2,"NextToken":"x"}`, "NextToken"},
		{"/TraceGraph", `{}`, "name at least one trace"},
		{"/TraceGraph", `{"TraceIds":["x"]}`, "trace id \\\"x\\\""},
		{"/TraceGraph", `{"TraceIds":[` + strings.Repeat(`"a",`, 1000) + `"b"]}`, "name at most 1000"},
	} {
		if got := ask(t, cfg, 400, c.path, c.body); !strings.Contains(got, c.want) {
			t.Errorf("%s %.60s: %s", c.path, c.body, got)
		}
	}
}

// TestTooManyNodes says so, and how to mend it.
func TestTooManyNodes(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	var docs []string
	for i := range 2001 {
		docs = append(docs, fmt.Sprintf(`{"trace_id":"1-58406520-%024x","id":"%016x","name":"job %d","start_time":1,"end_time":2}`, i+1, i+1, i))
	}
	put(t, s, docs...)
	if got := ask(t, api.Config{Store: s}, 400, "/ServiceGraph", `{"StartTime":0,"EndTime":5}`); !strings.Contains(got, "more than 2000 nodes") {
		t.Errorf("%.200s", got)
	}
}

// TestPartial tells that the budget ended.
func TestPartial(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	s.BatchRows = 5
	put(t, s, load(t, "../view/testdata/shop.docs")...)
	put(t, s, load(t, "../view/testdata/otlp.docs")...)
	got := ask(t, api.Config{Store: s, Budget: exec.Budget{Rows: 5}}, 200, "/ServiceGraph", `{"StartTime":1795397000,"EndTime":1795398000}`)
	if !strings.HasPrefix(got, "partial: the row budget of 5 ended") {
		t.Errorf("%.200s", got)
	}
}

// TestTime: reading traces one by one ends with the time of a question, too.
func TestTime(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	put(t, s, load(t, "../view/testdata/shop.docs")...)
	got := ask(t, api.Config{Store: s, Budget: exec.Budget{Time: 1}}, 413, "/TraceGraph", `{"TraceIds":["`+shop+`"]}`)
	if !strings.Contains(got, "reading the traces took longer than 1ns (query-max-time)") {
		t.Errorf("%s", got)
	}
}
