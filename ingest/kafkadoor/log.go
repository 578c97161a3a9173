package kafkadoor

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// teller logs, and what comes again and again only once in a while.
type teller struct {
	*slog.Logger

	mu   sync.Mutex
	told map[string]*trouble // by message
}

// trouble is one kind of it.
type trouble struct {
	last   time.Time
	missed int // since it was told
}

func newTeller(log *slog.Logger) *teller {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &teller{Logger: log, told: make(map[string]*trouble)}
}

// tell logs a message, unless it did so a moment ago; then the next one says how often.
func (t *teller) tell(level slog.Level, every time.Duration, message string, args ...any) {
	now := time.Now()
	t.mu.Lock()
	x := t.told[message]
	if x == nil {
		if len(t.told) == maxTrouble {
			clear(t.told)
		}
		x = new(trouble)
		t.told[message] = x
	}
	if now.Sub(x.last) < every {
		x.missed++
		t.mu.Unlock()
		return
	}
	missed := x.missed
	x.last, x.missed = now, 0
	t.mu.Unlock()
	if missed > 0 {
		args = append(args, "untold", missed)
	}
	t.Logger.Log(context.Background(), level, message, args...)
}

// clientLog is what the client of Kafka logs to. What it takes for an error is one that it
// tries again.
type clientLog struct {
	*teller
	tls  bool // as it was told to
	sasl string
}

// Level implements kgo.Logger.
func (l clientLog) Level() kgo.LogLevel {
	if l.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelWarn
}

// Log implements kgo.Logger.
func (l clientLog) Log(level kgo.LogLevel, message string, args ...any) {
	if level <= kgo.LogLevelWarn {
		l.tell(slog.LevelWarn, tellInterval, "Kafka: "+message, args...)
		return
	}
	l.Debug("Kafka: "+message, args...)
}

// OnBrokerConnect implements kgo.HookBrokerConnect. Some brokers close a connection where
// they do not like who is there, and say no more.
func (l clientLog) OnBrokerConnect(b kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil && !errors.Is(err, kgo.ErrClientClosed) {
		l.tell(slog.LevelWarn, tellInterval, "a broker of Kafka does not let this server in; trying again", "broker", net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))), "tls", l.tls, "sasl", l.sasl, "error", err)
	}
}

// OnGroupManageError implements kgo.HookGroupManageError.
func (l clientLog) OnGroupManageError(err error) {
	if !errors.Is(err, kgo.ErrClientClosed) && !errors.Is(err, context.Canceled) {
		l.tell(slog.LevelWarn, tellInterval, "the group of Kafka cannot be joined, or was lost; trying again", "error", err)
	}
}
