package sampling_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sampling"
)

const tenant = clew.DefaultTenant

var began = time.Unix(1_763_889_000, 0)

// rule is one that matches everything.
func rule(name string, priority, reservoir int, rate float64) sampling.Rule {
	return sampling.Rule{Name: name, ResourceARN: "*", Priority: priority, FixedRate: rate, ReservoirSize: reservoir,
		ServiceName: "*", ServiceType: "*", Host: "*", HTTPMethod: "*", URLPath: "*", Version: 1}
}

func TestWild(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true}, {"*", "a", true}, {"", "", true}, {"", "a", false}, {"?", "", false}, {"?", "a", true}, {"?", "é", true}, {"??", "a", false},
		{"/api/*", "/api/users/1", true}, {"/api/*", "/apx/users", false}, {"*.example.com", "shop.Example.com", true}, {"a*b*c", "axxbyybzzc", true},
		{"a*b*c", "axxbyybzz", false}, {"GET", "get", true}, {"a?c", "abc", true}, {"a?c", "ac", false}, {"*?", "", false}, {"**a", "bca", true},
	} {
		if got := sampling.Wild(c.pattern, c.text); got != c.want {
			t.Errorf("%q, %q: %v", c.pattern, c.text, got)
		}
	}
	// A pattern that would take for ever by trying all.
	if sampling.Wild(strings.Repeat("a*", 60)+"b", strings.Repeat("a", 20_000)) {
		t.Error("it matches")
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*sampling.Rule){
		"":                 func(*sampling.Rule) {},
		"RuleName":         func(r *sampling.Rule) { r.Name = "a b" },
		"1 to 32":          func(r *sampling.Rule) { r.Name = strings.Repeat("a", 33) },
		"Priority 0":       func(r *sampling.Rule) { r.Priority = 0 },
		"Priority 10000":   func(r *sampling.Rule) { r.Priority = 10_000 },
		"FixedRate 1.5":    func(r *sampling.Rule) { r.FixedRate = 1.5 },
		"FixedRate NaN":    func(r *sampling.Rule) { r.FixedRate = math.NaN() },
		"ReservoirSize -1": func(r *sampling.Rule) { r.ReservoirSize = -1 },
		"Version 2":        func(r *sampling.Rule) { r.Version = 2 },
		"Host \"\"":        func(r *sampling.Rule) { r.Host = "" },
		"HTTPMethod":       func(r *sampling.Rule) { r.HTTPMethod = "OVERWRITING" },
		"Attributes: 6": func(r *sampling.Rule) {
			r.Attributes = map[string]string{"1": "", "2": "", "3": "", "4": "", "5": "", "6": ""}
		},
		"keys and values":       func(r *sampling.Rule) { r.Attributes = map[string]string{"a": ""} },
		"MaxRate":               func(r *sampling.Rule) { r.Boost = &sampling.Boost{MaxRate: 2} },
		"CooldownWindowMinutes": func(r *sampling.Rule) { r.Boost = &sampling.Boost{CooldownWindowMinutes: -1} },
	} {
		r := rule("a", 1, 1, 0.5)
		change(&r)
		if err := r.Validate(); (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || clew.KindOf(err) != clew.Invalid) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// TestBook makes, changes and deletes rules, and finds those that requests are of.
func TestBook(t *testing.T) {
	var saved map[clew.Tenant][]sampling.Record
	var refuse error
	b := sampling.NewBook(nil, func(all map[clew.Tenant][]sampling.Record) error {
		if refuse == nil {
			saved = all
		}
		return refuse
	})
	orders := rule("orders", 10, 5, 0.1)
	orders.URLPath, orders.HTTPMethod, orders.Attributes = "/orders/*", "POST", map[string]string{"tier": "go*"}
	for _, r := range []sampling.Rule{rule("z", 20, 1, 0), rule("a", 20, 2, 0), orders} {
		if _, err := b.Create(tenant, r, began); err != nil {
			t.Fatal(err)
		}
	}
	names := func(b *sampling.Book) string {
		list, _ := b.Rules(tenant)
		var out []string
		for _, r := range list {
			out = append(out, r.Rule.Name)
		}
		return strings.Join(out, " ")
	}
	if got := names(b); got != "orders a z Default" {
		t.Errorf("%s", got)
	}
	for want, q := range map[string]sampling.Request{
		"orders": {URLPath: "/orders/1", HTTPMethod: "post", Attributes: map[string]string{"tier": "gold"}},
		"a":      {URLPath: "/orders/1", HTTPMethod: "POST"},
	} {
		if r := b.Match(tenant, &q); r.Name != want {
			t.Errorf("%+v is of %s", q, r.Name)
		}
	}
	if r := b.Match("other", &sampling.Request{}); r.Name != sampling.DefaultName || r.FixedRate != 0.05 || r.ReservoirSize != 1 {
		t.Errorf("another tenant's: %v", &r)
	}
	if _, err := b.Create(tenant, rule("a", 3, 1, 1), began); err == nil || !strings.Contains(err.Error(), "there is a rule of that name") {
		t.Error(err)
	}
	later := began.Add(time.Hour)
	if r, err := b.Update(tenant, "z", later, func(r *sampling.Rule) { r.Priority = 1 }); err != nil || !r.Created.Equal(began) || !r.Modified.Equal(later) {
		t.Errorf("%+v, %v", r, err)
	}
	if _, modified := b.Rules(tenant); names(b) != "z orders a Default" || !modified.Equal(later) {
		t.Errorf("%s, %v", names(b), modified)
	}
	if r, err := b.Update(tenant, "Default", later, func(r *sampling.Rule) { r.FixedRate = 1 }); err != nil || r.Rule.FixedRate != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	for want, f := range map[string]func() error{
		"can be changed": func() error {
			_, err := b.Update(tenant, "Default", later, func(r *sampling.Rule) { r.Host = "x" })
			return err
		},
		"cannot be deleted":    func() error { _, err := b.Delete(tenant, "Default", later); return err },
		`no sampling rule "x"`: func() error { _, err := b.Delete(tenant, "x", later); return err },
		`no sampling rule "y"`: func() error { _, err := b.Update(tenant, "y", later, func(*sampling.Rule) {}); return err },
		"FixedRate 2": func() error {
			_, err := b.Update(tenant, "a", later, func(r *sampling.Rule) { r.FixedRate = 2 })
			return err
		},
		"Host \"\": want 1": func() error {
			_, err := b.Create(tenant, sampling.Rule{Name: "n", ResourceARN: "*", ServiceName: "*", ServiceType: "*"}, later)
			return err
		},
		"could not be saved": func() error { refuse = errors.New("no room"); _, err := b.Delete(tenant, "a", later); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
		refuse = nil
	}
	if names(b) != "z orders a Default" {
		t.Errorf("after a change that was not saved: %s", names(b))
	}
	if _, err := b.Delete(tenant, "a", later); err != nil {
		t.Error(err)
	}
	if again := sampling.NewBook(saved, nil); names(again) != "z orders Default" {
		t.Errorf("read again: %s", names(again))
	}
	many := sampling.NewBook(nil, nil)
	for i := 0; ; i++ {
		if _, err := many.Create(tenant, rule(fmt.Sprint("r", i), 1, 0, 0), began); err != nil {
			if !errors.Is(err, sampling.ErrLimit) || i != 250 {
				t.Errorf("rule %d: %v", i, err)
			}
			break
		}
	}
}

// client samples as X-Ray's SDKs do.
type client struct {
	id                          string
	rate                        float64 // requests per second
	target                      sampling.Target
	used                        int // of the reservoir, in this second
	requests, sampled, borrowed int // since the last report
	reservoir, beyond, kept     int // in the whole test
}

// second is a second of traffic.
func (c *client) second(now time.Time, r *rand.Rand) {
	leased := now.Before(c.target.Until)
	quota := 1 // borrowed while there is no lease
	if leased {
		quota = c.target.Quota
	}
	n := int(c.rate)
	if r.Float64() < c.rate-float64(n) {
		n++
	}
	fixed := 0.05
	c.used = 0
	for range n {
		c.requests++
		switch {
		case c.used < quota:
			c.used++
			c.sampled++
			if !leased {
				c.borrowed++
			}
			c.reservoir++
		default:
			c.beyond++
			if r.Float64() < fixed {
				c.sampled++
				c.kept++
			}
		}
	}
}

func (c *client) report(t *testing.T, b *sampling.Book, now time.Time) {
	target, err := b.Targets(tenant, sampling.Report{Rule: "shop", Client: c.id, Requests: c.requests, Sampled: c.sampled, Borrowed: c.borrowed}, now)
	if err != nil {
		t.Fatal(err)
	}
	if target.FixedRate != 0.05 {
		t.Fatalf("%+v", target)
	}
	c.target, c.requests, c.sampled, c.borrowed = target, 0, 0, 0
}

// TestReservoir has 20 clients sample by one rule: before their first reports each borrows
// one per second, and from then on the reservoir lets 10 per second through, all together,
// and the rest is sampled at the fixed rate.
func TestReservoir(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for name, rates := range map[string]func(i int) float64{
		"alike":        func(int) float64 { return 30 },
		"few have all": func(i int) float64 { return []float64{0.2, 0.2, 0.2, 200}[i%4] },
		"one":          func(i int) float64 { return []float64{0: 500}[0] / float64(1+i*i) },
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			b := sampling.NewBook(nil, nil)
			if _, err := b.Create(tenant, rule("shop", 1, 10, 0.05), began); err != nil {
				t.Fatal(err)
			}
			clients := make([]*client, 20)
			for i := range clients {
				clients[i] = &client{id: fmt.Sprintf("%024x", i), rate: rates(i)}
			}
			var beyond, kept, requests, sampled int64
			even := name != "few have all" // whose small clients have requests in few seconds only
			settled, through := 0, 0
			const seconds = 120
			for s := range seconds {
				now := began.Add(time.Duration(s) * time.Second)
				total := 0
				for i, c := range clients {
					if s > 0 && (s+i)%10 == 0 && s >= 10 || s == 10 { // each in its own second, but for the first
						c.report(t, b, now)
					}
					before := c.reservoir
					c.second(now, r)
					total += c.reservoir - before
				}
				switch {
				case s < 10 && total > 20:
					t.Errorf("second %d: %d borrowed by 20 clients", s, total)
				case s >= 10 && total > 10 && even:
					t.Errorf("second %d: the reservoir let %d through", s, total)
				case s >= 30 && total < 9 && even: // after the first two reports of all
					t.Errorf("second %d: the reservoir let only %d through", s, total)
				}
				if s >= 30 {
					settled, through = settled+1, through+total
				}
			}
			if mean := float64(through) / float64(settled); mean < 9 || mean > 11 {
				t.Errorf("the reservoir let %v per second through", mean)
			}
			for _, c := range clients {
				beyond, kept = beyond+int64(c.beyond), kept+int64(c.kept)
				c.report(t, b, began.Add(seconds*time.Second))
				requests += int64(c.beyond + c.reservoir)
				sampled += int64(c.kept + c.reservoir)
			}
			if sigma := math.Sqrt(float64(beyond) * 0.05 * 0.95); math.Abs(float64(kept)-0.05*float64(beyond)) > 4*sigma {
				t.Errorf("of %d beyond the reservoir %d were sampled", beyond, kept)
			}
			list := b.Summaries(tenant, began.Add(seconds*time.Second))
			for i, x := range list {
				requests, sampled = requests-x.Requests, sampled-x.Sampled
				if i > 0 && x.Time.Before(list[i-1].Time) || x.Time.Unix()%10 != 0 || x.Rule != "shop" {
					t.Errorf("%+v", x)
				}
			}
			if requests != 0 || sampled != 0 {
				t.Errorf("%d requests and %d samples are not in the statistics", requests, sampled)
			}
		})
	}
}

// TestFirstReports: together, at the first reports, they get all of the reservoir and no more.
func TestFirstReports(t *testing.T) {
	b := sampling.NewBook(nil, nil)
	if _, err := b.Create(tenant, rule("shop", 1, 10, 0.05), began); err != nil {
		t.Fatal(err)
	}
	quotas := func(now time.Time, requests int) (sum int) {
		for i := range 20 {
			target, err := b.Targets(tenant, sampling.Report{Rule: "shop", Client: fmt.Sprint(i), Requests: requests}, now)
			if err != nil {
				t.Fatal(err)
			}
			sum += target.Quota
		}
		return sum
	}
	for round := range 3 {
		if sum := quotas(began.Add(time.Duration(10*round)*time.Second), 300); sum != 10 {
			t.Errorf("round %d: %d", round, sum)
		}
	}
	// All but one are gone: what they held is free when their leases are over.
	now := began.Add(20*time.Second + 36*time.Second)
	if target, err := b.Targets(tenant, sampling.Report{Rule: "shop", Client: "0", Requests: 5000}, now); err != nil || target.Quota != 10 {
		t.Errorf("%+v, %v", target, err)
	}
	if _, err := b.Targets(tenant, sampling.Report{Rule: "none", Client: "0"}, now); err == nil || !strings.Contains(err.Error(), `no sampling rule "none"`) {
		t.Error(err)
	}
	// A smaller reservoir holds from the next report on.
	if _, err := b.Update(tenant, "shop", now, func(r *sampling.Rule) { r.ReservoirSize = 3 }); err != nil {
		t.Fatal(err)
	}
	if sum := quotas(now.Add(time.Second), 300); sum > 3 {
		t.Errorf("%d of 3", sum)
	}
}

// TestManyClients: there are shares for so many, and for others again when they are gone; a
// rule that is deleted gives back what was kept of its clients.
func TestManyClients(t *testing.T) {
	b := sampling.NewBook(nil, nil)
	for _, name := range []string{"a", "b"} {
		if _, err := b.Create(tenant, rule(name, 1, 1_000_000, 0), began); err != nil {
			t.Fatal(err)
		}
	}
	quota := func(rule string, i int, now time.Time) int {
		target, err := b.Targets(tenant, sampling.Report{Rule: rule, Client: fmt.Sprint(i), Requests: 10}, now)
		if err != nil {
			t.Fatal(err)
		}
		return target.Quota
	}
	for i := range 50_000 {
		if quota("a", i, began) == 0 {
			t.Fatalf("client %d has no share", i)
		}
	}
	if n := quota("b", 0, began); n != 0 {
		t.Errorf("one too many has %d", n)
	}
	if quota("a", 1, began) == 0 {
		t.Error("one that has a share lost it")
	}
	if _, err := b.Delete(tenant, "a", began); err != nil {
		t.Fatal(err)
	}
	if quota("b", 0, began) == 0 {
		t.Error("a deleted rule keeps shares")
	}
	later := began.Add(2 * time.Hour)
	for i := range 720 {
		quota("b", i, later.Add(time.Duration(10*i)*time.Second))
	}
	list := b.Summaries(tenant, later.Add(7200*time.Second))
	if n := len(list); n != 360 || !list[n-1].Time.Equal(later.Add(7190*time.Second).Truncate(10*time.Second)) {
		t.Errorf("%d windows, the last %v", n, list[n-1])
	}
}

// TestSharesOfOthersGone: where there is no room left, what others had who are gone is free, and
// their windows are when they are an hour old.
func TestSharesOfOthersGone(t *testing.T) {
	b := sampling.NewBook(nil, nil)
	report := func(tenant clew.Tenant, client int, now time.Time) int {
		target, err := b.Targets(tenant, sampling.Report{Rule: sampling.DefaultName, Client: fmt.Sprint(client), Requests: 10}, now)
		if err != nil {
			t.Fatal(err)
		}
		return target.Quota
	}
	for i := range 50_000 {
		report("gone", i, began)
	}
	if n := report(tenant, 0, began.Add(time.Second)); n != 0 {
		t.Errorf("one too many has %d", n)
	}
	if n := report(tenant, 0, began.Add(time.Minute)); n != 1 {
		t.Errorf("%d, though there is room again", n)
	}
	for tenants := range 278 { // a window of each in each ten seconds of an hour
		for i := range 360 {
			report(clew.Tenant(fmt.Sprint("t", tenants)), 0, began.Add(time.Minute+time.Duration(10*i)*time.Second))
		}
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{time.Hour, 0}, {3 * time.Hour, 1}} {
		now := began.Add(c.after)
		if report("late", 0, now); len(b.Summaries("late", now)) != c.want {
			t.Errorf("after %v: %d windows, want %d", c.after, len(b.Summaries("late", now)), c.want)
		}
	}
	if list := b.Summaries("t0", began.Add(3*time.Hour)); len(list) > 0 {
		t.Errorf("%d windows are told that are old", len(list))
	}
}

// TestManyTenants: whoever names tenants at random keeps nobody else from sampling.
func TestManyTenants(t *testing.T) {
	b := sampling.NewBook(nil, nil)
	report := func(i int, now time.Time) error {
		_, err := b.Targets(clew.Tenant(fmt.Sprint("t", i)), sampling.Report{Rule: sampling.DefaultName, Client: "a"}, now)
		return err
	}
	if _, err := b.Create("kept", rule("mine", 1, 1, 1), began); err != nil {
		t.Fatal(err)
	}
	for i := range 9_999 {
		b.Rules(clew.Tenant(fmt.Sprint("reader", i)))
		if err := report(i, began); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := report(10_000, began.Add(time.Second)); clew.KindOf(err) != clew.Busy {
		t.Errorf("%v", err)
	}
	if err := report(10_000, began.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	if list, _ := b.Rules("kept"); len(list) != 2 {
		t.Errorf("%v", list)
	}
}

// BenchmarkTargets is a report, with as many clients as there may be.
func BenchmarkTargets(b *testing.B) {
	book := sampling.NewBook(nil, nil)
	if _, err := book.Create(tenant, rule("shop", 1, 1000, 0.05), began); err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		_, _ = book.Targets(tenant, sampling.Report{Rule: "shop", Client: fmt.Sprint(i % 10_000), Requests: 100}, began.Add(time.Duration(i)*time.Millisecond))
		i++
	}
}
