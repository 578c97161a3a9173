package otlp_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// TestWhatCameBefore decodes spans with a decoder that has seen others of their name and
// with one that has not: the answer is the same, whether attributes are those that are
// expected, nearly so, or malformed, and whether something stands behind them or not.
func TestWhatCameBefore(t *testing.T) {
	values := []string{
		"", "\x0a\x00", "\x0a\x03abc", "\x0a\x04abc", field(0x0a, strings.Repeat("long", 60)), // texts; one claims too much
		"\x18\x05", "\x18\x85\x01", "\x18\x85\x80\x00", "\x18\x85\x85\x85\x05", "\x18\x85\x85\x85\x85\x05", "\x18\x85", // integers
		"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x10\x01", "\x10\x02", "\x21\x00\x00\x00\x00\x00\x00\xf0\x3f", "\x21\x00",
		"\x2a\x04\x0a\x02\x18\x01", "\x3a\x01b", "\x0a\x01a\x18\x01", "\x18\x01\x0a\x01a", "\x78\x01",
	}
	attr := func(key, value string) string { return field(0x4a, field(0x0a, key)+field(0x12, value)) }
	named := goodTrace + goodSpan + field(0x2a, "name")
	for _, n := range []int{0, 5, 37, 38, 130} {
		key := strings.Repeat("k", n)
		for _, before := range []string{"\x0a\x03abc", "\x18\x05", "\x21\x00\x00\x00\x00\x00\x00\x00\x00", "\x10\x01"} {
			for _, v := range values {
				for _, k := range []string{key, key + "k", key[:max(n-1, 0)], key[:max(n-1, 0)] + "x"} {
					one := named + attr(k, v)
					for _, s := range []string{one, one + attr(k, v), named + attr("other", "\x18\x01") + attr(k, v)} {
						checkBefore(t, named+attr(key, before)+attr("other", "\x18\x01"), s)
					}
				}
			}
		}
	}
	whole := named + attr("a.key", "\x0a\x05value") + attr("another", "\x18\x96\x01") + attr("third", "\x21\x00\x00\x00\x00\x00\x00\xf0\x3f")
	for i := range whole {
		checkBefore(t, whole, whole[:i])
		checkBefore(t, whole, whole[:i]+"\x00"+whole[i+1:])
		checkBefore(t, whole, whole[:i]+"\xff"+whole[i+1:])
	}
}

func checkBefore(t *testing.T, before, s string) {
	t.Helper()
	for _, body := range [][]byte{request(s), request(s, goodTrace+goodSpan)} {
		var knows, fresh otlp.Decoder
		answer(&knows, request(before))
		if got, want := answer(&knows, slices.Clip(body)), answer(&fresh, body); got != want {
			t.Fatalf("after %q, %q is %q, else %q", before, s, got, want)
		}
	}
}

// answer decodes body and says what came of it.
func answer(dec *otlp.Decoder, body []byte) string {
	b := build.NewBuilder(2)
	res, err := dec.Decode(b, body, otlp.Options{})
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%+v %q", res, otlp.AppendTraces(nil, span.NewRows(b.View(b.Rows())), nil))
}

// TestChangingAttributes decodes spans whose attributes are ever others, some twice or
// under two types, with a decoder that has given up their orders and with fresh ones.
func TestChangingAttributes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	values := []string{"\x0a\x03abc", "\x0a\x00", "\x18\x05", "\x18\x85\x01", "\x10\x01", "\x21\x00\x00\x00\x00\x00\x00\xf0\x3f", "\x3a\x01b", "\x18\x01\x0a\x01a"}
	var knows otlp.Decoder
	loose := 0
	for range 200 {
		var spans []string
		for range 20 {
			s := goodTrace + goodSpan + field(0x2a, "name")
			for k := range 30 {
				if r.IntN(3) > 0 {
					continue
				}
				for range 1 + r.IntN(40)/39 {
					v := values[k%len(values)]
					if r.IntN(60) == 0 {
						v = values[r.IntN(len(values))]
					}
					s += field(0x4a, field(0x0a, fmt.Sprintf("app.%c%d", 'a'+k%3, k))+field(0x12, v))
				}
			}
			if r.IntN(30) == 0 {
				s = s[:8] + s[9:] // refused, or malformed
			}
			spans = append(spans, s)
		}
		var fresh otlp.Decoder
		body := request(spans...)
		got, want := unordered(t, &knows, body, &loose), unordered(t, &fresh, body, new(int))
		if got != want {
			t.Fatalf("%q is\n%s\nelse\n%s", body, got, want)
		}
	}
	if loose < 200 {
		t.Errorf("only %d orders given up", loose)
	}
}

// unordered decodes body and says what came of it but the order of attributes; it counts
// the rows whose order is not kept.
func unordered(t *testing.T, dec *otlp.Decoder, body []byte, loose *int) string {
	b := build.NewBuilder(2)
	res, err := dec.Decode(b, body, otlp.Options{})
	if err != nil {
		return err.Error()
	}
	rows := span.NewRows(b.View(b.Rows()))
	text := fmt.Sprintf("%+v", res)
	for i := range b.Rows() {
		if rows.Batch().Attrs.Shape[i] == span.NoCode {
			*loose++
		}
		one := unmarshal(t, otlp.AppendTraces(nil, rows, []uint32{uint32(i)}))
		sortAttrs(one)
		text += fmt.Sprintf("\n%x", marshal(t, one))
	}
	return text
}
