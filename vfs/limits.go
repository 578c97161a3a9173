package vfs

const (
	// sectorBytes is the unit in which Mem tears writes: the smallest block that
	// disks promise to write whole. Real ones promise 4096 more often; the
	// smaller unit finds more.
	sectorBytes = 512

	// memDiskBytes is what a Mem without a capacity says is its size: far more
	// than a test will write.
	memDiskBytes = 1 << 40

	// lockHolderBytes is how much of a lock file is read for its holder: a
	// process number has at most 20 digits.
	lockHolderBytes = 32

	// dirMode and fileMode are the permissions of what OS creates, before the
	// umask: traces hold other people's data, so they are the owner's alone.
	dirMode  = 0o700
	fileMode = 0o600
)
