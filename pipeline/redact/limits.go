package redact

const (
	// minHashKey is the least length of a key for hashes: with a shorter one all keys can
	// be tried.
	minHashKey = 16

	// hashDigits is how many hexadecimal digits of a hash are kept: 64 bits, by which a
	// billion values are told apart.
	hashDigits = 16

	// maxDepth bounds messages within messages: seven to a value of an event, and three
	// (map, pair, value) for each of the 64 levels of values that the store takes.
	maxDepth = 7 + 3*65

	// maxGroups bounds groups within groups, which OTLP does not have.
	maxGroups = 64

	// maxJSONDepth bounds objects and lists within each other, and JSON in texts of JSON:
	// what is nested deeper is looked at as a text.
	maxJSONDepth = 64
	maxTextDepth = 4

	// classSlots is how many keys of attributes are remembered with what they stand for:
	// more than programs have. A key that is longer than maxClassKey is looked at anew.
	classSlots  = 2048
	maxClassKey = 128

	// cleanSlots is how many attributes and texts are remembered that have nothing to take
	// out: 64 KiB, which stay near the processor. The demo shop has some hundreds that come
	// again and again; what is longer than maxClean hardly does.
	cleanBits  = 13
	cleanSlots = 1 << cleanBits
	maxClean   = 256

	// maxName bounds the names in texts that may be of secrets.
	maxName = 64

	// minFound is the least that anything to be found has: a@b.cd and pwd=x.
	minFound = 5

	// firstLook is how much of a value says whether it is as tokens are: names and signs may
	// follow each other without end, and each would be looked at to the end. maxTries bounds
	// the beginnings of tokens in a word for the same reason.
	firstLook = 256
	maxTries  = 64

	// maxHits bounds the parts that are taken out of a text, 10 MiB of memory: each literal of
	// a statement may be one, of two bytes. A text with more of them is taken out whole.
	maxHits = 1 << 18

	// minToken is the least length of a token that is known by how it looks.
	minToken = 16

	// keptBytes bounds the memory that a run keeps for the next request.
	keptBytes = 64 << 10
)
