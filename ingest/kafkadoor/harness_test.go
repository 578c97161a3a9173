package kafkadoor_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/kafkadoor"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// patience is how long a test waits for what is to come.
const patience = 60 * time.Second

// await waits until something holds.
func await(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			tb.Fatalf("after %v still not: %s", patience, what)
		}
	}
}

// store is an empty store.
func store(tb testing.TB) *spandb.DB {
	tb.Helper()
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// appender is a store that a test stands in for.
type appender func(context.Context, storage.Record) (storage.Result, error)

func (a appender) Append(ctx context.Context, r storage.Record) (storage.Result, error) {
	return a(ctx, r)
}

// kafka is a broker in this process, and a client that puts messages into it.
type kafka struct {
	tb      testing.TB
	cluster *kfake.Cluster
	client  *kgo.Client
}

func startKafka(tb testing.TB, options ...kfake.Opt) *kafka {
	tb.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, options...)...)
	if err != nil {
		tb.Fatal(err)
	}
	k := &kafka{tb: tb, cluster: c}
	tb.Cleanup(func() {
		if k.client != nil {
			k.client.Close()
		}
		c.Close()
	})
	return k
}

// connect returns the client that puts messages.
func (k *kafka) connect(options ...kgo.Opt) *kgo.Client {
	k.tb.Helper()
	if k.client == nil {
		var err error
		options = append(options, kgo.SeedBrokers(k.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
		if k.client, err = kgo.NewClient(options...); err != nil {
			k.tb.Fatal(err)
		}
	}
	return k.client
}

// message is one for a partition, of a tenant if that is named.
func message(topic string, partition int32, tenant string, value []byte) *kgo.Record {
	r := &kgo.Record{Topic: topic, Partition: partition, Value: value}
	if tenant != "" {
		r.Headers = []kgo.RecordHeader{{Key: "x-scope-orgid", Value: []byte(tenant)}}
	}
	return r
}

// put puts messages into their partitions.
func (k *kafka) put(records ...*kgo.Record) {
	k.tb.Helper()
	if err := k.connect().ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		k.tb.Fatal(err)
	}
}

// committed is what a group has of a partition: the offset, -1 if none, and its metadata.
func (k *kafka) committed(group, topic string, partition int32) (int64, string) {
	k.tb.Helper()
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Group = group
	t := kmsg.NewOffsetFetchRequestTopic()
	t.Topic, t.Partitions = topic, []int32{partition}
	r.Topics = append(r.Topics, t)
	a, err := r.RequestWith(context.Background(), k.connect())
	if err != nil {
		k.tb.Fatal(err)
	}
	if len(a.Topics) != 1 || len(a.Topics[0].Partitions) != 1 {
		return -1, ""
	}
	p := &a.Topics[0].Partitions[0]
	text := ""
	if p.Metadata != nil {
		text = *p.Metadata
	}
	return p.Offset, text
}

// config is that of a door before a store.
func (k *kafka) config(s storage.Appender, topics ...kafkadoor.Topic) kafkadoor.Config {
	return kafkadoor.Config{Config: ingest.Config{Appender: s}, Brokers: k.cluster.ListenAddrs(), Topics: topics, Group: "clew", Tenant: kafkadoor.AnyTenant}
}

// logged is what a door logs.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// begin runs a door. What it returns ends it, and waits until it has; so does the test's end.
func begin(tb testing.TB, cfg kafkadoor.Config) (*kafkadoor.Door, func()) {
	tb.Helper()
	d := kafkadoor.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Run(ctx); err != nil {
			tb.Error(err)
		}
	}()
	var once sync.Once
	stop := func() { once.Do(func() { cancel(); <-done }) }
	tb.Cleanup(stop)
	return d, stop
}

// traceID is that of most spans here; its first half is a time, which X-Ray wants.
var traceID = clew.MakeTraceID(0x6923a1b800000000, 0x1122334455667788)

const began = 1_763_942_840_000_000_000

// request is one of OTLP with spans whose ids are these.
func request(tb testing.TB, ids ...uint64) []byte {
	tb.Helper()
	var spans []*tracev1.Span
	for _, id := range ids {
		spans = append(spans, &tracev1.Span{
			TraceId: traceBytes(), SpanId: binary.BigEndian.AppendUint64(nil, id), Name: "work",
			StartTimeUnixNano: began + id, EndTimeUnixNano: began + id + 1000,
		})
	}
	body, err := proto.Marshal(&tracev1.TracesData{ResourceSpans: []*tracev1.ResourceSpans{{ScopeSpans: []*tracev1.ScopeSpans{{Spans: spans}}}}})
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func traceBytes() []byte { return traceID[:] }

// spans are those of the trace that a tenant has, and how many rows were there twice.
func spans(tb testing.TB, db *spandb.DB, tenant clew.Tenant) (out []clew.Span, twice int) {
	tb.Helper()
	t, err := db.Trace(context.Background(), tenant, traceID)
	if err != nil && clew.KindOf(err) == clew.NotFound {
		return nil, 0
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer t.Free()
	rows := span.NewRows(t.Batch)
	for i := range t.Rows {
		out = append(out, rows.Span(i))
	}
	slices.SortFunc(out, func(a, b clew.Span) int { return int(a.Start) - int(b.Start) })
	return out, t.Duplicates + t.Conflicts
}

// has checks that the default tenant has the spans with ids from 1 to n, each once, and
// nothing else.
func has(tb testing.TB, db *spandb.DB, n int) {
	tb.Helper()
	all, twice := spans(tb, db, clew.DefaultTenant)
	for i, s := range all {
		if s.SpanID != clew.SpanID(i+1) {
			tb.Errorf("span %d is %s", i+1, s.SpanID)
			break
		}
	}
	if st := db.Stats(); len(all) != n || twice != 0 || st.HeadRows+st.SegmentRows != int64(n) {
		tb.Errorf("%d spans, %d of them twice, %d rows; want %d", len(all), twice, st.HeadRows+st.SegmentRows, n)
	}
}

var errBusy = &clew.Error{Kind: clew.Busy, RetryAfter: time.Millisecond, Err: errors.New("later")}
