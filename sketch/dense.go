package sketch

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/clew-tracing/clew/column"
)

// AppendDense appends n histograms, which at returns, in a form that can be added up
// without being decoded first. It is for histograms of many values, whose buckets lie
// side by side; those with gaps take more than what Append makes of them.
//
//	fields   those of Append; but that of the buckets has the place of the first one, 0
//	         if there is none
//	counts   of each histogram a chunk of integers: the counts of all buckets from its
//	         first to its last, those between them that are empty too, shifted
func AppendDense(dst []byte, n int, at func(i int) *Histogram) []byte {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.dense = e.dense[:0]
	for i := range n {
		h := at(i)
		shift, first := e.head(h), 0
		e.counts = e.counts[:0]
		for k, p := range h.place {
			if k == 0 {
				first = int(p)
			}
			for len(e.counts) < int(p)-first {
				e.counts = append(e.counts, 0)
			}
			e.counts = append(e.counts, h.n[k]>>shift)
		}
		e.put(fieldBuckets, uint64(first))
		e.dense = column.AppendInts(e.dense, e.counts, column.IntOptions{})
	}
	return append(e.appendFields(dst), e.dense...)
}

// maxCounts bounds the counts that a Dense has in memory: 512 KiB. Those beyond it are
// decoded once more when they are wanted.
const maxCounts = 64 << 10

// A Dense is histograms that AppendDense has written. It keeps its memory from Parse to
// Parse; the zero value has none.
type Dense struct {
	heads
	list   []dense
	counts []uint64
	spare  [maxPlace + 1]uint64
}

// dense is one histogram: its buckets begin at first, their counts in Dense.counts at
// from, if that is not negative.
type dense struct {
	Histogram // without buckets
	chunk     column.Ints
	first     int
	from      int
	shift     uint
}

// Len returns how many histograms there are.
func (d *Dense) Len() int { return len(d.list) }

// Parse reads what AppendDense wrote, at most maxHistograms, and returns the bytes
// behind it; src must stay as it is while d is used. Bytes that nothing wrote are an
// error, after which d has no histograms.
func (d *Dense) Parse(src []byte, maxHistograms int) (rest []byte, err error) {
	d.list, d.counts = d.list[:0], d.counts[:0]
	if rest, err = d.read(src, maxHistograms); err != nil {
		return src, err
	}
	d.list = resize(d.list, len(d.fields[0]))
	for i := range d.list {
		if rest, err = d.parse(&d.list[i], i, rest); err != nil {
			d.list = d.list[:0]
			return src, fmt.Errorf("damaged histogram %d: %w", i, err)
		}
	}
	return rest, nil
}

func (d *Dense) parse(x *dense, i int, src []byte) (rest []byte, err error) {
	*x = dense{}
	if x.shift, err = d.shift(i); err != nil {
		return src, err
	}
	first := d.fields[fieldBuckets][i]
	if first > maxPlace {
		return src, fmt.Errorf("bucket %d of %d", first, maxPlace)
	}
	x.first = int(first)
	if x.chunk, rest, err = column.ParseInts(src, maxPlace+1-x.first); err != nil {
		return src, err
	}
	n := x.chunk.Len()
	if n == 0 {
		if first != 0 {
			return src, fmt.Errorf("a first bucket, and none")
		}
		return rest, d.head(&x.Histogram, i, -1, -1)
	}
	into := d.spare[:0]
	if x.from = -1; len(d.counts)+n <= maxCounts {
		x.from, into = len(d.counts), d.counts
	}
	if into, err = x.chunk.Decode(into); err != nil {
		return src, err
	}
	counts := into[len(into)-n:]
	if x.from >= 0 {
		d.counts = into
	}
	if err := x.check(counts); err != nil {
		return src, err
	}
	return rest, d.head(&x.Histogram, i, x.first, x.first+n-1)
}

// check finds the count of all buckets, at least one, which are as they should be.
func (x *dense) check(counts []uint64) error {
	last := len(counts) - 1
	if counts[0] == 0 || counts[last] == 0 {
		return fmt.Errorf("its first or last bucket is empty")
	}
	var all, sum uint64
	for _, n := range counts {
		all, sum = all|n, sum+n
	}
	for i := 0; i < len(counts) && x.first+i < len(hollow); i++ {
		if counts[i] != 0 && hollow[x.first+i] {
			return fmt.Errorf("bucket %d holds no whole number", x.first+i-1)
		}
	}
	if all<<x.shift>>x.shift != all {
		return fmt.Errorf("a count shifted by %d bits", x.shift)
	}
	if x.count = sum << x.shift; all<<x.shift >= 1<<(63-placeBits) { // the sum may not be that of all
		x.count = 0
		for _, n := range counts {
			x.count = add(x.count, n<<x.shift)
		}
	}
	return nil
}

// AddTo adds histogram i to a.
func (d *Dense) AddTo(a *Accumulator, i int) {
	x := &d.list[i]
	if x.Histogram.count == 0 {
		return
	}
	if n := x.chunk.Len(); n > 0 {
		counts := d.spare[:n]
		if x.from >= 0 {
			counts = d.counts[x.from:][:n]
		} else if _, err := x.chunk.Decode(counts[:0]); err != nil {
			panic("sketch: counts are not what they were: " + err.Error()) // the caller has changed the bytes
		}
		a.addDense(x.first, counts, x.shift, x.count)
	}
	a.rest.zero = add(a.rest.zero, x.zero)
	a.rest.note(x.min, x.max, x.count, x.sum)
}

// addDense adds counts to the places from first on; count is their sum, or more.
func (a *Accumulator) addDense(first int, counts []uint64, shift uint, count uint64) {
	a.reach(first, first+len(counts)-1)
	to := a.n[first:][:len(counts)]
	if _, over := bits.Add64(a.rest.count, count, 0); over != 0 || count == math.MaxUint64 {
		for i, n := range counts {
			to[i] = add(to[i], n<<(shift&63))
		}
		return
	}
	for i, n := range counts { // no place has more than the count of all
		to[i] += n << (shift & 63)
	}
}
