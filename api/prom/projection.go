package prom

import (
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

// projections say of the selectors of an expression, by selectorKey, which labels are
// enough: those by which they are summed up. Counters that differ in others are added
// before the engine sees them, which is what makes a sum over a thousand operations
// cheap. It is the same: all counters have their samples, and start again, at the same
// moments. Only what a rate adds for the time before the first and after the last sample
// of a range may be a little other.
type projections map[string][]string

// projectionsOf looks for sums by labels, of counters or of their rates. A selector that
// stands elsewhere as well needs what both need.
func projectionsOf(expr parser.Expr) projections {
	out := make(projections)
	whole := make(map[string]bool)
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		span := int64(0)
		if len(path) > 0 {
			if m, ok := path[len(path)-1].(*parser.MatrixSelector); ok {
				span = m.Range.Milliseconds()
			}
		}
		key := selectorKey(s.LabelMatchers, span)
		by, ok := summedBy(path)
		if !ok || whole[key] {
			whole[key] = true
			delete(out, key)
			return nil
		}
		out[key] = append(append([]string{}, out[key]...), by...)
		return nil
	})
	return out
}

// selectorKey is equal for selectors of the same series and range.
func selectorKey(matchers []*labels.Matcher, span int64) string {
	var b strings.Builder
	for _, m := range matchers {
		b.WriteString(m.String() + "\x00")
	}
	b.WriteString(strconv.FormatInt(span, 10))
	return b.String()
}

// summedBy returns the labels by which a selector's series, or their rates, are summed
// up right away; path leads to it.
func summedBy(path []parser.Node) (by []string, ok bool) {
	for i := len(path) - 1; i >= 0; i-- {
		switch n := path[i].(type) {
		case *parser.ParenExpr, *parser.StepInvariantExpr, *parser.MatrixSelector:
		case parser.Expressions: // the arguments of a call
		case *parser.Call:
			if n.Func.Name != "rate" && n.Func.Name != "increase" {
				return nil, false
			}
		case *parser.AggregateExpr:
			return n.Grouping, !n.Without && (n.Op == parser.SUM || n.Op == parser.GROUP)
		default:
			return nil, false
		}
	}
	return nil, false
}

// dimensions are what a label is made of.
var dimensions = [2]map[string]storage.Dimensions{
	{
		"service": storage.ByService, "span_name": storage.ByOperation, "span_kind": storage.ByKind, "status_code": storage.ByStatus,
		"other": storage.ByOperation,
	},
	{
		"client": storage.ByClient, "server": storage.ByServer, "connection_type": storage.ByServer | storage.ByConnection,
		"other": storage.ByServer,
	},
}

// project makes counters have the labels of names only, if there is a projection, and
// asks the store for what these and the matchers need.
//
// How many spans failed a store has without telling spans apart by their status, and of
// services in one sum each: rates of errors are asked for as often as rates.
func (c *counters) project(names []string, projected bool) {
	all, of := storage.OperationDimensions, dimensions[0]
	if c.edges {
		all, of = storage.EdgeDimensions, dimensions[1]
	}
	if !projected {
		c.request.By = all
		return
	}
	c.keep = append([]string{}, names...)
	for _, n := range names {
		c.request.By |= of[n]
	}
	if c.failed = c.part == calls && !c.edges && !slices.Contains(names, "status_code") && slices.ContainsFunc(c.matchers, ofFailed); c.failed {
		c.matchers = slices.DeleteFunc(slices.Clone(c.matchers), ofFailed)
	}
	for _, m := range c.matchers {
		c.request.By |= of[m.Name]
	}
	if c.virtual {
		c.request.By |= storage.ByServer
	}
}

// ofFailed reports whether a matcher lets all spans that failed pass, and no other.
func ofFailed(m *labels.Matcher) bool {
	return m.Name == "status_code" && m.Type == labels.MatchEqual && m.Value == statusOf(clew.StatusError)
}

// tells reports whether the store is asked for all that a label is made of.
func (c *counters) tells(label string) bool {
	of := dimensions[0][label]
	if c.edges {
		of = dimensions[1][label]
	}
	return c.request.By&of == of
}
