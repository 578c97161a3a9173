package otlp_test

import (
	"bytes"
	"reflect"
	"runtime"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// maxDecodeBytes bounds what Decode may allocate for a request: an attribute of 8
// bytes asks for a column of about 1 KiB, and slices double as they grow.
func maxDecodeBytes(size int) int { return 1<<18 + 512*size }

func FuzzDecode(f *testing.F) {
	f.Add([]byte(nil))
	for seed := range uint64(8) {
		r := newRandom(seed)
		f.Add(marshal(f, r.request()))
		f.Add(r.scramble(marshal(f, r.request()), "TracesData"))
	}
	f.Add(request(goodTrace+goodSpan+"\x30\x80\x02", "\x0b\x0c", goodTrace+"\x12\x00"+goodSpan))
	first := corpus.Requests(corpus.Shop, 1, 5, 5)[0]
	f.Fuzz(func(t *testing.T, body []byte) {
		b := build.NewBuilder(4)
		var dec otlp.Decoder
		if _, err := dec.Decode(b, first, otlp.Options{}); err != nil {
			t.Fatal(err)
		}
		rows := b.Rows()
		before := otlp.AppendTraces(nil, span.NewRows(b.View(rows)), nil)
		given := bytes.Clone(body)
		var res otlp.Result
		var err error
		if n := allocated(func() { res, err = dec.Decode(b, body, otlp.Options{}) }); n > maxDecodeBytes(len(body)) {
			t.Errorf("%d bytes allocated for a request of %d", n, len(body))
		}
		if !bytes.Equal(body, given) {
			t.Fatal("Decode changed the request")
		}
		all := span.NewRows(b.View(b.Rows()))
		old := make([]uint32, rows)
		for i := range old {
			old[i] = uint32(i)
		}
		if after := otlp.AppendTraces(nil, all, old); !bytes.Equal(before, after) {
			t.Fatal("rows of an earlier request changed")
		}
		_, jsonErr := otlp.AppendJSON(nil, body)
		count, _ := otlp.CountSpans(body)
		if err != nil {
			if clew.KindOf(err) != clew.Invalid || b.Rows() != rows {
				t.Fatalf("%v; %d rows left", err, b.Rows()-rows)
			}
			return
		}
		if count != res.Accepted+res.Refused || b.Rows()-rows != res.Accepted || len(res.RefusedSpans) != res.Refused {
			t.Fatalf("%+v; CountSpans = %d, %d rows", res, count, b.Rows()-rows)
		}
		once := otlp.AppendTraces(nil, span.NewRows(b.View(b.Rows())), nil)
		b.Truncate(rows)
		again, err := dec.Decode(b, body, otlp.Options{})
		again.UnknownFields = res.UnknownFields // of resources and scopes they count once
		if err != nil || !reflect.DeepEqual(again, res) {
			t.Fatalf("the second time %+v, %v, the first %+v", again, err, res)
		}
		all = span.NewRows(b.View(b.Rows()))
		if twice := otlp.AppendTraces(nil, all, nil); !bytes.Equal(once, twice) {
			t.Fatalf("the second time the rows are %x, the first %x", twice, once)
		}
		var official tracepb.TracesData
		if (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, &official) != nil {
			return // text that is not UTF-8, or group nesting
		}
		if jsonErr != nil && res.Refused == 0 {
			t.Fatalf("Decode takes what AppendJSON refuses: %v", jsonErr)
		}
		want := alone(&official)
		for i := len(res.RefusedSpans) - 1; i >= 0; i-- {
			k := res.RefusedSpans[i]
			want = append(want[:k], want[k+1:]...)
		}
		checkExport(t, all, rows, want)
	})
}

func FuzzTranscodeJSON(f *testing.F) {
	f.Add([]byte(officialExample))
	f.Add([]byte(`{"resource_spans":[{"schema_url":"\u00e9\ud834\udd1e","x":[{"y":null},1.5e3,true]}]}`))
	for seed := range uint64(8) {
		text, err := otlp.AppendJSON(nil, marshal(f, newRandom(seed).request()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var body []byte
		var err error
		if n := allocated(func() { body, _, err = otlp.TranscodeJSON(nil, text) }); n > 1<<16+16*len(text) {
			t.Errorf("%d bytes allocated for a request of %d", n, len(text))
		}
		if err != nil {
			if clew.KindOf(err) != clew.Invalid {
				t.Fatal(err)
			}
			return
		}
		if len(body) > len(text) {
			t.Errorf("%d bytes of protobuf from %d of JSON", len(body), len(text))
		}
		var dec otlp.Decoder
		if _, err := dec.Decode(build.NewBuilder(4), body, otlp.Options{}); err != nil {
			t.Fatalf("TranscodeJSON wrote what Decode refuses: %v", err)
		}
		var first, second tracepb.TracesData
		if proto.Unmarshal(body, &first) != nil {
			return // text that is not UTF-8
		}
		back, err := otlp.AppendJSON(nil, body)
		if err != nil {
			t.Fatal(err)
		}
		again, unknown, err := otlp.TranscodeJSON(nil, back)
		if err != nil || unknown != 0 {
			t.Fatalf("%d unknown, %v: %s", unknown, err, back)
		}
		if err := proto.Unmarshal(again, &second); err != nil || !proto.Equal(&first, &second) {
			t.Fatalf("another request came back: %v\n%v\n%v", err, &first, &second)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, scrambled bool) {
		r := newRandom(seed)
		want := r.request()
		body := marshal(t, want)
		if scrambled {
			body = r.scramble(body, "TracesData")
			want = unmarshal(t, body)
		}
		rows, _ := decode(t, body)
		checkExport(t, rows, 0, alone(want))
	})
}

func FuzzUnpack(f *testing.F) {
	data := corpus.Requests(corpus.Shop, 1, 5, 5)[0]
	f.Add(uint8(otlp.Gzip), gzipped(f, data))
	f.Add(uint8(otlp.Zstd), zstdStream(f, data))
	f.Add(uint8(otlp.Zstd), zstdWhole(f, data))
	var u otlp.Unpacker
	f.Fuzz(func(t *testing.T, e uint8, src []byte) {
		const limit = 1 << 16
		got, err := u.Unpack(nil, otlp.Encoding(e%3), src, limit)
		if len(got) > limit {
			t.Fatalf("%d bytes under a limit of %d", len(got), limit)
		}
		if err != nil && clew.KindOf(err) != clew.Invalid && clew.KindOf(err) != clew.TooLarge {
			t.Fatal(err)
		}
	})
}
