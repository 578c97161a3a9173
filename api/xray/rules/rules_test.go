package rules_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/account"
	"github.com/clew-tracing/clew/api/xray/rules"
	"github.com/clew-tracing/clew/sampling"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// asking returns a function that posts to the operations and wants a status.
func asking(t *testing.T, tenant clew.Tenant) func(code int, path, body string) map[string]any {
	return askingOf(t, tenant, sampling.NewBook(nil, nil))
}

func askingOf(t *testing.T, tenant clew.Tenant, book *sampling.Book) func(code int, path, body string) map[string]any {
	h := xray.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}, rules.Operations(book, account.NewBook(nil, nil).Tag)...)
	return func(code int, path, body string) map[string]any {
		t.Helper()
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set(clew.TenantHeader, string(tenant))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var out map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != code {
			t.Fatalf("%s %s: %d %s, %v; want %d", path, body, w.Code, w.Body, err, code)
		}
		return out
	}
}

const base = `{"RuleName":"base","ResourceARN":"*","Priority":9000,"FixedRate":0.1,"ReservoirSize":2,"ServiceName":"checkout","ServiceType":"*","Host":"*","HTTPMethod":"*","URLPath":"*","Version":1,"Attributes":{"tier":"gold"}}`

// TestRules makes, lists, changes and deletes rules.
func TestRules(t *testing.T) {
	ask := asking(t, clew.DefaultTenant)
	is := func(got any, want string) {
		t.Helper()
		text, _ := json.Marshal(got)
		if !strings.Contains(string(text), want) {
			t.Errorf("%s\nhas not %s", text, want)
		}
	}
	out := ask(200, "/GetSamplingRules", `{}`)
	is(out, `"SamplingRule":{"Attributes":{},"FixedRate":0.05,"HTTPMethod":"*","Host":"*","Priority":10000,"ReservoirSize":1,"ResourceARN":"*","RuleARN":"arn:aws:xray:us-east-1:000000000000:sampling-rule/Default","RuleName":"Default","ServiceName":"*","ServiceType":"*","URLPath":"*","Version":1}`)
	is(out, `"CreatedAt":0,"ModifiedAt":0`)
	out = ask(200, "/CreateSamplingRule", `{"SamplingRule":`+base+`}`)
	is(out, `"Attributes":{"tier":"gold"},"FixedRate":0.1`)
	if at := out["SamplingRuleRecord"].(map[string]any)["CreatedAt"].(float64); at < 1_700_000_000 {
		t.Errorf("created at %v", at)
	}
	out = ask(200, "/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleARN":"arn:aws:xray:us-east-1:000000000000:sampling-rule/base","FixedRate":0,"ReservoirSize":7}}`)
	is(out, `"FixedRate":0,`)
	is(out, `"Priority":9000,"ReservoirSize":7`)
	if list := ask(200, "/GetSamplingRules", ``)["SamplingRuleRecords"].([]any); len(list) != 2 {
		t.Errorf("%v", list)
	}
	is(ask(200, "/DeleteSamplingRule", `{"RuleName":"base"}`), `"RuleName":"base"`)

	for body, want := range map[string]string{
		"/CreateSamplingRule {}":                                                "SamplingRule: give the rule",
		`/CreateSamplingRule {"SamplingRule":{"RuleName":"a"}}`:                 "ResourceARN is missing",
		`/CreateSamplingRule {"SamplingRule":` + base + `,"Tags":[{"Key":""}]}`: "Tags: \"\": want keys",
		`/UpdateSamplingRule {}`:                                                "give what is to be changed",
		`/UpdateSamplingRule {"SamplingRuleUpdate":{"FixedRate":1}}`:            "give RuleName or RuleARN",
		`/UpdateSamplingRule {"SamplingRuleUpdate":{"RuleName":"gone"}}`:        "no sampling rule",
		`/DeleteSamplingRule {"RuleName":"a","RuleARN":"b"}`:                    "not both",
		`/DeleteSamplingRule {"RuleARN":"b"}`:                                   "want one such as arn:",
		`/DeleteSamplingRule {"RuleName":"Default"}`:                            "cannot be deleted",
		`/GetSamplingRules {"NextToken":"x"}`:                                   "NextToken",
	} {
		path, rest, _ := strings.Cut(body, " ")
		out := ask(400, path, rest)
		if out["__type"] != "InvalidRequestException" || !strings.Contains(fmt.Sprint(out["Message"]), want) {
			t.Errorf("%s: %v, want %q", body, out, want)
		}
	}
	for i := range 250 {
		ask(200, "/CreateSamplingRule", `{"SamplingRule":`+strings.Replace(base, `"base"`, fmt.Sprintf(`"r%d"`, i), 1)+`}`)
	}
	if out := ask(400, "/CreateSamplingRule", `{"SamplingRule":`+base+`}`); out["__type"] != "RuleLimitExceededException" {
		t.Errorf("%v", out)
	}
	seen, token := 0, ""
	for {
		out := ask(200, "/GetSamplingRules", fmt.Sprintf(`{"NextToken":%q}`, token))
		seen += len(out["SamplingRuleRecords"].([]any))
		if token, _ = out["NextToken"].(string); token == "" {
			break
		}
	}
	if seen != 251 {
		t.Errorf("%d rules on all pages", seen)
	}
}

// TestTargets reports as clients do.
func TestTargets(t *testing.T) {
	ask := asking(t, "shop")
	const document = `{"RuleName":"Default","ClientID":"0123456789abcdef01234567","Timestamp":1763889000,"RequestCount":100,"SampledCount":6,"BorrowCount":1}`
	out := ask(200, "/SamplingTargets", `{"SamplingStatisticsDocuments":[`+document+`,{"RuleName":"gone","ClientID":"0123456789abcdef01234567"},{"RuleName":"Default","ClientID":"a","RequestCount":-1},{"RuleName":"Default"}],
		"SamplingBoostStatisticsDocuments":[{"RuleName":"Default","ServiceName":"a"}]}`) // which has no boost
	target := out["SamplingTargetDocuments"].([]any)
	if len(target) != 1 {
		t.Fatalf("%v", out)
	}
	x := target[0].(map[string]any)
	if x["FixedRate"] != 0.05 || x["ReservoirQuota"] != 1.0 || x["Interval"] != 10.0 || x["ReservoirQuotaTTL"].(float64) < 1_700_000_000 {
		t.Errorf("%v", x)
	}
	if bad := out["UnprocessedStatistics"].([]any); len(bad) != 3 || !strings.Contains(fmt.Sprint(bad), "no sampling rule") || !strings.Contains(fmt.Sprint(bad), "counts are 0 or more") || !strings.Contains(fmt.Sprint(bad), "24 hex digits") {
		t.Errorf("%v", bad)
	}
	if boost := out["UnprocessedBoostStatistics"].([]any); len(boost) != 1 {
		t.Errorf("%v", boost)
	}
	sum := ask(200, "/SamplingStatisticSummaries", `{}`)["SamplingStatisticSummaries"].([]any)
	if len(sum) != 1 || sum[0].(map[string]any)["RequestCount"] != 100.0 || sum[0].(map[string]any)["SampledCount"] != 6.0 || sum[0].(map[string]any)["BorrowCount"] != 1.0 {
		t.Errorf("%v", sum)
	}
	if out := ask(400, "/SamplingTargets", `{"SamplingStatisticsDocuments":[`+strings.Repeat("{},", 250)+`{}]}`); !strings.Contains(fmt.Sprint(out), "at most 250") {
		t.Errorf("%v", out)
	}
}

// TestModification: clients compare when rules were last changed with the second in which they
// asked for them, both without a fraction. A change later in that second is one to them.
func TestModification(t *testing.T) {
	book := sampling.NewBook(nil, nil)
	ask := askingOf(t, clew.DefaultTenant, book)
	modification := func() float64 { return ask(200, "/SamplingTargets", `{}`)["LastRuleModification"].(float64) }
	if at := modification(); at != 0 {
		t.Errorf("no rule was changed, and the last change was at %v", at)
	}
	const second = 1_763_889_000
	for _, c := range []struct {
		nanos int64
		want  float64
	}{{0, second}, {1, second + 1}, {300_000_000, second + 1}, {999_999_999, second + 1}} {
		if _, err := book.Update(clew.DefaultTenant, sampling.DefaultName, time.Unix(second, c.nanos), func(*sampling.Rule) {}); err != nil {
			t.Fatal(err)
		}
		asked := time.Unix(second, max(0, c.nanos-1)) // just before
		at := modification()
		if at != c.want || c.nanos > 0 && int64(at) <= asked.Unix() {
			t.Errorf("changed %d ns after the second, it is told as %v, want %v", c.nanos, at, c.want)
		}
	}
}

// TestBudget makes rules with budgets, by clew's own member and by an attribute.
func TestBudget(t *testing.T) {
	ask := asking(t, clew.DefaultTenant)
	rule := func(out map[string]any) string {
		t.Helper()
		text, err := json.Marshal(out["SamplingRuleRecord"].(map[string]any)["SamplingRule"])
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	is := func(got, want string) {
		t.Helper()
		if !strings.Contains(got, want) {
			t.Errorf("%s\nhas not %s", got, want)
		}
	}
	with := func(extra string) string {
		return `{"SamplingRule":` + strings.Replace(base, `{`, `{`+extra+`,`, 1) + `}`
	}
	got := rule(ask(200, "/CreateSamplingRule", with(`"Budget":{"TracesPerSecond":10,"UnseenRate":0.5}`)))
	is(got, `"Budget":{"TracesPerSecond":10,"UnseenRate":0.5},"FixedRate":0.5`)
	is(got, `"ReservoirSize":8`)
	is(rule(ask(200, "/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleName":"base","Attributes":{"clew.budget":"20","tier":"*"}}}`)), `{"Attributes":{"tier":"*"},"Budget":{"TracesPerSecond":20,"UnseenRate":0.5}`)
	if got := rule(ask(200, "/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleName":"base","Attributes":{"clew.budget":"0"},"FixedRate":0.1}}`)); strings.Contains(got, "Budget") || !strings.Contains(got, `"Attributes":{},"FixedRate":0.1`) || !strings.Contains(got, `"ReservoirSize":2`) {
		t.Errorf("without a budget again: %s", got)
	}
	for extra, want := range map[string]string{`"Budget":{"TracesPerSecond":-1}`: "Budget -1: want 0.001 to", `"Budget":7`: "Budget: want an object", `"Budget":{"TracesPerSecond":"a"}`: "want a number"} {
		if out := ask(400, "/CreateSamplingRule", with(extra)); !strings.Contains(fmt.Sprint(out["Message"]), want) {
			t.Errorf("%s: %v, want %q", extra, out, want)
		}
	}
	if out := ask(400, "/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleName":"base","Attributes":{"clew.budget":"many"}}}`); !strings.Contains(fmt.Sprint(out["Message"]), "clew.budget: want a number") {
		t.Errorf("%v", out)
	}

	is(rule(ask(200, "/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleName":"Default","Budget":{"TracesPerSecond":2}}}`)), `"Budget":{"TracesPerSecond":2,"UnseenRate":0.05}`)
	is(rule(ask(200, "/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleName":"Default","Budget":{"UnseenRate":0.5}}}`)), `"Budget":{"TracesPerSecond":2,"UnseenRate":0.5}`)

	// What is left of the budget after the reservoir is a rate, of as many requests as there are.
	ask(200, "/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleName":"base","Budget":{"TracesPerSecond":10}}}`)
	out := ask(200, "/SamplingTargets", `{"SamplingStatisticsDocuments":[{"RuleName":"base","ClientID":"0123456789abcdef01234567","RequestCount":10080}]}`)
	target := out["SamplingTargetDocuments"].([]any)[0].(map[string]any)
	if target["FixedRate"] != 2./1000 || target["ReservoirQuota"] != 8. {
		t.Errorf("%v", target)
	}
	if _, boosted := target["SamplingBoost"]; boosted {
		t.Errorf("%v", target)
	}
	list, err := json.Marshal(ask(200, "/GetSamplingRules", `{}`))
	if err != nil {
		t.Fatal(err)
	}
	is(string(list), `"Observed":{"Clients":1,"Operations":[],"RequestsPerSecond":1008},"SamplingRule":{"Attributes":{},"Budget":{"TracesPerSecond":10,"UnseenRate":0.1},"FixedRate":0.00`)
}

// TestBoost: a client that tells of anomalies is told to sample more.
func TestBoost(t *testing.T) {
	ask := asking(t, clew.DefaultTenant)
	ask(200, "/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleName":"Default","SamplingRateBoost":{"MaxRate":0.5,"CooldownWindowMinutes":10}}}`)
	out := ask(200, "/SamplingTargets", `{"SamplingStatisticsDocuments":[{"RuleName":"Default","ClientID":"0123456789abcdef01234567","RequestCount":100}],
		"SamplingBoostStatisticsDocuments":[{"RuleName":"Default","ServiceName":"cart","Timestamp":1763889000,"AnomalyCount":3,"TotalCount":100,"SampledAnomalyCount":0},{"RuleName":"gone","ServiceName":"cart"}]}`)
	boost := out["SamplingTargetDocuments"].([]any)[0].(map[string]any)["SamplingBoost"].(map[string]any)
	if left := boost["BoostRateTTL"].(float64) - float64(time.Now().Unix()); boost["BoostRate"] != 0.5 || left < 1 || left > 61 {
		t.Errorf("%v", boost)
	}
	if bad := out["UnprocessedBoostStatistics"].([]any); len(bad) != 1 || !strings.Contains(fmt.Sprint(bad), "no sampling rule") {
		t.Errorf("%v", bad)
	}
}

// TestTags: a rule has the tags that it is made with, or is not made.
func TestTags(t *testing.T) {
	book, accounts := sampling.NewBook(nil, nil), account.NewBook(nil, nil)
	h := xray.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())},
		append(rules.Operations(book, accounts.Tag), account.Operations(accounts, rules.Known(book))...)...)
	ask := func(code int, path, body, want string) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
		if w.Code != code || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s %s: %d %s, want %s", path, body, w.Code, w.Body, want)
		}
	}
	const arn = `{"ResourceARN":"arn:aws:xray:us-east-1:000000000000:sampling-rule/base"}`
	create := func(tags string) string { return `{"SamplingRule":` + base + `,"Tags":[` + tags + `]}` }
	ask(400, "/CreateSamplingRule", create(`{"Key":"","Value":"a"}`), "want keys of 1 to 128")
	ask(404, "/ListTagsForResource", arn, "no such sampling rule")
	ask(200, "/CreateSamplingRule", create(`{"Key":"team","Value":"shop"},{"Key":"a","Value":""}`), `"RuleName":"base"`)
	ask(200, "/ListTagsForResource", arn, `{"Tags":[{"Key":"a","Value":""},{"Key":"team","Value":"shop"}]}`)
	ask(400, "/CreateSamplingRule", create(`{"Key":"b","Value":""}`), "there is a rule of that name")
	ask(200, "/ListTagsForResource", arn, `"team"`)
	ask(200, "/DeleteSamplingRule", `{"RuleName":"base"}`, `"base"`)
	ask(200, "/CreateSamplingRule", create(``), `"RuleName":"base"`)
	ask(200, "/ListTagsForResource", arn, `{"Tags":[]}`)
}

// TestTogether: clients ask for the rules at the same time, as they all do.
func TestTogether(t *testing.T) {
	book := sampling.NewBook(nil, nil)
	askingOf(t, clew.DefaultTenant, book)(200, "/CreateSamplingRule", `{"SamplingRule":`+base+`}`)
	h := xray.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}, rules.Operations(book, account.NewBook(nil, nil).Tag)...)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 300 {
				w := httptest.NewRecorder()
				if h.ServeHTTP(w, httptest.NewRequest("POST", "/GetSamplingRules", nil)); w.Code != 200 || !strings.Contains(w.Body.String(), `"tier":"gold"`) {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
	wg.Wait()
}
