package load

import "time"

const (
	// MaxClients bounds the connections one run opens.
	MaxClients = 4096

	// DefaultPatience is how long one request is tried before it counts as
	// failed: longer than any pause a server may take to catch its breath.
	DefaultPatience = time.Minute

	// DefaultSpoolMemory is how many bytes of bodies a spool keeps in memory;
	// what is more goes to a file, so that the driver does not push the server
	// it measures out of memory.
	DefaultSpoolMemory = 64 << 20

	// firstWait doubles with each refusal without advice, up to lastWait.
	firstWait = 20 * time.Millisecond
	lastWait  = 2 * time.Second

	// maxReply bounds what is read of a reply; OTLP replies are a few bytes.
	maxReply = 1 << 20

	// maxAdvice bounds how long a server's Retry-After is believed.
	maxAdvice = 30 * time.Second
)
