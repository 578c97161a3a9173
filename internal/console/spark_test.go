package console

import (
	"math"
	"testing"
)

func TestSpark(t *testing.T) {
	none := math.NaN()
	f := func(want string, width int, points ...float64) {
		t.Helper()
		if got := Spark(points, width, 0, 8); got != want {
			t.Errorf("%v: %q, want %q", points, got, want)
		}
	}
	f("", 10)
	f("▁▂▃▄▅▆▇██", 10, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	f("▁ █", 10, 0, none, 8)
	f("▂▄█", 3, 1, none, 3, 2, 4, 8)
	f(" ▅", 2, none, none, 4, none)
	if got := Spark([]float64{3, 3}, 5, 3, 3); got != "▁▁" {
		t.Errorf("a level line is %q", got)
	}
}
