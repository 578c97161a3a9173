package console

import (
	"fmt"
	"io"
	"strings"
)

// Explanation is what a question would do and did, as the API tells it.
type Explanation struct {
	Query  string   `json:"query"`
	Plan   []string `json:"plan"`
	Stages []struct {
		Name       string  `json:"name"`
		What       string  `json:"what"`
		Times      int     `json:"times"`
		TookMs     float64 `json:"tookMs"`
		HandlingMs float64 `json:"handlingMs"`
		Rows       int64   `json:"rows"`
		PrunedRows int64   `json:"prunedRows"`
		Bytes      int64   `json:"bytes"`
		Matched    int64   `json:"matched"`
		Traces     int64   `json:"traces"`
		Series     int64   `json:"series"`
		Heads      int     `json:"heads"`
		Segments   *Pruned `json:"segments"`
		Blocks     *Pruned `json:"blocks"`
		Tests      []struct {
			Condition string `json:"condition"`
			On        string `json:"on"`
		} `json:"tests"`
	} `json:"stages"`
}

// Pruned is what became of the parts of a store.
type Pruned struct {
	Total     int `json:"total"`
	ByTime    int `json:"byTime"`
	ByContent int `json:"byContent"`
	Read      int `json:"read"`
}

// Print writes the explanation: the plan, then a paragraph for each stage.
func (e *Explanation) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nplan of %s\n", Printable(e.Query))
	for _, text := range e.Plan {
		fmt.Fprintf(&b, "  %s\n", Printable(text))
	}
	for i := range e.Stages {
		s := &e.Stages[i]
		fmt.Fprintf(&b, "%s", s.Name)
		if s.Times > 1 {
			fmt.Fprintf(&b, ", %d times", s.Times)
		}
		fmt.Fprintf(&b, ": %s", Nanos(int64(s.TookMs*1e6)))
		if s.HandlingMs > 0 {
			fmt.Fprintf(&b, ", and %s for what came", Nanos(int64(s.HandlingMs*1e6)))
		}
		b.WriteString("\n")
		line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
		if s.What != "" {
			line("%s", Printable(s.What))
		}
		for k, t := range s.Tests {
			line("%d. %s, on %s", k+1, Printable(t.Condition), t.On)
		}
		if s.Rows+s.PrunedRows+s.Bytes > 0 {
			line("rows      %d read, %d skipped, %d matched", s.Rows, s.PrunedRows, s.Matched)
			line("bytes     %s", Bytes(s.Bytes))
		}
		if s.Heads > 0 {
			line("heads     %d read", s.Heads)
		}
		s.Segments.line(line, "segments")
		s.Blocks.line(line, "blocks  ")
		if s.Traces > 0 {
			line("traces    %d", s.Traces)
		}
		if s.Series > 0 {
			line("series    %d", s.Series)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Pruned) line(line func(string, ...any), what string) {
	if p != nil {
		line("%s  %d of %d read, %d left out by time, %d by content", what, p.Read, p.Total, p.ByTime, p.ByContent)
	}
}
