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
)
