package v1

import (
	"testing"
	"time"

	"github.com/clew-tracing/clew"
)

// TestSeconds says by how many seconds a rate is divided: those that have passed, of a
// minute that has not ended, too.
func TestSeconds(t *testing.T) {
	const second = clew.UnixNanos(time.Second)
	at := func(seconds clew.UnixNanos) clew.UnixNanos { return 1_000_000*second + seconds*second }
	for _, c := range []struct {
		name     string
		start    clew.UnixNanos
		from, to clew.UnixNanos
		step     time.Duration
		now      clew.UnixNanos
		want     float64
	}{
		{"a window that is over", at(0), at(0), at(120), 0, at(500), 120},
		{"a window that ends with the minute", at(0), at(0), at(120), 0, at(70), 70},
		{"a step that is over", at(60), at(0), at(300), time.Minute, at(130), 60},
		{"the step that is now", at(120), at(0), at(300), time.Minute, at(130), 10},
		{"the last step, cut by the window", at(240), at(0), at(270), time.Minute, at(500), 30},
		{"a step of an open window", at(60), 0, 0, time.Minute, at(70), 10},
		{"an open window", at(0), at(0), 0, 0, at(70), 0},
		{"all of time", 0, 0, at(120), 0, at(500), 0},
		{"a clock that is ahead", at(120), at(0), at(300), time.Minute, at(100), 0},
	} {
		if got := secondsOf(c.start, clew.Window{Start: c.from, End: c.to}, c.step, c.now); got != c.want {
			t.Errorf("%s: %v s, want %v", c.name, got, c.want)
		}
	}
}
