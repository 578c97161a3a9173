package block

// What a reader believes of a directory. Whatever it claims, it costs no more
// memory than a constant times the size of the file.
const (
	// maxColumns bounds the columns of a segment: a head has up to 8,192 attribute
	// columns of spans, of events and of links each.
	maxColumns = 1 << 18
	// maxChunks bounds its chunks besides the file's size, of which each chunk but a
	// few empty ones takes a byte at least. Whoever writes more blocks of more
	// columns makes the blocks larger.
	maxChunks   = 1 << 24
	emptyChunks = 1 << 10
	// maxDirectoryBytes bounds the directory, which is read whole. Names make it
	// large: an attribute key may have as many bytes as a request.
	maxDirectoryBytes = 1 << 30
)

// nameBytes is about what the name of a column takes in a directory in memory,
// besides its text: two string headers, its place in a map and its first chunk.
const nameBytes = 64
