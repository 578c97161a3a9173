package traces_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	format "github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// BenchmarkSummaries asks 20,000 traces of six spans, in 15 minutes, for a page.
func BenchmarkSummaries(b *testing.B) {
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var tr format.Translator
	var body []byte
	const count = 20_000
	for i := range count {
		for _, d := range shop {
			second := 1795397376 + i*900/count
			d = strings.NewReplacer("2942d23cf37ea4a764dab1fe", fmt.Sprintf("%024x", i+1), "6b039700", fmt.Sprintf("%08x", second), "17953973", fmt.Sprint(second/100)).Replace(d)
			if i%1000 != 7 {
				d = strings.ReplaceAll(d, "alice", "bob")
			}
			if body, err = tr.Append(body, []byte(d)); err != nil {
				b.Fatal(err)
			}
		}
		if len(body) > 1<<20 || i == count-1 {
			if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body}); err != nil {
				b.Fatal(err)
			}
			body = body[:0]
		}
	}
	b.Run("event", func(b *testing.B) { // long after them
		for b.Loop() {
			if out, text := summed(b, db, exec.Budget{}, 200, question(1795410000, 1795410900, map[string]any{"TimeRangeType": "Event"})); len(out.TraceSummaries) > 0 {
				b.Fatalf("%.300s", text)
			}
		}
	})
	for _, c := range []struct {
		name, filter string
		want         int
	}{
		{"all", ``, 500}, {"rare", `user = "alice"`, 20}, {"service", `service("cart") { fault } AND annotation.tier = "gold" AND user = "alice"`, 20},
		{"none", `service("nobody")`, 0}, {"partial", `partial`, 0}, {"duration", `duration > 6`, 0}, {"unbound", `!service("cart")`, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				out, text := summed(b, db, exec.Budget{}, 200, question(1795397300, 1795398400, map[string]any{"FilterExpression": c.filter}))
				if len(out.TraceSummaries) != c.want {
					b.Fatalf("%.300s", text)
				}
			}
		})
	}
}
