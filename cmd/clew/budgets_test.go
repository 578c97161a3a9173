package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// TestBudgetFollowsTraffic: an operation of a service that asks for strategies gets a rate of its
// own once its roots have been counted, and keeps it over a restart.
func TestBudgetFollowsTraffic(t *testing.T) {
	t.Parallel() // most of its time it waits for a step to be over
	dir := t.TempDir()
	p := startServer(t, dir)
	server := []string{"CLEW_SERVER=" + p.url(serve.DoorPage)}
	if _, _, err := cli(server, "sampling", "create", "all", "--service", "cart", "--budget", "0.1", "--rate", "0.5"); err != nil {
		t.Fatal(err)
	}
	type strategies struct {
		OperationSampling struct {
			DefaultSamplingProbability float64
			PerOperationStrategies     []struct {
				Operation             string
				ProbabilisticSampling struct{ SamplingRate float64 }
			}
		}
	}
	ask := func(p *process) (out strategies) {
		t.Helper()
		resp, err := http.Get(p.url(serve.DoorJaegerSampling) + "/sampling?service=cart")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != 200 || out.OperationSampling.DefaultSamplingProbability != 0.5 {
			t.Fatal(resp.Status, out, err)
		}
		return out
	}
	if got := ask(p); len(got.OperationSampling.PerOperationStrategies) != 0 {
		t.Fatalf("%+v", got)
	}
	got, tick := strategies{}, time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	for i, end := 0, time.Now().Add(90*time.Second); len(got.OperationSampling.PerOperationStrategies) == 0; i++ {
		if time.Now().After(end) {
			t.Fatal("the operation has no rate of its own")
		}
		<-tick.C
		now := time.Now().UnixNano()
		body := fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},"scopeSpans":[{"spans":[
			{"traceId":"%032x","spanId":"0000000000000001","name":"GET /list","startTimeUnixNano":"%d","endTimeUnixNano":"%d"}]}]}]}`, i+1, now, now+1)
		resp, err := http.Post(p.url(serve.DoorOTLPHTTP)+"/v1/traces", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		if resp.Body.Close(); resp.StatusCode != 200 {
			t.Fatalf("%s %s", resp.Status, text)
		}
		got = ask(p)
	}
	one := got.OperationSampling.PerOperationStrategies[0]
	if rate := one.ProbabilisticSampling.SamplingRate; one.Operation != "GET /list" || rate >= 0.5 || rate <= 0 {
		t.Errorf("%+v", one)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = startServer(t, dir)
	again := ask(p).OperationSampling.PerOperationStrategies
	if len(again) != 1 || again[0].Operation != "GET /list" || again[0].ProbabilisticSampling.SamplingRate >= 0.5 {
		t.Errorf("after a restart: %+v", again)
	}
	p.kill()
}
