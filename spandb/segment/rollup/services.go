package rollup

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sketch"
)

// What a service did in a minute follows from its operations. It is kept beside them all
// the same: who asks for services would have to read twentyfold as many series, and add
// them up.

// AppendServices appends the minutes, and what each service did in each of them.
func (r *Rollup) AppendServices(dst []byte) []byte {
	list, _ := r.byService()
	dst = r.appendMinutes(dst)
	number := r.numbers()
	columns := make(columns, serviceFields)
	for i := range list {
		s := &list[i]
		columns.add(append([]uint64{uint64(s.Service), number[s.Minute], s.Errors, s.ErrorWeight - s.Errors*one}, s.beyond()...))
	}
	return columns.append(dst)
}

// AppendTimes appends the durations of what AppendServices has.
func (r *Rollup) AppendTimes(dst []byte) []byte {
	list, places := r.byService()
	times := make([]sketch.Histogram, len(list))
	var sum sketch.Accumulator
	for i := range list {
		for _, k := range places[i] {
			sum.Merge(&r.Operations[k].Durations)
		}
		sum.Move(&times[i])
	}
	return sketch.AppendDense(dst, len(times), func(i int) *sketch.Histogram { return &times[i] })
}

// byService adds up operations by service and minute, ascending, but for durations: for
// each pair it returns the places of its series in r.Operations.
func (r *Rollup) byService() (list []Service, places [][]int) {
	all := make([]int, len(r.Operations))
	for i := range all {
		all[i] = i
	}
	service := func(i int) uint32 { return r.OperationKeys[r.Operations[i].Key].Service }
	slices.SortFunc(all, func(i, k int) int {
		return cmp.Or(cmp.Compare(service(i), service(k)), cmp.Compare(r.Operations[i].Minute, r.Operations[k].Minute), cmp.Compare(i, k))
	})
	for from := 0; from < len(all); {
		s := Service{Service: service(all[from]), Minute: r.Operations[all[from]].Minute}
		to := from
		for ; to < len(all) && service(all[to]) == s.Service && r.Operations[all[to]].Minute == s.Minute; to++ {
			o := &r.Operations[all[to]]
			s.add(&o.Sums)
			if clew.Status(r.OperationKeys[o.Key].Status) == clew.StatusError {
				s.Errors += o.Rows
				s.ErrorWeight = uint64(clew.Weight(s.ErrorWeight).Plus(clew.Weight(o.Weight)))
			}
		}
		list, places = append(list, s), append(places, all[from:to])
		from = to
	}
	return list, places
}

// ParseServices reads what AppendServices wrote into r, which it empties.
func (r *Rollup) ParseServices(src []byte, n Sizes) error {
	src, err := r.parseMinutes(src, n)
	if err != nil {
		return err
	}
	if err := r.columns.read(src, serviceFields, n.Rows); err != nil {
		return err
	}
	f := r.columns
	r.Services = resize(r.Services, len(f[0]))
	left := uint64(n.Rows)
	for i := range r.Services {
		s := &r.Services[i]
		if f[0][i] >= uint64(n.Services) || f[1][i] >= uint64(len(r.Minutes)) || f[2][i] > f[4][i] || !s.parse(f[4:], i, &left) {
			return damaged("service %d points outside its tables", i)
		}
		s.Service, s.Minute, s.Errors, s.ErrorWeight = uint32(f[0][i]), r.Minutes[f[1][i]].Minute, f[2][i], f[2][i]*one+f[3][i]
	}
	return nil
}

// ParseTimes reads what AppendTimes wrote into r, which has its services; src must stay
// as it is while r.Times is used.
func (r *Rollup) ParseTimes(src []byte, n Sizes) error {
	rest, err := r.Times.Parse(src, len(r.Services))
	if err == nil && (r.Times.Len() != len(r.Services) || len(rest) != 0) {
		err = damaged("durations of %d services, %d bytes behind; want %d", r.Times.Len(), len(rest), len(r.Services))
	}
	return err
}
