package xray

import "time"

const (
	// maxRequestBytes bounds a request: the longest are lists of ids of traces, of which
	// ten thousand come to 400 KB, and policies of 5 KB.
	maxRequestBytes = 1 << 20
	// maxArrival is how long a request may take to come, as long as reading an answer may
	// stand still.
	maxArrival = 30 * time.Second
	// maxTokenBytes bounds the token of a page: what is in it is a place in an order, and
	// an id or two.
	maxTokenBytes = 4096
)
