package config

import "time"

const (
	// maxFileBytes bounds the configuration file. A file of every setting with
	// a thousand tokens is 100 kB; what is larger is not a configuration file.
	maxFileBytes = 1 << 20

	// maxSuggestDistance is how many edits away a misspelt name may be from the
	// setting proposed for it. Beyond three, proposals mislead more than help.
	maxSuggestDistance = 3

	// maxDurationDays bounds durations to 100 years, well inside the 292 years
	// of time.Duration, so that sums of two never overflow.
	maxDurationDays = 36500

	// maxPort is the highest TCP port.
	maxPort = 65535

	// defaultMaxRequestBytes is the size of a request after decompression above
	// which it is refused. The largest batches in use (collector, 8,192 spans of
	// 1-2 kB with stack traces) are 8-16 MiB; 64 MiB leaves them room and keeps
	// a bomb from costing more than that.
	defaultMaxRequestBytes = 64 << 20

	// defaultHTTPPort is the page's, and that of a server whose port nobody named.
	defaultHTTPPort = 4300

	// defaultWALWindow is how long a commit waits for company: at 5 ms the sync
	// costs 0.1-0.3 µs per span under load, and nobody waits long.
	defaultWALWindow = 5 * time.Millisecond

	// maxWALWindow is where waiting stops paying; it is the log's own limit.
	maxWALWindow = 50 * time.Millisecond

	// defaultDurabilityInterval and its bounds are the log's own.
	defaultDurabilityInterval = time.Second
	minDurabilityInterval     = 5 * time.Millisecond
	maxDurabilityInterval     = time.Minute

	// defaultRetention is how long spans are kept.
	defaultRetention = 7 * 24 * time.Hour

	// minRetention keeps a typing error ("7s") from deleting what just came.
	minRetention = time.Minute

	// minMaxDisk is the least disk the store can work in: a few segments and
	// the log.
	minMaxDisk = 64 << 20

	// minMemory is the least budget: the program's own pages, and as much for all
	// it does.
	minMemory = 48e6

	// defaultQueryTime is what people and their proxies wait for, and defaultQueryBytes
	// what a core can look at in it, at 5 GB/s. Below minQueryTime and minQueryBytes no
	// query gets anywhere; beyond maxQueryTime nobody waits any more.
	defaultQueryTime  = 30 * time.Second
	defaultQueryBytes = 150e9
	minQueryTime      = 10 * time.Millisecond
	minQueryBytes     = 1 << 20
	maxQueryTime      = 24 * time.Hour

	// maxQueryConcurrency is more queries than any machine has cores for.
	maxQueryConcurrency = 1024

	// defaultDemoRate is the demo's load in spans per second: enough to fill a
	// page at once, little enough for a laptop on battery.
	defaultDemoRate = 200

	// maxTopicBytes is how long the name of a topic may be in Kafka, and topicLetters what it
	// is made of.
	maxTopicBytes = 249
	topicLetters  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

	// maxDemoRate is more than the demo shop can do on any machine.
	maxDemoRate = 50_000
)
