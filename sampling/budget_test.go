package sampling_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sampling"
)

// budget is a rule of everything with a budget.
func budget(name string, perSecond, unseen float64) sampling.Rule {
	r := rule(name, 1, 0, unseen)
	r.Budget = perSecond
	return r
}

// traffic is how many requests per second there are in a second of a test.
type traffic func(second int) float64

// shapes double or halve in twenty minutes, or have five times the traffic in each fifth minute.
var shapes = map[string]traffic{
	"even":    func(int) float64 { return 200 },
	"rising":  func(s int) float64 { return 50 * math.Exp2(float64(s)/1200) },
	"falling": func(s int) float64 { return 1000 * math.Exp2(-float64(s)/1200) },
	"bursts":  func(s int) float64 { return []float64{60, 60, 60, 60, 300}[s/60%5] },
}

// some is a number of requests of which there are so many on average.
func some(mean float64, r *rand.Rand) int {
	n := int(mean)
	if r.Float64() < mean-float64(n) {
		n++
	}
	return n
}

// mean is of a list.
func mean(list []int) float64 {
	sum := 0
	for _, n := range list {
		sum += n
	}
	return float64(sum) / float64(len(list))
}

// TestBudget has 20 X-Ray clients sample by a rule with a budget. From their third reports on
// they keep the budget to a fifth, whatever the traffic does, and never twice of it for two
// intervals of reports.
func TestBudget(t *testing.T) {
	const clients, perSecond, seconds = 20, 10, 1200
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			b := sampling.NewBook(nil, nil)
			if _, err := b.Create(tenant, budget("shop", perSecond, 0.05), began); err != nil {
				t.Fatal(err)
			}
			type client struct {
				sampling.Target
				requests, sampled int
			}
			var all [clients]client
			kept := make([]int, seconds)
			for s := range seconds {
				now := began.Add(time.Duration(s) * time.Second)
				for i := range all {
					c := &all[i]
					if (s+i)%10 == 0 && s > 0 {
						target, err := b.Targets(tenant, sampling.Report{Rule: "shop", Client: fmt.Sprint(i), Requests: c.requests, Sampled: c.sampled}, now)
						if err != nil {
							t.Fatal(err)
						}
						*c = client{Target: target}
					}
					quota, rate := 1, 0.05 // borrowed until there is a target
					if c.Rule != "" {
						quota, rate = c.Quota, c.FixedRate
					}
					n := some(shape(s)/clients*float64(i+1)*2/(clients+1), r) // some have more
					c.requests += n
					for k := range n {
						if k < quota || r.Float64() < rate {
							kept[s]++
							c.sampled++
						}
					}
				}
			}
			for s := 30; s+60 <= seconds; s += 10 {
				if m := mean(kept[s : s+60]); m < 0.8*perSecond || m > 1.2*perSecond {
					if name != "bursts" || m < 0.8*perSecond || m > 1.3*perSecond { // a burst is known when it is reported
						t.Errorf("second %d: %.1f per second are kept within a minute", s, m)
					}
				}
				if m := mean(kept[s : s+20]); m > 2*perSecond {
					t.Errorf("second %d: %.1f per second are kept within two reports", s, m)
				}
			}
		})
	}
}

// TestBudgetOfOperations has clients of Jaeger's sample by a budget, which ask once a minute, or
// every five seconds. Each of four operations keeps it to a fifth from the third minute on, over
// three minutes, and no burst is more than twice of it for longer than a question and a minute.
func TestBudgetOfOperations(t *testing.T) {
	const clients, perSecond, seconds = 10, 5, 2400
	for _, every := range []int{5, 30, 60} {
		t.Run(fmt.Sprint(every), func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, uint64(every)))
			b := sampling.NewBook(nil, nil)
			if _, err := b.Create(tenant, budget("shop", perSecond, 0.02), began); err != nil {
				t.Fatal(err)
			}
			var told [clients]map[string]float64
			names := slices.Sorted(maps.Keys(shapes))
			kept := map[string][]int{}
			step := int(sampling.Step / time.Second)
			delay := int(sampling.Delay / time.Second)
			for s := range seconds {
				now := began.Add(time.Duration(s) * time.Second)
				if s%step == 0 && s >= step+delay {
					count := map[sampling.Operation]int{}
					for name, list := range kept {
						for _, n := range list[s-delay-step : s-delay] {
							count[sampling.Operation{Service: "cart", Name: name}] += n
						}
					}
					b.Count(tenant, count, now)
				}
				for i := range told {
					if (s+i*every/clients)%every == 0 || told[i] == nil {
						strategy := b.Strategy(tenant, "cart", now)
						told[i] = map[string]float64{"": strategy.Rate}
						for _, o := range strategy.Named {
							told[i][o.Name] = o.Rate
						}
					}
				}
				for _, name := range names {
					n, shape := 0, shapes[name]
					for i := range told {
						rate, named := told[i][name]
						if !named {
							rate = told[i][""]
						}
						for range some(shape(s)/clients, r) {
							if r.Float64() < rate {
								n++
							}
						}
					}
					kept[name] = append(kept[name], n)
				}
			}
			for name, list := range kept {
				over := 0
				for s := 180; s+180 <= seconds; s += step {
					if m := mean(list[s : s+180]); name != "bursts" && (m < 0.8*perSecond || m > 1.2*perSecond) {
						t.Errorf("%s, second %d: %.1f per second are kept within three minutes", name, s, m)
					}
					if over++; mean(list[s:s+step]) <= 2*perSecond {
						over = 0
					}
					if over*step > every+3*step+delay {
						t.Errorf("%s, second %d: more than twice the budget is kept for %d s", name, s, over*step)
					}
				}
			}
		})
	}
}

// TestRatesAreBounded: whatever is counted, a rate is between the least and 1 and no more than
// doubles in a step.
func TestRatesAreBounded(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := sampling.NewBook(nil, nil)
		if _, err := b.Create(tenant, budget("shop", math.Exp(r.Float64()*18-6), r.Float64()), began); err != nil {
			t.Fatal(err)
		}
		before, now := 0.0, began
		for step := range 60 {
			b.Strategy(tenant, "cart", now)
			n := 0
			if r.IntN(3) > 0 {
				n = int(math.Exp(r.Float64() * 30))
			}
			if step == 0 {
				n++
			}
			b.Count(tenant, map[sampling.Operation]int{{Service: "cart", Name: "list"}: n}, now)
			got := b.Strategy(tenant, "cart", now).Named
			if len(got) != 1 || !(got[0].Rate >= 1e-5 && got[0].Rate <= 1) || step > 0 && got[0].Rate > 2*before {
				t.Fatalf("seed %d, step %d: %+v after %v", seed, step, got, before)
			}
			before, now = got[0].Rate, now.Add(sampling.Step)
		}
	}
}

// TestUnseen: what nothing is known of has the rate of the rule, and so has what was forgotten.
func TestUnseen(t *testing.T) {
	b := sampling.NewBook(nil, nil)
	pay := budget("pay", 5, 0.5)
	pay.ServiceName, pay.HTTPMethod, pay.URLPath = "cart", "POST", "/pay"
	rest := budget("rest", 2, 0)
	rest.Priority = 2
	for _, r := range []sampling.Rule{pay, rest} {
		if _, err := b.Create(tenant, r, began); err != nil {
			t.Fatal(err)
		}
	}
	if list := b.Counting(began); len(list) != 0 {
		t.Errorf("nobody has asked, and %v are counted", list)
	}
	want := sampling.Strategy{Rate: 0.001, PerSecond: 1.0 / 60, Budget: true, Named: []sampling.NamedRate{{Name: "POST /pay", Rate: 0.5}}}
	if got := b.Strategy(tenant, "cart", began); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if list := b.Counting(began); !reflect.DeepEqual(list, map[clew.Tenant][]string{tenant: {"cart"}}) {
		t.Errorf("%v", list)
	}
	// A first count that is far above, of the one that is named and of one that is not; and what
	// is of a service that does not ask.
	b.Count(tenant, map[sampling.Operation]int{{Service: "cart", Name: "POST /pay"}: 75 * 10, {Service: "cart", Name: "list"}: 30 * 10, {Service: "x", Name: "list"}: 1000}, began)
	got := b.Strategy(tenant, "cart", began)
	if len(got.Named) != 2 || math.Abs(got.Named[0].Rate-0.05) > 1e-9 || got.Named[1].Name != "list" || math.Abs(got.Named[1].Rate-0.0001) > 1e-9 {
		t.Errorf("%+v", got)
	}
	if other := b.Strategy(tenant, "x", began); len(other.Named) != 0 {
		t.Errorf("%+v", other)
	}
	// Traffic that has gone gets no more than the rate of what is not seen.
	now := began
	for range 100 {
		now = now.Add(sampling.Step)
		b.Count(tenant, nil, now)
	}
	if got := b.Strategy(tenant, "cart", now); got.Named[0].Rate > 0.5 || got.Named[1].Rate > 0.001 {
		t.Errorf("%+v", got)
	}
	now = now.Add(2 * time.Hour)
	b.Count(tenant, nil, now)
	if list := b.Counting(now); len(list) != 0 {
		t.Errorf("nobody has asked for two hours, and %v are counted", list)
	}
	if got := b.Strategy(tenant, "cart", now); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

// TestPatterns: a rule of a pattern of methods or paths is told of the operations that are known.
func TestPatterns(t *testing.T) {
	var saved map[clew.Tenant][]sampling.Record
	saves := 0
	b := sampling.NewBook(nil, func(all map[clew.Tenant][]sampling.Record) error {
		saved, saves = all, saves+1
		return nil
	})
	for i, x := range []struct {
		name, method, path string
		rate, budget       float64
	}{
		{"one", "GET", "/items/new", 0.9, 0}, {"items", "GET", "/items/*", 0.5, 0}, {"none", "*", "/health*", 0, 0}, {"write", "POST", "*", 0.25, 2}, {"rest", "*", "*", 0.1, 0},
	} {
		r := rule(x.name, i+1, 0, x.rate)
		r.HTTPMethod, r.URLPath, r.Budget = x.method, x.path, x.budget
		if _, err := b.Create(tenant, r, began); err != nil {
			t.Fatal(err)
		}
	}
	want := sampling.Strategy{Rate: 0.1, Named: []sampling.NamedRate{{Name: "GET /items/new", Rate: 0.9}}}
	if got := b.Strategy(tenant, "cart", began); !reflect.DeepEqual(got, want) {
		t.Errorf("before there are traces: %+v", got)
	}
	count := map[sampling.Operation]int{}
	for _, name := range []string{"GET /items/{id}", "get /items/all", "GET /items/new", "GET /item", "GET /healthz", "POST /pay", "items"} {
		count[sampling.Operation{Service: "cart", Name: name}] = 300
	}
	b.Count(tenant, count, began)
	want.Named = []sampling.NamedRate{{"GET /items/new", 0.9}, {"GET /items/{id}", 0.5}, {"get /items/all", 0.5}, {"GET /healthz", 0}, {"POST /pay", 0.025}}
	if got := b.Strategy(tenant, "cart", began); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if err := b.Keep(began, true); err != nil {
		t.Fatal(err)
	}
	if got := sampling.NewBook(saved, nil).Strategy(tenant, "cart", began); !reflect.DeepEqual(got, want) {
		t.Errorf("after a restart: %+v", got)
	}
	// A rule that is of others now has these no more, and an earlier one takes them.
	for _, name := range []string{"items", "write"} {
		if _, err := b.Update(tenant, name, began, func(r *sampling.Rule) { r.HTTPMethod, r.URLPath, r.Budget = "*", "*?", 0 }); err != nil {
			t.Fatal(err)
		}
	}
	before := saves
	b.Count(tenant, count, began)
	want.Named = []sampling.NamedRate{{"GET /items/new", 0.9}, {"GET /item", 0.5}, {"GET /healthz", 0.5}, {"GET /items/{id}", 0.5}, {"POST /pay", 0.5}, {"get /items/all", 0.5}}
	slices.SortFunc(want.Named[1:], func(x, y sampling.NamedRate) int { return strings.Compare(x.Name, y.Name) })
	if got := b.Strategy(tenant, "cart", began); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	for range 3 { // no more is learnt by seeing the same again
		if err := b.Keep(began, true); err != nil {
			t.Fatal(err)
		}
		b.Count(tenant, count, began)
	}
	if saves != before+1 {
		t.Errorf("saved %d times", saves-before)
	}
}

// TestLearnt: who restarts goes on with the rates there were.
func TestLearnt(t *testing.T) {
	var saved map[clew.Tenant][]sampling.Record
	saves := 0
	b := sampling.NewBook(nil, func(all map[clew.Tenant][]sampling.Record) error {
		saved, saves = all, saves+1
		return nil
	})
	if _, err := b.Create(tenant, budget("shop", 10, 0.5), began); err != nil {
		t.Fatal(err)
	}
	b.Strategy(tenant, "cart", began)
	report := func(b *sampling.Book, now time.Time) sampling.Target {
		target, err := b.Targets(tenant, sampling.Report{Rule: "shop", Client: "a", Requests: 10_000}, now)
		if err != nil {
			t.Fatal(err)
		}
		return target
	}
	target := report(b, began.Add(10*time.Second))
	if want := 2.0 / 992; math.Abs(target.FixedRate-want) > 1e-6 || target.Quota != 8 {
		t.Errorf("%+v, want a rate of %v", target, want)
	}
	b.Count(tenant, map[sampling.Operation]int{{Service: "cart", Name: "list"}: 1500}, began)
	for range 3 {
		if err := b.Keep(began.Add(2*time.Minute), false); err != nil {
			t.Fatal(err)
		}
	}
	if saves != 2 {
		t.Errorf("saved %d times: want once when the rule was made, and once what was learnt", saves)
	}
	again := sampling.NewBook(saved, nil)
	if x, y := b.Strategy(tenant, "cart", began), again.Strategy(tenant, "cart", began); !reflect.DeepEqual(x, y) || len(y.Named) != 1 || math.Abs(y.Named[0].Rate-0.05) > 1e-9 {
		t.Errorf("%+v\nis after a restart\n%+v", x, y)
	}
	// Before the first report, and with it, though it tells of little.
	if s := again.States(tenant, began)[0]; s.FixedRate > 0.02 || s.ReservoirSize != 8 {
		t.Errorf("%+v", s)
	}
	if target, err := again.Targets(tenant, sampling.Report{Rule: "shop", Client: "a"}, began.Add(time.Hour)); err != nil || target.FixedRate > 0.02 {
		t.Errorf("%+v, %v", target, err)
	}
	// Without a budget it is as ever.
	if _, err := again.Update(tenant, "shop", began, func(r *sampling.Rule) { r.Budget, r.ReservoirSize = 0, 3 }); err != nil {
		t.Fatal(err)
	}
	if target := report(again, began.Add(2*time.Hour)); target.FixedRate != 0.5 || target.Quota != 3 {
		t.Errorf("%+v", target)
	}
	if got := again.Strategy(tenant, "cart", began); got.Budget || len(got.Named) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestManyOperations: names without end are not kept.
func TestManyOperations(t *testing.T) {
	b := sampling.NewBook(nil, nil)
	if _, err := b.Create(tenant, budget("shop", 10, 0.5), began); err != nil {
		t.Fatal(err)
	}
	count := map[sampling.Operation]int{{Service: "s0", Name: "often"}: 100, {Service: "s0", Name: strings.Repeat("x", 300)}: 1000}
	for s := range 100 {
		b.Strategy(tenant, fmt.Sprint("s", s), began)
		for i := range 300 {
			count[sampling.Operation{Service: fmt.Sprint("s", s), Name: fmt.Sprint("op", i)}] = 1
		}
	}
	b.Count(tenant, count, began)
	all := 0
	for s := range 100 {
		got := b.Strategy(tenant, fmt.Sprint("s", s), began)
		if all += len(got.Named); len(got.Named) > 250 {
			t.Errorf("service %d has %d", s, len(got.Named))
		}
		if s == 0 && got.Named[0].Name != "often" {
			t.Errorf("the most frequent is not kept: %v", got.Named[0])
		}
	}
	if all != 10_000 {
		t.Errorf("%d operations are kept", all)
	}
	if _, err := b.Delete(tenant, "shop", began); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(tenant, budget("again", 10, 0.5), began); err != nil {
		t.Fatal(err)
	}
	b.Count(tenant, map[sampling.Operation]int{{Service: "s1", Name: "often"}: 100}, began)
	if got := b.Strategy(tenant, "s1", began); len(got.Named) != 1 {
		t.Errorf("a deleted rule keeps operations: %+v", got)
	}
}

// TestBoost: anomalies raise a rate for a minute, as far as it takes, and then not again until
// the time is over.
func TestBoost(t *testing.T) {
	b := sampling.NewBook(nil, nil)
	shop := rule("shop", 1, 0, 0.05)
	shop.Boost = &sampling.Boost{MaxRate: 0.5, CooldownWindowMinutes: 5}
	for _, r := range []sampling.Rule{shop, rule("plain", 2, 0, 0.05)} {
		if _, err := b.Create(tenant, r, began); err != nil {
			t.Fatal(err)
		}
	}
	after := func(d time.Duration, anomalies, sampled int) float64 {
		t.Helper()
		now := began.Add(d)
		if err := b.Boost(tenant, sampling.BoostReport{Rule: "shop", Anomalies: anomalies, Sampled: sampled}, now); err != nil {
			t.Fatal(err)
		}
		target, err := b.Targets(tenant, sampling.Report{Rule: "shop", Client: "a"}, now)
		if err != nil || target.FixedRate != 0.05 || target.BoostedUntil.IsZero() != (target.Boosted == 0) || target.Boosted > 0 && !target.BoostedUntil.After(now) {
			t.Errorf("%+v, %v", target, err)
		}
		return target.Boosted
	}
	for _, c := range []struct {
		at                 time.Duration
		anomalies, sampled int
		want               float64
	}{
		{0, 0, 0, 0},
		{time.Second, 1000, 50, 0},            // enough are sampled
		{2 * time.Second, 100, 5, 0.1},        // one a second
		{10 * time.Second, 1, 0, 0.1},         // as it is
		{70 * time.Second, 1, 0, 0},           // over
		{4 * time.Minute, 100, 0, 0},          // not again yet
		{303 * time.Second, 2, 0, 0.5},        // again, as far as may be
		{20 * time.Minute, 0, 0, 0},           // over
		{21 * time.Minute, 1000_000, 1, 0},    // the rate there is lets enough through
		{22 * time.Minute, 150, 1, 10. / 150}, // more than the rate there is
	} {
		if got := after(c.at, c.anomalies, c.sampled); got != c.want {
			t.Errorf("after %v, %d anomalies, %d sampled: %v, want %v", c.at, c.anomalies, c.sampled, got, c.want)
		}
	}
	for name, want := range map[string]string{"plain": "no SamplingRateBoost", "gone": "no sampling rule"} {
		if err := b.Boost(tenant, sampling.BoostReport{Rule: name, Anomalies: 1}, began); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRatesAreSteady: a client that asks for the rules finds the rate there that it was told last,
// and is told another only where that one is off by a twentieth.
func TestRatesAreSteady(t *testing.T) {
	b := sampling.NewBook(nil, nil)
	if _, err := b.Create(tenant, budget("shop", 1, 0.01), began); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		requests int
		want     float64
	}{{1000, 0.01}, {1040, 0.01}, {1200, 1 / 120.}, {1250, 1 / 120.}, {10_000, 0.001}} {
		now := began.Add(time.Duration(i) * 10 * time.Second)
		target, err := b.Targets(tenant, sampling.Report{Rule: "shop", Client: "a", Requests: c.requests}, now)
		if err != nil || math.Abs(target.FixedRate-c.want) > 1e-9 {
			t.Errorf("report %d: %+v, %v, want a rate of %v", i, target, err, c.want)
		}
		if s := b.States(tenant, now.Add(9*time.Second))[0]; s.FixedRate != target.FixedRate {
			t.Errorf("report %d: %v is told and %v is listed", i, target.FixedRate, s.FixedRate)
		}
	}
}

// TestTinyUnseenRate: a rate that is next to nothing leaves what is learnt a number, which can be
// saved.
func TestTinyUnseenRate(t *testing.T) {
	b := sampling.NewBook(nil, func(all map[clew.Tenant][]sampling.Record) error {
		_, err := json.Marshal(all)
		return err
	})
	if _, err := b.Create(tenant, budget("shop", 1_000_000, math.SmallestNonzeroFloat64), began); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Targets(tenant, sampling.Report{Rule: "shop", Client: "a", Requests: 100}, began.Add(10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := b.Keep(began.Add(10*time.Second), true); err != nil {
		t.Error(err)
	}
	if _, err := b.Create("other", rule("mine", 1, 1, 1), began); err != nil {
		t.Error(err)
	}
}

// TestChangedRule: a rule that is changed lists the rate that leaves what the reservoir lets through.
func TestChangedRule(t *testing.T) {
	b := sampling.NewBook(nil, nil)
	if _, err := b.Create(tenant, budget("shop", 10, 0.01), began); err != nil {
		t.Fatal(err)
	}
	now := began.Add(10 * time.Second)
	target, err := b.Targets(tenant, sampling.Report{Rule: "shop", Client: "a", Requests: 10_000}, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Update(tenant, "shop", now, func(r *sampling.Rule) { r.Priority = 7 }); err != nil {
		t.Fatal(err)
	}
	if got := b.States(tenant, now)[0].FixedRate; got != target.FixedRate {
		t.Errorf("%v is listed, %v was told", got, target.FixedRate)
	}
}

// TestOperationsOfOthersGone: operations of services that ask no more leave room for others.
func TestOperationsOfOthersGone(t *testing.T) {
	b := sampling.NewBook(nil, nil)
	now := began
	for _, name := range []clew.Tenant{"gone", tenant} {
		if _, err := b.Create(name, budget("shop", 10, 0.5), began); err != nil {
			t.Fatal(err)
		}
	}
	count := map[sampling.Operation]int{}
	for s := range 40 {
		b.Strategy("gone", fmt.Sprint("s", s), now)
		for i := range 250 {
			count[sampling.Operation{Service: fmt.Sprint("s", s), Name: fmt.Sprint("op", i)}] = 1
		}
	}
	b.Count("gone", count, now)
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{time.Minute, 0}, {2 * time.Hour, 1}} {
		now = began.Add(c.after)
		b.Strategy(tenant, "cart", now)
		b.Counting(now)
		b.Count(tenant, map[sampling.Operation]int{{Service: "cart", Name: "list"}: 1}, now)
		if got := b.Strategy(tenant, "cart", now).Named; len(got) != c.want {
			t.Errorf("after %v: %v, want %d", c.after, got, c.want)
		}
	}
}
