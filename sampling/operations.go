package sampling

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
)

// Operation names what a trace begins with: a service, and a span of it.
type Operation struct{ Service, Name string }

// operation is what is known of one, and with a budget the rate that its service's clients are
// told. Lists begin with what is newest.
//
// How many requests it has is not seen, only how many traces were begun; and at which of the
// rates that were told last a client began them is not known either, since clients ask now and
// then. So each step has a range of what the traffic may be, of counts and of rates, and a
// rate stays as long as it is right for some traffic in it. The range of a step is wide: it tells
// of what is quite different at once. That of many steps together is narrow, and counts where it
// is not at odds with what is newer.
type operation struct {
	rate  float64
	seen  time.Time
	steps int                       // that were counted, maxHorizon at most
	kept  [maxHorizon]uint32        // traces that were begun
	rates [maxHorizon + lag]float32 // that were told
}

func newOperation(rate float64, now time.Time) *operation {
	o := &operation{rate: rate, seen: now}
	for i := range o.rates {
		o.rates[i] = float32(rate)
	}
	return o
}

// count takes how many traces were begun in a step, and finds the rate for a budget. unseen is
// the rate that those have of which nothing is known.
func (o *operation) count(kept int, budget, unseen float64, now time.Time) {
	copy(o.kept[1:], o.kept[:])
	copy(o.rates[1:], o.rates[:])
	o.kept[0], o.rates[0] = uint32(min(kept, math.MaxUint32)), float32(o.rate)
	o.steps = min(o.steps+1, maxHorizon)
	if kept > 0 {
		o.seen = now
	}
	lo, hi := 0.0, math.Inf(1) // of the rates that may be right
	rate, guess, sum, counted := o.rate, 0.0, 0.0, 0
	for horizon := 1; horizon <= o.steps; horizon *= 2 {
		for ; counted < horizon; counted++ {
			sum += float64(o.kept[counted])
		}
		least, most, mean := told(o.rates[:horizon+lag])
		wanted := budget * float64(horizon) * Step.Seconds()
		from, to := wanted*least/(sum+2*math.Sqrt(sum)+2), math.Inf(1)
		if few := sum - 2*math.Sqrt(sum); few > 0 {
			to = wanted * most / few
		}
		if max(lo, from) > min(hi, to) {
			break
		}
		lo, hi = max(lo, from), min(hi, to)
		switch {
		case rate < lo:
			if rate = wanted * least / max(1, sum); sum == 0 { // traffic that stopped may come back as it was
				rate = min(rate, max(o.rate, unseen))
			}
		case rate > hi:
			rate = wanted * most / sum
		}
		if sum > 0 && (guess == 0 || sum <= enough) {
			guess = wanted * mean / sum
		}
	}
	if rate == o.rate && guess > 0 {
		rate *= math.Pow(guess/rate, drift)
	}
	o.rate = max(minRate, min(1, rate, 2*o.rate))
}

// told returns the least, the greatest and the mean of rates.
func told(rates []float32) (least, most, mean float64) {
	least = math.Inf(1)
	for _, x := range rates {
		r := float64(x)
		least, most, mean = min(least, r), max(most, r), mean+r/float64(len(rates))
	}
	return least, most, mean
}

// ofOperation returns the rule that an operation is of, by what Jaeger's clients know: see
// Book.Strategy. nil is none.
func (t *tenant) ofOperation(o Operation) *record {
	for _, r := range t.records {
		if r.Rule.tells(o.Service) && r.Rule.about(o.Name) {
			return r
		}
	}
	return nil
}

// Counting returns the tenants whose services ask for strategies in which operations are named
// that have to be known, and which services those are: what Count wants to be told of. Of the
// others it forgets what is over.
func (b *Book) Counting(now time.Time) map[clew.Tenant][]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[clew.Tenant][]string{}
	for name, own := range b.tenants {
		b.held.services -= len(own.asked)
		maps.DeleteFunc(own.asked, func(_ string, at time.Time) bool { return now.Sub(at) > forget })
		b.held.services += len(own.asked)
		if len(own.asked) > 0 && own.counted() {
			out[name] = slices.Sorted(maps.Keys(own.asked))
			continue
		}
		b.learning = own.forget(now, &b.held) || b.learning
	}
	return out
}

func (t *tenant) counted() bool {
	return slices.ContainsFunc(t.records, func(r *record) bool { return r.Rule.counted() })
}

// Count takes how many traces began in the last Step with which operations, of the services
// that Counting tells; those of which there are none began none. It finds the rates for what
// has a budget.
func (b *Book) Count(t clew.Tenant, began map[Operation]int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := b.tenants[t]
	if own == nil {
		return
	}
	b.learning = own.forget(now, &b.held) || b.learning
	known := map[Operation]bool{}
	for _, r := range own.records {
		for o := range r.operations {
			known[o] = true
		}
	}
	order := slices.SortedFunc(maps.Keys(began), func(x, y Operation) int { // the most frequent are kept apart
		return cmp.Or(cmp.Compare(began[y], began[x]), cmp.Compare(x.Service, y.Service), strings.Compare(x.Name, y.Name))
	})
	for _, o := range order {
		if b.held.operations >= maxAllOperations {
			break
		}
		if _, asks := own.asked[o.Service]; !asks || known[o] || len(o.Name) > maxOperationName {
			continue
		}
		if r := own.ofOperation(o); r != nil && r.Rule.counted() {
			b.learning = r.know(o, now, &b.held) || b.learning
		}
	}
	for _, r := range own.records {
		for o, x := range r.operations {
			if n := began[o]; r.Rule.Budget > 0 {
				x.count(n, r.Rule.Budget, r.Rule.unseen(), now)
				b.learning = true
			} else if n > 0 {
				x.seen = now
			}
		}
	}
}

// forget drops the operations that began no trace for long, and those that are of another rule
// since the rules were changed. It reports whether there were any.
func (t *tenant) forget(now time.Time, h *held) (some bool) {
	changed := t.changed
	t.changed = false
	for _, r := range t.records {
		for o, x := range r.operations {
			if now.Sub(x.seen) > forget || changed && t.ofOperation(o) != r {
				delete(r.operations, o)
				r.services[o.Service]--
				h.operations--
				some = true
			}
		}
	}
	return some
}

// know notes an operation, if there is room, and reports whether it is new.
func (r *record) know(o Operation, now time.Time, h *held) bool {
	if h.operations >= maxAllOperations || r.services[o.Service] >= maxOperations {
		return false
	}
	r.put(o, newOperation(max(minRate, r.Rule.unseen()), now), h)
	return true
}

func (r *record) put(o Operation, x *operation, h *held) {
	if r.operations == nil {
		r.operations, r.services = map[Operation]*operation{}, map[string]int{}
	}
	r.operations[o] = x
	r.services[o.Service]++
	h.operations++
}
