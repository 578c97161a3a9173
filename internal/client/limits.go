package client

import "time"

const (
	// RequestTimeout bounds requests that answer at once. A search over a week of
	// data is seconds; a minute is trouble.
	RequestTimeout = time.Minute

	// dialTimeout is how long a listener may take to be found.
	dialTimeout = 10 * time.Second

	// maxErrorBytes bounds what is read of an error's body, for its message.
	maxErrorBytes = 64 << 10
)
