package datagram

import "time"

const (
	// MaxBytes is the largest datagram that is taken: the most that UDP can carry,
	// 65,535 bytes less its header and that of IPv4, is a little less.
	MaxBytes = 65_535

	// DefaultRoomBytes bounds the datagrams that wait: at 5,000 of 1 KiB per second
	// what comes in three seconds, which is longer than a slow sync of a disk.
	DefaultRoomBytes = 16 << 20

	// DefaultReceiveBuffer is asked of the kernel, which grants no more than
	// net.core.rmem_max unless the process may administer the network. It has to last
	// while the reader is not scheduled: milliseconds.
	DefaultReceiveBuffer = 4 << 20

	// DefaultWorkers: while one batch is being written to the disk, another is
	// translated.
	DefaultWorkers = 2

	// batchBytes bounds a batch, with eachBytes for each datagram: enough that an append
	// costs little per datagram, and no more than a request is large. Where there is
	// little room a batch is no more than the part that batchesOfRoom have of it.
	batchBytes    = 256 << 10
	eachBytes     = 32
	batchesOfRoom = 8

	// keptBatches is how many empty ones are kept after a burst: as many as are handled at
	// once.
	keptBatches = DefaultWorkers

	// drainIdle is how long a server that stops waits for a datagram before it knows
	// that the kernel has no more, drainMost how long it reads if more keeps coming.
	drainIdle = 10 * time.Millisecond
	drainMost = 500 * time.Millisecond

	// failedPause keeps a socket that fails at once, again and again, from taking a
	// processor.
	failedPause = 10 * time.Millisecond
)
