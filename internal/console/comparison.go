package console

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// comparedRows is how many values DrawComparison shows: a screen full of them.
const comparedRows = 40

// Tally is one number of a comparison of two groups of spans: how many of a group have a
// value of an attribute.
type Tally struct {
	// Of is baseline or selection; baseline_total or selection_total of those that have
	// the attribute; something else where the attribute has more values than are told.
	Of, Attribute, Value string
	Spans                float64
}

// tallied are the groups, by what numbers are of.
var tallied = [2]string{"baseline", "selection"}

// compared is a value of an attribute, and how many spans of both groups have it; NaN where
// that is not told, since others are more frequent.
type compared struct {
	attribute, value string
	spans            [2]float64
}

// shares are the parts of two groups of so many spans.
func (c *compared) shares(of [2]float64) (s [2]float64) {
	for g := range s {
		if s[g] = c.spans[g] / of[g]; s[g] != s[g] {
			s[g] = 0
		}
	}
	return s
}

// compare puts the numbers of both groups side by side, and tells how many spans they have.
// A value of which a group tells nothing is in none of its spans, unless there are more
// than are told.
func compare(list []Tally) (of [2]float64, values []compared) {
	places := make(map[[2]string]int)
	more := make(map[string]bool)
	for _, t := range list {
		known := false
		for g, group := range tallied {
			switch t.Of {
			case group + "_total":
				of[g], known = max(of[g], t.Spans), true // all spans have a name
			case group:
				at, ok := places[[2]string{t.Attribute, t.Value}]
				if !ok {
					at = len(values)
					places[[2]string{t.Attribute, t.Value}] = at
					values = append(values, compared{t.Attribute, t.Value, [2]float64{math.NaN(), math.NaN()}})
				}
				values[at].spans[g], known = t.Spans, true
			}
		}
		more[t.Attribute] = more[t.Attribute] || !known
	}
	for i := range values {
		for g, n := range values[i].spans {
			if n != n && !more[values[i].attribute] {
				values[i].spans[g] = 0
			}
		}
	}
	return of, values
}

// DrawComparison draws the values whose shares of the two groups differ the most.
func DrawComparison(w io.Writer, list []Tally) error {
	of, values := compare(list)
	slices.SortStableFunc(values, func(a, b compared) int {
		x, y := a.shares(of), b.shares(of)
		return cmp.Or(cmp.Compare(math.Abs(y[0]-y[1]), math.Abs(x[0]-x[1])), cmp.Compare(a.attribute, b.attribute), cmp.Compare(a.value, b.value))
	})
	shown := values[:min(len(values), comparedRows)]
	width, texts := len("VALUE"), make([]string, len(shown))
	for i := range shown {
		texts[i] = Printable(shown[i].attribute + "=" + shown[i].value)
		width = min(max(width, len([]rune(texts[i]))), nameWidth)
	}
	if _, err := fmt.Fprintf(w, "%-*s  %20s  %20s\n", width, "VALUE", "BASELINE", "SELECTION"); err != nil {
		return err
	}
	for i := range shown {
		var cells [2]string
		for g, share := range shown[i].shares(of) {
			if cells[g] = "-"; shown[i].spans[g] == shown[i].spans[g] {
				cells[g] = fmt.Sprintf("%s (%.1f %%)", strconv.FormatFloat(shown[i].spans[g], 'f', -1, 64), 100*share)
			}
		}
		if _, err := fmt.Fprintf(w, "%-*s  %20s  %20s\n", width, texts[i], cells[0], cells[1]); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d of %d values, those that differ the most first\n", len(shown), len(values))
	return err
}
