package sampling

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
)

// Book is the rules of all tenants, and who samples by them. It is safe for concurrent use.
type Book struct {
	save func(map[clew.Tenant][]Record) error

	mu      sync.Mutex // guards all below; held while rules are saved, which is rare
	tenants map[clew.Tenant]*tenant
	held    held
	// learning says that something was learnt since the rules were saved, at kept.
	learning bool
	kept     time.Time
	// swept is when all tenants were last looked through for what is over.
	swept time.Time
}

// held counts what is kept of clients and operations, of all rules and tenants together.
type held struct{ leases, windows, operations, services int }

// take adds what is kept of a rule, once, or takes it out, -1 times.
func (h *held) take(r *record, times int) {
	h.leases += times * len(r.clients)
	h.windows += times * len(r.windows)
	h.operations += times * len(r.operations)
}

type tenant struct {
	records  []*record // in the order of matching
	modified time.Time
	asked    map[string]time.Time // services that ask for strategies, of those with budgets
	changed  bool                 // the rules, since operations were last looked at for whose they are
}

type record struct {
	Record
	clients map[string]*lease
	lent    float64 // of the reservoir, by leases that are not over
	used    float64 // of what is lent, per second
	// share is what each client may have that needs so much, as of leveled.
	share   float64
	leveled time.Time
	windows []Summary
	// reported is when a client told of the rule last.
	reported time.Time
	boost    boosted

	// pace is the traffic of X-Ray's clients, where there is a budget, and operations that of
	// Jaeger's, where the rule is counted; services counts how many operations each has.
	pace       pace
	told       float64 // the rate that X-Ray's clients were told last; 0: none
	operations map[Operation]*operation
	services   map[string]int
}

// NewBook returns a book with the rules that were saved last; save keeps them durably.
func NewBook(saved map[clew.Tenant][]Record, save func(map[clew.Tenant][]Record) error) *Book {
	b := &Book{save: save, tenants: map[clew.Tenant]*tenant{}}
	for t, list := range saved {
		own := &tenant{changed: true}
		for _, r := range list {
			x := &record{Record: r}
			x.recall(time.Now(), &b.held)
			own.records = append(own.records, x)
			if r.Modified.After(own.modified) {
				own.modified = r.Modified
			}
		}
		own.sort()
		b.tenants[t] = own
	}
	return b
}

func (t *tenant) sort() {
	slices.SortFunc(t.records, func(a, b *record) int {
		return cmp.Or(cmp.Compare(a.Rule.Priority, b.Rule.Priority), cmp.Compare(a.Rule.Name, b.Rule.Name))
	})
}

func (t *tenant) find(name string) *record {
	for _, r := range t.records {
		if r.Rule.Name == name {
			return r
		}
	}
	return nil
}

// look returns the tenant as it is, which is the default rule alone where there is nothing of
// it. The caller holds mu.
func (b *Book) look(t clew.Tenant) *tenant {
	own := b.tenants[t]
	if own == nil {
		own = &tenant{}
	}
	if own.find(DefaultName) == nil {
		own.records = append(own.records, &record{Record: Record{Rule: defaultRule()}})
		own.sort()
	}
	return own
}

// of is look for what is to be kept of the tenant. Where there are too many, those are
// forgotten that have no rules of their own and whose clients are gone.
func (b *Book) of(t clew.Tenant, now time.Time) (*tenant, error) {
	if _, known := b.tenants[t]; !known && len(b.tenants) >= maxTenants {
		for name, x := range b.tenants {
			if x.idle(now) {
				for _, r := range x.records {
					b.held.take(r, -1)
				}
				b.held.services -= len(x.asked)
				delete(b.tenants, name)
			}
		}
		if len(b.tenants) >= maxTenants {
			return nil, clew.Errorf(clew.Busy, "%d tenants sample by rules of their own, or by the default rule just now: no more are kept", maxTenants)
		}
	}
	own := b.look(t)
	b.tenants[t] = own
	return own, nil
}

// idle reports whether nothing would be missed of a tenant.
func (t *tenant) idle(now time.Time) bool {
	return t.modified.IsZero() && !slices.ContainsFunc(t.records, func(r *record) bool { return now.Sub(r.reported) <= leaseTime })
}

// Rules returns the rules of a tenant in the order of matching, and when they were last changed.
func (b *Book) Rules(t clew.Tenant) ([]Record, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := b.look(t)
	out := make([]Record, len(own.records))
	for i, r := range own.records {
		out[i] = r.Record
	}
	return out, own.modified
}

// Match returns the rule that a request of a tenant is of.
func (b *Book) Match(t clew.Tenant, q *Request) Rule {
	list, _ := b.Rules(t)
	for _, r := range list {
		if r.Rule.Matches(q) {
			return r.Rule
		}
	}
	return list[len(list)-1].Rule // Default, which matches what nothing is known of, too
}

// ErrLimit marks that there are as many rules as there may be.
var ErrLimit = clew.Errorf(clew.Invalid, "there are %d sampling rules already: delete one first", maxRules)

// Create adds a rule, which must have a name of its own.
func (b *Book) Create(t clew.Tenant, r Rule, now time.Time) (Record, error) {
	if err := r.Validate(); err != nil {
		return Record{}, err
	}
	return b.change(t, now, func(own *tenant) (*record, error) {
		switch {
		case own.find(r.Name) != nil:
			return nil, clew.Errorf(clew.Invalid, "RuleName %q: there is a rule of that name; update it, or choose another name", r.Name)
		case len(own.records) > maxRules:
			return nil, ErrLimit
		}
		x := &record{Record: Record{Rule: r, Created: now, Modified: now}}
		own.records, own.modified = append(own.records, x), now
		return x, nil
	})
}

// Update changes a rule. Of Default only rate, reservoir, budget and boost can be changed.
func (b *Book) Update(t clew.Tenant, name string, now time.Time, f func(*Rule)) (Record, error) {
	return b.change(t, now, func(own *tenant) (*record, error) {
		old := own.find(name)
		if old == nil {
			return nil, noRule(name)
		}
		r := old.Rule
		f(&r)
		if r.Name = name; name == DefaultName {
			want := defaultRule()
			want.FixedRate, want.ReservoirSize, want.Budget, want.Boost = r.FixedRate, r.ReservoirSize, r.Budget, r.Boost
			if want.String() != r.String() || r.Priority != want.Priority || r.ServiceName != "*" || r.ServiceType != "*" || r.Host != "*" ||
				r.HTTPMethod != "*" || r.URLPath != "*" || r.ResourceARN != "*" || len(r.Attributes) > 0 {
				return nil, clew.Errorf(clew.Invalid, "of the rule Default only FixedRate, ReservoirSize, Budget and SamplingRateBoost can be changed: it matches everything")
			}
		}
		if err := r.Validate(); err != nil {
			return nil, err
		}
		// A new record: who saves the old ones may still look at them.
		x := &record{Record: Record{Rule: r, Created: old.Created, Modified: now}, clients: old.clients, windows: old.windows, reported: old.reported,
			used: min(old.used, float64(r.reservoir())), boost: old.boost}
		if r.counted() {
			x.operations, x.services = old.operations, old.services
		}
		if r.Budget > 0 {
			x.pace = old.pace
		}
		own.records[slices.Index(own.records, old)], own.modified = x, now
		return x, nil
	})
}

// Delete removes a rule, not Default.
func (b *Book) Delete(t clew.Tenant, name string, now time.Time) (Record, error) {
	if name == DefaultName {
		return Record{}, clew.Errorf(clew.Invalid, "the rule Default cannot be deleted; set its FixedRate and ReservoirSize to 0 to sample nothing by it")
	}
	return b.change(t, now, func(own *tenant) (*record, error) {
		old := own.find(name)
		if old == nil {
			return nil, noRule(name)
		}
		own.records, own.modified = slices.DeleteFunc(own.records, func(r *record) bool { return r == old }), now
		return old, nil
	})
}

func noRule(name string) error {
	return clew.Errorf(clew.Invalid, "there is no sampling rule %q", clip(name))
}

// change changes the rules of a tenant and saves all; if that fails, it is as it was before.
func (b *Book) change(t clew.Tenant, now time.Time, f func(*tenant) (*record, error)) (Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own, err := b.of(t, now)
	if err != nil {
		return Record{}, err
	}
	before, modified := slices.Clone(own.records), own.modified
	r, err := f(own)
	if err != nil {
		return Record{}, err
	}
	own.sort()
	if err := b.saveAll(); err != nil {
		own.records, own.modified = before, modified
		return Record{}, clew.Errorf(clew.Internal, "the sampling rules could not be saved, and are as they were: %w", err)
	}
	own.changed = true
	for _, old := range before {
		if !slices.Contains(own.records, old) {
			b.held.take(old, -1)
		}
	}
	for _, x := range own.records {
		if !slices.Contains(before, x) {
			b.held.take(x, 1)
		}
	}
	return r.Record, nil
}
