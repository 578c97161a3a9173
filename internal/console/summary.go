package console

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Instant is a moment of the API: nanoseconds since 1970 in a string.
type Instant uint64

// UnmarshalJSON reads a decimal number in quotes.
func (n *Instant) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseUint(strings.Trim(string(text), `"`), 10, 64)
	*n = Instant(v)
	return err
}

// String returns the moment in UTC, RFC 3339 with milliseconds.
func (n Instant) String() string {
	return Moment(uint64(n))
}

// TraceSummary is one trace of a search's answer.
type TraceSummary struct {
	TraceID       string  `json:"traceId"`
	RootService   string  `json:"rootService"`
	RootName      string  `json:"rootName"`
	Start         Instant `json:"start"`
	DurationNanos float64 `json:"durationNanos"`
	SpanCount     int     `json:"spanCount"`
	MatchedSpans  int     `json:"matchedSpans"`
	ErrorCount    int     `json:"errorCount"`
	Services      []struct {
		Name string `json:"name"`
	} `json:"services"`
}

// TraceHeading is above the lines of traces.
var TraceHeading = fmt.Sprintf("%-24s  %8s  %11s  %6s  %-32s  %s\n", "START (UTC)", "DURATION", "MATCHED", "ERRORS", "TRACE", "ROOT")

// Print writes one line.
func (t TraceSummary) Print(w io.Writer) error {
	root := t.RootName
	switch {
	case root == "" && len(t.Services) > 0:
		root = "(no root received) " + t.Services[0].Name
	case root == "":
		root = "(no root received)"
	case t.RootService != "":
		root = t.RootService + ": " + root
	}
	_, err := fmt.Fprintf(w, "%-24s  %8s  %11s  %6d  %-32s  %s\n", t.Start, Nanos(int64(t.DurationNanos)),
		fmt.Sprintf("%d of %d", t.MatchedSpans, t.SpanCount), t.ErrorCount, t.TraceID, Printable(root))
	return err
}
