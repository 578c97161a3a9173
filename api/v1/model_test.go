package v1_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// node is a span or a ghost of the model, which resolves parents with maps and
// pointers and walks the tree by recursion.
type node struct {
	span       *clew.Span // nil: a ghost
	id         clew.SpanID
	start, end clew.UnixNanos
	flags      uint16
	parent     *node
	children   []*node
	row        int
}

func byRank(a, b *node) int {
	side := func(n *node) uint8 {
		if n.span == nil {
			return 0
		}
		return n.span.Kind.Side()
	}
	return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.id, b.id), cmp.Compare(side(a), side(b)))
}

// modelTree returns the nodes in the order of rows.
func modelTree(spans []clew.Span) (rows []*node) {
	type half struct {
		id   clew.SpanID
		side uint8
	}
	var all []*node
	halves := make(map[half]*node)
	for i := range spans {
		s := &spans[i]
		n := &node{span: s, id: s.SpanID, start: s.Start, end: s.End}
		all = append(all, n)
		halves[half{s.SpanID, s.Kind.Side()}] = n
	}
	slices.SortFunc(all, byRank)
	ghosts := make(map[clew.SpanID]*node)
	for _, n := range all {
		other, server := halves[half{n.span.ParentID, 0}], halves[half{n.span.ParentID, 1}]
		client := halves[half{n.id, 0}]
		switch {
		case n.span.Kind.Side() == 1 && client != nil:
			n.parent = client
		case n.span.ParentID == 0:
		case server != nil:
			n.parent = server
		case other != nil:
			n.parent = other
		default:
			g := ghosts[n.span.ParentID]
			if g == nil {
				g = &node{id: n.span.ParentID, start: n.start, flags: rowGhost}
				ghosts[n.span.ParentID] = g
			}
			g.end = max(g.end, n.start, n.end)
			n.parent = g
			n.flags |= rowOrphan
		}
	}
	cut(all)
	var roots []*node
	for _, n := range slices.AppendSeq(slices.Clone(all), maps.Values(ghosts)) {
		if n.parent == nil {
			roots = append(roots, n)
		} else {
			n.parent.children = append(n.parent.children, n)
		}
	}
	var walk func(list []*node)
	walk = func(list []*node) {
		slices.SortFunc(list, byRank)
		for _, n := range list {
			n.row = len(rows)
			rows = append(rows, n)
			walk(n.children)
		}
	}
	walk(roots)
	return rows
}

// cut makes a root of the first node of each circle.
func cut(all []*node) {
	for _, n := range all {
		seen := map[*node]bool{}
		at := n.parent
		for at != nil && at != n && !seen[at] {
			seen[at] = true
			at = at.parent
		}
		if at == n { // n is the first of its circle, since all are in order
			n.parent = nil
			n.flags |= rowCycle
		}
	}
}

// modelText prints what a skeleton of spans should hold, one line per row.
func modelText(spans []clew.Span) string {
	rows := modelTree(spans)
	base, last := spans[0].Start, clew.UnixNanos(0)
	for _, s := range spans {
		base, last = min(base, s.Start), max(last, s.Start, s.End)
	}
	root, lacking := false, false
	var b strings.Builder
	for _, n := range rows {
		parent := -1
		if n.parent != nil {
			parent = n.parent.row
		}
		row := skeletonRow{start: float64(n.start - base), spanID: uint64(n.id), parent: parent, service: "-", name: "-", flags: n.flags}
		if s := n.span; s != nil {
			row.service, row.name = printable(s.Service()), printable(s.Name)
			row.kind, row.status = min(uint8(s.Kind), 15), min(uint8(s.Status), 15)
			row.flags |= modelFlags(n)
			for _, e := range s.Events {
				row.events = append(row.events, skeletonEvent{apart(base, e.Time), e.Name == "exception"})
			}
		}
		if n.span == nil || n.end != 0 {
			row.duration = apart(n.start, n.end)
		}
		root = root || row.flags&rowRoot != 0
		lacking = lacking || row.flags&(rowGhost|rowOrphan|rowUnfinished) != 0
		fmt.Fprintf(&b, "%+v\n", row)
	}
	return fmt.Sprintf("base %d extent %g spans %d complete %t\n%s", base, float64(last-base), len(spans), root && !lacking, b.String())
}

func modelFlags(n *node) (f uint16) {
	s := n.span
	for bit, on := range map[uint16]bool{
		rowError:          s.Status == clew.StatusError,
		rowLinks:          len(s.Links) > 0,
		rowUnfinished:     s.End == 0,
		rowEndBeforeStart: s.End != 0 && s.End < s.Start,
		rowRoot:           s.ParentID == 0,
	} {
		if on {
			f |= bit
		}
	}
	if n.parent == nil || n.parent.span == nil {
		return f
	}
	p := n.parent.span
	late := s.End != 0 && p.End != 0 && s.End > p.End
	if printable(p.Service()) != printable(s.Service()) && (s.Start < p.Start || late) {
		f |= rowBeforeParent
	}
	return f
}

// text prints a skeleton that was read as modelText does.
func (s *skeleton) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "base %d extent %g spans %d complete %t\n", s.base, s.extent, s.spans, s.complete)
	for _, row := range s.rows {
		fmt.Fprintf(&b, "%+v\n", row)
	}
	return b.String()
}

func apart(from, to clew.UnixNanos) float64 {
	if to < from {
		return -float64(from - to)
	}
	return float64(to - from)
}

// printable is how text that may be no UTF-8 is written, "?" in front of such.
func printable(s string) string {
	if s == strings.ToValidUTF8(s, "") {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if r == '\uFFFD' && !strings.HasPrefix(s[i:], "\uFFFD") {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteRune(r)
		}
	}
	return "?" + b.String()
}

// hostileTrace makes spans with few ids, parents and times, so that all that can
// be wrong with a tree is: circles, spans that are their own parents, missing
// parents, shared ids, ends before starts and none at all.
func hostileTrace(r *rand.Rand, id clew.TraceID, resources []*clew.Resource) []clew.Span {
	times := []clew.UnixNanos{storagetest.Epoch, storagetest.Epoch + 5, storagetest.Epoch + 7, storagetest.Epoch + 1e9}
	if r.IntN(5) == 0 {
		times = append(times, 1, 1<<63, 1<<64-1)
	}
	ids := 1 + r.IntN(12)
	used := make(map[string]bool)
	var spans []clew.Span
	for range 1 + r.IntN(2*ids) {
		s := clew.Span{
			TraceID: id, SpanID: clew.SpanID(1 + r.IntN(ids)), ParentID: clew.SpanID(r.IntN(ids + 3)), Kind: clew.Kind(r.IntN(6)),
			Start: times[r.IntN(len(times))], End: times[r.IntN(len(times))], Name: []string{"a", "\xff", `\xff`, "b"}[r.IntN(4)],
			Status: clew.Status(r.IntN(3)), Resource: resources[r.IntN(len(resources))],
		}
		if r.IntN(8) == 0 {
			s.End = 0
		}
		if r.IntN(3) > 0 {
			s.Kind = clew.KindInternal
		}
		for range r.IntN(3) {
			s.Events = append(s.Events, clew.Event{Time: times[r.IntN(len(times))], Name: []string{"exception", "log"}[r.IntN(2)]})
		}
		if key := fmt.Sprint(s.SpanID, s.Kind.Side()); !used[key] {
			used[key] = true
			spans = append(spans, s)
		}
	}
	return spans
}

// hostileResources are few services, one of them not UTF-8.
func hostileResources() (out []*clew.Resource) {
	for _, name := range []string{"cart", "checkout", "\xfe\xff"} {
		out = append(out, &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(name)}}})
	}
	return append(out, &clew.Resource{})
}
