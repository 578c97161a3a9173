// Package propagation reads and writes the headers by which one service tells the next
// which trace a request belongs to, in every spelling that is in use:
//
//	tracecontext  traceparent, tracestate             W3C Trace Context, level 2
//	baggage       baggage                             W3C Baggage
//	b3            b3                                  Zipkin's single header
//	b3multi       X-B3-TraceId, X-B3-SpanId, …        Zipkin's several headers
//	jaeger        uber-trace-id, uberctx-…            Jaeger's clients
//	datadog       x-datadog-trace-id, …               Datadog's tracers
//	xray          X-Amzn-Trace-Id                     AWS X-Ray, load balancers, Lambda
//
// A Propagator extracts from all the formats it knows at once, and injects all that it is
// told to write:
//
//	p := propagation.New(propagation.All, propagation.TraceContext.And(propagation.B3))
//	e := p.Extract(request.Header) // any map[string][]string: http.Header, gRPC's metadata.MD
//	for _, c := range e.Conflicts() {
//		log.Print(c)
//	}
//	c := e.Context
//	c.SpanID, c.ParentID = mySpan, 0
//	p.Inject(&c, outgoing.Header)
//
// # When headers contradict each other
//
// The rule is the same for every request, and needs no setting:
//
//  1. Formats rank in the order of the constants: tracecontext, b3, b3multi, jaeger, datadog,
//     xray. The first that has a valid trace id decides which trace it is. (X-Ray comes last
//     because load balancers write its header on requests that nobody traces.)
//  2. A 128-bit trace id beats a 64-bit one with the same low half: the two are one trace, whose
//     upper half was lost on the way. All headers with that trace id agree.
//  3. Of those that agree, the first that says a thing is believed: span id, sampling. One that
//     says debug makes it debug where the first says sampled, which is all it can say.
//  4. What only one format can say, such as tracestate or X-Ray's Lineage, is taken from it if it
//     agrees. Lineage and unknown members of X-Ray's header are taken in any case: they are about
//     the request, not the trace.
//  5. Nothing is hidden: Extraction.Found has what every header said, Conflicts where they differ,
//     and Problems what was not valid.
//
// # Costs
//
// Extract goes through the headers once, and allocates nothing but for baggage and what is
// wrong. Inject allocates twice, for the bytes and for the slices of all headers together.
// Strings of a Context share memory with the headers they were read from.
//
// The package does no I/O and keeps no state. A Propagator may be used by many goroutines.
package propagation

import (
	"fmt"
	"strings"

	"github.com/clew-tracing/clew"
)

// Format is one way to write a context into headers.
type Format uint8

// The formats, by rank: of two that contradict each other the first is believed.
const (
	TraceContext Format = iota // W3C Trace Context: traceparent, tracestate
	B3                         // Zipkin's b3
	B3Multi                    // Zipkin's X-B3-…
	Jaeger                     // uber-trace-id, uberctx-…
	Datadog                    // x-datadog-…
	XRay                       // X-Amzn-Trace-Id
	Baggage                    // W3C Baggage: no trace id, only what is carried along
	formats
)

var formatNames = [formats]string{"tracecontext", "b3", "b3multi", "jaeger", "datadog", "xray", "baggage"}

// String returns the name by which OTEL_PROPAGATORS knows the format, or datadog.
func (f Format) String() string {
	if f < formats {
		return formatNames[f]
	}
	return fmt.Sprintf("format(%d)", uint8(f))
}

// And is the set of f and others.
func (f Format) And(others ...Format) Set {
	s := f.set()
	for _, o := range others {
		s |= o.set()
	}
	return s
}

func (f Format) set() Set { return 1 << f }

// Set is a set of formats. The zero value is empty.
type Set uint16

// All is every format there is.
const All Set = 1<<formats - 1

// Has reports whether f is in the set.
func (s Set) Has(f Format) bool { return s&f.set() != 0 }

// String returns the names of the set by rank, with commas between.
func (s Set) String() string {
	var names []string
	for f := range formats {
		if s.Has(f) {
			names = append(names, f.String())
		}
	}
	return strings.Join(names, ",")
}

// ParseSet reads names of formats with commas between, as OTEL_PROPAGATORS has them, and all.
func ParseSet(text string) (Set, error) {
	var s Set
names:
	for name := range strings.SplitSeq(text, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "all" {
			s = All
			continue
		}
		for f, n := range formatNames {
			if n == name {
				s |= Format(f).set()
				continue names
			}
		}
		return 0, clew.Errorf(clew.Invalid, "there is no format %q: want %s or all", name, All)
	}
	return s, nil
}

// Sampling is what a caller decided about recording a trace.
type Sampling uint8

// The decisions.
const (
	Deferred Sampling = iota // none yet: whoever reads it decides
	Drop                     // not recorded
	Record                   // recorded
	Debug                    // recorded whatever a sampler says
)

var samplingNames = [...]string{"deferred", "drop", "record", "debug"}

// String names the decision in one word.
func (s Sampling) String() string {
	if int(s) < len(samplingNames) {
		return samplingNames[s]
	}
	return fmt.Sprintf("sampling(%d)", uint8(s))
}

// Sampled reports whether the trace is recorded.
func (s Sampling) Sampled() bool { return s >= Record }

// Context is what a request carries. The zero value carries nothing.
type Context struct {
	// TraceID is zero if there is no trace. One whose high half is zero is a 64-bit id.
	TraceID clew.TraceID
	// SpanID is the caller's span. It is zero where a load balancer gave the request a trace id
	// and has no span (X-Ray), and for Datadog's synthetic tests.
	SpanID clew.SpanID
	// ParentID is the parent of the caller's span, which only B3 tells.
	ParentID clew.SpanID
	Sampling Sampling
	// Random says that the right 7 bytes of the trace id are random (W3C, level 2).
	Random bool
	// State is W3C's tracestate.
	State TraceState
	// Baggage is in the order in which it came.
	Baggage []Member
	// JaegerFlags are those of uber-trace-id besides sampled and debug, such as 8, firehose.
	JaegerFlags byte
	Datadog     DatadogFields
	XRay        XRayFields
}

// DatadogFields is what only Datadog's headers carry.
type DatadogFields struct {
	// Priority is meant if HasPriority: 2 kept by a user, 1 kept, 0 dropped, -1 dropped by a
	// user. It is written as long as it says the same as Sampling.
	Priority    int8
	HasPriority bool
	// Origin is such as synthetics or rum.
	Origin string
	// Tags are key=value with commas between, without the one that has the trace id's high half.
	Tags string
}

// XRayFields is what only X-Ray's header carries.
type XRayFields struct {
	// Lineage is how often which functions were invoked: Lambda finds loops by it.
	Lineage string
	// Self is what a load balancer calls its own part. It is read, never written: it is about
	// the connection to that balancer.
	Self string
	// Other is every other member as it came, with semicolons between.
	Other string
}

// Valid reports whether c has a trace id and a span id, which most formats need.
func (c *Context) Valid() bool { return !c.TraceID.IsZero() && c.SpanID != 0 }

// Propagator extracts and injects. Its fields may be set before it is used.
type Propagator struct {
	// Reads and Writes are the formats that Extract and Inject know.
	Reads, Writes Set
	// LowerNames makes Inject write names in lower case, as gRPC's metadata and HTTP/2 want
	// them, instead of as http.Header has them. Extract reads names in any case.
	LowerNames bool
}

// New returns a propagator that extracts from the formats reads and injects writes.
func New(reads, writes Set) *Propagator { return &Propagator{Reads: reads, Writes: writes} }
