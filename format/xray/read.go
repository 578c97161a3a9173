package xray

import (
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/jsonread"
)

// translator is the inside of a Translator.
type translator struct {
	jsonread.Reader
	nodes   []node
	entries []entry
	ids     []seenID

	// code is the flaw's, where it is not one of JSON; root says the document's id once
	// it has been read.
	code       string
	subsegment bool

	other  other
	groups [maxGroups]group
	// interned are keys of attributes that documents made up, by their text there.
	interned map[string]string
	scratch  []byte
	span     spanState
}

// node is a segment or subsegment: where its values are, and what is checked of it.
type node struct {
	first, last int32 // of its entries
	known       int32 // the last of those of fields, of which there are no more than fields
	parent      int32 // index of the node that it is in, -1 for the document
	// seen has a bit for each field that has an entry.
	seen [maxFields / 64]uint64

	id, parentID         clew.SpanID
	trace                clew.TraceID
	traceForm            form
	start, end           clew.UnixNanos
	nameAt               int32
	hasStart, hasEnd     bool
	inProgress, separate bool // in_progress is true; type is subsegment
	startSpelt, endSpelt spelling
	idSmall, parentSmall bool
	children             int32 // while it is written: subsegments come by
	lastStart            clew.UnixNanos
	lastID               clew.SpanID
}

// entry is one value of a node. Entries of a node are a list in the order of the document,
// between them those of its subsegments.
type entry struct {
	// field is a number of fields, or one of the below.
	field int16
	in    object // that its key is in, where no field says
	// key is where the key is, where no field says.
	key, keyEnd, start, end int32
	next                    int32
	before                  int32 // the field's that came before
}

const (
	entryUnknown    = -1 // a key that nobody knows, or a value that is not what it should be
	entryAnnotation = -2
	entryMetadata   = -3
)

type seenID struct {
	id   clew.SpanID
	node int32
}

// begin empties t for a document.
func (t *translator) begin(doc []byte) {
	t.Src, t.I = doc, 0
	t.nodes, t.entries, t.ids = t.nodes[:0], t.entries[:0], t.ids[:0]
	t.code, t.subsegment = "", false
}

// fail makes a flaw of a code that is at a place.
func (t *translator) fail(n int32, code string, at int, what string) error {
	t.code, t.subsegment = code, n > 0
	t.I = at
	return t.Flaw(what)
}

// read reads the document. The error of a flaw is translator.failed's to complete.
func (t *translator) read() error {
	if err := t.segment(-1, 0); err != nil {
		return err
	}
	if t.Peek(); t.I < len(t.Src) {
		if t.Src[t.I] == '{' {
			return t.Flaw("another document behind the first: send one at a time")
		}
		return t.Unexpected("nothing behind the document")
	}
	return t.duplicates()
}

// segment reads a segment or subsegment.
func (t *translator) segment(parent int32, depth int) error {
	if depth > maxNested {
		return t.fail(1, CodeTooDeep, t.I, "subsegments are nested too deep (limit "+strconv.Itoa(maxNested)+")")
	}
	if t.Peek() != '{' {
		return t.Unexpected("'{'")
	}
	at := t.I
	n := int32(len(t.nodes))
	if n == maxSegments {
		return t.fail(n, CodeTooLarge, at, "the document has too many subsegments (limit "+strconv.Itoa(maxSegments)+")")
	}
	t.nodes = append(t.nodes, node{first: -1, last: -1, known: -1, parent: parent, nameAt: -1})
	if _, err := t.object(objSegment, n, depth); err != nil {
		return err
	}
	return t.complete(n, at)
}

// complete checks what a segment has and lacks.
func (t *translator) complete(n int32, at int) error {
	x := &t.nodes[n]
	switch {
	case x.id == 0:
		return t.fail(n, CodeMissingID, at, "there is no id")
	case x.nameAt < 0:
		return t.fail(n, CodeMissingName, at, "there is no name")
	case n == 0 && x.traceForm == formNone:
		return t.fail(n, CodeMissingTraceID, at, "there is no trace_id")
	case n == 0 && x.separate && x.parentID == 0:
		return t.fail(n, CodeMissingParentID, at, "a subsegment that is sent by itself has a parent_id")
	case !x.hasStart:
		return t.fail(n, CodeMissingStart, at, "there is no start_time")
	case !x.hasEnd && !x.inProgress:
		return t.fail(n, CodeMissingEnd, at, "there is neither an end_time nor in_progress: true")
	case x.parentID == x.id:
		return t.fail(n, CodeInvalidParentID, at, "it names itself as its parent_id")
	}
	t.ids = append(t.ids, seenID{x.id, n})
	return nil
}

// duplicates looks for ids that come twice, which makes two of one span, or a circle.
func (t *translator) duplicates() error {
	if len(t.ids) < 2 {
		return nil
	}
	slices.SortFunc(t.ids, func(a, b seenID) int {
		if a.id != b.id {
			if a.id < b.id {
				return -1
			}
			return 1
		}
		return int(a.node - b.node)
	})
	for i, x := range t.ids[1:] {
		if x.id == t.ids[i].id {
			return t.fail(x.node, CodeDuplicateID, int(t.nodes[x.node].nameAt), "the id "+x.id.String()+" comes twice in the document, here the second time")
		}
	}
	return nil
}

// object reads an object as entries of node n, and returns how many keys it has.
func (t *translator) object(o object, n int32, depth int) (keys int, err error) {
	if err := t.Take('{'); err != nil {
		return 0, err
	}
	guess := 0 // objects repeat the order of their keys
	for ; ; keys++ {
		again, err := t.More(keys == 0, '}')
		if err != nil || !again {
			return keys, err
		}
		t.Peek()
		at := t.I
		key, err := t.Text()
		if err != nil {
			return keys, err
		}
		end := t.I
		k := lookup(o, guess, key)
		if err := t.Take(':'); err != nil {
			return keys, err
		}
		t.Peek()
		if k < 0 {
			err = t.unknown(n, o, at, end)
		} else {
			guess = k + 1
			if err = t.field(n, base[o]+k, at, end, depth); err != nil {
				err = jsonread.Under("."+schema[o][k].name, err)
			}
		}
		if err != nil {
			return keys, err
		}
	}
}

// add appends an entry to a node. Of a field that comes twice the last counts.
func (t *translator) add(n int32, e entry) error {
	x := &t.nodes[n]
	if e.field >= 0 {
		word, bit := &x.seen[e.field>>6], uint64(1)<<(e.field&63)
		if *word&bit != 0 {
			if had := t.known(x, e.field); had != nil {
				had.start, had.end = e.start, e.end
				return nil
			}
		}
		*word |= bit
	}
	if len(t.entries) == maxEntries {
		return t.fail(n, CodeTooLarge, int(e.start), "the document has too many keys (limit "+strconv.Itoa(maxEntries)+")")
	}
	e.next = -1
	i := int32(len(t.entries))
	if e.field >= 0 {
		e.before, x.known = x.known, i
	}
	t.entries = append(t.entries, e)
	if x.first < 0 {
		x.first = i
	} else {
		t.entries[x.last].next = i
	}
	x.last = i
	return nil
}

// known returns the entry of a field, nil if there is none.
func (t *translator) known(x *node, field int16) *entry {
	for i := x.known; i >= 0; i = t.entries[i].before {
		if e := &t.entries[i]; e.field == field {
			return e
		}
	}
	return nil
}

// unknown reads a value as one that has no place of its own. Its key is at key.
func (t *translator) unknown(n int32, o object, key, keyEnd int) error {
	start := t.I
	if err := t.Skip(); err != nil {
		return err
	}
	return t.add(n, entry{field: entryUnknown, in: o, key: int32(key), keyEnd: int32(keyEnd), start: int32(start), end: int32(t.I)})
}

// field reads the value of field f.
func (t *translator) field(n int32, f, key, keyEnd, depth int) error {
	c := t.Peek()
	start := t.I
	if c == 'n' {
		return t.unknown(n, fields[f].in, key, keyEnd) // null is as good as nothing, and is kept
	}
	var err error
	switch kind := fields[f].kind; kind {
	case kindObject, kindCause:
		if c != '{' {
			if kind == kindCause {
				break
			}
			return t.unknown(n, fields[f].in, key, keyEnd)
		}
		return t.inner(n, f, key, keyEnd, depth)
	case kindAnnotations, kindMetadata:
		if c != '{' {
			return t.unknown(n, objSegment, key, keyEnd)
		}
		return t.members(n, kind, key, keyEnd)
	case kindSubsegments:
		if c != '[' {
			return t.unknown(n, objSegment, key, keyEnd)
		}
		return t.subsegments(n, key, keyEnd, depth)
	case kindID, kindParentID, kindTraceID, kindName, kindType:
		err = t.text(n, kind)
	case kindStart, kindEnd:
		err = t.time(n, kind)
	case kindInProgress:
		t.nodes[n].inProgress = c == 't'
	}
	if err != nil {
		return err
	}
	if t.I == start {
		if err := t.Skip(); err != nil {
			return err
		}
	}
	return t.add(n, entry{field: int16(f), start: int32(start), end: int32(t.I)})
}

// inner reads an object within a segment; an empty one is kept as it is.
func (t *translator) inner(n int32, f, key, keyEnd, depth int) error {
	start := t.I
	keys, err := t.object(fields[f].of, n, depth)
	if err == nil && keys == 0 {
		err = t.add(n, entry{field: entryUnknown, in: fields[f].in, key: int32(key), keyEnd: int32(keyEnd), start: int32(start), end: int32(t.I)})
	}
	return err
}

// members reads annotations or metadata.
func (t *translator) members(n int32, kind kind, key, keyEnd int) error {
	field := int16(entryAnnotation)
	if kind == kindMetadata {
		field = entryMetadata
	}
	open := t.I
	t.I++
	for count := 0; ; count++ {
		again, err := t.More(count == 0, '}')
		if err != nil {
			return err
		}
		if !again {
			if count == 0 {
				err = t.add(n, entry{field: entryUnknown, in: objSegment, key: int32(key), keyEnd: int32(keyEnd), start: int32(open), end: int32(t.I)})
			}
			return err
		}
		t.Peek()
		e := entry{field: field, key: int32(t.I)}
		if _, err := t.Text(); err != nil {
			return err
		}
		e.keyEnd = int32(t.I)
		if err := t.Take(':'); err != nil {
			return err
		}
		t.Peek()
		e.start = int32(t.I)
		if err := t.Skip(); err != nil {
			return err
		}
		e.end = int32(t.I)
		if err := t.add(n, e); err != nil {
			return err
		}
	}
}

func (t *translator) subsegments(n int32, key, keyEnd, depth int) error {
	open := t.I
	t.I++
	for count := 0; ; count++ {
		again, err := t.More(count == 0, ']')
		if err != nil {
			return err
		}
		if !again {
			if count == 0 {
				err = t.add(n, entry{field: entryUnknown, in: objSegment, key: int32(key), keyEnd: int32(keyEnd), start: int32(open), end: int32(t.I)})
			}
			return err
		}
		if err := t.segment(n, depth+1); err != nil {
			return jsonread.Under("["+strconv.Itoa(count)+"]", err)
		}
	}
}

// text reads an id, name or type.
func (t *translator) text(n int32, kind kind) error {
	at := t.I
	s, err := t.Text()
	if err != nil {
		return err
	}
	x := &t.nodes[n]
	ok := false
	switch kind {
	case kindName:
		x.nameAt = int32(at)
		if why := badName(s); why != "" {
			return t.fail(n, CodeInvalidName, at, why)
		}
	case kindID:
		if x.id, x.idSmall, ok = parseID(s); !ok {
			return t.fail(n, CodeInvalidID, at, "want 16 hex digits, not all zeros, have "+strconv.Quote(clip(s)))
		}
	case kindParentID:
		if x.parentID, x.parentSmall, ok = parseID(s); !ok {
			return t.fail(n, CodeInvalidParentID, at, "want 16 hex digits, not all zeros, have "+strconv.Quote(clip(s)))
		}
	case kindTraceID:
		if x.trace, x.traceForm = parseTraceID(s); x.traceForm == formBroken && n == 0 {
			return t.fail(n, CodeInvalidTraceID, at, "want 1-, 8 hex digits, - and 24 more, or 32 hex digits, have "+strconv.Quote(clip(s)))
		}
	case kindType:
		x.separate = string(s) == "subsegment"
	}
	return nil
}

func (t *translator) time(n int32, kind kind) error {
	at := t.I
	s, err := t.Number()
	if err != nil {
		return t.fail(n, CodeInvalidTime, at, "want seconds since 1970 as a number")
	}
	v, ok := parseSeconds(s)
	if !ok {
		return t.fail(n, CodeInvalidTime, at, "want seconds since 1970, have "+clip(s))
	}
	x := &t.nodes[n]
	if kind == kindStart {
		x.start, x.hasStart, x.startSpelt = v, true, spellingOf(s, v)
	} else {
		x.end, x.hasEnd, x.endSpelt = v, true, spellingOf(s, v)
	}
	return nil
}

// badName says what is wrong with a name, "" if nothing is.
func badName(s []byte) string {
	if len(s) == 0 {
		return "the name is empty"
	}
	runes := 0
	for i := 0; i < len(s); runes++ {
		if c := s[i]; c < utf8.RuneSelf {
			if !nameByte(c) {
				return "a name has letters, digits, white space and _ . : / % & # = + \\ - @ only, this one " + strconv.Quote(string(rune(c)))
			}
			i++
			continue
		}
		c, size := utf8.DecodeRune(s[i:])
		if c == utf8.RuneError && size == 1 || !unicode.In(c, unicode.L, unicode.M, unicode.N, unicode.Z) {
			return "a name has letters, digits, white space and _ . : / % & # = + \\ - @ only, this one " + strconv.QuoteRune(c)
		}
		i += size
	}
	if runes > maxNameRunes {
		return "a name has " + strconv.Itoa(maxNameRunes) + " characters at most, this one " + strconv.Itoa(runes)
	}
	return ""
}

func nameByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', '\t' <= c && c <= '\r':
		return true
	}
	switch c {
	case ' ', '_', '.', ':', '/', '%', '&', '#', '=', '+', '\\', '-', '@':
		return true
	}
	return false
}
