package main

import "time"

const (
	// benchSettle is how long after the last acknowledgement disk and CPU are
	// read: idle heads are sealed and their log is gone by then.
	benchSettle = 75 * time.Second

	// benchEventLag keeps the newest span of a corpus a little in the past, as
	// spans are when they arrive.
	benchEventLag = 2 * time.Second

	// maxBenchRuns bounds --runs; medians gain nothing from more.
	maxBenchRuns = 1000

	// benchStartup bounds how long a server may take to open its ports.
	benchStartup = 30 * time.Second

	// benchShutdown bounds how long it may take to end after SIGTERM: more than
	// the 8 s that serve promises, so that a broken promise shows as an error.
	benchShutdown = 15 * time.Second

	// benchPoll is how often the addresses file is looked for.
	benchPoll = 20 * time.Millisecond

	// benchLogTail is how much of a dead server's log is shown.
	benchLogTail = 4 << 10

	// benchQueryTime and benchQueryCount bound the repetitions of one query:
	// enough for a median and for CPU in ticks of 10 ms.
	benchQueryTime  = 300 * time.Millisecond
	benchQueryCount = 200

	// benchTraceCount is how many traces are fetched and counted.
	benchTraceCount = 32
)
