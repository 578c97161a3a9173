package meta

import "testing"

// TestMetaOverflow reads metas whose numbers would overflow when added or
// converted.
func TestMetaOverflow(t *testing.T) {
	for _, m := range []Meta{
		{Tenant: "x", Rows: 5, BlockRows: []int{-1 << 63, -1<<63 + 5}},
		{Tenant: "x", Rows: -1},
		{Tenant: "x", Rows: 1, Traces: -1, BlockRows: []int{1}},
		{Tenant: "x", Rows: MaxRows + 1, BlockRows: []int{MaxRows + 1}},
		{Tenant: "../x", Rows: 1, BlockRows: []int{1}},
	} {
		if got, err := Parse(m.Append(nil)); err == nil {
			t.Errorf("%+v is taken as %+v", m, got)
		}
	}
	good := Meta{Tenant: "x", Rows: 5, Traces: 2, MinStart: 1, MaxStart: 1<<64 - 1, BlockRows: []int{2, 3}}
	if got, err := Parse(good.Append(nil)); err != nil || got.Rows != 5 || len(got.BlockRows) != 2 {
		t.Errorf("%+v read as %+v, %v", good, got, err)
	}
}
