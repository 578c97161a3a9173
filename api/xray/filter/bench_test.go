package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/api/xray/filter"
)

// BenchmarkHolds judges a trace of 10,000 segments, each with an annotation: the time grows with
// the trace, not with its square.
func BenchmarkHolds(b *testing.B) {
	var docs []string
	for i := range 10_000 {
		docs = append(docs, fmt.Sprintf(`{"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe","id":"%016x","parent_id":"%016x","name":"a","start_time":1,"end_time":2,"annotations":{"n":%d}}`, i+2, i/2+1, i))
	}
	tr := viewOf(b, "", docs...)
	for _, text := range []string{`service() { annotation.n < 0 }`, `edge("a", "a") { annotation.n < 0 }`, strings.Repeat(`annotation.n != -1 `, 100) + "fault", `rootcause.responsetime.entity { last and name = "b" }`} {
		x, err := filter.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%.30s", text), func(b *testing.B) {
			for b.Loop() {
				if filter.Holds(x, tr) {
					b.Fatal("it holds")
				}
			}
		})
	}
}
