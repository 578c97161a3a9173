package places

import (
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

func TestLists(t *testing.T) {
	var l Lists
	l.Build([]uint32{1, 0, 1, 2, 0}, []uint32{4, 3, 2, 1, 0}, 4)
	for trace, want := range [][]uint32{{0, 3}, {2, 4}, {1}, {}} {
		if got := l.Rows(trace); !slices.Equal(got, want) {
			t.Errorf("trace %d has rows %v, want %v", trace, got, want)
		}
	}
}

// TestListsOfBlock lists rows by traces, and by the only one.
func TestListsOfBlock(t *testing.T) {
	var l Lists
	for _, c := range []struct {
		trace []uint32
		want  [][]uint32
	}{
		{[]uint32{1, 0, 1, 2, 0}, [][]uint32{{1, 4}, {0, 2}, {3}, {}}},
		{[]uint32{0, 0, 0}, [][]uint32{{0, 1, 2}}},
		{[]uint32{0}, [][]uint32{{0}}},
	} {
		l.BuildAll(c.trace, len(c.want))
		for trace, want := range c.want {
			if got := l.Rows(trace); !slices.Equal(got, want) {
				t.Errorf("of %v trace %d has rows %v, want %v", c.trace, trace, got, want)
			}
		}
	}
}

// TestOwn numbers the traces that rows are of anew.
func TestOwn(t *testing.T) {
	list := make([]byte, 5*16)
	for i := range 5 {
		list[16*i] = byte(i)
	}
	trace := []uint32{3, 1, 3, 4, 1}
	ids, scratch := Own([]clew.TraceID{{9}}, trace, list, []uint32{7, 7})
	if want := []uint32{1, 2, 1, 3, 2}; !slices.Equal(trace, want) || !slices.Equal(ids, []clew.TraceID{{9}, {3}, {1}, {4}}) || len(scratch) != 5 {
		t.Errorf("rows are of %v, want %v, among %v", trace, want, ids)
	}
}

// TestParents finds the parents of the rows of two of three traces; of the third, whose
// codes point nowhere, nothing is told.
func TestParents(t *testing.T) {
	trace := []uint32{0, 1, 2, 0, 2, 1, 0}
	codes := []uint32{None, 77, First + 1, First, Elsewhere, 77, First + 1}
	var l Lists
	for range 2 { // in memory that is used already
		l.BuildSome([]uint32{0, 2, 3, 4, 6}, trace, 3)
		got, err := l.Parents([]int32{9, 9, 9, 9, 9, 9, 9}, []uint32{0, 2, 3, 4, 6}, trace, codes)
		if want := []int32{span.NoParent, span.NoParent, 4, 0, span.LostParent, span.NoParent, 3}; err != nil || !slices.Equal(got, want) {
			t.Errorf("parents %v, %v; want %v", got, err, want)
		}
	}
	codes[6] = First + 3
	if _, err := l.Parents(nil, []uint32{0, 2, 3, 4, 6}, trace, codes); err == nil {
		t.Error("a parent at the fourth place of three is none that is wrong")
	}
}

// TestFinder looks ids up in traces on either side of fewSpans; every tenth id is that
// of the row before it.
func TestFinder(t *testing.T) {
	f := NewFinder()
	for _, n := range []int{1, 9, fewSpans, fewSpans + 1, 1000, 3} {
		rows, ids := make([]uint32, n), make([]uint64, n)
		for i := range rows {
			rows[i] = uint32(n + i)
			if ids[i] = uint64(i+1) << 40; i%10 == 5 {
				ids[i] = ids[i-1]
			}
		}
		f.Load(rows, append(make([]uint64, n), ids...))
		var twice []uint32
		for i, id := range ids {
			first := slices.Index(ids, id)
			if got, want := f.Code(id), First+uint32(first); got != want {
				t.Fatalf("of %d: code of %d is %d, want %d", n, i, got, want)
			}
			if first != i {
				twice = append(twice, uint32(first), uint32(i))
			}
		}
		if got := f.Twice; !slices.Equal(got, twice) {
			t.Errorf("of %d: %v occur twice, want %v", n, got, twice)
		}
		if none, other := f.Code(0), f.Code(7); none != None || other != Elsewhere {
			t.Errorf("of %d: codes of no id and of an unknown one are %d, %d", n, none, other)
		}
	}
}
