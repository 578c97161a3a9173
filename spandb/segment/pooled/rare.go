package pooled

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew/span"
)

// A Rule says which columns are pooled: in Rows rows or more those with values in fewer
// than one of Share, and the rarest of more than Own.
type Rule struct{ Rows, Share, Own int }

// Rare tells which columns are pooled, of so many rows, and whether any is.
func (r Rule) Rare(a *span.Attrs, rows int) (rare []bool, some bool) {
	var own []int
	rare = make([]bool, len(a.Columns))
	for i := range a.Columns {
		n := len(a.Columns[i].Rows)
		switch {
		case n == 0:
		case rows >= r.Rows && n*r.Share < rows:
			rare[i], some = true, true
		default:
			own = append(own, i)
		}
	}
	if len(own) > r.Own {
		slices.SortFunc(own, func(x, y int) int {
			return cmp.Or(cmp.Compare(len(a.Columns[y].Rows), len(a.Columns[x].Rows)), cmp.Compare(x, y))
		})
		for _, i := range own[r.Own:] {
			rare[i], some = true, true
		}
	}
	return rare, some
}
