package api

import (
	"math"
	"time"
)

const (
	// DefaultTurns is how many questions run at once: each may use a core and holds
	// a block's columns; more would only wait for each other.
	DefaultTurns = 16
	// QueuePerTurn is how many questions may wait for each that runs. One that waits costs
	// its connection, some 20 KB; 32 before it are a third of a second at 10 ms each, and
	// two hundred people who ask at once find room behind 16 turns.
	QueuePerTurn = 32
	// MaxQueue is how long a question waits for its turn.
	MaxQueue = 5 * time.Second
	// MaxStall is how long a client may read nothing of its answer: longer than a network
	// takes to find another way, and no longer, since sixteen such clients would shut
	// out everybody.
	MaxStall = 30 * time.Second
	// minPackedBytes is the size from which an answer is compressed: less leaves at once
	// on any connection, whose first flight is ten packets of 1,460 bytes (RFC 6928), so
	// that nobody has it earlier when it is packed. Packing a trace of 25 spans took a
	// quarter of the CPU of its answer.
	minPackedBytes = 14 << 10
	// pieceRows is how many spans of a trace are written at a time as OTLP: some MB.
	pieceRows = 5000
	// messageRows is the same in messages of gRPC, of which one is some 100 KB.
	messageRows = 500
	// flushBytes is how much of an answer is kept before it is sent on.
	flushBytes = 64 << 10
	// maxHeaderText bounds what a header says about damage or a partial answer: each of
	// a trace's blocks may be damaged, and a header of some KB is refused by proxies.
	maxHeaderText = 1000
	// maxRequestBytes bounds a message that asks over gRPC, unpacked: twice what the
	// headers of HTTP may have, where the same is asked in a URL.
	maxRequestBytes = 128 << 10
	// maxCallBytes bounds all that one call sends. Asking for descriptions of services,
	// one after the other, is the only call that has more than a message.
	maxCallBytes = 1 << 20
	// MaxMessage is about the size of messages that answer over gRPC: what clients take
	// unless they say more is 4 MiB.
	MaxMessage = 3 << 20
	// maxMoment is behind the last second that is taken, in the year 2262.
	maxMoment = math.MaxInt64 / 1_000_000_000
	// healthEvery is how often it is looked whether a client that watches has to be told.
	healthEvery = time.Second
	// maxShownBytes is how much of a text from outside is said again in an error.
	maxShownBytes = 100
)
