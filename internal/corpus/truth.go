package corpus

import (
	"fmt"
	"slices"

	"github.com/clew-tracing/clew"
)

// Truth is what a store must answer about a corpus, counted while it was
// generated. It is complete once Next has returned every request.
type Truth struct {
	Spans, Traces int
	// Errors counts spans whose status is error; Exceptions counts events.
	Errors, Exceptions int
	// Services counts spans by service.name.
	Services map[string]int
	// Samples are some traces, evenly spread, whole.
	Samples []Sample
	// First and Last are the earliest start and the latest end of any span.
	First, Last clew.UnixNanos

	service  int    // the service that probes ask about
	rareUser uint64 // 0: not chosen yet
	names    []string
	counts   []int // spans by service index
	matched  [probeCount]Count
}

// Sample is one trace and how many spans it has.
type Sample struct {
	ID    clew.TraceID
	Spans int
}

// Count is the exact result of a search: matching spans, and traces that have
// one at least.
type Count struct {
	Spans, Traces int
}

// Probe is a question in TraceQL with its answer.
type Probe struct {
	Name, Query string
	Want        Count
}

// The probes, as indexes.
const (
	probeSlow         = iota // one service and a duration
	probeUser                // an attribute few spans have
	probeUnavailable         // an attribute of low cardinality
	probeError               // an intrinsic
	probeServiceError        // two conditions that meet seldom
	probeCount
)

const (
	probeService    = "checkout"
	probeSlowMillis = 20
	// commonUsers is the index up to which users come up again and again.
	commonUsers = 1000
)

// Probes returns the questions with the answers counted so far.
func (t *Truth) Probes() []Probe {
	queries := [probeCount]struct{ name, query string }{
		probeSlow:         {"service+duration", fmt.Sprintf(`{ resource.service.name = %q && duration > %dms }`, probeService, probeSlowMillis)},
		probeUser:         {"rare attribute", fmt.Sprintf(`{ span.user.id = %q }`, t.RareUser())},
		probeUnavailable:  {"http status", `{ span.http.response.status_code = 503 }`},
		probeError:        {"errors", `{ status = error }`},
		probeServiceError: {"service+error", fmt.Sprintf(`{ resource.service.name = %q && status = error }`, probeService)},
	}
	probes := []Probe{{"count", "{ }", Count{t.Spans, t.Traces}}}
	for i, q := range queries {
		probes = append(probes, Probe{q.name, q.query, t.matched[i]})
	}
	return probes
}

func newTruth(services []service) *Truth {
	t := &Truth{counts: make([]int, len(services))}
	for i := range services {
		t.names = append(t.names, services[i].name)
		if services[i].name == probeService {
			t.service = i
		}
	}
	return t
}

// RareUser is the user.id that the probe of few spans asks for.
func (t *Truth) RareUser() string { return fmt.Sprintf("u%07d", t.rareUser) }

func (t *Truth) isRareUser(user uint64) bool { return user == t.rareUser && user != 0 }

// beginTrace picks the rare user: the first one that is uncommon.
func (t *Truth) beginTrace(j *journey) {
	if t.rareUser == 0 && j.user > commonUsers {
		t.rareUser = j.user
	}
}

// span counts one span.
func (t *Truth) span(service int, j *journey, start, end uint64) {
	t.Spans++
	if t.First == 0 || clew.UnixNanos(start) < t.First {
		t.First = clew.UnixNanos(start)
	}
	t.Last = max(t.Last, clew.UnixNanos(end))
	t.counts[service]++
	t.note(j, probeSlow, service == t.service && end-start > probeSlowMillis*1e6)
}

func (t *Truth) note(j *journey, probe int, matches bool) {
	if !matches {
		return
	}
	t.matched[probe].Spans++
	if !j.seen[probe] {
		j.seen[probe] = true
		t.matched[probe].Traces++
	}
}

func (t *Truth) endTrace(j *journey) {
	if t.Traces%sampleEvery == 0 && len(t.Samples) < maxSamples {
		t.Samples = append(t.Samples, Sample{clew.TraceID(j.id), j.spans})
	}
	t.Traces++
}

// snapshot returns a copy that later generation does not change.
func (t *Truth) snapshot() *Truth {
	s := *t
	s.Samples = slices.Clone(t.Samples)
	s.counts = slices.Clone(t.counts)
	s.Services = make(map[string]int, len(t.names))
	for i, n := range t.counts {
		if n > 0 {
			s.Services[t.names[i]] = n
		}
	}
	return &s
}
