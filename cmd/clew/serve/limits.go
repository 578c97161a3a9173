package serve

import "time"

const (
	// The parts of an end after SIGTERM, one after the other. Together they stay
	// under the 8 s promised, and under the 10 s that container runtimes wait
	// before they kill: the demo's last spans; answers being read, of which those
	// without end (a tail somebody watches) get shutdownStreams; the store's
	// commit, which is milliseconds; requests at the doors.
	shutdownDemo    = 2 * time.Second
	shutdownStreams = 300 * time.Millisecond
	shutdownPage    = 2 * time.Second
	shutdownDoors   = 2 * time.Second

	// retryAfter is what a server that is going down tells clients to wait: a
	// restart is over by then.
	retryAfter = 2 * time.Second

	// trafficTicks is how often within a step it is looked whether the step is over.
	trafficTicks = 5

	// kafkaShare is the part of the memory for requests that brokers of Kafka may send at a
	// time, each of them: it grows when it is unpacked, and waits while what came before it
	// is taken.
	kafkaShare = 16

	// demoPatience is how long who stops the demo shop through the API waits for
	// its last visitors.
	demoPatience = time.Minute
)
