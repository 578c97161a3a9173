package kafkadoor

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/clew-tracing/clew"
)

// place names a partition.
type place struct {
	topic     string
	partition int32
}

// position is where a partition is, as it is committed: all before next is durable, and if
// until is not 0, the group that begins at next ends before it.
type position struct{ next, until int64 }

// partition is one that the group gave to this member.
type partition struct {
	at place
	position
	epoch     int32    // of the leader, of the message before next; negative: none is known
	committed position // what the group knows
	highWater int64    // the offset behind the last message, when it was last told

	held    []*kgo.Record // what was polled and is not durable yet
	done    int           // parts of the first batch of held that are durable
	stopped bool          // at next, which is bad
	broken  int64         // the offset behind that of a batch that cannot be unpacked, which is behind what is held; 0: none
	refused error         // why the group did not take its last commit; nil: it did
	aside   bool          // it is not fetched for that
	waits   time.Time     // since when the rest of a group is waited for
}

// receive takes what was polled: not what is durable, which may come again where the
// partition was away for a while.
func (p *partition) receive(f *kgo.FetchTopicPartition) {
	if p.stopped {
		return
	}
	var lost *kgo.ErrDataLoss
	if errors.As(f.Err, &lost) { // the broker has others there now, or none
		p.position, p.epoch, p.held, p.done = position{next: lost.ResetTo}, lost.ResetToEpoch, nil, 0
	}
	p.highWater = max(p.highWater, f.HighWatermark)
	for _, r := range f.Records {
		if r.Offset >= p.end() {
			p.held = append(p.held, r)
		}
	}
}

// end is behind what is held.
func (p *partition) end() int64 {
	if n := len(p.held); n > 0 {
		return p.held[n-1].Offset + 1
	}
	return p.next
}

// ready says whether a group is whole, and else whether its rest is waited for. A group
// that was not planned before is what is held.
func (p *partition) ready(now time.Time) (ok, waits bool) {
	switch {
	case len(p.held) == 0 || p.stopped:
		return false, false
	case p.until > p.end():
		if p.waits.IsZero() {
			p.waits = now
		}
		if now.Sub(p.waits) < replayPatience {
			return false, true
		}
		p.until = 0 // its rest is gone
	}
	p.waits = time.Time{}
	if p.until == 0 {
		p.until = p.end()
	}
	if p.next < 0 {
		p.next = p.held[0].Offset
	}
	return true, false
}

// batch returns the messages at the beginning of the group that are appended together.
func (p *partition) batch() []*kgo.Record {
	size := 0
	for i, r := range p.held {
		size += len(r.Value)
		if r.Offset >= p.until || i == batchRecords || i > 0 && size > batchBytes {
			return p.held[:i]
		}
	}
	return p.held
}

// durable passes over a batch that was appended.
func (p *partition) durable(batch []*kgo.Record) {
	last := batch[len(batch)-1]
	p.next, p.epoch, p.done = last.Offset+1, last.LeaderEpoch, 0
	n := len(batch)
	clear(batch)
	if p.held = p.held[n:]; len(p.held) == 0 {
		p.held = nil
	}
}

// stop has the partition stand still at a message. What is behind it is in its topic.
func (p *partition) stop(at *kgo.Record) {
	p.next, p.held, p.done, p.stopped = at.Offset, nil, 0, true
}

// unpacked deals with a batch of a partition that comes to more than is taken, if there was
// one: nothing of it was, and the client stands still before it.
func (d *Door) unpacked(p *partition, err error) {
	var large *kgo.ErrDecompressTooLarge
	if !errors.As(err, &large) {
		return
	}
	reason := clew.Errorf(clew.TooLarge, "the messages from here to before offset %d were packed together, and come to more than %d bytes: have its producer make smaller batches, or raise --max-request", large.NextOffset, max(d.cfg.MaxBodyBytes, minUnpacked))
	d.Count(reason)
	d.refuse(&kgo.Record{Topic: large.Topic, Partition: large.Partition, Offset: large.Offset}, reason)
	if d.cfg.StopAtBad {
		p.broken = large.Offset + 1
		return
	}
	d.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{large.Topic: {large.Partition: {Epoch: large.Epoch, Offset: large.NextOffset}}})
}

// plan is how a commit says where a group ends, in the metadata of an offset.
const plan = "clew until "

// assigned notes partitions that the group gave to this member, and what was committed of
// them. One that it has already is where it was.
func (d *Door) assigned(_ context.Context, _ *kgo.Client, r *kmsg.OffsetFetchResponse) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range r.Topics {
		for _, x := range t.Partitions {
			at := place{t.Topic, x.Partition}
			if d.owned[at] != nil {
				continue
			}
			p := &partition{at: at, position: position{next: x.Offset}, epoch: x.LeaderEpoch}
			if x.Metadata != nil && x.Offset >= 0 {
				if text, ok := strings.CutPrefix(*x.Metadata, plan); ok {
					if until, err := strconv.ParseInt(text, 10, 64); err == nil && until > x.Offset {
						p.until = until
					}
				}
			}
			p.committed = p.position
			d.owned[at] = p
		}
	}
	d.note()
	return nil
}

// revoked lets partitions go. A round that is under way is waited for; what it has not
// taken, their next member takes.
func (d *Door) revoked(ctx context.Context, client *kgo.Client, gone map[string][]int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leavePatience)
	defer cancel()
	var theirs []*partition
	for topic, partitions := range gone {
		for _, n := range partitions {
			if p := d.owned[place{topic, n}]; p != nil {
				theirs = append(theirs, p)
			}
		}
	}
	if err := d.commit(ctx, client, theirs); err != nil {
		d.log.Info("partitions of Kafka went before all that is durable was committed; the store knows what is read again", "error", err)
	}
	d.forget(client, gone)
}

// lost forgets partitions that others may have already.
func (d *Door) lost(_ context.Context, client *kgo.Client, gone map[string][]int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(client, gone)
}

func (d *Door) forget(client *kgo.Client, gone map[string][]int32) {
	for topic, partitions := range gone {
		for _, n := range partitions {
			delete(d.owned, place{topic, n})
		}
	}
	client.ResumeFetchPartitions(gone) // should they come again
	d.note()
}

// commit tells the group where partitions are, those that are not where it knows them to be.
// Those that it does not take are noted; an error says that none was told.
func (d *Door) commit(ctx context.Context, client *kgo.Client, of []*partition) error {
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	plans := make(map[place]string)
	for _, p := range of {
		if p.position == p.committed || p.next < 0 {
			continue
		}
		if offsets[p.at.topic] == nil {
			offsets[p.at.topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[p.at.topic][p.at.partition] = kgo.EpochOffset{Epoch: p.epoch, Offset: p.next}
		if p.until > 0 {
			plans[p.at] = plan + strconv.FormatInt(p.until, 10)
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, func(r *kmsg.OffsetCommitRequest) error {
		for i := range r.Topics {
			for k := range r.Topics[i].Partitions {
				x := &r.Topics[i].Partitions[k]
				text := plans[place{r.Topics[i].Topic, x.Partition}]
				x.Metadata = &text
			}
		}
		return nil
	})
	var failed error
	told := make(map[place]error)
	client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, r *kmsg.OffsetCommitResponse, err error) {
		if failed = err; err != nil {
			return
		}
		for _, t := range r.Topics {
			for _, x := range t.Partitions {
				told[place{t.Topic, x.Partition}] = kerr.ErrorForCode(x.ErrorCode)
			}
		}
	})
	if failed != nil {
		d.failedCommits.Add(1)
		return errors.Join(errCommit, failed)
	}
	d.commits.Add(1)
	for _, p := range of {
		err, ok := told[p.at]
		if !ok {
			continue
		}
		if p.refused = err; err == nil {
			p.committed = p.position
		} else {
			d.failedCommits.Add(1)
		}
	}
	return nil
}

// errCommit is what failed where the group was not told.
var errCommit = errors.New("the offsets were not committed")

// state is what a door says of itself, as of its last round.
type state struct {
	partitions, stopped int
	paused              bool
	lag                 int64
	lags                []Lag
}

// Lag is how many messages of a partition are not durable yet, as far as the broker has
// told: it does with every answer that has messages.
type Lag struct {
	Topic     string
	Partition int32
	Messages  int64
}

// note keeps what the door says of itself.
func (d *Door) note() {
	s := &state{partitions: len(d.owned), paused: d.paused}
	for at, p := range d.owned {
		if p.stopped {
			s.stopped++
		}
		n := int64(0)
		if p.next >= 0 {
			n = max(p.highWater-p.next, 0)
		}
		s.lag += n
		s.lags = append(s.lags, Lag{at.topic, at.partition, n})
	}
	slices.SortFunc(s.lags, func(a, b Lag) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	s.lags = s.lags[:min(len(s.lags), maxLags)]
	d.state.Store(s)
}

// Consumed is how it goes with the topics.
type Consumed struct {
	// Bad counts messages that were not taken, Pauses how often nothing was fetched since
	// spans had to wait, Commits and FailedCommits what the group was told.
	Bad, Pauses, Commits, FailedCommits int64
	// Partitions are those that this member has, Stopped those that stand still at a bad
	// message.
	Partitions, Stopped int
	Paused              bool
	// Lag is the sum of all lags; Lags are those of the first partitions, by topic and number,
	// as many as are told.
	Lag  int64
	Lags []Lag
}

// Consumed returns how it goes.
func (d *Door) Consumed() Consumed {
	s := d.state.Load()
	return Consumed{
		Bad: d.bad.Load(), Pauses: d.pauses.Load(), Commits: d.commits.Load(), FailedCommits: d.failedCommits.Load(),
		Partitions: s.partitions, Stopped: s.stopped, Paused: s.paused, Lag: s.lag, Lags: s.lags,
	}
}
