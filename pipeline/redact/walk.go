package redact

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
)

// The wire types of protobuf.
const (
	wireVarint     = 0
	wireFixed64    = 1
	wireBytes      = 2
	wireGroup      = 3
	wireGroupEnd   = 4
	wireFixed32    = 5
	fieldOfString  = 1 // of an AnyValue
	fieldOfInteger = 3
	fieldOfDouble  = 4
)

// message is a type of message of a request.
type message uint8

const (
	msgRequest message = iota
	msgResourceSpans
	msgResource
	msgEntityRef
	msgScopeSpans
	msgScope
	msgSpan
	msgEvent
	msgLink
	msgStatus
	msgPair
	msgValue
	msgArray
	msgMap
	messageCount
)

// action is what is done with a field.
type action uint8

const (
	leaveOut action = iota // OTLP does not define it
	pass
	lookText    // text or bytes
	lookKey     // of a pair, which says what its value is
	lookID      // an id: of what length it is
	lookInteger // of an AnyValue
	lookDouble
	descend // + message
)

func into(m message) action { return descend + action(m) }

// maxField is the largest field number of a request.
const maxField = 16

// fieldKind is what is done with a field of a wire type; another one is none of OTLP's.
type fieldKind struct {
	wire uint8
	do   action
}

func text() fieldKind            { return fieldKind{wireBytes, lookText} }
func id() fieldKind              { return fieldKind{wireBytes, lookID} }
func number() fieldKind          { return fieldKind{wireVarint, pass} }
func fixed64() fieldKind         { return fieldKind{wireFixed64, pass} }
func fixed32() fieldKind         { return fieldKind{wireFixed32, pass} }
func of(m message) fieldKind     { return fieldKind{wireBytes, into(m)} }
func fields(f ...any) fieldTable { return tableOf(f) }

type fieldTable [maxField + 1]fieldKind

// tableOf takes numbers and kinds by turns.
func tableOf(f []any) (t fieldTable) {
	for i := 0; i < len(f); i += 2 {
		t[f[i].(int)] = f[i+1].(fieldKind)
	}
	return t
}

// tables say what is done with each field of each message. The numbers are those of
// OTLP's protocol files; see package otlp.
var tables = [messageCount]fieldTable{
	msgRequest:       fields(1, of(msgResourceSpans)),
	msgResourceSpans: fields(1, of(msgResource), 2, of(msgScopeSpans), 3, text()),
	msgResource:      fields(1, of(msgPair), 2, number(), 3, of(msgEntityRef)),
	msgEntityRef:     fields(1, text(), 2, text(), 3, text(), 4, text()),
	msgScopeSpans:    fields(1, of(msgScope), 2, of(msgSpan), 3, text()),
	msgScope:         fields(1, text(), 2, text(), 3, of(msgPair), 4, number()),
	msgSpan: fields(1, id(), 2, id(), 3, text(), 4, id(), 5, text(), 6, number(), 7, fixed64(), 8, fixed64(), 9, of(msgPair),
		10, number(), 11, of(msgEvent), 12, number(), 13, of(msgLink), 14, number(), 15, of(msgStatus), 16, fixed32()),
	msgEvent:  fields(1, fixed64(), 2, text(), 3, of(msgPair), 4, number()),
	msgLink:   fields(1, id(), 2, id(), 3, text(), 4, of(msgPair), 5, number(), 6, fixed32()),
	msgStatus: fields(2, text(), 3, number()),
	msgPair:   fields(1, fieldKind{wireBytes, lookKey}, 2, of(msgValue), 3, number()),
	msgValue: fields(1, text(), 2, number(), 3, fieldKind{wireVarint, lookInteger}, 4, fieldKind{wireFixed64, lookDouble},
		5, of(msgArray), 6, of(msgMap), 7, text(), 8, number()),
	msgArray: fields(1, of(msgValue)),
	msgMap:   fields(1, of(msgPair)),
}

// frame is a message being looked through, and how much of it was copied.
type frame struct {
	m      []byte
	copied int // m up to here is in out, or left out
	body   int // where the contents of the field begin that is descended into
	size   int // how many bytes the length before them takes
	mark   int // where the message begins in out
	open   bool
}

// run looks through one request.
type run struct {
	r       *Redactor
	out     []byte
	frames  [maxDepth]frame
	depth   int
	unknown int
	hits    []hit
	full    bool   // there were more than maxHits
	scratch []byte // texts of hits
	nested  int    // JSON in texts of JSON
	counts  [setCount]int64
}

// reset forgets a request.
func (x *run) reset() {
	clear(x.frames[:])
	x.out, x.depth, x.unknown, x.nested = nil, 0, 0, 0
	x.hits, x.scratch = x.hits[:0], x.scratch[:0]
	if cap(x.scratch) > keptBytes {
		x.scratch = nil
	}
	if cap(x.hits) > keptBytes/hitBytes {
		x.hits = nil
	}
	clear(x.counts[:])
}

func (x *run) request(dst, body []byte) (out []byte, changed bool, unknown int, err error) {
	x.out = dst
	x.frames[0] = frame{m: body, mark: len(dst)}
	if !x.message(msgRequest, 0) {
		return dst, false, 0, ErrRequest
	}
	f := &x.frames[0]
	if !f.open {
		return dst, false, 0, nil
	}
	return append(x.out, f.m[f.copied:]...), true, x.unknown, nil
}

// message looks through the message of the frame at depth; class is what the key of a
// value stands for. It is false if that is no message.
func (x *run) message(kind message, c class) bool {
	f := &x.frames[x.depth]
	m, table := f.m, &tables[kind]
	for i := 0; i < len(m); {
		num, wire, at := tag(m, i)
		if at < 0 {
			return false
		}
		var end int
		body := at
		switch wire {
		case wireBytes:
			n, k := uvarint(m, at)
			if k < 0 || n > uint64(len(m)-k) {
				return false
			}
			body, end = k, k+int(n)
		case wireVarint:
			if _, end = uvarint(m, at); end < 0 {
				return false
			}
		case wireFixed64:
			end = at + 8
		case wireFixed32:
			end = at + 4
		case wireGroup:
			if end = skipGroup(m, at, num, 0); end < 0 {
				return false
			}
		default:
			return false
		}
		if end > len(m) {
			return false
		}
		do := leaveOut
		if num <= maxField && table[num].wire == uint8(wire) {
			do = table[num].do
		}
		if n := end - body; do != pass && (do != lookID || (n != 16 && n != 8 && n != 0)) {
			if !x.field(f, do, c, i, at, body, end) {
				return false
			}
		}
		i = end
	}
	return true
}

// field does what is to be done with the field of f that begins at i, whose length or
// number is at at and whose contents are from body to end.
func (x *run) field(f *frame, do action, c class, i, at, body, end int) bool {
	m := f.m
	switch do {
	case lookText:
		x.text(f, c, at, body, end)
	case lookKey:
		if c&classDirty != 0 {
			x.text(f, 0, at, body, end)
		}
	case lookID:
		x.blank(f, body, end)
	case lookInteger:
		v, _ := uvarint(m, at)
		x.integer(f, c, i, end, v)
	case lookDouble:
		v := math.Float64frombits(binary.LittleEndian.Uint64(m[at:]))
		x.double(f, c, i, end, v)
	case leaveOut:
		x.opened(x.depth)
		x.out = append(x.out, m[f.copied:i]...)
		f.copied = end
		x.unknown++
	case into(msgPair):
		return x.pair(f, c, at, body, end)
	default:
		return x.descend(f, message(do-descend), c, at, body, end)
	}
	return true
}

// descend looks through a message within f.
func (x *run) descend(f *frame, kind message, c class, at, body, end int) bool {
	if x.depth+1 == maxDepth {
		return false
	}
	f.body, f.size = body, body-at
	x.depth++
	inner := &x.frames[x.depth]
	*inner = frame{m: f.m[body:end]}
	ok := x.message(kind, c)
	x.depth--
	if ok && inner.open {
		x.close(inner, f)
		f.copied = end
	}
	return ok
}

// pair looks through a KeyValue: its key says what its value is.
func (x *run) pair(f *frame, outer class, at, body, end int) bool {
	m := f.m[body:end]
	hash := uint64(0)
	if outer == 0 && len(m) <= maxClean {
		hash = x.r.clean.hash(m, cleanPair)
		if x.r.clean.has(hash) {
			return true
		}
	}
	// As it is always written: a key, and a value.
	if len(m) > 1 && m[0] == 1<<3|wireBytes && m[1] < 0x80 {
		k := 2 + int(m[1])
		if k+3 < len(m) && m[k] == 2<<3|wireBytes && int(m[k+1]) == len(m)-k-2 {
			c := x.r.classes.of(x.r, m[2:k])
			v := m[k+2:]
			switch {
			case c&classKeep != 0:
				return true
			case (outer|c)&(classWhole|classDirty) != 0:
			case isSmall(v):
				return true
			case v[0] == fieldOfString<<3|wireBytes && int(v[1]) == len(v)-2:
				counts := x.counts
				if !x.find(v[2:], c.within(outer)) {
					if hash != 0 {
						x.r.clean.add(hash)
					}
					return true
				}
				x.hits, x.scratch, x.counts = x.hits[:0], x.scratch[:0], counts
			}
			return x.descend(f, msgPair, c.within(outer), at, body, end)
		}
	}
	return x.oddPair(f, m, outer, at, body, end)
}

// isSmall reports whether an AnyValue is a bool or a number that is too small for a
// card's.
func isSmall(v []byte) bool {
	if v[0] != 2<<3|wireVarint && v[0] != fieldOfInteger<<3|wireVarint {
		return false
	}
	for i := 1; i < len(v)-1; i++ {
		if v[i] < 0x80 {
			return false
		}
	}
	return len(v) <= 6 && v[len(v)-1] < 0x80 // 35 bits
}

// oddPair is pair for what is written otherwise than usual: keys may be behind values.
func (x *run) oddPair(f *frame, m []byte, outer class, at, body, end int) bool {
	c, keys := outer, 0
	for i := 0; i < len(m); {
		num, wire, j := tag(m, i)
		if j < 0 {
			return false
		}
		switch wire {
		case wireBytes:
			n, k := uvarint(m, j)
			if k < 0 || n > uint64(len(m)-k) {
				return false
			}
			i = k + int(n)
			if num == 1 {
				c = x.r.classes.of(x.r, m[k:i]).within(c)
				keys++
			}
		case wireVarint:
			_, i = uvarint(m, j)
		case wireFixed64:
			i = j + 8
		case wireFixed32:
			i = j + 4
		case wireGroup:
			i = skipGroup(m, j, num, 0)
		default:
			return false
		}
		if i < 0 || i > len(m) {
			return false
		}
	}
	if c&classKeep != 0 && keys == 1 {
		return true
	}
	return x.descend(f, msgPair, c&^classKeep, at, body, end)
}

// text looks at a text, and replaces of it what is to be taken out.
func (x *run) text(f *frame, c class, at, body, end int) {
	m := f.m
	v := m[body:end]
	hash := uint64(0)
	if c == 0 && len(v) <= maxClean {
		hash = x.r.clean.hash(v, cleanText)
		if x.r.clean.has(hash) {
			return
		}
	}
	if !x.find(v, c) {
		if hash != 0 {
			x.r.clean.add(hash)
		}
		return
	}
	x.opened(x.depth)
	x.out = append(x.out, m[f.copied:at]...)
	f.copied = end
	start := len(x.scratch)
	x.scratch = x.replace(x.scratch, v, 0)
	x.out = binary.AppendUvarint(x.out, uint64(len(x.scratch)-start))
	x.out = append(x.out, x.scratch[start:]...)
	x.scratch = x.scratch[:0]
}

// blank puts zeros in place of an id that has the length of none: its span is refused for
// that, and what it is instead may be anything.
func (x *run) blank(f *frame, body, end int) {
	if len(bytes.Trim(f.m[body:end], "\x00")) == 0 {
		return
	}
	x.opened(x.depth)
	x.out = append(x.out, f.m[f.copied:body]...)
	x.out = append(x.out, make([]byte, end-body)...)
	f.copied = end
}

// substitute puts a text in place of the number in an AnyValue.
func (x *run) substitute(f *frame, set Set, literal bool, i, end int, number []byte) {
	x.opened(x.depth)
	x.out = append(x.out, f.m[f.copied:i]...)
	f.copied = end
	h := hit{set: set, to: len(number)}
	if literal {
		h.as = asLiteral
	}
	x.hits = append(x.hits[:0], h)
	start := len(x.scratch)
	x.scratch = x.replace(x.scratch, number, 0)
	x.out = append(x.out, fieldOfString<<3|wireBytes)
	x.out = binary.AppendUvarint(x.out, uint64(len(x.scratch)-start))
	x.out = append(x.out, x.scratch[start:]...)
	x.scratch = x.scratch[:0]
}

// integer looks at an integer: the number of a card, or what its key says is secret.
func (x *run) integer(f *frame, c class, i, end int, v uint64) {
	switch {
	case c&(classSecret|classCard|classParameter) == 0 && (v < minCard || v > maxCard || !x.r.on[Cards]):
		return
	case c&classWeak != 0 && c&(classCard|classParameter) == 0:
		return // counts of tokens
	}
	var b [20]byte
	digits := strconv.AppendInt(b[:0], int64(v), 10)
	if set, literal, found := x.number(digits, c); found {
		x.substitute(f, set, literal, i, end, digits)
	}
}

// double is integer for a floating-point number.
func (x *run) double(f *frame, c class, i, end int, v float64) {
	if c&(classSecret|classCard|classParameter) == 0 && (v < minCard || v > maxCard || v != math.Trunc(v)) {
		return
	}
	var b [32]byte
	digits := strconv.AppendFloat(b[:0], v, 'f', -1, 64)
	if set, literal, found := x.number(digits, c); found {
		x.substitute(f, set, literal, i, end, digits)
	}
}

// number says whether a number is to be taken out, as it is written, of what set it is and
// whether it is one of SQL's literals.
func (x *run) number(v []byte, c class) (set Set, literal, found bool) {
	switch {
	case c&classSecret != 0 && c&classWeak == 0:
		return Credentials, false, true
	case c&classCard != 0:
		return Cards, false, true
	case c&classParameter != 0:
		return SQL, true, true
	}
	return Cards, false, x.r.on[Cards] && isCard(v)
}

// opened makes sure that what is before the message at depth is in out.
func (x *run) opened(depth int) {
	f := &x.frames[depth]
	if f.open {
		return
	}
	f.open = true
	if depth == 0 {
		return
	}
	x.opened(depth - 1)
	p := &x.frames[depth-1]
	x.out = append(x.out, p.m[p.copied:p.body]...)
	p.copied = p.body
	f.mark = len(x.out)
}

// close ends a message that was opened: what is left of it is copied, and its length set.
func (x *run) close(f, parent *frame) {
	x.out = append(x.out, f.m[f.copied:]...)
	n := len(x.out) - f.mark
	var size [binary.MaxVarintLen64]byte
	k := binary.PutUvarint(size[:], uint64(n))
	if k > parent.size {
		x.out = append(x.out, size[:k-parent.size]...)
	}
	if k != parent.size {
		copy(x.out[f.mark-parent.size+k:], x.out[f.mark:f.mark+n])
	}
	copy(x.out[f.mark-parent.size:], size[:k])
	x.out = x.out[:f.mark-parent.size+k+n]
}

// tag reads the tag of m at i; at is where what follows it begins, negative if it is none.
func tag(m []byte, i int) (num, wire, at int) {
	if c := m[i]; c < 0x80 && c >= 1<<3 {
		return int(c >> 3), int(c & 7), i + 1
	}
	v, at := uvarint(m, i)
	if at < 0 || v>>3 == 0 || v>>3 >= 1<<29 {
		return 0, 0, -1
	}
	return int(v >> 3), int(v & 7), at
}

// uvarint reads a varint of m at i; the second result is where it ends, negative if it is
// cut short or too long.
func uvarint(m []byte, i int) (uint64, int) {
	if i < len(m) && m[i] < 0x80 {
		return uint64(m[i]), i + 1
	}
	v, n := binary.Uvarint(m[min(i, len(m)):])
	if n <= 0 {
		return 0, -1
	}
	return v, i + n
}

// skipGroup returns where the group of m ends that begins at i, negative if it does not.
func skipGroup(m []byte, i, open, depth int) int {
	if depth == maxGroups {
		return -1
	}
	for i < len(m) {
		num, wire, at := tag(m, i)
		if at < 0 {
			return -1
		}
		switch wire {
		case wireGroupEnd:
			if num != open {
				return -1
			}
			return at
		case wireGroup:
			i = skipGroup(m, at, num, depth+1)
		case wireBytes:
			n, k := uvarint(m, at)
			if k < 0 || n > uint64(len(m)-k) {
				return -1
			}
			i = k + int(n)
		case wireVarint:
			_, i = uvarint(m, at)
		case wireFixed64:
			i = at + 8
		case wireFixed32:
			i = at + 4
		default:
			return -1
		}
		if i < 0 {
			return -1
		}
	}
	return -1
}
