package storagetest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// testParts holds traces that are read in part to what they are when they are read
// whole: sent in pieces, twice, and under the short form of their ids.
func testParts(_ *testing.T, s *suite) {
	parts, ok := s.Store.(storage.PartReader)
	if !ok {
		return
	}
	spans := s.g.Spans(30, 9)
	s.appendMany(spans, 23)
	s.appendMany(spans[:len(spans)/3], 5)
	var odd []clew.Span
	for i := range spans {
		if i%5 == 0 {
			again := spans[i] // a conflict
			again.Name += "'"
			odd = append(odd, again)
		}
		if i%7 == 0 {
			again := spans[i]
			again.TraceID, again.SpanID = clew.MakeTraceID(0, again.TraceID.Low()), again.SpanID+1<<40
			odd = append(odd, again)
		}
	}
	s.appendMany(odd, 3)
	fields := []span.Field{{Intrinsic: span.EventName}}
	for _, key := range spanKeys(spans) {
		fields = append(fields, span.Field{Scope: span.ScopeSpan, Key: key})
	}
	seen := make(map[uint64]bool)
	for i := range spans {
		id := spans[i].TraceID
		if seen[id.Low()] {
			continue
		}
		seen[id.Low()] = true
		f := fields[i%len(fields):]
		whole, err := s.Trace(s.Context(), tenant, id)
		if err != nil {
			s.Fatal(err)
		}
		part, err := parts.TracePart(s.Context(), tenant, id, storage.Columns{Fields: f[:min(len(f), 3)]})
		if err != nil {
			s.Fatal(err)
		}
		s.equal(fmt.Sprintf("trace %s in part", id), partTexts(part.Batch, f), partTexts(whole.Batch, f))
		part.Free()
		whole.Free()
	}
	_, err := parts.TracePart(s.Context(), tenant, clew.MakeTraceID(7, 7), storage.Columns{})
	s.kind("a part of a trace that is not there", err, clew.NotFound)
}

// spanKeys returns the keys of the attributes that spans have, sorted.
func spanKeys(spans []clew.Span) []string {
	keys := make(map[string]bool)
	for i := range spans {
		for _, a := range spans[i].Attrs {
			keys[a.Key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// partTexts returns what rows have in any case, and of the first three of some fields,
// sorted.
func partTexts(b *span.Batch, fields []span.Field) (out []string) {
	for row := range b.Rows {
		text := fmt.Sprint(b.TraceIDs[b.Trace[row]], clew.SpanID(b.SpanID[row]), clew.SpanID(b.ParentID[row]), b.Kind[row], b.Status[row], " ",
			string(b.Names.At(int(b.Name[row]))), b.Start[row], b.Duration[row], b.Service(row), b.Scopes[b.Scope[row]].Name)
		for _, f := range fields[:min(len(fields), 3)] {
			if f.Intrinsic == span.EventName {
				for i, owner := range b.Events.Row {
					if int(owner) == row {
						text += " event " + string(b.Events.Names.At(int(b.Events.Name[i])))
					}
				}
				continue
			}
			for t := range clew.Type(clew.TypeCount) {
				if c := b.Attrs.Lookup(f.Key, t); c != nil {
					if i, ok := c.Find(uint32(row)); ok {
						text += fmt.Sprint(" ", f.Key, "=", c.ValueAt(i))
					}
				}
			}
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}
