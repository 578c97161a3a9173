package jaeger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gogo "github.com/gogo/protobuf/proto"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/api/apitest/protoset"
	"github.com/clew-tracing/clew/api/jaeger"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

func queryProtocol(t *testing.T, update bool) *protoregistry.Files {
	return protoset.Hold(t, "query.protoset", update, "query_v2.proto", "query_v3.proto")
}

// TestProtocol holds the compiled protocol to its sources.
func TestProtocol(t *testing.T) { queryProtocol(t, *update) }

const (
	v2 = "/jaeger.api_v2.QueryService/"
	v3 = "/jaeger.api_v3.QueryService/"
)

// dial serves the API of a store over gRPC.
func dial(t *testing.T, s storage.Store) *apitest.Client {
	t.Helper()
	return dialWith(t, api.Config{Store: s})
}

func dialWith(t *testing.T, cfg api.Config) *apitest.Client {
	t.Helper()
	h := jaeger.NewGRPC(cfg, nil)
	c := &apitest.Client{Conn: apitest.Listen(t, h), Files: queryProtocol(t, false)}
	t.Cleanup(h.Stop)
	return c
}

// TestGRPCPartial asks with a budget that ends at once: the trailer says so, and by which
// setting there is more.
func TestGRPCPartial(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		c := dialWith(t, api.Config{Store: s, Budget: exec.Budget{Time: 1}})
		for method, request := range map[string]string{
			v2 + "FindTraces": `{"query":{"startTimeMin":"2025-11-23T00:00:00Z","startTimeMax":"2025-11-24T00:00:00Z","searchDepth":5}}`,
			v3 + "FindTraces": `{"query":{"startTimeMin":"2025-11-23T00:00:00Z","startTimeMax":"2025-11-24T00:00:00Z","searchDepth":5}}`,

			v3 + "FindTraceSummaries": `{"query":{"startTimeMin":"2025-11-23T00:00:00Z","startTimeMax":"2025-11-24T00:00:00Z","searchDepth":5}}`,
		} {
			var trailer metadata.MD
			_, err := c.Call(t.Context(), method, request, grpc.Trailer(&trailer))
			why := strings.Join(trailer.Get(api.PartialHeader), "|")
			if err != nil || !strings.Contains(why, "the time budget of 1ns ended (query-max-time)") {
				t.Errorf("%s: %q, %v", method, why, err)
			}
		}
	})
}

// TestGRPCGolden holds what the methods named in testdata/grpc.txt answer to that file.
func TestGRPCGolden(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		c := dial(t, s)
		const file = "grpc.txt"
		want, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		var have bytes.Buffer
		for line := range strings.Lines(string(want)) {
			if !strings.HasPrefix(line, "/") {
				continue
			}
			method, request, _ := strings.Cut(strings.TrimSpace(line), " ")
			messages, err := c.Call(t.Context(), method, request)
			have.WriteString(line)
			for _, m := range messages {
				if len(m.ProtoReflect().GetUnknown()) > 0 {
					t.Errorf("%s: fields that the protocol does not have: %v", line, m)
				}
				raw, err := protojson.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Indent(&have, raw, "", " "); err != nil {
					t.Fatal(err)
				}
				have.WriteByte('\n')
			}
			fmt.Fprintf(&have, "%v %s\n\n", status.Code(err), status.Convert(err).Message())
		}
		if *update {
			if err := os.WriteFile(filepath.Join("testdata", file), have.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if have.String() != string(want) {
			t.Errorf("answers differ from testdata/%s; run the test with -update, and look at the difference:\n%s", file, have.String())
		}
	})
}

// gogoCodec is that of Jaeger's own clients.
type gogoCodec struct{}

func (gogoCodec) Marshal(v any) ([]byte, error)   { return gogo.Marshal(v.(gogo.Message)) }
func (gogoCodec) Unmarshal(b []byte, v any) error { return gogo.Unmarshal(b, v.(gogo.Message)) }
func (gogoCodec) Name() string                    { return "proto" }

// TestGRPCWithJaegersOwnTypes asks as Jaeger's clients do, who send times that are not given
// as those of the year 1.
func TestGRPCWithJaegersOwnTypes(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		c := api_v2.NewQueryServiceClient(dial(t, s).Conn)
		codec := grpc.ForceCodec(gogoCodec{})
		services, err := c.GetServices(t.Context(), &api_v2.GetServicesRequest{}, codec)
		if err != nil || len(services.Services) != 4 {
			t.Errorf("services: %v, %v", services, err)
		}
		found, err := c.FindTraces(t.Context(), &api_v2.FindTracesRequest{Query: &api_v2.TraceQueryParameters{
			ServiceName: "payment", Tags: map[string]string{"error": "true"},
			StartTimeMin: time.Date(2025, 11, 23, 9, 0, 0, 0, time.UTC), StartTimeMax: time.Date(2025, 11, 23, 10, 0, 0, 0, time.UTC),
		}}, codec)
		if err != nil {
			t.Fatal(err)
		}
		spans := chunks(t, found)
		if len(spans) == 0 {
			t.Fatal("no spans")
		}
		one, err := c.GetTrace(t.Context(), &api_v2.GetTraceRequest{TraceID: spans[0].TraceID}, codec)
		if err != nil {
			t.Fatal(err)
		}
		again := chunks(t, one)
		if len(again) != len(spans) {
			t.Errorf("by its id the trace has %d spans, found it has %d", len(again), len(spans))
		}
		errors := 0
		for i := range again {
			sp := &again[i]
			if sp.Process == nil || sp.Process.ServiceName == "" || sp.TraceID != spans[0].TraceID || sp.SpanID == 0 || sp.StartTime.Year() != 2025 {
				t.Errorf("a span: %v", sp)
			}
			if sp.Process.ServiceName == "payment" && sp.Duration == 0 && len(sp.Warnings) == 0 {
				t.Errorf("a span of payment took no time: %v", sp)
			}
			if kv, ok := model.KeyValues(sp.Tags).FindByKey("error"); ok && kv.Bool() {
				errors++
			}
		}
		if errors == 0 {
			t.Error("no span has the tag error")
		}
		links, err := c.GetDependencies(t.Context(), &api_v2.GetDependenciesRequest{EndTime: time.Date(2025, 11, 23, 10, 0, 0, 0, time.UTC)}, codec)
		if err != nil || len(links.Dependencies) == 0 || links.Dependencies[0].CallCount == 0 {
			t.Errorf("dependencies: %v, %v", links, err)
		}
		if _, err := c.ArchiveTrace(t.Context(), &api_v2.ArchiveTraceRequest{TraceID: spans[0].TraceID}, codec); status.Code(err) != codes.Unimplemented {
			t.Errorf("archive: %v", err)
		}
	})
}

// chunks receives all spans of a stream.
func chunks(t *testing.T, stream interface {
	Recv() (*api_v2.SpansResponseChunk, error)
}) (out []model.Span) {
	t.Helper()
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, chunk.Spans...)
	}
}

// TestGRPCAnswersWhatWasSent sends every field of the protocol's version 3 back as it came.
func TestGRPCAnswersWhatWasSent(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		c := dial(t, s)
		got, err := c.Call(t.Context(), v3+"FindTraces", `{"query":{"startTimeMin":"2025-11-23T09:00:00Z","startTimeMax":"2025-11-23T10:00:00Z"}}`)
		if err != nil || len(got) != 3 {
			t.Fatalf("%d messages, %v, want one for each trace", len(got), err)
		}
		for _, m := range got {
			body, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			var traces tracepb.TracesData
			if err := proto.Unmarshal(body, &traces); err != nil || len(traces.ResourceSpans) == 0 || len(traces.ResourceSpans[0].ScopeSpans[0].Spans[0].TraceId) != 16 {
				t.Errorf("no traces: %v, %v", err, &traces)
			}
		}
	})
}

// long is a trace of n spans with a text of so many bytes each.
func long(n, size int) []byte {
	spans := make([]clew.Span, n)
	for i := range spans {
		spans[i] = clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: clew.SpanID(i + 1), Start: clew.UnixNanos(i + 1), End: clew.UnixNanos(i + 2), Resource: &clew.Resource{},
			Attrs: []clew.Attr{{Key: "text", Value: clew.StringValue(strings.Repeat("x", size))}}}
	}
	return storagetest.Body(spans...)
}

// TestGRPCLongTraces come in messages that clients take unasked.
func TestGRPCLongTraces(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	const n = 600
	if _, err := s.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: long(n, 20_000)}); err != nil {
		t.Fatal(err)
	}
	c := dial(t, s)
	for method, request := range map[string]string{
		v2 + "GetTrace": `{"traceId":"AAAAAAAAAAEAAAAAAAAAAQ=="}`, v3 + "GetTrace": `{"traceId":"00000000000000010000000000000001"}`,
	} {
		got, err := c.Call(t.Context(), method, request)
		size := 0
		for _, m := range got {
			size += proto.Size(m)
		}
		if err != nil || len(got) < 3 || size < n*20_000 {
			t.Errorf("%s: %d messages of %d bytes, %v", method, len(got), size, err)
		}
	}
}

// TestGRPCManySummaries come in several messages, each of them once.
func TestGRPCManySummaries(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	const n = 400
	spans := make([]clew.Span, n)
	for i := range spans {
		spans[i] = clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1, Name: strings.Repeat("x", 1000), Start: clew.UnixNanos(i + 1), End: clew.UnixNanos(i + 2), Resource: &clew.Resource{}}
	}
	if _, err := s.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: storagetest.Body(spans...)}); err != nil {
		t.Fatal(err)
	}
	got, err := dial(t, s).Call(t.Context(), v3+"FindTraceSummaries", `{"query":{"startTimeMin":"1970-01-01T00:00:00Z","startTimeMax":"1970-01-02T00:00:00Z","searchDepth":400}}`)
	seen := make(map[string]int)
	for _, m := range got {
		list := m.ProtoReflect().Get(m.ProtoReflect().Descriptor().Fields().ByName("summaries")).List()
		for i := range list.Len() {
			x := list.Get(i).Message()
			seen[x.Get(x.Descriptor().Fields().ByName("trace_id")).String()]++
		}
	}
	if err != nil || len(got) < 3 || len(seen) != n {
		t.Errorf("%d messages with %d traces of %d, %v", len(got), len(seen), n, err)
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("trace %s comes %d times", id, times)
		}
	}
}

// torn is a store whose trace by an id cannot be read any more once a search has read it.
type torn struct {
	storage.Store
	id    clew.TraceID
	reads *atomic.Int64
}

func (s torn) Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	if id == s.id && s.reads.Add(1)%2 == 0 {
		return storage.Trace{}, clew.Corruptf("segment", 7, "spoilt")
	}
	return s.Store.Trace(ctx, t, id)
}

// TestGRPCUnreadable ends a stream with an error, behind the traces that could be read.
func TestGRPCUnreadable(t *testing.T) {
	m := apitest.Shop(t, storagetest.NewMemory(storagetest.AllCapabilities()))
	const all = `{"query":{"startTimeMin":"2025-11-23T09:00:00Z","startTimeMax":"2025-11-23T10:00:00Z"}}`
	whole, err := dial(t, m).Call(t.Context(), v3+"FindTraces", all)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := proto.Marshal(whole[1])
	if err != nil {
		t.Fatal(err)
	}
	var second tracepb.TracesData
	if err := proto.Unmarshal(raw, &second); err != nil {
		t.Fatal(err)
	}
	c := dial(t, torn{m, clew.TraceID(second.ResourceSpans[0].ScopeSpans[0].Spans[0].TraceId), new(atomic.Int64)})
	for _, method := range []string{v2, v3} {
		got, err := c.Call(t.Context(), method+"FindTraces", all)
		if st := status.Convert(err); len(got) == 0 || st.Code() != codes.DataLoss || !strings.Contains(st.Message(), "segment: offset 7: spoilt") {
			t.Errorf("%s: %d messages, then %v", method, len(got), err)
		}
	}
}

// TestGRPCLongLists asks for lists that are one message and longer than what clients take:
// the error says what to ask instead.
func TestGRPCLongLists(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	at := clew.FromTime(time.Now().Add(-time.Minute))
	pad := strings.Repeat("x", 1<<20)
	var spans []clew.Span
	add := func(service, name string, parent clew.SpanID) {
		n := uint64(len(spans) + 1)
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: clew.SpanID(n), ParentID: parent, Name: name, Kind: clew.KindServer, Start: at, End: at + 1,
			Resource: &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(service)}}}})
	}
	for i := range 5 {
		add("shop", fmt.Sprint(i, pad), 0)
		add(fmt.Sprint(i, pad), "op", 1)
	}
	if _, err := s.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: storagetest.Body(spans...)}); err != nil {
		t.Fatal(err)
	}
	c := dial(t, s)
	for method, want := range map[string]string{
		v2 + "GetServices":     "/jaeger/api/services",
		v3 + "GetServices":     "/jaeger/api/services",
		v2 + "GetOperations":   "one span_kind",
		v3 + "GetOperations":   "one span_kind",
		v2 + "GetDependencies": "less time",
		v3 + "GetDependencies": "less time",
	} {
		request := `{}`
		if strings.HasSuffix(method, "GetOperations") {
			request = `{"service":"shop"}`
		}
		if _, err := c.Call(t.Context(), method, request); status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %.200v, want what to ask instead: %s", method, err, want)
		}
	}
}
