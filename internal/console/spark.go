package console

import (
	"math"
	"strings"
)

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
