package kafkadoor_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest/kafkadoor"
	"github.com/clew-tracing/clew/storage"
)

const topic = "otlp_spans"

var protoTopic = kafkadoor.Topic{Name: topic, Encoding: kafkadoor.OTLPProto}

// TestRestart: a door goes on where the one before it ended, and appends many messages
// together.
func TestRestart(t *testing.T) {
	k := startKafka(t, kfake.SeedTopics(2, topic))
	db := store(t)
	var appends atomic.Int64
	counting := appender(func(ctx context.Context, r storage.Record) (storage.Result, error) {
		appends.Add(1)
		return db.Append(ctx, r)
	})
	var records []*kgo.Record
	for id := range uint64(200) {
		records = append(records, message(topic, int32(id%2), "", request(t, id+1)))
	}
	k.put(records[:100]...)
	d, stop := begin(t, k.config(counting, protoTopic))
	await(t, "the first hundred are there", func() bool { return d.Stats().Accepted == 100 && d.Consumed().Lag == 0 })
	stop()
	for n := range int32(2) {
		if at, text := k.committed("clew", topic, n); at != 50 || text != "" {
			t.Errorf("partition %d is committed to %d %q, want 50", n, at, text)
		}
	}
	if n := appends.Load(); n > 20 {
		t.Errorf("%d appends for 100 messages", n)
	}
	k.put(records[100:]...)
	d, stop = begin(t, k.config(counting, protoTopic))
	await(t, "the second hundred are there", func() bool { return d.Stats().Accepted == 100 })
	stop()
	has(t, db, 200)
	if s := d.Stats(); s.Resent != 0 || s.Requests != 100 || len(s.Errors) != 0 {
		t.Errorf("the second door took %+v", s)
	}
	if c := d.Consumed(); c.Bad != 0 || c.Pauses != 0 || c.FailedCommits != 0 || c.Commits == 0 {
		t.Errorf("%+v", c)
	}
}

// commits has the broker refuse commits of partitions for which refuse says so, with their
// offset.
func (k *kafka) commits(refuse func(partition int32, offset int64) bool) {
	k.cluster.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.cluster.KeepControl()
		c := r.(*kmsg.OffsetCommitRequest)
		a := c.ResponseKind().(*kmsg.OffsetCommitResponse)
		refused := false
		for _, t := range c.Topics {
			x := kmsg.NewOffsetCommitResponseTopic()
			x.Topic, x.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				y := kmsg.NewOffsetCommitResponseTopicPartition()
				if y.Partition = p.Partition; refuse(p.Partition, p.Offset) {
					y.ErrorCode, refused = kerr.InvalidCommitOffsetSize.Code, true
				}
				x.Partitions = append(x.Partitions, y)
			}
			a.Topics = append(a.Topics, x)
		}
		if !refused {
			return nil, nil, false
		}
		return a, nil, true
	})
}

// TestEndBetweenAppendAndCommit: what was appended and not committed comes again, in the
// same batches whatever was put behind it in the meantime, so that the store knows it.
func TestEndBetweenAppendAndCommit(t *testing.T) {
	k := startKafka(t, kfake.SeedTopics(1, topic))
	db := store(t)
	var refusing atomic.Bool
	k.commits(func(_ int32, offset int64) bool { return refusing.Load() && offset > 0 }) // not the plan, which stays at the beginning
	refusing.Store(true)
	var records []*kgo.Record
	for id := range uint64(30) {
		tenant := "default"
		if id%3 == 0 {
			tenant = "" // the same
		}
		records = append(records, message(topic, 0, tenant, request(t, id+1)))
	}
	k.put(records[:10]...)
	d, stop := begin(t, k.config(db, protoTopic))
	await(t, "a commit fails", func() bool { return d.Stats().Accepted == 10 && d.Consumed().FailedCommits > 0 })
	k.put(records[10:20]...) // which it does not fetch
	stop()
	at, text := k.committed("clew", topic, 0)
	if at != 0 || text != "clew until 10" {
		t.Errorf("committed is %d %q, want the plan", at, text)
	}
	has(t, db, 10)
	refusing.Store(false)
	d, stop = begin(t, k.config(db, protoTopic))
	await(t, "all are there", func() bool { return d.Stats().Accepted == 10 && d.Consumed().Lag == 0 })
	k.put(records[20:]...)
	await(t, "all are there", func() bool { return d.Stats().Accepted == 20 })
	stop()
	has(t, db, 30)
	if s := d.Stats(); s.Resent != 1 {
		t.Errorf("%d records were known, want 1", s.Resent)
	}
	if at, text := k.committed("clew", topic, 0); at != 30 || text != "" {
		t.Errorf("committed is %d %q", at, text)
	}
}

// TestRebalance: partitions move between two members and back, while messages come: each
// span is there once.
func TestRebalance(t *testing.T) {
	k := startKafka(t, kfake.SeedTopics(4, topic))
	db := store(t)
	var id atomic.Uint64
	put := func(n int) {
		var records []*kgo.Record
		for range n {
			x := id.Add(1)
			records = append(records, message(topic, int32(x%4), "", request(t, x)))
		}
		k.put(records...)
	}
	end := make(chan struct{})
	var sender sync.WaitGroup
	defer sender.Wait()
	var once sync.Once
	finish := func() { once.Do(func() { close(end) }) }
	defer finish()
	sender.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
				put(10)
			}
		}
	})
	one, stopOne := begin(t, k.config(db, protoTopic))
	await(t, "the first has all", func() bool { return one.Consumed().Partitions == 4 && one.Stats().Accepted > 100 })
	two, stopTwo := begin(t, k.config(db, protoTopic))
	await(t, "they share", func() bool {
		a, b := one.Consumed().Partitions, two.Consumed().Partitions
		return a == 2 && b == 2 && two.Stats().Accepted > 100
	})
	stopOne()
	await(t, "the second has all", func() bool { return two.Consumed().Partitions == 4 })
	finish()
	sender.Wait()
	await(t, "all are there", func() bool { return db.Stats().HeadRows+db.Stats().SegmentRows >= int64(id.Load()) })
	stopTwo()
	if got := int64(id.Load()); one.Stats().Accepted+two.Stats().Accepted != got {
		t.Errorf("%d and %d accepted, %d put", one.Stats().Accepted, two.Stats().Accepted, got)
	}
	has(t, db, int(id.Load()))
}

// TestBusy: while the store takes nothing, nothing is lost, and nothing more is fetched.
func TestBusy(t *testing.T) {
	k := startKafka(t, kfake.SeedTopics(2, topic))
	db := store(t)
	var open atomic.Bool
	var tries atomic.Int64
	s := appender(func(ctx context.Context, r storage.Record) (storage.Result, error) {
		tries.Add(1)
		if !open.Load() || tries.Load()%3 == 0 { // and then now and again
			return storage.Result{}, errBusy
		}
		return db.Append(ctx, r)
	})
	for id := range uint64(20) {
		k.put(message(topic, int32(id%2), []string{"default", "other"}[id/2%2], request(t, id+1)))
	}
	d, stop := begin(t, k.config(s, protoTopic))
	await(t, "it waits", func() bool { return d.Consumed().Paused && tries.Load() > 4 })
	if c := d.Consumed(); c.Pauses != 1 {
		t.Errorf("%+v", c)
	}
	for id := range uint64(20) {
		k.put(message(topic, int32(id%2), "", request(t, id+21)))
	}
	open.Store(true)
	await(t, "all are there", func() bool { return d.Stats().Accepted == 40 && !d.Consumed().Paused && d.Consumed().Lag == 0 })
	stop()
	mine, twice := spans(t, db, clew.DefaultTenant)
	others, more := spans(t, db, "other")
	if len(mine) != 30 || len(others) != 10 || twice+more != 0 || d.Stats().Resent != 0 {
		t.Errorf("%d and %d spans, %d twice, %d known", len(mine), len(others), twice+more, d.Stats().Resent)
	}
	for n := range int32(2) {
		if at, _ := k.committed("clew", topic, n); at != 20 {
			t.Errorf("partition %d is committed to %d, want 20", n, at)
		}
	}
}

// TestEndWhileBusy: a door that ends while the store takes nothing leaves the messages in
// their topic.
func TestEndWhileBusy(t *testing.T) {
	k := startKafka(t, kfake.SeedTopics(1, topic))
	db := store(t)
	k.put(message(topic, 0, "", request(t, 1)), message(topic, 0, "", request(t, 2)))
	busy := appender(func(context.Context, storage.Record) (storage.Result, error) { return storage.Result{}, errBusy })
	d, stop := begin(t, k.config(busy, protoTopic))
	await(t, "it waits", func() bool { return d.Consumed().Paused })
	stop()
	if at, _ := k.committed("clew", topic, 0); at > 0 {
		t.Errorf("committed is %d", at)
	}
	d, stop = begin(t, k.config(db, protoTopic))
	await(t, "all are there", func() bool { return d.Stats().Accepted == 2 })
	stop()
	has(t, db, 2)
}

// poison are messages that are no requests: one that ends early, one that is none inside,
// one that names no tenant that can be.
func poison(t *testing.T) []*kgo.Record {
	good := request(t, 99)
	inside := append([]byte{0x0a, 3}, "\x12\x7f\x01"...)
	return []*kgo.Record{
		message(topic, 0, "", good[:len(good)-1]),
		message(topic, 0, "", inside),
		message(topic, 0, "not a tenant", good),
	}
}

// TestBadIsSkipped: messages that are none are counted, told with their place, and left
// out; what is around them is taken, and what has no body is nothing.
func TestBadIsSkipped(t *testing.T) {
	k := startKafka(t, kfake.SeedTopics(1, topic))
	db := store(t)
	bad := poison(t)
	k.put(message(topic, 0, "", request(t, 1)), bad[0], message(topic, 0, "", request(t, 2)), bad[1], message(topic, 0, "", nil), bad[2], message(topic, 0, "", request(t, 3)))
	var log logged
	cfg := k.config(db, protoTopic)
	cfg.Logger = log.logger()
	d, stop := begin(t, cfg)
	await(t, "all are there", func() bool { return d.Stats().Accepted == 3 && d.Consumed().Lag == 0 })
	stop()
	has(t, db, 3)
	if c, s := d.Consumed(), d.Stats(); c.Bad != 3 || s.Errors[clew.Invalid.String()] != 3 || c.Stopped != 0 {
		t.Errorf("%+v, %v", c, s.Errors)
	}
	if !strings.Contains(log.String(), "topic=otlp_spans partition=0 offset=1") {
		t.Errorf("the log does not say where it was:\n%s", log.String())
	}
}

// TestBadStops: where it is to stop, a partition stands still at a bad message, and the
// others go on; who leaves it out then takes the rest, once.
func TestBadStops(t *testing.T) {
	for i, bad := range poison(t) {
		k := startKafka(t, kfake.SeedTopics(2, topic))
		db := store(t)
		k.put(message(topic, 0, "", request(t, 1)), message(topic, 0, "", request(t, 2)), bad, message(topic, 0, "", request(t, 3)))
		var log logged
		cfg := k.config(db, protoTopic)
		cfg.StopAtBad, cfg.Logger = true, log.logger()
		d, stop := begin(t, cfg)
		await(t, "it stands still", func() bool { return d.Consumed().Stopped == 1 })
		k.put(message(topic, 1, "", request(t, 4)))
		await(t, "the other goes on", func() bool { return d.Stats().Accepted == 3 })
		stop()
		if at, _ := k.committed("clew", topic, 0); at != 2 {
			t.Errorf("message %d: committed is %d, want 2", i, at)
		}
		if !strings.Contains(log.String(), "partition 0 of Kafka's topic otlp_spans stands still at offset 2") {
			t.Errorf("message %d: the log does not say where it stands:\n%s", i, log.String())
		}
		cfg.StopAtBad = false
		d, stop = begin(t, cfg)
		await(t, "the rest is there", func() bool { return d.Stats().Accepted == 1 && d.Consumed().Lag == 0 })
		stop()
		has(t, db, 4)
	}
}

// TestTenants: a header names the tenant, in any case of letters, unless it is settled.
func TestTenants(t *testing.T) {
	k := startKafka(t, kfake.SeedTopics(1, topic))
	k.put(message(topic, 0, "", request(t, 1)), message(topic, 0, "acme", request(t, 2)), message(topic, 0, "", request(t, 3)))
	for _, c := range []struct {
		tenant string
		want   map[clew.Tenant]int
	}{
		{kafkadoor.AnyTenant, map[clew.Tenant]int{"default": 2, "acme": 1}},
		{"shop", map[clew.Tenant]int{"shop": 3, "acme": 0, "default": 0}},
	} {
		db := store(t)
		cfg := k.config(db, protoTopic)
		cfg.Tenant, cfg.Group = c.tenant, "group of "+c.tenant
		d, stop := begin(t, cfg)
		await(t, "all are there", func() bool { return d.Stats().Accepted == 3 })
		stop()
		for tenant, n := range c.want {
			if all, _ := spans(t, db, tenant); len(all) != n {
				t.Errorf("tenant %s: %s has %d spans, want %d", c.tenant, tenant, len(all), n)
			}
		}
	}
}

// TestFromEnd: a group that has committed nothing begins at the end if it is told to.
func TestFromEnd(t *testing.T) {
	k := startKafka(t, kfake.SeedTopics(1, topic))
	db := store(t)
	k.put(message(topic, 0, "", request(t, 1<<32)))
	cfg := k.config(db, protoTopic)
	cfg.FromEnd = true
	d, stop := begin(t, cfg)
	// Where the end is is known some time after the partition is: what is put then is a
	// message after the other until one is taken.
	await(t, "it has its partition", func() bool { return d.Consumed().Partitions == 1 })
	n := uint64(0)
	await(t, "one is taken", func() bool {
		n++
		k.put(message(topic, 0, "", request(t, n)))
		return d.Stats().Accepted > 0
	})
	stop()
	all, _ := spans(t, db, clew.DefaultTenant)
	for _, s := range all {
		if s.SpanID == 1<<32 {
			t.Error("it began at the beginning")
		}
	}
}

// TestPackedBomb: messages that were packed together and come to more than is taken are left
// out as a whole, or stop their partition; what is around them is taken.
func TestPackedBomb(t *testing.T) {
	for _, stops := range []bool{false, true} {
		k := startKafka(t, kfake.SeedTopics(2, topic))
		k.connect(kgo.ProducerBatchMaxBytes(32<<20), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
		k.put(message(topic, 0, "", request(t, 1)))
		k.put(message(topic, 0, "", make([]byte, 9<<20)))
		k.put(message(topic, 0, "", request(t, 2)))
		k.put(message(topic, 1, "", request(t, 3)))
		db := store(t)
		var log logged
		cfg := k.config(db, protoTopic)
		cfg.MaxBodyBytes, cfg.StopAtBad, cfg.Logger = 1<<20, stops, log.logger()
		d, stop := begin(t, cfg)
		want, at := int64(3), int64(3)
		if stops {
			want, at = 2, 1
		}
		await(t, "it is told, and the others are there", func() bool {
			return d.Consumed().Bad == 1 && d.Stats().Accepted == want && d.Consumed().Stopped == int(3-want)
		})
		stop()
		if got, _ := k.committed("clew", topic, 0); got != at {
			t.Errorf("stops %v: committed is %d, want %d", stops, got, at)
		}
		if !strings.Contains(log.String(), "topic=otlp_spans partition=0 offset=1") || d.Stats().Errors[clew.TooLarge.String()] != 1 {
			t.Errorf("stops %v: %v\n%s", stops, d.Stats().Errors, log.String())
		}
	}
}

// TestManyBrokers takes from more brokers than are asked at once, of which most are quiet:
// each that is asked keeps others waiting.
func TestManyBrokers(t *testing.T) {
	k := startKafka(t, kfake.NumBrokers(11), kfake.SeedTopics(22, topic))
	var mu sync.Mutex
	var first time.Time
	asked := make(map[int32]bool) // in the first half of a linger
	k.cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.cluster.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		if first.IsZero() {
			first = time.Now()
		}
		if time.Since(first) < 100*time.Millisecond {
			asked[k.cluster.CurrentNode()] = true
		}
		return nil, nil, false
	})
	db := store(t)
	d, stop := begin(t, k.config(db, protoTopic))
	await(t, "the partitions are its own", func() bool { return d.Consumed().Partitions == 22 })
	for id := range uint64(22) {
		k.put(message(topic, int32(id), "", request(t, id+1)))
	}
	await(t, "all are there", func() bool { return d.Stats().Accepted == 22 })
	stop()
	has(t, db, 22)
	mu.Lock()
	defer mu.Unlock()
	if n := len(asked); n < 1 || n > 4 {
		t.Errorf("%d brokers were asked at once, want 4 at most", n)
	}
}

// TestRefusedPartition: a partition whose offsets cannot be committed, as of a topic that was
// deleted, holds up itself and no other, until they can.
func TestRefusedPartition(t *testing.T) {
	k := startKafka(t, kfake.SeedTopics(2, topic))
	db := store(t)
	var refusing atomic.Bool
	refusing.Store(true)
	k.commits(func(partition int32, _ int64) bool { return refusing.Load() && partition == 1 })
	k.put(message(topic, 1, "", request(t, 1)))
	var log logged
	cfg := k.config(db, protoTopic)
	cfg.Logger = log.logger()
	d, stop := begin(t, cfg)
	await(t, "it is refused", func() bool { return d.Consumed().FailedCommits > 1 })
	for id := range uint64(5) {
		k.put(message(topic, 1, "", request(t, id+2)), message(topic, 0, "", request(t, id+7)))
		await(t, "the other goes on", func() bool { return d.Stats().Accepted == int64(id+1) })
	}
	if c := d.Consumed(); c.Pauses != 0 || c.Paused {
		t.Errorf("all are paused: %+v", c)
	}
	if !strings.Contains(log.String(), "topic=otlp_spans partition=1") {
		t.Errorf("the log does not say which:\n%s", log.String())
	}
	refusing.Store(false)
	await(t, "all are there", func() bool { return d.Stats().Accepted == 11 })
	stop()
	has(t, db, 11)
}
