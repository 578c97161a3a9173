package prom

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/sketch"
)

// TestGrid writes samples and asks in minutes of the third day: 0 is its start.
func TestGrid(t *testing.T) {
	const origin = 2 * day
	at := func(ms int64) string {
		ms -= origin
		if rest := ms - floor(ms, minute); rest != 0 {
			return fmt.Sprintf("%d+%dms", floor(ms, minute)/minute, rest)
		}
		return fmt.Sprint(ms / minute)
	}
	for _, c := range []struct {
		name             string
		mint, maxt, now  int64 // in ms of the day
		period           int64 // in minutes
		times, asks, day string
	}{
		{"minutes of the past", 3 * minute, 5*minute + 30_000, day, 1, "3 4 5", "0-3/0@0 3-5/1@1", "0 0 0"},
		{"from the first on", 1 * minute, 2 * minute, day, 1, "1 2", "0-2/1@0", "0 0"},
		{"the running minute", 4*minute + 1, 5*minute + 30_000, 5*minute + 40_000, 1, "5 5+30000ms", "0-5/0@0 5-6/0@1", "0 0"},
		{"later than now", 4*minute + 1, 9 * minute, 5*minute + 40_000, 1, "5 5+40000ms", "0-5/0@0 5-6/0@1", "0 0"},
		{"now is a whole minute", 4*minute + 1, 9 * minute, 6 * minute, 1, "5 6", "0-5/0@0 5-6/1@1", "0 0"},
		{"in one minute", 5*minute + 10_000, 5*minute + 20_000, 5*minute + 40_000, 1, "5+20000ms", "0-6/0@0", "0"},
		{"in one minute of the past", 5*minute + 10_000, 5*minute + 20_000, day, 1, "", "", ""},
		{"over midnight", -minute, minute, day, 1, "-1 0 0+1ms 1", "-1440--1/0@0 -1-0/1@1 0-1/1@3", "0 0 2 2"},
		{"from midnight on", 0, minute, day, 1, "0 0+1ms 1", "-1440-0/0@0 0-1/1@2", "0 1 1"},
		{"from past midnight on", 1, minute, day, 1, "0+1ms 1", "0-1/1@1", "0 0"},
		{"midnight is now", -minute, 0, 0, 1, "-1 0", "-1440--1/0@0 -1-0/1@1", "0 0"},
		{"the first seconds of a day", -1, 20_000, 30_000, 1, "0 0+1ms 0+20000ms", "-1440-0/0@0 0-1/0@2", "0 1 1"},
		{"periods", 12 * minute, 33 * minute, day, 10, "20 30 33", "0-20/0@0 20-30/10@1 30-33/0@2", "0 0 0"},
		{"periods and the running minute", 12 * minute, 33*minute + 500, 33*minute + 600, 10, "20 30 33 33+500ms", "0-20/0@0 20-30/10@1 30-33/0@2 33-34/0@3", "0 0 0 0"},
		{"less than a period", 12 * minute, 15 * minute, day, 10, "15", "0-15/0@0", "0"},
		{"periods over midnight", -5 * minute, 12 * minute, day, 10, "0 0+1ms 10 12", "-1440-0/0@0 0-10/10@2 10-12/0@3", "0 1 1 1"},
		{"nothing yet", 7 * minute, 9 * minute, 5 * minute, 1, "", "", ""},
	} {
		g := newGrid(origin+c.mint, origin+c.maxt, origin+c.now, c.period*minute)
		var times, asks, days []string
		for i, ms := range g.times {
			times, days = append(times, at(ms)), append(days, fmt.Sprint(g.first[i]))
		}
		for _, a := range g.asks {
			asks = append(asks, fmt.Sprintf("%s-%s/%d@%d", at(a.start), at(a.end), a.step/minute, a.at))
		}
		if have := strings.Join(times, " "); have != c.times {
			t.Errorf("%s: samples %q, want %q", c.name, have, c.times)
		}
		if have := strings.Join(asks, " "); have != c.asks {
			t.Errorf("%s: asks %q, want %q", c.name, have, c.asks)
		}
		if have := strings.Join(days, " "); have != c.day {
			t.Errorf("%s: first of the day %q, want %q", c.name, have, c.day)
		}
	}
}

func TestPeriodOf(t *testing.T) {
	const hour = 60 * minute
	for _, c := range []struct{ length, step, span, want int64 }{
		{hour, 0, 0, 1},
		{8 * hour, 15_000, 0, 1},
		{24 * hour, hour, 0, 5},          // no more than is looked back
		{24 * hour, 2 * minute, 0, 2},    // no more than a step
		{24 * hour, hour, 5 * minute, 1}, // of which five are in a range
		{24 * hour, 0, 24 * hour, 5},     // a rate over all
		{30 * 24 * hour, 0, 30 * 24 * hour, 60},
		{30 * 24 * hour, hour, 4 * hour, 15},
	} {
		if have := periodOf(c.length, c.step, c.span); have != c.want*minute {
			t.Errorf("over %d minutes, step %d ms, range %d minutes: %d minutes, want %d", c.length/minute, c.step, c.span/minute, have/minute, c.want)
		}
	}
}

// TestBoundOf holds classic buckets to what they say: no value of a sketch's bucket is
// above the bound, and the one below would not do.
func TestBoundOf(t *testing.T) {
	for _, c := range []struct{ nanos, want uint64 }{
		{1, 0}, {1 << leastBound, 0}, {1<<leastBound + 1, 1}, {1 << (leastBound + 1), 1}, {1<<20 - 1, 3}, {1 << 20, 3}, {1<<20 + 1, 4},
		{1 << mostBound, bounds - 2}, {1<<mostBound + 1, bounds - 1}, {1 << 63, bounds - 1}, {1<<64 - 1, bounds - 1},
	} {
		if have := boundOf(sketch.Index(c.nanos)); have != int32(c.want) {
			t.Errorf("%d ns is in bucket %s, want %s", c.nanos, boundText[have], boundText[c.want])
		}
	}
}
