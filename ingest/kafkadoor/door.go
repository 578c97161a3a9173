// Package kafkadoor takes spans from topics of Kafka, as a member of a consumer group.
//
// What is polled is taken in rounds, of each partition one group of messages after the other:
//
//	plan     the offset stays where it is, and says in its metadata where the group ends
//	append   the group in batches, by tenant; the store's reply says that they are durable
//	commit   the offset moves behind the group
//
// So no message is forgotten before its spans are durable. And who has the partition next,
// if the program ended between append and commit, cuts the same messages into the same
// batches, whose records the store knows: docs/adr/005-resend-by-body-hash.md.
package kafkadoor

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/clew-tracing/clew/ingest"
)

// AnyTenant has the header of each message name its tenant.
const AnyTenant = "*"

// Topic is one that is read, and what its messages are.
type Topic struct {
	Name     string
	Encoding Encoding
}

// Config is what the door needs besides what every door does.
type Config struct {
	ingest.Config
	// Brokers are asked for the others: host:port.
	Brokers []string
	Topics  []Topic
	Group   string
	// Tenant is whose the spans are; AnyTenant takes it from the header X-Scope-OrgID of a
	// message, and the default one where it has none.
	Tenant string
	// FromEnd begins a partition of which nothing was committed at its end, not at its
	// beginning.
	FromEnd bool
	// StopAtBad has a partition stand still at a message that is not in its encoding;
	// otherwise it is left out.
	StopAtBad bool
	// FetchBytes bounds what a broker sends at a time; 0 is DefaultFetchBytes.
	FetchBytes int
	// TLS, where not nil, is how brokers are spoken to.
	TLS    *tls.Config
	SASL   SASL
	Logger *slog.Logger
}

// Door is the door. One goroutine runs it; what it counts may be asked for at any time.
type Door struct {
	*ingest.Door
	cfg    Config
	topics map[string]translate
	log    *teller
	client *kgo.Client // while it runs

	mu     sync.Mutex // held by a round, and while partitions come and go
	owned  map[place]*partition
	paused bool // since the store takes nothing, or commits fail

	bad, pauses, commits, failedCommits atomic.Int64
	state                               atomic.Pointer[state]
}

// New returns a door.
func New(cfg Config) *Door {
	if cfg.FetchBytes <= 0 {
		cfg.FetchBytes = DefaultFetchBytes
	}
	d := &Door{Door: ingest.NewDoor(cfg.Config, "kafka"), cfg: cfg, topics: make(map[string]translate), log: newTeller(cfg.Logger), owned: make(map[place]*partition)}
	if cfg.MaxBodyBytes <= 0 {
		d.cfg.MaxBodyBytes = ingest.DefaultMaxBodyBytes
	}
	all := translations()
	for _, t := range cfg.Topics {
		d.topics[t.Name] = all[t.Encoding]
	}
	d.state.Store(new(state))
	return d
}

// Run takes what comes until ctx ends; what is being taken then is taken to its end, and
// committed. An error says that it could not begin, for what it was told: brokers that
// are not there are waited for.
func (d *Door) Run(ctx context.Context) error {
	client, err := d.connect()
	if err != nil {
		return err
	}
	d.client = client
	d.log.Info("spans are taken from Kafka", "brokers", d.cfg.Brokers, "topics", d.names(), "group", d.cfg.Group)
	work, end := lasting(ctx)
	defer end()
	for next := (step{}); ctx.Err() == nil; {
		fetches := d.poll(ctx, next)
		if ctx.Err() != nil {
			break // what was polled is there the next time
		}
		next = d.round(work, fetches)
	}
	d.leave()
	return nil
}

// lasting returns a context that ends a while after ctx, for what was begun before.
func lasting(ctx context.Context) (context.Context, func()) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(leavePatience, cancel) })
	return work, func() { stop(); cancel() }
}

func (d *Door) names() []string {
	var out []string
	for _, t := range d.cfg.Topics {
		out = append(out, t.Name)
	}
	return out
}

// step says how it goes on after a round.
type step struct {
	// retry is how long to wait before what is held is tried again; 0: nothing is.
	retry time.Duration
	// more says that there is more to be taken without polling.
	more bool
	// patience is how long to wait for messages.
	patience time.Duration
}

// poll returns what came.
func (d *Door) poll(ctx context.Context, next step) kgo.Fetches {
	switch {
	case next.retry > 0:
		pause(ctx, next.retry)
		return nil
	case next.more:
		return nil
	case next.patience == 0:
		next.patience = stateInterval
	}
	waiting, cancel := context.WithTimeout(ctx, next.patience)
	defer cancel()
	fetches := d.client.PollRecords(waiting, pollRecords)
	failed := false
	fetches.EachError(func(topic string, partition int32, err error) {
		if waiting.Err() != nil && errors.Is(err, waiting.Err()) {
			return
		}
		failed = true
		d.log.tell(slog.LevelWarn, tellInterval, "Kafka cannot be read; trying again", "topic", topic, "partition", partition, "error", err)
	})
	if failed && fetches.NumRecords() == 0 {
		pause(ctx, retryMost) // it may fail at once, again and again
	}
	return fetches
}

// pause waits, until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

// leave leaves the group, so that others get its partitions at once. A broker that does not
// answer does not hold up the end.
func (d *Door) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leavePatience)
	defer cancel()
	if err := d.client.LeaveGroupContext(ctx); err != nil {
		d.log.Info("the group was not left; its partitions are free after its session", "group", d.cfg.Group, "error", err)
	}
	closed := make(chan struct{})
	go func() { d.client.Close(); close(closed) }()
	select {
	case <-closed:
	case <-ctx.Done():
	}
}
