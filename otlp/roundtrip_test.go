package otlp_test

import (
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// unmarshal reads protobuf with the official types, unknown fields left out.
func unmarshal(tb testing.TB, body []byte) *tracepb.TracesData {
	tb.Helper()
	var t tracepb.TracesData
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, &t); err != nil {
		tb.Fatalf("official decoder: %v", err)
	}
	return &t
}

func marshal(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// decode decodes body into a fresh builder and returns all rows.
func decode(tb testing.TB, body []byte) (*span.Rows, otlp.Result) {
	tb.Helper()
	b := build.NewBuilder(16)
	var dec otlp.Decoder
	res, err := dec.Decode(b, body, otlp.Options{})
	if err != nil {
		tb.Fatalf("Decode: %v", err)
	}
	return span.NewRows(b.View(b.Rows())), res
}

// checkExport compares the export of each row of r, from row first on, with want.
func checkExport(t *testing.T, r *span.Rows, first int, want []*tracepb.TracesData) {
	t.Helper()
	if got := r.Batch().Rows - first; got != len(want) {
		t.Fatalf("%d rows, want %d", got, len(want))
	}
	for i := range want {
		got := unmarshal(t, otlp.AppendTraces(nil, r, []uint32{uint32(first + i)}))
		if r.Batch().Attrs.Shape[first+i] == span.NoCode { // the order is not kept
			sortAttrs(got)
			sortAttrs(want[i])
		}
		if !proto.Equal(got, want[i]) {
			t.Fatalf("span %d:\n got %v\nwant %v", i, got, want[i])
		}
	}
}

func TestRoundTrip(t *testing.T) {
	b := build.NewBuilder(16)
	var dec otlp.Decoder
	for seed := range uint64(300) {
		if seed%50 == 0 {
			b.Reset() // else dictionaries and shapes of the requests before are there
		}
		want := newRandom(seed).request()
		first := b.Rows()
		res, err := dec.Decode(b, marshal(t, want), otlp.Options{})
		if err != nil {
			t.Fatalf("seed %d: Decode: %v", seed, err)
		}
		list := alone(want)
		if res.Accepted != len(list) || res.Refused != 0 || res.UnknownFields != 0 {
			t.Fatalf("seed %d: result %+v, want %d accepted", seed, res, len(list))
		}
		t.Log("seed", seed)
		checkExport(t, span.NewRows(b.View(b.Rows())), first, list)
	}
}

// TestExportGroups checks that a whole export has every span once, under its own
// resource and scope, each of these once.
func TestExportGroups(t *testing.T) {
	for seed := range uint64(50) {
		b := build.NewBuilder(16)
		var dec otlp.Decoder
		want := make(map[string]*tracepb.TracesData)
		for k := range uint64(4) {
			m := newRandom(seed*4 + k).request()
			if _, err := dec.Decode(b, marshal(t, m), otlp.Options{}); err != nil {
				t.Fatal(err)
			}
			for _, s := range alone(m) {
				want[string(s.ResourceSpans[0].ScopeSpans[0].Spans[0].SpanId)] = s
			}
		}
		got := unmarshal(t, otlp.AppendTraces(nil, span.NewRows(b.View(b.Rows())), nil))
		groups := make(map[string]bool)
		spans := 0
		for _, s := range alone(got) {
			rs := s.ResourceSpans[0]
			if w := want[string(rs.ScopeSpans[0].Spans[0].SpanId)]; !proto.Equal(s, w) {
				t.Fatalf("seed %d:\n got %v\nwant %v", seed, s, w)
			}
			spans++
		}
		for _, rs := range got.ResourceSpans {
			rs.ScopeSpans = nil
			key := string(marshal(t, rs))
			if groups[key] {
				t.Fatalf("seed %d: resource comes twice: %v", seed, rs)
			}
			groups[key] = true
		}
		if spans != len(want) {
			t.Fatalf("seed %d: %d spans, want %d", seed, spans, len(want))
		}
	}
}

func TestRoundTripCorpus(t *testing.T) {
	for _, name := range corpus.Names() {
		b := build.NewBuilder(16)
		var dec otlp.Decoder
		for _, body := range corpus.Requests(name, 7, 1500, 500) {
			first := b.Rows()
			if _, err := dec.Decode(b, body, otlp.Options{}); err != nil {
				t.Fatal(err)
			}
			checkExport(t, span.NewRows(b.View(b.Rows())), first, alone(unmarshal(t, body)))
		}
	}
}

// scramble writes message m another legal way: fields in random order where that
// means the same, unknown fields and overwritten scalars in between, numbers in
// more bytes than they need.
func (r random) scramble(m []byte, name string) []byte {
	type piece struct {
		num protowire.Number
		raw []byte
	}
	var pieces []piece
	for len(m) > 0 {
		num, typ, n := protowire.ConsumeTag(m)
		size := protowire.ConsumeFieldValue(num, typ, m[n:])
		value := m[n : n+size]
		if typ == protowire.BytesType {
			v, _ := protowire.ConsumeBytes(value)
			if sub, ok := layout[name][num]; ok {
				v = r.scramble(v, sub)
			}
			value = append(r.longVarint(uint64(len(v))), v...)
		}
		pieces = append(pieces, piece{num, append(r.longVarint(uint64(num)<<3|uint64(typ)), value...)})
		m = m[n+size:]
	}
	// Move fields, but keep those of one number, and the fields of a oneof, in order.
	for range len(pieces) {
		if len(pieces) < 2 || name == "AnyValue" {
			break
		}
		i := r.IntN(len(pieces) - 1)
		if pieces[i].num != pieces[i+1].num {
			pieces[i], pieces[i+1] = pieces[i+1], pieces[i]
		}
	}
	var out []byte
	for _, p := range pieces {
		if r.one(6) {
			out = append(out, r.unknown(0)...)
		}
		out = append(out, p.raw...)
	}
	return out
}

// layout names the messages in the fields of messages.
var layout = map[string]map[protowire.Number]string{
	"TracesData":    {1: "ResourceSpans"},
	"ResourceSpans": {1: "Resource", 2: "ScopeSpans"},
	"Resource":      {1: "KeyValue", 3: "EntityRef"},
	"ScopeSpans":    {1: "Scope", 2: "Span"},
	"Scope":         {3: "KeyValue"},
	"Span":          {9: "KeyValue", 11: "Event", 13: "Link", 15: "Status"},
	"Event":         {3: "KeyValue"},
	"Link":          {4: "KeyValue"},
	"KeyValue":      {2: "AnyValue"},
	"AnyValue":      {5: "ArrayValue", 6: "KeyValueList"},
	"ArrayValue":    {1: "AnyValue"},
	"KeyValueList":  {1: "KeyValue"},
}

// longVarint writes v with up to two needless bytes.
func (r random) longVarint(v uint64) []byte {
	b := protowire.AppendVarint(nil, v)
	for range r.IntN(3) {
		if len(b) < 5 && r.one(3) {
			b[len(b)-1] |= 0x80
			b = append(b, 0)
		}
	}
	return b
}

func (r random) unknown(depth int) []byte {
	num := protowire.Number(100 + r.IntN(1000))
	switch r.IntN(5) {
	case 0:
		return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), r.Uint64())
	case 1:
		return protowire.AppendFixed32(protowire.AppendTag(nil, num, protowire.Fixed32Type), 7)
	case 2:
		return protowire.AppendFixed64(protowire.AppendTag(nil, num, protowire.Fixed64Type), 7)
	case 3:
		if depth < 4 {
			b := protowire.AppendTag(nil, num, protowire.StartGroupType)
			b = append(b, r.unknown(depth+1)...)
			return protowire.AppendTag(b, num, protowire.EndGroupType)
		}
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), []byte("?"))
}

func TestRoundTripScrambled(t *testing.T) {
	b := build.NewBuilder(16)
	var dec otlp.Decoder
	for seed := range uint64(300) {
		r := newRandom(seed)
		body := r.scramble(marshal(t, r.request()), "TracesData")
		list := alone(unmarshal(t, body))
		first := b.Rows()
		t.Log("seed", seed)
		res, err := dec.Decode(b, body, otlp.Options{})
		if err != nil || res.Accepted != len(list) {
			t.Fatalf("Decode = %+v, %v; want %d accepted", res, err, len(list))
		}
		checkExport(t, span.NewRows(b.View(b.Rows())), first, list)
	}
}
