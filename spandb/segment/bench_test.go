package segment

import (
	"testing"

	"github.com/clew-tracing/clew/internal/corpus"
)

// benchRows is the size of a full head.
const benchRows = 65536

// BenchmarkSeal is the cost of turning a full head into a segment.
func BenchmarkSeal(b *testing.B) {
	for _, name := range []corpus.Name{corpus.Shop, corpus.Wide, corpus.Huge} {
		b.Run(string(name), func(b *testing.B) {
			head := decode(b, corpus.Requests(name, 1, benchRows, 500))
			view := head.View(head.Rows())
			var s Sealer
			size := 0
			b.ReportAllocs()
			for b.Loop() {
				size = len(s.Seal(view, Meta{Tenant: "x"}, nil))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(view.Rows), "ns/span")
			b.ReportMetric(float64(size)/float64(view.Rows), "B/span")
		})
	}
}

// BenchmarkReadBlock is the cost of reading all columns of a block, as a trace
// lookup does.
func BenchmarkReadBlock(b *testing.B) {
	for _, name := range []corpus.Name{corpus.Shop, corpus.Wide} {
		b.Run(string(name), func(b *testing.B) {
			r := open(b, seal(decode(b, corpus.Requests(name, 1, benchRows, 500))))
			reader, all := BlockReader{Cache: new(Cache)}, Need{All: true}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := reader.Read(r, 1, &all); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(r.meta.BlockRows[1]), "ns/span")
		})
	}
}
