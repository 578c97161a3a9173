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
}

type tenant struct {
	records  []*record // in the order of matching
	modified time.Time
}

type record struct {
	Record
	clients map[string]*lease
	lent    float64 // of the reservoir, by leases that are not over
	// share is what each client may have that needs so much, as of leveled.
	share   float64
	leveled time.Time
	windows []Summary
}

// NewBook returns a book with the rules that were saved last; save keeps them durably.
func NewBook(saved map[clew.Tenant][]Record, save func(map[clew.Tenant][]Record) error) *Book {
	b := &Book{save: save, tenants: map[clew.Tenant]*tenant{}}
	for t, list := range saved {
		own := &tenant{}
		for _, r := range list {
			own.records = append(own.records, &record{Record: r})
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

// of returns the tenant, with at least the default rule. The caller holds mu.
func (b *Book) of(t clew.Tenant) (*tenant, error) {
	own := b.tenants[t]
	if own == nil {
		if len(b.tenants) >= maxTenants {
			return nil, clew.Errorf(clew.Unsupported, "%d tenants have sampling rules: no more are kept", maxTenants)
		}
		own = &tenant{}
		b.tenants[t] = own
	}
	if own.find(DefaultName) == nil {
		own.records = append(own.records, &record{Record: Record{Rule: defaultRule()}})
		own.sort()
	}
	return own, nil
}

// Rules returns the rules of a tenant in the order of matching, and when they were last changed.
func (b *Book) Rules(t clew.Tenant) ([]Record, time.Time, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own, err := b.of(t)
	if err != nil {
		return nil, time.Time{}, err
	}
	out := make([]Record, len(own.records))
	for i, r := range own.records {
		out[i] = r.Record
	}
	return out, own.modified, nil
}

// Match returns the rule that a request of a tenant is of.
func (b *Book) Match(t clew.Tenant, q *Request) (Rule, error) {
	list, _, err := b.Rules(t)
	for _, r := range list {
		if r.Rule.Matches(q) || r.Rule.Name == DefaultName {
			return r.Rule, nil
		}
	}
	return defaultRule(), err
}

// ErrLimit marks that there are as many rules as there may be.
var ErrLimit = clew.Errorf(clew.Invalid, "there are %d sampling rules already: delete one first", maxRules)

// Create adds a rule, which must have a name of its own.
func (b *Book) Create(t clew.Tenant, r Rule, now time.Time) (Record, error) {
	if err := r.Validate(); err != nil {
		return Record{}, err
	}
	return b.change(t, func(own *tenant) (*record, error) {
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

// Update changes a rule. Of Default only rate, reservoir and boost can be changed.
func (b *Book) Update(t clew.Tenant, name string, now time.Time, f func(*Rule)) (Record, error) {
	return b.change(t, func(own *tenant) (*record, error) {
		old := own.find(name)
		if old == nil {
			return nil, noRule(name)
		}
		r := old.Rule
		f(&r)
		if r.Name = name; name == DefaultName {
			want := defaultRule()
			want.FixedRate, want.ReservoirSize, want.Boost = r.FixedRate, r.ReservoirSize, r.Boost
			if want.String() != r.String() || r.Priority != want.Priority || r.ServiceName != "*" || r.ServiceType != "*" || r.Host != "*" ||
				r.HTTPMethod != "*" || r.URLPath != "*" || r.ResourceARN != "*" || len(r.Attributes) > 0 {
				return nil, clew.Errorf(clew.Invalid, "of the rule Default only FixedRate, ReservoirSize and SamplingRateBoost can be changed: it matches everything")
			}
		}
		if err := r.Validate(); err != nil {
			return nil, err
		}
		// A new record: who saves the old ones may still look at them.
		x := &record{Record: Record{Rule: r, Created: old.Created, Modified: now}, clients: old.clients, lent: old.lent, windows: old.windows}
		own.records[slices.Index(own.records, old)], own.modified = x, now
		return x, nil
	})
}

// Delete removes a rule, not Default.
func (b *Book) Delete(t clew.Tenant, name string, now time.Time) (Record, error) {
	if name == DefaultName {
		return Record{}, clew.Errorf(clew.Invalid, "the rule Default cannot be deleted; set its FixedRate and ReservoirSize to 0 to sample nothing by it")
	}
	return b.change(t, func(own *tenant) (*record, error) {
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
func (b *Book) change(t clew.Tenant, f func(*tenant) (*record, error)) (Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own, err := b.of(t)
	if err != nil {
		return Record{}, err
	}
	before, modified := slices.Clone(own.records), own.modified
	r, err := f(own)
	if err != nil {
		return Record{}, err
	}
	own.sort()
	if b.save != nil {
		all := make(map[clew.Tenant][]Record, len(b.tenants))
		for name, x := range b.tenants {
			for _, r := range x.records {
				all[name] = append(all[name], r.Record)
			}
		}
		if err := b.save(all); err != nil {
			own.records, own.modified = before, modified
			return Record{}, clew.Errorf(clew.Internal, "the sampling rules could not be saved, and are as they were: %w", err)
		}
	}
	return r.Record, nil
}
