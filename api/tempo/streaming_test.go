package tempo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/clew-tracing/clew"
	clewapi "github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/api/apitest/protoset"
	"github.com/clew-tracing/clew/api/tempo"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

func streamingProtocol(t *testing.T, update bool) *protoregistry.Files {
	return protoset.Hold(t, "streaming.protoset", update, "streaming.proto")
}

// TestProtocol holds the compiled protocol to its source.
func TestProtocol(t *testing.T) { streamingProtocol(t, *update) }

const querier = "/tempopb.StreamingQuerier/"

// streaming returns a client of the API over gRPC.
func (a *api) streaming() *apitest.Client {
	a.Helper()
	h := a.Streaming()
	c := &apitest.Client{Conn: apitest.Listen(a.T, h), Files: streamingProtocol(a.T, false)}
	a.Cleanup(h.Stop)
	return c
}

// TestStreamingGolden holds what each method answers to testdata/streaming.txt; both stores
// answer the same, but for how much they looked at.
func TestStreamingGolden(t *testing.T) {
	eachStore(t, func(a *api) {
		c := a.streaming()
		var b bytes.Buffer
		for _, call := range [][2]string{
			{"Search", `{"Query":"{ span.http.status_code >= 400 }","start":1763880000,"end":1763890000}`},
			{"Search", `{"Query":"{ } | select(resource.service.name)","Limit":1,"SpansPerSpanSet":1}`},
			{"Search", `{"Tags":{"service.name":"front","http.url":"Items"},"MinDurationMs":200,"MaxDurationMs":300}`},
			{"Search", `{"Query":"{ name = \"nothing\" }"}`},
			{"SearchTags", `{"scope":"span"}`},
			{"SearchTagsV2", `{"maxTagsPerScope":2}`},
			{"SearchTagsV2", `{"scope":"resource","start":1763880000,"end":1763890000}`},
			{"SearchTagValues", `{"tagName":"service.name"}`},
			{"SearchTagValuesV2", `{"tagName":"span.http.status_code","query":"{ resource.service.name = \"cart\" && name = }"}`},
			{"SearchTagValuesV2", `{"tagName":"name","maxTagValues":1,"start":1763880000,"end":1763890000}`},
			{"MetricsQueryRange", `{"query":"{ } | rate() by (resource.service.name)","start":"1763888990000000000","end":"1763889110000000000","step":"60000000000"}`},
			{"MetricsQueryInstant", `{"query":"{ } | count_over_time()","start":"1763888990000000000","end":"1763889110000000000"}`},
			{"MetricsQueryInstant", `{"query":"{ } | count_over_time()","start":"1","end":"2"}`},
		} {
			fmt.Fprintf(&b, "%s %s\n", call[0], call[1])
			messages, err := c.Call(t.Context(), querier+call[0], call[1])
			if err != nil {
				a.Fatalf("%s %s: %v", call[0], call[1], err)
			}
			for _, m := range messages {
				forget(m.ProtoReflect())
				if len(m.ProtoReflect().GetUnknown()) > 0 {
					a.Errorf("%s %s: fields that the protocol does not have: %v", call[0], call[1], m)
				}
				b.WriteString(text(t, m))
			}
			b.WriteString("\n")
		}
		file := filepath.Join("testdata", "streaming.txt")
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || !bytes.Equal(b.Bytes(), want) {
			a.Errorf("%s: %v, got\n%s", file, err, b.Bytes())
		}
	})
}

// text is a message as JSON, the same every time.
func text(t *testing.T, m proto.Message) string {
	t.Helper()
	raw, err := protojson.MarshalOptions{}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", " "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	return out.String()
}

// forget forgets in an answer how much was looked at.
func forget(m protoreflect.Message) {
	f := m.Descriptor().Fields().ByName("metrics")
	if !m.Has(f) {
		return
	}
	took := m.Mutable(f).Message()
	for _, name := range []protoreflect.Name{"inspectedBytes", "inspectedSpans"} {
		if f := took.Descriptor().Fields().ByName(name); f != nil {
			took.Clear(f)
		}
	}
}

// TestStreamingErrors is InvalidArgument with what is wrong, and the like.
func TestStreamingErrors(t *testing.T) {
	a := serve(t, storagetest.NewMemory(storagetest.AllCapabilities()))
	c := a.streaming()
	for _, k := range []struct {
		method, request string
		code            codes.Code
		want            string
	}{
		{"Search", `{"Query":"{ name = }"}`, codes.InvalidArgument, "invalid TraceQL query: "},
		{"Search", `{"Query":"{ } | rate()"}`, codes.InvalidArgument, "metric"},
		{"Search", `{"Limit":262145}`, codes.InvalidArgument, `invalid limit: "262145"`},
		{"Search", `{"start":5,"end":4}`, codes.InvalidArgument, "start must be before end"},
		{"Search", `{"Query":"{ }","Tags":{"a":"b"}}`, codes.InvalidArgument, "can't specify tags"},
		{"Search", `{"Tags":{"a b":"c"}}`, codes.InvalidArgument, "invalid tags"},
		{"SearchTagsV2", `{"scope":"elsewhere"}`, codes.InvalidArgument, "invalid scope: elsewhere"},
		{"SearchTagValues", `{}`, codes.InvalidArgument, "tagName is empty"},
		{"SearchTagValuesV2", `{"tagName":"name","start":5,"end":4}`, codes.InvalidArgument, "start must be before end"},
		{"MetricsQueryRange", `{"query":"{ }"}`, codes.InvalidArgument, "metric"},
		{"MetricsQueryRange", `{"query":"{ } | rate()","step":"1"}`, codes.InvalidArgument, `invalid step: "1ns"`},
		{"MetricsQueryInstant", `{"query":"{"}`, codes.InvalidArgument, "invalid TraceQL query: "},
		{"Search", `{"Query":"` + strings.Repeat("x", 1<<20) + `"}`, codes.ResourceExhausted, "larger than max"},
	} {
		got, err := c.Call(t.Context(), querier+k.method, k.request)
		if st := status.Convert(err); st.Code() != k.code || !strings.Contains(st.Message(), k.want) || len(got) > 0 {
			t.Errorf("%s %.60s: %v %.200s, want %v %s", k.method, k.request, st.Code(), st.Message(), k.code, k.want)
		}
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "X-Scope-OrgID", "a/b")
	if _, err := c.Call(ctx, querier+"SearchTags", `{}`); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a tenant that cannot be: %v", err)
	}
	for body, want := range map[string]codes.Code{"\x42\xff": codes.InvalidArgument, "\x42\x01\xff": codes.InvalidArgument, "\x0a\x04\x0a\x00\x080": codes.InvalidArgument, "": codes.OK} {
		err := c.Conn.Invoke(t.Context(), querier+"Search", []byte(body), new([]byte), grpc.ForceCodec(bytesCodec{}))
		if status.Code(err) != want {
			t.Errorf("a message %q: %v, want %v", body, err, want)
		}
	}
	if err := c.Conn.Invoke(t.Context(), querier+"Delete", []byte(nil), new([]byte), grpc.ForceCodec(bytesCodec{})); status.Code(err) != codes.Unimplemented {
		t.Errorf("a method that there is not: %v", err)
	}
	if w := a.get("/api/echo"); w.Code != http.StatusOK {
		t.Errorf("after all that: %d", w.Code)
	}
}

// bytesCodec sends and receives bytes.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) ([]byte, error)   { return v.([]byte), nil }
func (bytesCodec) Unmarshal(b []byte, v any) error { *v.(*[]byte) = bytes.Clone(b); return nil }
func (bytesCodec) Name() string                    { return "proto" }

// TestStreamingTenants answers each tenant with its own, packed or not.
func TestStreamingTenants(t *testing.T) {
	eachStore(t, func(a *api) {
		c := a.streaming()
		for tenant, want := range map[string]int{"default": 2, "other": 0} {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "x-scope-orgid", tenant)
			got, err := c.Call(ctx, querier+"Search", `{}`, grpc.UseCompressor(gzip.Name))
			if err != nil || len(traces(got[len(got)-1])) != want {
				a.Errorf("%s: %v, %v, want %d traces", tenant, got, err, want)
			}
		}
	})
}

// traces are the ids in a SearchResponse.
func traces(m proto.Message) (ids []string) {
	r := m.ProtoReflect()
	list := r.Get(r.Descriptor().Fields().ByName("traces")).List()
	for i := range list.Len() {
		x := list.Get(i).Message()
		ids = append(ids, x.Get(x.Descriptor().Fields().ByName("traceID")).String())
	}
	return ids
}

// number is a number within an answer's metrics.
func number(m proto.Message, name protoreflect.Name) uint64 {
	r := m.ProtoReflect()
	took := r.Get(r.Descriptor().Fields().ByName("metrics")).Message()
	return took.Get(took.Descriptor().Fields().ByName(name)).Uint()
}

// gated is a store whose first scan waits behind its first batch.
type gated struct {
	*storagetest.Memory
	once    sync.Once
	scan    chan func() // gets what lets the scan go on
	ended   chan error  // gets why it ended instead
	patient bool        // it waits on when its time is over
}

func (g *gated) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	return func(yield func(*span.Batch, error) bool) {
		for b, err := range g.Memory.Scan(ctx, r) {
			if !yield(b, err) {
				return
			}
			g.once.Do(func() {
				on, over := make(chan struct{}), ctx.Done()
				if g.patient {
					over = nil
				}
				g.scan <- func() { close(on) }
				select {
				case <-on:
				case <-over:
					g.ended <- ctx.Err()
				}
			})
		}
	}
}

func newGated(t *testing.T) (*gated, *api) {
	g := &gated{Memory: storagetest.NewMemory(storagetest.AllCapabilities()), scan: make(chan func(), 1), ended: make(chan error, 1)}
	g.BatchRows = 5
	a := serve(t, g)
	a.put(manyTraces(30), 30)
	return g, a
}

// manyTraces is a request of n traces of a span each, with a number and a long text.
func manyTraces(n int) []byte {
	spans := make([]clew.Span, n)
	for i := range spans {
		spans[i] = clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1, Start: 1e18 + clew.UnixNanos(i), End: 1e18 + clew.UnixNanos(i) + 1, Resource: &clew.Resource{}, Attrs: []clew.Attr{
			{Key: "n", Value: clew.IntValue(int64(i))}, {Key: "text", Value: clew.StringValue(strings.Repeat("long ", 16_000))},
		}}
	}
	return storagetest.Body(spans...)
}

// TestStreamingProgress tells what a search has done while it runs, then answers.
func TestStreamingProgress(t *testing.T) {
	for method, request := range map[string]string{
		"Search": `{"Query":"{ span.n >= 0 }"}`, "MetricsQueryRange": `{"query":"{ span.n >= 0 } | max_over_time(span.n)","start":"1000000000000000000","end":"1000000100000000000"}`,
		"MetricsQueryInstant": `{"query":"{ span.n >= 0 } | max_over_time(span.n)","start":"1000000000000000000","end":"1000000100000000000"}`,
	} {
		g, a := newGated(t)
		g.patient = true // metrics with exemplars have half a second at first
		c := a.streaming()
		stream, output, err := c.Begin(t.Context(), querier+method, request)
		if err != nil {
			t.Fatal(err)
		}
		goOn := <-g.scan
		first := receive(t, stream, output)
		if number(first, "totalJobs") != 100 || number(first, "completedJobs") >= 100 || number(first, "inspectedSpans") == 0 {
			t.Errorf("%s: the first message while it runs: %v", method, first)
		}
		goOn()
		last := receive(t, stream, output)
		for number(last, "completedJobs") < 100 { // told again before it ended
			last = receive(t, stream, output)
		}
		if method == "Search" && len(traces(last)) != 20 {
			t.Errorf("the answer has %d traces, want 20", len(traces(last)))
		}
	}
}

// TestStreamingCancel ends a question whose client leaves.
func TestStreamingCancel(t *testing.T) {
	g, a := newGated(t)
	c := a.streaming()
	ctx, leave := context.WithCancel(t.Context())
	if _, _, err := c.Begin(ctx, querier+"Search", `{"Query":"{ span.n >= 0 }"}`); err != nil {
		t.Fatal(err)
	}
	<-g.scan
	leave()
	if err := <-g.ended; err == nil {
		t.Error("the scan went on")
	}
}

// TestStreamingPages sends traces as they are found, each once, and all at the end; where
// they are too many for a message, each once alone.
func TestStreamingPages(t *testing.T) {
	a := serve(t, storagetest.NewMemory(storagetest.AllCapabilities()))
	const n = 60
	a.put(manyTraces(n), n)
	c := a.streaming()
	got, err := c.Call(t.Context(), querier+"Search", `{"Query":"{ }","Limit":50}`)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for _, m := range got[:len(got)-1] {
		for _, id := range traces(m) {
			seen[id]++
		}
	}
	last := got[len(got)-1]
	all := traces(last)
	if len(all) != 50 || number(last, "completedJobs") != 100 || len(seen) == 0 {
		t.Errorf("%d messages, the last with %d traces and %d jobs, %d before", len(got), len(all), number(last, "completedJobs"), len(seen))
	}
	for _, id := range all {
		if seen[id] > 1 {
			t.Errorf("%s came %d times before the end", id, seen[id])
		}
	}
	long, err := c.Call(t.Context(), querier+"Search", `{"Query":"{ } | select(span.text)","Limit":60}`)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	seen = make(map[string]int)
	for _, m := range long {
		for _, id := range traces(m) {
			count++
			seen[id]++
		}
		if size := proto.Size(m); size > 4<<20 {
			t.Errorf("a message has %d bytes", size)
		}
	}
	if len(seen) != n || count != n || len(long) < 2 {
		t.Errorf("%d messages have %d traces, %d of them different, want %d", len(long), count, len(seen), n)
	}
}

// TestStreamingBusy is told to come again, and when.
func TestStreamingBusy(t *testing.T) {
	turns := clewapi.NewTurns(1, nil)
	_, done, err := turns.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	ctx, leave := context.WithCancel(t.Context())
	var queue sync.WaitGroup
	defer queue.Wait()
	defer leave()
	for range clewapi.QueuePerTurn {
		queue.Go(func() { _, _, _ = turns.Take(ctx) })
	}
	for waiting := 0; waiting < clewapi.QueuePerTurn; _, waiting = turns.State() {
		runtime.Gosched()
	}
	a := &api{t, tempo.New(tempo.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities()), Turns: turns}), nil}
	_, err = a.streaming().Call(t.Context(), querier+"Search", `{}`)
	st := status.Convert(err)
	if len(st.Details()) != 1 || st.Code() != codes.ResourceExhausted {
		t.Fatalf("%v, details %v", st, st.Details())
	}
	if retry, ok := st.Details()[0].(*errdetails.RetryInfo); !ok || retry.RetryDelay.AsDuration() != clewapi.MaxQueue {
		t.Errorf("when to come again: %v", st.Details())
	}
}

func receive(t *testing.T, stream grpc.ClientStream, is protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	m := dynamicpb.NewMessage(is)
	if err := stream.RecvMsg(m); err != nil {
		t.Fatal(err)
	}
	return m
}
