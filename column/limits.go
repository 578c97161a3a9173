package column

const (
	// MaxBuf is the most bytes a Strings may hold: its ends are 32-bit, which
	// halves them, and a head or block is a thousand times smaller.
	MaxBuf = 1<<32 - 1

	// NoCode is the code of no value: what Dict.Intern and Dict.Append return
	// once the dictionary is full. It is never the position of a value.
	NoCode = 1<<32 - 1

	// dictMinSlots is a hash table's first size: a column of a few values takes
	// little, and the table doubles from there.
	dictMinSlots = 8
)

const (
	// maxPooledBytes is the most working memory a call leaves in the pool for
	// the next. A block of 8,192 values of 8 bytes takes 64 KiB in each buffer;
	// a chunk of 64 k rows 512 KiB.
	maxPooledBytes = 4 << 20

	// zstdWindow is how far back a frame refers. Chunks are tens of kilobytes;
	// a whole dictionary chunk of 4,096 long strings may reach a megabyte. A
	// larger window would only grow the pooled encoders.
	zstdWindow = 1 << 20

	// zstdMaxWindow is the largest window a decoder accepts. Frames are single
	// segments, whose window is their content, so it must allow the largest
	// content: 1 GiB. It bounds no memory here: the output's capacity does.
	zstdMaxWindow = 1 << 30
)

const (
	// minZstdBytes is the size from which a chunk is offered to zstd: below it
	// a frame's header and tables eat what they save.
	minZstdBytes = 64

	// Vectors that are expected to come out above zstdHopePercent of their size are
	// not compressed: most would not reach the 85 % that are asked for.
	zstdHopePercent = 92

	// Of those below smallPlanes bytes few have a sequence twice, without which zstd's
	// fastest level stores them as they are: only those are tried that are expected to come
	// out below smallHopePercent.
	smallPlanes      = 300
	smallHopePercent = 50

	// packBlock is how many values codecs with a transformation (deltas, planes)
	// treat at a time, in an array on the stack: 2 KiB. It is a multiple of 8, so
	// that each block of packed values starts on a byte.
	packBlock = 256

	// packValues is the number of values with a minimum and a width of their own:
	// one word of a bitmap. Packs of 32 save as much as their heads take; those of
	// 128 lose a tenth of what 64 gain on durations.
	packValues = 64

	// packMinValues is the size from which packs are tried.
	packMinValues = 2 * packValues

	// maxPooledPacks is the size of a vector of packs that is kept for the next
	// caller: of a million values.
	maxPooledPacks = 1 << 14

	// MaxValues is the most values any chunk may claim, whatever the caller
	// allows: 256 million, so that sizes in bits stay far from overflow.
	MaxValues = 1 << 28
)

const (
	// RawBlock is the recommended StringOptions.Block for values that are read
	// one by one: 64 strings cost half as much again in bytes, 1,024 four times
	// as much for one string.
	RawBlock = 256

	// clpTrial strings are split, or twice as many, or four times, before giving up on
	// more than a fourth of them as templates, or clpTrialTemplates: text that varies in
	// words, not in numbers. Addresses of a hundred operations are not that: among the
	// first 256 nearly each is another.
	clpTrial          = 256
	clpTrialTemplates = 128

	// decimalSample is how many doubles the exponent is chosen by: each costs up
	// to 15 divisions, which makes it about 2 ns a value in a block of 4,096.
	decimalSample = 64

	// mixedMinStrings is the size of a sample of strings that decides on a
	// mixed chunk, and the least number of strings in one.
	mixedMinStrings = 16

	// mixedMaxOthers says that at most one string in so many may be of another
	// form: each costs its bytes and a position.
	mixedMaxOthers = 8
)
