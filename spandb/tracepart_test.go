package spandb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// TestTracePart tests conditions on what is read for them of traces, and on all of these:
// in a head, in a segment, and in both.
func TestTracePart(t *testing.T) {
	g := storagetest.NewGenerator(5)
	spans := g.Spans(25, 12)
	var ids []clew.TraceID
	for _, s := range spans {
		if !slices.Contains(ids, s.TraceID) {
			ids = append(ids, s.TraceID)
		}
	}
	for _, sealed := range []string{"", "0", "01", "1"} {
		db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
		halt(db)
		for part := range 2 {
			sendTo(t, db, clew.DefaultTenant, everyOther(spans, part)...)
			if slices.Contains([]byte(sealed), byte('0'+part)) {
				sealNow(t, db)
			}
		}
		held := 0
		for range 60 {
			c := g.Condition(spans, 2)
			var columns storage.Columns
			c.Fields(func(f span.Field) {
				if f.Intrinsic != span.None {
					columns.Intrinsics = append(columns.Intrinsics, f.Intrinsic)
				} else {
					columns.Fields = append(columns.Fields, f)
				}
			})
			for _, id := range ids {
				whole, err := db.Trace(context.Background(), clew.DefaultTenant, id)
				if err != nil {
					t.Fatal(err)
				}
				part, err := db.TracePart(context.Background(), clew.DefaultTenant, id, columns)
				if err != nil {
					t.Fatal(err)
				}
				want, got := told(&whole, c), told(&part, c)
				if !slices.Equal(got, want) {
					t.Fatalf("sealed after %q: %v in trace %v, read for it: %v, want %v", sealed, c, id, got, want)
				}
				held += len(want)
				whole.Free()
				part.Free()
			}
		}
		if held == 0 {
			t.Error("no condition held: the test shows nothing")
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func everyOther(spans []clew.Span, from int) (some []clew.Span) {
	for i := from; i < len(spans); i += 2 {
		some = append(some, spans[i])
	}
	return some
}

// told lists what is known of each row of a trace whatever was asked for, and whether it
// meets a condition.
func told(t *storage.Trace, c span.Condition) (rows []string) {
	meets := span.NewMatcher(c).MatchWhole(span.OneTrace(t.Batch))
	for i := range t.Rows {
		rows = append(rows, fmt.Sprint(t.SpanID[i], t.ParentID[i], t.Start[i], t.Duration[i], t.Kind[i], t.Status[i],
			string(t.Names.At(int(t.Name[i]))), t.Service(i), t.Scopes[t.Scope[i]].Name, meets.Get(i)))
	}
	slices.Sort(rows)
	return rows
}

// TestTracePartMemory reads parts of traces in the memory of those that were freed: of
// those alone, once each.
func TestTracePartMemory(t *testing.T) {
	g := storagetest.NewGenerator(6)
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
	defer db.Close()
	halt(db)
	var ids []clew.TraceID
	for range 40 {
		spans := g.Trace(12)
		ids = append(ids, spans[0].TraceID)
		sendTo(t, db, clew.DefaultTenant, spans...)
	}
	sealNow(t, db)
	c := g.Condition(g.Trace(12), 2)
	read := func(id clew.TraceID) (storage.Trace, []string) {
		part, err := db.TracePart(context.Background(), clew.DefaultTenant, id, storage.Columns{})
		if err != nil {
			t.Fatal(err)
		}
		return part, told(&part, c)
	}
	type held struct {
		storage.Trace
		told []string
	}
	var parts []held
	for i := range 400 {
		part, was := read(ids[i*7%len(ids)])
		if parts = append(parts, held{part, was}); len(parts) < 6 {
			continue
		}
		for _, p := range parts {
			if is := told(&p.Trace, c); !slices.Equal(is, p.told) {
				t.Fatalf("step %d: what is held is %v, and was %v", i, is, p.told)
			}
		}
		for _, p := range parts[:3] {
			again := p.Trace // another copy of what is freed
			p.Free()
			again.Free()
		}
		parts = parts[3:]
	}
}

// TestTracePartOfLargeTexts reads a part with large texts: as long as it is held they are in
// the ration, and their memory is not kept for the next.
func TestTracePartOfLargeTexts(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
	defer db.Close()
	halt(db)
	const text, spans = 5000, 1000 // too many for a dictionary
	id := clew.MakeTraceID(1, 1)
	for i := range spans {
		s := named(1, 1, clew.SpanID(i+1), "n", clew.KindServer)
		s.Attrs = []clew.Attr{{Key: "q", Value: clew.StringValue(fmt.Sprint(i) + strings.Repeat("x", text))}}
		sendTo(t, db, clew.DefaultTenant, s)
	}
	sealNow(t, db)
	part, err := db.TracePart(t.Context(), clew.DefaultTenant, id, storage.Columns{Fields: []span.Field{{Scope: span.ScopeSpan, Key: "q"}}})
	if err != nil {
		t.Fatal(err)
	}
	if used := db.traceRows.Used(); part.Rows != spans || used < 2*text*spans {
		t.Errorf("%d spans take %d bytes, want %d at least", part.Rows, used, 2*text*spans)
	}
	part.Free()
	if used, kept := db.traceRows.Used(), db.readers.Get(); used != 0 || kept != nil {
		t.Errorf("freed, %d bytes are used, and a reader is kept: %v", used, kept != nil)
	}
}
