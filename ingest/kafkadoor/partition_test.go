package kafkadoor

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// records are messages at offsets from first to before end.
func records(first, end int64, size int) []*kgo.Record {
	var out []*kgo.Record
	for at := first; at < end; at++ {
		out = append(out, &kgo.Record{Offset: at, Value: make([]byte, size)})
	}
	return out
}

// fetched is an answer with messages.
func fetched(r []*kgo.Record) *kgo.FetchTopicPartition {
	f := new(kgo.FetchTopicPartition)
	f.Records = r
	if len(r) > 0 {
		f.HighWatermark = r[len(r)-1].Offset + 1
	}
	return f
}

// TestPlannedGroup: a group that was planned is waited for until it is whole, and ends where
// it was planned to, however it comes; what is durable is not taken again.
func TestPlannedGroup(t *testing.T) {
	p := &partition{position: position{next: 10, until: 20}}
	now := time.Unix(1000, 0)
	p.receive(fetched(records(5, 15, 1)))
	if ok, waits := p.ready(now); ok || !waits || len(p.held) != 5 {
		t.Fatalf("half a group: ready %v, waits %v, %d held", ok, waits, len(p.held))
	}
	p.receive(fetched(records(13, 30, 1))) // some of it again
	if ok, _ := p.ready(now); !ok || p.until != 20 || len(p.held) != 20 || p.highWater != 30 {
		t.Fatalf("a whole group: ready %v until %d, %d held", ok, p.until, len(p.held))
	}
	if b := p.batch(); len(b) != 10 {
		t.Fatalf("a batch of %d, want 10", len(b))
	}
	p.durable(p.batch())
	if b := p.batch(); len(b) != 0 || p.next != 20 {
		t.Fatalf("behind the group: %d messages, next %d", len(b), p.next)
	}
	p.until = 0
	if ok, _ := p.ready(now); !ok || p.until != 30 {
		t.Fatalf("the next group: until %d", p.until)
	}
}

// TestGroupThatIsGone: what the broker has removed since is not waited for without end.
func TestGroupThatIsGone(t *testing.T) {
	p := &partition{position: position{next: 10, until: 20}}
	p.receive(fetched(records(10, 15, 1)))
	now := time.Unix(1000, 0)
	if ok, waits := p.ready(now); ok || !waits {
		t.Fatal("it is not waited for")
	}
	if ok, waits := p.ready(now.Add(replayPatience - 1)); ok || !waits {
		t.Fatal("it is not waited for long enough")
	}
	if ok, _ := p.ready(now.Add(replayPatience)); !ok || p.until != 15 {
		t.Fatalf("it is waited for still, until %d", p.until)
	}
	// A compacted topic has another message where the last one was.
	p = &partition{position: position{next: 10, until: 20}}
	p.receive(fetched(records(25, 27, 1)))
	if ok, _ := p.ready(now); !ok {
		t.Fatal("a group whose end is passed is waited for")
	}
	if b := p.batch(); len(b) != 0 {
		t.Fatalf("%d messages behind the group are of it", len(b))
	}
}

// TestBatches: they are bounded by bytes and by messages; a large message is alone.
func TestBatches(t *testing.T) {
	for _, c := range []struct{ n, size, want int }{{10, 1, 10}, {10_000, 1, batchRecords}, {10, batchBytes / 4, 4}, {3, batchBytes * 2, 1}, {3, batchBytes/2 + 1, 1}, {1, 0, 1}} {
		p := &partition{position: position{next: -1}}
		p.receive(fetched(records(7, int64(7+c.n), c.size)))
		if ok, _ := p.ready(time.Now()); !ok || p.next != 7 {
			t.Fatalf("%+v: not ready, next %d", c, p.next)
		}
		if b := p.batch(); len(b) != c.want {
			t.Errorf("%+v: %d messages", c, len(b))
		}
	}
}

// TestTell: what comes again and again is told once in a while, with how often it was not,
// and kinds of it do not add up.
func TestTell(t *testing.T) {
	l := newTeller(nil)
	for i := range 10 * maxTrouble {
		l.tell(0, time.Hour, string(rune('a'+i)))
		l.tell(0, time.Hour, "the same")
	}
	if n := len(l.told); n > maxTrouble {
		t.Errorf("%d kinds are remembered", n)
	}
	if x := l.told["the same"]; x == nil || x.missed == 0 {
		t.Errorf("%+v", x)
	}
}

// TestDataLoss: where the broker has lost messages, what it has there now is taken.
func TestDataLoss(t *testing.T) {
	p := &partition{position: position{next: 10, until: 20}, committed: position{next: 10, until: 20}, epoch: 3}
	p.receive(fetched(records(10, 15, 1)))
	f := fetched(records(7, 9, 1))
	f.Err = &kgo.ErrDataLoss{ResetTo: 7, ResetToEpoch: 4}
	p.receive(f)
	if ok, _ := p.ready(time.Now()); !ok || p.next != 7 || p.until != 9 || p.epoch != 4 || len(p.held) != 2 {
		t.Errorf("ready %v from %d until %d, %d held", ok, p.next, p.until, len(p.held))
	}
}
