package compare

import (
	"cmp"
	"math"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// rootText is how many bytes of names there is room for with each root, on average.
const rootText = 32

// RootNames are the short names of what is told of roots.
var RootNames = map[span.Intrinsic]string{span.RootName: "rootName", span.RootService: "rootServiceName"}

// rootsWithin is how long before and after a window the root of a trace may start.
const rootsWithin = clew.UnixNanos(time.Hour)

// RootsOf returns the window of the roots of traces in w.
func RootsOf(w clew.Window) clew.Window {
	return clew.Window{Start: w.Start - min(w.Start, rootsWithin), End: w.End + min(math.MaxUint64-w.End, rootsWithin)}
}

// Roots are the roots of traces, by which the spans of these are compared. Where there is
// no room for all none is known.
type Roots struct {
	room    int
	text    int // bytes of texts
	full    bool
	of      map[clew.TraceID]root // by the ids that spans have
	low     map[uint64]root       // of 128-bit ids, by their low half; nil: not asked for
	numbers map[string]uint32
	texts   []string
}

// root has the names of a root's operation and service as numbers of texts.
type root struct {
	start, span   uint64
	name, service uint32
}

// compare says which of two spans without a parent is rather the root, as span.Batch.Root
// has it.
func (x root) compare(y root) int {
	return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.span, y.span))
}

// NewRoots returns a set with room for the roots of so many traces.
func NewRoots(room int) *Roots {
	return &Roots{room: room, of: make(map[clew.TraceID]root), numbers: make(map[string]uint32)}
}

// Full reports that there was no room for all.
func (r *Roots) Full() bool { return r.full }

// Add adds rows without a parent. Of several of one trace the first is its root, as it is
// of a whole trace. The batch has names, services and ids.
func (r *Roots) Add(b *span.Batch, rows column.Bitmap) {
	for row := range rows.Ones() {
		if r.full {
			return
		}
		id, x := b.TraceIDs[b.Trace[row]], root{start: b.Start[row], span: b.SpanID[row]}
		if old, has := r.of[id]; has && old.compare(x) <= 0 {
			continue
		}
		x.name, x.service = r.number(string(b.Names.At(int(b.Name[row])))), r.number(b.Service(row))
		r.of[id] = x
		if len(r.of) > r.room || r.text > r.room*rootText {
			r.full, r.of, r.numbers, r.texts = true, nil, nil, nil
		}
	}
}

func (r *Roots) number(text string) uint32 {
	n, has := r.numbers[text]
	if !has {
		n = uint32(len(r.texts))
		r.numbers[text], r.texts = n, append(r.texts, text)
		r.text += len(text)
	}
	return n
}

// find returns the root of a trace, which is the first of all ids that meet the trace's own:
// a 64-bit id meets each 128-bit form of it.
func (r *Roots) find(id clew.TraceID) (x root, ok bool) {
	x, ok = r.of[id]
	other, has := r.of[clew.MakeTraceID(0, id.Low())]
	if id.High() == 0 {
		other, has = r.long()[id.Low()]
	}
	if has && (!ok || other.compare(x) < 0) {
		return other, true
	}
	return x, ok
}

// long returns the first roots of 128-bit ids, by the low half of these.
func (r *Roots) long() map[uint64]root {
	if r.low == nil {
		r.low = make(map[uint64]root)
		for id, x := range r.of {
			if old, has := r.low[id.Low()]; id.High() != 0 && (!has || x.compare(old) < 0) {
				r.low[id.Low()] = x
			}
		}
	}
	return r.low
}

// value returns what the root of a trace has for a field; false if that is nothing.
func (r *Roots) value(id clew.TraceID, f span.Intrinsic) (v clew.Value, ok bool) {
	x, ok := r.find(id)
	if !ok {
		return v, false
	}
	if f == span.RootName {
		return clew.StringValue(r.texts[x.name]), true
	}
	service := r.texts[x.service]
	return clew.StringValue(service), service != ""
}

// roots counts by the names of the roots of rows' traces.
func (c *Counter) roots() {
	for _, f := range []span.Intrinsic{span.RootName, span.RootService} {
		a := c.attribute(span.Field{Intrinsic: f})
		c.table = blank(c.table, len(c.b.TraceIDs))
		runs(c, c.b.Trace, func(trace, place uint32, rows *Sums) {
			n := &c.table[trace]
			if *n == unnumbered {
				*n = absent
				if v, ok := c.Roots.value(c.b.TraceIDs[trace], f); ok {
					*n = c.number(a, v)
				}
			}
			switch {
			case *n == absent:
			case a.gone():
				c.tally(a, unknown, place, rows)
			default:
				c.tally(a, *n, place, rows)
			}
		})
	}
}
