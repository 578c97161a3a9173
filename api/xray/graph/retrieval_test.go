package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/graph"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// client asks one API, which remembers.
type client struct {
	t      *testing.T
	api    *xray.API
	tenant string
}

func newClient(t *testing.T, s storage.Store, now func() time.Time) *client {
	return &client{t, xray.New(api.Config{Store: s}, graph.Operations(groups, graph.NewRetrievals(now))...), ""}
}

// ask posts, and reads the answer into out.
func (c *client) ask(code int, path, body string, out any) string {
	c.t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set(clew.TenantHeader, c.tenant)
	w := httptest.NewRecorder()
	c.api.ServeHTTP(w, r)
	if w.Code != code {
		c.t.Fatalf("%s %s: %d %s, want %d", path, body, w.Code, w.Body, code)
	}
	if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
		c.t.Fatal(err)
	}
	return w.Body.String()
}

// start starts a retrieval and returns its token.
func (c *client) start(ids ...string) string {
	c.t.Helper()
	list, _ := json.Marshal(ids)
	var out struct{ RetrievalToken string }
	c.ask(200, "/StartTraceRetrieval", fmt.Sprintf(`{"TraceIds":%s,"StartTime":1795397000,"EndTime":1795398000}`, list), &out)
	return out.RetrievalToken
}

type listed struct {
	RetrievalStatus, TraceFormat, NextToken string
	Traces                                  []struct {
		Id       string
		Duration float64
		Spans    []struct{ Id, Document string }
	}
}

// list walks all pages and returns the documents of each trace.
func (c *client) list(token, format string) (documents map[string][]string, pages int) {
	c.t.Helper()
	documents = map[string][]string{}
	next := ""
	for {
		var out listed
		c.ask(200, "/ListRetrievedTraces", fmt.Sprintf(`{"RetrievalToken":%q,"TraceFormat":%q,"NextToken":%q}`, token, format, next), &out)
		if out.RetrievalStatus != "COMPLETE" || len(out.Traces) > 5 {
			c.t.Fatalf("%+v", out)
		}
		for _, tr := range out.Traces {
			if len(tr.Spans) > 100 {
				c.t.Errorf("%d spans of a trace on one page", len(tr.Spans))
			}
			for _, s := range tr.Spans {
				documents[tr.Id] = append(documents[tr.Id], s.Document)
			}
		}
		pages++
		if next = out.NextToken; next == "" {
			return documents, pages
		}
	}
}

// TestRetrieval starts, lists in both formats, asks for the graph, and cancels.
func TestRetrieval(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, load(t, "../view/testdata/shop.docs")...)
		put(t, s, load(t, "../view/testdata/otlp.docs")...)
		put(t, s, `{"trace_id":"1-00000001-000000000000000000000001","id":"0000000000000001","name":"old","start_time":1,"end_time":2}`)
		c := newClient(t, s, nil)
		token := c.start(shop, "1-ffffffff-000000000000000000000001", "1-00000001-000000000000000000000001", web, shop)
		docs, pages := c.list(token, "XRAY")
		if len(docs) != 2 || pages != 1 || len(docs[shop]) != 8 || !strings.Contains(strings.Join(docs[shop], ""), `"inferred":true`) {
			t.Errorf("%d pages, %v", pages, docs)
		}
		docs, _ = c.list(token, "OTEL")
		if len(docs) != 2 || len(docs[shop]) != 12 {
			t.Fatalf("%v", docs)
		}
		var one struct {
			TraceID, SpanID, ParentSpanID, Name, Kind string
			StartTimeUnixNano, DurationNano           uint64
			Attributes                                map[string]any
			Resource                                  struct{ Attributes map[string]any }
			Status                                    struct{ Code string }
		}
		if err := json.Unmarshal([]byte(docs[shop][0]), &one); err != nil {
			t.Fatal(err)
		}
		if one.TraceID != "6b0396212942d23cf37ea4a764dab1fe" || one.SpanID != "70de5b6f19ff9a01" || one.Kind != "SERVER" || one.Status.Code != "ERROR" || one.StartTimeUnixNano != 1795397153500000000 || one.DurationNano != 5e8 ||
			one.Attributes["http.status_code"] != 502.0 || one.Resource.Attributes["service.name"] != "front" {
			t.Errorf("%s", docs[shop][0])
		}
		var g struct {
			RetrievalStatus string
			Services        []struct {
				Service struct{ Name string }
				Links   []any
			}
		}
		if text := c.ask(200, "/GetRetrievedTracesGraph", fmt.Sprintf(`{"RetrievalToken":%q}`, token), &g); len(g.Services) != 12 || g.RetrievalStatus != "COMPLETE" {
			t.Errorf("%d services: %s", len(g.Services), text)
		}
		c.ask(200, "/CancelTraceRetrieval", fmt.Sprintf(`{"RetrievalToken":%q}`, token), &struct{}{})
		var out listed
		if text := c.ask(200, "/ListRetrievedTraces", fmt.Sprintf(`{"RetrievalToken":%q}`, token), &out); text != `{"RetrievalStatus":"CANCELLED","TraceFormat":"XRAY","Traces":[]}`+"\n" && strings.TrimSpace(text) != `{"RetrievalStatus":"CANCELLED","TraceFormat":"XRAY","Traces":[]}` {
			t.Errorf("%s", text)
		}
		if c.ask(200, "/GetRetrievedTracesGraph", fmt.Sprintf(`{"RetrievalToken":%q}`, token), &g); g.RetrievalStatus != "CANCELLED" || len(g.Services) != 0 {
			t.Errorf("%+v", g)
		}
	})
}

// TestRetrievalPages gets each span of many once.
func TestRetrievalPages(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	var ids []string
	want := map[string]int{}
	for i := 1; i <= 12; i++ {
		id := fmt.Sprintf("1-6b039621-%024x", i)
		ids = append(ids, id)
		n := 1
		if i == 7 {
			n = 250
		}
		for k := 1; k <= n; k++ {
			put(t, s, fmt.Sprintf(`{"trace_id":"%s","id":"%016x","name":"job","start_time":1795397153,"end_time":1795397154}`, id, k))
		}
		want[id] = n
	}
	c := newClient(t, s, nil)
	for _, format := range []string{"XRAY", "OTEL"} {
		docs, pages := c.list(c.start(ids...), format)
		got := map[string]int{}
		for id, list := range docs {
			seen := map[string]bool{}
			for _, d := range list {
				seen[d] = true
			}
			got[id] = len(seen)
			if len(seen) != len(list) {
				t.Errorf("%s: %d documents, %d of them different", id, len(list), len(seen))
			}
		}
		if !reflect.DeepEqual(got, want) || pages != 5 {
			t.Errorf("%s: %d pages, %v", format, pages, got)
		}
	}
}

// TestRetrievalsEnd: a retrieval is of its tenant, and lasts an hour; of too many the oldest is
// forgotten.
func TestRetrievalsEnd(t *testing.T) {
	now := time.Unix(1e9, 0)
	c := newClient(t, storagetest.NewMemory(storagetest.AllCapabilities()), func() time.Time { return now })
	var out struct {
		Type string `json:"__type"`
	}
	is := func(code int, token string) {
		t.Helper()
		for _, path := range []string{"/ListRetrievedTraces", "/GetRetrievedTracesGraph"} {
			if c.ask(code, path, fmt.Sprintf(`{"RetrievalToken":%q}`, token), &out); code == 404 && out.Type != "ResourceNotFoundException" {
				t.Errorf("%+v", out)
			}
		}
	}
	first := c.start(shop)
	is(200, first)
	c.tenant = "other"
	is(404, first)
	c.ask(404, "/CancelTraceRetrieval", fmt.Sprintf(`{"RetrievalToken":%q}`, first), &out)
	c.tenant = ""
	is(404, "nothing")
	now = now.Add(59 * time.Minute)
	is(200, first)
	now = now.Add(2 * time.Minute)
	is(404, first)
	second := c.start(shop)
	for range 999 {
		c.start(shop)
	}
	is(200, second)
	c.start(shop)
	is(404, second)
	c.tenant = "other"
	third := c.start(shop)
	c.tenant = ""
	for range 1000 {
		c.start(shop)
	}
	c.tenant = "other"
	is(200, third)
	c.tenant = ""
	for body, want := range map[string]string{
		`{"TraceIds":["` + shop + `"]}`:                                                   "StartTime, EndTime",
		`{"TraceIds":[],"StartTime":1,"EndTime":2}`:                                       "name at least one trace",
		`{"TraceIds":["x"],"StartTime":1,"EndTime":2}`:                                    "trace id",
		`{"TraceIds":[` + strings.Repeat(`"a",`, 100) + `"b"],"StartTime":1,"EndTime":2}`: "name at most 100",
	} {
		if text := c.ask(400, "/StartTraceRetrieval", body, &out); !strings.Contains(text, want) {
			t.Errorf("%.60s: %s", body, text)
		}
	}
	token := c.start(shop)
	for more, want := range map[string]string{`,"TraceFormat":"PDF"`: "want XRAY or OTEL", `,"NextToken":"x"`: "NextToken"} {
		if text := c.ask(400, "/ListRetrievedTraces", fmt.Sprintf(`{"RetrievalToken":%q%s}`, token, more), &out); !strings.Contains(text, want) {
			t.Errorf("%s: %s", more, text)
		}
	}
}

// TestLinks: a consumer in a trace of its own is behind the queue that the message was sent to.
func TestLinks(t *testing.T) {
	sender := []string{
		`{"trace_id":"1-6b039621-000000000000000000000001","id":"0000000000000001","name":"shop","start_time":1795397153,"end_time":1795397154,"subsegments":[{"id":"0000000000000002","name":"SQS","namespace":"aws","start_time":1795397153.1,"end_time":1795397153.2,"aws":{"queue_url":"https://sqs/1/orders"}}]}`,
	}
	receiver := []string{
		`{"trace_id":"1-6b039622-000000000000000000000002","id":"0000000000000003","name":"mailer","start_time":1795397155.2,"end_time":1795397155.7,"fault":true,"links":[{"trace_id":"1-6b039621-000000000000000000000001","id":"0000000000000002"},{"trace_id":"1-6b039621-0000000000000000000000ff","id":"0000000000000002"}]}`,
	}
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, append(sender, receiver...)...)
		cfg := api.Config{Store: s}
		golden(t, "links", ask(t, cfg, 200, "/ServiceGraph", `{"StartTime":1795397000,"EndTime":1795398000}`))
		// The trace that is linked to need not be asked for, nor start in the range.
		for path, body := range map[string]string{"/ServiceGraph": `{"StartTime":1795397155,"EndTime":1795398000}`, "/TraceGraph": `{"TraceIds":["1-6b039622-000000000000000000000002"]}`} {
			if got := counts(t, ask(t, cfg, 200, path, body)); got["orders>mailer"] != 1 || got["mailer"] != 1 || got["client>shop"] != 0 {
				t.Errorf("%s: %v", path, got)
			}
		}
		c := newClient(t, s, nil)
		var g struct {
			Services []struct {
				Service struct{ Name, Type string }
				Links   []struct {
					ReferenceType, SourceTraceId string
					DestinationTraceIds          []string
				}
			}
		}
		c.ask(200, "/GetRetrievedTracesGraph", fmt.Sprintf(`{"RetrievalToken":%q}`, c.start("1-6b039622-000000000000000000000002")), &g)
		links := 0
		for _, s := range g.Services {
			for _, l := range s.Links {
				links++
				if s.Service.Name != "mailer" || l.SourceTraceId != "1-6b039622-000000000000000000000002" || len(l.DestinationTraceIds) != 2 || l.DestinationTraceIds[0] != "1-6b039621-000000000000000000000001" {
					t.Errorf("%+v", s)
				}
			}
		}
		if links != 1 {
			t.Errorf("%d links: %+v", links, g)
		}
	})
}

// TestManyLinks says that not all are followed.
func TestManyLinks(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	var links []string
	for i := range 1001 {
		links = append(links, fmt.Sprintf(`{"trace_id":"1-6b039621-%024x","id":"0000000000000002"}`, i+1))
	}
	put(t, s, `{"trace_id":"1-6b039622-000000000000000000000002","id":"0000000000000003","name":"mailer","start_time":1795397155.2,"end_time":1795397155.7,"links":[`+strings.Join(links, ",")+`]}`)
	if got := ask(t, api.Config{Store: s}, 200, "/ServiceGraph", `{"StartTime":1795397000,"EndTime":1795398000}`); !strings.HasPrefix(got, "partial: there are more than 10000 links between traces, or they lead to more than 1000 traces") {
		t.Errorf("%.200s", got)
	}
}
