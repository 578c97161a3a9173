package api

import "time"

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
	// minPackedBytes is the size from which an answer is compressed: less fits into
	// few packets anyway.
	minPackedBytes = 4 << 10
	// pieceRows is how many spans of a trace are written at a time as OTLP: some MB.
	pieceRows = 5000
	// flushBytes is how much of an answer is kept before it is sent on.
	flushBytes = 64 << 10
	// maxHeaderText bounds what a header says about damage or a partial answer: each of
	// a trace's blocks may be damaged, and a header of some KB is refused by proxies.
	maxHeaderText = 1000
)
