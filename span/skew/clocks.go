package skew

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// clockKey is what tells clocks apart. Spans are of one clock if they are of one host, whatever
// the service; where the host is not named, if they are of one service and instance.
type clockKey struct {
	name    string // of the host or the instance, as its resource has it
	what    string // "host", "id" or "instance", so that the one does not meet the other
	service string // where the host is not named
}

// hostKeys name a host, instanceKeys something smaller that has no two clocks; the first that
// is there counts. hostname is what Jaeger's clients call it.
var (
	hostKeys     = []string{"host.name", "hostname", "k8s.node.name"}
	instanceKeys = []string{"service.instance.id", "k8s.pod.uid", "k8s.pod.name", "container.id", "faas.instance", "ip"}
)

// keyOf returns a resource's; false if it names neither host nor service.
func keyOf(r *span.ResourceEntry) (clockKey, bool) {
	if id := textOf(r, "host.id"); id != "" {
		return clockKey{name: id, what: "id"}, true
	}
	for _, key := range hostKeys {
		if name := textOf(r, key); name != "" && !everybody(name) {
			return clockKey{name: name, what: "host"}, true
		}
	}
	for _, key := range instanceKeys {
		if name := textOf(r, key); name != "" && !everybody(name) {
			return clockKey{name: name, what: "instance", service: r.Service}, true
		}
	}
	return clockKey{service: r.Service}, r.Service != ""
}

// everybody reports whether each host may call itself so.
func everybody(name string) bool {
	return name == "localhost" || name == "localhost.localdomain" || name == "::1" || strings.HasPrefix(name, "127.")
}

func textOf(r *span.ResourceEntry, key string) string {
	for _, a := range r.Attrs {
		if a.Key == key && a.Value.Type == clew.TypeString {
			return string(a.Value.Bytes)
		}
	}
	return ""
}

func (k clockKey) compare(o clockKey) int {
	return cmp.Or(cmp.Compare(k.service, o.service), cmp.Compare(k.what, o.what), cmp.Compare(k.name, o.name))
}

// clocksOf returns the clocks that rows of b are timed by, sorted, and for each resource the
// number of its clock, -1 if that is not known.
func clocksOf(b *span.Batch) (keys []clockKey, of []int32) {
	used := make([]bool, len(b.Resources))
	for _, r := range b.Resource {
		used[r] = true
	}
	of = make([]int32, len(b.Resources))
	own := make([]clockKey, len(b.Resources))
	number := map[clockKey]int32{}
	for i, r := range b.Resources {
		of[i] = -1
		if !used[i] {
			continue
		}
		if k, ok := keyOf(r); ok {
			own[i], of[i], number[k] = k, 0, 0
		}
	}
	for k := range number {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, clockKey.compare)
	for i, k := range keys {
		number[k] = int32(i)
	}
	for i := range of {
		if of[i] == 0 {
			of[i] = number[own[i]]
		}
	}
	return keys, of
}

// servicesOf returns the services of each of n clocks, sorted.
func servicesOf(b *span.Batch, of []int32, n int) [][]string {
	out := make([][]string, n)
	for i, r := range b.Resources {
		if c := of[i]; c >= 0 && r.Service != "" {
			out[c] = append(out[c], r.Service)
		}
	}
	for c := range out {
		slices.Sort(out[c])
		out[c] = slices.Compact(out[c])
	}
	return out
}

// nameAll returns what each clock is called among the others.
func nameAll(keys []clockKey, services [][]string) []string {
	clocks := map[string]int{} // of a service
	for _, list := range services {
		for _, s := range list {
			clocks[s]++
		}
	}
	out := make([]string, len(keys))
	for i, k := range keys {
		switch list := services[i]; {
		case len(list) == 0:
			out[i] = k.name
		case len(list) > 1:
			out[i] = k.name + " (" + list[0] + " and more)"
		case clocks[list[0]] == 1 || k.name == "":
			out[i] = list[0]
		default:
			out[i] = list[0] + " on " + k.name
		}
	}
	return out
}

// Note says how far a clock is ahead of the one named reference: "120ms ± 3ms ahead of web".
// It is "" of one that is not proven to differ.
func (c *Clock) Note(reference string) string {
	i, way := c.Ahead, "ahead of "
	switch {
	case !i.Proven():
		return ""
	case i.Hi < 0:
		i, way = Interval{-i.Hi, -i.Lo}, "behind "
	}
	if !i.Bounded() {
		return fmt.Sprintf("at least %v %s%s", time.Duration(i.Lo).Truncate(unitOf(i.Lo, 1000)), way, reference)
	}
	half := (i.Hi - i.Lo) / 2
	unit := unitOf(half, 100)
	return fmt.Sprintf("%v ± %v %s%s", time.Duration(i.Lo+half).Round(unit), time.Duration(half).Round(unit), way, reference)
}

// Notes are the sentences that are to be said of the trace, MaxTold at most and one about how
// many there are besides; none where nothing is to be said. Names are as they were received.
func (r *Report) Notes() []string {
	var out []string
	more := 0
	say := func(text string) {
		if len(out) < MaxTold {
			out = append(out, text)
		} else {
			more++
		}
	}
	for i := range r.Clocks {
		if note := r.Clocks[i].Note(r.Clocks[0].Name); note != "" {
			say(r.Clocks[i].Name + " is " + note)
		}
	}
	for _, c := range r.Contradictions {
		say(fmt.Sprintf("what %s and %s say of each other misses by %s: no one difference of their clocks suits all calls between them",
			r.Clocks[c.A].Name, r.Clocks[c.B].Name, time.Duration(c.By).Round(unitOf(c.By, 1000))))
	}
	if r.Unmeasured > 0 {
		say(fmt.Sprintf("the trace was timed by %d clocks, more than the %d that are compared: none is", r.Unmeasured, MaxClocks))
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}

// unitOf is the power of ten of which nanos has fewer than most.
func unitOf(nanos, most int64) time.Duration {
	unit := time.Duration(1)
	for ; nanos >= most; nanos /= 10 {
		unit *= 10
	}
	return unit
}
