package console

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// sparkWidth is how wide a Line is drawn, and nameWidth how wide its name may be before
// it pushes the rest aside.
const (
	sparkWidth = 48
	nameWidth  = 48
)

// Line is a series of numbers, NaN where there is none.
type Line struct {
	Name   string
	Points []float64
	// Errors are the standard errors of points that are estimated; none: exact.
	Errors []float64
}

// DrawLines draws lines on one scale, those of the greatest numbers first, each with its
// least, greatest and last number; behind the last ± its standard error, if one is estimated.
func DrawLines(w io.Writer, lines []Line) error {
	least, most, width := 0.0, math.Inf(-1), len("SERIES")
	for i := range lines {
		lo, hi, _ := lines[i].extent()
		least, most = min(least, lo), max(most, hi)
		lines[i].Name = Printable(lines[i].Name)
		width = min(max(width, len([]rune(lines[i].Name))), nameWidth)
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		_, x, _ := a.extent()
		_, y, _ := b.extent()
		return cmp.Compare(y, x)
	})
	estimated, heading := slices.ContainsFunc(lines, func(l Line) bool { return len(l.Errors) > 0 }), ""
	if estimated {
		heading = fmt.Sprintf("  %-11s", "± ERROR")
	}
	if _, err := fmt.Fprintf(w, "%-*s  %10s  %10s  %10s%s\n", width, "SERIES", "LEAST", "GREATEST", "LAST", heading); err != nil {
		return err
	}
	for i := range lines {
		lo, hi, last := lines[i].extent()
		spark := Spark(lines[i].Points, sparkWidth, least, most)
		doubt := ""
		if estimated {
			doubt = fmt.Sprintf("  %-11s", lines[i].doubt())
		}
		if _, err := fmt.Fprintf(w, "%-*s  %10s  %10s  %10s%s  %s\n", width, lines[i].Name, short(lo), short(hi), short(last), doubt, spark); err != nil {
			return err
		}
	}
	return nil
}

// extent returns the least, the greatest and the last number.
func (l *Line) extent() (least, most, last float64) {
	least, most, last = math.Inf(1), math.Inf(-1), math.NaN()
	for _, p := range l.Points {
		if p == p {
			least, most, last = min(least, p), max(most, p), p
		}
	}
	return least, most, last
}

// doubt is the standard error of the last number.
func (l *Line) doubt() string {
	for i := len(l.Points) - 1; i >= 0; i-- {
		if l.Points[i] == l.Points[i] && i < len(l.Errors) {
			return "± " + short(l.Errors[i])
		}
	}
	return ""
}

// short writes a number in at most ten characters.
func short(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// bars are the heights of a Spark, from the least.
var bars = []rune("▁▂▃▄▅▆▇█")

// Spark draws points as a line of bars at most width wide, from least, the lowest bar, to
// most. Where there are more points than width, a bar is the greatest of its points; a
// point that is not there is a space.
func Spark(points []float64, width int, least, most float64) string {
	n := min(len(points), width)
	var b strings.Builder
	for i := range n {
		v := math.NaN()
		for _, p := range points[i*len(points)/n : (i+1)*len(points)/n] {
			if p == p && !(v > p) {
				v = p
			}
		}
		switch {
		case v != v:
			b.WriteByte(' ')
		case most <= least:
			b.WriteRune(bars[0])
		default:
			b.WriteRune(bars[min(int((v-least)/(most-least)*float64(len(bars))), len(bars)-1)])
		}
	}
	return b.String()
}
