package demo

import (
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

func TestConfigValidate(t *testing.T) {
	good := func(c Config) {
		t.Helper()
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	bad := func(c Config, field string) {
		t.Helper()
		err := c.Validate()
		if err == nil || clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), field) {
			t.Errorf("%+v: error %v, want one of kind Invalid that names %s", c, err, field)
		}
		if _, runErr := Run(t.Context(), c); runErr == nil {
			t.Errorf("%+v: Run accepts what Validate refuses", c)
		}
	}
	good(Config{})
	good(Config{Endpoint: "localhost:4317", Protocol: ProtocolGRPC, Insecure: true})
	good(Config{Endpoint: "https://traces.example:443/otlp/v1/traces", Protocol: ProtocolHTTP})
	good(Config{Endpoint: "http://[::1]:4318/", Protocol: ProtocolHTTP, Tenant: "a-b", SpansPerSecond: 0.5, Duration: time.Hour})
	bad(Config{Protocol: "udp"}, "Protocol")
	bad(Config{SpansPerSecond: -1}, "SpansPerSecond")
	bad(Config{SpansPerSecond: math.NaN()}, "SpansPerSecond")
	bad(Config{SpansPerSecond: maxSpansPerSecond + 1}, "SpansPerSecond")
	bad(Config{Duration: -time.Second}, "Duration")
	bad(Config{Tenant: "no spaces"}, "Tenant")
	bad(Config{Token: "Bearer x"}, "Token")
	bad(Config{Endpoint: "localhost"}, "Endpoint")
	bad(Config{Endpoint: ":4317"}, "Endpoint")
	bad(Config{Endpoint: "ftp://localhost:4317"}, "Endpoint")
	bad(Config{Endpoint: "http://localhost:4317/v1/traces"}, "Endpoint")
}

func TestConfigTarget(t *testing.T) {
	f := func(c Config, want target) {
		t.Helper()
		if got, err := c.target(); err != nil || got != want {
			t.Errorf("%+v: target %+v, %v; want %+v", c, got, err, want)
		}
	}
	f(Config{}, target{"127.0.0.1:4317", tracesPath, true})
	f(Config{Protocol: ProtocolHTTP}, target{"127.0.0.1:4318", tracesPath, true})
	f(Config{Endpoint: "a:1"}, target{"a:1", tracesPath, false})
	f(Config{Endpoint: "a:1", Insecure: true}, target{"a:1", tracesPath, true})
	f(Config{Endpoint: "https://a:1", Insecure: true}, target{"a:1", tracesPath, false})
	f(Config{Endpoint: "http://a:1/x/", Protocol: ProtocolHTTP}, target{"a:1", "/x", true})
}

func TestSchedule(t *testing.T) {
	s := schedule{seed: 7, period: time.Minute, phase: 15 * time.Second}
	start := time.Unix(1_800_000_000, 0).Truncate(s.period)
	offsets := map[time.Duration]bool{}
	for cycle := range 100 {
		slow, changes, was := time.Duration(0), 0, false
		const step = 100 * time.Millisecond
		for at := time.Duration(0); at < s.period; at += step {
			is := s.slow(start.Add(time.Duration(cycle)*s.period + at))
			if is {
				slow += step
			}
			if is && !was {
				changes++
				offsets[at] = true
			}
			was = is
		}
		if math.Abs((slow-s.phase).Seconds()) > 0.2 || changes != 1 {
			t.Fatalf("cycle %d is slow for %v in %d phases, want %v in one", cycle, slow, changes, s.phase)
		}
	}
	if len(offsets) < 50 {
		t.Errorf("100 cycles start their slow phase at only %d places", len(offsets))
	}
	other := schedule{seed: 8, period: s.period, phase: s.phase}
	same, differs := s, false
	for sec := range 600 {
		at := start.Add(time.Duration(sec) * time.Second)
		if s.slow(at) != same.slow(at) {
			t.Fatal("one seed, two answers")
		}
		differs = differs || s.slow(at) != other.slow(at)
	}
	if !differs {
		t.Error("two seeds, one schedule")
	}
}

// world is a shop without a shop: requests cost what they cost, at once.
type world struct {
	now     time.Time
	started int64
}

// drive lets the pacer run for length; each request costs factor times its guess.
func (w *world) drive(p *pacer, length time.Duration, r *rand.Rand, factor float64) {
	for end := w.now.Add(length); w.now.Before(end); {
		cost := float64(5 + r.IntN(60))
		if nap := p.wait(cost); nap > 0 {
			w.now = w.now.Add(nap)
			continue
		}
		p.underWay += cost
		w.started += int64(cost * factor)
		p.done(cost)
	}
}

func TestPacerHoldsTheRateWhateverRequestsCost(t *testing.T) {
	for _, factor := range []float64{0.5, 1, 1.7, 4} {
		for _, rate := range []float64{20, 2000} {
			w := &world{now: time.Unix(1_800_000_000, 0)}
			p := newPacer(rate, func() int64 { return w.started }, func() time.Time { return w.now })
			w.drive(p, time.Minute, rand.New(rand.NewPCG(1, 2)), factor)
			if got, want := float64(w.started), rate*60; math.Abs(got-want) > 0.05*want+150 {
				t.Errorf("factor %v: %v spans in a minute, want %v", factor, got, want)
			}
		}
	}
}

func TestPacerForgivesAStall(t *testing.T) {
	const rate = 1000
	w := &world{now: time.Unix(1_800_000_000, 0)}
	p := newPacer(rate, func() int64 { return w.started }, func() time.Time { return w.now })
	r := rand.New(rand.NewPCG(1, 2))
	w.drive(p, 10*time.Second, r, 1)
	w.now = w.now.Add(time.Hour)
	before := w.started
	w.drive(p, 10*time.Second, r, 1)
	most := rate * (10 + maxCatchUp.Seconds()) * 1.05
	if got := float64(w.started - before); got < rate*9.5 || got > most {
		t.Errorf("%v spans in the ten seconds after a stall, want %v to %v", got, rate*9.5, most)
	}
}

func TestShuttableWaitsForRequestsAndTakesNoMore(t *testing.T) {
	arrived, leave := make(chan bool), make(chan bool)
	h, shut := shuttable(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- true
		<-leave
		w.WriteHeader(http.StatusNoContent)
	}))
	ask := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		return w.Code
	}
	first, over := make(chan int, 1), make(chan bool)
	go func() { first <- ask() }()
	<-arrived
	go func() { shut(); close(over) }()
	select {
	case <-over:
		t.Error("shut returned while a request was running")
	case leave <- true:
	}
	if code := <-first; code != http.StatusNoContent {
		t.Errorf("the request that was running: status %d", code)
	}
	<-over
	if code := ask(); code != http.StatusServiceUnavailable {
		t.Errorf("a request after shut: status %d", code)
	}
}

func TestSummary(t *testing.T) {
	f := func(sql, verb, table string) {
		t.Helper()
		if v, tb := summary(sql); v != verb || tb != table {
			t.Errorf("summary(%q) = %q, %q; want %q, %q", sql, v, tb, verb, table)
		}
	}
	f("select a from orders where id = $1", "SELECT", "orders")
	f("INSERT INTO orders (id) VALUES ($1)", "INSERT", "orders")
	f(`UPDATE "stock" SET quantity = 0`, "UPDATE", "stock")
	f("begin", "BEGIN", "")
	f("", "QUERY", "")
}

func TestPlanDependsOnSeedAndNumberOnly(t *testing.T) {
	a, b := &load{shop: &shop{config: Config{Seed: 5}}}, &load{shop: &shop{config: Config{Seed: 6}}}
	differs := false
	for n := range uint64(200) {
		p, again, other := a.plan(n), a.plan(n), b.plan(n)
		if p.user != again.user || p.session != again.session || len(p.steps) != len(again.steps) {
			t.Fatalf("plan %d differs from itself", n)
		}
		if len(p.steps) == 0 || p.cost() <= 0 {
			t.Errorf("plan %d is empty", n)
		}
		differs = differs || p.session != other.session
	}
	if !differs {
		t.Error("the seed does not matter")
	}
}

func TestPodNamesTellInstancesApart(t *testing.T) {
	names := map[string]bool{}
	count := 0
	for _, sv := range services() {
		for i, v := range sv.versions {
			names[process{sv.name, v, i}.podName()] = true
			count++
		}
	}
	if len(names) != count {
		t.Errorf("%d names for %d instances", len(names), count)
	}
}

func FuzzParseReply(f *testing.F) {
	partial, err := proto.Marshal(&coltracepb.ExportTraceServiceResponse{
		PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 3, ErrorMessage: "no"},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("application/x-protobuf", partial)
	f.Add("application/json", []byte(`{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}`))
	f.Add("application/json; charset=utf-8", []byte(`{}`))
	f.Add("text/html", []byte(`<html>`))
	f.Add("", []byte(nil))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		answer, ok := parseReply(contentType, body)
		if ok && answer == nil {
			t.Error("understood, yet nothing there")
		}
		if !ok && len(body) == 0 {
			t.Error("an empty body is full success")
		}
	})
}

func TestParseReply(t *testing.T) {
	f := func(contentType, body string, ok bool, refused int64) {
		t.Helper()
		answer, understood := parseReply(contentType, []byte(body))
		if understood != ok || ok && answer.GetPartialSuccess().GetRejectedSpans() != refused {
			t.Errorf("parseReply(%q, %q) = %v, %v; want %v refused, %v", contentType, body, answer, understood, refused, ok)
		}
	}
	f("application/json", `{"partialSuccess":{"rejectedSpans":"3"}}`, true, 3)
	f("application/x-protobuf", "\x0a\x02\x08\x05", true, 5)
	f("application/x-protobuf", "", true, 0)
	f("application/x-protobuf", "\x0a", false, 0)
	f("application/json", `[`, false, 0)
	f("text/html", `<html>welcome to a wholly different server</html>`, false, 0)
}
