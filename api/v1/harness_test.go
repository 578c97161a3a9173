package v1_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/clew-tracing/clew"
	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

var (
	update = flag.Bool("update", false, "rewrite golden files")
	seeds  = flag.Uint64("seeds", 5, "how many seeds random tests run")
	seed0  = flag.Uint64("seed", 1, "the first of them")
)

func TestMain(m *testing.M) {
	openapi3filter.RegisterBodyDecoder("application/x-protobuf", openapi3filter.FileBodyDecoder)
	os.Exit(m.Run())
}

// eachSeed runs f with every seed, by name.
func eachSeed(t *testing.T, f func(t *testing.T, seed uint64)) {
	for seed := *seed0; seed < *seed0+*seeds; seed++ {
		f(t, seed)
		if t.Failed() {
			t.Fatalf("run again with -seed %d -seeds 1", seed)
		}
	}
}

// contract is openapi.yaml as the tests hold the handlers to it.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

// theContract reads openapi.yaml once for all tests.
var theContract = sync.OnceValues(func() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(v1.Contract())
	if err == nil {
		err = doc.Validate(context.Background())
	}
	if err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	return &contract{doc, router}, err
})

func loadContract(tb testing.TB) *contract {
	tb.Helper()
	c, err := theContract()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// server is an API over some store, every exchange with which is held to the
// contract.
type server struct {
	tb    testing.TB
	api   *v1.API
	store storage.Store
	*contract
}

func serve(tb testing.TB, store storage.Store, cfg v1.Config) *server {
	tb.Helper()
	cfg.Store = store
	return &server{tb, v1.New(cfg), store, loadContract(tb)}
}

// eachStore runs f over the model and over the embedded store, whose heads are
// small, so that rows lie in heads and in segments.
func eachStore(t *testing.T, f func(t *testing.T, s *server)) {
	t.Run("memory", func(t *testing.T) { f(t, serve(t, memory(), v1.Config{})) })
	t.Run("spandb", func(t *testing.T) { f(t, serve(t, database(t, 10), v1.Config{})) })
}

func memory() storage.Store { return storagetest.NewMemory(storagetest.AllCapabilities()) }

func database(tb testing.TB, sealRows int) storage.Store {
	tb.Helper()
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{SealRows: sealRows})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// put stores spans in requests of up to perRequest of them.
func (s *server) put(perRequest int, spans ...clew.Span) {
	s.tb.Helper()
	s.putFor(clew.DefaultTenant, perRequest, spans...)
}

func (s *server) putFor(tenant clew.Tenant, perRequest int, spans ...clew.Span) {
	s.tb.Helper()
	for chunk := range slices.Chunk(spans, perRequest) {
		s.putBody(tenant, storagetest.Body(chunk...), len(chunk))
	}
}

func (s *server) putBody(tenant clew.Tenant, body []byte, spans int) {
	s.tb.Helper()
	res, err := s.store.Append(context.Background(), storage.Record{Tenant: tenant, Body: body})
	if err != nil || res.Accepted != spans {
		s.tb.Fatalf("Append of %d spans = %+v, %v", spans, res, err)
	}
}

// answer is what came back.
type answer struct {
	tb     testing.TB
	status int
	header http.Header
	body   []byte
}

// get and post ask something that the contract allows; header is name, value, ….
func (s *server) get(path string, header ...string) *answer {
	s.tb.Helper()
	return s.exchange(true, "GET", path, "", header)
}

func (s *server) post(path, body string, header ...string) *answer {
	s.tb.Helper()
	return s.exchange(true, "POST", path, body, header)
}

// bad asks something that the contract need not allow.
func (s *server) bad(method, path, body string, header ...string) *answer {
	s.tb.Helper()
	return s.exchange(false, method, path, body, header)
}

func (s *server) exchange(valid bool, method, path, body string, header []string) *answer {
	s.tb.Helper()
	make := func() *http.Request {
		r := httptest.NewRequest(method, "http://localhost:4300"+path, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return r
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, make())
	a := &answer{s.tb, w.Code, w.Header(), w.Body.Bytes()}
	if a.header.Get("Content-Encoding") != "" {
		return a // the contract is about what comes out
	}
	s.check(valid, make(), a)
	return a
}

// check holds a request, if it is to be valid, and its answer to the contract.
func (s *server) check(valid bool, r *http.Request, a *answer) {
	s.tb.Helper()
	ctx := context.Background()
	route, params, err := s.router.FindRoute(r)
	if err != nil {
		if valid {
			s.tb.Fatalf("%s %s: %v", r.Method, r.URL, err)
		}
		a.matches(s.contract, "ErrorBody")
		return
	}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
	if valid {
		if err := openapi3filter.ValidateRequest(ctx, in); err != nil {
			s.tb.Fatalf("%s %s: the request breaks the contract: %v", r.Method, r.URL, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.status, Header: a.header,
		Body: io.NopCloser(bytes.NewReader(a.body)), Options: &openapi3filter.Options{IncludeResponseStatus: true}}
	if err := openapi3filter.ValidateResponse(ctx, out); err != nil {
		s.tb.Fatalf("%s %s: the answer breaks the contract: %v\n%.2000s", r.Method, r.URL, err, a.body)
	}
	if a.status == 200 && a.header.Get("Content-Type") == "application/json" {
		s.known(route.Operation.Responses.Status(200).Value.Content["application/json"].Schema, a.body)
	}
}

// known fails if body has a field that the schema does not name.
func (c *contract) unknown(schema *openapi3.SchemaRef, v any) string {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if path := c.unknown(schema.Value.Items, x); path != "" {
				return "[]" + path
			}
		}
	case map[string]any:
		fields, open := properties(schema.Value)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			f, ok := fields[name]
			if !ok && !open {
				return "." + name
			}
			if ok {
				if path := c.unknown(f, v[name]); path != "" {
					return "." + name + path
				}
			}
		}
	}
	return ""
}

// properties collects an object's fields from all parts of its schema.
func properties(s *openapi3.Schema) (fields map[string]*openapi3.SchemaRef, open bool) {
	fields = maps.Clone(map[string]*openapi3.SchemaRef(s.Properties))
	if fields == nil {
		fields = make(map[string]*openapi3.SchemaRef)
	}
	open = s.AdditionalProperties.Has != nil && *s.AdditionalProperties.Has
	for _, part := range s.AllOf {
		more, _ := properties(part.Value)
		maps.Copy(fields, more)
	}
	return fields, open
}

func (s *server) known(schema *openapi3.SchemaRef, body []byte) {
	s.tb.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		s.tb.Fatal(err)
	}
	if path := s.unknown(schema, v); path != "" {
		s.tb.Fatalf("the answer has a field that the contract does not name: %s", path)
	}
}

// matches holds the body to one schema of the contract.
func (a *answer) matches(c *contract, schema string) {
	a.tb.Helper()
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.tb.Fatalf("no JSON: %v\n%.500s", err, a.body)
	}
	if err := c.doc.Components.Schemas[schema].Value.VisitJSON(v); err != nil {
		a.tb.Fatalf("no %s: %v\n%.500s", schema, err, a.body)
	}
}

// ok fails unless the answer is 200, and reads its JSON into v.
func (a *answer) ok(v any) {
	a.tb.Helper()
	if a.status != 200 {
		a.tb.Fatalf("status %d: %.500s", a.status, a.body)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		a.tb.Fatal(err)
	}
}

// bytes fails unless the answer is 200, and returns its body.
func (a *answer) bytes() []byte {
	a.tb.Helper()
	if a.status != 200 {
		a.tb.Fatalf("status %d: %.500s", a.status, a.body)
	}
	return a.body
}
