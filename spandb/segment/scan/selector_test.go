package scan

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// segments are of all forms: of corpora and of odd spans, with presence in shapes and
// explicit, in blocks of many sizes.
func segments(t testing.TB) map[string]*segment.Reader {
	t.Helper()
	odd := [][]byte{storagetest.Body(storagetest.NewGenerator(4).Spans(150, 9)...)}
	all := make(map[string]*segment.Reader)
	for _, c := range []struct {
		name   string
		bodies [][]byte
		s      segment.Sealer
	}{
		{"shop", corpus.Requests(corpus.Shop, 1, 3000, 500), segment.Sealer{}},
		{"wide", corpus.Requests(corpus.Wide, 1, 1500, 500), segment.Sealer{BlockRows: 600}},
		{"shop, explicit", corpus.Requests(corpus.Shop, 2, 1500, 500), segment.Sealer{BlockRows: 700, Shapes: 1}},
		{"odd", odd, segment.Sealer{}},
		{"odd, small blocks", odd, segment.Sealer{BlockRows: 40}},
		{"odd, explicit", odd, segment.Sealer{BlockRows: 300, Shapes: 1}},
		{"shop, pooled", corpus.Requests(corpus.Shop, 3, 1500, 500), segment.Sealer{BlockRows: 700, OwnColumns: 12}},
		{"odd, pooled", odd, segment.Sealer{BlockRows: 300, OwnColumns: 2}},
		{"shop, by trace", corpus.Requests(corpus.Shop, 4, 3000, 500), segment.Sealer{BlockRows: 600, ByTrace: 1}},
		{"wide, by trace", corpus.Requests(corpus.Wide, 4, 3000, 500), segment.Sealer{BlockRows: 600, ByTrace: 1, Shapes: 1}},
		{"odd, by trace", odd, segment.Sealer{BlockRows: 300, ByTrace: 1, Shapes: 1}},
		{"shop, filters", corpus.Requests(corpus.Shop, 5, 3000, 500), segment.Sealer{BlockRows: 600, Filters: 1}},
	} {
		all[c.name] = seal(t, c.bodies, &c.s)
	}
	return all
}

// seal makes a segment of requests.
func seal(t testing.TB, bodies [][]byte, s *segment.Sealer) *segment.Reader {
	t.Helper()
	return open(t, sealed(t, bodies, s))
}

func sealed(t testing.TB, bodies [][]byte, s *segment.Sealer) []byte {
	t.Helper()
	head := build.NewBuilder(0)
	var dec otlp.Decoder
	for _, body := range bodies {
		if _, err := dec.Decode(head, body, otlp.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return slices.Clone(s.Seal(head.View(head.Rows()), segment.Meta{Tenant: "default"}, nil))
}

func open(t testing.TB, data []byte) *segment.Reader {
	t.Helper()
	r, err := segment.Open(bytes.NewReader(data), int64(len(data)), "x.seg")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// plain is a segment with all its rows, block by block.
type plain struct {
	*segment.Reader
	cache  *segment.Cache
	blocks []*span.Batch
	spans  []clew.Span // some
}

func plainOf(t testing.TB, r *segment.Reader) *plain {
	t.Helper()
	p := &plain{Reader: r, cache: new(segment.Cache)}
	for blk := range r.Meta().BlockRows {
		reader := segment.BlockReader{Cache: p.cache}
		b, err := reader.Read(r, blk, &segment.Need{All: true})
		if err != nil {
			t.Fatal(err)
		}
		p.blocks = append(p.blocks, b)
		rows := span.NewRows(b)
		for i := 0; i < b.Rows; i += 1 + b.Rows/40 {
			p.spans = append(p.spans, rows.Span(i))
		}
	}
	return p
}

// naive returns the rows of a block that start within w and meet a condition.
func (p *plain) naive(blk int, where span.Condition, w clew.Window) column.Bitmap {
	b := p.blocks[blk]
	rows := span.NewMatcher(where).Match(b)
	for i := range b.Rows {
		if !w.Contains(clew.UnixNanos(b.Start[i])) {
			rows.Clear(i)
		}
	}
	return rows
}

// check compares a selector with a test of every row.
func (p *plain) check(t *testing.T, where span.Condition, w clew.Window) {
	t.Helper()
	s := New(p.cache, where, w)
	x, err := s.Segment(p.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for blk := range p.Meta().BlockRows {
		want := p.naive(blk, where, w)
		if x == nil || !s.Block(p.Reader, x, blk) {
			if want.Any() {
				t.Fatalf("%v in %v: block %d is left out, but has %d rows (nothing in the segment: %v)", where, w, blk, want.Count(), x == nil)
			}
			continue
		}
		got, err := s.Rows(p.Reader, x, blk)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v in %v, block %d: %d rows %v, want %d rows %v", where, w, blk, got.Count(), got.AppendOnes(nil), want.Count(), want.AppendOnes(nil))
		}
	}
}

func (p *plain) window(r *rand.Rand) clew.Window {
	at := func() clew.UnixNanos {
		b := p.blocks[r.IntN(len(p.blocks))]
		return clew.UnixNanos(b.Start[r.IntN(b.Rows)])
	}
	switch r.IntN(5) {
	case 0:
		return clew.Window{Start: at(), End: at()}
	case 1:
		return clew.Window{Start: at()}
	case 2:
		return clew.Window{End: at()}
	}
	return clew.Window{}
}

// TestSelector tests random conditions on segments of all forms.
func TestSelector(t *testing.T) {
	for name, r := range segments(t) {
		t.Run(name, func(t *testing.T) {
			p := plainOf(t, r)
			rng := rand.New(rand.NewPCG(7, 7))
			g := storagetest.NewGenerator(11)
			for range 400 {
				p.check(t, g.Condition(p.spans, 3), p.window(rng))
			}
			g.Fields = fieldsOf(p)
			for range 400 {
				p.check(t, g.Condition(p.spans, 2), p.window(rng))
			}
		})
	}
}

// fieldsOf lists the attributes that spans of a segment have.
func fieldsOf(p *plain) (fields []span.Field) {
	for _, s := range p.spans {
		for scope, attrs := range map[span.Scope][]clew.Attr{span.ScopeSpan: s.Attrs, span.ScopeAny: s.Attrs, span.ScopeResource: s.Resource.Attrs} {
			for _, a := range attrs {
				if f := (span.Field{Scope: scope, Key: a.Key}); !slices.Contains(fields, f) {
					fields = append(fields, f)
				}
			}
		}
	}
	slices.SortFunc(fields, func(a, b span.Field) int { return cmp.Compare(a.String(), b.String()) })
	return append(fields, span.Field{Intrinsic: span.Duration}, span.Field{Intrinsic: span.Name}, span.Field{Intrinsic: span.StatusCode})
}

// TestSelectorEdges tests comparisons at the edges of what an int can be, on
// durations and on attributes, and what asks for nothing or for all.
func TestSelectorEdges(t *testing.T) {
	const least, most = -1 << 63, 1<<63 - 1
	values := []int64{least, least + 1, -2, -1, 0, 1, 2, 20_000_000, most - 1, most}
	var spans []clew.Span
	for i, v := range values {
		spans = append(spans, clew.Span{
			TraceID: clew.MakeTraceID(1, uint64(1+i/3)), SpanID: clew.SpanID(i + 1), Name: fmt.Sprint("n", i%2), Start: clew.UnixNanos(1000 * i), End: clew.UnixNanos(uint64(1000*i) + uint64(v)),
			Attrs:    []clew.Attr{{Key: "v", Value: clew.IntValue(v)}, {Key: "s", Value: clew.StringValue(fmt.Sprint(i % 3))}, {Key: "b", Value: clew.BoolValue(i%2 == 0)}}[:i%4],
			Resource: &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(fmt.Sprint("s", i%2))}, {Key: "pod", Value: clew.IntValue(int64(i % 4))}, {Key: "s", Value: clew.StringValue("0")}}},
			Scope:    &clew.Scope{},
		})
	}
	body := [][]byte{storagetest.Body(spans...)}
	for _, shapes := range []int{0, 1} {
		p := plainOf(t, seal(t, body, &segment.Sealer{BlockRows: 4, Shapes: shapes}))
		fields := []span.Field{{Intrinsic: span.Duration}, {Intrinsic: span.Start}, {Scope: span.ScopeSpan, Key: "v"}, {Scope: span.ScopeAny, Key: "v"}, {Scope: span.ScopeResource, Key: "pod"}}
		for _, f := range fields {
			for op := span.Eq; op <= span.Ge; op++ {
				for _, v := range append(values, 3, 1000, 5000) {
					p.check(t, span.Compare(f, op, clew.IntValue(v)), clew.Window{})
					p.check(t, span.Compare(f, op, clew.DoubleValue(float64(v))), clew.Window{})
				}
				p.check(t, span.Compare(f, op, clew.StringValue("1")), clew.Window{})
			}
			p.check(t, span.Has(f), clew.Window{})
			p.check(t, span.Negate(span.Has(f)), clew.Window{})
		}
		text := []span.Field{{Scope: span.ScopeSpan, Key: "s"}, {Scope: span.ScopeAny, Key: "s"}, {Scope: span.ScopeResource, Key: "service.name"}, {Intrinsic: span.Name}}
		for _, f := range text {
			for _, v := range []string{"", "0", "1", "s1", "n0", "x"} {
				for op := span.Eq; op <= span.Ge; op++ {
					p.check(t, span.Compare(f, op, clew.StringValue(v)), clew.Window{})
				}
			}
			for op := span.Match; op <= span.NotMatch; op++ {
				p.check(t, span.Matches(f, op, regexp.MustCompile("^(?:[s0].*)$")), clew.Window{})
			}
		}
		for _, w := range []clew.Window{{}, {Start: 3000}, {End: 3000}, {Start: 3000, End: 3001}, {Start: 3000, End: 3000}, {Start: 4000, End: 3000}, {Start: 1 << 63}} {
			for _, c := range []span.Condition{{}, span.AllOf(), span.AnyOf(), span.Negate(span.AnyOf()), span.Negate(span.Condition{}),
				span.Compare(fields[0], span.Gt, clew.IntValue(0)), span.Compare(span.Field{Scope: span.ScopeSpan, Key: "b"}, span.Eq, clew.BoolValue(true))} {
				p.check(t, c, w)
			}
		}
	}
}
