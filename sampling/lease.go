package sampling

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/clew-tracing/clew"
)

// Report is what a client has seen of a rule since it reported last.
type Report struct {
	Rule, Client                string
	Requests, Sampled, Borrowed int
}

// Target is what a client does until it reports again.
type Target struct {
	Rule      string
	FixedRate float64
	// Quota is its share of the reservoir, in traces per second, until the time Until.
	Quota int
	Until time.Time
	// Boosted is the rate instead of FixedRate until the time BoostedUntil, if that is not zero.
	Boosted      float64
	BoostedUntil time.Time
}

// Summary is what all clients together have seen of a rule in one window.
type Summary struct {
	Rule                        string
	Time                        time.Time // its begin
	Requests, Sampled, Borrowed int64
}

// lease is the share of one client.
type lease struct {
	quota    int
	requests float64 // per second, by its last report
	demand   float64 // as many as it may have
	reported time.Time
}

// cost is how much of the reservoir the lease uses up: no more than there are requests.
func (l *lease) cost() float64 { return min(float64(l.quota), l.demand) }

// uses is how much of the reservoir the lease does use.
func (l *lease) uses() float64 { return min(float64(l.quota), l.requests) }

// Targets takes the report of a client and says what it does next.
//
// What the clients can make of their leases never comes to more than the reservoir: who
// comes while others hold it all gets what is left, and the others' shares shrink to fair
// ones when they report the next time. A share is fair if nobody who needs more has less: a
// client with little traffic gets what it needs, those with much share the rest. What does
// not divide goes to those who come first.
func (b *Book) Targets(t clew.Tenant, report Report, now time.Time) (Target, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own, err := b.of(t, now)
	if err != nil {
		return Target{}, err
	}
	r := own.find(report.Rule)
	if r == nil {
		return Target{}, noRule(report.Rule)
	}
	r.reported = now
	b.sweep(now)
	r.count(&report, now, &b.held)
	out := Target{Rule: r.Rule.Name, Quota: r.lend(&report, now, &b.held), Until: now.Add(leaseTime)}
	out.FixedRate = r.tell(now)
	if now.Before(r.boost.until) && r.Rule.Boost != nil {
		out.Boosted, out.BoostedUntil = min(r.boost.rate, r.Rule.Boost.MaxRate), r.boost.until
	}
	b.learning = b.learning || r.Rule.Budget > 0
	return out, nil
}

// sweep forgets leases that are over and windows that are old, of all rules and tenants, where
// there is no room for more: those of rules that nobody reports of would stay for ever.
func (b *Book) sweep(now time.Time) {
	if b.held.leases < maxLeases && b.held.windows < maxAllWindows || now.Sub(b.swept) < time.Second {
		return
	}
	b.swept = now
	for _, own := range b.tenants {
		for _, r := range own.records {
			for id, l := range r.clients {
				if now.Sub(l.reported) > leaseTime {
					delete(r.clients, id)
					b.held.leases--
					r.leveled = time.Time{}
				}
			}
			if recent := r.recent(now); len(recent) < len(r.windows) {
				b.held.windows -= len(r.windows) - len(recent)
				r.windows = slices.Clone(recent)
			}
		}
	}
}

// recent are the windows that are not too old.
func (r *record) recent(now time.Time) []Summary {
	i, _ := slices.BinarySearchFunc(r.windows, now.Add(-maxWindows*windowTime), func(s Summary, at time.Time) int { return s.Time.Compare(at) })
	return r.windows[i:]
}

// lend returns the share of a client, and keeps it for it.
func (r *record) lend(report *Report, now time.Time, h *held) int {
	if r.clients == nil {
		r.clients = map[string]*lease{}
	}
	mine := r.clients[report.Client]
	elapsed := Interval
	switch {
	case mine == nil && h.leases >= maxLeases:
		r.level(now, h) // forgets those whose leases are over
		if h.leases >= maxLeases {
			return 0
		}
		fallthrough
	case mine == nil:
		mine = &lease{}
		r.clients[report.Client] = mine
		h.leases++
	default:
		elapsed = now.Sub(mine.reported)
	}
	r.lent, r.used = r.lent-mine.cost(), r.used-mine.uses()
	if elapsed > 0 {
		mine.requests = float64(report.Requests) / elapsed.Seconds()
		mine.demand = growth * mine.requests
	}
	mine.reported, mine.quota = now, 0
	r.level(now, h)
	size := r.Rule.reservoir()
	free := float64(size) - r.lent
	if mine.demand <= r.share {
		mine.quota = max(1, int(math.Ceil(mine.demand)))
	} else if mine.quota = int(r.share); r.share < math.MaxInt32 {
		mine.quota++ // what does not divide
	}
	if mine.cost() > free || free <= 0 {
		mine.quota = max(0, int(free))
	}
	mine.quota = min(mine.quota, size)
	r.lent, r.used = r.lent+mine.cost(), r.used+mine.uses()
	return mine.quota
}

// level finds what a fair share is, anew for each report of few clients, and once a second
// for those of many. Clients whose leases are over are forgotten.
func (r *record) level(now time.Time, h *held) {
	if len(r.clients) > fewClients && now.Sub(r.leveled) < time.Second {
		return
	}
	r.leveled, r.lent, r.used = now, 0, 0
	requests := 0.0
	demands := make([]float64, 0, len(r.clients))
	for id, l := range r.clients {
		if now.Sub(l.reported) > leaseTime {
			delete(r.clients, id)
			h.leases--
			continue
		}
		r.lent, r.used = r.lent+l.cost(), r.used+l.uses()
		requests += l.requests
		demands = append(demands, l.demand)
	}
	r.learn(requests, now)
	r.share = fairShare(demands, float64(r.Rule.reservoir()))
}

// fairShare returns the greatest share that all who need it can have, of size in all.
func fairShare(demands []float64, size float64) float64 {
	slices.Sort(demands)
	for i, d := range demands {
		if left := float64(len(demands) - i); d*left > size {
			return size / left
		}
		size -= d
	}
	return math.MaxInt32 // there is enough for everybody
}

// count adds a report to the statistics. Where there is no room for another window, the
// oldest one of the rule goes; a rule that has none is not counted then.
func (r *record) count(report *Report, now time.Time, h *held) {
	at := now.Truncate(windowTime)
	n := len(r.windows)
	if n == 0 || r.windows[n-1].Time.Before(at) {
		full := n >= maxWindows || h.windows >= maxAllWindows
		switch {
		case full && n == 0:
			return
		case full:
			copy(r.windows, r.windows[1:])
			r.windows = r.windows[:n-1]
		default:
			h.windows++
		}
		r.windows = append(r.windows, Summary{Rule: r.Rule.Name, Time: at})
	}
	w := &r.windows[len(r.windows)-1]
	w.Requests += int64(report.Requests)
	w.Sampled += int64(report.Sampled)
	w.Borrowed += int64(report.Borrowed)
}

// Summaries returns the statistics of a tenant's rules of the last hour, the oldest first.
func (b *Book) Summaries(t clew.Tenant, now time.Time) []Summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Summary
	for _, r := range b.look(t).records {
		out = append(out, r.recent(now)...)
	}
	slices.SortFunc(out, func(a, b Summary) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Rule, b.Rule)) })
	return out
}
