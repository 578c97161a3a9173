package exec

import (
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec/explain"
)

// explainSearch says how a search is answered.
func (p *Plan) explainSearch(to *explain.Report, limit int) {
	if to == nil {
		return
	}
	p.explainRows(to, "newest first, until %d traces and one more cannot be surpassed by later rows", limit)
	if p.whole != nil {
		to.Say("%s needs the whole trace: traces with such a row are read whole and judged: %v", p.why, p.selection)
		return
	}
	to.Say("their traces are read whole, to be described")
}

// explainOrder says how a search in an order of its own is answered.
func (p *Plan) explainOrder(to *explain.Report, limit int, rowsTell bool) {
	if to == nil {
		return
	}
	p.explainRows(to, "all of them, for the first %d traces by %s", limit, p.order.by.Text)
	if p.whole != nil {
		to.Say("%s needs the whole trace: traces with such a row are judged whole: %v", p.why, p.selection)
	}
	if rowsTell {
		to.Say("rows tell their place: traces are read in that order until no other can be among the first")
	} else {
		to.Say("single rows do not tell their place: traces with such a row are ranked whole, and the first of them read")
	}
}

// explainCount says how a count is answered.
func (p *Plan) explainCount(to *explain.Report) {
	if to == nil {
		return
	}
	if p.whole == nil {
		p.explainRows(to, "all of them are counted, and their traces by their ids")
		return
	}
	p.explainRows(to, "all of them")
	to.Say("%s needs the whole trace: %v", p.why, p.selection)
}

// explainSelected says how spans are found that are only gone through.
func (p *Plan) explainSelected(to *explain.Report) {
	if to == nil {
		return
	}
	p.explainRows(to, "all of them are gone through")
	if p.whole != nil {
		to.Say("%s needs the whole trace: %v", p.why, p.selection)
	}
}

// explainRows says which rows are looked for.
func (p *Plan) explainRows(to *explain.Report, how string, args ...any) {
	to.Query = p.text
	if p.rows.Never() {
		to.Say("nothing can meet the query: no row is looked at")
		return
	}
	to.Say("rows that meet "+strings.ReplaceAll(p.rows.String(), "%", "%%")+": "+how, args...)
}

// wholeTraces is why sums and columns do not answer a metric.
const wholeTraces = "the whole trace is needed"

// explain says how one metric is measured: from sums, but for the windows that are left;
// or from spans, and why.
func (q *metrics) explain(to *explain.Report, why string, left []clew.Window) {
	if to == nil {
		return
	}
	of := q.fn.String()
	if q.of != nil {
		of += " of " + q.of.Text
	}
	for i := range q.by {
		of += [2]string{" by ", ", "}[min(i, 1)] + q.by[i].Text
	}
	from := " over spans that meet " + q.plan.rows.String()
	switch {
	case why == wholeTraces && q.plan.whole != nil:
		to.Say("%s%s: %s needs the whole trace: %v", of, from, q.plan.why, q.plan.selection)
	case why == wholeTraces:
		to.Say("%s%s: what is measured, or by what it is parted, is told by whole traces", of, from)
	case why != "":
		to.Say("%s%s: from columns; rollups do not tell it: %s", of, from, why)
	case len(left) == 0:
		to.Say("%s%s: from rollups alone", of, from)
	default:
		to.Say("%s%s: from rollups of whole minutes, and from columns before or behind them", of, from)
	}
}

// explainComparison says how compare(…) is answered.
func (q *metrics) explainComparison(to *explain.Report, steps int) {
	if to == nil {
		return
	}
	to.Say("the values of all attributes over spans that meet %s, apart for those that meet %s", q.plan.rows.String(), q.compare.where.String())
	if steps > 1 {
		to.Say("once to know the %d most frequent of each, and once more for their numbers over time", q.compare.top)
	}
	switch {
	case q.plan.whole != nil:
		to.Say("%s needs the whole trace: %v", q.plan.why, q.plan.selection)
	case q.compare.where.OfTrace():
		to.Say("the selection needs whole traces")
	}
}
