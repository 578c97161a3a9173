package main

import "time"

const (
	// defaultColumns is the width of a terminal that does not say.
	defaultColumns = 100

	// maxReplyBytes bounds what is read of a door's reply.
	maxReplyBytes = 64 << 10

	// maxTraceBody bounds a trace fetched for the terminal. A million spans of
	// 500 B are 500 MB; nobody reads more in a terminal.
	maxTraceBody = 1 << 30

	// pageLimit is how many traces one request of a search asks for, the most
	// the API gives.
	pageLimit = 1000

	// maxTailLine bounds one event of a tail: four a second at 2,000 spans/s
	// are 500 spans of 300 B.
	maxTailLine = 16 << 20

	// watchEvery is how often statistics of sampling change: clients report as often.
	watchEvery = 10 * time.Second

	// nearNames is how many names are offered for one that no span has.
	nearNames = 3

	// maxReasons is how many different reasons of refused spans are told; more
	// are noise.
	maxReasons = 5

	// importMinWait and importMaxWait bound the pauses before a refused or lost
	// request is sent again; importTries is how often before giving up. The
	// last six are 30 s each: about four minutes in all, a long restart.
	importMinWait = 250 * time.Millisecond
	importMaxWait = 30 * time.Second
	importTries   = 13
)
