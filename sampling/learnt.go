package sampling

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
)

// Learnt is what is known of the traffic of a rule with a budget, or of which operations are one's
// of patterns.
type Learnt struct {
	// Requests is how many requests per second X-Ray's clients have, or had of late.
	Requests float64 `json:",omitempty"`
	// Operations are those that Jaeger's clients are told of, with their rates.
	Operations []OperationRate `json:",omitempty"`
}

// OperationRate is the rate of an operation of a service.
type OperationRate struct {
	Service, Name string
	Rate          float64
}

// learnt is what is known now; nil is nothing. By service and name.
func (r *record) learnt() *Learnt {
	if r.pace.rate == 0 && len(r.operations) == 0 {
		return nil
	}
	out := &Learnt{Requests: r.pace.rate}
	for o := range r.operations {
		out.Operations = append(out.Operations, OperationRate{o.Service, o.Name, r.rateOf(o)})
	}
	slices.SortFunc(out.Operations, func(a, b OperationRate) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Name, b.Name))
	})
	return out
}

// recall takes up what was learnt when the rule was saved.
func (r *record) recall(now time.Time, h *held) {
	l := r.Learnt
	if l == nil {
		return
	}
	if r.Learnt = nil; r.Rule.Budget > 0 {
		r.pace.rate = max(0, l.Requests)
	}
	for _, o := range l.Operations {
		if name := (Operation{o.Service, o.Name}); r.operations[name] == nil && h.operations < maxAllOperations && o.Rate >= 0 && o.Rate <= 1 {
			r.put(name, newOperation(max(minRate, o.Rate), now), h)
		}
	}
}

// Keep saves what was learnt since it was saved last, once a minute at most unless it is to be
// now. Who restarts then goes on where it was.
func (b *Book) Keep(now time.Time, atOnce bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.learning || !atOnce && now.Sub(b.kept) < keepEvery {
		return nil
	}
	b.kept = now
	err := b.saveAll()
	b.learning = err != nil
	return err
}

// saveAll saves the rules of all tenants, with what was learnt.
func (b *Book) saveAll() error {
	if b.save == nil {
		return nil
	}
	all := make(map[clew.Tenant][]Record, len(b.tenants))
	for name, x := range b.tenants {
		for _, r := range x.records {
			one := r.Record
			one.Learnt = r.learnt()
			all[name] = append(all[name], one)
		}
	}
	return b.save(all)
}

// State is a rule and how it is sampled by now.
type State struct {
	Record
	// FixedRate and ReservoirSize are those of the rule or, with a budget, what follows from it
	// for X-Ray's clients.
	FixedRate     float64
	ReservoirSize int
	// Clients is how many of those reported of late, and Requests how many requests per second
	// they had.
	Clients  int
	Requests float64
}

// States returns the rules of a tenant in the order of matching. Learnt is what is known of the
// traffic.
func (b *Book) States(t clew.Tenant, now time.Time) []State {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := b.look(t)
	out := make([]State, len(own.records))
	for i, r := range own.records {
		s := State{Record: r.Record, FixedRate: r.Rule.FixedRate, ReservoirSize: r.Rule.reservoir()}
		s.Learnt = r.learnt()
		if r.Rule.Budget > 0 {
			s.FixedRate = r.listed(now)
		}
		for _, l := range r.clients {
			if now.Sub(l.reported) <= leaseTime {
				s.Clients++
				s.Requests += l.requests
			}
		}
		out[i] = s
	}
	return out
}
