package upkeep

import "time"

const (
	// progressEvery is how often a progress line moves, progressCells its width.
	progressEvery = 200 * time.Millisecond
	progressCells = 30

	// copyBytes is how much is copied at once: a call per megabyte costs nothing, and
	// Ctrl-C is noticed within milliseconds.
	copyBytes = 1 << 20

	// remadeRows and remadeBytes end a segment that a repair writes: what a head has at
	// most.
	remadeRows  = 65536
	remadeBytes = 32 << 20

	// remadePull is how many bytes of rows a repair brings to others of their traces: all
	// there are, as what is twice is told only within a segment.
	remadePull = 1 << 40

	// sectorBytes is how much is given up of a file where a disk cannot be read.
	sectorBytes = 4 << 10

	// maxDocument bounds a document, which is read whole: as package state's.
	maxDocument = 16 << 20

	// maxErrorBody bounds what is read of an error.
	maxErrorBody = 64 << 10

	// maxBackups is how many backups of a running store may be made at once: each
	// holds the heads of its moment in memory.
	maxBackups = 2

	// backupBeat is how often a word goes over the connection that holds a backup, so
	// that nobody between takes it for dead.
	backupBeat = 15 * time.Second
)
