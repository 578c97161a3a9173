package demo

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// cacheName is where the cache answers.
const cacheName = "cache.shop:6379"

// cacheServer is a Redis server in this process.
type cacheServer struct {
	redis    *miniredis.Miniredis
	password string
	stop     context.CancelFunc
	done     chan struct{}
}

// startCache starts the cache and makes its keys age.
func startCache(m *mesh, password string) (*cacheServer, error) {
	s := miniredis.NewMiniRedis()
	s.RequireAuth(password)
	if err := s.StartAddr("127.0.0.1:0"); err != nil {
		return nil, err
	}
	m.publish(cacheName, s.Addr())
	ctx, stop := context.WithCancel(context.Background())
	c := &cacheServer{redis: s, password: password, stop: stop, done: make(chan struct{})}
	go c.age(ctx)
	return c, nil
}

// age lets time pass in the server, which has no clock of its own for lifetimes.
func (c *cacheServer) age(ctx context.Context) {
	defer close(c.done)
	const step = time.Second
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.redis.FastForward(step)
		}
	}
}

// Close ends the server and waits for its connections.
func (c *cacheServer) Close() error {
	c.stop()
	<-c.done
	c.redis.Close()
	return nil
}

// cacheClient makes instance in's client of the cache, with a span per command.
func (m *mesh) cacheClient(in *instance, password string) *redis.Client {
	client := redis.NewClient(&redis.Options{
		Addr:     cacheName,
		Password: password,
		Protocol: 2,
		PoolSize: cacheConns,
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx, cacheName, m.lookup(cacheName)[0])
		},
		MaxRetries:               -1, // a retry would be a second command under one span
		DisableIdentity:          true,
		ContextTimeoutEnabled:    true,
		PipelinePoolSize:         -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	host, port := splitName(cacheName)
	client.AddHook(cacheSpans{tracer: in.tracer, common: []attribute.KeyValue{
		semconv.DBSystemNameRedis, semconv.DBNamespace("0"), semconv.ServerAddress(host), semconv.ServerPort(port),
	}})
	m.addClient(client)
	return client
}

// splitName takes host:port apart.
func splitName(name string) (host string, port int) {
	host, digits, _ := strings.Cut(name, ":")
	port, _ = strconv.Atoi(digits)
	return host, port
}

// cacheSpans is a go-redis hook that makes a client span of each command, after
// the semantic conventions for databases.
type cacheSpans struct {
	tracer trace.Tracer
	common []attribute.KeyValue
}

// DialHook changes nothing.
func (s cacheSpans) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook makes a span of one command.
func (s cacheSpans) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if handshake(cmd) {
			return next(ctx, cmd)
		}
		verb := strings.ToUpper(cmd.Name())
		ctx, span := s.start(ctx, verb, semconv.DBOperationName(verb), semconv.DBQueryText(commandText(cmd)))
		defer span.End()
		err := next(ctx, cmd)
		finishCommand(span, cmd, err)
		return err
	}
}

// ProcessPipelineHook makes a span of a pipeline.
func (s cacheSpans) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if len(cmds) == 0 || handshake(cmds[0]) {
			return next(ctx, cmds)
		}
		text := make([]string, len(cmds))
		for i, cmd := range cmds {
			text[i] = commandText(cmd)
		}
		ctx, span := s.start(ctx, "PIPELINE", semconv.DBOperationName("PIPELINE"),
			semconv.DBOperationBatchSize(len(cmds)), semconv.DBQueryText(strings.Join(text, "\n")))
		defer span.End()
		err := next(ctx, cmds)
		finishCommand(span, nil, err)
		return err
	}
}

func (s cacheSpans) start(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	return s.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(s.common...), trace.WithAttributes(attrs...))
}

// handshake reports whether the command belongs to opening a connection.
func handshake(cmd redis.Cmder) bool {
	switch cmd.Name() {
	case "hello", "auth", "client", "select":
		return true
	}
	return false
}

// commandText is the command without its values, as the conventions ask.
func commandText(cmd redis.Cmder) string {
	args := cmd.Args()
	text := strings.ToUpper(cmd.Name())
	for i := 1; i < len(args); i++ {
		key, isText := args[i].(string)
		if i == 1 && isText {
			text += " " + key
		} else {
			text += " ?"
		}
	}
	return text
}

// finishCommand tells the outcome. A key that is not there is no error.
func finishCommand(span trace.Span, cmd redis.Cmder, err error) {
	switch {
	case errors.Is(err, redis.Nil):
		span.SetAttributes(attribute.Bool("cache.hit", false))
	case err != nil:
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
		span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
	case cmd != nil && cmd.Name() == "get":
		span.SetAttributes(attribute.Bool("cache.hit", true))
	}
}
