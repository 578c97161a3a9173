package load

import (
	"slices"
	"time"
)

// Latency holds every acknowledgement's duration, so that its quantiles are
// exact: 8 bytes for some 500 spans.
type Latency struct {
	all []time.Duration // ascending
}

func (l *Latency) sort() { slices.Sort(l.all) }

// Count is how many acknowledgements there were.
func (l *Latency) Count() int { return len(l.all) }

// Quantile returns the smallest duration that a share q of all do not exceed;
// 0 if there are none. q is clamped to 0…1.
func (l *Latency) Quantile(q float64) time.Duration {
	if len(l.all) == 0 {
		return 0
	}
	i := int(q*float64(len(l.all))+0.9999999) - 1
	return l.all[min(max(i, 0), len(l.all)-1)]
}

// Max returns the longest.
func (l *Latency) Max() time.Duration { return l.Quantile(1) }
