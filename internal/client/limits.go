package client

import "time"

const (
	// requestTimeout bounds requests that are answered at once, such as how the server
	// is.
	requestTimeout = time.Minute

	// maxSilence is how long the server may say nothing while it answers a question. How
	// long it may take to answer is the server's to say (query-max-time); it tells how far
	// it is every half second once the question has its turn, for which it waits some
	// seconds.
	maxSilence = time.Minute

	// dialTimeout is how long a listener may take to be found.
	dialTimeout = 10 * time.Second

	// maxErrorBytes bounds what is read of an error's body, for its message.
	maxErrorBytes = 64 << 10
)
