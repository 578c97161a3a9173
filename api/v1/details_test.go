package v1_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage/storagetest"
)

type details struct {
	ETag  string
	Spans []detail
}

// detail is a span of the answer; pointers tell absent from zero.
type detail struct {
	Row                         int
	SpanID, ParentSpanID, Name  string
	NameEscaped                 bool
	Kind, Status, StatusMessage string
	Start, End, DurationNanos   string
	TraceState                  string
	Flags                       uint32
	Attributes                  []attr
	DroppedAttributes           uint32
	Events                      []struct {
		Time, Name        string
		Attributes        []attr
		DroppedAttributes uint32
	}
	DroppedEvents uint32
	Links         []struct {
		TraceID, SpanID, TraceState string
		Flags                       uint32
		Attributes                  []attr
		DroppedAttributes           uint32
	}
	DroppedLinks uint32
	Resource     struct {
		Attributes        []attr
		DroppedAttributes uint32
		SchemaURL         string
	}
	Scope struct {
		Name, Version     string
		Attributes        []attr
		DroppedAttributes uint32
		SchemaURL         string
	}
}

type attr struct {
	Key        string
	KeyEscaped bool
	Value      anyValue
}

type anyValue struct {
	Type           string
	String         *string
	Escaped        bool
	Int            *string
	Double         any
	Bool           *bool
	Bytes          *string
	Array          *[]anyValue
	Map            *[]attr
	TruncatedBytes int
}

// fields counts the fields that hold the value.
func (v anyValue) fields() (n int) {
	for _, p := range []any{v.String, v.Int, v.Bool, v.Bytes, v.Array, v.Map} {
		if !reflect.ValueOf(p).IsNil() {
			n++
		}
	}
	if v.Double != nil {
		n++
	}
	return n
}

// message encodes v as an AnyValue, what the store was given.
func (v anyValue) message(t testing.TB) (b []byte) {
	t.Helper()
	want := 1
	if v.Type == "empty" {
		want = 0
	}
	if v.fields() != want || v.TruncatedBytes != 0 {
		t.Fatalf("%+v has %d fields, truncated %d", v, v.fields(), v.TruncatedBytes)
	}
	field := func(num protowire.Number, m []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), m)
	}
	switch v.Type {
	case "string":
		return field(1, []byte(*v.String))
	case "bool":
		return protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), protowire.EncodeBool(*v.Bool))
	case "int":
		n, err := strconv.ParseInt(*v.Int, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), uint64(n))
	case "double":
		return protowire.AppendFixed64(protowire.AppendTag(nil, 4, protowire.Fixed64Type), math.Float64bits(v.double(t)))
	case "bytes":
		m, err := base64.StdEncoding.DecodeString(*v.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return field(7, m)
	case "array":
		for _, x := range *v.Array {
			b = append(b, field(1, x.message(t))...)
		}
		return field(5, b)
	case "map":
		for _, a := range *v.Map {
			b = append(b, field(1, append(field(1, []byte(a.Key)), field(2, a.Value.message(t))...))...)
		}
		return field(6, b)
	}
	return nil
}

func (v anyValue) double(t testing.TB) float64 {
	t.Helper()
	switch d := v.Double.(type) {
	case float64:
		return d
	case string:
		f, err := strconv.ParseFloat(strings.Replace(d, "Infinity", "Inf", 1), 64)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	t.Fatalf("double %v", v.Double)
	return 0
}

// attrsText prints attributes of the answer, plainAttrs those of the model, alike.
func attrsText(t testing.TB, attrs []attr) string {
	t.Helper()
	var parts []string
	for _, a := range attrs {
		key := a.Key
		if a.KeyEscaped {
			key = "?" + key
		}
		text := fmt.Sprintf("%s=%x", key, a.Value.message(t))
		if a.Value.Escaped {
			text = fmt.Sprintf("%s=?%s", key, *a.Value.String)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

func plainAttrs(attrs []clew.Attr) string {
	var parts []string
	for _, a := range attrs {
		var m []byte
		tag := func(num protowire.Number, t protowire.Type) []byte { return protowire.AppendTag(nil, num, t) }
		switch v := a.Value; v.Type {
		case clew.TypeString:
			if text := printable(string(v.Bytes)); text != string(v.Bytes) {
				parts = append(parts, printable(a.Key)+"="+text)
				continue
			}
			m = protowire.AppendBytes(tag(1, protowire.BytesType), v.Bytes)
		case clew.TypeBool:
			m = protowire.AppendVarint(tag(2, protowire.VarintType), v.Bits)
		case clew.TypeInt:
			m = protowire.AppendVarint(tag(3, protowire.VarintType), v.Bits)
		case clew.TypeDouble:
			m = protowire.AppendFixed64(tag(4, protowire.Fixed64Type), v.Bits)
		default:
			m = v.Bytes
		}
		parts = append(parts, fmt.Sprintf("%s=%x", printable(a.Key), m))
	}
	return strings.Join(parts, " ")
}

// text prints a span of the answer, spanText one of the model, alike.
func (d *detail) text(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	name := d.Name
	if d.NameEscaped {
		name = "?" + name
	}
	fmt.Fprintf(&b, "%s<%s %q %s %s %q %s..%s %s state %q flags %d dropped %d %d %d\n", d.SpanID, d.ParentSpanID, name, d.Kind, d.Status,
		d.StatusMessage, d.Start, d.End, d.DurationNanos, d.TraceState, d.Flags, d.DroppedAttributes, d.DroppedEvents, d.DroppedLinks)
	fmt.Fprintf(&b, "  attrs %s\n", attrsText(t, d.Attributes))
	for _, e := range d.Events {
		fmt.Fprintf(&b, "  event %s %q %s dropped %d\n", e.Time, e.Name, attrsText(t, e.Attributes), e.DroppedAttributes)
	}
	for _, l := range d.Links {
		fmt.Fprintf(&b, "  link %s %s %q %d %s dropped %d\n", l.TraceID, l.SpanID, l.TraceState, l.Flags, attrsText(t, l.Attributes), l.DroppedAttributes)
	}
	fmt.Fprintf(&b, "  resource %s dropped %d %q\n", attrsText(t, d.Resource.Attributes), d.Resource.DroppedAttributes, d.Resource.SchemaURL)
	fmt.Fprintf(&b, "  scope %q %q %s dropped %d %q\n", d.Scope.Name, d.Scope.Version, attrsText(t, d.Scope.Attributes), d.Scope.DroppedAttributes, d.Scope.SchemaURL)
	return b.String()
}

func spanText(s *clew.Span) string {
	plain := func(text string) string { return strings.TrimPrefix(printable(text), "?") }
	var b strings.Builder
	parent := ""
	if s.ParentID != 0 {
		parent = s.ParentID.String()
	}
	took := new(big.Int).Sub(new(big.Int).SetUint64(uint64(s.End)), new(big.Int).SetUint64(uint64(s.Start)))
	if s.Unfinished() {
		took.SetInt64(0)
	}
	fmt.Fprintf(&b, "%s<%s %q %s %s %q %d..%d %s state %q flags %d dropped %d %d %d\n", s.SpanID, parent, printable(s.Name), s.Kind, s.Status,
		plain(s.StatusMessage), s.Start, s.End, took, plain(s.TraceState), s.Flags, s.DroppedAttrs, s.DroppedEvents, s.DroppedLinks)
	fmt.Fprintf(&b, "  attrs %s\n", plainAttrs(s.Attrs))
	for _, e := range s.Events {
		fmt.Fprintf(&b, "  event %d %q %s dropped %d\n", e.Time, plain(e.Name), plainAttrs(e.Attrs), e.DroppedAttrs)
	}
	for _, l := range s.Links {
		fmt.Fprintf(&b, "  link %s %s %q %d %s dropped %d\n", l.TraceID, l.SpanID, plain(l.TraceState), l.Flags, plainAttrs(l.Attrs), l.DroppedAttrs)
	}
	r, c := s.Resource, s.Scope
	if r == nil {
		r = &clew.Resource{}
	}
	if c == nil {
		c = &clew.Scope{}
	}
	fmt.Fprintf(&b, "  resource %s dropped %d %q\n", plainAttrs(r.Attrs), r.DroppedAttrs, plain(r.SchemaURL))
	fmt.Fprintf(&b, "  scope %q %q %s dropped %d %q\n", plain(c.Name), plain(c.Version), plainAttrs(c.Attrs), c.DroppedAttrs, plain(c.SchemaURL))
	return b.String()
}

func (s *server) details(id clew.TraceID, limit int, rows ...int) details {
	s.tb.Helper()
	body, err := json.Marshal(map[string]any{"rows": rows, "maxValueBytes": limit})
	if err != nil {
		s.tb.Fatal(err)
	}
	var d details
	s.post("/api/v1/traces/"+id.String()+"/spans", string(body)).ok(&d)
	return d
}

// TestSpansRandom compares every field of every span with what was sent, and the
// numbers of rows with the skeleton's.
func TestSpansRandom(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		eachSeed(t, func(t *testing.T, seed uint64) {
			g := storagetest.NewGenerator(seed << 32)
			for range 5 {
				spans := g.Trace(30)
				id := spans[0].TraceID
				s.put(7, spans...)
				byID := make(map[string]*clew.Span)
				for i := range spans {
					byID[spans[i].SpanID.String()] = &spans[i]
				}
				k, a := s.skeleton(id)
				rows := []int{len(k.rows), 1 << 40} // past the end
				for i := len(k.rows) - 1; i >= 0; i-- {
					rows = append(rows, i)
				}
				d := s.details(id, 0, rows...)
				if d.ETag != a.header.Get("ETag") || len(d.Spans) != len(spans) {
					t.Fatalf("%d spans of %d, ETag %s, the skeleton's is %s", len(d.Spans), len(spans), d.ETag, a.header.Get("ETag"))
				}
				if !slices.IsSortedFunc(d.Spans, func(x, y detail) int { return y.Row - x.Row }) {
					t.Fatal("the spans are not in the order asked")
				}
				for i := range d.Spans {
					got := &d.Spans[i]
					if want := fmt.Sprintf("%016x", k.rows[got.Row].spanID); got.SpanID != want {
						t.Fatalf("row %d is span %s, in the skeleton %s", got.Row, got.SpanID, want)
					}
					if got, want := got.text(t), spanText(byID[got.SpanID]); got != want {
						t.Fatalf("got\n%swant\n%s", got, want)
					}
				}
			}
		})
	})
}

// nested returns an array in an array, depth values in all.
func nested(depth int) clew.Value {
	v := clew.StringValue("core")
	for range depth - 1 {
		v = storagetest.ArrayValue(v)
	}
	return v
}

func mapValue(attrs ...clew.Attr) clew.Value {
	var list, b []byte
	field := func(dst []byte, num protowire.Number, m []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(dst, num, protowire.BytesType), m)
	}
	for _, a := range attrs {
		value := field(nil, 1, a.Value.Bytes)
		if a.Value.Type == clew.TypeOther {
			value = a.Value.Bytes
		}
		list = field(list, 1, field(field(nil, 1, []byte(a.Key)), 2, value))
	}
	b = field(nil, 6, list)
	return clew.Value{Type: clew.TypeOther, Bytes: b}
}

// TestSpansValues shows values of every kind, cut and whole.
func TestSpansValues(t *testing.T) {
	long := strings.Repeat("ö", 3000)
	for _, c := range []struct {
		v     clew.Value
		limit int // -1: the default
		want  string
	}{
		{clew.StringValue(""), -1, `{"type":"string","string":""}`},
		{clew.StringValue("<a&b>\u2028"), 0, `{"type":"string","string":"<a&b>\u2028"}`},
		{clew.StringValue("a\xffb\xc3"), 0, `{"type":"string","string":"a\\xffb\\xc3","escaped":true}`},
		{clew.StringValue(long), 0, `{"type":"string","string":"` + long + `"}`},
		{clew.StringValue(long), -1, `{"type":"string","string":"` + long[:4096] + `","truncatedBytes":6000}`},
		{clew.StringValue("aö"), 2, `{"type":"string","string":"a","truncatedBytes":3}`},
		{clew.StringValue("ö"), 1, `{"type":"string","string":"","truncatedBytes":2}`},
		{clew.StringValue("a€"), 3, `{"type":"string","string":"a","truncatedBytes":4}`},
		{clew.StringValue("a𝄞"), 4, `{"type":"string","string":"a","truncatedBytes":5}`},
		{clew.StringValue("\x80\x80\x80\x80\x80\x80"), 5, `{"type":"string","string":"\\x80\\x80\\x80\\x80\\x80","escaped":true,"truncatedBytes":6}`},
		{clew.StringValue("a\x80\x80"), 2, `{"type":"string","string":"a\\x80","escaped":true,"truncatedBytes":3}`},
		{clew.StringValue("abc"), 3, `{"type":"string","string":"abc"}`},
		{clew.StringValue("abc\xff"), 3, `{"type":"string","string":"abc","escaped":true,"truncatedBytes":4}`},
		{clew.IntValue(math.MinInt64), 1, `{"type":"int","int":"-9223372036854775808"}`},
		{clew.IntValue(0), 1, `{"type":"int","int":"0"}`},
		{clew.DoubleValue(0), 1, `{"type":"double","double":0}`},
		{clew.DoubleValue(0.1), 1, `{"type":"double","double":0.1}`},
		{clew.DoubleValue(math.Inf(-1)), 1, `{"type":"double","double":"-Infinity"}`},
		{clew.DoubleValue(math.Inf(1)), 1, `{"type":"double","double":"Infinity"}`},
		{clew.DoubleValue(math.NaN()), 1, `{"type":"double","double":"NaN"}`},
		{clew.BoolValue(false), 1, `{"type":"bool","bool":false}`},
		{storagetest.BytesValue([]byte{0xff, 0, 1}), 0, `{"type":"bytes","bytes":"/wAB"}`},
		{storagetest.BytesValue([]byte{0xff, 0, 1}), 2, `{"type":"bytes","bytes":"/wA=","truncatedBytes":3}`},
		{storagetest.BytesValue(nil), 2, `{"type":"bytes","bytes":""}`},
		{storagetest.ArrayValue(), 1, `{"type":"array","array":[]}`},
		{storagetest.ArrayValue(clew.StringValue("abc"), clew.IntValue(7), nested(2)), 2,
			`{"type":"array","array":[{"type":"string","string":"ab","truncatedBytes":3},{"type":"int","int":"7"},
			{"type":"array","array":[{"type":"string","string":"co","truncatedBytes":4}]}]}`},
		{mapValue(), 0, `{"type":"map","map":[]}`},
		{mapValue(clew.Attr{Key: "k", Value: clew.StringValue("v")}, clew.Attr{Key: "\xff", Value: nested(2)}, clew.Attr{Key: "k"}), 0,
			`{"type":"map","map":[{"key":"k","value":{"type":"string","string":"v"}},
			{"key":"\\xff","keyEscaped":true,"value":{"type":"array","array":[{"type":"string","string":"core"}]}},
			{"key":"k","value":{"type":"string","string":""}}]}`},
		{nested(64), 0, strings.Repeat(`{"type":"array","array":[`, 63) + `{"type":"string","string":"core"}` + strings.Repeat("]}", 63)},
		{clew.Value{Type: clew.TypeOther}, 0, `{"type":"empty"}`},
	} {
		eachStore(t, func(t *testing.T, s *server) {
			id := clew.MakeTraceID(1, 1)
			s.put(1, clew.Span{TraceID: id, SpanID: 1, Start: 1, End: 2, Attrs: []clew.Attr{{Key: "k", Value: c.v}}})
			body := fmt.Sprintf(`{"rows":[0],"maxValueBytes":%d}`, c.limit)
			if c.limit < 0 {
				body = `{"rows":[0]}`
			}
			var got struct {
				Spans []struct{ Attributes []struct{ Value any } }
			}
			s.post("/api/v1/traces/1/spans", body) // the low half alone is the id, too
			s.post("/api/v1/traces/"+id.String()+"/spans", body).ok(&got)
			var want any
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Spans[0].Attributes[0].Value, want) {
				t.Errorf("value %.100x, limit %d:\n got %.500v\nwant %.500v", c.v.Bytes, c.limit, got.Spans[0].Attributes[0].Value, want)
			}
		})
	}
}

// TestSpansRepeatedKeys shows every value of a key that came twice.
func TestSpansRepeatedKeys(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		id := clew.MakeTraceID(1, 1)
		attrs := []clew.Attr{{Key: "k", Value: clew.StringValue("a")}, {Key: "k", Value: clew.IntValue(1)}, {Key: "k", Value: clew.StringValue("b")},
			{Key: "z", Value: clew.BoolValue(true)}, {Key: "k", Value: storagetest.ArrayValue(clew.StringValue("c"))}, {Key: "k", Value: clew.StringValue("c")}}
		span := clew.Span{TraceID: id, SpanID: 1, Start: 1, End: 2, Attrs: attrs,
			Events: []clew.Event{{Time: 1}, {Time: 1, Attrs: attrs}}, Links: []clew.Link{{SpanID: 1}, {SpanID: 1, Attrs: attrs}},
			Resource: &clew.Resource{Attrs: attrs}, Scope: &clew.Scope{Attrs: attrs}}
		s.put(1, span)
		d := s.details(id, 0, 0).Spans[0]
		// Repeated ones of a span come last; those of tables stay where they were.
		moved := []clew.Attr{attrs[0], attrs[1], attrs[3], attrs[4], attrs[2], attrs[5]}
		for name, c := range map[string]struct {
			got  []attr
			want []clew.Attr
		}{
			"span": {d.Attributes, moved}, "event": {d.Events[1].Attributes, moved}, "link": {d.Links[1].Attributes, moved},
			"resource": {d.Resource.Attributes, attrs}, "scope": {d.Scope.Attributes, attrs},
		} {
			if got, want := attrsText(t, c.got), plainAttrs(c.want); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	})
}

// TestSpansGhost leaves ghosts out and gives a span as often as it is asked for.
func TestSpansGhost(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		s.put(100, goldenTrace()...)
		d := s.details(goldenTrace()[0].TraceID, 0, 5, 6, 0, 6, 10)
		var got []string
		for _, x := range d.Spans {
			got = append(got, fmt.Sprint(x.Row, " ", x.SpanID))
		}
		if want := []string{"6 00000000000000a6", "0 00000000000000a1", "6 00000000000000a6"}; !slices.Equal(got, want) {
			t.Errorf("spans %q, want %q", got, want)
		}
	})
}

// TestSpansGrow sees spans that came since the skeleton was fetched.
func TestSpansGrow(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		spans := storagetest.NewGenerator(3).Trace(50)
		id := spans[0].TraceID
		for i, span := range spans {
			s.put(1, span)
			k, a := s.skeleton(id)
			d := s.details(id, 0, 0, 1)
			if k.spans != i+1 || d.ETag != a.header.Get("ETag") || d.Spans[0].SpanID != fmt.Sprintf("%016x", k.rows[d.Spans[0].Row].spanID) {
				t.Fatalf("after %d spans the skeleton has %d, and details of %s", i+1, k.spans, d.Spans[0].SpanID)
			}
		}
	})
}
