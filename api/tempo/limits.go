package tempo

import "time"

const (
	// secondDigits is how many digits a time has at most that is in seconds: with so many
	// the year is 2286, and in nanoseconds it would be ten seconds past 1970.
	secondDigits = 10
	// maxTraces bounds the traces of one search: Tempo's own bound. They are written as
	// they are found, a page at a time.
	maxTraces = 262_144
	// defaultValues is how many values of a tag come unasked, which is what Grafana asks
	// for, and maxValues the most; the rest of a list so long nobody looks at.
	defaultValues = 5000
	maxValues     = 10_000
	// maxTags bounds the names of one scope, likewise.
	maxTags = 20_000
	// defaultSince is how far metrics go back unasked.
	defaultSince = time.Hour
	// firstPage is how many traces a stream begins with: a screen of them, so that there is
	// something to look at while the rest is looked for.
	firstPage = 20
	// progressEvery is how often a stream tells what was done so far.
	progressEvery = 500 * time.Millisecond
)
