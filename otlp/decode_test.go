package otlp_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// field writes a length-delimited field with a tag of one byte.
func field(tag byte, v string) string {
	return string(binary.AppendUvarint([]byte{tag}, uint64(len(v)))) + v
}

const (
	goodTrace = "\x0a\x10TTTTTTTTtttttttt"
	goodSpan  = "\x12\x08SSSSSSSS"
)

// request puts Span messages into one scope of one resource.
func request(spans ...string) []byte {
	var list strings.Builder
	for _, s := range spans {
		list.WriteString(field(0x12, s))
	}
	return []byte(field(0x0a, field(0x12, list.String())))
}

func TestRefusals(t *testing.T) {
	good := goodTrace + goodSpan + field(0x2a, "good")
	link := func(v string) string {
		return good + field(0x4a, "\x0a\x01a\x12\x02\x10\x01") + field(0x5a, field(0x12, "event")+field(0x1a, "\x0a\x01a\x12\x02\x10\x01")) + field(0x6a, v)
	}
	cases := []struct{ in, code, reason string }{
		{goodSpan, "trace_id_length", "the trace id is missing, or cannot be read; send 16 bytes, 32 hexadecimal digits"},
		{"\x0a\x08tttttttt" + goodSpan, "trace_id_length", "trace_id has 8 bytes; send 16"},
		{"\x0a\x10" + strings.Repeat("\x00", 16) + goodSpan, "trace_id_zero", "trace_id is all zeros; send a valid one"},
		{goodTrace, "span_id_length", "the span id is missing, or cannot be read; send 8 bytes, 16 hexadecimal digits"},
		{goodTrace + "\x12\x09SSSSSSSSS", "span_id_length", "span_id has 9 bytes; send 8"},
		{goodTrace + "\x12\x08\x00\x00\x00\x00\x00\x00\x00\x00", "span_id_zero", "span_id is all zeros; send a valid one"},
		{good + "\x22\x01p", "parent_span_id_length", "parent_span_id has 1 bytes; send 8, or none for a root"},
		{good + "\x30\x80\x02", "kind_range", "kind 256 is none of SpanKind; send 0 to 5"},
		{good + "\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "kind_range", "kind -1 is none of SpanKind; send 0 to 5"},
		{good + "\x7a\x03\x18\x80\x02", "status_range", "status code 256 is none of StatusCode; send 0 to 2"},
		{link("\x0a\x01t" + goodSpan), "link_trace_id_length", "the trace_id of a link is not 16 bytes long; send 16, or none"},
		{link(goodTrace + "\x12\x01s"), "link_span_id_length", "the span_id of a link is not 8 bytes long; send 8, or none"},
	}
	spans := []string{good}
	for _, c := range cases {
		spans = append(spans, field(0x2a, "bad")+c.in, good)
	}
	b := build.NewBuilder(8)
	var dec otlp.Decoder
	res, err := dec.Decode(b, request(spans...), otlp.Options{})
	if err != nil || res.Accepted != len(cases)+1 || res.Refused != len(cases) || b.Rows() != res.Accepted {
		t.Fatalf("Decode = %+v, %v; want %d of %d refused", res, err, len(cases), len(spans))
	}
	for i, c := range cases {
		name := "bad"
		if strings.Contains(c.in, "good") {
			name = "good"
		}
		want := otlp.Refusal{Span: 2*i + 1, Name: name, Reason: c.reason, Code: c.code}
		if res.Refusals[i] != want || res.RefusedSpans[i] != uint32(want.Span) {
			t.Errorf("refusal %d = %+v, want %+v", i, res.Refusals[i], want)
		}
	}
	v := b.View(b.Rows())
	for row := range v.Rows {
		if name := string(v.Names.At(int(v.Name[row]))); name != "good" {
			t.Errorf("row %d is %q", row, name)
		}
	}
	if len(v.Attrs.Columns) != 0 || len(v.Events.Row) != 0 || len(v.Links.Row) != 0 {
		t.Errorf("refused spans left values behind: %+v", v)
	}

	// Replay refuses the same spans; with none to refuse, nothing is judged.
	refuse := slices.Clone(res.RefusedSpans)
	again := build.NewBuilder(8)
	replayed, err := dec.Decode(again, request(spans...), otlp.Options{Replay: true, Refuse: refuse})
	if err != nil || replayed.Refused != len(cases) || replayed.Accepted != res.Accepted || !slices.Equal(replayed.RefusedSpans, refuse) {
		t.Errorf("replay = %+v, %v", replayed, err)
	}
	if all, err := dec.Decode(again, request(spans...), otlp.Options{Replay: true}); err != nil || all.Accepted != len(spans) || all.Refused != 0 {
		t.Errorf("replay that refuses none = %+v, %v", all, err)
	}
}

// TestLastCounts sends scalars twice: the last one counts, also for refusals.
func TestLastCounts(t *testing.T) {
	r, res := decode(t, request("\x0a\x01x"+goodTrace+"\x12\x00"+goodSpan+field(0x2a, "a")+field(0x2a, "b")+"\x30\x80\x02\x30\x03"+
		field(0x7a, field(0x12, "m"))+field(0x7a, "\x18\x02")))
	if res.Accepted != 1 {
		t.Fatalf("%+v", res)
	}
	if s := r.Span(0); s.Name != "b" || s.Kind != clew.KindClient || s.StatusMessage != "m" || s.Status != clew.StatusError {
		t.Errorf("span %+v", s)
	}
	if _, res := decode(t, request(goodTrace+goodSpan+"\x12\x01x")); res.Refused != 1 {
		t.Errorf("%+v, want refused for the second span id", res)
	}
}

func TestManyRefusals(t *testing.T) {
	spans := slices.Repeat([]string{field(0x2a, strings.Repeat("ü", 60)+"\xff")}, 50)
	_, res := decode(t, request(spans...))
	if res.Refused != 50 || len(res.Refusals) != otlp.MaxRefusals || len(res.RefusedSpans) != 50 {
		t.Errorf("%d refused, %d named, %d listed", res.Refused, len(res.Refusals), len(res.RefusedSpans))
	}
	if name := res.Refusals[0].Name; name != strings.Repeat("ü", 50)+"…" {
		t.Errorf("name %q", name)
	}
	_, res = decode(t, request(field(0x2a, "a\xffb")))
	if name := res.Refusals[0].Name; name != "a\ufffdb" {
		t.Errorf("name %q", name)
	}
}

// TestFlagged has one oddity in each span; all are kept as they came.
func TestFlagged(t *testing.T) {
	good := goodTrace + goodSpan
	attr := func(tag byte, key, value string) string { return field(tag, field(0x0a, key)+field(0x12, value)) }
	text := func(s string) string { return field(0x0a, s) }
	plain := good + attr(0x4a, "k", text("v")) + attr(0x4a, "n", "\x18\x01") + field(0x5a, attr(0x1a, "k", text("v")))
	odd := []string{
		good + "\x39\x02\x00\x00\x00\x00\x00\x00\x00\x41\x01\x00\x00\x00\x00\x00\x00\x00",
		good + field(0x2a, "\xff"),
		good + field(0x1a, "\xff"),
		good + field(0x7a, field(0x12, "\xff")),
		good + attr(0x4a, "k", text("\xff")),
		good + attr(0x4a, "k", text("\xff")), // again: it is known by then
		good + attr(0x4a, "\xff", text("v")),
		good + attr(0x4a, "\xff", "\x18\x01"),
		good + attr(0x4a, "k", text("v")) + attr(0x4a, "k", text("v")),
		good + attr(0x4a, "k", text("v")) + attr(0x4a, "k", "\x18\x01"),
		good + attr(0x4a, "k", text("v")) + attr(0x4a, "k", "\x18\x01"),
		good + attr(0x4a, "k", field(0x2a, field(0x0a, text("\xff")))),
		good + attr(0x4a, "k", field(0x32, attr(0x0a, "\xff", text("v")))),
		good + field(0x5a, field(0x12, "\xff")),
		good + field(0x5a, attr(0x1a, "k", text("\xff"))),
		good + field(0x6a, field(0x1a, "\xff")),
		good + field(0x6a, attr(0x22, "k", text("v"))+attr(0x22, "k", text("w"))),
	}
	var spans []string
	for _, s := range odd {
		spans = append(spans, plain, s)
	}
	body := request(spans...)
	b := build.NewBuilder(8)
	var dec otlp.Decoder
	for range 2 { // the second time all values are known
		res, err := dec.Decode(b, body, otlp.Options{})
		if err != nil || res.Flagged != len(odd) || res.Accepted != len(spans) {
			t.Errorf("Decode = %+v, %v; want %d flagged", res, err, len(odd))
		}
	}
	// Bytes that are not UTF-8 come back as they were.
	if out := otlp.AppendTraces(nil, span.NewRows(b.View(len(spans))), nil); !bytes.Equal(out, body) {
		t.Errorf("export differs:\n%q\n%q", out, body)
	}
	for _, raw := range []string{field(0x1a, "\xff"), field(0x0a, attr(0x0a, "k", text("\xff"))), field(0x0a, attr(0x0a, "k", text("v"))+attr(0x0a, "k", text("v")))} {
		body := []byte(field(0x0a, raw+field(0x12, field(0x12, plain)+field(0x12, odd[0]))+field(0x12, field(0x12, plain))))
		if _, res := decode(t, body); res.Flagged != 3 {
			t.Errorf("resource %q: %+v, want 3 flagged", raw, res)
		}
	}
	scope := []byte(field(0x0a, field(0x12, field(0x0a, field(0x0a, "\xff"))+field(0x12, plain)+field(0x12, odd[0]))+field(0x12, field(0x12, plain))))
	if _, res := decode(t, scope); res.Flagged != 2 {
		t.Errorf("scope: %+v, want 2 flagged", res)
	}
}

// TestErrors has malformed requests, with the offset and the flaw to be named.
func TestErrors(t *testing.T) {
	attr := func(value string) string { return goodTrace + goodSpan + field(0x4a, "\x0a\x01k"+field(0x12, value)) }
	nested := func(n int) string {
		v := "\x18\x01"
		for range n - 1 {
			v = field(0x2a, field(0x0a, v))
		}
		return v
	}
	groups := strings.Repeat("\x0b", 64) + strings.Repeat("\x0c", 64)
	if _, res := decode(t, []byte(groups)); res.UnknownFields != 1 {
		t.Errorf("64 groups: %+v", res)
	}
	if _, res := decode(t, request(attr(nested(64)))); res.Accepted != 1 {
		t.Errorf("64 nested values: %+v", res)
	}
	cases := []struct {
		in     []byte
		offset int
		what   string
	}{
		{[]byte("\x0a"), 1, "ends within"},
		{[]byte("\x0a\x05abc"), 1, "claims more bytes"},
		{[]byte("\x0a\x80\x80\x80\x80\x04"), 1, "claims more bytes"}, // 1 GiB
		{[]byte("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 1, "claims more bytes"},
		{[]byte("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), 1, "longer than 10 bytes or 64 bits"},
		{[]byte("\x0a" + strings.Repeat("\x80", 20)), 1, "longer than 10 bytes or 64 bits"},
		{[]byte("\x02\x00"), 0, "field number"},
		{[]byte("\x0f"), 0, "wire type"},
		{[]byte("\xfa\xff\xff\xff\xff\x7f\x00"), 0, "field number"},
		{[]byte("\x0d\x00"), 1, "ends within"},
		{[]byte("\x09\x00"), 1, "ends within"},
		{[]byte("\x0b\x08\x01"), 3, "group is not closed"},
		{[]byte("\x0c"), 0, "wire type"},
		{[]byte("\x0b\x14"), 1, "group"},
		{[]byte(strings.Repeat("\x0b", 10_000)), 64, "groups are nested too deep"},
		{request("\x12\x40"), 7, "claims more bytes"},
		{request("\x39\x00"), 7, "ends within"},
		{request("\x85\x01\x00"), 8, "ends within"},
		{request(goodTrace + goodSpan + "\x4a\x03\x0a\x05k"), 37, "claims more bytes"},
		{request(attr("\x21\x00")), 42, "ends within"},
		{request(attr("\x0a\x7f")), 42, "claims more bytes"},
		{request(attr("\x2a\x02\x0a\x7f")), 44, "claims more bytes"},
		{request(goodTrace + goodSpan + "\x5a\x02\x09\x00"), 37, "ends within"},
		{request(goodTrace + goodSpan + "\x6a\x02\x35\x00"), 37, "ends within"},
		{request(goodTrace + goodSpan + "\x7a\x01\x18"), 37, "ends within"},
		{[]byte(field(0x0a, "\x0a\x02\x0a\x7f"+field(0x12, field(0x12, goodTrace+goodSpan)))), 2, "resource: a field claims more bytes than the message has (byte 3 of it)"},
		{[]byte(field(0x0a, field(0x12, "\x0a\x02\x0a\x7f"+field(0x12, goodTrace+goodSpan)))), 4, "scope: a field claims more bytes than the message has (byte 3 of it)"},
	}
	b := build.NewBuilder(8)
	var dec otlp.Decoder
	for _, c := range cases {
		body := c.in
		if c.offset > 2 && body[0] == 0x0a { // good spans before: they must go too
			good := request(attr("\x18\x01"))
			body = append(good, body...)
			c.offset += len(good)
		}
		res, err := dec.Decode(b, body, otlp.Options{})
		if clew.KindOf(err) != clew.Invalid || !strings.Contains(fmt.Sprint(err), fmt.Sprintf("offset %d: ", c.offset)) || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%.80q\n got %v\nwant offset %d: … %s", body, err, c.offset, c.what)
		}
		if b.Rows() != 0 || res.Accepted != 0 {
			t.Errorf("%.80q: %d rows left", body, b.Rows())
		}
	}
	for _, depth := range []int{65, 10_000} {
		if _, err := dec.Decode(b, request(attr(nested(depth))), otlp.Options{}); clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), "nested too deep") {
			t.Errorf("%d values nested: %v", depth, err)
		}
	}
}

// TestTruncated cuts a request with every field at each byte. What is left is
// malformed, or the cut fell between two fields of the outermost message; the
// builder is as before, or as for what is left.
func TestTruncated(t *testing.T) {
	body := marshal(t, newRandom(11).request())
	b := build.NewBuilder(8)
	var dec otlp.Decoder
	before := marshal(t, newRandom(6).request())
	if _, err := dec.Decode(b, before, otlp.Options{}); err != nil {
		t.Fatal(err)
	}
	rows := b.Rows()
	want := otlp.AppendTraces(nil, span.NewRows(b.View(rows)), nil)
	whole := 0
	for cut := range body {
		_, err := dec.Decode(b, body[:cut:cut], otlp.Options{})
		if err == nil {
			whole++
			if left := len(alone(unmarshal(t, body[:cut]))); b.Rows() != rows+left {
				t.Fatalf("cut at %d: %d rows, want %d", cut, b.Rows(), rows+left)
			}
			b.Truncate(rows)
		} else if clew.KindOf(err) != clew.Invalid {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if b.Rows() != rows {
			t.Fatalf("cut at %d: %d rows, want %d", cut, b.Rows(), rows)
		}
	}
	if whole == 0 || whole > 4 {
		t.Errorf("%d cuts were no error", whole)
	}
	if got := otlp.AppendTraces(nil, span.NewRows(b.View(rows)), nil); !bytes.Equal(got, want) {
		t.Error("rows before the malformed requests changed")
	}
}

// TestManyKeys has more attribute columns than a builder takes: the rest is kept
// and comes back.
func TestManyKeys(t *testing.T) {
	m := &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{}, ScopeSpans: []*tracepb.ScopeSpans{{}},
	}}}
	r := newRandom(1)
	for i := range 40 {
		s := &tracepb.Span{TraceId: r.bytes(16), SpanId: r.bytes(8)}
		for k := range 300 {
			s.Attributes = append(s.Attributes, &commonpb.KeyValue{Key: fmt.Sprint(i, "/", k), Value: &commonpb.AnyValue{
				Value: &commonpb.AnyValue_IntValue{IntValue: int64(k)},
			}})
		}
		m.ResourceSpans[0].ScopeSpans[0].Spans = append(m.ResourceSpans[0].ScopeSpans[0].Spans, s)
	}
	b := build.NewBuilder(8)
	var dec otlp.Decoder
	res, err := dec.Decode(b, marshal(t, m), otlp.Options{})
	if err != nil || res.Accepted != 40 || res.Flagged != 40-8192/300 {
		t.Fatalf("Decode = %+v, %v", res, err)
	}
	if n := b.Attrs.Columns(); n != 8192 {
		t.Errorf("%d columns", n)
	}
	if got := unmarshal(t, otlp.AppendTraces(nil, span.NewRows(b.View(40)), nil)); !proto.Equal(got, m) {
		t.Error("export differs")
	}
}

// TestKeysOfManyRequests fills the columns of a head over several requests: what finds
// none any more is kept all the same.
func TestKeysOfManyRequests(t *testing.T) {
	b := build.NewBuilder(8)
	var dec otlp.Decoder
	r := newRandom(2)
	var all []*tracepb.TracesData
	flagged := 0
	for i := range 5 {
		s := &tracepb.Span{TraceId: r.bytes(16), SpanId: r.bytes(8)}
		e, l := &tracepb.Span_Event{}, &tracepb.Span_Link{}
		for k := range 2000 {
			kv := &commonpb.KeyValue{Key: fmt.Sprint(i, "/", k), Value: &commonpb.AnyValue{
				Value: &commonpb.AnyValue_StringValue{StringValue: fmt.Sprint("v", k)},
			}}
			s.Attributes, e.Attributes, l.Attributes = append(s.Attributes, kv), append(e.Attributes, kv), append(l.Attributes, kv)
		}
		twice := &commonpb.KeyValue{Key: s.Attributes[0].Key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 7}}}
		s.Attributes = append(s.Attributes, twice)
		s.Events, s.Links = []*tracepb.Span_Event{e, e}, []*tracepb.Span_Link{l}
		plain := &tracepb.Span{TraceId: r.bytes(16), SpanId: r.bytes(8)}
		m := &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
			Resource: &resourcepb.Resource{}, ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{s, plain}}},
		}}}
		all = append(all, alone(m)...)
		res, err := dec.Decode(b, marshal(t, m), otlp.Options{})
		if err != nil || res.Accepted != 2 {
			t.Fatalf("Decode = %+v, %v", res, err)
		}
		flagged += res.Flagged
	}
	if n := b.Attrs.Columns(); n != 8192 || flagged != 5 {
		t.Errorf("%d columns, %d flagged", n, flagged)
	}
	rows := span.NewRows(b.View(b.Rows()))
	for i, want := range all {
		got := unmarshal(t, otlp.AppendTraces(nil, rows, []uint32{uint32(i)}))
		sortAttrs(got)
		sortAttrs(want)
		if !proto.Equal(got, want) {
			t.Errorf("row %d differs", i)
		}
	}
}

func sortAttrs(m *tracepb.TracesData) {
	s := m.ResourceSpans[0].ScopeSpans[0].Spans[0]
	lists := [][]*commonpb.KeyValue{s.Attributes}
	for _, e := range s.Events {
		lists = append(lists, e.Attributes)
	}
	for _, l := range s.Links {
		lists = append(lists, l.Attributes)
	}
	for _, list := range lists {
		slices.SortFunc(list, func(a, b *commonpb.KeyValue) int {
			return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value.String(), b.Value.String()))
		})
	}
}

func TestEmptyGroups(t *testing.T) {
	body := []byte(field(0x0a, field(0x1a, "schema")) + field(0x0a, field(0x1a, "schema")+field(0x12, field(0x1a, "schema"))) + "\x0a\x00")
	b := build.NewBuilder(8)
	var dec otlp.Decoder
	if res, err := dec.Decode(b, body, otlp.Options{}); err != nil || res.Accepted != 0 || len(b.View(0).Resources) != 0 || len(b.View(0).Scopes) != 0 {
		t.Errorf("Decode = %+v, %v; %d resources", res, err, len(b.View(0).Resources))
	}
	if res, err := dec.Decode(b, nil, otlp.Options{}); err != nil || res.Accepted != 0 {
		t.Errorf("empty request = %+v, %v", res, err)
	}
}

// TestBodyNotKept overwrites a request after it was decoded.
func TestBodyNotKept(t *testing.T) {
	m := newRandom(11).request()
	body := marshal(t, m)
	b := build.NewBuilder(8)
	var dec otlp.Decoder
	if _, err := dec.Decode(b, body, otlp.Options{}); err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = 0xee
	}
	checkExport(t, span.NewRows(b.View(b.Rows())), 0, alone(m))
}

// TestDecodeAllocates nothing once the builder knows resources and has its memory.
func TestDecodeAllocates(t *testing.T) {
	for _, name := range corpus.Names() {
		bodies := corpus.Requests(name, 1, 5000, 500)
		b := build.NewBuilder(5000)
		var dec otlp.Decoder
		run := func() {
			for _, body := range bodies {
				if _, err := dec.Decode(b, body, otlp.Options{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		run()
		b.Reset()
		run()
		if n := testing.AllocsPerRun(5, func() { b.Truncate(0); run() }); n != 0 {
			t.Errorf("%s: %v allocations for %d requests", name, n, len(bodies))
		}
		// After Reset the resources and scopes are parsed again, and nothing else.
		entries := len(b.View(0).Resources) + len(b.View(0).Scopes)
		if n := testing.AllocsPerRun(5, func() { b.Reset(); run() }); n > float64(entries*30) {
			t.Errorf("%s: %v allocations after Reset with %d resources and scopes", name, n, entries)
		}
	}
}

func TestCountSpans(t *testing.T) {
	for _, body := range [][]byte{corpus.Requests(corpus.Shop, 1, 500, 500)[0], marshal(t, newRandom(11).request()),
		newRandom(1).scramble(marshal(t, newRandom(11).request()), "TracesData"),
		request(goodTrace+goodSpan, "\x0a\x10TTTTTTTTuuuuuuuu"+goodSpan+goodTrace, goodSpan, "")} {
		want := len(alone(unmarshal(t, body)))
		if n, err := otlp.CountSpans(body); n != want || err != nil {
			t.Errorf("CountSpans = %d, %v; want %d", n, err, want)
		}
	}
	if _, err := otlp.CountSpans([]byte("\x0a\x02\x12\x01")); clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), "offset 3") {
		t.Errorf("CountSpans of half a request: %v", err)
	}
}

func TestParseEntries(t *testing.T) {
	for seed := range uint64(50) {
		b := build.NewBuilder(8)
		var dec otlp.Decoder
		if _, err := dec.Decode(b, marshal(t, newRandom(seed).request()), otlp.Options{}); err != nil {
			t.Fatal(err)
		}
		v := b.View(b.Rows())
		for _, e := range v.Resources {
			r, err := otlp.ParseResource(e.Raw)
			if err != nil || fmt.Sprint(r) != fmt.Sprint(e.Resource) {
				t.Errorf("ParseResource = %v, %v; want %v", r, err, e.Resource)
			}
		}
		for _, e := range v.Scopes {
			s, err := otlp.ParseScope(e.Raw)
			if err != nil || fmt.Sprint(s) != fmt.Sprint(e.Scope) {
				t.Errorf("ParseScope = %v, %v; want %v", s, err, e.Scope)
			}
		}
	}
	if _, err := otlp.ParseResource([]byte("\x0a\x02\x0a\x05")); clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), "offset 3") {
		t.Errorf("ParseResource of half an entry: %v", err)
	}
	if _, err := otlp.ParseScope([]byte("\x0a\x02\x0a\x05")); clew.KindOf(err) != clew.Invalid {
		t.Errorf("ParseScope of half an entry: %v", err)
	}
}
