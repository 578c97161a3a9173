package sketch

import (
	"fmt"
	"math/bits"

	"github.com/clew-tracing/clew/column"
)

// Append appends histograms, as chunks of integers (package column) with one value
// for each of them, then one for each bucket:
//
//	shift    by how many bits all counts and the sum are shifted down
//	buckets  how many are not empty
//	zero     count of the value 0, shifted
//	min      what the least value is above the least of its bucket; 0 if it is 0
//	max      what the greatest value is below the greatest of its bucket; likewise
//	sum      low, then high 64 bits, shifted: two chunks
//	places   of each bucket: its index + 1 for the first of a histogram, then the
//	         distance from the one before, less one
//	counts   of each bucket, shifted, less one
//
// The count of all values follows from those of the buckets. Weights are multiples
// of the same number more often than not, which is what the shift is for.
func Append(dst []byte, hs []Histogram) []byte {
	var e encoder
	for i := range hs {
		e.add(&hs[i])
	}
	for _, f := range e.fields {
		dst = column.AppendInts(dst, f, column.IntOptions{Delta: true, Zstd: true})
	}
	return dst
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
	fieldPlaces
	fieldCounts
	fields
)

type encoder struct{ fields [fields][]uint64 }

func (e *encoder) put(field int, v uint64) { e.fields[field] = append(e.fields[field], v) }

func (e *encoder) add(h *Histogram) {
	shift := min(63, bits.TrailingZeros64(h.zero), h.sum.trailingZeros())
	for _, n := range h.n {
		shift = min(shift, bits.TrailingZeros64(n))
	}
	if h.count == 0 {
		shift = 0
	}
	sum := h.sum.shift(-shift)
	e.put(fieldShift, uint64(shift))
	e.put(fieldBuckets, uint64(len(h.place)))
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
	before := -1
	for i, p := range h.place {
		e.put(fieldPlaces, uint64(int(p)-before-1))
		e.put(fieldCounts, h.n[i]>>shift-1)
		before = int(p)
	}
}

// Decode reads what Append wrote, at most maxHistograms that have maxBuckets
// together, and returns the bytes behind it. Bytes that nothing wrote are an error.
func Decode(src []byte, maxHistograms, maxBuckets int) (hs []Histogram, rest []byte, err error) {
	var f [fields][]uint64
	rest = src
	for i := range f {
		limit := maxHistograms
		if i >= fieldPlaces {
			limit = maxBuckets
		}
		if f[i], rest, err = column.DecodeInts[uint64](nil, rest, limit); err != nil {
			return nil, src, err
		}
		if i < fieldPlaces && len(f[i]) != len(f[0]) {
			return nil, src, fmt.Errorf("damaged histograms: %d in one field, %d in another", len(f[i]), len(f[0]))
		}
	}
	d := decoder{f: f, place: make([]uint16, 0, len(f[fieldPlaces]))}
	hs = make([]Histogram, len(f[0]))
	for i := range hs {
		if err := d.histogram(&hs[i], i); err != nil {
			return nil, src, fmt.Errorf("damaged histogram %d: %w", i, err)
		}
	}
	if len(d.place) != len(f[fieldPlaces]) || len(d.place) != len(f[fieldCounts]) {
		return nil, src, fmt.Errorf("damaged histograms: %d buckets, with %d places and %d counts", len(d.place), len(f[fieldPlaces]), len(f[fieldCounts]))
	}
	return hs, rest, nil
}

type decoder struct {
	f     [fields][]uint64
	place []uint16 // of all buckets so far
}

func (d *decoder) histogram(h *Histogram, i int) error {
	shift := d.f[fieldShift][i]
	if shift > 63 {
		return fmt.Errorf("shift %d", shift)
	}
	from, buckets := len(d.place), d.f[fieldBuckets][i]
	if left := min(len(d.f[fieldPlaces]), len(d.f[fieldCounts])) - from; buckets > uint64(left) {
		return fmt.Errorf("%d buckets, %d are left", buckets, left)
	}
	to := from + int(buckets)
	h.n = d.f[fieldCounts][from:to:to]
	if err := d.places(h, from, to, uint(shift)); err != nil {
		return err
	}
	zero := d.f[fieldZero][i]
	if h.zero = zero << shift; h.zero>>shift != zero {
		return fmt.Errorf("count %d shifted by %d bits", zero, shift)
	}
	h.count = h.zero
	for _, n := range h.n {
		h.count = add(h.count, n)
	}
	sum := Uint128{Hi: d.f[fieldSumHigh][i], Lo: d.f[fieldSumLow][i]}
	if h.sum = sum.shift(int(shift)); h.sum.shift(-int(shift)) != sum {
		return fmt.Errorf("sum %v shifted by %d bits", sum, shift)
	}
	return d.extremes(h, d.f[fieldMin][i], d.f[fieldMax][i])
}

// places reads the places of a histogram's buckets and completes their counts.
func (d *decoder) places(h *Histogram, from, to int, shift uint) error {
	before := -1
	for k := from; k < to; k++ {
		gap := d.f[fieldPlaces][k]
		if gap > uint64(maxPlace-before-1) {
			return fmt.Errorf("bucket %d places behind %d", gap, before)
		}
		before += int(gap) + 1
		if lowest(before) > highest(before) {
			return fmt.Errorf("bucket %d holds no whole number", before-1)
		}
		d.place = append(d.place, uint16(before))
		n := &d.f[fieldCounts][k]
		if *n++; *n == 0 || *n<<shift>>shift != *n {
			return fmt.Errorf("count %d shifted by %d bits", *n, shift)
		}
		*n <<= shift
	}
	h.place = d.place[from:to:to]
	return nil
}

// extremes reads the least and greatest value, as distances from the ends of their
// buckets.
func (d *decoder) extremes(h *Histogram, least, greatest uint64) error {
	last := len(h.place) - 1
	if last < 0 {
		if least != 0 || greatest != 0 {
			return fmt.Errorf("values up to %d without a bucket", greatest)
		}
		return nil
	}
	p := int(h.place[last])
	if greatest > highest(p)-lowest(p) {
		return fmt.Errorf("greatest value outside its bucket")
	}
	h.max = highest(p) - greatest
	if h.zero != 0 {
		if least != 0 {
			return fmt.Errorf("least value %d besides zeros", least)
		}
		return nil
	}
	p = int(h.place[0])
	if least > highest(p)-lowest(p) || lowest(p)+least > h.max {
		return fmt.Errorf("least value outside its bucket")
	}
	h.min = lowest(p) + least
	return nil
}
