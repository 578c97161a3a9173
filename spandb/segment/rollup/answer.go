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
	groups map[storage.RollupKey]*steps // without a start
	at     *steps                       // asked for last
	all    []*group
	open   []*group // those that have an accumulator
	hand   int      // the place in open of the one that had it longest
	room   sketch.Room
	out    storage.Rollups
	err    error
}

// group is the sums of a series of the answer. Some have an accumulator, to which a
// segment's buckets are added at a nanosecond each; merging them into the distribution
// goes through all buckets that it has.
type group struct {
	storage.RollupKey
	storage.Figures
	durations *sketch.Accumulator
}

// steps are the groups of a key, by their start: hashing all of a key for each would cost
// more than adding to it.
type steps struct {
	key  storage.RollupKey
	next *steps // asked for after these: most segments have the same keys in the same order
	last *group // asked for last: those of one step come together
	more map[clew.UnixNanos]*group
}

// accumulators are empty ones.
var accumulators = sync.Pool{New: func() any { return new(sketch.Accumulator) }}

// NewAnswer returns an empty answer to a request, which is kept.
func NewAnswer(r *storage.RollupRequest) *Answer {
	return &Answer{r: r, groups: make(map[storage.RollupKey]*steps)}
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
	var (
		of  *steps // of the service
		key storage.RollupKey
	)
	for i := range r.Services {
		s := &r.Services[i]
		at := startOf(s.Minute)
		if !a.r.Window.Contains(at) || !wanted(a.r.Services, services[s.Service]) {
			continue
		}
		if name := services[s.Service]; a.r.By&storage.ByService != 0 && name != key.Service {
			key.Service, of = name, nil
		}
		if of == nil {
			of = a.steps(key)
		}
		sum := a.group(of, key, a.r.StepOf(at))
		if sum == nil {
			return
		}
		sum.counted(&s.Sums)
		sum.failed(s.Errors, s.ErrorWeight)
		if a.r.Durations {
			a.dense(sum)
			r.Times.AddTo(sum.durations, i)
		}
	}
}

// steps returns the groups of a key, whose start is not looked at. A comparison with the
// key expected costs a quarter of hashing it.
func (a *Answer) steps(k storage.RollupKey) *steps {
	k.Start = 0
	before := a.at
	if before != nil {
		if before.key == k {
			return before
		}
		if next := before.next; next != nil && next.key == k {
			a.at = next
			return next
		}
	}
	of := a.groups[k]
	if of == nil {
		of = &steps{key: k}
		a.groups[k] = of
	}
	if before != nil {
		before.next = of
	}
	a.at = of
	return of
}

// group returns the sums of a key in a step; nil if there are too many groups.
func (a *Answer) group(of *steps, k storage.RollupKey, step clew.UnixNanos) *group {
	if of.last != nil && of.last.Start == step {
		return of.last
	}
	sum := of.more[step]
	if sum == nil {
		k.Start = step
		if sum = a.add(k); sum == nil {
			return nil
		}
		if of.last != nil {
			if of.more == nil {
				of.more = map[clew.UnixNanos]*group{of.last.Start: of.last}
			}
			of.more[step] = sum
		}
	}
	of.last = sum
	return sum
}

// dense has a group have an accumulator, if need be that of the one that had it longest:
// segments come in the order of time, more or less, so that nothing is added to that any
// more.
func (a *Answer) dense(g *group) {
	switch {
	case g.durations != nil:
		return
	case len(a.open) < maxDense:
		g.durations = accumulators.Get().(*sketch.Accumulator)
		a.open = append(a.open, g)
	default:
		old := a.open[a.hand]
		a.close(old)
		g.durations, old.durations = old.durations, nil
		a.open[a.hand] = g
		a.hand = (a.hand + 1) % len(a.open)
	}
	g.durations.Merge(&g.Durations)
}

// close makes the durations of a group what its accumulator has, and empties that.
func (a *Answer) close(g *group) {
	if g.Durations.Len() > 0 {
		g.durations.Move(&g.Durations)
	} else {
		g.durations.MoveTo(&g.Durations, &a.room)
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
		a.sum(group, list, clew.Status(k.Status) == clew.StatusError)
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
		a.sum(group, list, k.Failed)
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

// sum adds the series of a key, by ascending minute, to those of a group.
func (a *Answer) sum(key storage.RollupKey, list []Series, failed bool) {
	var of *steps
	for i := range list {
		s := &list[i]
		at := startOf(s.Minute)
		if !a.r.Window.Contains(at) {
			continue
		}
		if of == nil {
			of = a.steps(key)
		}
		sum := a.group(of, key, a.r.StepOf(at))
		if sum == nil {
			return
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

// add adds a group; nil if there are too many.
func (a *Answer) add(k storage.RollupKey) *group {
	if len(a.all) >= storage.MaxRollupSeries {
		a.err = storage.TooManySeries()
		return nil
	}
	sum := &group{RollupKey: k}
	if a.r.Durations && len(a.open) < maxDense {
		a.dense(sum)
	}
	a.all = append(a.all, sum)
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
	for _, g := range a.open {
		a.close(g)
		accumulators.Put(g.durations)
	}
	if len(a.all) == 0 {
		return a.out, nil
	}
	slices.SortFunc(a.all, func(x, y *group) int { return x.Compare(&y.RollupKey) })
	a.out.Series = make([]storage.RollupSeries, 0, len(a.all))
	for _, g := range a.all {
		a.out.Series = append(a.out.Series, storage.RollupSeries{RollupKey: g.RollupKey, Figures: g.Figures})
	}
	return a.out, nil
}
