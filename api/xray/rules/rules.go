// Package rules answers what X-Ray's API is asked about sampling: rules, targets for clients
// that sample by them, and statistics.
package rules

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/sampling"
)

const (
	// pageRules and pageSummaries end a page.
	pageRules     = 100
	pageSummaries = 1000
	// maxDocuments is how many reports X-Ray takes at once, tenfold: agents collect them.
	maxDocuments = 250
	// arnPrefix stands before a rule's name. There are no regions and accounts here.
	arnPrefix = "arn:aws:xray:us-east-1:000000000000:sampling-rule/"
)

// A Tagger gives a new rule, named by its ARN, the tags that it has, which may be none. What
// cannot be kept is an error of kind Invalid, and nothing is.
type Tagger func(t clew.Tenant, arn string, tags map[string]string) error

// Operations are those of this package, on a book of rules. tag keeps the tags of new rules.
func Operations(b *sampling.Book, tag Tagger) []xray.Operation {
	o := ops{b, tag}
	return []xray.Operation{
		xray.Op("/GetSamplingRules", o.list),
		xray.Op("/SamplingTargets", o.targets),
		xray.Op("/SamplingStatisticSummaries", o.summaries),
		xray.Op("/CreateSamplingRule", o.create).Changing(),
		xray.Op("/UpdateSamplingRule", o.update).Changing(),
		xray.Op("/DeleteSamplingRule", o.delete).Changing(),
	}
}

type ops struct {
	book *sampling.Book
	tag  Tagger
}

// ruleJSON is a rule as the model has it; in a request what is not given is nil.
type ruleJSON struct {
	RuleName          *string
	RuleARN           *string
	ResourceARN       *string
	Priority          *int
	FixedRate         *float64
	ReservoirSize     *int
	ServiceName       *string
	ServiceType       *string
	Host              *string
	HTTPMethod        *string
	URLPath           *string
	Version           *int
	Attributes        map[string]string
	SamplingRateBoost *sampling.Boost `json:",omitempty"`
	// Budget is clew's. With it FixedRate and ReservoirSize are what follows from it by now.
	Budget *budgetJSON `json:",omitempty"`
}

type budgetJSON struct {
	TracesPerSecond *float64 `json:",omitempty"`
	// UnseenRate is the rate of what there is no traffic known of yet; in a request FixedRate
	// says it as well.
	UnseenRate *float64 `json:",omitempty"`
}

// budgetAttribute says TracesPerSecond where a client knows no other members of a rule than
// X-Ray's. Requests are not matched against it, and it does not come back.
const budgetAttribute = "clew.budget"

type recordJSON struct {
	SamplingRule ruleJSON
	CreatedAt    xray.Seconds
	ModifiedAt   xray.Seconds
	// Observed is clew's: what is known of the traffic, where something is.
	Observed *observedJSON `json:",omitempty"`
}

type observedJSON struct {
	// Clients reported of late, and had so many requests.
	Clients           int
	RequestsPerSecond float64
	// Operations are those of a budget that Jaeger's clients are told of.
	Operations []sampling.OperationRate
}

type recordAnswer struct{ SamplingRuleRecord recordJSON }

func seconds(t time.Time) xray.Seconds {
	if t.IsZero() {
		return 0 // as AWS has it of Default
	}
	return xray.Seconds(t.UnixNano())
}

// wholeSeconds rounds up: clients leave out the fraction and compare with the second in which
// they asked for the rules, so that a change later in that second would be none to them.
func wholeSeconds(t time.Time) xray.Seconds {
	return seconds(t.Add(time.Second - 1).Truncate(time.Second))
}

func jsonOf(r *sampling.State) recordJSON {
	x, arn := &r.Rule, arnPrefix+r.Rule.Name
	out := recordJSON{SamplingRule: ruleJSON{
		RuleName: &x.Name, RuleARN: &arn, ResourceARN: &x.ResourceARN, Priority: &x.Priority, FixedRate: &r.FixedRate, ReservoirSize: &r.ReservoirSize,
		ServiceName: &x.ServiceName, ServiceType: &x.ServiceType, Host: &x.Host, HTTPMethod: &x.HTTPMethod, URLPath: &x.URLPath, Version: &x.Version,
		Attributes: x.Attributes, SamplingRateBoost: x.Boost,
	}, CreatedAt: seconds(r.Created), ModifiedAt: seconds(r.Modified)}
	if x.Budget > 0 {
		out.SamplingRule.Budget = &budgetJSON{&x.Budget, &x.FixedRate}
	}
	if r.Clients > 0 || r.Learnt != nil {
		out.Observed = &observedJSON{Clients: r.Clients, RequestsPerSecond: r.Requests}
		if r.Learnt != nil {
			out.Observed.Operations = r.Learnt.Operations
		}
	}
	return out
}

// put sets a field that is given.
func put[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// lift takes the budget out of the attributes.
func (j *ruleJSON) lift() error {
	text, given := j.Attributes[budgetAttribute]
	if !given {
		return nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return clew.Errorf(clew.Invalid, "Attributes: %s: want a number of traces per second, such as 5 or 0.5", budgetAttribute)
	}
	delete(j.Attributes, budgetAttribute)
	if j.Budget == nil {
		j.Budget = &budgetJSON{TracesPerSecond: &n}
	}
	return nil
}

// into puts what is given into a rule.
func (j *ruleJSON) into(r *sampling.Rule) {
	put(&r.ResourceARN, j.ResourceARN)
	put(&r.Priority, j.Priority)
	put(&r.FixedRate, j.FixedRate)
	put(&r.ReservoirSize, j.ReservoirSize)
	put(&r.ServiceName, j.ServiceName)
	put(&r.ServiceType, j.ServiceType)
	put(&r.Host, j.Host)
	put(&r.HTTPMethod, j.HTTPMethod)
	put(&r.URLPath, j.URLPath)
	put(&r.Version, j.Version)
	if j.Attributes != nil {
		r.Attributes = j.Attributes
	}
	if j.SamplingRateBoost != nil {
		r.Boost = j.SamplingRateBoost
	}
	if j.Budget != nil {
		put(&r.Budget, j.Budget.TracesPerSecond)
		put(&r.FixedRate, j.Budget.UnseenRate)
	}
}

// named returns the name of a rule that is given by name or by ARN, but not by both.
func named(name, arn *string) (string, error) {
	switch {
	case name != nil && arn != nil:
		return "", clew.Errorf(clew.Invalid, "give RuleName or RuleARN, not both")
	case name != nil:
		return *name, nil
	case arn != nil:
		_, after, ok := strings.Cut(*arn, ":sampling-rule/")
		if !ok {
			return "", clew.Errorf(clew.Invalid, "RuleARN: want one such as %sNAME", arnPrefix)
		}
		return after, nil
	}
	return "", clew.Errorf(clew.Invalid, "give RuleName or RuleARN")
}

// Known returns what says whether a tenant has a sampling rule of an ARN.
func Known(b *sampling.Book) func(clew.Tenant, string) bool {
	return func(t clew.Tenant, arn string) bool {
		name, ours := strings.CutPrefix(arn, arnPrefix)
		list, _ := b.Rules(t)
		return ours && slices.ContainsFunc(list, func(r sampling.Record) bool { return r.Rule.Name == name })
	}
}

type listRequest struct{ NextToken string }

type listAnswer struct {
	SamplingRuleRecords []recordJSON
	NextToken           string `json:",omitempty"`
}

func (o ops) list(c *api.Call, in *listRequest) (*listAnswer, error) {
	list := o.book.States(c.Tenant, time.Now())
	page, next, err := paged(list, in.NextToken, "rules", pageRules)
	if err != nil {
		return nil, err
	}
	out := &listAnswer{NextToken: next}
	for i := range page {
		out.SamplingRuleRecords = append(out.SamplingRuleRecords, jsonOf(&page[i]))
	}
	return out, nil
}

// paged returns the page of a list that a token says, and the token of the next.
func paged[T any](list []T, token, what string, size int) (page []T, next string, err error) {
	from := 0
	if token != "" {
		if err := xray.ParseToken(token, what, &from); err != nil {
			return nil, "", err
		}
	}
	from = max(0, min(from, len(list)))
	to := min(from+size, len(list))
	if to < len(list) {
		next, err = xray.Token(what, to)
	}
	return list[from:to], next, err
}

type createRequest struct {
	SamplingRule *ruleJSON
	Tags         []struct{ Key, Value string }
}

func (o ops) create(c *api.Call, in *createRequest) (*recordAnswer, error) {
	j := in.SamplingRule
	if j == nil {
		return nil, clew.Errorf(clew.Invalid, "SamplingRule: give the rule")
	}
	for _, f := range []struct {
		name  string
		given bool
	}{{"ResourceARN", j.ResourceARN != nil}, {"Priority", j.Priority != nil}, {"FixedRate", j.FixedRate != nil}, {"ReservoirSize", j.ReservoirSize != nil},
		{"ServiceName", j.ServiceName != nil}, {"ServiceType", j.ServiceType != nil}, {"Host", j.Host != nil}, {"HTTPMethod", j.HTTPMethod != nil},
		{"URLPath", j.URLPath != nil}, {"Version", j.Version != nil}} {
		if !f.given {
			return nil, clew.Errorf(clew.Invalid, "SamplingRule: %s is missing", f.name)
		}
	}
	name, err := named(j.RuleName, j.RuleARN)
	if err != nil {
		return nil, err
	}
	if err := j.lift(); err != nil {
		return nil, err
	}
	r := sampling.Rule{Name: name}
	j.into(&r)
	made, err := o.book.Create(c.Tenant, r, time.Now())
	if err != nil {
		return o.answer(c.Tenant, made, err)
	}
	tags := map[string]string{}
	for _, t := range in.Tags {
		tags[t.Key] = t.Value
	}
	if err := o.tag(c.Tenant, arnPrefix+name, tags); err != nil {
		_, undone := o.book.Delete(c.Tenant, name, time.Now())
		return nil, errors.Join(err, undone)
	}
	return o.answer(c.Tenant, made, nil)
}

// answer answers with a rule as it was changed.
func (o ops) answer(t clew.Tenant, r sampling.Record, err error) (*recordAnswer, error) {
	switch {
	case errors.Is(err, sampling.ErrLimit):
		return nil, &xray.Error{Status: http.StatusBadRequest, Type: "RuleLimitExceededException", Text: err.Error()}
	case err != nil:
		return nil, err
	}
	list := o.book.States(t, time.Now())
	i := slices.IndexFunc(list, func(s sampling.State) bool { return s.Rule.Name == r.Rule.Name })
	if i < 0 { // it is deleted
		return &recordAnswer{jsonOf(&sampling.State{Record: r, FixedRate: r.Rule.FixedRate, ReservoirSize: r.Rule.ReservoirSize})}, nil
	}
	return &recordAnswer{jsonOf(&list[i])}, nil
}

type updateRequest struct{ SamplingRuleUpdate *ruleJSON }

func (o ops) update(c *api.Call, in *updateRequest) (*recordAnswer, error) {
	j := in.SamplingRuleUpdate
	if j == nil {
		return nil, clew.Errorf(clew.Invalid, "SamplingRuleUpdate: give what is to be changed")
	}
	name, err := named(j.RuleName, j.RuleARN)
	if err != nil {
		return nil, err
	}
	if err := j.lift(); err != nil {
		return nil, err
	}
	r, err := o.book.Update(c.Tenant, name, time.Now(), j.into)
	return o.answer(c.Tenant, r, err)
}

type deleteRequest struct{ RuleName, RuleARN *string }

func (o ops) delete(c *api.Call, in *deleteRequest) (*recordAnswer, error) {
	name, err := named(in.RuleName, in.RuleARN)
	if err != nil {
		return nil, err
	}
	r, err := o.book.Delete(c.Tenant, name, time.Now())
	return o.answer(c.Tenant, r, err)
}

type targetsRequest struct {
	SamplingStatisticsDocuments []struct {
		RuleName, ClientID                      string
		Timestamp                               xray.Seconds
		RequestCount, SampledCount, BorrowCount int
	}
	SamplingBoostStatisticsDocuments []struct {
		RuleName, ServiceName                         string
		AnomalyCount, TotalCount, SampledAnomalyCount int
	}
}

type targetJSON struct {
	RuleName          string
	FixedRate         float64
	ReservoirQuota    int
	ReservoirQuotaTTL xray.Seconds
	Interval          int
	SamplingBoost     *boostJSON `json:",omitempty"`
}

type boostJSON struct {
	BoostRate    float64
	BoostRateTTL xray.Seconds
}

type unprocessed struct{ RuleName, ErrorCode, Message string }

type targetsAnswer struct {
	SamplingTargetDocuments    []targetJSON
	LastRuleModification       xray.Seconds
	UnprocessedStatistics      []unprocessed
	UnprocessedBoostStatistics []unprocessed
}

func (o ops) targets(c *api.Call, in *targetsRequest) (*targetsAnswer, error) {
	if n := max(len(in.SamplingStatisticsDocuments), len(in.SamplingBoostStatisticsDocuments)); n > maxDocuments {
		return nil, clew.Errorf(clew.Invalid, "%d documents of statistics: send at most %d at once", n, maxDocuments)
	}
	_, modified := o.book.Rules(c.Tenant)
	out := &targetsAnswer{LastRuleModification: wholeSeconds(modified)}
	now := time.Now()
	for _, d := range in.SamplingBoostStatisticsDocuments {
		if err := o.book.Boost(c.Tenant, sampling.BoostReport{Rule: d.RuleName, Anomalies: d.AnomalyCount, Sampled: d.SampledAnomalyCount}, now); err != nil {
			out.UnprocessedBoostStatistics = append(out.UnprocessedBoostStatistics, unprocessed{d.RuleName, "400", api.Shown(err.Error())})
		}
	}
	for _, d := range in.SamplingStatisticsDocuments {
		target, err := sampling.Target{}, error(nil)
		switch {
		case d.ClientID == "" || len(d.ClientID) > 64:
			err = clew.Errorf(clew.Invalid, "ClientID: want 24 hex digits")
		case d.RequestCount < 0 || d.SampledCount < 0 || d.BorrowCount < 0:
			err = clew.Errorf(clew.Invalid, "counts are 0 or more")
		default:
			target, err = o.book.Targets(c.Tenant, sampling.Report{Rule: d.RuleName, Client: d.ClientID, Requests: d.RequestCount, Sampled: d.SampledCount, Borrowed: d.BorrowCount}, now)
		}
		if err != nil {
			out.UnprocessedStatistics = append(out.UnprocessedStatistics, unprocessed{d.RuleName, "400", api.Shown(err.Error())})
			continue
		}
		answer := targetJSON{target.Rule, target.FixedRate, target.Quota, seconds(target.Until), int(sampling.Interval / time.Second), nil}
		if !target.BoostedUntil.IsZero() {
			answer.SamplingBoost = &boostJSON{target.Boosted, seconds(target.BoostedUntil)}
		}
		out.SamplingTargetDocuments = append(out.SamplingTargetDocuments, answer)
	}
	return out, nil
}

type summaryJSON struct {
	RuleName                                string
	Timestamp                               xray.Seconds
	RequestCount, BorrowCount, SampledCount int64
}

type summariesAnswer struct {
	SamplingStatisticSummaries []summaryJSON
	NextToken                  string `json:",omitempty"`
}

func (o ops) summaries(c *api.Call, in *listRequest) (*summariesAnswer, error) {
	list := o.book.Summaries(c.Tenant, time.Now())
	slices.SortStableFunc(list, func(a, b sampling.Summary) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.Rule, b.Rule)) }) // the newest first
	page, next, err := paged(list, in.NextToken, "summaries", pageSummaries)
	if err != nil {
		return nil, err
	}
	out := &summariesAnswer{NextToken: next}
	for _, s := range page {
		out.SamplingStatisticSummaries = append(out.SamplingStatisticSummaries, summaryJSON{s.Rule, seconds(s.Time), s.Requests, s.Borrowed, s.Sampled})
	}
	return out, nil
}
