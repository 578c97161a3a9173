package v1_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
)

// skeleton is one that was read by docs/format/skeleton.md, row by row.
type skeleton struct {
	traceID             clew.TraceID
	base                uint64
	extent              float64
	spans               int
	complete, conflicts bool
	damaged             bool
	services, names     []word
	parts               []int // rows in each
	rows                []skeletonRow
}

// word is a string of the dictionary.
type word struct {
	text     string
	escaped  bool
	registry uint32
}

type skeletonRow struct {
	start, duration float64
	spanID          uint64
	parent          int
	service, name   string // "?" in front if escaped; "-" for a ghost
	flags           uint16
	kind, status    uint8
	events          []skeletonEvent
}

type skeletonEvent struct {
	time      float64
	exception bool
}

const (
	rowError = 1 << iota
	rowOrphan
	rowGhost
	rowLinks
	rowEndBeforeStart
	rowConflict
	rowUnfinished
	rowBeforeParent
	rowCycle
	rowRoot
)

// skeletonReader walks a body and notes what each byte is. A flaw stops it by a
// panic that readSkeleton catches.
type skeletonReader struct {
	b     []byte
	at    int
	note  strings.Builder
	quiet bool // no notes, for bodies that are too large to look at
}

type flaw string

func (r *skeletonReader) fail(format string, args ...any) {
	panic(flaw(fmt.Sprintf("byte %d: ", r.at) + fmt.Sprintf(format, args...)))
}

// take returns the next n bytes and notes them with the text.
func (r *skeletonReader) take(n int, format string, args ...any) []byte {
	if n < 0 || n > len(r.b)-r.at {
		r.fail("%d bytes wanted, %d are left", n, len(r.b)-r.at)
	}
	b := r.b[r.at : r.at+n]
	for i := 0; !r.quiet && (i < n || i == 0); i += 16 {
		text := ""
		if i == 0 {
			text = fmt.Sprintf(format, args...)
		}
		fmt.Fprintf(&r.note, "%4d  %-48s%s\n", r.at+i, fmt.Sprintf("% x", b[i:min(i+16, n)]), text)
	}
	r.at += n
	return b
}

func (r *skeletonReader) pad() {
	if n := -r.at & 7; n > 0 {
		for _, b := range r.take(n, "pad") {
			if b != 0 {
				r.fail("padding is not zero")
			}
		}
	}
}

func (r *skeletonReader) u32(name string, index ...int) uint32 {
	v := binary.LittleEndian.Uint32(r.b[min(r.at, len(r.b)-4):])
	if r.quiet {
		r.take(4, "")
	} else {
		r.take(4, "%s %d", subscript(name, index), v)
	}
	return v
}

func (r *skeletonReader) f64(name string, index ...int) float64 {
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b[min(r.at, len(r.b)-8):]))
	if r.quiet {
		r.take(8, "")
	} else {
		r.take(8, "%s %.17g", subscript(name, index), v)
	}
	return v
}

func subscript(name string, index []int) string {
	if len(index) == 0 {
		return name
	}
	return fmt.Sprint(name, index)
}

// u32s and f64s read columns, each padded.
func (r *skeletonReader) u32s(n int, name string) []uint32 {
	out := make([]uint32, 0, min(n, len(r.b)))
	for i := range n {
		out = append(out, r.u32(name, i))
	}
	r.pad()
	return out
}

func (r *skeletonReader) f64s(n int, name string) []float64 {
	out := make([]float64, 0, min(n, len(r.b)))
	for i := range n {
		out = append(out, r.f64(name, i))
	}
	return out
}

// readSkeleton reads a body and refuses what the format forbids. The text is the
// body with notes.
func readSkeleton(b []byte) (s *skeleton, notes string, err error) {
	r := &skeletonReader{b: b, quiet: len(b) > 64<<10}
	defer func() {
		if f, ok := recover().(flaw); ok {
			s, notes, err = nil, r.note.String(), fmt.Errorf("skeleton: %s", string(f))
		}
	}()
	if len(b) < 64 {
		r.fail("no room for a header in %d bytes", len(b))
	}
	s = &skeleton{}
	if string(r.take(4, "magic")) != "CLSK" {
		r.fail("wrong magic")
	}
	if v := r.u32("version"); v != 1 {
		r.fail("version %d", v)
	}
	s.traceID = clew.TraceID(r.take(16, "trace id"))
	s.base = binary.LittleEndian.Uint64(b[r.at:])
	r.take(8, "base %d", s.base)
	s.extent = r.f64("extent")
	rows, spans, events := int(r.u32("rows")), int(r.u32("spans")), int(r.u32("events"))
	services, names, flags := int(r.u32("services")), int(r.u32("names")), r.u32("flags")
	if flags&^7 != 0 || !(s.extent >= 0) || spans > rows {
		r.fail("flags %x, extent %g, %d spans of %d rows", flags, s.extent, spans, rows)
	}
	s.spans, s.complete, s.conflicts = spans, flags&1 != 0, flags&2 != 0
	s.damaged = flags&4 != 0
	r.words(s, services, names)
	for len(s.rows) < rows {
		events -= r.part(s)
	}
	if len(s.rows) != rows || events != 0 || r.at != len(b) {
		r.fail("%d rows of %d, %d events missing, %d bytes left", len(s.rows), rows, events, len(b)-r.at)
	}
	r.whole(s)
	return s, r.note.String(), nil
}

func (r *skeletonReader) words(s *skeleton, services, names int) {
	registry := r.u32s(services, "registry")
	n := services + names
	ends := r.u32s(n, "end")
	escaped := r.take(n, "escaped")
	r.pad()
	size := 0
	if n > 0 {
		size = int(ends[n-1])
	}
	bytes := r.take(size, "%q", string(r.b[r.at:min(r.at+size, len(r.b))]))
	r.pad()
	from := uint32(0)
	for i, end := range ends {
		if end < from || int(end) > len(bytes) || escaped[i] > 1 {
			r.fail("string %d from %d to %d, escaped %d", i, from, end, escaped[i])
		}
		w := word{text: string(bytes[from:end]), escaped: escaped[i] == 1}
		list := &s.names
		if i < services {
			w.registry = registry[i]
			list = &s.services
		}
		if slices.ContainsFunc(*list, func(other word) bool { return other.text == w.text && other.escaped == w.escaped }) {
			r.fail("string %q twice", w.text)
		}
		*list = append(*list, w)
		from = end
	}
}

func (w word) String() string {
	if w.escaped {
		return "?" + w.text
	}
	return w.text
}

// wordAt returns string i of list; a ghost has none.
func (r *skeletonReader) wordAt(list []word, i uint32, ghost bool) string {
	if ghost {
		if i != math.MaxUint32 {
			r.fail("a ghost with string %d", i)
		}
		return "-"
	}
	if int(i) >= len(list) {
		r.fail("string %d of %d", i, len(list))
	}
	return list[i].String()
}

func (r *skeletonReader) part(s *skeleton) (events int) {
	n, e := int(r.u32("part rows")), int(r.u32("part events"))
	if n == 0 {
		r.fail("an empty part")
	}
	first := len(s.rows)
	s.parts = append(s.parts, n)
	starts, durations := r.f64s(n, "start"), r.f64s(n, "duration")
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = binary.BigEndian.Uint64(r.take(8, "span id[%d]", i))
	}
	parents, services, names := r.u32s(n, "parent"), r.u32s(n, "service"), r.u32s(n, "name")
	flags := make([]uint16, n)
	for i := range flags {
		flags[i] = binary.LittleEndian.Uint16(r.take(2, "flags[%d]", i))
	}
	r.pad()
	kinds := r.take(n, "kind and status")
	r.pad()
	for i := range n {
		ghost := flags[i]&rowGhost != 0
		s.rows = append(s.rows, skeletonRow{
			start: starts[i], duration: durations[i], spanID: ids[i], parent: int(int32(parents[i])), flags: flags[i],
			service: r.wordAt(s.services, services[i], ghost), name: r.wordAt(s.names, names[i], ghost),
			kind: kinds[i] & 15, status: kinds[i] >> 4,
		})
	}
	times, owners := r.f64s(e, "event time"), r.u32s(e, "event row")
	marks := r.take(e, "event kind")
	r.pad()
	last := first
	for i, owner := range owners {
		if int(owner) < last || int(owner) >= len(s.rows) || marks[i] > 1 {
			r.fail("event %d of row %d, after one of row %d, kind %d", i, owner, last, marks[i])
		}
		last = int(owner)
		s.rows[owner].events = append(s.rows[owner].events, skeletonEvent{times[i], marks[i] == 1})
	}
	return e
}

// whole checks what concerns all rows: pre-order, the order of siblings, ghosts,
// the header's flags.
func (r *skeletonReader) whole(s *skeleton) {
	spans, root, lacking, conflict := 0, false, false, false
	newest := map[int]int{} // the last child of each row, -1: the last root
	var open []int          // the row before and its ancestors
	for i := range s.rows {
		row := &s.rows[i]
		for len(open) > 0 && open[len(open)-1] != row.parent {
			open = open[:len(open)-1]
		}
		if row.parent < -1 || row.parent >= i || len(open) == 0 && row.parent != -1 {
			r.fail("row %d: parent %d is no open ancestor", i, row.parent)
		}
		open = append(open, i)
		if before, ok := newest[row.parent]; ok && !sorted(&s.rows[before], row) {
			r.fail("rows %d and %d are siblings in the wrong order", before, i)
		}
		newest[row.parent] = i
		ghost := row.flags&rowGhost != 0
		if ghost && (row.parent != -1 || row.flags != rowGhost || row.kind|row.status != 0 || len(row.events) > 0) {
			r.fail("row %d is an odd ghost: %+v", i, row)
		}
		if orphan := row.flags&rowOrphan != 0; orphan != (row.parent >= 0 && s.rows[row.parent].flags&rowGhost != 0) {
			r.fail("row %d: orphan %t, parent %d", i, orphan, row.parent)
		}
		if row.flags>>10 != 0 || !ghost && (row.flags&rowError != 0) != (row.status == 2) {
			r.fail("row %d: flags %x, status %d", i, row.flags, row.status)
		}
		if !ghost {
			spans++
		}
		root = root || row.flags&rowRoot != 0
		conflict = conflict || row.flags&rowConflict != 0
		lacking = lacking || row.flags&(rowGhost|rowOrphan|rowUnfinished) != 0
	}
	if spans != s.spans || s.complete != (root && !lacking && !s.damaged) || conflict != s.conflicts {
		r.fail("%d spans, header says %d; complete %t with root %t and lacking %t; conflicts %t", spans, s.spans, s.complete, root, lacking, s.conflicts)
	}
}

// sorted reports whether a may stand before b among siblings.
func sorted(a, b *skeletonRow) bool {
	side := func(x *skeletonRow) bool {
		k := clew.Kind(x.kind)
		return k == clew.KindServer || k == clew.KindConsumer
	}
	switch {
	case a.start != b.start:
		return a.start < b.start
	case a.start >= 1<<53:
		return true // rounded: the exact starts may differ
	case a.spanID != b.spanID:
		return a.spanID < b.spanID
	}
	return !side(a) && side(b)
}
