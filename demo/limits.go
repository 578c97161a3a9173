package demo

import "time"

const (
	// maxSpansPerSecond bounds Config.SpansPerSecond, to catch typing errors.
	// A span costs about 80 µs of CPU time (BenchmarkShop), so a core does some
	// 12,000 a second; beyond what the machine can do, the load just lags.
	maxSpansPerSecond = 50_000

	// defaultSpansPerSecond is lively on the page and unnoticed by the machine.
	defaultSpansPerSecond = 200

	// maxInFlight is how many requests the load holds open at once. A request
	// takes about 50 ms and makes about 16 spans, so 256 would reach
	// 80,000 spans/s; what is above that is a stalled endpoint, not load.
	maxInFlight = 256

	// maxCatchUp is how far the load may fall behind its rate and still make up
	// for it. What a longer stall cost is forgiven: a burst after an outage
	// would be a second outage.
	maxCatchUp = 2 * time.Second

	// queueSpans is each instance's queue before its exporter. Ended spans wait
	// here; when it is full, End waits. At about 1 KiB a span and 16 instances
	// this is 32 MiB at the very most.
	queueSpans = 2048

	// batchSpans is the largest export request, about 400 KiB of protobuf: far
	// under the 4 MiB at which gRPC servers refuse by default.
	batchSpans = 512

	// batchDelay is how long an ended span may wait for company, so that a
	// trace is on the page within a second of its end.
	batchDelay = 300 * time.Millisecond

	// attemptTimeout is for one export attempt. Beyond it a reply is taken as
	// lost and the batch is sent again.
	attemptTimeout = 10 * time.Second

	// retryFirst, retryMost and retryFor shape the SDK's exponential back-off:
	// quick enough for a restarted server, long enough for a slow one.
	retryFirst = 200 * time.Millisecond
	retryMost  = 2 * time.Second
	retryFor   = 3 * time.Minute

	// flushAfterDuration is how long Run tries to deliver what is left once its
	// duration is over; flushAfterCancel the same once its context has ended,
	// when somebody is waiting for the process to go.
	flushAfterDuration = 30 * time.Second
	flushAfterCancel   = 5 * time.Second

	// logEvery spaces repeated messages about one trouble.
	logEvery = 10 * time.Second

	// progressEvery is how often Config.Progress is called.
	progressEvery = time.Second

	// requestTimeout is the shopper's patience: the load gives up on the
	// frontend after it. Far above the slowest answer (see riskSlowMost).
	requestTimeout = 10 * time.Second

	// riskTimeout is fraud's patience with the risk partner. In a slow phase
	// about a third of its answers take longer.
	riskTimeout = 400 * time.Millisecond

	// riskFastLeast to riskFastMost is how long the risk partner takes in good
	// times, riskSlowLeast to riskSlowMost in bad ones.
	riskFastLeast = 4 * time.Millisecond
	riskFastMost  = 15 * time.Millisecond
	riskSlowLeast = 180 * time.Millisecond
	riskSlowMost  = 520 * time.Millisecond

	// catalogMost, rankLeast to rankMost and authorizeLeast to authorizeMost are
	// what disks, models and banks take beyond what this process computes.
	catalogMost    = 3 * time.Millisecond
	rankLeast      = time.Millisecond
	rankMost       = 8 * time.Millisecond
	authorizeLeast = 8 * time.Millisecond
	authorizeMost  = 60 * time.Millisecond

	// slowPeriod is the length of one cycle of the risk partner, slowPhase how
	// long it is slow in each. Two minutes of demo show it at least once.
	slowPeriod = 60 * time.Second
	slowPhase  = 15 * time.Second

	// productCount and userCount give keys of middling cardinality: a thousand
	// users are too many for a legend and few enough to come back.
	productCount = 120
	userCount    = 1000

	// cartItemsMost bounds a cart, and with it the size of a checkout's trace.
	cartItemsMost = 6

	// keptOrders is how many orders the database keeps; the warehouse deletes
	// older ones, so that a demo may run for weeks in constant memory.
	keptOrders = 5000

	// orderQueueMessages bounds the order queue. A full queue makes the
	// checkout wait.
	orderQueueMessages = 256

	// consumerBatch is how many messages a consumer takes at once: links per
	// consumer span range from one to this.
	consumerBatch = 8

	// databaseConns and cacheConns bound one instance's pools.
	databaseConns = 8
	cacheConns    = 16

	// cacheLifetime is how long catalog and recommendation keep an answer.
	cacheLifetime = 20 * time.Second

	// streamWorkers is how many goroutines each gRPC server keeps for calls;
	// calls beyond them get new ones.
	streamWorkers = 4

	// replyBytes bounds what the shop reads of an HTTP body.
	replyBytes = 1 << 20

	// exportReplyBytes bounds what is read of an export reply.
	exportReplyBytes = 1 << 20
)
