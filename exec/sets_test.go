package exec_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// An answer tells of each set by what it was parted, what was calculated of it, and the
// fields that were asked for.
func TestSets(t *testing.T) {
	web, db := &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue("web")}}}, &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue("db")}}}
	id := clew.MakeTraceID(1, 1)
	span := func(n int, r *clew.Resource, attrs ...clew.Attr) clew.Span {
		start := storagetest.Epoch + clew.UnixNanos(n)
		return clew.Span{TraceID: id, SpanID: clew.SpanID(n), Name: fmt.Sprint("s", n), Start: start, End: start + 10e6, Resource: r, Attrs: attrs, Kind: clew.KindServer}
	}
	size := func(v clew.Value) clew.Attr { return clew.Attr{Key: "size", Value: v} }
	spans := []clew.Span{span(1, web), span(2, db, size(clew.IntValue(5))), span(3, db, size(clew.StringValue("big"))), span(4, db)}
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	fill(t, store, spans, 10)
	f := func(query string, want ...string) {
		t.Helper()
		res, err := exec.Search(t.Context(), store, exec.Request{Over: exec.Over{Tenant: tenant}, Plan: prepare(t, query)})
		if err != nil || len(res.Hits) != 1 {
			t.Fatalf("%s: %d hits, %v", query, len(res.Hits), err)
		}
		var got []string
		for _, s := range res.Hits[0].Sets {
			line := ""
			for _, l := range s.Labels {
				line += l.Name + "=" + l.Text + " "
			}
			line += fmt.Sprintf("%d:", s.MatchedSpans)
			for _, m := range s.Matched {
				line += fmt.Sprintf(" %d", m.SpanID)
				for _, l := range m.Fields {
					line += "," + l.Name + "=" + l.Text
				}
			}
			got = append(got, line)
		}
		if strings.Join(got, "; ") != strings.Join(want, "; ") {
			t.Errorf("%s:\n got  %q\n want %q", query, got, want)
		}
	}
	f(`{ }`, "4: 4 3 2")
	f(`{ } | select(span.size, kind, duration)`, "4: 4,kind=server,duration=10ms 3,span.size=big,kind=server,duration=10ms 2,span.size=5,kind=server,duration=10ms")
	f(`{ span.size != nil }`, "2: 3,span.size=big 2,span.size=5")
	f(`{ resource.service.name = "db" && span.size = nil } | select(name)`, "1: 4,name=s4,resource.service.name=db")
	f(`{ } | by(resource.service.name)`, "resource.service.name=db 3: 4 3 2", "resource.service.name=web 1: 1")
	f(`{ } | by(resource.service.name) | count() > 2`, "resource.service.name=db count()=3 3: 4 3 2")
	f(`{ } | by(resource.service.name) | avg(duration) >= 10ms | { span.size = nil }`, "resource.service.name=db 1: 4", "resource.service.name=web 1: 1")
	f(`{ } | by(resource.service.name) | coalesce()`, "4: 4 3 2")
	f(`{ } | by(span.size)`, "span.size=5 1: 2", "span.size=big 1: 3", "span.size=nil 2: 4 1")
}
