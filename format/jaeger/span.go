package jaeger

import (
	"github.com/clew-tracing/clew"
)

// span is what was read of one span. Its texts are those of the input.
type span struct {
	trace    id
	id       uint64
	parent   uint64 // 0: none was named besides references
	name     []byte
	flags    uint32
	start    int64 // ns since 1970
	duration int64 // ns
	tags     []tag
	logs     []log
	fields   []tag // of all logs
	refs     []ref
	warnings []string
	// badTrace and badID are ids of other lengths than ids have: the store refuses the
	// span that has one, and says so.
	badTrace, badID []byte
}

// reset empties a span for the next one.
func (s *span) reset() {
	*s = span{tags: s.tags[:0], logs: s.logs[:0], fields: s.fields[:0], refs: s.refs[:0], warnings: s.warnings[:0]}
}

// id is a trace's.
type id struct{ high, low uint64 }

// tag is a key with a value. Of bytes that are no text, binary is set, and the value has
// them where a text has its own.
type tag struct {
	key    []byte
	value  clew.Value
	binary bool
	taken  bool // it is said elsewhere in the span
}

// isText reports whether the value is a text that is not empty.
func (t *tag) isText() bool {
	return t.value.Type == clew.TypeString && !t.binary && len(t.value.Bytes) > 0
}

// log is a point in time with some of the span's fields.
type log struct {
	nanos      int64
	start, end int // in span.fields
}

// ref is a reference to another span.
type ref struct {
	trace       id
	span        uint64
	followsFrom bool
}

// parentOf returns the id of the parent: the one that is named, else the first reference
// CHILD_OF within the trace, else the first FOLLOWS_FROM.
func (s *span) parentOf() uint64 {
	if s.parent != 0 {
		return s.parent
	}
	var follows uint64
	for i := range s.refs {
		r := &s.refs[i]
		switch {
		case r.trace != s.trace:
		case !r.followsFrom:
			return r.span
		case follows == 0:
			follows = r.span
		}
	}
	return follows
}

// tooMany says that a span has more of something than is taken.
func tooMany(what string) error {
	return clew.Errorf(clew.Invalid, "a span has more than %d %s", maxParts, what)
}
