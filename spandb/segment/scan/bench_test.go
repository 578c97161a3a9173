package scan

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
)

// counted counts what is read.
type counted struct {
	io.ReaderAt
	bytes int64
}

func (c *counted) ReadAt(b []byte, off int64) (int, error) {
	c.bytes += int64(len(b))
	return c.ReaderAt.ReadAt(b, off)
}

// BenchmarkIdentifier looks identifiers up in a full segment that has none of them, as a
// search does in all segments but one: with nothing kept but its tables.
func BenchmarkIdentifier(b *testing.B) {
	var s segment.Sealer
	data := sealed(b, corpus.Requests(corpus.Shop, 1, 65536, 500), &s)
	for _, key := range []string{"app.order.id", "session.id", "request.id"} {
		b.Run(key, func(b *testing.B) {
			var blocks, i int
			src := &counted{ReaderAt: bytes.NewReader(data)}
			for b.Loop() {
				b.StopTimer()
				src.bytes = 0
				r, err := segment.Open(src, int64(len(data)), "x.seg")
				if err != nil {
					b.Fatal(err)
				}
				cache := new(segment.Cache)
				if _, err := cache.Tables(r); err != nil {
					b.Fatal(err)
				}
				tables := src.bytes
				b.StartTimer()
				i++
				x := New(cache, span.Compare(span.Field{Scope: span.ScopeSpan, Key: key}, span.Eq, clew.StringValue(fmt.Sprint("no-", i))), clew.Window{})
				sel, err := x.Segment(r)
				for blk := 0; err == nil && sel != nil && blk < len(r.Meta().BlockRows); blk++ {
					if x.Block(r, sel, blk) {
						_, err = x.Rows(r, sel, blk)
						blocks++
					}
				}
				if err != nil {
					b.Fatal(err)
				}
				src.bytes -= tables
			}
			b.ReportMetric(float64(src.bytes), "bytes-read")
			b.ReportMetric(float64(blocks)/float64(b.N), "blocks")
		})
	}
}
