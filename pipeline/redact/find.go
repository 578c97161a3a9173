package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// as says what stands in place of what was taken out.
type as uint8

const (
	asMark    as = iota
	asLiteral    // LiteralMark
	asQuoted     // Mark, as a string of JSON
	asQuotedLiteral
	asScratch // what is in the scratch of the run, whose parts are counted
)

// hit is a part of a text that is to be taken out.
type hit struct {
	from, to int
	a, b     int // of the scratch
	set      Set
	as       as
}

// hitBytes is about the size of a hit.
const hitBytes = 40

// The counters of what a text has, four in one number. Each of the parts of a text that
// are counted at once is short enough for 16 bits.
const (
	laneAt    = 0
	laneDigit = 16
	laneSign  = 32
	laneSpace = 48
	chunk     = 1 << 15
)

// lanes say which counters a byte counts in.
var lanes = func() (t [256]uint64) {
	for c := byte('0'); c <= '9'; c++ {
		t[c] = 1 << laneDigit
	}
	t['@'] = 1 << laneAt
	t['='], t[':'] = 1<<laneSign, 1<<laneSign
	t['%'] = 1<<laneAt | 1<<laneSign // of %40 and %3D
	t[' '] = 1 << laneSpace
	return t
}()

// tally is how many bytes of some kinds a text has.
type tally struct{ ats, digits, signs, spaces int }

func count(v []byte) (t tally) {
	for len(v) > 0 {
		part := v[:min(len(v), chunk)]
		v = v[len(part):]
		sum := uint64(0)
		for _, c := range part {
			sum += lanes[c]
		}
		t.ats += int(sum & 0xffff)
		t.digits += int(sum >> laneDigit & 0xffff)
		t.signs += int(sum >> laneSign & 0xffff)
		t.spaces += int(sum >> laneSpace)
	}
	return t
}

// find looks for what is to be taken out of a text, as the value of a key of class c, and
// notes it in hits. It reports whether there is anything.
func (x *run) find(v []byte, c class) bool {
	x.hits, x.full = x.hits[:0], false
	x.look(v, c)
	if x.full {
		x.hits = append(x.hits[:0], hit{to: len(v), set: x.hits[0].set})
	}
	return len(x.hits) > 0
}

// note notes a part that is to be taken out, as long as there are not too many of them.
func (x *run) note(h hit) {
	if len(x.hits) == maxHits {
		x.full = true
		return
	}
	x.hits = append(x.hits, h)
}

// look appends to hits what is to be taken out of v.
func (x *run) look(v []byte, c class) {
	if c&classWhole != 0 {
		x.whole(v, c)
		return
	}
	if len(v) < minFound && c&classSQL == 0 {
		return
	}
	if isJSON(v) && x.json(v, c) {
		return
	}
	t := count(v)
	r := x.r
	if t.ats > 0 {
		if r.on[Email] {
			x.emails(v)
		}
		if r.on[URLs] && t.signs > 0 {
			x.userinfo(v)
		}
	}
	if t.signs > 0 && (r.on[Credentials] || r.on[URLs]) {
		x.assignments(v)
	}
	if t.digits >= minCardDigits && r.on[Cards] {
		x.cards(v)
	}
	if r.on[Credentials] {
		if t.spaces > 0 {
			x.schemes(v)
		}
		if len(v) >= minToken {
			x.tokens(v)
		}
		if bytes.IndexByte(v, '<') >= 0 {
			x.elements(v)
		}
	}
	if c&classSQL != 0 {
		x.literals(v)
	}
}

// whole notes all of a text, but for one that says nothing.
func (x *run) whole(v []byte, c class) {
	if isJSON(v) && x.json(v, c) {
		return
	}
	h := hit{to: len(v)}
	switch {
	case c&classSecret != 0:
		if isPlaceholder(v) || (c&classWeak != 0 && isNumber(v)) {
			return
		}
		h.set = Credentials
	case c&classCard != 0:
		if isPlaceholder(v) {
			return
		}
		h.set = Cards
	default:
		if isPlaceholder(v) {
			return
		}
		h.set, h.as = SQL, asLiteral
	}
	x.note(h)
}

// isPlaceholder reports whether a text stands for a secret, or for none.
func isPlaceholder(v []byte) bool {
	switch string(v) {
	case "", "?", Mark, "null", "nil", "none", "None", "true", "false", "undefined":
		return true
	}
	if rest, ok := bytes.CutPrefix(v, []byte(Mark+"-")); ok && len(rest) == hashDigits {
		return !bytes.ContainsFunc(rest, func(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
	}
	return len(bytes.Trim(v, "*")) == 0
}

// isNumber reports whether a text is a number.
func isNumber(v []byte) bool {
	return len(v) > 0 && !bytes.ContainsFunc(v, func(c rune) bool { return (c < '0' || c > '9') && c != '.' && c != '-' })
}

// replace appends v without its hits from the first-th on, counts these and drops them.
func (x *run) replace(dst, v []byte, first int) []byte {
	hits := x.hits[first:]
	slices.SortStableFunc(hits, func(a, b hit) int {
		if a.from != b.from {
			return a.from - b.from
		}
		if a.to != b.to {
			return b.to - a.to
		}
		return int(a.as) - int(b.as) // what is taken out whole is, before what is left of it
	})
	at := 0
	for i := 0; i < len(hits); {
		h := hits[i]
		for i++; i < len(hits) && hits[i].from < h.to; i++ {
			h.to = max(h.to, hits[i].to) // it lies over the one before it
		}
		dst = append(dst, v[at:h.from]...)
		dst = x.mark(dst, &h, v[h.from:h.to])
		at = h.to
	}
	x.hits = x.hits[:first]
	return append(dst, v[at:]...)
}

// mark appends what stands in place of a hit.
func (x *run) mark(dst []byte, h *hit, secret []byte) []byte {
	if h.as == asScratch {
		return append(dst, x.scratch[h.a:h.b]...)
	}
	x.counts[h.set]++
	switch h.as {
	case asLiteral:
		return append(dst, LiteralMark...)
	case asQuotedLiteral:
		return append(append(append(dst, '"'), LiteralMark...), '"')
	case asQuoted:
		return append(x.hashed(append(dst, '"'), secret), '"')
	}
	return x.hashed(dst, secret)
}

// hashed appends the mark, with a hash if there is a key for that.
func (x *run) hashed(dst, secret []byte) []byte {
	dst = append(dst, Mark...)
	if len(x.r.hashKey) == 0 {
		return dst
	}
	h := hmac.New(sha256.New, x.r.hashKey)
	_, _ = h.Write(secret) // never fails
	var sum [sha256.Size]byte
	return hex.AppendEncode(append(dst, '-'), h.Sum(sum[:0])[:hashDigits/2])
}

// shift moves the hits from the first-th on, which are of v[by:].
func (x *run) shift(first, by int) {
	for i := first; i < len(x.hits); i++ {
		x.hits[i].from += by
		x.hits[i].to += by
	}
}

// Kinds of bytes, by bits.
const (
	isDigit uint8 = 1 << iota
	isLower
	isUpper
	isWord   // what tokens are made of
	isName   // what names in texts are made of
	isLocal  // what an address has before @
	isSpace  // ends a word
	isBase64 // with what fills it up
	isLetter = isLower | isUpper
	isAlnum  = isLetter | isDigit
)

var kinds = func() (t [256]uint8) {
	for c := 0; c < 256; c++ {
		b := byte(c)
		switch {
		case '0' <= b && b <= '9':
			t[c] |= isDigit
		case 'a' <= b && b <= 'z':
			t[c] |= isLower
		case 'A' <= b && b <= 'Z':
			t[c] |= isUpper
		}
		alnum := t[c] != 0
		if alnum || bytes.IndexByte([]byte("_-/+"), b) >= 0 {
			t[c] |= isWord
		}
		if alnum || bytes.IndexByte([]byte("_-."), b) >= 0 {
			t[c] |= isName
		}
		if alnum || b >= 0x80 || bytes.IndexByte([]byte("._%+-'"), b) >= 0 {
			t[c] |= isLocal
		}
		if bytes.IndexByte([]byte(" \t\r\n"), b) >= 0 {
			t[c] |= isSpace
		}
		if alnum || bytes.IndexByte([]byte("._~+/=-"), b) >= 0 {
			t[c] |= isBase64
		}
	}
	return t
}()
