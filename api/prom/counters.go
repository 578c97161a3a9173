package prom

import (
	"context"
	"errors"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/storage"
)

// An entry is that a counter grows: with sample at, by n in a bucket.
type entry struct {
	at     int32
	bucket int32
	n      uint64
}

// The buckets of native histograms that are none.
const (
	zeroBucket = math.MinInt32
	sumBucket  = math.MinInt32 + 1
)

// A counter is an operation or an edge. Its entries are by ascending sample.
type counter struct {
	labels  labels.Labels // but __name__ and le
	entries []entry
}

// counters are those of one metric that a selector wants.
type counters struct {
	*querier
	metric
	matchers []*labels.Matcher
	request  storage.RollupRequest
	keep     []string // the only labels wanted; nil: all
	failed   bool     // only spans that failed count: see project

	byKey  map[storage.RollupKey]*counter // nil: not wanted
	byText map[string]*counter
	list   []*counter
	notes  []error
}

// read asks the store for what a grid needs.
func (q *querier) read(ctx context.Context, m metric, matchers []*labels.Matcher, span int64, asks []ask) (*counters, error) {
	c := &counters{querier: q, metric: m, matchers: matchers, byKey: make(map[storage.RollupKey]*counter), byText: make(map[string]*counter)}
	c.request = storage.RollupRequest{Edges: m.edges, Durations: m.part.durations()}
	names, projected := q.enough[selectorKey(matchers, span)]
	c.project(names, projected)
	c.narrow()
	for _, a := range asks {
		if err := c.ask(ctx, a); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// narrow takes over from matchers which services and operations are wanted.
func (c *counters) narrow() {
	for _, m := range c.matchers {
		var values []string
		switch m.Type {
		case labels.MatchEqual:
			values = []string{m.Value}
		case labels.MatchRegexp:
			values = m.SetMatches()
		}
		// What is not there matches "" as well, and text that was not valid is shown
		// otherwise than it is kept.
		if len(values) == 0 || slices.ContainsFunc(values, func(v string) bool { return v == "" || v != api.Shown(v) || strings.Contains(v, `\x`) }) {
			continue
		}
		switch {
		case m.Name == "span_name" && !c.edges && len(c.request.Operations) == 0:
			c.request.Operations = values
		case !c.edges && m.Name == "service", c.edges && (m.Name == "client" || m.Name == "server"):
			if len(c.request.Services) > 0 {
				continue
			}
			c.request.Services = slices.Clone(values)
			if slices.Contains(values, api.MissingService) {
				c.request.Services = append(c.request.Services, "")
			}
		}
	}
}

// ask adds what an ask counts. An answer that would have too many series is asked for in
// parts.
func (c *counters) ask(ctx context.Context, a ask) error {
	if steps := int64(rowsAtOnce / max(1, len(c.byKey))); a.step > 0 && (a.end-a.start)/a.step > steps && steps > 0 {
		head := a
		head.end = a.start + steps*a.step
		if err := c.ask(ctx, head); err != nil {
			return err
		}
		a.at, a.start = a.at+int32(steps), head.end
		return c.ask(ctx, a)
	}
	over := exec.Over{Tenant: c.tenant, Budget: c.api.Budget, Window: clew.Window{Start: nanos(a.start), End: nanos(a.end)}}
	r := c.request
	r.Step = time.Duration(a.step) * time.Millisecond
	out, cost, err := exec.Rollups(ctx, c.api.Store, over, r)
	if steps := a.steps(); err != nil && clew.KindOf(err) == clew.TooLarge && ctx.Err() == nil && steps > 1 {
		head := a
		head.end = a.start + steps/2*a.step
		if err := c.ask(ctx, head); err != nil {
			return err
		}
		a.at, a.start = a.at+int32(steps/2), head.end
		return c.ask(ctx, a)
	}
	if err != nil {
		return err
	}
	if !cost.Complete && len(c.notes) == 0 {
		c.notes = append(c.notes, errors.New(api.HeaderText(cost.Reason)))
	}
	for i := range out.Series {
		s := &out.Series[i]
		at := a.at
		if a.step > 0 {
			at += int32((int64(s.Start/1e6) - a.start) / a.step)
		}
		s.Start = 0
		if err := c.add(at, s); err != nil {
			return err
		}
	}
	return nil
}

func (a *ask) steps() int64 {
	if a.step == 0 {
		return 1
	}
	return (a.end - a.start) / a.step
}

// nanos returns a moment in milliseconds as the store has it, or the nearest there.
func nanos(ms int64) clew.UnixNanos {
	return clew.UnixNanos(min(max(0, ms), math.MaxInt64/1_000_000)) * 1e6
}

// add adds one row of an answer.
func (c *counters) add(at int32, s *storage.RollupSeries) error {
	if c.failed && s.Errors == 0 {
		return nil
	}
	one, known := c.byKey[s.RollupKey]
	if !known {
		var err error
		if one, err = c.counterOf(&s.RollupKey); err != nil {
			return err
		}
		c.byKey[s.RollupKey] = one
	}
	if one == nil {
		return nil
	}
	before := len(one.entries)
	c.grow(one, at, &s.Figures)
	if c.used.bytes += int64(len(one.entries)-before) * entryBytes; c.used.bytes > c.api.memory() {
		return clew.Errorf(clew.TooLarge, "with the samples of %s there are more than the %d MB that a question may remember: ask for a shorter time, or for fewer services or operations", c.name, c.api.memory()>>20)
	}
	return nil
}

// counterOf returns the counter of a key, nil if it is not wanted.
func (c *counters) counterOf(k *storage.RollupKey) (*counter, error) {
	if k.Unresolved || c.virtual && !k.Virtual {
		return nil, nil
	}
	set := c.labelsOf(k)
	for _, m := range c.matchers {
		if m.Name != model.MetricNameLabel && m.Name != labels.BucketLabel && !m.Matches(set.Get(m.Name)) {
			return nil, nil
		}
	}
	if c.keep != nil {
		set = labels.NewBuilder(set).Keep(c.keep...).Labels()
	}
	text := set.String()
	if one := c.byText[text]; one != nil { // shown as another one is
		return one, nil
	}
	if len(c.list)*c.each() >= maxSeries {
		return nil, clew.Errorf(clew.TooLarge, "%s has more than %d series here: ask for some services or operations only, by {service=\"…\"}, {span_name=\"…\"} or {server=\"…\"}", c.name, maxSeries)
	}
	one := &counter{labels: set}
	c.byText[text] = one
	c.list = append(c.list, one)
	return one, nil
}

// each returns how many series a counter has.
func (m *metric) each() int {
	if m.part == buckets {
		return bounds
	}
	return 1
}

// labelsOf returns the labels of what a key is of. Those that are empty are not there.
func (c *counters) labelsOf(k *storage.RollupKey) labels.Labels {
	b := labels.NewScratchBuilder(5)
	add := func(name, value string) {
		if value != "" && c.tells(name) {
			b.Add(name, value)
		}
	}
	if k.Other {
		add("other", "true")
	}
	if c.edges {
		add("client", api.ServiceName(k.Client))
		add("connection_type", connectionOf(k.Connection, k.Virtual))
		if !k.Other {
			add("server", api.ServiceName(k.Server))
		}
	} else {
		add("service", api.ServiceName(k.Service))
		add("span_kind", kindOf(k.Kind))
		add("span_name", api.Shown(k.Operation))
		add("status_code", statusOf(k.Status))
	}
	b.Sort()
	return b.Labels()
}

// room makes room for so many entries more: a histogram has thousands, and what append
// makes for a long list is soon full again.
func (c *counter) room(n int) {
	if cap(c.entries)-len(c.entries) < n {
		c.entries = slices.Grow(c.entries, max(n, len(c.entries)))
	}
}

// grow notes what figures add to a counter. That it is there is noted in any case.
func (c *counters) grow(one *counter, at int32, f *storage.Figures) {
	add := func(bucket int32, n uint64) {
		// Buckets come ascending, so that several of a sketch may be one.
		if l := len(one.entries); l > 0 && one.entries[l-1].at == at && one.entries[l-1].bucket == bucket {
			one.entries[l-1].n = plus(one.entries[l-1].n, n)
			return
		}
		one.entries = append(one.entries, entry{at, bucket, n})
	}
	switch d := &f.Durations; c.part {
	case calls:
		if c.failed {
			add(0, uint64(f.ErrorWeight))
			return
		}
		add(0, uint64(f.Weight))
	case failures:
		add(0, uint64(f.ErrorWeight))
	case counts:
		add(0, d.Count())
	case sums:
		add(0, wholeNanos(d.Sum()))
	case buckets:
		one.room(bounds)
		add(0, d.Zero())
		for i, n := range d.Buckets() {
			add(boundOf(i), n)
		}
	case native:
		one.room(d.Len() + 2)
		add(sumBucket, wholeNanos(d.Sum()))
		add(zeroBucket, d.Zero())
		for i, n := range d.Buckets() {
			add(int32(i+nativeShift), n)
		}
	}
}

// plus adds, up to what there is room for: clocks that are far off make durations of
// centuries.
func plus(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}

// wholeNanos returns a sum of nanoseconds in the unit of weights as nanoseconds.
func wholeNanos(s sketch.Uint128) uint64 {
	const unit = 16 // bits of clew.WeightOne
	if s.Hi>>unit != 0 {
		return math.MaxUint64
	}
	return s.Hi<<(64-unit) | s.Lo>>unit
}
