package ingest

import "time"

const (
	// DefaultMaxBodyBytes bounds a request, packed and unpacked: the largest
	// batches that collectors send are 8 to 16 MiB.
	DefaultMaxBodyBytes = 64 << 20

	// DefaultBudgetBytes bounds the requests being worked on at once: one of the
	// largest in all its forms (packed JSON, unpacked, translated: three times its
	// limit) and then some, or thousands of the usual.
	DefaultBudgetBytes = 256 << 20

	// overBudgetRetry is how long a sender waits when memory is short: a request
	// is worked on for milliseconds, and a second spreads the senders.
	overBudgetRetry = time.Second

	// leavingRetry is how long a sender waits for a server that is going down: a
	// restart is over by then.
	leavingRetry = 2 * time.Second

	// minRetry is the least that a sender is told to wait: Retry-After counts in
	// seconds, and 0 would mean at once.
	minRetry = time.Second

	// maxReasonBytes bounds what is kept of the reason of the last refusal.
	maxReasonBytes = 1024

	// DefaultBodyTimeout is how long the whole of a request may take to arrive.
	// OTLP's exporters give up after 10 s; what is slower than three times that
	// only holds memory.
	DefaultBodyTimeout = 30 * time.Second

	// drainTimeout is how long an answer that leaves before its request was read
	// waits for the rest: a small rest that is on its way lets the connection be
	// used again, and net/http reads it before it answers. A sender that stalls
	// loses the connection.
	drainTimeout = 500 * time.Millisecond

	// requestOverhead is reserved for each request besides its body: goroutine,
	// headers, connection. It bounds how many are worked on at once.
	requestOverhead = 16 << 10

	// expectedRatio is how much larger unpacked than packed a request is expected
	// to be at most; that is reserved first. Shop requests unpack to the sixfold.
	expectedRatio = 16

	// minUnpacked is reserved for the smallest packed request.
	minUnpacked = 4 << 10

	// unpackStep is by how much more is reserved, each time what was reserved did
	// not suffice and unpacking begins anew: the tries before the last add an
	// eighth to its time.
	unpackStep = 8

	// The classes of buffers: what is reserved for a body before any of it came is
	// the first, so that a length that is only claimed costs little. What is larger
	// than the last is not kept for the next request.
	smallBuffer  = 64 << 10
	mediumBuffer = 512 << 10
	largeBuffer  = 4 << 20

	// maxMessageBytes bounds the text that a sender is told: it ends in logs, and
	// in gRPC in a header, which some clients bound at 8 KiB with all its forms.
	maxMessageBytes = 1024

	// maxNameBytes shortens what a sender sent and is told again.
	maxNameBytes = 64

	// preflightAge is how long a browser remembers what a preflight answered, the
	// most that Chromium takes.
	preflightAge = 2 * time.Hour

	// maxEchoedHeaders and maxEchoedBytes bound the request headers that a
	// preflight asks for and gets back as allowed.
	maxEchoedHeaders = 32
	maxEchoedBytes   = 1024

	// maxTimeoutDigits bounds grpc-timeout, as gRPC's specification does.
	maxTimeoutDigits = 8

	// maxTimeout is longer than anybody waits for an answer.
	maxTimeout = 1000 * time.Hour

	// datagramPatience is how long datagrams wait for memory or the store: a sync of a
	// disk that is slow. Meanwhile those behind them are queued.
	datagramPatience = 5 * time.Second

	// datagramRetry is how long they wait between two tries. There are as many who wait
	// as there are workers, which are few.
	datagramRetry = 100 * time.Millisecond
)
