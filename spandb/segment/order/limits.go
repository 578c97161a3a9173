package order

// BlockRows is the number of rows at which a block of whole traces ends. A trace
// lookup decodes one block, so smaller is faster there; runs are longer and
// dictionaries rarer in larger ones.
const BlockRows = 8192

// MaxChunks is about the number of chunks up to which blocks stay that small: with
// intrinsicColumns and fifty attributes, 40,000 blocks. Two blocks that follow one
// another have more than BlockRows together, so that there are up to twice as many,
// half of what package block reads.
const (
	MaxChunks        = 1 << 22
	intrinsicColumns = 40
)

// MaxShapes is the number of distinct attribute orders up to which a segment
// lists the keys of each. Beyond it, operations with more than keptShapes, and fewer
// than shapeRows rows for each, have loose templates: for their rows it is stored
// which attributes they have. A list of keys is worth some twenty rows' bits.
const (
	MaxShapes  = 1024
	keptShapes = 4
	shapeRows  = 32
)

// MaxListed bounds the columns that the loose templates of a segment list together;
// beyond it, all have one list of all columns. A list is shorter than the values of
// its rows, and so are the lists of heads; a merge of heads of a million span names
// would have longer ones than a reader wants to hold.
const MaxListed = 1 << 20
