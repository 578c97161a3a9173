package v1

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// startKey is a row with its start, counted from the earliest of all.
type startKey struct {
	start uint64
	row   uint32
}

// siblingOrder returns the rows of b by start, span id and side; rows that a store
// should have resolved, equal in all three, stay in their order.
func siblingOrder(b *span.Batch) []uint32 {
	keys := make([]startKey, b.Rows)
	base, last := ^uint64(0), uint64(0)
	for _, s := range b.Start {
		base, last = min(base, s), max(last, s)
	}
	for i := range keys {
		keys[i] = startKey{b.Start[i] - base, uint32(i)}
	}
	keys = radixSort(keys, bits.Len64(last-base))
	order := make([]uint32, len(keys))
	for i := range keys {
		order[i] = keys[i].row
	}
	byIdentity := func(x, y uint32) int {
		return cmp.Or(
			cmp.Compare(b.SpanID[x], b.SpanID[y]),
			cmp.Compare(clew.Kind(b.Kind[x]).Side(), clew.Kind(b.Kind[y]).Side()),
			cmp.Compare(x, y))
	}
	for lo := 0; lo < len(keys); {
		hi := lo + 1
		for hi < len(keys) && keys[hi].start == keys[lo].start {
			hi++
		}
		if hi-lo > 1 {
			slices.SortFunc(order[lo:hi], byIdentity)
		}
		lo = hi
	}
	return order
}

// digitBits is the radix: a table of 2,048 counts stays in the first cache.
const digitBits = 11

// radixSort sorts keys, whose starts have up to width bits, digit by digit from
// the lowest. Each pass is stable. Of 100,000 spans over some seconds it takes 3
// or 4 passes, a fifth of the time of a sort by comparison.
func radixSort(keys []startKey, width int) []startKey {
	if len(keys) < 1<<digitBits {
		slices.SortFunc(keys, func(x, y startKey) int { return cmp.Compare(x.start, y.start) })
		return keys
	}
	other := make([]startKey, len(keys))
	for shift := 0; shift < width; shift += digitBits {
		var ends [1 << digitBits]uint32
		for i := range keys {
			ends[keys[i].start>>shift&(1<<digitBits-1)]++
		}
		sum := uint32(0)
		for d, n := range ends {
			ends[d] = sum // where the digit's run starts, then where its next key goes
			sum += n
		}
		for _, k := range keys {
			at := &ends[k.start>>shift&(1<<digitBits-1)]
			other[*at] = k
			*at++
		}
		keys, other = other, keys
	}
	return keys
}
