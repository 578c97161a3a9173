package shapes

import (
	"reflect"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/span"
)

var some = Limits{Lists: 10, Elements: 100}

func TestShapes(t *testing.T) {
	lists := [][]uint32{{2, 0}, {}, {0, 1, 3}, {3}}
	got, err := Parse(AppendLoose(nil, lists, []bool{false, false, true, false}), 4, some)
	if err != nil {
		t.Fatal(err)
	}
	want := Shapes{
		Lists: lists, Node: []uint32{2, 0, span.NoCode, 3}, Partial: []bool{true, true, false, true},
		Forest: span.Shapes{Parent: []uint32{span.NoCode, 0, 1, 0}, Column: []uint32{span.NoCode, 2, 0, 3}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Parse = %+v\nwant    %+v", got, want)
	}
	none, all := uint32(0), ^uint32(0)
	if got, want := got.Having(0), []uint32{all, none, all, none}; !reflect.DeepEqual(got, want) {
		t.Errorf("Having(0) = %v, want %v", got, want)
	}
	if got, err := Parse(Append(nil, lists[:2]), 4, some); err != nil || len(got.Lists) != 2 {
		t.Errorf("without loose lists: %+v, %v", got, err)
	}
}

func TestDamage(t *testing.T) {
	for _, c := range []struct {
		src  []byte
		want string
	}{
		{nil, ""},
		{Append(nil, [][]uint32{{0, 4}}), "column 4 of 4"},
		{Append(nil, [][]uint32{{1, 1}}), "column 1 twice"},
		{Append(nil, make([][]uint32, 11)), ""},
		{Append(nil, [][]uint32{make([]uint32, 101)}), ""},
		{AppendLoose(nil, [][]uint32{{1}, {2}}, []bool{true}), "2 shapes, 1 of them"},
	} {
		if _, err := Parse(c.src, 4, some); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%x) fails with %v, want %q", c.src, err, c.want)
		}
	}
}
