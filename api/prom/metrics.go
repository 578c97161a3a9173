package prom

import (
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/storage"
)

// part is what of its sums a metric tells.
type part uint8

const (
	calls    part = iota // how many spans
	failures             // how many of them failed
	sums                 // of their durations
	counts               // of their durations
	buckets              // their durations, classic
	native               // their durations, as a native histogram
)

// durations reports whether a part needs the distribution of durations.
func (p part) durations() bool { return p >= sums }

// A metric is a name, and what has it.
type metric struct {
	name  string
	edges bool // of edges instead of operations
	part  part
	// virtual: of edges to servers that send no spans, whose client's span counts.
	virtual bool
}

// family is what /metadata says.
type family struct{ name, kind, unit, help string }

const (
	latency       = "traces_spanmetrics_latency"
	serverSeconds = "traces_service_graph_request_server_seconds"
	clientSeconds = "traces_service_graph_request_client_seconds"
)

// all are the metrics there are, by name.
var all = []metric{
	{name: clientSeconds, edges: true, part: native, virtual: true},
	{name: clientSeconds + "_bucket", edges: true, part: buckets, virtual: true},
	{name: clientSeconds + "_count", edges: true, part: counts, virtual: true},
	{name: clientSeconds + "_sum", edges: true, part: sums, virtual: true},
	{name: "traces_service_graph_request_failed_total", edges: true, part: failures},
	{name: serverSeconds, edges: true, part: native},
	{name: serverSeconds + "_bucket", edges: true, part: buckets},
	{name: serverSeconds + "_count", edges: true, part: counts},
	{name: serverSeconds + "_sum", edges: true, part: sums},
	{name: "traces_service_graph_request_total", edges: true, part: calls},
	{name: "traces_spanmetrics_calls_total", part: calls},
	{name: latency, part: native},
	{name: latency + "_bucket", part: buckets},
	{name: latency + "_count", part: counts},
	{name: latency + "_sum", part: sums},
}

var families = []family{
	{clientSeconds, "histogram", "seconds", "How long calls of servers that send no spans took, as the client saw it."},
	{"traces_service_graph_request_failed_total", "counter", "", "Calls between two services that failed."},
	{serverSeconds, "histogram", "seconds", "How long calls between two services took, as the server saw it."},
	{"traces_service_graph_request_total", "counter", "", "Calls between two services."},
	{"traces_spanmetrics_calls_total", "counter", "", "Spans, by what they did."},
	{latency, "histogram", "seconds", "How long spans took, by what they did."},
}

// The bounds of classic buckets are powers of two of nanoseconds, from 2^leastBound to
// 2^mostBound: 0.13 ms to 17 s. There the buckets of a sketch end, so that what they
// count is exact; bounds like 0.1 would have to be guessed at.
const (
	leastBound = 17
	mostBound  = 34
	bounds     = mostBound - leastBound + 2 // with the infinite one
)

// boundText are the values of the label le.
var boundText = func() (out [bounds]string) {
	for i := range bounds - 1 {
		out[i] = strconv.FormatFloat(float64(uint64(1)<<(leastBound+i))/1e9, 'f', -1, 64)
	}
	out[bounds-1] = "+Inf"
	return out
}()

// boundOf returns which classic bucket, not cumulative, has a bucket of a sketch: one
// whose values are at most 2^((index+1)/32) ns.
func boundOf(index int) int32 {
	const subs = 1 << sketch.Scale
	octave := (index + 1 + subs - 1) / subs // rounded up: the power of two that is not below
	return int32(min(max(octave-leastBound, 0), bounds-1))
}

// nativeShift is what the index of a sketch's bucket, of nanoseconds, and that of a
// native histogram's, of seconds, differ by. Both have 32 buckets for each power of two.
// A nanosecond is 2^-29.897 s, that is 956.7 buckets; the sketch's bucket i ends at
// i+1-956.7, so that most of it, 72 %, is in bucket i-956. Its values are by 0.62 %
// greater, at most, than that says.
const nativeShift = -956

// connectionOf returns a label's value as Tempo spells it. Grafana draws a server of the
// latter three as one that sends no spans.
func connectionOf(c storage.Connection, virtual bool) string {
	switch {
	case c == storage.ConnMessaging:
		return "messaging_system"
	case c == storage.ConnDB:
		return "database"
	case virtual:
		return "virtual_node"
	}
	return ""
}

var kindText = map[clew.Kind]string{
	clew.KindInternal: "SPAN_KIND_INTERNAL", clew.KindServer: "SPAN_KIND_SERVER", clew.KindClient: "SPAN_KIND_CLIENT",
	clew.KindProducer: "SPAN_KIND_PRODUCER", clew.KindConsumer: "SPAN_KIND_CONSUMER",
}

func kindOf(k clew.Kind) string {
	if text := kindText[k]; text != "" {
		return text
	}
	return "SPAN_KIND_UNSPECIFIED"
}

func statusOf(s clew.Status) string {
	switch s {
	case clew.StatusOK:
		return "STATUS_CODE_OK"
	case clew.StatusError:
		return "STATUS_CODE_ERROR"
	}
	return "STATUS_CODE_UNSET"
}
