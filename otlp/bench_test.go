package otlp_test

import (
	"testing"

	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// headRows is the size of a head: a Builder is reset when it is full.
const headRows = 65536

// shop returns requests of 500 spans and how many bytes and spans they have.
func shop(tb testing.TB, spans int) (bodies [][]byte, size int) {
	tb.Helper()
	bodies = corpus.Requests(corpus.Shop, 1, spans, 500)
	for _, b := range bodies {
		size += len(b)
	}
	return bodies, size
}

// perSpan reports the time of one span; b.N counts runs over the whole corpus.
func perSpan(b *testing.B, spans int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(spans), "ns/span")
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range corpus.Names() {
		b.Run(string(name), func(b *testing.B) {
			bodies := corpus.Requests(name, 1, headRows-512, 500)
			size := 0
			for _, body := range bodies {
				size += len(body)
			}
			builder := build.NewBuilder(headRows)
			var dec otlp.Decoder
			run := func() {
				builder.Reset()
				for _, body := range bodies {
					if _, err := dec.Decode(builder, body, otlp.Options{}); err != nil {
						b.Fatal(err)
					}
				}
			}
			run()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			perSpan(b, builder.Rows())
		})
	}
}

// BenchmarkParse is the part of BenchmarkDecode that needs no head, and so may be done
// on many cores at once.
func BenchmarkParse(b *testing.B) {
	for _, name := range corpus.Names() {
		b.Run(string(name), func(b *testing.B) {
			bodies := corpus.Requests(name, 1, headRows-512, 500)
			var dec otlp.Decoder
			spans := 0
			b.ReportAllocs()
			for b.Loop() {
				spans = 0
				for _, body := range bodies {
					if err := dec.Parse(body, otlp.Options{}); err != nil {
						b.Fatal(err)
					}
					spans += dec.Parsed()
				}
			}
			perSpan(b, spans)
		})
	}
}

// decoded returns the rows of n spans of the shop.
func decoded(b *testing.B, n int) (*span.Rows, int) {
	b.Helper()
	bodies, size := shop(b, n)
	builder := build.NewBuilder(n)
	var dec otlp.Decoder
	for _, body := range bodies {
		if _, err := dec.Decode(builder, body, otlp.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	return span.NewRows(builder.View(n)), size
}

func BenchmarkAppendTraces(b *testing.B) {
	const n = 5000
	rows, size := decoded(b, n)
	var dst []byte
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		dst = otlp.AppendTraces(dst[:0], rows, nil)
	}
	perSpan(b, n)
}

func BenchmarkAppendTracesJSON(b *testing.B) {
	const n = 5000
	rows, _ := decoded(b, n)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = otlp.AppendTracesJSON(dst[:0], rows, nil); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(dst)))
	}
	perSpan(b, n)
}

func BenchmarkTranscodeJSON(b *testing.B) {
	const n = 5000
	rows, _ := decoded(b, n)
	text, err := otlp.AppendTracesJSON(nil, rows, nil)
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if dst, _, err = otlp.TranscodeJSON(dst[:0], text); err != nil {
			b.Fatal(err)
		}
	}
	perSpan(b, n)
}
