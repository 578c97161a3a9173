package v1

import (
	"strconv"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec/explain"
	"github.com/clew-tracing/clew/storage"
)

// explanation is what a question would do and did.
type explanation struct {
	Query  string       `json:"query"`
	Plan   []string     `json:"plan"`
	Stages []stageShown `json:"stages"`
}

type stageShown struct {
	Name       string      `json:"name"`
	What       string      `json:"what,omitempty"`
	Times      int         `json:"times"`
	TookMs     float64     `json:"tookMs"`
	HandlingMs float64     `json:"handlingMs,omitempty"`
	Rows       int64       `json:"rows"`
	PrunedRows int64       `json:"prunedRows,omitempty"`
	Bytes      int64       `json:"bytes"`
	Matched    int64       `json:"matched,omitempty"`
	Traces     int64       `json:"traces,omitempty"`
	Series     int64       `json:"series,omitempty"`
	Heads      int         `json:"heads,omitempty"`
	Segments   *pruned     `json:"segments,omitempty"`
	Blocks     *pruned     `json:"blocks,omitempty"`
	Tests      []testShown `json:"tests,omitempty"`
}

type pruned struct {
	Total     int `json:"total"`
	ByTime    int `json:"byTime"`
	ByContent int `json:"byContent"`
	Read      int `json:"read"`
}

type testShown struct {
	Condition string `json:"condition"`
	On        string `json:"on"`
}

// explainer returns what takes an explanation, if a parameter asks for one.
func explainer(text string) (*explain.Report, error) {
	if text == "" {
		return nil, nil
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		return nil, clew.Errorf(clew.Invalid, "explain %q: want true or false", text)
	}
	if !yes {
		return nil, nil
	}
	return new(explain.Report), nil
}

// explanationOf shows a report; nil is none.
func explanationOf(r *explain.Report) *explanation {
	if r == nil {
		return nil
	}
	out := &explanation{Query: api.Shown(r.Query), Plan: []string{}, Stages: []stageShown{}}
	for _, text := range r.Plan {
		out.Plan = append(out.Plan, api.Shown(text))
	}
	for _, s := range r.Stages {
		x := stageShown{Name: s.Name, What: api.Shown(s.What), Times: s.Times, TookMs: millis(s.Took), HandlingMs: millis(s.Handling),
			Rows: s.Rows, PrunedRows: s.PrunedRows, Bytes: s.Bytes, Matched: s.Matched, Traces: s.Traces, Series: s.Series, Heads: s.Heads,
			Segments: prunedOf(s.Segments), Blocks: prunedOf(s.Blocks)}
		for _, t := range s.Tests {
			x.Tests = append(x.Tests, testShown{api.Shown(t.Condition), t.On})
		}
		out.Stages = append(out.Stages, x)
	}
	return out
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func prunedOf(p storage.Pruning) *pruned {
	if p.Total == 0 {
		return nil
	}
	return &pruned{p.Total, p.ByTime, p.ByContent, p.Read}
}
