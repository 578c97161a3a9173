package xray_test

import (
	"encoding/json"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

const benchSpans = 5000

// shop returns spans of the shop as requests of OTLP JSON, and each trace's as documents.
func shop(tb testing.TB) (texts [][]byte, docs []string) {
	tb.Helper()
	for _, body := range corpus.Requests(corpus.Shop, 1, benchSpans, 500) {
		text, err := otlp.AppendJSON(nil, body)
		if err != nil {
			tb.Fatal(err)
		}
		texts = append(texts, text)
		all := rowsOf(tb, body).Batch()
		byTrace := map[clew.TraceID][]uint32{}
		var order []clew.TraceID
		for row := range all.Rows {
			id := all.TraceIDs[all.Trace[row]]
			if byTrace[id] == nil {
				order = append(order, id)
			}
			byTrace[id] = append(byTrace[id], uint32(row))
		}
		for _, id := range order {
			b := build.NewBuilder(len(byTrace[id]))
			b.AppendRows(all, byTrace[id])
			for _, d := range xray.Documents(span.NewRows(b.View(b.Rows()))) {
				docs = append(docs, string(d.Text))
			}
		}
	}
	return texts, docs
}

func perSpan(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSpans, "ns/span")
}

// BenchmarkAppend translates spans of the shop as segments, nested, and beside it the same
// spans of OTLP JSON; each is also parsed as the store does.
func BenchmarkAppend(b *testing.B) {
	texts, docs := shop(b)
	var tr xray.Translator
	var dec otlp.Decoder
	var dst []byte
	for _, parse := range []bool{false, true} {
		name := "translate"
		if parse {
			name = "parse"
		}
		b.Run("xray/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				size := 0
				for i, doc := range docs {
					if i%50 == 0 {
						dst = dst[:0]
					}
					var err error
					if dst, err = tr.Append(dst, []byte(doc)); err != nil {
						b.Fatal(err)
					}
					size += len(doc)
					if parse && (i%50 == 49 || i == len(docs)-1) {
						if err := dec.Parse(dst, otlp.Options{}); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.SetBytes(int64(size))
			}
			perSpan(b)
		})
		b.Run("otlp/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				size := 0
				for _, text := range texts {
					var err error
					if dst, _, err = otlp.TranscodeJSON(dst[:0], text); err != nil {
						b.Fatal(err)
					}
					size += len(text)
					if parse {
						if err := dec.Parse(dst, otlp.Options{}); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.SetBytes(int64(size))
			}
			perSpan(b)
		})
	}
}

// TestShop turns spans that came as OTLP into documents, which are taken again: each span is
// there, once.
func TestShop(t *testing.T) {
	_, docs := shop(t)
	var tr xray.Translator
	spans := 0
	for _, doc := range docs {
		if !json.Valid([]byte(doc)) {
			t.Fatalf("no JSON: %s", doc)
		}
		if _, err := tr.Append(nil, []byte(doc)); err != nil {
			t.Fatalf("%v: %s", err, doc)
		}
		spans += tr.Spans()
	}
	if spans != benchSpans {
		t.Errorf("%d spans in %d documents, want %d", spans, len(docs), benchSpans)
	}
}
