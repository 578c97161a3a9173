package prom

import "time"

const (
	minute = int64(time.Minute / time.Millisecond)
	day    = 24 * 60 * minute
)

// A grid is when the samples of a selector lie, in milliseconds.
//
// A counter starts at 0 with each day of UTC. A sample stands at the end of each period,
// a minute or some of them, and has what has started in the day before: that of midnight
// is the last of the day that ends. A millisecond later is room for the 0 of counters that
// were not there then. In the minute that is running the last sample stands at the moment
// that is asked for, or now.
type grid struct {
	times []int64
	first []int32 // of each sample, the first one of its day
	asks  []ask
	// yield, where not nil, is called between series: see package cores.
	yield func()
}

// ask is what has to be counted for a grid: the rows that start from start to end belong
// to sample at, those of each further step to the next one.
type ask struct {
	start, end int64
	step       int64 // 0: all is one
	at         int32
}

// newGrid returns the samples from mint to maxt that there can be now.
func newGrid(mint, maxt, now, period int64) *grid {
	g := &grid{}
	last := min(maxt, now)
	for d := floor(mint-1, day); d < last; d += day {
		g.day(d, max(mint, d+1), min(last, d+day), period, floor(last, minute) == floor(now, minute))
	}
	return g
}

// day adds the samples from mint to maxt, which are in the day that starts at d or at
// its end. running says that now is in the minute of maxt.
func (g *grid) day(d, mint, maxt, period int64, running bool) {
	first := int32(len(g.times))
	defer func() {
		for int(first) < len(g.times) && len(g.first) < len(g.times) {
			g.first = append(g.first, first)
		}
	}()
	if d+1 >= mint {
		g.times = append(g.times, d+1)
	}
	from := d // the end of the last window
	if end := max(d+period, -floor(-mint, period)); end <= maxt {
		if end > d+period { // what was before, in the day
			g.asks = append(g.asks, ask{d, end, 0, int32(len(g.times))})
			g.times = append(g.times, end)
			from, end = end, end+period
		}
		if end <= maxt {
			steps := (maxt-end)/period + 1
			g.asks = append(g.asks, ask{from, from + steps*period, period, int32(len(g.times))})
			for ; end <= maxt; end += period {
				g.times = append(g.times, end)
				from = end
			}
		}
	}
	g.rest(from, mint, maxt, running)
}

// rest adds the last whole minutes and the running one.
func (g *grid) rest(from, mint, maxt int64, running bool) {
	if whole := floor(maxt, minute); whole > from && whole >= mint {
		g.asks = append(g.asks, ask{from, whole, 0, int32(len(g.times))})
		g.times = append(g.times, whole)
		from = whole
	}
	if maxt > from && running && maxt%minute != 0 {
		g.asks = append(g.asks, ask{from, floor(maxt, minute) + minute, 0, int32(len(g.times))})
		g.times = append(g.times, maxt)
	}
}

// floor returns the greatest multiple of unit that is not above t.
func floor(t, unit int64) int64 {
	if m := t % unit; m < 0 {
		return t - m - unit
	} else {
		return t - m
	}
}

// periods are the distances that samples may have.
var periods = []int64{1, 2, 5, 10, 15, 30, 60}

// periodOf returns how far apart samples are of a query over some time whose steps, if it
// has any, and the range of whose selector are so long.
func periodOf(length, step, span int64) int64 {
	most := lookback.Milliseconds() // so that there is always a sample to look back to
	if span > 0 {
		most = span / perRange
	}
	if step > 0 {
		most = min(most, step)
	}
	out := minute
	for _, p := range periods {
		if p *= minute; p <= most {
			out = p
		}
		if length/out <= wantedSamples {
			break
		}
	}
	return out
}
