package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew/cmd/clew/serve"
	"github.com/clew-tracing/clew/ingest/kafkadoor"
	"github.com/clew-tracing/clew/internal/config"
)

// kafkaTopic is what a test puts spans into.
const kafkaTopic = "spans"

// kafkaSender puts requests of one span into a topic, over its partitions.
type kafkaSender struct {
	t      *testing.T
	client *kgo.Client
	sent   uint64
}

func (k *kafkaSender) send(n int) {
	k.t.Helper()
	var records []*kgo.Record
	for range n {
		k.sent++
		body, err := proto.Marshal(&tracev1.TracesData{ResourceSpans: []*tracev1.ResourceSpans{{ScopeSpans: []*tracev1.ScopeSpans{{Spans: []*tracev1.Span{{
			TraceId: binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 7), k.sent/10+1), SpanId: binary.BigEndian.AppendUint64(nil, k.sent),
			Name: "work", StartTimeUnixNano: uint64(time.Now().UnixNano()), EndTimeUnixNano: uint64(time.Now().UnixNano()) + 1000,
		}}}}}}})
		if err != nil {
			k.t.Fatal(err)
		}
		records = append(records, &kgo.Record{Topic: kafkaTopic, Value: body})
	}
	if err := k.client.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		k.t.Fatal(err)
	}
}

// metric returns the lines of the metrics that begin so.
func metric(t *testing.T, p *process, prefix string) string {
	t.Helper()
	r, err := http.Get(p.url(serve.DoorPage) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.SplitSeq(string(text), "\n") {
		if strings.HasPrefix(line, prefix) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// awaitSpans waits until the server has n spans.
func awaitSpans(t *testing.T, p *process, n uint64) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); ; <-tick.C {
		got := countSpans(t, p, "{}")
		if got == int64(n) {
			return
		}
		if time.Now().After(end) || got > int64(n) {
			t.Fatalf("%d spans, want %d\n%s", got, n, p.log)
		}
	}
}

// TestKafka has the real program take spans from a broker while it is killed and started
// again, and ended and started again: each is there once.
func TestKafka(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, kafkaTopic))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	k := &kafkaSender{t: t, client: client}
	dir := t.TempDir()
	args := []string{"--kafka-brokers", strings.Join(cluster.ListenAddrs(), ","), "--kafka-topics", kafkaTopic}
	p := startServer(t, dir, args...)
	k.send(100)
	awaitSpans(t, p, k.sent)
	for range 10 {
		k.send(50)
	}
	p.kill() // while it takes what was just put
	k.send(50)
	p = startServer(t, dir, args...)
	awaitSpans(t, p, k.sent)
	if err := p.stop(); err != nil {
		t.Fatalf("%v\n%s", err, p.log)
	}
	k.send(10)
	p = startServer(t, dir, args...)
	awaitSpans(t, p, k.sent)
	for _, want := range []string{"clew_kafka_partitions 3", "clew_kafka_stopped_partitions 0", "clew_kafka_bad_messages_total 0", "clew_kafka_paused 0",
		`clew_kafka_partition_lag_messages{partition="2",topic="spans"} 0`, `clew_door_accepted_spans_total{door="kafka"} 10`} {
		if name, _, _ := strings.Cut(want, " "); metric(t, p, name) != want {
			t.Errorf("%q, want %q", metric(t, p, name), want)
		}
	}
	if err := p.stop(); err != nil {
		t.Fatalf("%v\n%s", err, p.log)
	}
}

// TestKafkaNames: the settings and the door call the same things by the same names.
func TestKafkaNames(t *testing.T) {
	if a, b := fmt.Sprint(config.KafkaEncodings), fmt.Sprint(kafkadoor.Encodings()); a != b {
		t.Errorf("encodings: %s and %s", a, b)
	}
	if a, b := fmt.Sprint(config.KafkaSASL), fmt.Sprint(kafkadoor.Mechanisms()); a != b {
		t.Errorf("mechanisms: %s and %s", a, b)
	}
	if config.AnyTenant != kafkadoor.AnyTenant {
		t.Error("any tenant")
	}
}
