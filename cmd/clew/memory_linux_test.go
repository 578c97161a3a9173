//go:build !race

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cmd/clew/serve"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// smallMemory is what servers of these tests are given, and margin how far beyond it
// they may go. The collector's limit is a soft one, and the pages of the program that the
// start needs depend on how the system's cache has them.
const (
	smallMemory = 64e6
	margin      = 20e6
)

// shipped builds the program as make build does, without cgo and tests: what another
// linker makes, and what tests use, is not what a server has in memory.
func shipped(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "clew")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// checkMemory compares the most memory that a process ever had with what it should
// have.
func checkMemory(t *testing.T, p *process, when string) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if len(fields) != 3 || fields[0] != "VmHWM:" {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d MB at most", when, kib<<10/1e6)
		if kib<<10 > smallMemory+margin {
			t.Errorf("%s: %d MB at most, want %d", when, kib<<10/1e6, int64(smallMemory+margin)/1e6)
		}
		return
	}
	t.Fatal("no VmHWM in the status of the process")
}

// parcel is a request for spans and whose they are.
type parcel struct {
	tenant, contentType string
	body                []byte
}

func parcels(tenant string, bodies [][]byte) (list []parcel) {
	for _, b := range bodies {
		list = append(list, parcel{tenant, "application/x-protobuf", b})
	}
	return list
}

// sendAll sends parcels from several clients, each again and again until it is taken,
// at once instead of when it is told to: this is overload. It returns how often the
// server said to come again.
func sendAll(t *testing.T, p *process, list []parcel, clients int) int64 {
	t.Helper()
	var later atomic.Int64
	next := make(chan parcel)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for x := range next {
				for limit := time.Now().Add(5 * time.Minute); ; later.Add(1) {
					a, err := roundTrip(client, "POST", p.url(serve.DoorOTLPHTTP)+"/v1/traces", x.tenant, x.contentType, x.body)
					if err == nil && a.status == http.StatusOK {
						break
					}
					if err != nil || !a.comeAgain() || time.Now().After(limit) {
						t.Errorf("the door answers %d, Retry-After %q, %v: %s", a.status, a.wait, err, a.body)
						break
					}
				}
			}
		})
	}
	for _, x := range list {
		next <- x
	}
	close(next)
	wg.Wait()
	return later.Load()
}

// reply is what a server answered.
type reply struct {
	status int
	wait   string // Retry-After
	body   []byte
}

// comeAgain reports whether the sender is told to wait, and how long.
func (a *reply) comeAgain() bool {
	return (a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable) && a.wait != ""
}

func roundTrip(client *http.Client, method, url, tenant, contentType string, body []byte) (reply, error) {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Scope-OrgID", tenant)
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header.Get("Retry-After"), answer}, err
}

// smallQuestions are asked of a server that has too much to do.
var smallQuestions = []string{`{ }`, `{ duration > 10ms }`, `{ status = error } && { duration > 1ms }`, `{ span.user.id = "u0031337" }`}

// askUntil asks one question after the other until stop is closed: each is answered,
// or the answer is to come again. It returns how many were answered.
func askUntil(t *testing.T, p *process, stop <-chan struct{}) (answered int) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return answered
		default:
		}
		body, err := json.Marshal(searchRequest{Q: smallQuestions[i%len(smallQuestions)], Count: i%2 == 0, Limit: 20})
		if err != nil {
			t.Error(err)
			return answered
		}
		a, err := roundTrip(http.DefaultClient, "POST", p.url(serve.DoorPage)+"/api/v1/search", "default", "application/json", body)
		switch {
		case err == nil && a.status == http.StatusOK:
			answered++
		case err != nil || !a.comeAgain():
			t.Errorf("the API answers %d, Retry-After %q, %v: %s", a.status, a.wait, err, a.body)
			return answered
		}
	}
}

// TestSmallMemory gives a server 64 MB, sends it more than it can take at once and
// asks it questions meanwhile: it says so, takes everything in the end, answers, and
// never has much more memory. Then it is killed; all that it took is there, in as
// little memory.
func TestSmallMemory(t *testing.T) {
	const spans = 150_000
	dir := t.TempDir()
	program := shipped(t)
	p := startProgram(t, program, dir, "--memory", "64MB")
	checkMemory(t, p, "at the start")
	stop := make(chan struct{})
	var answered atomic.Int64
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() { answered.Add(int64(askUntil(t, p, stop))) })
	}
	later := sendAll(t, p, parcels("default", corpus.Requests(corpus.Shop, 1, spans, 500)), 64)
	close(stop)
	readers.Wait()
	t.Logf("%d requests were told to come again, %d questions answered meanwhile", later, answered.Load())
	if later == 0 || answered.Load() == 0 {
		t.Error("want both: requests that are told to come again, and questions that are answered")
	}
	check := func(when string) {
		t.Helper()
		if n := countSpans(t, p, `{ }`); n != spans {
			t.Errorf("%s: %d spans, want %d", when, n, spans)
		}
		checkMemory(t, p, when)
	}
	check("under load")
	p.kill()
	p = startProgram(t, program, dir, "--memory", "64MB")
	check("after a crash")
}

// TestThousandTenants has a thousand tenants in 64 MB: 999 of a few spans each, and
// one that sends a lot. All of them have their spans, and nothing else: neither a
// service nor a value of another's.
func TestThousandTenants(t *testing.T) {
	t.Parallel() // most of its time it waits for the disk
	const tenants, busy = 999, 50_000
	dir := t.TempDir()
	program := shipped(t)
	p := startProgram(t, program, dir, "--memory", "64MB")
	var wg sync.WaitGroup
	wg.Go(func() { sendAll(t, p, parcels("busy", corpus.Requests(corpus.Shop, 3, busy, 500)), 4) })
	var list []parcel
	for i := range tenants {
		list = append(list, parcel{fmt.Sprintf("tenant-%d", i), "application/json", ownSpans(i)})
	}
	sendAll(t, p, list, 16)
	wg.Wait()
	check := func(when string) {
		t.Helper()
		next := make(chan int)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i := range next {
					checkOwn(t, p, when, i)
				}
			})
		}
		for i := range tenants {
			next <- i
		}
		close(next)
		wg.Wait()
		if values := getAs(t, p, "busy", "/api/v1/tags/span.own/values"); bytes.Contains(values, []byte("secret")) {
			t.Errorf("%s: the busy tenant is told %s", when, values)
		}
		var answer struct {
			Services []struct {
				Name  string
				Spans int
			}
		}
		if err := json.Unmarshal(getAs(t, p, "busy", "/api/v1/services"), &answer); err != nil {
			t.Error(err)
		}
		sum := 0
		for _, s := range answer.Services {
			sum += s.Spans
			if strings.HasPrefix(s.Name, "service-") {
				t.Errorf("%s: the busy tenant has service %s", when, s.Name)
			}
		}
		if sum != busy {
			t.Errorf("%s: the busy tenant has %d spans, want %d", when, sum, busy)
		}
		checkMemory(t, p, when)
	}
	check("first")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = startProgram(t, program, dir, "--memory", "64MB")
	check("after a start")
}

// ownSpans is a request of five spans whose service and values nobody else has.
func ownSpans(i int) []byte {
	var spans []string
	for n := range 5 {
		spans = append(spans, fmt.Sprintf(`{"traceId":"%032x","spanId":"%016x","name":"op-%d","startTimeUnixNano":"%d","endTimeUnixNano":"%[4]d","attributes":[{"key":"own","value":{"stringValue":"secret-%[3]d."}}]}`,
			i+1, n+1, i, time.Now().UnixNano()))
	}
	return fmt.Appendf(nil, `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"service-%d."}}]},"scopeSpans":[{"spans":[%s]}]}]}`,
		i, strings.Join(spans, ","))
}

// checkOwn asks what tenant i has, as services and as values: five spans of its own.
func checkOwn(t *testing.T, p *process, when string, i int) {
	for path, c := range map[string]struct {
		word, own string
		times     int // a value is told once more as a query has it
	}{
		"/api/v1/services":             {"service-", fmt.Sprintf("service-%d.", i), 1},
		"/api/v1/tags/span.own/values": {"secret-", fmt.Sprintf("secret-%d.", i), 2},
	} {
		text := string(getAs(t, p, fmt.Sprintf("tenant-%d", i), path))
		if strings.Count(text, c.own) != c.times || strings.Count(text, c.word) != c.times || !strings.Contains(text, `"spans":5`) {
			t.Errorf("%s: of %s tenant %d is told %s, want five spans of %s and nothing else", when, path, i, text, c.own)
		}
	}
}

// getAs asks for a path of the API as a tenant, again if it is told to.
func getAs(t *testing.T, p *process, tenant, path string) []byte {
	for limit := time.Now().Add(time.Minute); ; {
		a, err := roundTrip(http.DefaultClient, "GET", p.url(serve.DoorPage)+path, tenant, "", nil)
		if err == nil && a.status == http.StatusOK {
			return a.body
		}
		if err != nil || !a.comeAgain() || time.Now().After(limit) {
			t.Errorf("%s as %s: %d, %v, %s", path, tenant, a.status, err, a.body)
			return nil
		}
	}
}

// TestSmallMemoryOfLargeValues is TestSmallMemory with spans that have a text of 20 kB
// each, which hardly can be compressed: memory is counted in bytes, not in spans.
func TestSmallMemoryOfLargeValues(t *testing.T) {
	const requests, spans, text = 200, 20, 20_000
	rng := rand.New(rand.NewPCG(1, 2))
	value := make([]byte, text)
	var bodies [][]byte
	for i := range requests {
		var list []clew.Span
		for k := range spans {
			for j := range value {
				value[j] = byte('!' + rng.IntN(90))
			}
			now := clew.FromTime(time.Now())
			list = append(list, clew.Span{TraceID: clew.MakeTraceID(7, uint64(i*spans+k)), SpanID: 1, Name: "n", Start: now, End: now,
				Attrs: []clew.Attr{{Key: "stack", Value: clew.StringValue(string(value))}}})
		}
		bodies = append(bodies, storagetest.Body(list...))
	}
	dir := t.TempDir()
	program := shipped(t)
	p := startProgram(t, program, dir, "--memory", "64MB")
	sendAll(t, p, parcels("default", bodies), 16)
	check := func(when string) {
		t.Helper()
		if n := countSpans(t, p, `{ span.stack != "" }`); n != requests*spans {
			t.Errorf("%s: %d spans, want %d", when, n, requests*spans)
		}
		checkMemory(t, p, when)
	}
	check("under load")
	p.kill()
	p = startProgram(t, program, dir, "--memory", "64MB")
	check("after a crash")
}
