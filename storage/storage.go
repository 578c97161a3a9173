// Package storage is the contract between those who ask and those who keep:
// what a store of spans must do, may do, and says of itself. It is small enough
// for an embedded store and for a database on the far side of a network.
//
// Every method is safe for concurrent use and obeys its context: when it ends,
// the method returns soon with an error of kind Canceled. Errors are *clew.Error
// of a documented kind or, for the store's own faults, of kind Internal.
package storage

import (
	"context"
	"iter"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// Compression is how bytes are packed, in the words of HTTP's Content-Encoding.
type Compression uint8

// The compressions a door takes.
const (
	Identity Compression = iota
	Gzip
	Zstd
)

// A Record is one request as it arrived: the unit of acknowledgement.
type Record struct {
	Tenant clew.Tenant
	// Body is an OTLP ExportTraceServiceRequest in protobuf, unpacked. The store
	// may keep it until Append returns, and does not change it.
	Body []byte
	// Received is the body as it came over the wire, packed by Compression, for
	// the store's log; nil where Body is what came or was made from another
	// format. It unpacks to exactly Body.
	Received    []byte
	Compression Compression
	// ReceivedAt is when the door had the whole request.
	ReceivedAt time.Time
	// Door names where it came in, for counters: "otlp-grpc", "otlp-http", ….
	Door string
}

// A Refusal is one span that was not kept and why.
type Refusal struct {
	// Span is the span's ordinal in the request, counted through all resources
	// and scopes from 0.
	Span   int
	Name   string // the span's name, shortened
	Reason string // for people: what is wrong and how to mend it
	Code   string // for counters: "trace_id_zero", "span_id_length", …
}

// MaxRefusals bounds the refusals named in one Result; the count goes on.
const MaxRefusals = 20

// A Result says what became of a record.
type Result struct {
	Accepted int // spans kept, or already there by an identical earlier record
	Refused  int
	Refusals []Refusal // the first MaxRefusals
	// Resent reports that an identical record was accepted before: nothing was
	// added, and the rest of the Result is that record's.
	Resent bool
	// UnknownFields counts fields that OTLP does not define; they were ignored.
	UnknownFields int
	// Flagged counts spans kept although something is odd about them: an end
	// before the start, invalid UTF-8, a repeated attribute key.
	Flagged int
}

// An Appender takes records.
type Appender interface {
	// Append returns once every accepted span of the record is durable, as the
	// store is configured to understand that, and visible to every read that
	// starts later. It returns an error, and keeps nothing, when the body is not
	// OTLP (Invalid), when a limit is exceeded (TooLarge), or when the store
	// cannot take more for the moment (Busy, with RetryAfter). After any other
	// error it is unknown whether the record was kept; to send it again is safe,
	// since a byte-identical body is recognised.
	Append(ctx context.Context, r Record) (Result, error)
}

// A Reader reads single traces.
type Reader interface {
	// Trace returns every row of a trace, resolved: rows of equal identity and
	// content once, of equal identity and different content the first received that has an
	// end, or the first if none has (Conflicts counts the others, Conflicting says of which
	// rows; to lack an end that another has is no conflict). Ids meet their 64-bit form: a
	// zero high half matches any. The batch has all columns and is the caller's. A trace that is
	// not there is an error of kind NotFound; a trace partly unreadable comes
	// with Damaged set.
	Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (Trace, error)
}

// A PartReader reads the parts of single traces that are wanted, for less.
type PartReader interface {
	// TracePart is Reader.Trace, but that columns which are not asked for may be missing,
	// and that Conflicts, Duplicates and Conflicting say nothing. The intrinsics that are
	// of each span are always there: SpanID, ParentID, Kind, Status, Name, Duration,
	// Scope and Resource.
	TracePart(ctx context.Context, t clew.Tenant, id clew.TraceID, c Columns) (Trace, error)
}

// A Trace is one trace as the store has it at one moment.
type Trace struct {
	*span.Batch
	// Conflicts counts rows left out because another row of the same identity
	// came first; Duplicates those left out because they were equal, or have no end where
	// the row that stays has one.
	Conflicts, Duplicates int
	// Conflicting are the rows of the batch, ascending, of whose identity a row of
	// different content was left out. It is empty where Conflicts is 0.
	Conflicting []uint32
	// Damaged is set when some rows could not be read; it says which file.
	Damaged error
	// Bytes is how many were looked at to read it, packed or in memory, as far as the store
	// counts them.
	Bytes int64
	// Release, where not nil, lets the store have back the memory that it set aside for
	// the trace.
	Release func()
}

// Free is called by whoever needs a trace no more, nor what its batch has: the store may
// read another into its memory. Calling it again does nothing.
func (t *Trace) Free() {
	if t.Release != nil {
		t.Release()
		t.Release = nil
	}
}

// Mode says which rows a scan yields.
type Mode uint8

const (
	// Rows yields the rows that match.
	Rows Mode = iota
	// Traces yields each trace that has a match whole: every row of it, wherever and
	// whenever, resolved as Reader.Trace does, under one id, in one batch. The rows are
	// those of Batch.Traced. Batches may be larger than MaxBatchRows, and come in no stated
	// order: their MaxStart says nothing.
	Traces
)

// Columns says which columns of a batch are wanted. TraceIDs, Trace and Start are
// always there, and where Matched is nil those that the scan's condition tests.
type Columns struct {
	// None asks for no columns, not even those: only how many rows match is wanted.
	// A batch with Matched then need have nothing but Rows. The rest is ignored.
	None bool
	// All asks for every column; the rest is then ignored.
	All bool
	// Intrinsics are wanted intrinsics; Resource, Scope and their tables come
	// with any.
	Intrinsics []span.Intrinsic
	// Resources asks for Resource and the resource table.
	Resources bool
	// Fields are fields whose columns are wanted: what a test of them looks at.
	Fields []span.Field
	// Tree asks for what Tree.Parent follows from, where whole traces are read:
	// Batch.Parent, or SpanID, ParentID and SpanKind.
	Tree bool
	// Weights asks for what Batch.Weights looks at.
	Weights bool
}

// A Request is what a scan is for.
type Request struct {
	Tenant clew.Tenant
	// Window bounds the start of matching rows.
	Window clew.Window
	// Where is what rows must meet. It tests single rows: with a field of the
	// whole trace in it (Condition.OfTrace) it is Invalid.
	Where span.Condition
	Mode  Mode
	// Columns are the columns wanted beyond those of Where.
	Columns Columns
	// MaxRows and MaxBytes bound what is looked at, whether it matches or not; 0
	// is no bound. A scan looks at nothing more once Stats.Rows or Stats.Bytes
	// has reached its bound, so that it goes beyond by one batch at most, or with
	// Beside by one for each core. If something was left, Stats.Exhausted says so; the
	// scan ends without an error.
	MaxRows, MaxBytes int64
	// Apart, where not nil, may be asked in a scan by traces before a trace is read that
	// lies in several places, alone or with others: whether it is wanted. Its error ends the
	// scan.
	Apart func(id clew.TraceID) (wanted bool, err error)
	// Beside, where not nil, says that the caller goes over all that is found, in whatever
	// order, and may be told of it on several cores: a store may call it for each core that
	// it uses beside that of the loop, and again when it has one again.
	Beside func() Beside
	// Explain asks for Stats.Tests.
	Explain bool
	// Stats, where not nil, receives what the scan did, whatever it held before.
	// It is written by the goroutine that ranges over the scan: its numbers are
	// current inside the loop body and final behind the loop.
	Stats *Stats
	// Looked, where not nil, is called by that goroutine when Stats went on, so that a
	// scan can be watched that finds nothing for long. A store that never is long at it
	// need not call it.
	Looked func()
}

// A Beside is told of batches instead of the loop over a scan.
type Beside struct {
	// Take is called for one batch after the other, each of which is valid until it
	// returns, in another goroutine than that of the loop. Once more is false, a few batches
	// may follow that belong together with the one before.
	Take func(*span.Batch) (more bool)
	// Join is called once, by the goroutine of the loop: between two of its batches, or at
	// the end of the scan, when Take will not be called again.
	Join func()
}

// Stats is what a scan did and could not do.
type Stats struct {
	// Rows and Bytes were looked at; PrunedRows were skipped unread because they
	// could not match.
	Rows, PrunedRows, Bytes int64
	// Total is how many rows there are to look at, those pruned left out. It is a
	// bound from the first batch on, and falls when more turn out to be pruned; the
	// scan has seen all when Rows and Damaged add up to it. A scan by traces may have to
	// go over its rows again, which are added then.
	Total int64
	// Apart is about how many traces a scan by traces has to put together from several
	// places, once it has found them; ApartRead is how many of them it has read.
	Apart, ApartRead int
	// Exhausted is set when MaxRows or MaxBytes ended the scan before that.
	Exhausted bool
	// Damaged counts rows that could not be read; Damage says where first.
	Damaged int64
	Damage  error
	// Watermark is the arrival time up to which everything is visible.
	Watermark time.Time

	// Heads is how many of those were looked at that are in memory. Segments and Blocks
	// are files and their parts; blocks count once their segment is opened. A store that
	// has no such things leaves them 0.
	Heads            int
	Segments, Blocks Pruning
	// Tests are what rows are tested for, in that order, if Request.Explain asks for it
	// and the store tests them itself.
	Tests []Test
}

// Pruning is what became of the parts of a store in a scan.
type Pruning struct {
	// Total is how many there are. ByTime start outside of the window, and ByContent have
	// no row that matches by what stands in front of their rows: dictionaries, bounds,
	// filters. Read were opened, or looked into; the rest was not come to.
	Total, ByTime, ByContent, Read int
}

// Add adds what another scan did.
func (p *Pruning) Add(o Pruning) {
	p.Total, p.ByTime, p.ByContent, p.Read = p.Total+o.Total, p.ByTime+o.ByTime, p.ByContent+o.ByContent, p.Read+o.Read
}

// Test is one test of a scan: Condition is its text, and On what it is made on, in the
// words of the store, such as "dictionary".
type Test struct{ Condition, On string }

// MaxBatchRows bounds the rows of one batch of a scan of rows. 65,536 rows are one head.
const MaxBatchRows = 65536

// A Scanner reads spans in bulk.
type Scanner interface {
	// Scan yields every row in r.Window that matches r.Where, in batches of 1 to
	// MaxBatchRows rows by descending MaxStart; within a batch order is not
	// stated. The rows seen are those visible when Scan was called.
	//
	// Batch.Matched says which rows match; where it is nil the caller filters. Rows
	// that do not match may be left out, and batches without a match. A row that
	// matches is in exactly one batch. Rows that were sent twice in requests that were
	// not identical may come twice until the store merges.
	//
	// A batch belongs to the store and is valid until the loop body returns.
	//
	// Scan yields at most one error, last: Invalid if r contradicts itself,
	// Unsupported if the store cannot do what r asks, Canceled if ctx ends; the
	// rows before it are right but incomplete. Damage on disk is no error: it is
	// in Stats.
	Scan(ctx context.Context, r Request) iter.Seq2[*span.Batch, error]
}

// TagName is one attribute key that occurs, with its scope and types.
type TagName struct {
	Scope span.Scope
	Key   string
	Types []clew.Type // ascending
}

// TagValue is one value of an attribute and how many rows have it.
type TagValue struct {
	Value clew.Value
	Count int64
}

// Service is one service and what it does.
type Service struct {
	Name       string
	Spans      int64
	Errors     int64
	Operations []Operation // by name, then kind
}

// Operation is one span name of a service under one kind.
type Operation struct {
	Name   string
	Kind   clew.Kind
	Spans  int64
	Errors int64
}

// A Catalog answers what there is to ask for. A store that does not implement it
// has its catalogue computed by scans. An error that is a *Lacking stands beside an
// answer.
type Catalog interface {
	// TagNames returns the keys that occur in rows received in the retention
	// period and overlapping w, by scope, then key.
	TagNames(ctx context.Context, t clew.Tenant, w clew.Window) ([]TagName, error)
	// TagValues returns up to limit values of a field, most frequent first, then
	// by value; more reports that there are others. A row counts once for each of
	// its values, however many of its events or links have it; of arrays the elements
	// are values, maps and bytes are none.
	TagValues(ctx context.Context, t clew.Tenant, w clew.Window, f span.Field, limit int) (values []TagValue, more bool, err error)
	// Services returns the services, by name.
	Services(ctx context.Context, t clew.Tenant, w clew.Window) ([]Service, error)
}

// Lacking says that an answer may lack something since it could not be read.
type Lacking struct{ Damage error }

// Error implements error.
func (l *Lacking) Error() string { return "not all could be read: " + l.Damage.Error() }

// Unwrap returns the damage.
func (l *Lacking) Unwrap() error { return l.Damage }

// LackingFor returns a *Lacking of damage, nil of none.
func LackingFor(damage error) error {
	if damage == nil {
		return nil
	}
	return &Lacking{damage}
}

// A Tailer tells of rows as they become visible.
type Tailer interface {
	// Tail yields the rows of each record as they are published, from the call
	// on. A reader that lags more than a bounded number of batches behind loses
	// the oldest; Lost then says how many rows in the next Tailed. It ends when
	// ctx does, without an error.
	Tail(ctx context.Context, t clew.Tenant) iter.Seq[Tailed]
}

// Tailed is one batch of a tail. The batch is valid until the loop body returns.
type Tailed struct {
	*span.Batch
	// First is the first row of the batch that is new.
	First int
	Lost  int64
}

// Capabilities declare what a store can do; the zero value can do least.
type Capabilities struct {
	// Durable: acknowledged rows survive a crash of the process and the machine.
	Durable bool
	// Conditions: Scan evaluates Where itself and sets Matched.
	Conditions bool
	// TracesMode: Scan supports Mode Traces.
	TracesMode bool
	// Resends: a byte-identical record is recognised.
	Resends bool
	// Rollups: the store is an Aggregator.
	Rollups bool
}

// A Store is all of it.
type Store interface {
	Appender
	Reader
	Scanner
	Capabilities() Capabilities
	// Close makes everything accepted durable and releases the store. Appends
	// that come later get an error of kind Busy.
	Close() error
}
