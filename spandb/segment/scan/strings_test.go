package scan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// texts are values of one key, value i of many, for each form in which strings are
// stored: templates with numbers of several lengths and forms, numbers too long for
// them, ids, addresses, ids with a few other strings among them, words.
var texts = []struct {
	key   string
	value func(i int) string
}{
	{"order.id", func(i int) string { return fmt.Sprintf("ord-%06d", i*i*37%1_000_003) }},
	{"order.number", func(i int) string { return []string{fmt.Sprintf("n%d", i), fmt.Sprintf("n0%d", i)}[i%2] }},
	{"url", func(i int) string {
		return []string{fmt.Sprintf("https://shop/%d", i), fmt.Sprintf("https://shop/%d/items/%02d?page=%d", i/7, i%100, i%3), "https://shop/", fmt.Sprintf("/v1/%d/%d", i%10, i)}[i*7%4]
	}},
	{"digits", func(i int) string { return fmt.Sprintf("12345678901234567890-%018d-0", i) }},
	{"counts", func(i int) string { return strings.Repeat(fmt.Sprint(i, " "), 13+i%3) + "0 00 1 2" }},
	{"uuid", func(i int) string { return fmt.Sprintf("%08x-9dad-11d1-80b4-00c04fd4%04x", i*2654435761&0xffffffff, i) }},
	{"request.id", func(i int) string {
		if i%30 == 7 {
			return fmt.Sprint("unknown ", i%4)
		}
		return fmt.Sprintf("%08x-9dad-11d1-80b4-00c04fd4%04x", i*2654435761&0xffffffff, i)
	}},
	{"span", func(i int) string { return fmt.Sprintf("%016x", uint64(i)*11400714819323198485) }},
	{"address", func(i int) string { return fmt.Sprintf("10.%d.%d.%d", i%3, i>>8&255, i&255) }},
	{"words", func(i int) string { return strings.Repeat(string(rune('a'+i*31%26)), i%5) + fmt.Sprintf("%x/q", i*i) }},
}

// textSpans returns spans in traces of three that have texts, under one key many of
// them, under another few: these have a dictionary.
func textSpans(n int) (spans []clew.Span) {
	for i := range n {
		s := clew.Span{TraceID: clew.MakeTraceID(1, uint64(1+i/3)), SpanID: clew.SpanID(i + 1), Name: "n", Start: clew.UnixNanos(1000 * i), End: clew.UnixNanos(1000*i + 5),
			Resource: &clew.Resource{}, Scope: &clew.Scope{}}
		for k := range texts {
			t := &texts[k]
			if (i+k)%7 > 0 {
				s.Attrs = append(s.Attrs, clew.Attr{Key: t.key, Value: clew.StringValue(t.value(i))})
			}
			if (i+k)%5 > 0 {
				s.Attrs = append(s.Attrs, clew.Attr{Key: "few " + t.key, Value: clew.StringValue(t.value(i / 12))}) // same in a trace
			}
		}
		spans = append(spans, s)
	}
	return spans
}

// nearTexts returns a value and others much like it.
func nearTexts(v string, rng *rand.Rand) []string {
	at := rng.IntN(len(v) + 1)
	digit := strings.IndexAny(v, "0123456789")
	return []string{
		v, v + "0", v[:at] + "0" + v[at:], v[:at], strings.ToUpper(v), v[:at] + "\x01" + v[at:],
		v[:max(digit, 0)] + "0" + v[max(digit, 0):], strings.Replace(v, "0", "", 1), strings.Replace(v, "1", "2", 1),
		v[:at] + "12345678901234567890" + v[at:],
	}
}

// TestSelectorStrings looks for values and near misses in columns of strings of all
// forms, by row and by trace, with presence in shapes and explicit.
func TestSelectorStrings(t *testing.T) {
	var bodies [][]byte
	for part := range slices.Chunk(textSpans(1500), 300) {
		bodies = append(bodies, storagetest.Body(part...))
	}
	rng := rand.New(rand.NewPCG(3, 9))
	start := span.Field{Intrinsic: span.Start}
	for _, s := range []segment.Sealer{{}, {BlockRows: 700, Shapes: 1}, {BlockRows: 700, ByTrace: 1}, {Filters: 1, ByTrace: 1, Shapes: 1}} {
		p := plainOf(t, seal(t, bodies, &s))
		for _, text := range texts {
			for _, key := range []string{text.key, "few " + text.key} {
				f := span.Field{Scope: span.ScopeSpan, Key: key}
				for _, v := range nearTexts(text.value(rng.IntN(120)), rng) {
					p.check(t, span.Compare(f, span.Eq, clew.StringValue(v)), clew.Window{})
					p.check(t, span.Compare(f, span.Ne, clew.StringValue(v)), clew.Window{})
				}
				v := clew.StringValue(text.value(1 + rng.IntN(120)))
				p.check(t, span.AllOf(span.Compare(f, span.Eq, v), span.Compare(start, span.Lt, clew.IntValue(600_000))), clew.Window{})
			}
		}
	}
}
