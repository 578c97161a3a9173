package column

const (
	// MaxBuf is the most bytes a Strings may hold: its ends are 32-bit, which
	// halves them, and a head or block is a thousand times smaller.
	MaxBuf = 1<<32 - 1

	// NoCode is the code of no value: what Dict.Intern and Dict.Append return
	// once the dictionary is full. It is never the position of a value.
	NoCode = 1<<32 - 1

	// dictMinSlots is a hash table's first size: a column of a few values fits
	// one kilobyte or less, and the table doubles from there.
	dictMinSlots = 64
)
