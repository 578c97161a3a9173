package sketch

import (
	"fmt"
	"math/bits"
	"sync"

	"github.com/clew-tracing/clew/column"
)

// Append appends n histograms, which at returns: chunks of integers (package column)
// with a value for each of them, and bits.
//
//	shift    by how many bits all counts and the sum are shifted down
//	buckets  how many are not empty
//	zero     count of the value 0, shifted
//	min      what the least value is above the least of its bucket; 0 if it is 0
//	max      what the greatest value is below the greatest of its bucket; likewise
//	sum      low, then high 64 bits, shifted: two chunks
//	bits     for each bucket its index + 1 in 12 bits, if it is the first of its
//	         histogram, else the distance from the one before; and its count, shifted;
//	         distances and counts in Elias's gamma code; filled up to a byte
//
// The count of all values follows from those of the buckets. Weights are multiples
// of the same number more often than not, which is what the shift is for. The bits
// take less than zstd makes of the same numbers, and a tenth of its time.
func Append(dst []byte, n int, at func(i int) *Histogram) []byte {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.bits = bitWriter{dst: e.bits.dst[:0]}
	for i := range n {
		e.add(at(i))
	}
	dst = e.appendFields(dst)
	e.bits.dst = e.bits.bytes()
	return append(dst, e.bits.dst...)
}

// Fields of the encoding, in order.
const (
	fieldShift = iota
	fieldBuckets
	fieldZero
	fieldMin
	fieldMax
	fieldSumLow
	fieldSumHigh
	fields
)

// placeBits is how many bits the place of a first bucket takes.
const placeBits = 12

// encoders keep their memory from segment to segment.
var encoders = sync.Pool{New: func() any { return new(encoder) }}

type encoder struct {
	fields [fields][]uint64
	bits   bitWriter
	counts []uint64 // see AppendDense
	dense  []byte
}

func (e *encoder) put(field int, v uint64) { e.fields[field] = append(e.fields[field], v) }

func (e *encoder) add(h *Histogram) {
	shift := e.head(h)
	e.put(fieldBuckets, uint64(len(h.place)))
	for i, p := range h.place {
		if i == 0 {
			e.bits.put(uint64(p), placeBits)
			e.bits.gamma(h.n[0] >> shift)
			continue
		}
		e.bits.gammas(uint64(p-h.place[i-1]), h.n[i]>>shift)
	}
}

// head puts all fields but that of the buckets, and returns the shift.
func (e *encoder) head(h *Histogram) (shift int) {
	all := h.zero
	for _, n := range h.n {
		all |= n
	}
	shift = min(63, bits.TrailingZeros64(all), h.sum.trailingZeros())
	if h.count == 0 {
		shift = 0
	}
	sum := h.sum.shift(-shift)
	e.put(fieldShift, uint64(shift))
	e.put(fieldZero, h.zero>>shift)
	e.put(fieldSumLow, sum.Lo)
	e.put(fieldSumHigh, sum.Hi)
	least, greatest := uint64(0), uint64(0)
	if last := len(h.place) - 1; last >= 0 {
		if h.zero == 0 {
			least = h.min - lowest(int(h.place[0]))
		}
		greatest = highest(int(h.place[last])) - h.max
	}
	e.put(fieldMin, least)
	e.put(fieldMax, greatest)
	return shift
}

// appendFields appends the fields and empties them.
func (e *encoder) appendFields(dst []byte) []byte {
	for i, f := range e.fields {
		dst = column.AppendInts(dst, f, column.IntOptions{})
		e.fields[i] = f[:0]
	}
	return dst
}

// Decode reads what Append wrote, at most maxHistograms that have maxBuckets
// together, and returns the bytes behind it. Bytes that nothing wrote are an error.
func Decode(src []byte, maxHistograms, maxBuckets int) (hs []Histogram, rest []byte, err error) {
	var d decoder
	if rest, err = d.read(src, maxHistograms); err != nil {
		return nil, src, err
	}
	d.bits.src = rest
	limit, buckets := uint64(min(maxBuckets, 4*len(rest))), uint64(0) // each takes two bits
	for _, n := range d.fields[fieldBuckets] {
		if n > limit-buckets {
			return nil, src, fmt.Errorf("damaged histograms: more than %d buckets", limit)
		}
		buckets += n
	}
	d.place, d.n = make([]uint16, 0, buckets), make([]uint64, 0, buckets)
	hs = make([]Histogram, len(d.fields[0]))
	for i := range hs {
		if err := d.histogram(&hs[i], i); err != nil {
			return nil, src, fmt.Errorf("damaged histogram %d: %w", i, err)
		}
	}
	return hs, d.bits.rest(), nil
}

type decoder struct {
	heads
	bits  bitReader
	place []uint16 // of all buckets so far, and their counts
	n     []uint64
}

func (d *decoder) histogram(h *Histogram, i int) error {
	shift, err := d.shift(i)
	if err != nil {
		return err
	}
	if err := d.buckets(h, int(d.fields[fieldBuckets][i]), shift); err != nil {
		return err
	}
	for _, n := range h.n {
		h.count = add(h.count, n)
	}
	if len(h.place) == 0 {
		return d.head(h, i, -1, -1)
	}
	return d.head(h, i, int(h.place[0]), int(h.place[len(h.place)-1]))
}

// heads are the fields of histograms that were read.
type heads struct{ fields [fields][]uint64 }

// read reads the fields, and returns the bytes behind them.
func (d *heads) read(src []byte, maxHistograms int) (rest []byte, err error) {
	rest = src
	for i := range d.fields {
		if d.fields[i], rest, err = column.DecodeInts(d.fields[i][:0], rest, maxHistograms); err != nil {
			return src, err
		}
		if n := len(d.fields[0]); len(d.fields[i]) != n {
			return src, fmt.Errorf("damaged histograms: %d in one field, %d in another", n, len(d.fields[i]))
		}
	}
	return rest, nil
}

func (d *heads) shift(i int) (uint, error) {
	if shift := d.fields[fieldShift][i]; shift <= 63 {
		return uint(shift), nil
	}
	return 0, fmt.Errorf("shift %d", d.fields[fieldShift][i])
}

// head sets all of h but its buckets, of which first and last are the places, -1 if
// there are none; h has the count of them.
func (d *heads) head(h *Histogram, i, first, last int) error {
	shift := d.fields[fieldShift][i] & 63
	zero := d.fields[fieldZero][i]
	if h.zero = zero << shift; h.zero>>shift != zero {
		return fmt.Errorf("count %d shifted by %d bits", zero, shift)
	}
	h.count = add(h.count, h.zero)
	sum := Uint128{Hi: d.fields[fieldSumHigh][i], Lo: d.fields[fieldSumLow][i]}
	if h.sum = sum.shift(int(shift)); h.sum.shift(-int(shift)) != sum {
		return fmt.Errorf("sum %v shifted by %d bits", sum, shift)
	}
	return h.extremes(d.fields[fieldMin][i], d.fields[fieldMax][i], first, last)
}

// buckets reads the places of a histogram's buckets and their counts.
func (d *decoder) buckets(h *Histogram, buckets int, shift uint) error {
	from := len(d.place)
	h.place, h.n = d.place[from:from+buckets:from+buckets], d.n[from:from+buckets:from+buckets]
	d.place, d.n = d.place[:from+buckets], d.n[:from+buckets]
	if buckets == 0 {
		return nil
	}
	place := d.bits.take(placeBits)
	h.place[0], h.n[0] = uint16(place), d.bits.gamma()
	d.bits.pairs(place, h.place[1:], h.n[1:])
	if d.bits.bad {
		return fmt.Errorf("its buckets are cut off")
	}
	for k, p := range h.place {
		if k > 0 && p <= h.place[k-1] || p > maxPlace || isHollow(uint64(p)) {
			return fmt.Errorf("bucket %d holds no whole number", int(p)-1)
		}
	}
	for k, n := range h.n {
		if h.n[k] = n << shift; h.n[k]>>shift != n {
			return fmt.Errorf("count %d shifted by %d bits", n, shift)
		}
	}
	return nil
}

// extremes sets the least and greatest value, given as distances from the ends of
// the buckets at first and last: see head.
func (h *Histogram) extremes(least, greatest uint64, first, last int) error {
	if last < 0 {
		if least != 0 || greatest != 0 {
			return fmt.Errorf("values up to %d without a bucket", greatest)
		}
		return nil
	}
	if greatest > highest(last)-lowest(last) {
		return fmt.Errorf("greatest value outside its bucket")
	}
	h.max = highest(last) - greatest
	if h.zero != 0 {
		if least != 0 {
			return fmt.Errorf("least value %d besides zeros", least)
		}
		return nil
	}
	if least > highest(first)-lowest(first) || lowest(first)+least > h.max {
		return fmt.Errorf("least value outside its bucket")
	}
	h.min = lowest(first) + least
	return nil
}
