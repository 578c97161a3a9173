package storage

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sketch"
)

// MaxLate and MaxEarly bound how long before or after its arrival a row may start to
// be counted where it starts. A row of a clock that is off by more is counted in the
// minute of that bound, and the answer says how many there are. Rows of which nobody
// knows when they came are counted where they start.
const (
	MaxLate  = 7 * 24 * time.Hour
	MaxEarly = time.Hour
)

// Connection is how a client talks to a server.
type Connection uint8

// The connections. Of several that the attributes of a span tell, the greatest
// counts.
const (
	ConnOther     Connection = iota // nothing below, or a kind of RPC that is not gRPC
	ConnHTTP                        // http.request.method, http.method
	ConnGRPC                        // rpc.system.name, rpc.system: "grpc"
	ConnMessaging                   // messaging.system; a producer or consumer that is other
	ConnDB                          // db.system.name, db.system
)

var connNames = [...]string{"other", "http", "grpc", "messaging", "db"}

// String returns the word for a connection.
func (c Connection) String() string {
	if int(c) < len(connNames) {
		return connNames[c]
	}
	return connNames[ConnOther]
}

// Dimensions are the parts of a key that are kept apart; series that differ in
// nothing else are one.
type Dimensions uint8

// The dimensions: the first four of operations, the others of edges.
const (
	ByService Dimensions = 1 << iota
	ByOperation
	ByKind
	ByStatus
	ByClient
	ByServer
	ByConnection

	OperationDimensions = ByService | ByOperation | ByKind | ByStatus
	EdgeDimensions      = ByClient | ByServer | ByConnection
)

// A RollupRequest is what rollups are wanted for.
type RollupRequest struct {
	Tenant clew.Tenant
	// Window is whole minutes; series belong to the minute in which their rows start.
	Window clew.Window
	// Step is how long one series lasts: whole minutes, from the window's start on.
	// 0 is the whole window.
	Step time.Duration
	// Edges wants edges instead of operations.
	Edges bool
	By    Dimensions
	// Services and Operations, where not empty, are the only ones wanted. Of edges,
	// Services are those that have one of them at either end.
	Services, Operations []string
	// Durations wants the distribution of durations.
	Durations bool
}

// Check returns an error of kind Invalid if r contradicts itself.
func (r *RollupRequest) Check() error {
	const minute = uint64(time.Minute)
	switch {
	case uint64(r.Window.Start)%minute != 0 || uint64(r.Window.End)%minute != 0:
		return clew.Errorf(clew.Invalid, "rollups are of whole minutes: the window from %d to %d is not", r.Window.Start, r.Window.End)
	case r.Step < 0 || r.Step%time.Minute != 0:
		return clew.Errorf(clew.Invalid, "a step of %v: want whole minutes, or 0 for the whole window", r.Step)
	case r.Edges && r.By&^EdgeDimensions != 0:
		return clew.Errorf(clew.Invalid, "edges are told apart by client, server and connection only")
	case !r.Edges && r.By&^OperationDimensions != 0:
		return clew.Errorf(clew.Invalid, "operations are told apart by service, operation, kind and status only")
	case r.Edges && len(r.Operations) > 0:
		return clew.Errorf(clew.Invalid, "edges have no operations to choose from")
	}
	return nil
}

// StepOf returns the start of the step to which a moment of the window belongs.
func (r *RollupRequest) StepOf(at clew.UnixNanos) clew.UnixNanos {
	if r.Step == 0 {
		return r.Window.Start
	}
	return at - (at-r.Window.Start)%clew.UnixNanos(r.Step)
}

// RollupKey says what a series is of. Parts that are not kept apart are zero.
type RollupKey struct {
	Start clew.UnixNanos // of the step

	Service, Operation string
	Kind               clew.Kind
	Status             clew.Status

	Client, Server string
	Connection     Connection

	// Other: Operation, or Server, stands for all those that a store does not keep
	// apart, and is empty.
	Other bool
	// Virtual: Server sent no spans; it is a database, queue or service that others
	// name.
	Virtual bool
	// Unresolved: it is not known who the client is, since the parent of the rows was
	// not where the store looked. Client is empty. They are always kept apart, since
	// not all of them are edges: their parents may be of their own service.
	Unresolved bool
}

// Compare orders keys.
func (k *RollupKey) Compare(o *RollupKey) int {
	if c := cmp.Compare(k.Start, o.Start); c != 0 {
		return c
	}
	if c := strings.Compare(k.Service, o.Service); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(k.Operation, o.Operation), cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Status, o.Status),
		cmp.Compare(k.Client, o.Client), cmp.Compare(k.Server, o.Server), cmp.Compare(k.Connection, o.Connection),
		compareBools(k.Other, o.Other), compareBools(k.Virtual, o.Virtual), compareBools(k.Unresolved, o.Unresolved))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Figures are sums over the rows of a series.
type Figures struct {
	// Spans counts rows, Errors those that failed.
	Spans, Errors uint64
	// Weight is the sum of their weights, that is how many spans they stand for;
	// Squares is the sum of the squares of the weights, in the square of the unit,
	// from which the error of Weight follows. Rows of unknown weight count as 1 in
	// both, and in Unknown.
	Weight, ErrorWeight clew.Weight
	Squares             sketch.Uint128
	Unknown             uint64
	// Durations has durations in nanoseconds, as often as the rows weigh, in the unit
	// of clew.Weight. Rows that end before they start are not in it.
	Durations sketch.Histogram
}

// Add adds what o has.
func (f *Figures) Add(o *Figures) {
	f.Spans, f.Errors, f.Unknown = f.Spans+o.Spans, f.Errors+o.Errors, f.Unknown+o.Unknown
	f.Weight, f.ErrorWeight = f.Weight.Plus(o.Weight), f.ErrorWeight.Plus(o.ErrorWeight)
	f.Squares = f.Squares.Add(o.Squares)
	f.Durations.Merge(&o.Durations)
}

// RollupSeries is one series.
type RollupSeries struct {
	RollupKey
	Figures
}

// Rollups is an answer.
type Rollups struct {
	// Series are by Start, then by the parts of the key in the order in which they
	// stand there. There are none without rows.
	Series []RollupSeries
	// Unfinished counts rows without an end, which are in no series. Moved counts rows
	// in series, and among the unfinished, that start too long before or after they
	// came: see MaxLate. Both are of the whole window, whatever services are wanted.
	Unfinished, Moved int64
	// Elsewhere is set where rows that start in the window may count outside of it, since
	// they start too long before or after they came. Without it and Moved, series have
	// exactly the rows that start in their steps.
	Elsewhere bool
	// Others counts rows in no series since their operation, or server, is not kept apart
	// from others: some may be of the Operations, or Services, that are wanted.
	Others int64
	// Damaged counts rows that may be missing since something could not be read;
	// Damage says where first.
	Damaged int64
	Damage  error
	// Watermark is the arrival time up to which everything is counted.
	Watermark time.Time
}

// MaxRollupSeries bounds the series of one answer: each takes some hundred bytes to
// some kilobytes.
const MaxRollupSeries = 200_000

// TooManySeries is the error of an answer of more than MaxRollupSeries.
func TooManySeries() error {
	return clew.Errorf(clew.TooLarge, "the answer has more than %d series: ask for a shorter window, a longer step, fewer dimensions or some services only", MaxRollupSeries)
}

// An Aggregator counts rows by operations and edges, from sums that it keeps beside
// them, and those that it has not summed yet one by one: an answer has every row
// that is visible when it is asked. Rows that were sent twice in requests that were
// not identical may count twice until the store merges.
//
// Rows count in the minute of their start, but for clocks that are far off (see
// MaxLate). Rows without an end (0) do not count.
//
// An edge is a row and its parent, of the same trace, that are of different services,
// or of which the parent is a client or producer and the row a server or consumer;
// it counts in the minute, and has the weight and duration, of the row. It failed if
// the row did, or if a parent that is a client or producer did. How they talk is what
// the row says, unless it is a client or producer itself; if that is other, what such
// a parent says.
//
// A client or producer without such a child is an edge to a virtual server, if it
// says whom it calls: by service.peer.name, peer.service, db.system.name, db.system,
// messaging.system, server.address or net.peer.name, in this order. It counts with its
// own minute, weight, duration and status.
//
// A row whose parent is not where the store looks (it looks at the rows of one trace
// that came at about the same time, and further when it merges) is an unresolved edge.
//
// A store may keep a bounded number of operations of a service apart, and of virtual
// servers of a client; the rarer ones are counted together, as Other.
type Aggregator interface {
	// Rollups returns the series that r wants. It returns Invalid as r.Check does and
	// TooLarge if there are more than MaxRollupSeries.
	Rollups(ctx context.Context, r RollupRequest) (Rollups, error)
}
