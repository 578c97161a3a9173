package prom

import "time"

const (
	// lookback is how long a sample answers for a moment after it, which is what
	// Prometheus does unless told otherwise.
	lookback = 5 * time.Minute
	// lookBehind is the window of lists of series and labels that name none.
	lookBehind = 24 * time.Hour
	// maxPoints bounds the steps of a range query: those of Prometheus, more than a screen
	// has columns.
	maxPoints = 11_000
	// maxLength bounds the time of a selector, its range included: each day is a question
	// to the store, and what is kept for longer than a year is rare.
	maxLength = 400 * 24 * time.Hour
	// wantedSamples is about how many samples a series has at most: where minutes are
	// more, samples lie further apart, if the query lets them.
	wantedSamples = 500
	// perRange is how many of them the range of a selector has at least before they do: a
	// rate is off at its ends by a part of the distance of two.
	perRange = 10
	// maxSeries bounds the series of all selectors of a question, and the entries of a list:
	// some 300 bytes each. A histogram of classic buckets is twenty.
	maxSeries = 100_000
	// rowsAtOnce is how many rows a question to the store is meant to give: below
	// storage.MaxRollupSeries, where it would have to be asked again in parts.
	rowsAtOnce = 150_000
	// sampleBytes is what the engine holds for a sample, by which the memory of a question
	// bounds how many it may have, and entryBytes what a change of a counter takes.
	sampleBytes = 16
	entryBytes  = 16
	// maxTokens bounds an expression, and selectors together. The engine goes over all that is
	// around a part of it, for each part, and cannot be stopped there: ten times as many were
	// ten seconds.
	maxTokens = 2500
	// maxBody bounds a form that is sent: queries are some hundred bytes.
	maxBody = 1 << 20
	// maxExemplars is about how many exemplars one selector gets, from so many steps: dots
	// on a graph.
	maxExemplars  = 200
	exemplarSteps = 50
	// exemplarTime bounds how long they are looked for.
	exemplarTime = time.Second
	// maxNotes bounds the warnings, and the remarks, of an answer.
	maxNotes = 10
)
