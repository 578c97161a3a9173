package wal

import "time"

const (
	// DefaultWindow trades latency for syncs: at full load 5 ms make a tenth of
	// the syncs that no window makes (244 against 1,886 for 1.2 million spans)
	// and save some 0.3 µs of CPU per span.
	DefaultWindow = 5 * time.Millisecond
	// MaxWindow is where waiting stops paying: 20 ms saved 0.1 µs over 5.
	MaxWindow = 50 * time.Millisecond

	// DefaultSyncEvery makes a sync cost nothing that can be measured: a few
	// milliseconds of each second.
	DefaultSyncEvery = time.Second
	// MinSyncEvery is about what a sync takes; below it SyncAlways is the better
	// choice. MaxSyncEvery is where Linux writes on its own (30 s), doubled.
	MinSyncEvery = 5 * time.Millisecond
	MaxSyncEvery = time.Minute

	// DefaultSegmentBytes bounds what is kept on disk beyond need: a file goes
	// when its last record is no longer needed. At 75 bytes a span it holds
	// some 900,000.
	DefaultSegmentBytes = 64 << 20
	// maxSegmentBytes keeps a file's size and a group's far from overflow.
	maxSegmentBytes = 1 << 40

	// DefaultMaxRecordBytes is above the largest request body a door takes.
	DefaultMaxRecordBytes = 64 << 20
	// FormatMaxRecordBytes is what a reader believes of a size field; it must
	// never shrink, or old files would read as damaged.
	FormatMaxRecordBytes = 1 << 28

	// DefaultBufferBytes holds what arrives during one slow sync: 4 MiB are 50,000
	// spans, a tenth of a second at full load.
	DefaultBufferBytes = 4 << 20
	maxBufferBytes     = 1 << 30

	// groupBytes ends the window early: past 1 MiB the time of a sync grows with
	// its size, so a larger group saves nothing.
	groupBytes = 1 << 20

	// keepBufferBytes is the largest buffer kept between groups when one record
	// was larger than Config.BufferBytes.
	keepBufferBytes = 2 * DefaultBufferBytes

	// readBytes is how much a reader fetches at once: enough to make the cost of
	// a call vanish, little enough to stay in the cache.
	readBytes = 256 << 10

	// fullRetry is how often a log that found the disk full tries again: a write
	// that fails costs microseconds, and whoever makes room waits no longer.
	fullRetry = 50 * time.Millisecond

	// maxDamages bounds the list in a Report; the counts beside it go on.
	maxDamages = 1000

	// maxHoles bounds the places of one file that a reader remembers until it knows
	// whether they were synced: 3 MB. More are taken to have been.
	maxHoles = 1 << 16
)
