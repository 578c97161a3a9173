package prom

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
)

// querier returns who answers a call.
func (a *API) querier(c *api.Call) *querier {
	return &querier{api: a, tenant: c.Tenant, now: a.Now().UnixMilli(), used: new(used)}
}

// query answers what an expression is at one moment.
func (a *API) query(c *api.Call) (answer, error) {
	q := a.querier(c)
	at, err := moment(c, "time", time.UnixMilli(q.now))
	if err != nil {
		return answer{}, err
	}
	return a.run(c, q, func(opts promql.QueryOpts, text string) (promql.Query, error) {
		return a.engine.NewInstantQuery(c.R.Context(), q, opts, text, at)
	})
}

// queryRange answers what an expression is at each step of a time.
func (a *API) queryRange(c *api.Call) (answer, error) {
	q := a.querier(c)
	start, err := required(c, "start")
	if err != nil {
		return answer{}, err
	}
	end, err := required(c, "end")
	if err != nil {
		return answer{}, err
	}
	step, err := duration(c, "step", 0)
	switch {
	case err != nil:
		return answer{}, err
	case end.Before(start):
		return answer{}, invalid("end", errors.New("it is before the start"))
	case step <= 0:
		return answer{}, invalid("step", errors.New("want more than 0, such as 15 or 1m"))
	case end.Sub(start)/step > maxPoints:
		return answer{}, clew.Errorf(clew.Invalid, "from start to end are more than %d steps of %v: ask for a longer step, or a shorter time", maxPoints, step)
	}
	return a.run(c, q, func(opts promql.QueryOpts, text string) (promql.Query, error) {
		return a.engine.NewRangeQuery(c.R.Context(), q, opts, text, start, end, step)
	})
}

// run answers a query.
func (a *API) run(c *api.Call, q *querier, prepare func(opts promql.QueryOpts, text string) (promql.Query, error)) (answer, error) {
	ctx := c.R.Context()
	back, err := duration(c, "lookback_delta", 0)
	if err != nil {
		return answer{}, err
	}
	most, err := duration(c, "timeout", 0)
	if err != nil {
		return answer{}, err
	}
	text, expr, err := a.expression(c)
	if err != nil {
		return answer{}, err
	}
	q.enough = projectionsOf(expr)
	query, err := prepare(promql.NewPrometheusQueryOpts(false, back), text)
	if err != nil {
		return answer{}, invalid("query", err)
	}
	defer query.Close()
	if most > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, most)
		defer cancel()
	}
	out := query.Exec(ctx)
	if out.Err != nil {
		return answer{}, explain(out.Err)
	}
	data, err := result(out.Value) // which is the query's until it is closed
	return answer{data, text, out.Warnings}, err
}

// formatQuery answers an expression as it is usually written.
func (a *API) formatQuery(c *api.Call) (answer, error) {
	_, expr, err := a.expression(c)
	if err != nil {
		return answer{}, err
	}
	return answer{data: expr.Pretty(0)}, nil
}

// expression reads the one that is asked about.
func (a *API) expression(c *api.Call) (text string, expr parser.Expr, err error) {
	text = c.R.Form.Get("query")
	if err = notTooLong(text); err == nil {
		expr, err = a.parser.ParseExpr(text)
	}
	if err != nil {
		err = invalid("query", err)
	}
	return text, expr, err
}

// notTooLong returns an error for texts of more than maxTokens together.
func notTooLong(texts ...string) error {
	n := 0
	for _, text := range texts {
		for l, item := parser.Lex(text), (parser.Item{}); item.Typ != parser.EOF && item.Typ != parser.ERROR; n++ {
			if n > maxTokens {
				return fmt.Errorf("it has more than %d numbers, names, texts and signs", maxTokens)
			}
			l.NextItem(&item)
		}
	}
	return nil
}

func invalid(name string, err error) error {
	return clew.Errorf(clew.Invalid, "invalid parameter %q: %w", name, err)
}

// required reads a moment that must be given.
func required(c *api.Call, name string) (time.Time, error) {
	if c.R.Form.Get(name) == "" {
		return time.Time{}, invalid(name, errors.New("it is missing: want seconds since 1970, or a time such as 2026-01-02T15:04:05Z"))
	}
	return moment(c, name, time.Time{})
}

// moment reads a time: seconds since 1970, or as in RFC 3339.
func moment(c *api.Call, name string, unasked time.Time) (time.Time, error) {
	text := c.R.Form.Get(name)
	if text == "" {
		return unasked, nil
	}
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		if !(math.Abs(s) < 1<<40) { // some 35,000 years
			return time.Time{}, invalid(name, errors.New("it is out of range"))
		}
		whole, rest := math.Modf(s)
		return time.Unix(int64(whole), int64(math.Round(rest*1000)*1e6)).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, invalid(name, errors.New("want seconds since 1970, or a time such as 2026-01-02T15:04:05Z"))
	}
	return t, nil
}

// duration reads a length of time: seconds, or as Prometheus writes it.
func duration(c *api.Call, name string, unasked time.Duration) (time.Duration, error) {
	text := c.R.Form.Get(name)
	if text == "" {
		return unasked, nil
	}
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		if !(math.Abs(s) < math.MaxInt64/1e9) {
			return 0, invalid(name, errors.New("it is out of range"))
		}
		return time.Duration(s * float64(time.Second)), nil
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, invalid(name, errors.New("want seconds, or a duration such as 15s or 1h30m"))
	}
	return time.Duration(d), nil
}
