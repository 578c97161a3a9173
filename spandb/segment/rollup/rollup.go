// Package rollup counts the rows of a segment per minute: what each operation of a
// service did, and what each service asked of another, with the distribution of
// durations. It is computed when rows are sealed, lies in the segment beside them,
// and is computed in the same way from rows that are not sealed yet.
//
//	operation   service, span name, kind, status
//	edge        client service, server service or virtual server, how they talk,
//	            whether it failed
//	figures     rows, their weights, the squares of these, how many weights are
//	            unknown, and an exponential histogram of durations (package sketch)
//
// A series is the figures of one operation or edge in one minute. Build makes all
// series of some rows and is a function of these rows alone, whatever segments they
// come from: merged segments have the exact series of the rows they hold.
//
// Which rows count, what an edge is and how servers are named says
// storage.Aggregator.
package rollup

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Minute is nanoseconds in a minute: series begin with the minutes of UTC.
const Minute = 60e9

// A Rollup is all series of some rows.
type Rollup struct {
	// Minutes lists the minutes that rows belong to, ascending.
	Minutes []Counts
	// Services are by service, then minute, and follow from Operations: only what was
	// read from a segment has them, and Times, which are their durations.
	Services []Service
	Times    sketch.Dense

	// Peers are the names of virtual servers.
	Peers column.Strings

	// Series refer to keys by number; keys ascend, series ascend by key, then
	// minute.
	OperationKeys []OperationKey
	Operations    []Series
	EdgeKeys      []EdgeKey
	Edges         []Series

	// Memory of parsing.
	minutes [3][]uint32
	columns columns
}

// Counts are the rows of a minute of which its series do not tell.
type Counts struct {
	Minute     uint32 // since 1970
	Unfinished uint32 // rows without an end: they are in no series
	Moved      uint32 // rows that are counted here although they start elsewhere
}

// OtherName stands for a name in the keys of what is beyond a cap.
const OtherName = span.NoCode

// OperationKey names the operations of a rollup.
type OperationKey struct {
	Service      uint32 // ordinal among the services of the segment
	Name         uint32 // code among its names, or OtherName
	Kind, Status uint8
}

// EdgeKey names its edges.
type EdgeKey struct {
	// Client is the ordinal of a service, or how many there are: nobody knows, since
	// the parent is not among the rows.
	Client uint32
	// Server is the ordinal of a service, or how many there are and the number of a
	// peer: a virtual server. OtherName: peers beyond the cap.
	Server     uint32
	Connection storage.Connection
	Failed     bool
}

// Series is what the rows of a key did in a minute.
type Series struct {
	Key    uint32
	Minute uint32
	Figures
}

// Service is what the rows of a service did in a minute.
type Service struct {
	Service uint32 // ordinal
	Minute  uint32
	Sums
	// Errors are the rows that failed, ErrorWeight is what these weigh.
	Errors, ErrorWeight uint64
}

// Sums are over rows. Rows of unknown weight weigh 1 in them.
type Sums struct {
	Rows    uint64
	Weight  uint64         // in the units of clew.Weight
	Squares sketch.Uint128 // of the weights, in the square of that unit
	Unknown uint64         // rows of unknown weight
}

// add adds what o has.
func (s *Sums) add(o *Sums) {
	s.Rows, s.Unknown = s.Rows+o.Rows, s.Unknown+o.Unknown
	s.Weight = uint64(clew.Weight(s.Weight).Plus(clew.Weight(o.Weight)))
	s.Squares = s.Squares.Add(o.Squares)
}

// Figures are what rows did.
type Figures struct {
	Sums
	// Durations has the durations of rows that end after they start, as often as
	// the rows weigh.
	Durations sketch.Histogram
}

// MayMove reports whether a row that starts in a window, of rows that start and arrived
// within these bounds, may count elsewhere.
func MayMove(w clew.Window, minStart, maxStart, minArrival, maxArrival uint64) bool {
	const late, early = uint64(storage.MaxLate), uint64(storage.MaxEarly)
	return minArrival != 0 && w.Overlaps(clew.UnixNanos(minStart), clew.UnixNanos(maxStart)) &&
		(minStart < maxArrival-min(late, maxArrival) || maxStart > minArrival+early)
}

// MayCount reports whether rows that start and arrived within these bounds may count
// in a window of whole minutes: where they start, or at the bounds of where rows of
// their arrival may.
func MayCount(w clew.Window, minStart, maxStart, minArrival, maxArrival uint64) bool {
	const late, early = uint64(storage.MaxLate), uint64(storage.MaxEarly)
	lo, hi := minStart, maxStart
	if minArrival != 0 {
		lo = min(max(lo, minArrival-min(late, minArrival)), minArrival+early)
		hi = max(min(hi, maxArrival+early), maxArrival-min(late, maxArrival))
	}
	return w.Overlaps(clew.UnixNanos(lo-lo%Minute), clew.UnixNanos(hi))
}
