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
	Sets     []SpanSet `json:"sets"`
	MoreSets int       `json:"moreSets"`
}

// SpanSet is spans of a trace that a query keeps together, and what it tells of them.
type SpanSet struct {
	Labels       []Told `json:"labels"`
	MatchedSpans int    `json:"matchedSpans"`
	Spans        []struct {
		Fields []Told `json:"fields"`
	} `json:"spans"`
}

// Told is a value that a query asks for by name.
type Told struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// TraceHeading is above the lines of traces.
var TraceHeading = fmt.Sprintf("%-24s  %8s  %11s  %6s  %-32s  %s\n", "START (UTC)", "DURATION", "MATCHED", "ERRORS", "TRACE", "ROOT")

// Print writes one line, and below it what the query tells of sets and spans.
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
	for i := range t.Sets {
		if err == nil {
			_, err = io.WriteString(w, t.Sets[i].lines())
		}
	}
	if err == nil && t.MoreSets > 0 {
		_, err = fmt.Fprintf(w, "  and %d more\n", t.MoreSets)
	}
	return err
}

// lines are one for the set, if it has labels, and one for each of its spans that has
// fields.
func (s *SpanSet) lines() string {
	var b strings.Builder
	if len(s.Labels) > 0 {
		spans := "spans"
		if s.MatchedSpans == 1 {
			spans = "span"
		}
		fmt.Fprintf(&b, "  %s  (%d %s)\n", toldText(s.Labels), s.MatchedSpans, spans)
	}
	for i := range s.Spans {
		fmt.Fprintf(&b, "    %s\n", toldText(s.Spans[i].Fields))
	}
	return b.String()
}

func toldText(list []Told) string {
	var b strings.Builder
	for i, x := range list {
		if i > 0 {
			b.WriteString("  ")
		}
		fmt.Fprintf(&b, "%s = %s", Printable(x.Name), Printable(x.Text))
	}
	return b.String()
}
