package segment

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/spandb/segment/meta"
	"github.com/clew-tracing/clew/storage/storagetest"
)

var update = flag.Bool("update", false, "rewrite testdata/golden.txt")

// goldenSpans are four spans of two traces, with something in every column.
func goldenSpans() []clew.Span {
	shop := &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue("shop")}}}
	bank := &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue("bank")}}, SchemaURL: "v1"}
	scope := &clew.Scope{Name: "http", Version: "1"}
	at := clew.UnixNanos(1_767_225_600_000_000_000)
	one, two := clew.MakeTraceID(0xa, 0xb), clew.MakeTraceID(0xc, 0xd)
	return []clew.Span{
		{TraceID: one, SpanID: 1, Name: "GET", Kind: clew.KindServer, Start: at, End: at + 9000, Resource: shop, Scope: scope, Flags: 1,
			Attrs:  []clew.Attr{{Key: "path", Value: clew.StringValue("/cart")}, {Key: "code", Value: clew.IntValue(200)}},
			Events: []clew.Event{{Time: at + 10, Name: "log", Attrs: []clew.Attr{{Key: "line", Value: clew.IntValue(7)}}, DroppedAttrs: 2}}},
		{TraceID: one, SpanID: 2, ParentID: 1, Name: "pay", Kind: clew.KindClient, Start: at + 100, End: at + 5000, Resource: bank,
			Status: clew.StatusError, StatusMessage: "no money", TraceState: "a=1,ot=th:c", DroppedAttrs: 3, DroppedEvents: 4, DroppedLinks: 5,
			Attrs: []clew.Attr{{Key: "sum", Value: clew.DoubleValue(9.5)}, {Key: "card", Value: clew.BoolValue(true)}, {Key: "raw", Value: storagetest.BytesValue([]byte{1, 2})}},
			Links: []clew.Link{{TraceID: two, SpanID: 3, TraceState: "b", Flags: 1, DroppedAttrs: 1, Attrs: []clew.Attr{{Key: "why", Value: clew.StringValue("retry")}}}}},
		{TraceID: two, SpanID: 3, ParentID: 99, Name: "GET", Kind: clew.KindServer, Start: at + 50, End: at + 40, Resource: shop, Scope: scope,
			Attrs: []clew.Attr{{Key: "path", Value: clew.StringValue("/pay")}, {Key: "code", Value: clew.IntValue(-1)}}},
		{TraceID: one, SpanID: 2, ParentID: 1, Name: "pay again", Kind: clew.KindClient, Start: at + 100, End: at + 6000, Resource: bank},
	}
}

// TestGoldenBytes compares every byte of a small segment with testdata/golden.txt,
// so that a change of the format shows in review.
func TestGoldenBytes(t *testing.T) {
	const golden = "testdata/golden.txt"
	head := decode(t, [][]byte{storagetest.Body(goldenSpans()...)})
	var s Sealer
	data := s.Seal(head.View(head.Rows()), Meta{Tenant: "default", MinArrival: 1000, MaxArrival: 2000, FirstSeq: 7, LastSeq: 8},
		[]Request{{Seq: 7, Arrival: 1000, Accepted: 3}, {Seq: 8, Arrival: 2000, Accepted: 1, Refused: 2}})
	got := annotate(t, data)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("bytes differ from %s; run with -update and read the diff. Have:\n%s", golden, got)
	}
}

// layouts are the parts of the chunks of each column, after docs/format/segment.md:
// S strings, I ints, i signed ints, P presence, 8 and T ids of 8 and 16 bytes,
// x bytes.
func layouts() map[string]string {
	return map[string]string{
		colNames: "S", colScopes: "S", colResources: "IS", colResource: "I", colTemplates: "IIIIIII", colShapes: "III", colServices: "S",
		colTraceIDs: "T", colTrace: "I", colRuns: "II", colSpanID: "8", colParent: "I8", colStart: "I", colDuration: "i",
		colFlags: "I", colRequests: "x", colStatusMessage: "PI", colTraceState: "PI", colDroppedAttrs: "Pi", colDroppedEvents: "Pi",
		colDroppedLinks: "Pi", colReceived: "Pi", colWeight: "Pi", colEventRow: "I", colEventTime: "i", colEventName: "I", colEventName + "s": "S",
		colEventDropped: "Pi", colEventShape: "I", colEventShapes: "II", colLinkRow: "I", colLinkTarget: "IIx",
		colLinkFlags: "I", colLinkState: "PI", colLinkDropped: "Pi", colLinkShape: "I", colLinkShapes: "II",
		colRollup: "IIIIIIIIIIII", colRollupTimes: "IIIIIIIx", colOperations: "IIIIIIIIIII", colOperationsTimes: "IIIIIIIx",
		colEdges: "SIIIIIIIIII", colEdgesTimes: "IIIIIIIx",
		"a0path": "I", "a1code": "i", "a2sum": "D", "a3card": "I", "a4raw": "I", "e1line": "Pi", "l0why": "PI",
	}
}

// annotate prints a segment chunk by chunk; it trusts the bytes.
func annotate(t *testing.T, data []byte) string {
	r := open(t, data)
	var out strings.Builder
	fmt.Fprintf(&out, "%d bytes; frame and directory are package block's\n\nmeta %s\n     %+v\n\n", len(data), hex(r.blocks.Meta()), r.meta)
	for col, name := range r.blocks.Columns() {
		for blk := block.WholeSegment; blk < len(r.meta.BlockRows); blk++ {
			b, err := r.blocks.Chunk(nil, col, blk)
			if err != nil {
				t.Fatal(err)
			}
			if b == nil {
				continue
			}
			lo, hi, _ := r.blocks.Bounds(col, blk)
			where, layout := fmt.Sprint("block ", blk), layouts()[name]
			if blk == block.WholeSegment {
				where = "whole"
				if isDict(name, layout) {
					layout = "S"
				}
			}
			if layout == "" {
				t.Fatalf("column %s has no layout here", name)
			}
			fmt.Fprintf(&out, "%s, %s, values %#x to %#x\n", name, where, lo, hi)
			for _, part := range layout {
				b = annotatePart(t, &out, part, b)
			}
			if len(b) != 0 {
				t.Fatalf("%s: %d bytes left over", name, len(b))
			}
		}
	}
	return out.String()
}

// isDict reports whether the chunk of the whole segment is a dictionary, whose
// codes are in the blocks.
func isDict(name, layout string) bool {
	return name[0] != '.' || strings.HasPrefix(layout, "P")
}

func hex(b []byte) string { return fmt.Sprintf("% x", b) }

// annotatePart prints the part at the start of b and returns what is behind it.
func annotatePart(t *testing.T, out *strings.Builder, part rune, b []byte) (rest []byte) {
	var what string
	var err error
	switch part {
	case 'S':
		var c column.StringsChunk
		var s column.Strings
		if c, rest, err = column.ParseStrings(b, meta.MaxRows, maxText); err == nil {
			err = c.Decode(&s)
		}
		what = "strings"
		for i := range s.Len() {
			what += fmt.Sprintf(" %q", s.At(i))
		}
	case 'I', 'i':
		var v []uint64
		v, rest, err = column.DecodeInts[uint64](nil, b, meta.MaxRows)
		if what = fmt.Sprint("ints ", v); part == 'i' {
			signed := make([]int64, len(v))
			for i := range v {
				signed[i] = int64(v[i])
			}
			what = fmt.Sprint("ints ", signed)
		}
	case 'D':
		var v []uint64
		v, rest, err = column.DecodeDoubles(nil, b, meta.MaxRows)
		what = "doubles"
		for _, bits := range v {
			what += fmt.Sprint(" ", clew.Value{Bits: bits}.Double())
		}
	case 'P':
		var set column.Bitmap
		var n int
		set, n, rest, err = column.DecodeBitmap(nil, b, meta.MaxRows)
		what = fmt.Sprintf("bitmap of %d: %d", n, set.AppendOnes(nil))
	case '8':
		what = "ids"
		for i := 0; i < len(b); i += 8 {
			what += fmt.Sprintf(" %d", binary.LittleEndian.Uint64(b[i:]))
		}
	case 'T':
		what = "ids"
		for i := 0; i < len(b); i += 16 {
			what += " " + clew.TraceID(b[i:i+16]).String()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(b)-len(rest); at += 24 {
		line := fmt.Sprintf("     %-71s  %s", hex(b[at:min(at+24, len(b)-len(rest))]), what)
		out.WriteString(strings.TrimRight(line, " ") + "\n")
		what = ""
	}
	return rest
}
