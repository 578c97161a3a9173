package demo

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// queue is a topic with consumer groups, in memory: each message goes to every
// group once. Safe for concurrent use.
//
// A message carries the producer's trace context in its headers, as a broker's
// would; the consumers' spans are roots of traces of their own, linked to it:
//
//	trace A   checkout ── send orders (producer)
//	                            ▲ link
//	trace B   process orders (consumer) ── SELECT orders, render, …
type queue struct {
	topic  string
	groups []*group
	serial atomic.Uint64
}

// group is one service's place in the queue.
type group struct {
	name     string
	messages chan message
}

// message is an order on its way.
type message struct {
	id      string
	headers propagation.MapCarrier
	order   placedOrder
}

// newQueue makes a queue for groups.
func newQueue(topic string, groups ...string) *queue {
	q := &queue{topic: topic}
	for _, name := range groups {
		q.groups = append(q.groups, &group{name: name, messages: make(chan message, orderQueueMessages)})
	}
	return q
}

// attributes are what producer and consumers have in common.
func (q *queue) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String("in_memory"),
		semconv.MessagingDestinationName(q.topic),
	}
}

// send publishes an order as instance in, waiting while a group is full.
func (q *queue) send(ctx context.Context, in *instance, o placedOrder) error {
	id := fmt.Sprintf("%s-%08d", q.topic, q.serial.Add(1))
	ctx, span := in.tracer.Start(ctx, "send "+q.topic, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(q.attributes()...),
		trace.WithAttributes(
			semconv.MessagingOperationName("send"),
			semconv.MessagingOperationTypeSend,
			semconv.MessagingMessageID(id),
			semconv.MessagingClientID(in.id),
			attribute.String("shop.order.id", o.ID),
		))
	defer span.End()
	m := message{id: id, headers: propagation.MapCarrier{}, order: o}
	propagator().Inject(ctx, m.headers)
	for _, g := range q.groups {
		select {
		case g.messages <- m:
		case <-ctx.Done():
			return failed(span, ctx.Err())
		}
	}
	return nil
}

// close lets consumers finish what is in the queue and end. Nobody sends any more.
func (q *queue) close() {
	for _, g := range q.groups {
		close(g.messages)
	}
}

// consume hands batches of orders to handle, as instance in of the named group,
// until the queue is closed and empty.
func (q *queue) consume(wg *sync.WaitGroup, in *instance, groupName string, handle func(context.Context, []placedOrder)) {
	for _, g := range q.groups {
		if g.name == groupName {
			wg.Go(func() {
				for first := range g.messages {
					q.process(in, g, g.take(first), handle)
				}
			})
		}
	}
}

// take collects what is waiting behind first, up to consumerBatch.
func (g *group) take(first message) []message {
	batch := []message{first}
	for len(batch) < consumerBatch {
		select {
		case m, open := <-g.messages:
			if !open {
				return batch
			}
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}

// process runs handle under a consumer span linked to every message's producer.
func (q *queue) process(in *instance, g *group, batch []message, handle func(context.Context, []placedOrder)) {
	links := make([]trace.Link, len(batch))
	orders := make([]placedOrder, len(batch))
	for i, m := range batch {
		from := trace.SpanContextFromContext(propagator().Extract(context.Background(), m.headers))
		links[i] = trace.Link{SpanContext: from, Attributes: []attribute.KeyValue{semconv.MessagingMessageID(m.id)}}
		orders[i] = m.order
	}
	attrs := append(q.attributes(),
		semconv.MessagingOperationName("process"),
		semconv.MessagingOperationTypeProcess,
		semconv.MessagingConsumerGroupName(g.name),
		semconv.MessagingClientID(in.id),
		semconv.MessagingBatchMessageCount(len(batch)),
	)
	ctx, span := in.tracer.Start(context.Background(), "process "+q.topic, trace.WithNewRoot(),
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...), trace.WithAttributes(attrs...))
	defer span.End()
	handle(ctx, orders)
}
