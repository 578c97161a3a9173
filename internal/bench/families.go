package bench

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/usage"
	"github.com/clew-tracing/clew/vfs"
)

// families returns the bytes per span of each column family of the stores in the
// given folders; nil if one of them is no store of clew's.
func families(paths []string, spans int) (map[string]float64, error) {
	all := make(map[string]float64)
	for _, dir := range paths {
		use, err := usage.Of(vfs.OS(), dir)
		if clew.KindOf(err) == clew.NotFound {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("measure disk: %w", err)
		}
		for family, bytes := range use {
			all[string(family)] += perSpan(float64(bytes), spans)
		}
	}
	return all, nil
}

// printFamilies shows the medians over all runs, the largest first.
func (b *report) printFamilies(text *strings.Builder) {
	values := make(map[string][]float64)
	for _, r := range b.Runs {
		for family, v := range r.DiskFamilies {
			values[family] = append(values[family], v)
		}
	}
	type row struct {
		name              string
		low, middle, high float64
	}
	rows := make([]row, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		r := row{name: name}
		r.low, r.middle, r.high = spread(values[name])
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return
	}
	slices.SortStableFunc(rows, func(x, y row) int { return cmp.Compare(y.middle, x.middle) })
	text.WriteString("\n")
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "disk by column family, B/span\tmedian\tleast\tmost\t\n")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%.3f\t%.3f\t%.3f\t\n", r.name, r.middle, r.low, r.high)
	}
	_ = table.Flush() // into memory
}
