package otlpfile

const (
	// batchBytes is how much of a file goes into one request: large enough to
	// make a commit worth while, far below what doors take.
	batchBytes = 1 << 20

	// maxMessage bounds one line or message of a file; it is what a door takes by
	// default.
	maxMessage = 64 << 20

	// HeadBytes is how much of a file's beginning is kept, for telling formats and
	// files apart.
	HeadBytes = 4 << 10

	// maxOthers bounds the fields that are named of a file without traces.
	maxOthers = 5
)
