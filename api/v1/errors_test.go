package v1_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/clew-tracing/clew"
	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/storage"
)

// TestErrors pins status, kind and text of what goes wrong.
func TestErrors(t *testing.T) {
	id := goldenTrace()[0].TraceID.String()
	many := strings.TrimSuffix(strings.Repeat("0,", 501), ",")
	for _, c := range []struct {
		method, path, body string
		status             int
		kind, message      string // the message holds this
		position           int    // -1: none
	}{
		{"POST", "/search", `{"q":"{ duration > }"}`, 400, "invalid", "", 13},
		{"POST", "/search", `{"q":"{ name = \"ö\" && foo }"}`, 400, "invalid", "", 17},
		{"GET", "/search?q=%7B+", ``, 400, "invalid", "", 2},
		{"GET", "/tail?q=%7B+foo", ``, 400, "invalid", "", 2},
		{"POST", "/search", `{"limitt":1}`, 400, "invalid", `unknown field "limitt"; did you mean limit?`, -1},
		{"POST", "/search", `{"limt":1,"q":""}`, 400, "invalid", `unknown field "limt"; did you mean limit?`, -1},
		{"POST", "/search", `{"query":"{ }"}`, 400, "invalid", `unknown field "query"; did you mean q?`, -1},
		{"POST", "/search", `{"colour":1}`, 400, "invalid", `unknown field "colour"; known are q, start, end, limit, cursor, count`, -1},
		{"POST", "/search", `{"q":5}`, 400, "invalid", `q: want a string, have a number; as in {"q": "{ status = error }", "limit": 20}`, -1},
		{"POST", "/search", `{"start":1767225600}`, 400, "invalid", `start: want a string, have a number; as in "2026-11-23T14:00:00Z"`, -1},
		{"POST", "/search", `{"count":"yes"}`, 400, "invalid", `count: want true or false, have a string`, -1},
		{"POST", "/search", `{ service = "cart" }`, 400, "invalid", `not one JSON object: invalid character 's'`, -1},
		{"POST", "/search", `[]`, 400, "invalid", `not a JSON object; send one such as {"q": "{ status = error }", "limit": 20}`, -1},
		{"POST", "/search", `null`, 400, "invalid", `not a JSON object`, -1},
		{"POST", "/search", `{"q":"{ service = \"cart\" }"}`, 400, "invalid", `did you mean { resource.service.name = "cart" }?`, 2},
		{"POST", "/search", `{"start":"1767225600"}`, 400, "invalid", `have 19 digits now; these look like seconds`, -1},
		{"POST", "/search", `{"end":"1767225600000"}`, 400, "invalid", `these look like milliseconds`, -1},
		{"GET", "/search?start=1767225600000000", ``, 400, "invalid", `these look like microseconds`, -1},
		{"POST", "/search", `{"limit":-1}`, 400, "invalid", "limit -1: want 1 to 1000", -1},
		{"POST", "/search", `{"limit":1001}`, 400, "invalid", "limit 1001: want 1 to 1000", -1},
		{"POST", "/search", `{"limit":0}`, 400, "invalid", "0 with count", -1},
		{"POST", "/search", `{"limit":"1"}`, 400, "invalid", "limit: want a whole number, have a string", -1},
		{"POST", "/search", `{"q":`, 400, "invalid", "not one JSON object: unexpected end", -1},
		{"POST", "/search", ``, 400, "invalid", `the request body is empty; send JSON such as {"q": "{ status = error }", "limit": 20}`, -1},
		{"POST", "/search", `{} {}`, 400, "invalid", "not one JSON object: invalid character '{' after", -1},
		{"POST", "/search", `{"start":"yesterday"}`, 400, "invalid", `start "yesterday": want RFC 3339`, -1},
		{"POST", "/search", `{"start":"2","end":"2"}`, 400, "invalid", "not after", -1},
		{"POST", "/search", `{"cursor":"%%"}`, 400, "invalid", "cursor", -1},
		{"POST", "/search", `{"q":"` + strings.Repeat("a", 1<<20) + `"}`, 413, "tooLarge", "larger than 1048576 bytes", -1},
		{"GET", "/search?limit=x", ``, 400, "invalid", `limit "x"`, -1},
		{"GET", "/search?count=x", ``, 400, "invalid", `count "x"`, -1},
		{"GET", "/search?query=x", ``, 400, "invalid", `unknown parameter "query"; did you mean q?`, -1},
		{"GET", "/search?q=%zz", ``, 400, "invalid", `--data-urlencode`, -1},
		{"GET", "/tail?query=x", ``, 400, "invalid", `unknown parameter "query"; did you mean q?`, -1},
		{"GET", "/tags?scop=span", ``, 400, "invalid", `unknown parameter "scop"; did you mean scope?`, -1},
		{"GET", "/tags/name/values?n=3", ``, 400, "invalid", `unknown parameter "n"; did you mean limit?`, -1},
		{"GET", "/services?x=y", ``, 400, "invalid", `unknown parameter "x"; there are none here`, -1},
		{"GET", "/traces/xyz", ``, 400, "invalid", `trace id "xyz": want hex digits only`, -1},
		{"GET", "/traces/" + strings.Repeat("0", 32), ``, 400, "invalid", "all zeros", -1},
		{"GET", "/traces/" + strings.Repeat("1", 33), ``, 400, "invalid", "1 to 32 hex digits", -1},
		{"GET", "/traces/77", ``, 404, "notFound", "trace", -1},
		{"GET", "/traces/77/skeleton", ``, 404, "notFound", "trace", -1},
		{"POST", "/traces/77/spans", `{"rows":[0]}`, 404, "notFound", "trace", -1},
		{"GET", "/traces/77/search?q=a", ``, 404, "notFound", "trace", -1},
		{"GET", "/traces/77/clocks", ``, 404, "notFound", "trace", -1},
		{"GET", "/traces/" + id + "/clocks?rows=1", ``, 400, "invalid", `unknown parameter "rows"`, -1},
		{"POST", "/traces/" + id + "/spans", ``, 400, "invalid", `send JSON such as {"rows": [0, 1, 2]}`, -1},
		{"POST", "/traces/" + id + "/spans", `{"rows":3}`, 400, "invalid", "rows: want a list, each a whole number, have a number", -1},
		{"POST", "/traces/" + id + "/spans", `{}`, 400, "invalid", "rows: want 1 to 500", -1},
		{"POST", "/traces/" + id + "/spans", `{"rows":[]}`, 400, "invalid", "rows: want 1 to 500", -1},
		{"POST", "/traces/" + id + "/spans", `{"rows":[` + many + `]}`, 400, "invalid", "have 501", -1},
		{"POST", "/traces/" + id + "/spans", `{"rows":[-1]}`, 400, "invalid", "-1 is no row", -1},
		{"POST", "/traces/" + id + "/spans", `{"rows":[0.5]}`, 400, "invalid", "rows: want a whole number, have a number 0.5", -1},
		{"POST", "/traces/" + id + "/spans", `{"rows":[0],"maxValueBytes":-1}`, 400, "invalid", "maxValueBytes -1", -1},
		{"POST", "/traces/" + id + "/spans", `{"rows":[0],"max":1}`, 400, "invalid", `unknown field "max"`, -1},
		{"GET", "/traces/" + id + "/search", ``, 400, "invalid", "q: want 1 to 1000 characters, have 0", -1},
		{"GET", "/traces/" + id + "/search?q=" + strings.Repeat("%C3%B6", 1001), ``, 400, "invalid", "have 1001", -1},
		{"GET", "/traces/" + id + "/search?q=a&limit=1", ``, 400, "invalid", `unknown parameter "limit"`, -1},
		{"GET", "/tags?scope=foo", ``, 400, "invalid", `scope "foo"`, -1},
		{"GET", "/tags/name/values?limit=0", ``, 400, "invalid", `limit "0"`, -1},
		{"GET", "/tags/name/values?limit=1001", ``, 400, "invalid", `limit "1001"`, -1},
		{"GET", "/tags/span:nam/values", ``, 400, "invalid", `"span:nam" is not the name of a tag: unknown intrinsic span:nam; did you mean span:name?`, -1},
		{"GET", "/tags/%7B/values", ``, 400, "invalid", `"{" is not the name of a tag: unexpected {`, -1},
		{"GET", "/health", ``, 501, "unsupported", "health", -1},
		{"POST", "/test-span", ``, 501, "unsupported", "test spans", -1},
		{"POST", "/demo", `{"action":"start"}`, 501, "unsupported", "demo", -1},
		{"GET", "/nothing", ``, 404, "notFound", "GET /api/v1/nothing is not part of this API", -1},
		{"GET", "/trace/" + id, ``, 404, "notFound", "did you mean /api/v1/traces/{id}?", -1},
		{"GET", "/traces", ``, 404, "notFound", "did you mean /api/v1/traces/{id}?", -1},
		{"GET", "/tags/name", ``, 404, "notFound", "did you mean /api/v1/tags?", -1},
		{"GET", "/tags/rootName/values", ``, 501, "unsupported", "of the whole trace", -1},
		{"GET", "/tags/trace:duration/values", ``, 501, "unsupported", "of the whole trace", -1},
		{"GET", "/search/?q=", ``, 404, "notFound", "did you mean /api/v1/search?", -1},
		{"DELETE", "/nothing", ``, 404, "notFound", "DELETE /api/v1/nothing is not", -1},
	} {
		eachStore(t, func(t *testing.T, s *server) {
			s.put(100, goldenTrace()...)
			a := s.bad(c.method, "/api/v1"+c.path, c.body)
			var got struct {
				Error struct {
					Kind, Message string
					Position      *int
				}
			}
			if err := json.Unmarshal(a.body, &got); err != nil {
				t.Fatalf("%s %.80s: %v in %s", c.method, c.path, err, a.body)
			}
			position := -1
			if got.Error.Position != nil {
				position = *got.Error.Position
			}
			if e := got.Error; a.status != c.status || e.Kind != c.kind || !strings.Contains(e.Message, c.message) || position != c.position {
				t.Errorf("%s %.80s %.80s: %d %s at %d\nwant %d %s %q at %d", c.method, c.path, c.body, a.status, a.body, position,
					c.status, c.kind, c.message, c.position)
			}
		})
	}
}

// TestMethods answers another method than a path has with those it has.
func TestMethods(t *testing.T) {
	s := serve(t, memory(), v1.Config{})
	id := goldenTrace()[0].TraceID.String()
	for _, c := range []struct{ method, path, allow string }{
		{"DELETE", "/search", "GET, HEAD, POST"},
		{"GET", "/traces/" + id + "/spans", "POST"},
		{"POST", "/traces/" + id, "GET, HEAD"},
		{"PUT", "/tags/span.a%2Fb/values", "GET, HEAD"},
		{"GET", "/demo", "POST"},
		{"POST", "/health", "GET, HEAD"},
		{"POST", "/openapi.yaml", "GET, HEAD"},
	} {
		a := s.bad(c.method, "/api/v1"+c.path, "")
		if a.status != 405 || a.header.Get("Allow") != c.allow || !strings.Contains(string(a.body), "does not take "+c.method+", but "+c.allow) {
			t.Errorf("%s %s: %d, Allow %q, %s; want 405, %q", c.method, c.path, a.status, a.header.Get("Allow"), a.body, c.allow)
		}
	}
}

// TestSuggestions says what is to be doubted, and why nothing was found.
func TestSuggestions(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		ask := func(request string) string {
			var got struct{ Suggestions []string }
			s.post("/api/v1/search", request).ok(&got)
			return strings.Join(got.Suggestions, "\n")
		}
		f := func(request, want string) {
			t.Helper()
			if got := ask(request); got != want {
				t.Errorf("%s: %q, want %q", request, got, want)
			}
		}
		f(`{}`, "no spans have been received yet, or retention has removed them all")
		s.put(100, goldenTrace()...)
		f(`{}`, "")
		f(`{"q":"{ resource.service.name = \"shop\" }"}`, "")
		const want = `resource.service.name is never "shup" here; did you mean "shop"?`
		f(`{"q":"{ resource.service.name = \"shup\" }"}`, want)
		f(`{"q":"{ resource.service.name = \"shup\" }","limit":0,"count":true}`, want)
		f(`{"q":"{ resource.service.name = \"shup\" }","count":true}`, want)
		f(`{"q":"{ span.service.name = \"shop\" }"}`, "span.service.name does not occur; did you mean resource.service.name?")
		f(`{"q":"{ name = \"lost\" && duration > 1h }"}`, "duration is at most 1µs here")
		f(`{"end":"1"}`, "there are matches outside of the window, such as one at 2026-01-01T00:00:00Z")
		f(`{"q":"{ name = \"x\" }","end":"1"}`, "no span starts within the window")
		f(`{"limit":0,"count":true}`, "")
		// What is to be doubted is said whatever is found.
		const unit = "duration is compared with 20, which has no unit and is in nanoseconds; did you mean 20ms?"
		f(`{"q":"{ duration > 20 }"}`, unit)
		f(`{"q":"{ duration > 20 && name = \"x\" }"}`, unit+"\nname is never \"x\" here")
	})
	// What a page before has found is no reason to ask why.
	s := serve(t, memory(), v1.Config{})
	s.put(1, goldenTrace()[:1]...)
	first := s.search(map[string]any{"limit": 1})
	s2 := serve(t, memory(), v1.Config{})
	var got struct{ Suggestions []string }
	s2.post("/api/v1/search", fmt.Sprintf(`{"cursor":%q}`, first.NextCursor)).ok(&got)
	if first.NextCursor != "" && got.Suggestions != nil {
		t.Errorf("a further page has suggestions %q", got.Suggestions)
	}
}

// TestErrorRequests refuses what is wrong with the request itself.
func TestErrorRequests(t *testing.T) {
	s := serve(t, memory(), v1.Config{})
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"Content-Type", "text/plain", 400},
		{"Content-Type", "application/jsonp", 400},
		{"Content-Type", "application/json; charset=utf-8", 200},
		{"Content-Type", "", 200},
		{"X-Scope-OrgID", "../x", 400},
		{"X-Scope-OrgID", strings.Repeat("a", 65), 400},
		{"X-Scope-OrgID", "a", 200},
	} {
		if a := s.bad("POST", "/api/v1/search", `{}`, c.header, c.value); a.status != c.status {
			t.Errorf("%s %q: %d %s, want %d", c.header, c.value, a.status, a.body, c.status)
		}
	}
}

// stuck is a store whose traces are not read before released is closed, and whose
// failures are those of fail.
type stuck struct {
	storage.Store
	released chan struct{}
	fail     error
}

func (s *stuck) Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	select {
	case <-s.released:
	case <-ctx.Done():
		return storage.Trace{}, clew.Errorf(clew.Canceled, "stopped: %w", context.Cause(ctx))
	}
	if s.fail != nil {
		return storage.Trace{}, s.fail
	}
	return s.Store.Trace(ctx, t, id)
}

// TestBusy lets 16 questions run and the next one wait 5 s, not longer.
func TestBusy(t *testing.T) {
	c := loadContract(t)
	synctest.Test(t, func(t *testing.T) {
		store := &stuck{Store: memory(), released: make(chan struct{})}
		api := v1.New(v1.Config{Store: store})
		ask := func(ctx context.Context) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			api.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/traces/7", nil).WithContext(ctx))
			return w
		}
		running := make(chan int, 16)
		for range 16 {
			go func() { running <- ask(t.Context()).Code }()
		}
		synctest.Wait()
		w := ask(t.Context()) // time passes here only
		if w.Code != 429 || w.Header().Get("Retry-After") != "5" {
			t.Errorf("the 17th: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
		(&answer{t, w.Code, w.Header(), w.Body.Bytes()}).matches(c, "ErrorBody")
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan int)
		go func() { left <- ask(ctx).Body.Len() }()
		synctest.Wait()
		cancel()
		if n := <-left; n != 0 {
			t.Errorf("one that left got %d bytes", n)
		}
		waiting := make(chan int)
		go func() { waiting <- ask(t.Context()).Code }()
		synctest.Wait()
		close(store.released)
		for range 16 {
			if code := <-running; code != 404 {
				t.Errorf("one that ran: %d", code)
			}
		}
		if code := <-waiting; code != 404 {
			t.Errorf("one that waited: %d", code)
		}
	})
}

// TestStoreFailures maps what a store says to statuses.
func TestStoreFailures(t *testing.T) {
	released := make(chan struct{})
	close(released)
	for _, c := range []struct {
		err    error
		status int
		kind   string
	}{
		{fmt.Errorf("the disk is on fire"), 500, "internal"},
		{clew.Corruptf("a.seg", 7, "bad checksum"), 500, "corrupt"},
		{clew.Errorf(clew.TooLarge, "too large"), 413, "tooLarge"},
		{clew.Errorf(clew.Canceled, "stopped"), 499, "canceled"},
		{clew.Errorf(clew.Busy, "later"), 429, "busy"},
	} {
		s := serve(t, &stuck{memory(), released, c.err}, v1.Config{})
		a := s.get("/api/v1/traces/7/skeleton")
		var got struct{ Error struct{ Kind string } }
		if err := json.Unmarshal(a.body, &got); err != nil || a.status != c.status || got.Error.Kind != c.kind {
			t.Errorf("%v: %d %s, want %d %s", c.err, a.status, a.body, c.status, c.kind)
		}
		if retry := a.header.Get("Retry-After"); (retry != "") != (c.status == 429) {
			t.Errorf("%v: Retry-After %q", c.err, retry)
		}
	}
}
