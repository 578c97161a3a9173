package tempo_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/tempo"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

var update = flag.Bool("update", false, "rewrite golden files")

// shop is what every test asks about: two traces of a shop, the second without its
// root, around 2025-11-23T09:10:00Z.
const shop = `{"resourceSpans":[
 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"front"}},{"key":"replicas","value":{"intValue":"3"}}]},
  "scopeSpans":[{"scope":{"name":"http","version":"1.2"},"spans":[
   {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"00000000000000a1","name":"GET /cart","kind":2,
    "startTimeUnixNano":"1763889000000000000","endTimeUnixNano":"1763889000250000000",
    "attributes":[{"key":"http.status_code","value":{"intValue":"200"}},{"key":"ratio","value":{"doubleValue":0.5}},{"key":"cached","value":{"boolValue":true}}]},
   {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"00000000000000a2","parentSpanId":"00000000000000a1","name":"load cart","kind":3,
    "startTimeUnixNano":"1763889000010000000","endTimeUnixNano":"1763889000200000000",
    "attributes":[{"key":"http.url","value":{"stringValue":"http://cart/api/Items"}}]}]}]},
 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},
  "scopeSpans":[{"scope":{"name":"http"},"spans":[
   {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"00000000000000a3","parentSpanId":"00000000000000a2","name":"GET /items","kind":2,
    "startTimeUnixNano":"1763889000050000000","endTimeUnixNano":"1763889000150000000","status":{"code":2,"message":"no stock"},
    "attributes":[{"key":"http.status_code","value":{"intValue":"500"}}],
    "events":[{"timeUnixNano":"1763889000060000000","name":"exception","attributes":[{"key":"exception.type","value":{"stringValue":"NoStock"}}]}],
    "links":[{"traceId":"000000000000000000000000000000ff","spanId":"00000000000000b1"}]},
   {"traceId":"000000000000000000000000000000ff","spanId":"00000000000000b1","parentSpanId":"00000000000000b0","name":"restock","kind":5,
    "startTimeUnixNano":"1763889061000000000","endTimeUnixNano":"1763889063000000000",
    "attributes":[{"key":"http.status_code","value":{"intValue":"404"}},{"key":"item","value":{"stringValue":"tea \"green\""}}]}]}]}]}`

// api is the dialect over some store.
type api struct {
	*testing.T
	*tempo.API
	store storage.Store
}

// eachStore runs f over the model and over the embedded store, with the shop in them.
func eachStore(t *testing.T, f func(a *api)) {
	for name, store := range map[string]storage.Store{
		"memory": storagetest.NewMemory(storagetest.AllCapabilities()),
		"spandb": database(t),
	} {
		t.Run(name, func(t *testing.T) {
			a := serve(t, store)
			body, _, err := otlp.TranscodeJSON(nil, []byte(shop))
			if err != nil {
				t.Fatal(err)
			}
			a.put(body, 4)
			f(a)
		})
	}
}

func serve(t *testing.T, store storage.Store) *api {
	return &api{t, tempo.New(tempo.Config{Store: store, Program: "test"}), store}
}

func database(t *testing.T) storage.Store {
	t.Helper()
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{SealRows: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func (a *api) put(body []byte, spans int) {
	a.Helper()
	res, err := a.store.Append(a.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: body})
	if err != nil || res.Accepted != spans {
		a.Fatalf("Append = %+v, %v", res, err)
	}
}

// get asks; header is name, value, ….
func (a *api) get(path string, header ...string) *httptest.ResponseRecorder {
	a.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// ok asks and fails unless the answer is 200.
func (a *api) ok(path string, header ...string) []byte {
	a.Helper()
	w := a.get(path, header...)
	if w.Code != 200 {
		a.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// golden compares the JSON that a path answers with testdata/NAME.json; both stores
// answer the same, but for how much they looked at.
func (a *api) golden(name, path string) {
	a.Helper()
	w := a.get(path)
	text := w.Body.Bytes()
	if kind := w.Header().Get("Content-Type"); w.Code != 200 || kind != "application/json" {
		a.Errorf("GET %s: %d %s\n%s", path, w.Code, kind, text)
		return
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		a.Errorf("GET %s: %v\n%s", path, err, text)
		return
	}
	if m, ok := answer["metrics"].(map[string]any); ok { // how a store keeps its spans
		delete(m, "inspectedBytes")
		delete(m, "inspectedSpans")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s\n\n", path)
	shown, err := json.MarshalIndent(answer, "", " ")
	if err != nil {
		a.Fatal(err)
	}
	b.Write(append(shown, '\n'))
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			a.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(b.Bytes(), want) {
		a.Errorf("%s: %v, got\n%s\nwant\n%s", file, err, b.Bytes(), want)
	}
}

// fields takes a message of protobuf apart: the fields of bytes, by number.
func fields(t *testing.T, body []byte) map[int][][]byte {
	t.Helper()
	out := make(map[int][][]byte)
	for len(body) > 0 {
		num, typ, n := protowire.ConsumeTag(body)
		if n < 0 {
			t.Fatalf("no message: %q", body)
		}
		m := protowire.ConsumeFieldValue(num, typ, body[n:])
		if m < 0 {
			t.Fatalf("field %d is broken off", num)
		}
		if value := body[n : n+m]; typ == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
			out[int(num)] = append(out[int(num)], value)
		}
		body = body[n+m:]
	}
	return out
}
