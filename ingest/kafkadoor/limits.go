package kafkadoor

import "time"

const (
	// batchBytes and batchRecords bound what is appended together of one partition: enough
	// that an append costs little per message, and no more than a usual request of a
	// collector. A larger message is alone. Who changes them has messages that were
	// appended, but not committed, when the program ended, taken again in other batches.
	batchBytes   = 1 << 20
	batchRecords = 4096

	// pollRecords bounds what is taken from the client at a time, and so what is tried
	// again while the store takes nothing.
	pollRecords = 16 << 10

	// DefaultFetchBytes bounds what a broker sends at a time, packed as it was produced;
	// minFetchBytes is the least that lets any usual message through, and partitionBytes
	// what one partition may have of it.
	DefaultFetchBytes = 8 << 20
	minFetchBytes     = 1 << 20
	partitionBytes    = 1 << 20

	// maxFetches bounds the brokers that are asked at once, and with DefaultFetchBytes what
	// is held of what they sent, however many there are. Of more brokers that all are quiet
	// one waits a linger longer for every four.
	maxFetches = 4

	// minUnpacked is what a batch of messages, as a producer packed it, may come to in any
	// case. It may come to as much as a request, too; what is more is bad as a whole.
	minUnpacked = 8 << 20

	// linger is how long a broker waits for lingerBytes to be there. It is what a message
	// in a quiet topic waits, and how often a quiet topic is asked for.
	linger      = 200 * time.Millisecond
	lingerBytes = 256 << 10

	// workers bounds the partitions whose batches are appended at once: their syncs are
	// shared, and translating them has to leave processors to others.
	workers = 4

	// retryMost is how long a store that takes nothing is left alone before it is asked
	// again: it may be a full buffer that is empty in a moment.
	retryMost = 250 * time.Millisecond

	// session is how long a member that is not heard of keeps its partitions: who kills and
	// restarts a server waits for that. Heartbeats are sent every three seconds, whatever
	// a round does.
	session = 10 * time.Second

	// commitPatience is how long a commit may take, which waits for a rebalance; then the
	// messages are held, and their partitions may be given up.
	commitPatience = 5 * time.Second

	// replayPatience is how long the rest of a batch is waited for that was planned before
	// a restart. It is there, unless the broker has removed it since.
	replayPatience = 10 * time.Second

	// leavePatience is how long the end waits for a round under way, and then for the last
	// commit and for leaving the group: a part of the 8 s that the program has.
	leavePatience = time.Second

	// stateInterval is how often the log says that a partition stands still, and
	// tellInterval how often it tells of one kind of trouble.
	stateInterval = time.Minute
	tellInterval  = 10 * time.Second

	// maxTrouble bounds the kinds of trouble that are told apart.
	maxTrouble = 64

	// maxLags bounds the partitions whose lag is told each for itself.
	maxLags = 256

	// maxPasswordBytes bounds the file of a password.
	maxPasswordBytes = 64 << 10
)
