package catalog

// maxTagValues bounds the different values that TagValues counts by scanning;
// further ones are not told apart and reported as "more".
const maxTagValues = 100_000

// maxTagNames, maxServices and maxOperations bound the catalogue made by
// scanning, in keys, services, and operations of one service.
const (
	maxTagNames   = 20_000
	maxServices   = 10_000
	maxOperations = 10_000
)
