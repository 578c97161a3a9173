package clients

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-xray-sdk-go/daemoncfg"
	sdksampling "github.com/aws/aws-xray-sdk-go/strategy/sampling"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/account"
	"github.com/clew-tracing/clew/api/xray/rules"
	"github.com/clew-tracing/clew/sampling"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// central is a server of sampling rules: of the service shop all is sampled until the first
// client has reported, and then nothing; of lease three a second; of others nothing.
type central struct {
	http.Handler
	t    *testing.T
	book *sampling.Book
	once sync.Once
}

func newCentral(t *testing.T) (c *central, address string) {
	c = &central{t: t, book: sampling.NewBook(nil, nil)}
	change := func(name string) func(*sampling.Rule) {
		return func(r *sampling.Rule) {
			r.FixedRate, r.ReservoirSize = map[string]float64{"shop": 1}[name], map[string]int{"lease": 3}[name]
		}
	}
	for i, name := range []string{"shop", "lease", "spare"} { // whose budget no client knows of
		rule := sampling.Rule{Name: name, ResourceARN: "*", Priority: i + 1, Budget: map[string]float64{"spare": 5}[name], ServiceName: name, ServiceType: "*", Host: "*", HTTPMethod: "*", URLPath: "*", Version: 1}
		change(name)(&rule)
		if _, err := c.book.Create(clew.DefaultTenant, rule, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.book.Update(clew.DefaultTenant, sampling.DefaultName, time.Now(), change(sampling.DefaultName)); err != nil {
		t.Fatal(err)
	}
	c.Handler = xray.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}, rules.Operations(c.book, account.NewBook(nil, nil).Tag)...)
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return c, server.Listener.Addr().String()
}

func (c *central) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.Handler.ServeHTTP(w, r)
	if r.URL.Path != "/SamplingTargets" || len(c.book.Summaries(clew.DefaultTenant, time.Now())) == 0 {
		return
	}
	c.once.Do(func() {
		if _, err := c.book.Update(clew.DefaultTenant, "shop", time.Now(), func(r *sampling.Rule) { r.FixedRate = 0 }); err != nil {
			c.t.Error(err)
		}
	})
}

// reported holds what clients reported to what they must have: more requests than samples.
func (c *central) reported() {
	c.t.Helper()
	sums := map[string]sampling.Summary{}
	for _, s := range c.book.Summaries(clew.DefaultTenant, time.Now()) {
		x := sums[s.Rule]
		x.Requests, x.Sampled = x.Requests+s.Requests, x.Sampled+s.Sampled
		sums[s.Rule] = x
	}
	if sums["shop"].Sampled < 20 || sums["lease"].Requests <= sums["lease"].Sampled {
		c.t.Errorf("the client reported %+v", sums)
	}
}

// TestXRaySamplingGo has X-Ray's SDK for Go sample by the rules of a server.
func TestXRaySamplingGo(t *testing.T) {
	t.Parallel()
	c, address := newCentral(t)
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	strategy, err := sdksampling.NewCentralizedStrategy()
	if err != nil {
		t.Fatal(err)
	}
	strategy.LoadDaemonEndpoints(&daemoncfg.DaemonEndpoints{TCPAddr: at})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	sampled := func(service string, times int) (n int) {
		for range times {
			if strategy.ShouldTrace(&sdksampling.Request{Host: "shop.example", Method: "GET", URL: "/", ServiceName: service, ServiceType: "AWS::ECS::Container"}).Sample {
				n++
			}
		}
		return n
	}
	until := func(what string, met func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !met(); <-tick.C {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	until("the rules are not those of the server", func() bool { return sampled("shop", 20) == 20 && sampled("other", 20) == 0 })
	sampled("shop", 20) // some of those above may have been sampled before the rules were there, and are not reported as theirs
	until("not three a second are sampled of a reservoir of three", func() bool {
		n := 0
		for second := time.Now().Unix(); time.Now().Unix() == second; <-tick.C {
			n += sampled("lease", 1)
		}
		return n == 3
	})
	until("a change is not known", func() bool { return sampled("shop", 20) == 0 })
	c.reported()
}

// TestXRaySamplingPython has X-Ray's SDK for Python do so.
func TestXRaySamplingPython(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("python3", "-c", "import aws_xray_sdk").CombinedOutput(); err != nil {
		missing(t, "Python with aws-xray-sdk", "pip install aws-xray-sdk", err)
		t.Log(string(out))
	}
	c, address := newCentral(t)
	if out := run(t, nil, "python3", "python/sampling.py", address); !strings.HasSuffix(out, "done") {
		t.Error(out)
	}
	c.reported()
}

// TestXRaySamplingNode has OpenTelemetry's X-Ray sampler for Node.js do so.
func TestXRaySamplingNode(t *testing.T) {
	t.Parallel()
	c, address := newCentral(t)
	if out := node(t, "xraysampling.js", "http://"+address); out != "done" {
		t.Error(out)
	}
	c.reported()
}
