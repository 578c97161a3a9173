package sampling

import (
	"slices"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
)

// Strategy is how the clients of a service sample that know no more of a request than the
// service and the name of the span that it begins with, Jaeger's.
type Strategy struct {
	// Rate is that of operations that are not named, and PerSecond how many traces per second
	// of each of them are let through at least, by each client.
	Rate, PerSecond float64
	Named           []NamedRate
	// Budget says that operations that are not named yet may have rates of their own.
	Budget bool
}

// NamedRate is the rate of an operation.
type NamedRate struct {
	Name string
	Rate float64
}

// tells reports whether clients can be told of the rule that are of a service and know nothing
// of hosts, types, ARNs and attributes.
func (r *Rule) tells(service string) bool {
	return Wild(r.ServiceName, service) && r.Host == "*" && r.ServiceType == "*" && r.ResourceARN == "*" && len(r.Attributes) == 0
}

// ofAll reports whether the rule is of all methods and paths.
func (r *Rule) ofAll() bool { return r.HTTPMethod == "*" && r.URLPath == "*" }

// operation is the name of the spans that the rule is about, "" where it is about those of many
// names.
func (r *Rule) operation() string {
	if name := r.HTTPMethod + " " + r.URLPath; !strings.ContainsAny(name, "*?") {
		return name
	}
	return ""
}

// counted reports whether it has to be known which operations of a service the rule is of.
func (r *Rule) counted() bool { return r.Budget > 0 || !r.ofAll() && r.operation() == "" }

// about reports whether the rule is of the spans of a name, as far as that tells.
func (r *Rule) about(name string) bool {
	if one := r.operation(); one != "" {
		return one == name
	}
	return r.ofAll() || Wild(r.HTTPMethod+" "+r.URLPath, name)
}

// Strategy returns that of a service, made of the rules that its clients can be told of: the
// first of all methods and paths, and those before it of some, which are about the spans METHOD
// PATH. Where these are patterns, or there is a budget, operations are named that are known. There
// are at most some hundred names.
//
// A service that asks is counted from then on, where that is so: see Counting.
func (b *Book) Strategy(t clew.Tenant, service string, now time.Time) Strategy {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := b.look(t)
	var out Strategy
	named := map[string]bool{}
	for _, r := range own.records {
		if !r.Rule.tells(service) {
			continue
		}
		if r.Rule.counted() {
			b.ask(own, service, now)
		}
		if name := r.Rule.operation(); name != "" {
			out.name(r, Operation{service, name}, named)
			continue
		}
		before := len(out.Named)
		for _, o := range r.known(service) {
			out.name(r, o, named)
		}
		slices.SortFunc(out.Named[before:], func(x, y NamedRate) int { return strings.Compare(x.Name, y.Name) })
		if !r.Rule.ofAll() {
			continue
		}
		if out.Rate, out.PerSecond = r.Rule.unseen(), float64(r.Rule.ReservoirSize); r.Rule.Budget > 0 {
			out.Budget, out.PerSecond = true, lowerBound*min(1, r.Rule.Budget)
		}
		break
	}
	return out
}

// name adds an operation that is of a rule and of none before, if there is room.
func (s *Strategy) name(r *record, o Operation, named map[string]bool) {
	if !named[o.Name] && len(named) < maxNamed {
		named[o.Name] = true
		s.Named = append(s.Named, NamedRate{o.Name, r.rateOf(o)})
	}
}

// known are the operations of a service that are known to be of the rule.
func (r *record) known(service string) (out []Operation) {
	if r.services[service] == 0 {
		return nil
	}
	for o := range r.operations {
		if o.Service == service {
			out = append(out, o)
		}
	}
	return out
}

// rateOf is the rate of an operation that the rule is of.
func (r *record) rateOf(o Operation) float64 {
	if x := r.operations[o]; x != nil && r.Rule.Budget > 0 {
		return x.rate
	}
	return r.Rule.unseen()
}

// ask notes that a service asks, if there is room.
func (b *Book) ask(own *tenant, service string, now time.Time) {
	if _, known := own.asked[service]; !known {
		if b.held.services >= maxAllServices || len(service) > maxOperationName {
			return
		}
		if own.asked == nil {
			own.asked = map[string]time.Time{}
		}
		b.held.services++
	}
	own.asked[service] = now
}
