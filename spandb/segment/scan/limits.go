package scan

// matcherBlocks is the number of blocks after which a Selector forgets what it found
// out about dictionaries by testing on columns: of each condition one byte a value,
// and a new one for every segment.
const matcherBlocks = 512

// fewRows says that one row in so many is tested by itself: a call costs as much as
// some rows in a row.
const fewRows = 16

// spreadStep is how many runs are gone past at a time, on the way to the next value that
// meets a condition: about the square root of how many a block has.
const spreadStep = 16

// fewTellers is of how many leaves at most templates tell for what that comes to to be
// remembered: of one leaf it is one of three, and conditions have few.
const fewTellers = 3

// seekCost is how many runs one can go past in the time in which two are searched for.
const seekCost = 16

// pickRows says that of a block of which one row in so many matches, or fewer, a scan
// reads the matching rows alone; to unpack all of them costs less from there.
const pickRows = 4

// laneRows is how many rows have to be left for another core to help: with fewer the work is
// done soon after it has begun, some 50 us after it is asked.
const laneRows = 4 * 8192

// maxLanes bounds how many cores read for one scan, since each takes the memory of a block
// and of what is made of rows.
const maxLanes = 8

// DefaultRoom is how many traces that lie in several places a scan by traces remembers: 3
// MB. To read as many takes seconds, beside which another pass over the rows to find
// further ones is nothing.
const DefaultRoom = 1 << 16

// Traces that lie in several blocks are read together: fewTogether at first, maxTogether at
// most, of which one block after the other then has some dozen; fewer if they have more
// rows than togetherRows, half a block, or take more than togetherBytes or than there is
// for traces that are read. Where they are is looked up for maxPlaced at a time.
const (
	fewTogether   = 8
	maxTogether   = 128
	togetherRows  = 32 << 10
	togetherBytes = 16 << 20
	maxPlaced     = 4096
)

// resize returns s with length n, keeping its memory; contents are unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
