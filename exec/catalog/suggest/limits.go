package suggest

import "time"

// suggestTime bounds what Suggest may take: people wait for it behind an answer
// that was empty.
const suggestTime = 2 * time.Second

// maxSuggestions bounds the sentences of Suggest, maxNearest the names or values
// offered in one for being similar, maxListed those for being all there are: a few lines on a screen.
const (
	maxSuggestions = 5
	maxNearest     = 3
	maxListed      = 5
)

// maxSuggestValues bounds the values that Suggest compares a text with. A field
// with more is an identifier, and a value that does not occur is no slip.
const maxSuggestValues = 1000
