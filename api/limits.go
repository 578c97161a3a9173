package api

import "time"

const (
	// DefaultTurns is how many questions run at once: each may use a core and holds
	// a block's columns; more would only wait for each other.
	DefaultTurns = 16
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
