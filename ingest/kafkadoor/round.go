package kafkadoor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
)

// round takes what was polled, and what is held from before.
func (d *Door) round(ctx context.Context, fetches kgo.Fetches) step {
	d.mu.Lock()
	defer d.mu.Unlock()
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if p := d.owned[place{f.Topic, f.Partition}]; p != nil {
			p.receive(&f)
			d.unpacked(p, f.Err)
		}
	})
	var next step
	var ready []*partition
	for _, p := range d.owned {
		if p.broken > 0 && len(p.held) == 0 {
			p.stop(&kgo.Record{Offset: p.broken - 1})
		}
	}
	now := time.Now()
	for _, p := range d.owned {
		switch ok, waits := p.ready(now); {
		case ok:
			ready = append(ready, p)
		case waits:
			next.patience = replayPatience
		}
	}
	err := d.commit(ctx, d.client, ready) // the plans
	if err == nil {
		ready = slices.DeleteFunc(ready, func(p *partition) bool { return p.refused != nil })
		err = d.work(ctx, ready)
		for _, p := range ready {
			next.more = next.more || len(p.held) > 0
		}
		if failed := d.commit(ctx, d.client, d.all()); err == nil {
			err = failed
		}
	}
	if d.holdRefused() {
		next.patience = retryMost
	}
	if err != nil {
		next.retry = min(ingest.RetryAfter(err), retryMost)
		d.log.tell(slog.LevelWarn, tellInterval, "spans from Kafka wait", "error", err)
	}
	d.pauseWhile(err != nil)
	d.note()
	return next
}

// all returns the partitions that it has.
func (d *Door) all() []*partition {
	out := make([]*partition, 0, len(d.owned))
	for _, p := range d.owned {
		out = append(out, p)
	}
	return out
}

// pauseWhile fetches nothing while something waits, since what is fetched takes memory.
func (d *Door) pauseWhile(waits bool) {
	switch {
	case waits && !d.paused:
		d.pauses.Add(1)
		d.client.PauseFetchTopics(d.names()...)
	case !waits && d.paused:
		d.client.ResumeFetchTopics(d.names()...)
	}
	d.paused = waits
	for at, p := range d.owned {
		if !p.stopped {
			continue
		}
		d.client.PauseFetchPartitions(map[string][]int32{at.topic: {at.partition}})
		d.log.tell(slog.LevelError, stateInterval, fmt.Sprintf("partition %d of Kafka's topic %s stands still at offset %d, which cannot be taken: have it left out with --kafka-bad skip", at.partition, at.topic, p.next))
	}
}

// holdRefused fetches nothing of partitions whose commits are refused, while others go on, and
// reports whether there are any: of a topic that was deleted, say.
func (d *Door) holdRefused() (any bool) {
	for at, p := range d.owned {
		one := map[string][]int32{at.topic: {at.partition}}
		switch {
		case p.refused != nil:
			any = true
			d.client.PauseFetchPartitions(one)
			d.log.tell(slog.LevelWarn, tellInterval, "offsets of a partition of Kafka cannot be committed; its spans wait", "topic", at.topic, "partition", at.partition, "error", p.refused)
		case p.aside && !p.stopped:
			d.client.ResumeFetchPartitions(one)
		}
		p.aside = p.refused != nil
	}
	return any
}

// work appends the groups of partitions, some at a time, and returns the first error.
func (d *Door) work(ctx context.Context, ready []*partition) error {
	errs := make([]error, len(ready))
	turn := make(chan struct{}, workers)
	var all sync.WaitGroup
	for i, p := range ready {
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			errs[i] = d.take(ctx, p)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// take appends the group of a partition, a batch after the other.
func (d *Door) take(ctx context.Context, p *partition) error {
	for !p.stopped {
		batch := p.batch()
		if len(batch) == 0 {
			p.until = 0
			return nil
		}
		if err := d.takeBatch(ctx, p, batch); err != nil {
			return err
		}
	}
	return nil
}

// takeBatch appends a batch, for each tenant by itself. On an error it is there still, and
// those who have theirs are passed over the next time.
func (d *Door) takeBatch(ctx context.Context, p *partition, batch []*kgo.Record) error {
	parts := d.parts(batch)
	for ; p.done < len(parts); p.done++ {
		of := &parts[p.done]
		bad := []ingest.Bad{{Err: of.err}}
		if of.err != nil {
			d.Count(of.err)
		} else {
			var err error
			if _, bad, err = d.GiveMessages(ctx, d.messages(of)); err != nil {
				return err
			}
		}
		for _, b := range bad {
			d.refuse(of.records[b.Message], b.Err)
		}
		if d.cfg.StopAtBad && len(bad) > 0 {
			p.stop(of.records[bad[0].Message])
			return nil
		}
	}
	p.durable(batch)
	return nil
}

// part is what of a batch is of one tenant, or a message that names none that can be.
type part struct {
	tenant  clew.Tenant
	records []*kgo.Record
	err     error
}

// parts divides a batch by tenant, in the order in which they come in it; where it is to
// stop at a bad message, the order of the messages is kept. Messages without a body are
// left out: in a compacted topic they say that one was removed.
func (d *Door) parts(batch []*kgo.Record) []part {
	var out []part
	at := make(map[clew.Tenant]int)
	for _, r := range batch {
		if len(r.Value) == 0 {
			continue
		}
		tenant, err := d.tenantOf(r)
		if err != nil {
			out = append(out, part{records: []*kgo.Record{r}, err: err})
			continue
		}
		i, ok := at[tenant]
		if !ok || d.cfg.StopAtBad && i != len(out)-1 {
			i = len(out)
			at[tenant] = i
			out = append(out, part{tenant: tenant})
		}
		out[i].records = append(out[i].records, r)
	}
	return out
}

// tenantOf returns whose the spans of a message are.
func (d *Door) tenantOf(r *kgo.Record) (clew.Tenant, error) {
	name := d.cfg.Tenant
	if name == AnyTenant {
		name = ""
		for _, h := range r.Headers {
			if strings.EqualFold(h.Key, clew.TenantHeader) {
				name = string(h.Value)
			}
		}
	}
	return clew.ParseTenant(name)
}

// messages is a part as the door takes it.
func (d *Door) messages(of *part) *ingest.Messages {
	m := &ingest.Messages{Tenant: of.tenant, Stop: d.cfg.StopAtBad}
	for _, r := range of.records {
		m.Sizes = append(m.Sizes, len(r.Value))
	}
	translate := d.topics[of.records[0].Topic]
	m.Translate = func(dst []byte, i int) ([]byte, int, error) {
		r := of.records[i]
		return translate(dst, r.Value, uint64(max(r.Timestamp.UnixNano(), 0)))
	}
	return m
}

// refuse tells of a message that is not taken.
func (d *Door) refuse(r *kgo.Record, err error) {
	d.bad.Add(1)
	d.log.tell(slog.LevelWarn, tellInterval, "a message of Kafka is not taken", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
}
