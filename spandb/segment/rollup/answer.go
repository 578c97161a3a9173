package rollup

import (
	"slices"
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/storage"
)

// An Answer collects the series that a request wants from rollups of any number of
// segments and heads.
type Answer struct {
	r      *storage.RollupRequest
	groups map[storage.RollupKey]*group
	key    storage.RollupKey // asked for last, and its group: series of one come together
	last   *group
	dense  int                // groups that have an accumulator
	spare  sketch.Accumulator // for those that have none
	out    storage.Rollups
	err    error
}

// group is the sums of a series of the answer. The first maxDense have an accumulator,
// to which a segment's buckets are added at a nanosecond each; merging them into the
// distribution goes through all buckets that it has.
type group struct {
	storage.Figures
	durations *sketch.Accumulator
}

// accumulators are empty ones.
var accumulators = sync.Pool{New: func() any { return new(sketch.Accumulator) }}

// NewAnswer returns an empty answer to a request, which is kept.
func NewAnswer(r *storage.RollupRequest) *Answer {
	return &Answer{r: r, groups: make(map[storage.RollupKey]*group)}
}

// Add adds what a rollup has. services and names are those that it points into.
func (a *Answer) Add(r *Rollup, services []string, names *column.Strings) {
	for _, m := range r.Minutes {
		if a.r.Window.Contains(startOf(m.Minute)) {
			a.out.Unfinished += int64(m.Unfinished)
			a.out.Moved += int64(m.Moved)
		}
	}
	if a.r.Edges {
		a.edges(r, services)
		return
	}
	if r.Services != nil && a.OfServices() {
		a.services(r, services)
		return
	}
	a.operations(r, services, names)
}

// OfServices reports whether what services did is enough for the answer.
func (a *Answer) OfServices() bool {
	return !a.r.Edges && a.r.By&^storage.ByService == 0 && len(a.r.Operations) == 0
}

// services adds what services did.
func (a *Answer) services(r *Rollup, services []string) {
	for i := range r.Services {
		s := &r.Services[i]
		at := startOf(s.Minute)
		if !a.r.Window.Contains(at) || !wanted(a.r.Services, services[s.Service]) {
			continue
		}
		key := storage.RollupKey{Start: a.r.StepOf(at)}
		if a.r.By&storage.ByService != 0 {
			key.Service = services[s.Service]
		}
		sum := a.group(key)
		if sum == nil {
			return
		}
		sum.counted(&s.Sums)
		sum.failed(s.Errors, s.ErrorWeight)
		switch {
		case !a.r.Durations:
		case sum.durations != nil:
			r.Times.AddTo(sum.durations, i)
		default:
			r.Times.AddTo(&a.spare, i)
			a.spare.Merge(&sum.Durations)
			a.spare.Move(&sum.Durations)
		}
	}
}

// counted adds rows.
func (g *group) counted(s *Sums) {
	g.Spans += s.Rows
	g.Unknown += s.Unknown
	g.Weight = g.Weight.Plus(clew.Weight(s.Weight))
	g.Squares = g.Squares.Add(s.Squares)
}

// failed notes that rows failed.
func (g *group) failed(rows, weight uint64) {
	g.Errors += rows
	g.ErrorWeight = g.ErrorWeight.Plus(clew.Weight(weight))
}

// took adds durations.
func (g *group) took(h *sketch.Histogram) {
	if g.durations != nil {
		g.durations.Merge(h)
	} else {
		g.Durations.Merge(h)
	}
}

func startOf(minute uint32) clew.UnixNanos { return clew.UnixNanos(minute) * Minute }

// wanted reports whether a filter lets one of some names pass.
func wanted(filter []string, names ...string) bool {
	return len(filter) == 0 || slices.ContainsFunc(names, func(n string) bool { return slices.Contains(filter, n) })
}

func (a *Answer) operations(r *Rollup, services []string, names *column.Strings) {
	by := a.r.By
	each(r.Operations, func(key uint32, list []Series) {
		k := &r.OperationKeys[key]
		other, name := k.Name == OtherName, ""
		if !other && (by&storage.ByOperation != 0 || len(a.r.Operations) > 0) {
			name = string(names.At(int(k.Name)))
		}
		switch {
		case !wanted(a.r.Services, services[k.Service]):
			return
		case other && len(a.r.Operations) > 0:
			a.others(list)
			return
		case !wanted(a.r.Operations, name):
			return
		}
		var group storage.RollupKey
		if by&storage.ByService != 0 {
			group.Service = services[k.Service]
		}
		if by&storage.ByOperation != 0 {
			group.Operation, group.Other = name, other
		}
		if by&storage.ByKind != 0 {
			group.Kind = clew.Kind(k.Kind)
		}
		if by&storage.ByStatus != 0 {
			group.Status = clew.Status(k.Status)
		}
		a.add(group, list, clew.Status(k.Status) == clew.StatusError)
	})
}

func (a *Answer) edges(r *Rollup, services []string) {
	by := a.r.By
	each(r.Edges, func(key uint32, list []Series) {
		k := &r.EdgeKeys[key]
		var client, server string
		if int(k.Client) < len(services) {
			client = services[k.Client]
		}
		peer := int(k.Server) - len(services)
		switch {
		case peer < 0:
			server = services[k.Server]
		case k.Server != OtherName:
			server = string(r.Peers.At(peer))
		}
		unresolved, other := int(k.Client) == len(services), k.Server == OtherName
		if !wanted(a.r.Services, client, server) {
			if other {
				a.others(list)
			}
			return
		}
		group := storage.RollupKey{Unresolved: unresolved}
		if by&storage.ByClient != 0 {
			group.Client = client
		}
		if by&storage.ByServer != 0 {
			group.Server, group.Virtual, group.Other = server, peer >= 0, other
		}
		if by&storage.ByConnection != 0 {
			group.Connection = k.Connection
		}
		a.add(group, list, k.Failed)
	})
}

// others counts rows of operations, or servers, that are not kept apart.
func (a *Answer) others(list []Series) {
	for i := range list {
		if a.r.Window.Contains(startOf(list[i].Minute)) {
			a.out.Others += int64(list[i].Rows)
		}
	}
}

// each calls f with the series of each key that has some.
func each(list []Series, f func(key uint32, list []Series)) {
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && list[to].Key == list[from].Key {
			to++
		}
		f(list[from].Key, list[from:to])
		from = to
	}
}

// add adds the series of a key, by ascending minute, to those of a group.
func (a *Answer) add(key storage.RollupKey, list []Series, failed bool) {
	var sum *group
	for i := range list {
		s := &list[i]
		at := startOf(s.Minute)
		if !a.r.Window.Contains(at) {
			continue
		}
		if step := a.r.StepOf(at); sum == nil || step != key.Start {
			key.Start = step
			if sum = a.group(key); sum == nil {
				return
			}
		}
		sum.counted(&s.Sums)
		if failed {
			sum.failed(s.Rows, s.Weight)
		}
		if a.r.Durations {
			sum.took(&s.Durations)
		}
	}
}

// group returns the sums of a group; nil if there are too many groups.
func (a *Answer) group(k storage.RollupKey) *group {
	if a.last != nil && k == a.key {
		return a.last
	}
	if sum := a.groups[k]; sum != nil {
		a.key, a.last = k, sum
		return sum
	}
	if len(a.groups) >= storage.MaxRollupSeries {
		a.err = storage.TooManySeries()
		return nil
	}
	sum := new(group)
	if a.r.Durations && a.dense < maxDense {
		a.dense++
		sum.durations = accumulators.Get().(*sketch.Accumulator)
	}
	a.groups[k] = sum
	return sum
}

// Elsewhere notes that rows of the window may count outside of it.
func (a *Answer) Elsewhere() { a.out.Elsewhere = true }

// Damaged notes that rows are missing.
func (a *Answer) Damaged(rows int64, err error) {
	a.out.Damaged += rows
	if a.out.Damage == nil {
		a.out.Damage = err
	}
}

// Finish returns the answer.
func (a *Answer) Finish() (storage.Rollups, error) {
	if a.err != nil {
		return storage.Rollups{}, a.err
	}
	for k, g := range a.groups {
		if g.durations != nil {
			g.durations.Move(&g.Durations)
			accumulators.Put(g.durations)
		}
		a.out.Series = append(a.out.Series, storage.RollupSeries{RollupKey: k, Figures: g.Figures})
	}
	slices.SortFunc(a.out.Series, func(x, y storage.RollupSeries) int { return x.Compare(&y.RollupKey) })
	return a.out, nil
}
