package rules_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/rules"
	"github.com/clew-tracing/clew/sampling"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// asking returns a function that posts to the operations and wants a status.
func asking(t *testing.T, tenant clew.Tenant) func(code int, path, body string) map[string]any {
	return askingOf(t, tenant, sampling.NewBook(nil, nil))
}

func askingOf(t *testing.T, tenant clew.Tenant, book *sampling.Book) func(code int, path, body string) map[string]any {
	h := xray.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}, rules.Operations(book)...)
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
		"/CreateSamplingRule {}":                                                 "SamplingRule: give the rule",
		`/CreateSamplingRule {"SamplingRule":{"RuleName":"a"}}`:                  "ResourceARN is missing",
		`/CreateSamplingRule {"SamplingRule":` + base + `,"Tags":[{"Key":"a"}]}`: "Tags",
		`/UpdateSamplingRule {}`:                                                 "give what is to be changed",
		`/UpdateSamplingRule {"SamplingRuleUpdate":{"FixedRate":1}}`:             "give RuleName or RuleARN",
		`/UpdateSamplingRule {"SamplingRuleUpdate":{"RuleName":"gone"}}`:         "no sampling rule",
		`/DeleteSamplingRule {"RuleName":"a","RuleARN":"b"}`:                     "not both",
		`/DeleteSamplingRule {"RuleARN":"b"}`:                                    "want one such as arn:",
		`/DeleteSamplingRule {"RuleName":"Default"}`:                             "cannot be deleted",
		`/GetSamplingRules {"NextToken":"x"}`:                                    "NextToken",
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
		"SamplingBoostStatisticsDocuments":[{"RuleName":"Default","ServiceName":"a"}]}`)
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
