package span

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strconv"

	"github.com/clew-tracing/clew"
)

// priorityKey is the attribute by which a program has a trace kept whatever the
// sampler says: OpenTracing's, and still what collectors look at.
const priorityKey = "sampling.priority"

// unset marks rows that nobody has given a weight.
const unset = ^uint64(0)

// Weights returns the weights of rows, in the units of clew.Weight; rows without a
// value have weight 1. A row's weight is what comes first of:
//
//   - what b.Weight says, if it has the row;
//   - what the sampler says, in OpenTelemetry's entry of the trace state (th): it is
//     unknown if that cannot be read;
//   - unknown, if an attribute sampling.priority above 0 had the span kept;
//   - 1.
//
// Columns that say so must be in b; a batch that was read with Weight from a segment
// needs no others, since a segment has the weights of all rows. Each distinct trace
// state is read once. The result shares memory with b where b.Weight is all there is.
func (b *Batch) Weights() Column {
	out := Column{Type: clew.TypeInt, Rows: b.Weight.Rows, Vals: b.Weight.Vals}
	var forced []*Column
	for i := range b.Attrs.Columns {
		if c := &b.Attrs.Columns[i]; c.Key == priorityKey && len(c.Rows) > 0 {
			forced = append(forced, c)
		}
	}
	if len(forced) == 0 && len(b.TraceState.Rows) == 0 {
		return out
	}
	vals := make([]uint64, b.Rows)
	for i := range vals {
		vals[i] = unset
	}
	for _, c := range forced {
		for i, row := range c.Rows {
			if above0(c.ValueAt(i)) {
				vals[row] = uint64(clew.WeightUnknown)
			}
		}
	}
	b.TraceState.sampled(vals)
	for i, row := range b.Weight.Rows {
		vals[row] = b.Weight.Vals[i]
	}
	out.Rows, out.Vals = nil, nil
	for row, w := range vals {
		if w != unset {
			out.Rows, out.Vals = append(out.Rows, uint32(row)), append(out.Vals, w)
		}
	}
	return out
}

func above0(v clew.Value) bool {
	switch v.Type {
	case clew.TypeInt:
		return v.Int() > 0
	case clew.TypeDouble:
		return v.Double() > 0
	case clew.TypeString:
		n, err := strconv.ParseFloat(string(v.Bytes), 64)
		return err == nil && n > 0
	}
	return false
}

// sampled notes in vals the weights of rows whose trace state says how they were
// sampled.
func (c *Column) sampled(vals []uint64) {
	const unread, silent = unset, unset - 1
	known := make([]uint64, c.Strings.Len()) // by code
	for i := range known {
		known[i] = unread
	}
	for i, row := range c.Rows {
		code := c.Vals[i]
		if known[code] == unread {
			known[code] = silent
			if w, ok := sampledWeight(c.Strings.At(int(code))); ok {
				known[code] = uint64(w)
			}
		}
		switch w := known[code]; w {
		case silent:
		case uint64(clew.WeightOne):
			vals[row] = unset
		default:
			vals[row] = w
		}
	}
}

// sampledWeight reads a W3C tracestate for the rejection threshold of OpenTelemetry's
// consistent probability sampling, `ot=th:` and 1 to 14 hex digits: of 2^56 spans
// like this one so many were rejected, when the digits are filled up to 14 with
// zeros. ok reports whether there is one. The weight is unknown if it is malformed,
// or so large that it is not credible.
func sampledWeight(tracestate []byte) (w clew.Weight, ok bool) {
	for member := range bytes.SplitSeq(tracestate, []byte(",")) {
		entry, found := bytes.CutPrefix(bytes.Trim(member, " \t"), []byte("ot="))
		if !found {
			continue
		}
		for sub := range bytes.SplitSeq(entry, []byte(";")) {
			if th, found := bytes.CutPrefix(sub, []byte("th:")); found {
				return thresholdWeight(th), true
			}
		}
		return 0, false
	}
	return 0, false
}

func thresholdWeight(th []byte) clew.Weight {
	digits := []byte("0000000000000000")
	var raw [8]byte
	if len(th) == 0 || len(th) > 14 {
		return clew.WeightUnknown
	}
	copy(digits[2:], th)
	if _, err := hex.Decode(raw[:], digits); err != nil {
		return clew.WeightUnknown
	}
	kept := 1<<56 - binary.BigEndian.Uint64(raw[:]) // of 2^56
	if kept < 1<<24 {                               // the weight would be above MaxWeight
		return clew.WeightUnknown
	}
	// 2^56 / kept in units of 2^-16, rounded: 2^72 / kept.
	w, _ := bits.Div64(1<<8, kept/2, kept)
	return clew.Weight(w)
}
