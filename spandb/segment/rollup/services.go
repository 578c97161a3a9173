package rollup

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew/sketch"
)

// How long the spans of a service took in a minute follows from its operations. It is
// kept beside them all the same: who asks for services would have to read tenfold as
// many buckets, and add them up.

// byService returns the series of operations by service and minute: for each pair, in
// ascending order, the places of its series in r.Operations.
func (r *Rollup) byService() (pairs []Series, places [][]int) {
	all := make([]int, len(r.Operations))
	for i := range all {
		all[i] = i
	}
	service := func(i int) uint32 { return r.OperationKeys[r.Operations[i].Key].Service }
	slices.SortFunc(all, func(i, k int) int {
		return cmp.Or(cmp.Compare(service(i), service(k)), cmp.Compare(r.Operations[i].Minute, r.Operations[k].Minute), cmp.Compare(i, k))
	})
	for from := 0; from < len(all); {
		s := Series{Key: service(all[from]), Minute: r.Operations[all[from]].Minute}
		to := from + 1
		for to < len(all) && service(all[to]) == s.Key && r.Operations[all[to]].Minute == s.Minute {
			to++
		}
		pairs, places = append(pairs, s), append(places, all[from:to])
		from = to
	}
	return pairs, places
}

// AppendServices appends how long the spans of each service took in each minute.
func (r *Rollup) AppendServices(dst []byte) []byte {
	pairs, places := r.byService()
	var sum sketch.Accumulator
	for i := range pairs {
		for _, k := range places[i] {
			sum.Merge(&r.Operations[k].Durations)
		}
		sum.Move(&pairs[i].Durations)
	}
	return AppendDurations(dst, pairs)
}

// ParseServices reads what AppendServices wrote into r, which has its operations.
func (r *Rollup) ParseServices(src []byte, n Sizes) error {
	r.Services, _ = r.byService()
	return ParseDurations(r.Services, src, n)
}
