// Package sampling decides centrally how many traces tracers begin: rules with the semantics
// of AWS X-Ray, whose reservoirs are shared out over all clients that ask.
//
// A rule lets its reservoir of traces through each second, all clients together, and of
// the rest a fixed rate. A request is of the first rule that matches, by priority and then
// by name; the last is always Default, which matches everything.
//
// Source: AWS X-Ray's API reference, and what its SDKs do with the answers.
package sampling

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
)

// DefaultName is the rule that matches everything and cannot be deleted.
const DefaultName = "Default"

// defaultPriority is after that of every other rule.
const defaultPriority = 10_000

// Rule says how many of some requests are traced. Texts but Name may have the wildcards *,
// any number of characters, and ?, one.
type Rule struct {
	Name        string
	ResourceARN string
	// Priority is 1 to 9999; the lowest counts first.
	Priority int
	// FixedRate is 0 to 1, of what the reservoir lets go by. With a Budget it is the rate of
	// what there is no traffic known of yet.
	FixedRate float64
	// ReservoirSize is how many traces per second are let through before, of all clients
	// together. With a Budget it says nothing.
	ReservoirSize int
	// Budget, where not 0, is how many traces per second are let through in all, instead of
	// a reservoir and a rate, which follow from it and from the traffic: of all requests of
	// the rule, or, with Jaeger's clients, of each operation.
	Budget      float64 `json:",omitempty"`
	ServiceName string
	ServiceType string
	Host        string
	HTTPMethod  string
	URLPath     string
	Version     int
	Attributes  map[string]string
	// Boost is how clients sample for a while that tell of anomalies; nil: as ever.
	Boost *Boost `json:",omitempty"`
}

// Boost is how far a rate may be raised, and for how long not again.
type Boost struct {
	MaxRate               float64
	CooldownWindowMinutes int
}

// Record is a rule with when it was made and changed.
type Record struct {
	Rule     Rule
	Created  time.Time
	Modified time.Time
	// Learnt is what was known of the traffic when it was saved; nil if nothing was.
	Learnt *Learnt `json:",omitempty"`
}

// defaultRule is what X-Ray begins with: one trace per second, and a twentieth of the rest.
func defaultRule() Rule {
	return Rule{Name: DefaultName, ResourceARN: "*", Priority: defaultPriority, FixedRate: 0.05, ReservoirSize: 1,
		ServiceName: "*", ServiceType: "*", Host: "*", HTTPMethod: "*", URLPath: "*", Version: 1}
}

// Validate says what is wrong with a rule and what is wanted.
func (r *Rule) Validate() error {
	if r.Name == "" || len(r.Name) > 32 || !isName(r.Name) {
		return clew.Errorf(clew.Invalid, "RuleName %q: want 1 to 32 letters, digits, - and _", clip(r.Name))
	}
	for _, f := range []struct {
		name, text string
		most       int
	}{
		{"ResourceARN", r.ResourceARN, 500}, {"ServiceName", r.ServiceName, 64}, {"ServiceType", r.ServiceType, 64},
		{"Host", r.Host, 64}, {"HTTPMethod", r.HTTPMethod, 10}, {"URLPath", r.URLPath, 128},
	} {
		if f.text == "" || utf8.RuneCountInString(f.text) > f.most {
			return clew.Errorf(clew.Invalid, "%s %q: want 1 to %d characters; * matches everything", f.name, clip(f.text), f.most)
		}
	}
	switch isDefault := r.Name == DefaultName; {
	case !isDefault && (r.Priority < 1 || r.Priority >= defaultPriority):
		return clew.Errorf(clew.Invalid, "Priority %d: want 1 to %d", r.Priority, defaultPriority-1)
	case !(r.FixedRate >= 0 && r.FixedRate <= 1): // NaN, too
		return clew.Errorf(clew.Invalid, "FixedRate %v: want 0 to 1", r.FixedRate)
	case r.ReservoirSize < 0 || r.ReservoirSize > math.MaxInt32:
		return clew.Errorf(clew.Invalid, "ReservoirSize %d: want 0 to %d traces per second", r.ReservoirSize, math.MaxInt32)
	case r.Budget != 0 && !(r.Budget >= minBudget && r.Budget <= maxBudget):
		return clew.Errorf(clew.Invalid, "Budget %v: want %v to %d traces per second, or 0 for none", r.Budget, minBudget, maxBudget)
	case r.Version != 1:
		return clew.Errorf(clew.Invalid, "Version %d: want 1", r.Version)
	case len(r.Attributes) > maxAttributes:
		return clew.Errorf(clew.Invalid, "Attributes: %d of them: want %d at most", len(r.Attributes), maxAttributes)
	case r.Boost != nil && !(r.Boost.MaxRate >= 0 && r.Boost.MaxRate <= 1):
		return clew.Errorf(clew.Invalid, "SamplingRateBoost: MaxRate %v: want 0 to 1", r.Boost.MaxRate)
	case r.Boost != nil && r.Boost.CooldownWindowMinutes < 0:
		return clew.Errorf(clew.Invalid, "SamplingRateBoost: CooldownWindowMinutes %d: want 0 or more", r.Boost.CooldownWindowMinutes)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Attributes)) {
		for _, text := range []string{k, r.Attributes[k]} {
			if n := utf8.RuneCountInString(text); n < 1 || n > maxAttributeText {
				return clew.Errorf(clew.Invalid, "Attributes: %q: want keys and values of 1 to %d characters", clip(text), maxAttributeText)
			}
		}
	}
	return nil
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// clip shortens a text of a message.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// Request is what a rule is matched against. An empty text is not known: only a rule that
// does not care matches it.
type Request struct {
	ServiceName, ServiceType, Host, HTTPMethod, URLPath, ResourceARN string
	Attributes                                                       map[string]string
}

// Matches reports whether a request is one of the rule's.
func (r *Rule) Matches(q *Request) bool {
	if !Wild(r.ServiceName, q.ServiceName) || !Wild(r.ServiceType, q.ServiceType) || !Wild(r.Host, q.Host) ||
		!Wild(r.HTTPMethod, q.HTTPMethod) || !Wild(r.URLPath, q.URLPath) || !Wild(r.ResourceARN, q.ResourceARN) {
		return false
	}
	for k, pattern := range r.Attributes {
		v, ok := q.Attributes[k]
		if !ok || !Wild(pattern, v) {
			return false
		}
	}
	return true
}

// Wild reports whether a text has the form of a pattern: * is any number of characters, ? is
// one, and letters of ASCII have no case.
func Wild(pattern, text string) bool {
	p, t := 0, 0
	star, after := -1, 0 // where the last * is, and where the text behind it was tried last
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, after = p, t
			p++
		case p < len(pattern) && pattern[p] == '?':
			_, n := utf8.DecodeRuneInString(text[t:])
			p, t = p+1, t+n
		case p < len(pattern) && lower(pattern[p]) == lower(text[t]):
			p, t = p+1, t+1
		case star >= 0:
			after++
			p, t = star+1, after
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// String names the rule and what it lets through.
func (r *Rule) String() string {
	if r.Budget > 0 {
		return r.Name + ": " + strconv.FormatFloat(r.Budget, 'g', -1, 64) + " per second in all"
	}
	return r.Name + ": " + strconv.Itoa(r.ReservoirSize) + " per second, then " + strconv.FormatFloat(100*r.FixedRate, 'g', -1, 64) + " %"
}
