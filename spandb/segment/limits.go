package segment

// dictValues is the most distinct values with which a column gets a dictionary
// for the whole segment, and dictShare the least average number of rows a value
// must serve; otherwise strings are stored block by block.
const (
	dictValues = 1 << 16
	dictShare  = 2
	// smallDict values are worth a dictionary however few rows they serve.
	smallDict = 512
)

// Columns with values in fewer than one of pooledShare rows are pooled: some sixteen
// values a block, which cost less with a row number each than a chunk of their own. So
// are the rarest of more than ownColumns, however many values they have: what a
// directory holds must not grow with what senders make up. Segments of fewer than
// pooledRows have room for both.
const (
	pooledShare = 512
	pooledRows  = 4096
	ownColumns  = 512
)

// maxPooled bounds the pooled columns of spans, events or links: a head has up to 8,192
// of each, a merge of as many heads as there are rows for them more.
const maxPooled = 1 << 20

// A column of span attributes whose values are the same in a trace is stored by trace if
// at least byTraceRows rows have it, 1½ for each trace, and there are byTraceValues
// values at least: fewer take no more by row.
const (
	byTraceRows   = 64
	byTraceValues = 16
	byTraceShare  = 3 // halves of a row
)

// filterValues is the least number of values of which a column gets a filter: it takes
// some ten bits for each, and what it saves the reading of has no fewer bytes.
const filterValues = 257

// dictChunk is the number of dictionary values in one frame.
const dictChunk = 4096

// A dictionary is read as a whole, and kept, when values were picked out of it dictPicks
// times: by then the picking has cost about half as much. Values are picked where the
// dictionary has pickedShare for each at least.
const (
	dictPicks   = 4
	pickedShare = 16
)

// rawMini is the number of strings a point read has to decode.
const rawMini = 256

// keepRows and keepBytes bound the memory that a sealer keeps for the next head:
// four usual ones.
const (
	keepRows  = 4 << 16
	keepBytes = 64 << 20
)

// A Cache keeps the tables of up to cachedSegments segments and cachedBytes, and of
// their blocks, hotBytes of what scans read: the directories of runs and the
// durations of seven million spans. When that is full, one in hotShare is let in.
const (
	cachedSegments = 128
	cachedBytes    = 128 << 20
	hotBytes       = 32 << 20
	hotShare       = 8
)

// entryBytes is about what the parsed form of a resource, a scope or a shape
// takes besides its text.
const entryBytes = 1 << 10

// maxChildren bounds events, links and pooled values: a request has one event or link
// for every two bytes. Other lists of a segment are not longer than its rows, of which
// there are meta.MaxRows at most.
const maxChildren = 1 << 27

// maxText bounds the bytes that one chunk of strings may claim to unpack to: a
// head holds one request of at most 192 MiB beyond its usual size.
const maxText = 256 << 20
