package traces

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/filter"
	"github.com/clew-tracing/clew/api/xray/view"
	format "github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/span"
)

type summariesRequest struct {
	StartTime, EndTime *xray.Seconds
	TimeRangeType      string
	Sampling           *bool
	SamplingStrategy   *samplingStrategy
	FilterExpression   string
	NextToken          string
}

type samplingStrategy struct {
	Name  string
	Value *float64
}

type summariesAnswer struct {
	TraceSummaries       []summary
	ApproximateTime      xray.Seconds
	TracesProcessedCount int64
	NextToken            string `json:",omitempty"`
}

// The kinds of time ranges.
const (
	byTraceID = "TraceId"
	byEvent   = "Event"
	byService = "Service"
)

// question is what GetTraceSummaries is asked.
type question struct {
	start, end clew.UnixNanos // [start, end)
	by         string
	share      float64 // of the traces that are wanted
	where      filter.Expr
	clauses    []filter.Clause
}

// summaryPlace is where a page begins: behind a trace, in the order of ids from the greatest
// down.
type summaryPlace struct{ After string }

// getTraceSummaries answers which traces there were, a page at a time, by their ids from the
// greatest down: those of X-Ray begin with their time, so that these come newest first. No
// trace that comes meanwhile moves another to another page.
func (o *operations) getTraceSummaries(c *api.Call, in *summariesRequest) (*summariesAnswer, error) {
	q, err := o.question(c, in)
	if err != nil {
		return nil, err
	}
	asked := *in
	asked.NextToken = ""
	f := newFinder(c, q, o.room)
	if in.NextToken != "" {
		var place summaryPlace
		if err := xray.ParseToken(in.NextToken, asked, &place); err != nil {
			return nil, err
		}
		if f.after, err = clew.ParseTraceID(place.After); err != nil {
			return nil, err
		}
	}
	if err := f.find(); err != nil {
		return nil, err
	}
	out := &summariesAnswer{ApproximateTime: xray.Seconds(q.start)}
	last, more, err := f.page(func(s *summary, start clew.UnixNanos) (full bool) {
		if len(out.TraceSummaries) == 0 || xray.Seconds(start) < out.ApproximateTime {
			out.ApproximateTime = xray.Seconds(start)
		}
		out.TraceSummaries = append(out.TraceSummaries, *s)
		text, err := json.Marshal(s)
		f.bytes += len(text)
		return err != nil || f.bytes >= pageBytes || len(out.TraceSummaries) >= pageSummaries
	})
	if err != nil {
		return nil, err
	}
	out.TracesProcessedCount = f.processed
	if more {
		out.NextToken, err = xray.Token(asked, summaryPlace{last.String()})
	}
	return out, err
}

// question checks a request.
func (o *operations) question(c *api.Call, in *summariesRequest) (*question, error) {
	if in.StartTime == nil || in.EndTime == nil {
		return nil, clew.Errorf(clew.Invalid, "StartTime and EndTime: say from when and until when, in seconds since 1970")
	}
	q := &question{start: clew.UnixNanos(*in.StartTime), end: clew.UnixNanos(*in.EndTime), by: in.TimeRangeType, share: 1}
	if q.by == "" {
		q.by = byTraceID
	}
	switch {
	case q.start >= q.end:
		return nil, clew.Errorf(clew.Invalid, "StartTime is not before EndTime")
	case q.end-q.start > clew.UnixNanos(maxRange):
		return nil, clew.Errorf(clew.Invalid, "StartTime to EndTime: ask for at most %d days at once", maxRange/(24*time.Hour))
	case q.by != byTraceID && q.by != byEvent && q.by != byService:
		return nil, clew.Errorf(clew.Invalid, "TimeRangeType %q: want %s, %s or %s", api.ShortText(q.by), byTraceID, byEvent, byService)
	}
	if err := q.sample(in); err != nil {
		return nil, err
	}
	x, err := filter.Parse(in.FilterExpression)
	if err == nil {
		x, err = filter.Resolve(x, o.groupsOf(c.Tenant))
	}
	if err != nil {
		return nil, err
	}
	q.where, q.clauses = x, filter.Clauses(x)
	return q, nil
}

// sample reads which part of the traces is wanted.
func (q *question) sample(in *summariesRequest) error {
	if in.Sampling != nil && !*in.Sampling || in.Sampling == nil && in.SamplingStrategy == nil {
		return nil
	}
	name, value := "FixedRate", defaultShare
	if s := in.SamplingStrategy; s != nil {
		if s.Name != "" {
			name = s.Name
		}
		if s.Value != nil {
			value = *s.Value
		}
	}
	if !(value > 0 && value <= 1) {
		return clew.Errorf(clew.Invalid, "SamplingStrategy.Value %v: want a part, more than 0 and up to 1", value)
	}
	switch name {
	case "FixedRate":
		q.share = value
	case "PartialScan": // of the range, from its end
		q.start = q.end - clew.UnixNanos(max(1, value*float64(q.end-q.start)))
	default:
		return clew.Errorf(clew.Invalid, "SamplingStrategy.Name %q: want FixedRate or PartialScan", api.ShortText(name))
	}
	return nil
}

// sampled reports whether a trace is of the part that is wanted: the same each time.
func (q *question) sampled(id clew.TraceID) bool {
	if q.share >= 1 {
		return true
	}
	x := id.Low() * 0x9e3779b97f4a7c15
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return float64((x^x>>32)>>11)/(1<<53) < q.share
}

// timeOf is when a trace was begun: what its id says, if that is about when its first span
// started, else this.
func timeOf(t *view.Trace) clew.UnixNanos {
	says := clew.UnixNanos(t.ID.High()>>32) * 1e9
	if behind(says, nearID) > t.Start && says < behind(t.Start, nearID) {
		return says
	}
	return t.Start
}

// when returns at which moment a trace is in the range; false is that it is not.
func (q *question) when(t *view.Trace) (at clew.UnixNanos, ok bool) {
	in := func(at clew.UnixNanos) bool { return q.start <= at && at < q.end }
	if q.by == byTraceID {
		at = timeOf(t)
		return at, in(at)
	}
	for i := range t.Entities {
		e := &t.Entities[i]
		switch {
		case e.Row == view.None || q.by == byService && (!e.IsSegment || e.InProgress):
		case in(e.End) && (q.by == byService || !e.InProgress):
			at, ok = max(at, e.End), true
		case q.by == byEvent && e.Start < q.end && (e.InProgress || e.End >= q.end):
			at, ok = max(at, e.Start, q.start), true
		}
	}
	return at, ok
}

// page reads candidates and gives what is in the range and meets the expression to each, until
// it says that the page is full. last is the candidate that was read last; more is that there
// are others.
func (f *finder) page(each func(s *summary, start clew.UnixNanos) (full bool)) (last clew.TraceID, more bool, err error) {
	var build view.Builder
	inVain := 0
	for n := 0; len(f.ids) > 0; n++ {
		if inVain >= clausesAfter && len(f.ids) >= clausesAfter {
			if err := f.leaveOut(); err != nil {
				return last, false, err
			}
			inVain = 0
			continue
		}
		if n > 0 && f.spent() {
			return last, true, nil
		}
		id := f.ids[0]
		f.ids, last = f.ids[1:], id
		met, full, err := f.look(id, &build, each)
		if err != nil {
			return last, false, err
		}
		if !met {
			inVain++
		}
		if full {
			return last, len(f.ids) > 0 || f.dropped, nil
		}
	}
	if f.dropped {
		return f.bound, true, nil
	}
	return last, false, nil
}

// look reads a candidate.
func (f *finder) look(id clew.TraceID, build *view.Builder, each func(s *summary, start clew.UnixNanos) bool) (met, full bool, err error) {
	stored, err := f.c.Trace(id)
	switch clew.KindOf(err) {
	case clew.NotFound: // it has gone meanwhile
		return false, false, nil
	case clew.TooLarge:
		f.c.SayPartial(err.Error())
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	defer stored.Free()
	f.cost.Rows += int64(stored.Rows)
	f.cost.Bytes += stored.Bytes
	if stored.Rows == 0 || f.other(id, &stored) {
		return false, false, nil
	}
	t := build.Of(span.NewRows(stored.Batch))
	at, ok := f.q.when(t)
	if !ok {
		return false, false, nil
	}
	f.processed++
	if !filter.Holds(f.q.where, t) {
		return false, false, nil
	}
	if stored.Damaged != nil {
		f.c.SayPartial(stored.Damaged.Error())
	}
	s, whole := summarise(t)
	if !whole {
		f.c.SayPartial("a trace has more annotations than a summary names")
	}
	s.ID, s.MatchedEventTime = format.FormatTraceID(t.ID), xray.Seconds(at)
	return true, each(s, t.Start), nil
}

// leaveOut leaves out the candidates that lack what the expression needs, or if there are many
// left when that was done, those of which it does not hold.
func (f *finder) leaveOut() error {
	clauses := f.q.clauses
	f.q.clauses = nil
	for _, c := range clauses {
		if len(f.ids) < clausesAfter {
			return nil
		}
		met, err := f.having(c)
		if err != nil {
			return err
		}
		f.keep(met)
	}
	if len(clauses) > 0 || f.together || len(f.ids) < togetherAfter {
		return nil
	}
	f.together = true
	met, err := f.holding()
	if err == nil {
		f.keep(met)
	}
	return err
}

// keep keeps the candidates whose low halves are in a set; nil is all.
func (f *finder) keep(met map[uint64]struct{}) {
	if met == nil {
		return
	}
	before := len(f.ids)
	f.ids = slices.DeleteFunc(f.ids, func(id clew.TraceID) bool { _, ok := met[id.Low()]; return !ok })
	f.processed += int64(before - len(f.ids))
}
