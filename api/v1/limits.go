package v1

import "time"

const (
	// maxTails bounds the streams of all tenants.
	maxTails = 64
	// maxBodyBytes bounds the body of a question.
	maxBodyBytes = 1 << 20
	// maxRows is how many spans are told about in detail at once.
	maxRows = 500
	// defaultValueBytes is where a long string is cut unless asked otherwise.
	defaultValueBytes = 4096
	// maxSets bounds the sets that are told of a trace, maxTold the values of a set or a
	// span, and maxToldBytes each of them: it is read in a list.
	maxSets      = 20
	maxTold      = 64
	maxToldBytes = 512
	// maxSeries bounds the series of one answer of rollups, some hundred bytes each.
	maxSeries = 20_000
	// maxOperations bounds the operations named with a service.
	maxOperations = 1000
	// maxValues bounds the values of an attribute in one answer, and
	// defaultValues is how many come unasked.
	maxValues     = 1000
	defaultValues = 100
	// maxPrefixed is how many values are looked through for a prefix.
	maxPrefixed = 10_000
	// maxFindRunes bounds the text looked for in a trace.
	maxFindRunes = 1000
	// tailEvery is the least time between two events of a stream.
	tailEvery = 250 * time.Millisecond
	// tailBeat is the time between heartbeats.
	tailBeat = 15 * time.Second
	// progressEvery is how often a client that asks for it is told how far its answer is,
	// and after how long first.
	progressEvery = 500 * time.Millisecond
	// maxTailSpans bounds the spans of one event; the others count as dropped.
	maxTailSpans = 500
	// firstPartRows is how many rows a large skeleton sends first, so that a page
	// shows rows while the rest comes.
	firstPartRows = 20_000
	// maxLayouts and maxLayoutBytes bound the layouts that are kept for the next
	// question about a trace; one of 100,000 spans takes 1 MB.
	maxLayouts     = 8
	maxLayoutBytes = 32 << 20
	// maxValueDepth bounds values within values, as package otlp does on arrival.
	maxValueDepth = 64
)
