package v1

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/storage"
)

type rollupsAnswer struct {
	cost
	Start         string         `json:"start"`
	End           string         `json:"end,omitempty"`
	StepSeconds   int64          `json:"stepSeconds,omitempty"`
	QuantileError float64        `json:"quantileError"`
	Unfinished    int64          `json:"unfinished"`
	Moved         int64          `json:"moved"`
	Series        []seriesAnswer `json:"series"`
}

type seriesAnswer struct {
	Start string `json:"start"`

	Service    *string `json:"service,omitempty"`
	Operation  *string `json:"operation,omitempty"`
	Kind       string  `json:"kind,omitempty"`
	Status     string  `json:"status,omitempty"`
	Client     *string `json:"client,omitempty"`
	Server     *string `json:"server,omitempty"`
	Connection string  `json:"connection,omitempty"`
	Other      bool    `json:"other,omitempty"`
	Virtual    bool    `json:"virtual,omitempty"`
	Unresolved bool    `json:"unresolved,omitempty"`

	Spans          uint64     `json:"spans"`
	Errors         uint64     `json:"errors"`
	EstimatedSpans float64    `json:"estimatedSpans"`
	StandardError  float64    `json:"standardError"`
	UnknownWeight  uint64     `json:"unknownWeight"`
	PerSecond      *float64   `json:"perSecond,omitempty"`
	ErrorRatio     float64    `json:"errorRatio"`
	Durations      *durations `json:"durations,omitempty"`
}

// durations are nanoseconds. Quantiles are approximate, the others exact.
type durations struct {
	Min  uint64  `json:"minNanos"`
	Max  uint64  `json:"maxNanos"`
	Mean float64 `json:"meanNanos"`
	P50  float64 `json:"p50Nanos"`
	P95  float64 `json:"p95Nanos"`
	P99  float64 `json:"p99Nanos"`
}

// dimensions are the words by which rollups are kept apart.
var dimensions = []struct {
	word string
	by   storage.Dimensions
}{
	{"service", storage.ByService}, {"operation", storage.ByOperation}, {"kind", storage.ByKind}, {"status", storage.ByStatus},
	{"client", storage.ByClient}, {"server", storage.ByServer}, {"connection", storage.ByConnection},
}

func (a *API) rollups(c *call) error {
	q, err := parameters(c, "start", "end", "step", "of", "by", "service", "operation")
	if err != nil {
		return err
	}
	over, err := a.over(c.tenant, q.Get("start"), q.Get("end"))
	if err != nil {
		return err
	}
	over.Window = api.WholeMinutes(over.Window)
	r := storage.RollupRequest{Services: q["service"], Operations: q["operation"], Durations: true}
	switch of := q.Get("of"); of {
	case "", "operations":
		r.By = storage.ByService
	case "edges":
		r.Edges, r.By = true, storage.EdgeDimensions
	default:
		return clew.Errorf(clew.Invalid, "of %q: want operations or edges", of)
	}
	if r.By, err = dimensionsOf(q.Get("by"), r.By, r.Edges); err != nil {
		return err
	}
	if r.Step, err = stepOf(q.Get("step")); err != nil {
		return err
	}
	sums, spent, err := exec.Rollups(c.r.Context(), c.store, over, r)
	if err != nil {
		return err
	}
	if len(sums.Series) > maxSeries {
		return clew.Errorf(clew.TooLarge, "the answer has %d series, more than %d: ask for a shorter window, a longer step or fewer dimensions", len(sums.Series), maxSeries)
	}
	out := rollupsAnswer{cost: costOf(spent), Start: nanos(over.Window.Start), StepSeconds: int64(r.Step / time.Second),
		QuantileError: sketch.RelativeError, Unfinished: sums.Unfinished, Moved: sums.Moved, Series: make([]seriesAnswer, 0, len(sums.Series))}
	if over.Window.End != 0 {
		out.End = nanos(over.Window.End)
	}
	now := clew.FromTime(time.Now())
	for i := range sums.Series {
		out.Series = append(out.Series, seriesOf(&sums.Series[i], r.By, secondsOf(sums.Series[i].Start, over.Window, r.Step, now)))
	}
	writeJSON(c.w, 200, out)
	return nil
}

func dimensionsOf(text string, otherwise storage.Dimensions, edges bool) (by storage.Dimensions, err error) {
	if text == "" {
		return otherwise, nil
	}
	valid, words := storage.OperationDimensions, "service, operation, kind or status"
	if edges {
		valid, words = storage.EdgeDimensions, "client, server or connection"
	}
	if text == "none" {
		return 0, nil
	}
	for _, word := range strings.Split(text, ",") {
		found := storage.Dimensions(0)
		for _, d := range dimensions {
			if d.word == strings.TrimSpace(word) {
				found = d.by & valid
			}
		}
		if found == 0 {
			return 0, clew.Errorf(clew.Invalid, "by %q: want %s, with commas between, or none", word, words)
		}
		by |= found
	}
	return by, nil
}

func stepOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 32)
	if err != nil || seconds <= 0 || seconds%60 != 0 {
		return 0, clew.Errorf(clew.Invalid, "step %q: want a number of seconds that is a multiple of 60", text)
	}
	return time.Duration(seconds) * time.Second, nil
}

// secondsOf returns how long a series that begins at start lasts, of which what is still to
// come is no part; 0 if that is open, or all of it is.
func secondsOf(start clew.UnixNanos, w clew.Window, step time.Duration, now clew.UnixNanos) float64 {
	end := w.End
	if last := start + clew.UnixNanos(step); step > 0 && (end == 0 || last < end) {
		end = last
	}
	if end == 0 || step == 0 && w.Start == 0 {
		return 0
	}
	if end = min(end, now); end <= start {
		return 0
	}
	return float64(end-start) / 1e9
}

func seriesOf(s *storage.RollupSeries, by storage.Dimensions, seconds float64) seriesAnswer {
	out := seriesAnswer{
		Start: nanos(s.Start), Other: s.Other, Virtual: s.Virtual, Unresolved: s.Unresolved,
		Spans: s.Spans, Errors: s.Errors, UnknownWeight: s.Unknown, EstimatedSpans: s.Weight.Float64(), StandardError: standardError(&s.Figures),
	}
	word := func(d storage.Dimensions, text string) *string {
		if by&d == 0 {
			return nil
		}
		text = api.Shown(text)
		return &text
	}
	out.Service, out.Operation = word(storage.ByService, s.Service), word(storage.ByOperation, s.Operation)
	out.Server = word(storage.ByServer, s.Server)
	if !s.Unresolved {
		out.Client = word(storage.ByClient, s.Client)
	}
	if by&storage.ByKind != 0 {
		out.Kind = s.Kind.String()
	}
	if by&storage.ByStatus != 0 {
		out.Status = s.Status.String()
	}
	if by&storage.ByConnection != 0 {
		out.Connection = s.Connection.String()
	}
	if s.Weight > 0 {
		out.ErrorRatio = s.ErrorWeight.Float64() / s.Weight.Float64()
	}
	if seconds > 0 {
		rate := out.EstimatedSpans / seconds
		out.PerSecond = &rate
	}
	if d := &s.Durations; d.Count() > 0 {
		out.Durations = &durations{d.Min(), d.Max(), d.Mean(), d.Quantile(0.5), d.Quantile(0.95), d.Quantile(0.99)}
	}
	return out
}

// standardError estimates the error of a sum of weights, of spans that were kept
// independently of each other with the probability that is the inverse of their
// weight: the root of the sum of w² - w.
func standardError(f *storage.Figures) float64 {
	const unit = float64(clew.WeightOne)
	return math.Sqrt(max(0, f.Squares.Float64()/(unit*unit)-f.Weight.Float64()))
}
