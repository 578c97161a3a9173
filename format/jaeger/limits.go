package jaeger

const (
	// maxParts bounds the tags, the logs, the fields of all logs, and the references of a
	// span. They are held while the span is translated, in more memory than the smallest
	// of them take on the wire; a span with so many is nobody's to look at.
	maxParts = 1 << 16

	// maxNameBytes shortens what a sender sent and is told again.
	maxNameBytes = 64

	// keptTags bounds what is kept for the next request.
	keptTags = 1024
)
