package exec

import (
	"cmp"
	"time"

	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// What a query says of exemplars, where that is no number.
const (
	unsaid = -1 // nothing
	some   = -2 // there are to be some
)

// Exemplars returns about how many exemplars are looked for if a request asks for so many:
// what the query says counts, if it says how many, or that there are to be some or none.
func (p *Plan) Exemplars(asked int) int {
	switch {
	case p.exemplars >= 0:
		asked = p.exemplars
	case p.exemplars == some && asked == 0:
		asked = DefaultExemplars
	}
	return min(asked, MaxExemplars)
}

// look looks for exemplars among the spans of which sums told the numbers. It has the rest
// of the budget and a while: what it does not find then is left out, and whatever it meets
// is no fault of the numbers.
func (g *gauge) look(columns storage.Columns, matcher *span.Matcher) error {
	left, ended := g.over.Budget.Without(&Cost{Rows: g.cost.Rows, Bytes: g.cost.Bytes, Took: time.Since(g.began)})
	if ended != "" || g.ended {
		g.lack(cmp.Or(ended, g.cost.Reason))
		return nil
	}
	g.over.Explain.Say("exemplars are looked for beside the sums, by a scan of %v at most", exemplarTime)
	over := g.over
	over.Budget = left
	over.Budget.Time = min(left.Time, exemplarTime)
	beside := begin(g.store, over)
	g.counted = true
	g.groups.Close()
	over.Window, _ = g.inner()
	err := beside.scan(g.ctx, storage.Request{Window: over.Window, Where: g.q.plan.rows, Columns: columns}, func(b *span.Batch) (bool, error) {
		g.take(span.NewWhole(b), matching(matcher, b, over.Window))
		return g.builder.Forgotten() == "", g.builder.Err()
	})
	g.cost.Rows, g.cost.Bytes = g.cost.Rows+beside.cost.Rows, g.cost.Bytes+beside.cost.Bytes
	if gone := canceled(g.ctx); gone != nil {
		return gone
	}
	switch {
	case g.builder.Err() != nil:
		return g.builder.Err()
	case err != nil:
		g.lack(err.Error())
	case !beside.cost.Complete:
		g.lack(beside.cost.Reason)
	}
	return nil
}

// lack notes why exemplars are left out.
func (m *metering) lack(why string) {
	if m.leftOut == "" {
		m.leftOut = "exemplars were not looked for everywhere: " + why
	}
}
