package order

import "slices"

// Twins finds the low halves that several trace ids have. It is used again and
// again. Ids are put into buckets of about eight by a few of their bits, mixed, so
// that none of them is compared with many.
type Twins struct {
	lows, sorted []uint64
	starts       []uint32
}

// Reset forgets all ids.
func (f *Twins) Reset() { f.lows = f.lows[:0] }

// Add adds the low half of an id.
func (f *Twins) Add(low uint64) { f.lows = append(f.lows, low) }

// Append appends each low half that was added more than once, ascending.
func (f *Twins) Append(dst []uint64) []uint64 {
	buckets := uint64(len(f.lows)/8 + 1)
	place := func(low uint64) uint64 {
		low *= 0x9E3779B97F4A7C15
		return (low >> 32) * buckets >> 32
	}
	f.starts = resize(f.starts, int(buckets)+2)
	clear(f.starts)
	for _, v := range f.lows {
		f.starts[place(v)+2]++
	}
	for i := 2; i < len(f.starts); i++ {
		f.starts[i] += f.starts[i-1]
	}
	f.sorted = resize(f.sorted, len(f.lows))
	for _, v := range f.lows {
		at := &f.starts[place(v)+1]
		f.sorted[*at] = v
		*at++
	}
	known := len(dst)
	for b := range buckets {
		list := f.sorted[f.starts[b]:f.starts[b+1]]
		slices.Sort(list)
		for i := 1; i < len(list); i++ {
			if list[i] == list[i-1] {
				dst = append(dst, list[i])
			}
		}
	}
	slices.Sort(dst[known:])
	return slices.Compact(dst)
}
