package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew/cmd/clew/serve"
	"github.com/clew-tracing/clew/internal/config"
)

var (
	killRounds = flag.Int("kill-rounds", 3, "how often TestKill kills the server")
	killSeed   = flag.Uint64("kill-seed", 1, "when TestKill kills it")
)

// resolvedFor returns settings that point a client at p.
func resolvedFor(t *testing.T, p *process) *config.Resolved {
	t.Helper()
	r, err := config.Resolve(config.Sources{Flags: map[string]config.Given{"server": {Text: p.url(serve.DoorPage), Where: "--server"}}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// countSpans asks p how many spans match a query.
func countSpans(t *testing.T, p *process, query string) int64 {
	t.Helper()
	cl, err := newClient(resolvedFor(t, p))
	if err != nil {
		t.Fatal(err)
	}
	var answer searchAnswer
	if err := cl.Ask(context.Background(), "POST", "/api/v1/search", searchRequest{Q: query, Count: true}, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Count == nil || !answer.Coverage.Complete {
		t.Fatalf("the count is not exact: %+v", answer)
	}
	return answer.Count.Spans
}

// killSender sends requests of spansPerKill spans until the server is gone, and
// keeps those that were not acknowledged.
type killSender struct {
	number int
	next   uint64
	acked  int64
	// open is the request without a reply, to be sent again; nil if none.
	open []byte
}

const (
	killSenders  = 4
	spansPerKill = 50
)

// body makes the next request: its spans have ids that no other has.
func (k *killSender) body(t *testing.T) []byte {
	k.next++
	var spans []*tracev1.Span
	for i := range uint64(spansPerKill) {
		id := uint64(k.number)<<48 | k.next<<16 | i + 1
		spans = append(spans, &tracev1.Span{
			TraceId: binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 7), id/10+1), SpanId: binary.BigEndian.AppendUint64(nil, id),
			Name: "work", StartTimeUnixNano: 1_763_889_000_000_000_000 + id, EndTimeUnixNano: 1_763_889_000_000_000_500 + id,
		})
	}
	body, err := proto.Marshal(&tracev1.TracesData{ResourceSpans: []*tracev1.ResourceSpans{{ScopeSpans: []*tracev1.ScopeSpans{{Spans: spans}}}}})
	if err != nil {
		t.Error(err)
	}
	return body
}

// send delivers requests until one gets no reply or limit were acknowledged.
// The first is the one left open.
func (k *killSender) send(t *testing.T, url string, limit int, progress func()) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range limit {
		if k.open == nil {
			k.open = k.body(t)
		}
		resp, err := client.Post(url+"/v1/traces", "application/x-protobuf", bytes.NewReader(k.open))
		if err != nil {
			return
		}
		resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK:
			k.acked += spansPerKill
			k.open = nil
			progress()
		case http.StatusServiceUnavailable:
		default:
			t.Errorf("the door answers %s", resp.Status)
			return
		}
	}
}

// TestKill kills the server with SIGKILL under load, again and again. After each
// start every acknowledged span is there; a request whose reply was lost is sent
// again, and in the end every span is there exactly once.
func TestKill(t *testing.T) {
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(*killSeed, 0))
	senders := make([]*killSender, killSenders)
	for i := range senders {
		senders[i] = &killSender{number: i + 1}
	}
	for round := range *killRounds {
		p := startServer(t, dir)
		acked, open := accounts(senders)
		if have := countSpans(t, p, ""); have < acked || have > acked+open {
			t.Fatalf("round %d, seed %d: %d spans after the restart, want %d acknowledged and at most %d more", round, *killSeed, have, acked, open)
		}
		// The kill comes in the middle of a request, after a random number of them.
		left := int64(20 + rng.IntN(200))
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, k := range senders {
			all.Go(func() {
				k.send(t, p.url(serve.DoorOTLPHTTP), 1<<30, func() {
					mu.Lock()
					defer mu.Unlock()
					if left--; left == 0 {
						go p.kill()
					}
				})
			})
		}
		all.Wait()
		p.kill()
		if t.Failed() {
			t.Fatalf("the server said:\n%s", p.log)
		}
	}
	p := startServer(t, dir)
	for _, k := range senders {
		k.send(t, p.url(serve.DoorOTLPHTTP), 1, func() {})
	}
	acked, open := accounts(senders)
	if have := countSpans(t, p, ""); have != acked || open != 0 {
		t.Fatalf("seed %d: %d spans in the end, want the %d acknowledged (%d open)", *killSeed, have, acked, open)
	}
	if err := p.stop(); err != nil {
		t.Fatalf("after SIGTERM: %v\n%s", err, p.log)
	}
	t.Logf("%d rounds, %d spans, each there once", *killRounds, acked)
}

func accounts(senders []*killSender) (acked, open int64) {
	for _, k := range senders {
		acked += k.acked
		if k.open != nil {
			open += spansPerKill
		}
	}
	return acked, open
}

// TestTermination ends a server under load: it exits with 0 within the promised
// time, whoever sends is told to come again or is served, and everything
// acknowledged is there afterwards.
func TestTermination(t *testing.T) {
	const promised = 8 * time.Second
	dir := t.TempDir()
	p := startServer(t, dir)
	k := &killSender{number: 1}
	halfway, once := make(chan struct{}), sync.Once{}
	var sending sync.WaitGroup
	sending.Go(func() {
		k.send(t, p.url(serve.DoorOTLPHTTP), 1<<30, func() {
			if k.acked >= 20*spansPerKill {
				once.Do(func() { close(halfway) })
			}
		})
	})
	<-halfway
	began := time.Now()
	if err := p.stop(); err != nil {
		t.Fatalf("%v\n%s", err, p.log)
	}
	if took := time.Since(began); took > promised {
		t.Errorf("the end took %v, want at most %v", took, promised)
	}
	sending.Wait()
	again := startServer(t, dir)
	k.send(t, again.url(serve.DoorOTLPHTTP), 1, func() {})
	if have := countSpans(t, again, ""); have != k.acked {
		t.Errorf("%d spans after the restart, want the %d acknowledged", have, k.acked)
	}
}

// TestTail prints what arrives while somebody watches.
func TestTail(t *testing.T) {
	p := startServer(t, t.TempDir())
	var out, errOut lockedBuffer
	term := &terminal{out: &out, err: &errOut}
	done := make(chan error, 1)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		done <- execute(context.Background(), term, []string{"tail", "--server", p.url(serve.DoorPage), "--limit", "1", `{ name = "work" }`})
	}()
	if !errOut.await("waiting for spans", 1, gone) {
		t.Fatalf("tail ended: %v", <-done)
	}
	k := &killSender{number: 1}
	k.send(t, p.url(serve.DoorOTLPHTTP), 1, func() {})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if line := out.String(); !strings.Contains(line, " work\n") {
		t.Errorf("printed %q", line)
	}
	if err := execute(context.Background(), term, []string{"tail", "--server", p.url(serve.DoorPage), "{"}); err == nil {
		t.Error("a bad query is watched")
	}
}
