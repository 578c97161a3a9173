package traces_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/filter"
	"github.com/clew-tracing/clew/api/xray/traces"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

var update = flag.Bool("update", false, "rewrite testdata")

// summaries is what tests look at of an answer.
type summaries struct {
	TraceSummaries []struct {
		ID                 string `json:"Id"`
		StartTime          float64
		Duration           float64
		MatchedEventTime   float64
		HasFault, HasError bool
	}
	ApproximateTime      float64
	TracesProcessedCount int
	NextToken            string
}

func (s *summaries) ids() (out []string) {
	for i := range s.TraceSummaries {
		out = append(out, s.TraceSummaries[i].ID[30:])
	}
	return out
}

// summed posts to /TraceSummaries.
func summed(t testing.TB, s storage.Store, budget exec.Budget, code int, body string) (out summaries, text string) {
	t.Helper()
	w := post(s, budget, traces.Operations(groups), body)
	if w.Code != code {
		t.Fatalf("%s: %d %s, want %d", body, w.Code, w.Body, code)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out, w.Body.String()
}

// post posts to /TraceSummaries of some operations.
func post(s storage.Store, budget exec.Budget, ops []xray.Operation, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	xray.New(api.Config{Store: s, Budget: budget}, ops...).ServeHTTP(w, httptest.NewRequest("POST", "/TraceSummaries", strings.NewReader(body)))
	return w
}

// groups has one group.
func groups(clew.Tenant) filter.Groups {
	return func(_ filter.Key, text string) (filter.Expr, error) {
		if text != "failed" {
			return nil, clew.Errorf(clew.Invalid, "there is no group %q", text)
		}
		return filter.Parse("fault OR error")
	}
}

// question is a request as JSON.
func question(start, end float64, more map[string]any) string {
	m := map[string]any{"StartTime": start, "EndTime": end}
	for k, v := range more {
		m[k] = v
	}
	text, _ := json.Marshal(m)
	return string(text)
}

// captured are documents of SDKs and the daemon, and spans of OpenTelemetry.
func captured(t *testing.T, s storage.Store) {
	t.Helper()
	for _, name := range []string{"every_field", "in_progress", "sdk_node", "sdk_python", "separate"} {
		text, err := os.ReadFile("../../../format/xray/testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
			var doc json.RawMessage
			if err := d.Decode(&doc); err != nil {
				t.Fatal(err)
			}
			if name == "every_field" { // a trace of its own, at its own time
				doc = bytes.ReplaceAll(doc, []byte("6b039621"), []byte("581cf771"))
			}
			put(t, s, string(doc))
		}
	}
	put(t, s, shop...)
	text, err := os.ReadFile("testdata/otel.json")
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := otlp.TranscodeJSON(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := s.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: body}); err != nil || res.Refused > 0 {
		t.Fatalf("%+v, %v", res, err)
	}
}

// shop is a trace of two services, a table, a fault and all that a summary tells.
var shop = []string{
	`{"trace_id":"1-6b039700-2942d23cf37ea4a764dab1fe","id":"0000000000000001","name":"front","start_time":1795397376.5,"end_time":1795397380.5,"origin":"AWS::EC2::Instance","user":"alice","resource_arn":"arn:aws:ec2:1","http":{"request":{"url":"https://shop/v2/buy?x=1","method":"POST","user_agent":"curl/8","client_ip":"10.1.2.3"},"response":{"status":200}},"aws":{"account_id":"111","ec2":{"instance_id":"i-1","availability_zone":"eu-1a"}},"annotations":{"tier":"gold","items":3,"vip":false},"subsegments":[{"id":"0000000000000002","name":"cart","namespace":"remote","start_time":1795397377.5,"end_time":1795397379.5,"fault":true,"annotations":{"tier":"silver"},"http":{"response":{"status":503}}},{"id":"0000000000000003","name":"DynamoDB","namespace":"aws","start_time":1795397379.5,"end_time":1795397380,"aws":{"table_name":"carts","operation":"GetItem"}}]}`,
	`{"trace_id":"1-6b039700-2942d23cf37ea4a764dab1fe","id":"0000000000000004","parent_id":"0000000000000002","name":"cart","start_time":1795397378,"end_time":1795397381.5,"fault":true,"origin":"AWS::Lambda","user":"alice","annotations":{"tier":"gold"},"cause":{"exceptions":[{"id":"00000000000000aa","type":"Denied","message":"no"}]}}`,
}

// TestSummariesGolden holds whole answers to testdata, from each store.
func TestSummariesGolden(t *testing.T) {
	const file = "testdata/summaries.txt"
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	eachStore(t, func(t *testing.T, s storage.Store) {
		captured(t, s)
		var have strings.Builder
		for line := range strings.Lines(string(want)) {
			head, text, ok := strings.Cut(line, ":")
			start := 1795397100
			if _, err := fmt.Sscanf(head, "filter from %d", &start); !ok || err != nil && head != "filter" {
				continue
			}
			_, answer := summed(t, s, exec.Budget{}, 200, question(float64(start), float64(start)+400, map[string]any{"FilterExpression": strings.TrimSpace(text)}))
			var body bytes.Buffer
			if err := json.Indent(&body, []byte(answer), "", " "); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&have, "%s%s\n", line, body.String())
		}
		if *update {
			if err := os.WriteFile(file, []byte(have.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if have.String() != string(want) {
			a, b := strings.Split(have.String(), "\n"), strings.Split(string(want), "\n")
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Fatalf("%s:%d: have %q, want %q; run the test with -update, and look at the difference", file, i+1, a[i], b[i])
				}
			}
			t.Fatalf("%d lines, want %d", len(a), len(b))
		}
	})
}

// at puts a trace of one segment in.
func at(t *testing.T, s storage.Store, trace string, start, end float64, more string) {
	t.Helper()
	put(t, s, fmt.Sprintf(`{"trace_id":"%s","id":"%s","name":"a","start_time":%f,"end_time":%f%s}`, trace, trace[19:], start, end, more))
}

// TestTimeRanges asks for the same traces by each kind of range.
func TestTimeRanges(t *testing.T) {
	const base = 1795397120 // 0x6b039600
	id := func(second, n int) string { return fmt.Sprintf("1-%08x-%024x", base+second, n) }
	eachStore(t, func(t *testing.T, s storage.Store) {
		at(t, s, id(0, 1), base+0.5, base+1, "")
		at(t, s, id(10, 2), base+9.5, base+40, "")
		at(t, s, id(20, 3), base+25, base+26, "")                   // 20 by its id
		at(t, s, id(2000, 4), base+20, base+21, "")                 // its id is no time of it
		at(t, s, "1-00000001-"+id(0, 5)[11:], base+22, base+23, "") // of W3C
		at(t, s, id(-20000, 6), base-20000, base+100, "")           // for long
		put(t, s, fmt.Sprintf(`{"trace_id":"%s","id":"0000000000000007","name":"a","start_time":%d,"in_progress":true}`, id(-10000, 7), base-10000))
		for _, c := range []struct {
			by         string
			start, end float64
			want       string
		}{
			{"", 0, 10, "[00001]"},
			{"TraceId", 0, 11, "[00002 00001]"},
			{"TraceId", 10, 20, "[00002]"},
			{"TraceId", 20, 21, "[00004 00003]"},
			{"TraceId", 21, 24, "[00005]"},
			{"TraceId", 25, 26, "[]"},
			{"TraceId", 2000, 2001, "[]"},
			{"Event", 0, 1, "[00001 00007 00006]"},
			{"Event", 24, 26, "[00003 00002 00007 00006]"},
			{"Event", -15000, -5000, "[00007 00006]"},
			{"Event", 90, 101, "[00007 00006]"},
			{"Event", 101, 200, "[00007]"},
			{"Service", 0, 10, "[00001]"},
			{"Service", 21, 41, "[00004 00003 00002 00005]"},
			{"Service", 100, 101, "[00006]"},
			{"Service", -15000, -5000, "[]"},
		} {
			out, text := summed(t, s, exec.Budget{}, 200, question(base+c.start, base+c.end, map[string]any{"TimeRangeType": c.by}))
			if got := fmt.Sprint(out.ids()); got != c.want || out.TracesProcessedCount != len(out.TraceSummaries) || out.NextToken != "" {
				t.Errorf("%s %v to %v: %s, want %s: %.300s", c.by, c.start, c.end, got, c.want, text)
			}
			for _, one := range out.TraceSummaries {
				if m := one.MatchedEventTime - base; m < c.start || m >= c.end {
					t.Errorf("%s %v to %v: %s matched at %v", c.by, c.start, c.end, one.ID, m)
				}
			}
		}
	})
}

// TestSummaryPages puts all pages together: each match is there once, whatever comes meanwhile,
// and with little budget.
func TestSummaryPages(t *testing.T) {
	const base = 1795397120
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	eachStore(t, func(t *testing.T, s storage.Store) {
		var docs, want []string
		for i := range 1300 {
			second := r.IntN(100)
			id := fmt.Sprintf("1-%08x-%024x", base+second, i+1)
			fault := i%5 > 0
			docs = append(docs, fmt.Sprintf(`{"trace_id":"%s","id":"%016x","name":"a","start_time":%d,"end_time":%d,"fault":%v,"annotations":{"n":%d}}`, id, i+1, base+second, base+200, fault, i))
			if fault {
				want = append(want, id)
			}
		}
		put(t, s, docs...)
		slices.Sort(want)
		slices.Reverse(want)
		for _, budget := range []exec.Budget{{}, {Rows: 4000}} {
			var got []string
			pages, processed := 0, 0
			for token := ""; ; pages++ {
				out, _ := summed(t, s, budget, 200, question(base, base+100, map[string]any{"FilterExpression": "fault", "NextToken": token}))
				for _, one := range out.TraceSummaries {
					got = append(got, one.ID)
				}
				processed += out.TracesProcessedCount
				if token = out.NextToken; token == "" {
					break
				}
				at(t, s, fmt.Sprintf("1-%08x-%024x", base+99, 1<<40+r.IntN(1<<30)), base, base+1, `,"fault":true`) // before what is to come
			}
			if !slices.Equal(got, want) || pages == 0 || processed < 1300 {
				t.Errorf("seed %d: %+v: %d traces on %d pages, %d looked at; want %d", seed, budget, len(got), pages+1, processed, len(want))
			}
			want = allFaults(t, s, base)
		}
	})
}

// TestLittleRoom: pages that can remember few candidates are more, and have the same traces.
func TestLittleRoom(t *testing.T) {
	const base = 1795397120
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	var docs, want []string
	for i := range 900 {
		id := fmt.Sprintf("1-%08x-%024x", base+i*7919%100, i+1)
		docs = append(docs, fmt.Sprintf(`{"trace_id":"%s","id":"%016x","name":"a","start_time":%d,"end_time":%d,"fault":%v}`, id, i+1, base+i*7919%100, base+200, i%3 == 0))
		if i%3 == 0 {
			want = append(want, id)
		}
	}
	put(t, s, docs...)
	slices.Sort(want)
	slices.Reverse(want)
	for _, room := range []int{1, 7, 300, 899, 900} {
		var got []string
		pages, token := 0, ""
		for first := true; first || token != ""; first = false {
			w := post(s, exec.Budget{}, traces.OperationsWithin(nil, room), question(base, base+100, map[string]any{"FilterExpression": "fault", "NextToken": token}))
			var out summaries
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			for _, one := range out.TraceSummaries {
				got = append(got, one.ID)
			}
			pages, token = pages+1, out.NextToken
		}
		if !slices.Equal(got, want) || pages < 900/room {
			t.Errorf("room for %d: %d traces on %d pages, want %d", room, len(got), pages, len(want))
		}
	}
}

// damaged is a store of which one trace cannot be read whole, and another not at once.
type damaged struct{ storage.Store }

func (d damaged) Trace(ctx context.Context, tenant clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	t, err := d.Store.Trace(ctx, tenant, id)
	switch id.Low() {
	case 1:
		t.Damaged = errors.New("block 7 is bad")
	case 2:
		t.Free()
		return storage.Trace{}, clew.Errorf(clew.TooLarge, "the trace is too large")
	case 3:
		t.Free()
		return storage.Trace{}, clew.Errorf(clew.NotFound, "it has gone")
	}
	return t, err
}

// TestDamage: what could not be read is told.
func TestDamage(t *testing.T) {
	const base = 1795397120
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	for n, want := range map[int]string{1: "block 7 is bad", 2: "the trace is too large", 3: ""} {
		start := base + 1000*n
		at(t, s, fmt.Sprintf("1-%08x-%024x", start, n), float64(start), float64(start+1), "")
		w := post(damaged{s}, exec.Budget{}, traces.Operations(nil), question(float64(start), float64(start+1), nil))
		if w.Code != 200 || w.Header().Get(api.PartialHeader) != want || strings.Contains(w.Body.String(), `"Id"`) != (n == 1) {
			t.Errorf("%d: %d %v %s", n, w.Code, w.Header(), w.Body)
		}
	}
	if w := post(s, exec.Budget{}, traces.Operations(nil), question(1, 2, map[string]any{"FilterExpression": `group.name = "x"`})); w.Code != 400 || !strings.Contains(w.Body.String(), `group.name: there is no group \"x\"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// FuzzSummaries: whatever is asked has an answer, and what is at fault is the request.
func FuzzSummaries(f *testing.F) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	put(f, s, shop...)
	f.Add(question(1795397100, 1795397500, nil))
	f.Add(question(1795397100, 1795397500, map[string]any{"FilterExpression": `service("cart") { fault } OR !annotation.tier = "gold"`, "Sampling": true, "SamplingStrategy": map[string]any{"Name": "PartialScan", "Value": 0.5}}))
	f.Add(question(0, 18446744073.709551615, map[string]any{"TimeRangeType": "Event", "NextToken": "AAAA"}))
	f.Add(`{"StartTime":18446744073.709551614,"EndTime":18446744073.709551615,"TimeRangeType":"Service"}`)
	f.Fuzz(func(t *testing.T, body string) {
		if w := post(s, exec.Budget{}, traces.Operations(nil), body); w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}

// allFaults are the faults that there are by now.
func allFaults(t *testing.T, s storage.Store, base float64) (ids []string) {
	for token := ""; ; {
		out, _ := summed(t, s, exec.Budget{}, 200, question(base, base+100, map[string]any{"FilterExpression": "fault", "NextToken": token}))
		for _, one := range out.TraceSummaries {
			ids = append(ids, one.ID)
		}
		if token = out.NextToken; token == "" {
			return ids
		}
	}
}

// TestRare finds few among many, which are not all read: the rows say which have what is
// asked for.
func TestRare(t *testing.T) {
	const base = 1795397120
	eachStore(t, func(t *testing.T, s storage.Store) {
		var docs []string
		for i := range 3000 {
			more, end := "", base+1.0
			switch i % 1000 {
			case 7:
				more = `,"user":"alice","annotations":{"tier":"gold"}`
			case 8:
				end = base + 0.25
			case 9: // much later
				docs = append(docs, fmt.Sprintf(`{"trace_id":"1-%08x-%024x","id":"%016x","parent_id":"%016x","name":"late","start_time":%d,"end_time":%d}`, base, i+1, i+1<<32, i+1, base+9000, base+9001))
			}
			docs = append(docs, fmt.Sprintf(`{"trace_id":"1-%08x-%024x","id":"%016x","name":"a","start_time":%d,"end_time":%f%s}`, base, i+1, i+1, base, end, more))
		}
		put(t, s, docs...)
		for _, expression := range []string{
			`user = "alice" AND annotation.tier = "gold"`, `service("late")`, `edge("a", "late") { ok }`, `duration > 9000`,
			`responsetime < 0.5`, // of which no single row says anything: all are gone through together
		} {
			counted := &countedReads{Store: s}
			out, text := summed(t, counted, exec.Budget{}, 200, question(base, base+1, map[string]any{"FilterExpression": expression}))
			if len(out.TraceSummaries) != 3 || out.TracesProcessedCount != 3000 || out.NextToken != "" {
				t.Errorf("%s: %.500s", expression, text)
			}
			if counted.reads > 300 {
				t.Errorf("%s: %d traces were read", expression, counted.reads)
			}
		}
	})
}

// TestSampled: a part of the traces is the same part each time, and about as large as it
// should be.
func TestSampled(t *testing.T) {
	const base = 1795397120
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	var docs []string
	for i := range 400 {
		docs = append(docs, fmt.Sprintf(`{"trace_id":"1-%08x-%024x","id":"%016x","name":"a","start_time":%d,"end_time":%d}`, base+i/4, i*7919+1, i+1, base+i/4, base+200))
	}
	put(t, s, docs...)
	ask := func(more map[string]any) []string {
		out, _ := summed(t, s, exec.Budget{}, 200, question(base, base+100, more))
		return out.ids()
	}
	all := ask(nil)
	quarter := ask(map[string]any{"Sampling": true, "SamplingStrategy": map[string]any{"Name": "FixedRate", "Value": 0.25}})
	tenth := ask(map[string]any{"Sampling": true})
	last := ask(map[string]any{"Sampling": true, "SamplingStrategy": map[string]any{"Name": "PartialScan", "Value": 0.1}})
	off := ask(map[string]any{"Sampling": false, "SamplingStrategy": map[string]any{"Name": "FixedRate", "Value": 0.25}})
	if len(all) != 400 || len(off) != 400 || len(quarter) < 60 || len(quarter) > 140 || len(tenth) < 15 || len(tenth) > 70 || !slices.Equal(last, all[:40]) {
		t.Errorf("%d of all, %d, %d, %d, %d", len(all), len(quarter), len(tenth), len(last), len(off))
	}
	for _, id := range tenth {
		if !slices.Contains(quarter, id) {
			t.Errorf("%s is in a tenth, and not in a quarter", id)
		}
	}
	if again := ask(map[string]any{"Sampling": true}); !slices.Equal(again, tenth) {
		t.Errorf("%v, then %v", tenth, again)
	}
}

// TestShortIDs: a trace of which some spans came with the id of 64 bits is told once.
func TestShortIDs(t *testing.T) {
	const base = 1795397120
	eachStore(t, func(t *testing.T, s storage.Store) {
		at(t, s, fmt.Sprintf("1-%08x-%024x", base, 1), base, base+1, "")
		at(t, s, "1-00000000-000000000000000000000001", base, base+2, "")
		put(t, s, fmt.Sprintf(`{"trace_id":"1-00000000-000000000000000000000001","id":"0000000000000002","name":"a","start_time":%d,"end_time":%d}`, base, base+2))
		out, text := summed(t, s, exec.Budget{}, 200, question(base, base+1, nil))
		if len(out.TraceSummaries) != 1 || out.TraceSummaries[0].Duration != 2 || out.TraceSummaries[0].ID[:10] != "1-6b039600" {
			t.Errorf("%s", text)
		}
	})
}

func TestGroups(t *testing.T) {
	const base = 1795397120
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	at(t, s, fmt.Sprintf("1-%08x-%024x", base, 1), base, base+1, `,"error":true`)
	at(t, s, fmt.Sprintf("1-%08x-%024x", base, 2), base, base+1, "")
	if out, text := summed(t, s, exec.Budget{}, 200, question(base, base+1, map[string]any{"FilterExpression": `group.name = "failed"`})); fmt.Sprint(out.ids()) != "[00001]" {
		t.Error(text)
	}
}

func TestSummaryMistakes(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	put(t, s, shop...)
	for body, want := range map[string]string{
		`{}`:                   "say from when and until when",
		`{"StartTime":1}`:      "StartTime and EndTime",
		question(2, 1, nil):    "StartTime is not before EndTime",
		question(1, 1, nil):    "StartTime is not before EndTime",
		question(1, 3e6, nil):  "ask for at most 31 days at once",
		question(1, 1e10, nil): "ask for at most",
		question(1, 2, map[string]any{"TimeRangeType": "Trace"}):                                            `TimeRangeType \"Trace\": want TraceId, Event or Service`,
		question(1, 2, map[string]any{"FilterExpression": "falt"}):                                          "filter expression, character 1: unknown key falt; did you mean fault?",
		question(1, 2, map[string]any{"FilterExpression": `group.name = "x"`}):                              `there is no group \"x\"`,
		question(1, 2, map[string]any{"NextToken": "x"}):                                                    "NextToken: want one of the answer before",
		question(1, 2, map[string]any{"SamplingStrategy": map[string]any{"Name": "All"}}):                   "want FixedRate or PartialScan",
		question(1, 2, map[string]any{"SamplingStrategy": map[string]any{"Name": "FixedRate", "Value": 2}}): "SamplingStrategy.Value 2: want a part",
		question(1, 2, map[string]any{"Sampling": 1}):                                                       "Sampling: want true or false",
	} {
		if _, text := summed(t, s, exec.Budget{}, 400, body); !strings.Contains(text, want) || !strings.Contains(text, `"__type":"InvalidRequestException"`) {
			t.Errorf("%s: %s", body, text)
		}
	}
	// What could not be gone through is an error, not a short answer.
	if _, text := summed(t, s, exec.Budget{Time: 1}, 400, question(1795397100, 1795397500, nil)); !strings.Contains(text, "ask for a shorter time") {
		t.Error(text)
	}
}
