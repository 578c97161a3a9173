package zipkin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/api/zipkin"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/zipkindoor"
	"github.com/clew-tracing/clew/storage"
)

// roundTrip is a trace as Zipkin's own clients send it; its tags are what is compared
// besides.
const roundTrip = `[
	{"traceId":"00000000000000aa00000000000000bb","id":"0000000000000001","kind":"CLIENT","name":"get","timestamp":1763889000000000,"duration":2000,
	 "localEndpoint":{"serviceName":"front","ipv4":"10.0.0.1","port":8080},"remoteEndpoint":{"serviceName":"back","ipv4":"10.0.0.2","port":9000},
	 "annotations":[{"timestamp":1763889000000500,"value":"retry"}],"tags":{"http.path":"/a","http.status_code":"503","error":"unavailable"}},
	{"traceId":"00000000000000aa00000000000000bb","id":"0000000000000001","kind":"SERVER","name":"get","timestamp":1763889000000600,"duration":1000,
	 "localEndpoint":{"serviceName":"back","ipv4":"10.0.0.2","ipv6":"2001:db8::1"},"remoteEndpoint":{"ipv4":"10.0.0.1"},"shared":true,"debug":true},
	{"traceId":"00000000000000aa00000000000000bb","parentId":"0000000000000001","id":"0000000000000002","name":"work","timestamp":1763889000000700,
	 "localEndpoint":{"serviceName":"back"}},
	{"traceId":"00000000000000aa00000000000000bb","parentId":"0000000000000002","id":"0000000000000003","kind":"PRODUCER","name":"send","timestamp":1763889000000800,"duration":1,
	 "localEndpoint":{"serviceName":"back"},"remoteEndpoint":{"serviceName":"broker","ipv6":"2001:db8::2"}}
]`

// TestRoundTrip puts a trace in through Zipkin's door and wants the same from the API, but
// for what the API adds to tags.
func TestRoundTrip(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		door := zipkindoor.New(ingest.Config{Appender: s})
		r := httptest.NewRequest("POST", "/api/v2/spans", strings.NewReader(roundTrip))
		w := httptest.NewRecorder()
		if door.ServeHTTP(w, r); w.Code != http.StatusAccepted || w.Body.Len() != 0 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		a := apitest.Get(zipkin.New(api.Config{Store: s}), "/api/v2/trace/bb")
		var got, want []map[string]any
		if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil {
			t.Fatal(err, a.Body)
		}
		if err := json.Unmarshal([]byte(roundTrip), &want); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d spans: %s", len(got), a.Body)
		}
		for i := range want {
			wantTags, _ := want[i]["tags"].(map[string]any)
			gotTags, _ := got[i]["tags"].(map[string]any)
			for k, v := range wantTags {
				if gotTags[k] != v {
					t.Errorf("span %d: tag %s is %v, want %v", i, k, gotTags[k], v)
				}
			}
			for k := range gotTags {
				if strings.HasPrefix(k, "zipkin.") && k != "zipkin.local_endpoint.ipv6" {
					t.Errorf("span %d: tag %s has a place of its own", i, k)
				}
			}
			delete(want[i], "tags")
			delete(got[i], "tags")
			// A remote endpoint without a name is called by its address, as others are.
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("span %d:\n%v\nwant\n%v", i, got[i], want[i])
			}
		}
	})
}
