package traces_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/traces"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/xraydoor"
	"github.com/clew-tracing/clew/ingest/zipkindoor"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// eachStore runs a test on the model and on the embedded store.
func eachStore(t *testing.T, f func(t *testing.T, s storage.Store)) {
	t.Run("memory", func(t *testing.T) { f(t, storagetest.NewMemory(storagetest.AllCapabilities())) })
	t.Run("spandb", func(t *testing.T) {
		db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		f(t, db)
	})
}

// put puts segments in, each of which must be taken.
func put(t testing.TB, s storage.Store, documents ...string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"TraceSegmentDocuments": documents})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	xraydoor.NewHTTP(ingest.Config{Appender: s}).ServeHTTP(w, httptest.NewRequest("POST", "/TraceSegments", strings.NewReader(string(body))))
	if w.Body.String() != `{"UnprocessedTraceSegments":[]}` {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

type batch struct {
	Traces []struct {
		ID            string `json:"Id"`
		Duration      float64
		LimitExceeded bool
		Segments      []struct{ ID, Document string }
	}
	UnprocessedTraceIds []string
	NextToken           string
}

// ask posts to /Traces.
func ask(t *testing.T, s storage.Store, code int, body string) (out batch, text string) {
	t.Helper()
	w := httptest.NewRecorder()
	xray.New(api.Config{Store: s}, traces.Operations(nil)...).ServeHTTP(w, httptest.NewRequest("POST", "/Traces", strings.NewReader(body)))
	if w.Code != code {
		t.Fatalf("%s: %d %s, want %d", body, w.Code, w.Body, code)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out, w.Body.String()
}

// TestBatchGetTraces gets what was put, as it was put, when the reply to putting it left.
func TestBatchGetTraces(t *testing.T) {
	const id = "1-58406520-a006649127e371903a2de979"
	const front = `{"trace_id":"` + id + `","id":"6226467e3f845502","name":"front","start_time":1498082657.37518,"end_time":1498082657.4042,"http":{"response":{"status":200}},"subsegments":[{"id":"b9e6dd7ee6c5ef1b","name":"cart","namespace":"remote","start_time":1498082657.38,"end_time":1498082657.39}]}`
	const cart = `{"trace_id":"` + id + `","id":"c7e6dd7ee6c5ef1b","parent_id":"b9e6dd7ee6c5ef1b","name":"cart","start_time":1498082657.381,"end_time":1498082657.889}`
	const running = `{"trace_id":"1-58406520-000000000000000000000001","id":"0000000000000001","name":"job","start_time":1498082657.5,"in_progress":true}`
	eachStore(t, func(t *testing.T, s storage.Store) {
		put(t, s, front, cart, running)
		out, text := ask(t, s, 200, `{"TraceIds":["`+id+`","1-58406520-ffffffffffffffffffffffff","58406520a006649127e371903a2de979","`+id+`","x"]}`)
		if len(out.Traces) != 2 || len(out.Traces[0].Segments) != 2 || out.Traces[0].ID != id || out.Traces[0].Duration != 0.51382 || out.Traces[1].ID != "58406520a006649127e371903a2de979" {
			t.Fatalf("%s", text)
		}
		for i, want := range []string{front, cart} {
			var a, b any
			_ = json.Unmarshal([]byte(out.Traces[0].Segments[i].Document), &a)
			_ = json.Unmarshal([]byte(want), &b)
			if fmt.Sprint(a) != fmt.Sprint(b) {
				t.Errorf("%s\nwant %s", out.Traces[0].Segments[i].Document, want)
			}
			if !strings.Contains(out.Traces[0].Segments[i].Document, []string{"1498082657.37518,", "1498082657.889,"}[i]) {
				t.Errorf("a number is spelt otherwise: %s", out.Traces[0].Segments[i].Document)
			}
		}
		if fmt.Sprint(out.UnprocessedTraceIds) != "[1-58406520-ffffffffffffffffffffffff x]" {
			t.Errorf("%s", text)
		}
		if out, text = ask(t, s, 200, `{"TraceIds":["1-58406520-000000000000000000000001"]}`); !strings.Contains(out.Traces[0].Segments[0].Document, `"in_progress":true`) || out.Traces[0].Duration != 0 || !strings.Contains(text, `"UnprocessedTraceIds":[]`) {
			t.Errorf("running: %s", text)
		}
		put(t, s, strings.Replace(running, `"in_progress":true`, `"end_time":1498082658.5`, 1))
		if out, text = ask(t, s, 200, `{"TraceIds":["1-58406520-000000000000000000000001"]}`); strings.Contains(text, "in_progress") || out.Traces[0].Duration != 1 {
			t.Errorf("ended: %s", text)
		}
	})
}

// TestOtherWorlds: what came by another door are segments as well.
func TestOtherWorlds(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		w := httptest.NewRecorder()
		zipkindoor.New(ingest.Config{Appender: s}).ServeHTTP(w, httptest.NewRequest("POST", "/api/v2/spans", strings.NewReader(
			`[{"traceId":"58406520a006649127e371903a2de979","id":"0000000000000001","kind":"SERVER","name":"get","timestamp":1498082657000000,"duration":2000,"localEndpoint":{"serviceName":"old"}}]`)))
		if w.Code != 202 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		out, text := ask(t, s, 200, `{"TraceIds":["1-58406520-a006649127e371903a2de979"]}`)
		if len(out.Traces) != 1 || len(out.Traces[0].Segments) != 1 || !strings.Contains(out.Traces[0].Segments[0].Document, `"name":"old"`) {
			t.Errorf("%s", text)
		}
	})
}

func TestBatchMistakes(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	for body, want := range map[string]string{
		`{}`:                                 "name at least one trace",
		`{"TraceIds":["x"],"NextToken":"y"}`: "NextToken",
		`{"TraceIds":"x"}`:                   "TraceIds: want a list",
		`{"TraceIds":[` + strings.Repeat(`"a",`, 1000) + `"b"]}`: "name at most 1000",
	} {
		if _, text := ask(t, s, 400, body); !strings.Contains(text, want) {
			t.Errorf("%.60s: %s", body, text)
		}
	}
}

// TestPages splits an answer of many bytes, and puts it together again.
func TestPages(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	const count = 6
	var ids []string
	for i := range count {
		id := fmt.Sprintf("1-58406520-%024x", i+1)
		ids = append(ids, id)
		put(t, s, fmt.Sprintf(`{"trace_id":"%s","id":"%016x","name":"big","start_time":1498082657,"end_time":1498082658,"metadata":{"default":{"text":"%s"}}}`, id, i+1, strings.Repeat("x", 1<<20)))
	}
	list, _ := json.Marshal(ids)
	token, pages, seen := "", 0, 0
	for {
		out, _ := ask(t, s, 200, fmt.Sprintf(`{"TraceIds":%s,"NextToken":%q}`, list, token))
		for _, tr := range out.Traces {
			if tr.ID != ids[seen] {
				t.Fatalf("trace %d is %s", seen, tr.ID)
			}
			seen++
		}
		pages++
		if token = out.NextToken; token == "" {
			break
		}
	}
	if seen != count || pages != 2 {
		t.Errorf("%d traces on %d pages", seen, pages)
	}
}

// countedReads counts the traces that are read.
type countedReads struct {
	storage.Store
	reads int
}

func (c *countedReads) Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	c.reads++
	return c.Store.Trace(ctx, t, id)
}
