// Package explain notes what a question would do and what it did: its plan in words, and
// each of its stages with what it looked at and how long it took.
//
// Everything may be called on nil and then does nothing, so that who is not asked to
// explain says so at no cost.
package explain

import (
	"fmt"
	"slices"
	"time"

	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// A Report is the explanation of one question. One goroutine at a time.
type Report struct {
	// Query is the question in canonical form.
	Query string
	// Plan says how it is answered, a sentence for each decision.
	Plan []string
	// Stages are what was done, in the order in which each was begun.
	Stages []*Stage
}

// A Stage is one part of the work. What was done in the same way again is one stage.
type Stage struct {
	// Name is one of the names below; What says of what.
	Name, What string
	// Times is how often it was done.
	Times int
	// Took is how long that took. Of a scan it is the store's part; Handling is what was
	// done meanwhile with the rows that came.
	Took, Handling time.Duration
	// Rows and Bytes were looked at, PrunedRows skipped unread. Matched counts the rows
	// that a scan gave, where the store tests them.
	Rows, PrunedRows, Bytes, Matched int64
	// Traces were read whole, Series came out of sums.
	Traces, Series int64
	// Heads, Segments, Blocks and Tests are those of storage.Stats.
	Heads            int
	Segments, Blocks storage.Pruning
	Tests            []storage.Test

	began time.Time
	out   time.Duration // Handling when the scan began
}

// The names of stages.
const (
	ScanRows   = "scan rows"
	ScanTraces = "scan by traces"
	ReadTraces = "read whole traces"
	Judge      = "judge and describe"
	Sums       = "add up rollups"
)

// Say adds a sentence to the plan, once.
func (r *Report) Say(format string, args ...any) {
	if r == nil {
		return
	}
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.Plan, text) {
		r.Plan = append(r.Plan, text)
	}
}

// Begin begins a stage, or does it once more.
func (r *Report) Begin(name, what string) *Stage {
	if r == nil {
		return nil
	}
	i := slices.IndexFunc(r.Stages, func(s *Stage) bool { return s.Name == name && s.What == what })
	if i < 0 {
		i = len(r.Stages)
		r.Stages = append(r.Stages, &Stage{Name: name, What: what})
	}
	s := r.Stages[i]
	s.Times++
	s.began, s.out = time.Now(), s.Handling
	return s
}

// BeginScan begins a scan, and asks the store to explain it.
func (r *Report) BeginScan(req *storage.Request) *Stage {
	if r == nil {
		return nil
	}
	req.Explain = true
	name := ScanRows
	if req.Mode == storage.Traces {
		name = ScanTraces
	}
	return r.Begin(name, "rows that meet "+req.Where.String())
}

// End ends a stage.
func (s *Stage) End() {
	if s != nil {
		s.Took += time.Since(s.began) - (s.Handling - s.out)
	}
}

// EndScan ends a scan that did this.
func (s *Stage) EndScan(did *storage.Stats) {
	if s == nil {
		return
	}
	s.End()
	s.Rows, s.PrunedRows, s.Bytes = s.Rows+did.Rows, s.PrunedRows+did.PrunedRows, s.Bytes+did.Bytes
	s.Heads += did.Heads
	s.Segments.Add(did.Segments)
	s.Blocks.Add(did.Blocks)
	s.Tests = did.Tests
}

// Handle notes that a batch of a scan came; who calls what it returns has done with it.
func (s *Stage) Handle(b *span.Batch) (done func()) {
	if s == nil {
		return func() {}
	}
	if b.Matched != nil {
		s.Matched += int64(b.Matched.Count())
	}
	began := time.Now()
	return func() { s.Handling += time.Since(began) }
}

// Beside has what is counted by Handle counted of batches that are handled beside others.
func (s *Stage) Beside(b storage.Beside) storage.Beside {
	if s == nil {
		return b
	}
	matched := int64(0)
	return storage.Beside{
		Take: func(batch *span.Batch) bool {
			if batch.Matched != nil {
				matched += int64(batch.Matched.Count())
			}
			return b.Take(batch)
		},
		Join: func() {
			s.Matched += matched
			b.Join()
		},
	}
}

// EndTrace ends the reading of a trace of so many rows and bytes.
func (s *Stage) EndTrace(rows int, bytes int64) {
	if s != nil {
		s.End()
		s.Traces, s.Rows, s.Bytes = s.Traces+1, s.Rows+int64(rows), s.Bytes+bytes
	}
}

// EndSums ends the adding up of rollups to so many series.
func (s *Stage) EndSums(series int) {
	if s != nil {
		s.End()
		s.Series += int64(series)
	}
}
