package rollup

import (
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/span"
)

// Rows are the rows to count, in the order of their segment.
type Rows struct {
	Batch *span.Batch
	// Row is the row of Batch at each position of the segment, Position the inverse.
	Row, Position []uint32
	// Templates are by rank: ascending by service, then by the bytes of the name.
	Templates []Template
	// Runs cover all positions.
	Runs []Run
	// Services is how many services there are.
	Services int
	// Start and Duration are those of Batch, by position.
	Start, Duration []uint64
	// Parent is the position of each row's parent, or NoParent or Elsewhere.
	Parent []uint32
	// Twins are pairs of positions that share span and trace id: parents are found
	// at the first of each pair.
	Twins [][2]uint32
}

// NoParent and Elsewhere say why a row has no parent among the rows.
const (
	NoParent  = span.NoCode
	Elsewhere = span.NoCode - 1
)

// Template is what rows of a run have in common.
type Template struct {
	Service      uint32 // ordinal
	Name         uint32 // code in Batch.Names
	Kind, Status uint8
}

// Run is the rows of one template at positions [Start, End).
type Run struct{ Template, Start, End uint32 }

// untimed stands for a duration that is none; durations are below 2^63.
const untimed = ^uint64(0)

// A Builder makes rollups and keeps its memory between them. The zero value is
// ready; one goroutine uses it.
type Builder struct {
	r   *Rows
	out Rollup

	minutes  []uint32 // that occur, ascending
	minuteAt []uint32 // by position: index into minutes; nil if there is one minute
	weightAt []uint64 // by position; nil if every weight is 1
	odd      bool     // some row has no end, or ends before it starts

	acc sketch.Accumulator
	// The rows of the key being counted: durations, minutes, weights.
	values, weights []uint64
	mins            []uint32
	// Scratch of split and accumulate.
	next                   []uint32 // by minute
	sorted, sortedW, timed []uint64

	ops operations
	net network
}

// Build makes the rollup of rows, at least one. It is b's until the next call.
func (b *Builder) Build(r *Rows) *Rollup {
	b.r = r
	o := &b.out
	o.Minutes, o.OperationKeys, o.EdgeKeys = o.Minutes[:0], o.OperationKeys[:0], o.EdgeKeys[:0]
	o.Operations, o.Edges = o.Operations[:0], o.Edges[:0]
	o.Peers.Reset()
	b.times()
	b.weigh()
	b.countOperations()
	b.countEdges()
	b.r = nil
	return o
}

// times finds the minute of every row, and whether there are odd ones.
func (b *Builder) times() {
	r := b.r
	moved := &r.Batch.Moved
	least, greatest := ^uint64(0), uint64(0)
	b.odd = false
	for i, start := range r.Start {
		least, greatest = min(least, start), max(greatest, start)
		b.odd = b.odd || int64(r.Duration[i]) <= 0 && (r.Duration[i] != 0 || start == 0)
	}
	for _, at := range moved.Vals {
		least, greatest = min(least, at), max(greatest, at)
	}
	b.minutes, b.minuteAt = b.minutes[:0], b.minuteAt[:0]
	lo, hi := uint32(least/Minute), uint32(greatest/Minute)
	if lo == hi {
		b.minutes = append(b.minutes, lo)
	} else {
		b.minuteAt = resize(b.minuteAt, len(r.Start))
		for i, start := range r.Start {
			b.minuteAt[i] = uint32(start / Minute)
		}
		for i, row := range moved.Rows {
			b.minuteAt[r.Position[row]] = uint32(moved.Vals[i] / Minute)
		}
		b.number(lo, hi)
	}
	b.countMinutes()
}

// number lists the minutes that occur, which lie within [lo, hi], and makes
// minuteAt their numbers.
func (b *Builder) number(lo, hi uint32) {
	if hi-lo >= maxDenseMinutes {
		b.minutes = append(b.minutes, b.minuteAt...)
		slices.Sort(b.minutes)
		b.minutes = slices.Compact(b.minutes)
		for i, m := range b.minuteAt {
			at, _ := slices.BinarySearch(b.minutes, m)
			b.minuteAt[i] = uint32(at)
		}
		return
	}
	b.next = resize(b.next, int(hi-lo)+1)
	clear(b.next)
	for _, m := range b.minuteAt {
		b.next[m-lo] = 1
	}
	for i, used := range b.next {
		if used != 0 {
			b.next[i] = uint32(len(b.minutes))
			b.minutes = append(b.minutes, lo+uint32(i))
		}
	}
	for i, m := range b.minuteAt {
		b.minuteAt[i] = b.next[m-lo]
	}
}

// minute returns the number of a position's minute.
func (b *Builder) minute(at uint32) uint32 {
	if len(b.minuteAt) == 0 {
		return 0
	}
	return b.minuteAt[at]
}

// unfinished reports whether the row at a position has no end.
func (b *Builder) unfinished(at uint32) bool { return span.Unfinished(b.r.Start[at], b.r.Duration[at]) }

// countMinutes counts what is not in series.
func (b *Builder) countMinutes() {
	for _, m := range b.minutes {
		b.out.Minutes = append(b.out.Minutes, Counts{Minute: m})
	}
	for _, row := range b.r.Batch.Moved.Rows {
		b.out.Minutes[b.minute(b.r.Position[row])].Moved++
	}
	if !b.odd {
		return
	}
	for i := range b.r.Start {
		if at := uint32(i); b.unfinished(at) {
			b.out.Minutes[b.minute(at)].Unfinished++
		}
	}
}

// weigh finds the weight of every row, if any is not 1.
func (b *Builder) weigh() {
	w := b.r.Batch.Weights()
	b.weightAt = b.weightAt[:0]
	if len(w.Rows) == 0 {
		return
	}
	b.weightAt = resize(b.weightAt, len(b.r.Start))
	for i := range b.weightAt {
		b.weightAt[i] = one
	}
	for i, row := range w.Rows {
		b.weightAt[b.r.Position[row]] = w.Vals[i]
	}
}

// take adds the row at a position to the key being counted.
func (b *Builder) take(at uint32) {
	d := b.r.Duration[at]
	if b.odd && int64(d) < 0 {
		d = untimed
	}
	b.values = append(b.values, d)
	if len(b.minuteAt) > 0 {
		b.mins = append(b.mins, b.minuteAt[at])
	}
	if len(b.weightAt) > 0 {
		b.weights = append(b.weights, b.weightAt[at])
	}
}

// takeRun adds the rows at positions [from, to).
func (b *Builder) takeRun(from, to uint32) {
	if b.odd {
		for at := from; at < to; at++ {
			if !b.unfinished(at) {
				b.take(at)
			}
		}
		return
	}
	b.values = append(b.values, b.r.Duration[from:to]...)
	if len(b.minuteAt) > 0 {
		b.mins = append(b.mins, b.minuteAt[from:to]...)
	}
	if len(b.weightAt) > 0 {
		b.weights = append(b.weights, b.weightAt[from:to]...)
	}
}

// plain reports whether all rows are of one minute and weight, and have a duration.
func (b *Builder) plain() bool { return len(b.minuteAt) == 0 && len(b.weightAt) == 0 && !b.odd }

// flush makes series of the rows taken and appends them to list.
func (b *Builder) flush(list []Series, key uint32) []Series {
	if len(b.values) == 0 {
		return list
	}
	if len(b.mins) == 0 {
		list = b.series(list, key, 0, b.values, b.weights)
	} else {
		list = b.split(list, key)
	}
	b.values, b.weights, b.mins = b.values[:0], b.weights[:0], b.mins[:0]
	return list
}

// split sorts the rows taken by minute and makes a series of each.
func (b *Builder) split(list []Series, key uint32) []Series {
	least, greatest := b.mins[0], b.mins[0]
	for _, m := range b.mins {
		least, greatest = min(least, m), max(greatest, m)
	}
	if least == greatest {
		return b.series(list, key, least, b.values, b.weights)
	}
	b.next = resize(b.next, int(greatest-least)+2)
	clear(b.next)
	for _, m := range b.mins {
		b.next[m-least+1]++
	}
	for i := 1; i < len(b.next); i++ {
		b.next[i] += b.next[i-1]
	}
	b.sorted, b.sortedW = resize(b.sorted, len(b.values)), resize(b.sortedW, len(b.weights))
	for i, m := range b.mins {
		at := b.next[m-least]
		b.next[m-least]++
		b.sorted[at] = b.values[i]
		if len(b.weights) > 0 {
			b.sortedW[at] = b.weights[i]
		}
	}
	from := uint32(0)
	for m := least; m <= greatest; m++ {
		to := b.next[m-least]
		if to > from {
			weights := b.sortedW
			if len(weights) > 0 {
				weights = weights[from:to]
			}
			list = b.series(list, key, m, b.sorted[from:to], weights)
		}
		from = to
	}
	return list
}

// series appends the series of rows of one key and minute. weights are nil if all
// are 1.
func (b *Builder) series(list []Series, key, minute uint32, values, weights []uint64) []Series {
	list = grow(list)
	s := &list[len(list)-1]
	s.Key, s.Minute = key, b.minutes[minute]
	s.Rows, s.Unknown = uint64(len(values)), 0
	if len(weights) == 0 {
		s.Weight, s.Squares = plain(s.Rows)
		b.accumulate(values, one)
	} else {
		s.Weight, s.Squares = 0, sketch.Uint128{}
		from := 0
		for i := 1; i <= len(weights); i++ {
			if i == len(weights) || weights[i] != weights[from] {
				w := uint64(clew.Weight(weights[from]).Counted())
				n := uint64(i - from)
				if clew.Weight(weights[from]) == clew.WeightUnknown {
					s.Unknown += n
				}
				// Rows are fewer than 2^23 and weights at most 2^48.
				s.Weight = addUp(s.Weight, n*w)
				s.Squares = s.Squares.Add(sketch.Product(n*w, w))
				b.accumulate(values[from:i], w)
				from = i
			}
		}
	}
	b.acc.Move(&s.Durations)
	return list
}

// plainSeries appends the series of so many rows of the first minute and of weight 1,
// whose durations have been counted.
func (b *Builder) plainSeries(list []Series, key uint32, rows uint64) []Series {
	list = grow(list)
	s := &list[len(list)-1]
	s.Key, s.Minute, s.Rows, s.Unknown = key, b.minutes[0], rows, 0
	s.Weight, s.Squares = plain(rows)
	b.acc.Move(&s.Durations)
	return list
}

// accumulate counts durations n times each.
func (b *Builder) accumulate(values []uint64, n uint64) {
	if b.odd {
		b.timed = b.timed[:0]
		for _, v := range values {
			if v != untimed {
				b.timed = append(b.timed, v)
			}
		}
		values = b.timed
	}
	b.acc.Add(values, n)
}

// addUp is a + b, or the greatest number.
func addUp(a, b uint64) uint64 {
	if a+b < a {
		return ^uint64(0)
	}
	return a + b
}

// grow makes list longer by one and keeps the memory of a histogram that was there.
func grow(list []Series) []Series {
	if len(list) < cap(list) {
		return list[:len(list)+1]
	}
	return append(list, Series{})
}

// resize returns s with length n, keeping its memory; contents are unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// keyed sorts things by a key: those of key k are list[ends[k-1]:ends[k]], in the
// order in which they were.
type keyed struct{ ends, list []uint32 }

// sort lists 0 … n-1 by key, of which there are so many.
func (k *keyed) sort(keys, n int, key func(i int) uint32) {
	k.ends, k.list = resize(k.ends, keys+1), resize(k.list, n)
	clear(k.ends)
	for i := range n {
		k.ends[key(i)+1]++
	}
	k.sum()
	for i := range n {
		at := &k.ends[key(i)]
		k.list[*at] = uint32(i)
		*at++
	}
}

// sum makes the beginning of each key's part of the numbers of things before it.
func (k *keyed) sum() {
	for i := 1; i < len(k.ends); i++ {
		k.ends[i] += k.ends[i-1]
	}
}

// of returns those of a key.
func (k *keyed) of(key int) []uint32 {
	from := uint32(0)
	if key > 0 {
		from = k.ends[key-1]
	}
	return k.list[from:k.ends[key]]
}
