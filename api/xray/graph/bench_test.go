package graph_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	format "github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// BenchmarkServiceGraph is the graph of 20,000 traces of 12 segments and subsegments each, and
// that of a group that they are in.
func BenchmarkServiceGraph(b *testing.B) {
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	docs := load(b, "../view/testdata/shop.docs")
	var tr format.Translator
	var body []byte
	const traces = 20_000
	for i := range traces {
		for _, d := range docs {
			d := bytes.ReplaceAll([]byte(d), []byte("2942d23cf37ea4a764dab1fe"), fmt.Appendf(nil, "%024x", i+1))
			if body, err = tr.Append(body, d); err != nil {
				b.Fatal(err)
			}
		}
		if len(body) > 1<<20 || i == traces-1 {
			if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body}); err != nil {
				b.Fatal(err)
			}
			body = body[:0]
		}
	}
	for name, more := range map[string]string{"all": "", "group": `,"GroupName":"faults"`} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				text := ask(b, api.Config{Store: db}, 200, "/ServiceGraph", `{"StartTime":1795397000,"EndTime":1795398000`+more+`}`)
				if len(text) < 1000 {
					b.Fatal(text)
				}
			}
		})
	}
}
