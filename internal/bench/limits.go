package bench

import "time"

const (
	// defaultSettle is how long after the last acknowledgement disk and CPU are
	// read: idle heads are sealed and their log is gone by then.
	defaultSettle = 75 * time.Second

	// eventLag keeps the newest span of a corpus a little in the past, as
	// spans are when they arrive.
	eventLag = 2 * time.Second

	// maxRuns bounds --runs; medians gain nothing from more.
	maxRuns = 1000

	// startupTime bounds how long a server may take to open its ports.
	startupTime = 30 * time.Second

	// shutdownTime bounds how long it may take to end after SIGTERM: more than
	// the 8 s that serve promises, so that a broken promise shows as an error.
	shutdownTime = 15 * time.Second

	// pollEvery is how often the addresses file is looked for.
	pollEvery = 20 * time.Millisecond

	// logTail is how much of a dead server's log is shown.
	logTail = 4 << 10

	// repeatTime and maxRepeats bound the repetitions of one query:
	// enough for a median and for CPU in ticks of 10 ms.
	repeatTime = 300 * time.Millisecond
	maxRepeats = 200

	// warmRepeats is how often a question of --queries is asked before it is timed; then
	// it is asked in timedBatches, each of about batchTime: the clock of a process is
	// brought up to date with each of its threads' turns, which last milliseconds.
	warmRepeats  = 3
	timedBatches = 21
	batchTime    = 100 * time.Millisecond

	// maxTraces is how many traces are fetched and counted.
	maxTraces = 32

	// requestTimeout bounds one question: answers are milliseconds, a scan of a
	// large store is seconds.
	requestTimeout = time.Minute

	// maxTraceBody bounds a trace fetched to be counted: a million spans of
	// 500 B are 500 MB.
	maxTraceBody = 1 << 30

	// maxAnswer bounds an answer in JSON: the longest, a page of 20 traces, is a
	// few KB.
	maxAnswer = 16 << 20

	// maxProfileBytes bounds a CPU profile: ten seconds are some 100 KB.
	maxProfileBytes = 64 << 20

	// defaultAfter is how long somebody waits who is told to come again and not when;
	// maxAfter bounds what a server may say.
	defaultAfter = time.Second
	maxAfter     = 10 * time.Second

	// maxAskers bounds --askers: each has a connection.
	maxAskers = 4096

	// defaultBefore is how many spans askers ask about unless --before says: a store
	// in which every question finds something.
	defaultBefore = 200_000

	// beforeGap keeps the times of what came before apart from those of the load, so
	// that whole minutes of the one have nothing of the other.
	beforeGap = 3 * time.Minute

	// maxWrong is how many wrong answers one asker collects before it goes.
	maxWrong = 5

	// cancelHead is how long questions run before they are given up: until they all
	// compute. cancelSoon is how soon after that a server has to have stopped, and
	// cancelAfter how long it is watched then, cancelRounds times.
	cancelHead   = 25 * time.Millisecond
	cancelSoon   = 50 * time.Millisecond
	cancelAfter  = 200 * time.Millisecond
	cancelRounds = 10

	// maxErrorBody is how much of an error's text is shown.
	maxErrorBody = 400
)
