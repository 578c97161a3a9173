package runs

import (
	"fmt"
	"math"

	"github.com/clew-tracing/clew/column"
)

// Values are the values of a column as runs of rows, ascending: each row in [Start[i],
// End[i]) has Base + Value[i], and others have none.
type Values struct {
	Base       uint64
	Value      []uint32
	Start, End []uint32
}

// Values returns the values of a column by rows, for having as in Places; nil if they
// differ by more than 32 bits.
func (b *Runs) Values(vals []uint64, having []uint32) (*Values, error) {
	v := new(Values)
	low, high := ^uint64(0), uint64(0)
	for _, x := range vals {
		low, high = min(low, x), max(high, x)
	}
	if v.Base = low; len(vals) > 0 && high-low > math.MaxUint32 {
		return nil, nil
	}
	left := vals
	for i, shape := range b.Shape {
		n := int((b.Start[i+1] - b.Start[i]) & having[shape])
		if n > len(left) {
			return nil, fmt.Errorf("%d values are not enough for its rows", len(vals))
		}
		v.add(left[:n], b.Start[i])
		left = left[n:]
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("%d values, %d of which no row has", len(vals), len(left))
	}
	return v, nil
}

// add adds the values of rows from start on.
func (v *Values) add(vals []uint64, start uint32) {
	for from := 0; from < len(vals); {
		to := from + 1
		for to < len(vals) && vals[to] == vals[from] {
			to++
		}
		x, at, end := uint32(vals[from]-v.Base), start+uint32(from), start+uint32(to)
		if last := len(v.End) - 1; last >= 0 && v.End[last] == at && v.Value[last] == x {
			v.End[last] = end
		} else {
			v.Value, v.Start, v.End = append(v.Value, x), append(v.Start, at), append(v.End, end)
		}
		from = to
	}
}

// SizeBytes is about the memory that v takes.
func (v *Values) SizeBytes() int64 { return 4*int64(cap(v.Value)+cap(v.Start)+cap(v.End)) + 80 }

// Select sets the rows whose values are in a range.
func (v *Values) Select(dst column.Bitmap, in column.Range) {
	low := in.Low - v.Base
	for i, x := range v.Value {
		if uint64(x)-low <= in.Span {
			dst.SetRange(int(v.Start[i]), int(v.End[i]))
		}
	}
}
