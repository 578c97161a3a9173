package prom

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
)

// listing is a question for what there is.
type listing struct {
	*querier
	matchers [][]*labels.Matcher // one of these lists is to be met
	limit    int                 // 0: all
}

// listing reads the parameters of a call.
func (a *API) listing(c *api.Call) (l listing, err error) {
	l.querier = a.querier(c)
	end, err := moment(c, "end", time.UnixMilli(l.now))
	if err != nil {
		return l, err
	}
	start, err := moment(c, "start", end.Add(-lookBehind))
	if err != nil {
		return l, err
	}
	l.mint, l.maxt = start.UnixMilli(), end.UnixMilli()
	if text := c.R.Form.Get("limit"); text != "" {
		if l.limit, err = strconv.Atoi(text); err != nil || l.limit < 0 {
			return l, invalid("limit", errors.New("want a number, 0 for all"))
		}
	}
	selectors := c.R.Form["match[]"]
	if err = notTooLong(selectors...); err == nil {
		l.matchers, err = a.parser.ParseMetricSelectors(selectors)
	}
	if err != nil {
		return l, invalid("match[]", err)
	}
	for _, list := range l.matchers {
		if !slices.ContainsFunc(list, func(m *labels.Matcher) bool { return !m.Matches("") }) {
			return l, invalid("match[]", errors.New("a selector must have a part that does not match the empty text"))
		}
	}
	return l, nil
}

// union gathers what f finds for each list of matchers, in order.
func union[T any](c *api.Call, l *listing, compare func(a, b T) int, f func(ctx context.Context, matchers []*labels.Matcher) ([]T, annotations.Annotations, error)) (answer, error) {
	ctx, cancel := context.WithTimeout(c.R.Context(), l.api.timeout())
	defer cancel()
	sets := l.matchers
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	out := []T{}
	var notes annotations.Annotations
	once := func() {
		slices.SortFunc(out, compare)
		out = slices.CompactFunc(out, func(a, b T) bool { return compare(a, b) == 0 })
	}
	for _, matchers := range sets {
		some, said, err := f(ctx, matchers)
		switch {
		case err != nil && ctx.Err() != nil:
			return answer{}, explain(err) // of the time that ended
		case err != nil:
			return answer{}, err
		}
		notes.Merge(said)
		if out = append(out, some...); len(out) > maxSeries {
			once()
		}
		if len(out) > maxSeries {
			return answer{}, clew.Errorf(clew.TooLarge, "the list has more than %d entries: name a metric, or ask for some services only", maxSeries)
		}
	}
	once()
	if l.limit > 0 && len(out) > l.limit {
		out = out[:l.limit]
		notes.Add(errLimited)
	}
	return answer{data: out, notes: notes}, nil
}

// labelNames answers the names of labels.
func (a *API) labelNames(c *api.Call) (answer, error) {
	l, err := a.listing(c)
	if err != nil {
		return answer{}, err
	}
	return union(c, &l, strings.Compare, func(ctx context.Context, matchers []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return l.LabelNames(ctx, &storage.LabelHints{}, matchers...)
	})
}

// labelValues answers the values of a label.
func (a *API) labelValues(c *api.Call) (answer, error) {
	name := c.R.PathValue("name")
	if !model.UTF8Validation.IsValidLabelName(name) {
		return answer{}, clew.Errorf(clew.Invalid, "invalid label name: %q", name)
	}
	l, err := a.listing(c)
	if err != nil {
		return answer{}, err
	}
	return union(c, &l, strings.Compare, func(ctx context.Context, matchers []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return l.LabelValues(ctx, name, &storage.LabelHints{}, matchers...)
	})
}

// listSeries answers which series there are.
func (a *API) listSeries(c *api.Call) (answer, error) {
	l, err := a.listing(c)
	switch {
	case err != nil:
		return answer{}, err
	case len(l.matchers) == 0:
		return answer{}, invalid("match[]", errors.New("it is missing: want a selector such as traces_service_graph_request_total"))
	}
	return union(c, &l, labels.Compare, func(ctx context.Context, matchers []*labels.Matcher) ([]labels.Labels, annotations.Annotations, error) {
		return l.series(ctx, matchers)
	})
}

// metadata answers what the metrics are.
func metadata(w http.ResponseWriter, r *http.Request) {
	type entry struct {
		Type string `json:"type"`
		Help string `json:"help"`
		Unit string `json:"unit"`
	}
	out := map[string][]entry{}
	asked := r.URL.Query()
	limit, err := strconv.Atoi(asked.Get("limit"))
	for _, f := range families {
		if name := asked.Get("metric"); (name == "" || name == f.name) && (err != nil || limit < 0 || len(out) < limit) {
			out[f.name] = []entry{{f.kind, f.help, f.unit}}
		}
	}
	succeed(w, out)
}
