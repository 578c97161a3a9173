package otlp

import (
	"encoding/binary"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span/build"
)

// attrList takes the attributes of one row after the other into columns.
type attrList struct {
	d     *build.Draft
	a     *build.AttrsBuilder
	row   uint32
	at    uint32 // the node come to
	tag   byte   // of the attributes field, for extra
	empty bool   // no attribute yet
	odd   bool
	extra []byte // KeyValues that have no column

	beyond int // how much memory there is behind the request
}

func (l *attrList) open(d *build.Draft, a *build.AttrsBuilder, tag byte, body []byte) {
	l.d, l.a, l.tag, l.beyond = d, a, tag, cap(body)-len(body)
}

func (l *attrList) begin(row, root uint32) {
	l.row, l.at = row, root
	l.empty, l.odd, l.extra = true, false, l.extra[:0]
}

// end returns the row's shape.
func (l *attrList) end() uint32 {
	if len(l.extra) > 0 {
		l.d.PutExtra(l.a, l.row, l.extra)
	}
	if l.a.Odd(l.at) {
		l.odd = true
	}
	return l.at
}

// column finds the place of an attribute's value; nil if it has to be kept as the
// message kv.
func (l *attrList) column(key []byte, t clew.Type, kv []byte) *build.ColumnBuilder {
	l.empty = false
	c, next := l.a.Next(l.at, key, t)
	if c == nil {
		l.odd = true
		l.extra = append(l.extra, l.tag)
		l.extra = binary.AppendUvarint(l.extra, uint64(len(kv)))
		l.extra = append(l.extra, kv...)
		return nil
	}
	if c.Head.Size == 0 {
		c.Head = headOf(key)
	}
	if size := 3 + len(key); size >= minSlotHead && size <= build.HeadBytes && len(kv) > size+1 && kv[size-1] == tagValue {
		l.a.Note(build.SlotOf(kv, size, kv[size+1]), c)
	}
	l.at = next
	return c
}

// minSlotHead is the shortest head for which there is a slot.
const minSlotHead = 8

// expected takes attributes of m from place i on for as long as their columns can be
// foretold: by what followed last time, or by what their keys look like. They are written
// as encoders write them: a key, and a value of a single field, shorter than 128 bytes
// together. It returns the place of what it has not taken.
func (l *attrList) expected(m []byte, i int) int {
	at, start := l.at, i
	end := 0                                                              // of the attribute
	for ; cap(m)-i >= l.beyond+2+build.HeadBytes && i < len(m); i = end { // words may reach behind m, but not behind the request
		w := (*[2 + build.HeadBytes]byte)(m[i : i+2+build.HeadBytes])
		if end = i + 2 + int(w[1]); w[0] != l.tag || w[1] >= 0x80 || end > len(m) {
			break
		}
		c, next := l.a.Likely(at)
		likely := c != nil
		if likely {
			h := &c.Head
			// Whether the words are the same is asked once: how long keys are is hard to foretell.
			x := binary.LittleEndian.Uint64(w[2:])&h.Masks[0] ^ h.Words[0]
			x |= binary.LittleEndian.Uint64(w[10:])&h.Masks[1] ^ h.Words[1]
			x |= binary.LittleEndian.Uint64(w[18:])&h.Masks[2] ^ h.Words[2]
			x |= binary.LittleEndian.Uint64(w[26:])&h.Masks[3] ^ h.Words[3]
			x |= binary.LittleEndian.Uint64(w[34:])&h.Masks[4] ^ h.Words[4]
			likely = x == 0 && h.Size != 0
		}
		if !likely {
			if c = l.bySlot((*[build.HeadBytes]byte)(w[2:]), m[i:end]); c == nil {
				break
			}
		}
		v := m[i+2 : end] // the value, its length before it
		if c.Head.Size+3 > len(v) {
			break
		}
		if v = v[c.Head.Size:]; int(v[0]) != len(v)-1 {
			break
		}
		if c.Type() == clew.TypeString && v[1] == tagString && int(v[2]) == len(v)-3 {
			l.d.PutText(c, l.row, v[3:])
		} else if !l.put(c, v[1:]) {
			break
		}
		if !likely {
			next = l.a.Follow(at, c)
		}
		at = next
	}
	l.at, l.empty = at, l.empty && i == start
	return i
}

// bySlot returns the column of an attribute, with tag and length, whose message begins
// with w, if its key is known and the row has no value there.
func (l *attrList) bySlot(w *[build.HeadBytes]byte, attr []byte) *build.ColumnBuilder {
	size := 3 + int(w[1])
	if size < minSlotHead || size > build.HeadBytes || 2+size+1 >= len(attr) {
		return nil
	}
	c := l.a.AtSlot(build.SlotOf(w[:], size, attr[2+size+1]))
	if c == nil || !c.Head.Meets(w) || l.a.Has(c) {
		return nil
	}
	return c
}

// put puts a value that is no text into its column, if it is written as encoders write
// that.
func (l *attrList) put(c *build.ColumnBuilder, v []byte) bool {
	switch c.Type() {
	case clew.TypeInt:
		bits, ok := shortVarint(v[1:])
		if v[0] != tagInt || !ok {
			return false
		}
		c.PutBits(l.row, bits)
	case clew.TypeDouble:
		if v[0] != tagDouble || len(v) != 9 {
			return false
		}
		c.PutBits(l.row, binary.LittleEndian.Uint64(v[1:]))
	case clew.TypeBool:
		if v[0] != tagBool || len(v) != 2 || v[1] > 1 {
			return false
		}
		c.PutBits(l.row, uint64(v[1]))
	default:
		return false
	}
	return true
}

// headOf returns what attributes of a key begin with, behind their own tag and length,
// up to the length of the value.
func headOf(key []byte) (h build.Head) {
	h.Size = 3 + len(key)
	if h.Size > build.HeadBytes {
		return build.Head{}
	}
	var words, masks [build.HeadBytes]byte
	words[0], words[1], words[2+len(key)] = tagKey, byte(len(key)), tagValue
	copy(words[2:], key)
	for i := range masks[:h.Size] {
		masks[i] = 0xff
	}
	for i := range h.Words {
		h.Words[i] = binary.LittleEndian.Uint64(words[8*i:])
		h.Masks[i] = binary.LittleEndian.Uint64(masks[8*i:])
	}
	return h
}

// Tags of KeyValue's and AnyValue's fields.
const (
	tagKey    = 1<<3 | wireBytes
	tagValue  = 2<<3 | wireBytes
	tagString = 1<<3 | wireBytes
	tagBool   = 2<<3 | wireVarint
	tagInt    = 3<<3 | wireVarint
	tagDouble = 4<<3 | wireFixed64
)

// attr takes one KeyValue message. Messages as encoders write them, a key and a
// value of a single field, are read here; whatever else is legal goes through
// otherAttr.
func (d *Decoder) attr(l *attrList, kv []byte) error {
	if len(kv) < 4 || kv[0] != tagKey || kv[1] >= 0x80 || int(kv[1]) > len(kv)-4 {
		return d.otherAttr(l, kv)
	}
	k := 2 + int(kv[1])
	if kv[k] != tagValue {
		return d.otherAttr(l, kv)
	}
	key, v := kv[2:k], kv[k+2:]
	if int(kv[k+1]) != len(v) || len(v) < 2 || len(v) >= 0x80 {
		var ok bool
		if v, ok = whole(kv[k+1:]); !ok || len(v) < 2 {
			return d.otherAttr(l, kv)
		}
	}
	switch v[0] {
	case tagString:
		s, ok := v[2:], int(v[1]) == len(v)-2 && len(v) < 0x82
		if !ok {
			s, ok = whole(v[1:])
		}
		if ok {
			if c := l.column(key, clew.TypeString, kv); c != nil {
				l.d.PutText(c, l.row, s)
			}
			return nil
		}
	case tagInt:
		if n, end := uvarint(v, 1); end == len(v) {
			if c := l.column(key, clew.TypeInt, kv); c != nil {
				c.PutBits(l.row, n)
			}
			return nil
		}
	case tagDouble:
		if len(v) == 9 {
			if c := l.column(key, clew.TypeDouble, kv); c != nil {
				c.PutBits(l.row, binary.LittleEndian.Uint64(v[1:]))
			}
			return nil
		}
	case tagBool:
		if len(v) == 2 && v[1] <= 1 {
			if c := l.column(key, clew.TypeBool, kv); c != nil {
				c.PutBits(l.row, uint64(v[1]))
			}
			return nil
		}
	}
	return d.otherAttr(l, kv)
}

// whole returns what follows the length that m begins with, if that is exactly
// the rest of m.
func whole(m []byte) ([]byte, bool) {
	if len(m) == 0 {
		return nil, false
	}
	n := int(m[0])
	if n < 0x80 {
		return m[1:], n == len(m)-1
	}
	if len(m) > 1 && m[1] < 0x80 {
		return m[2:], n&0x7f|int(m[1])<<7 == len(m)-2
	}
	v, i := uvarint(m, 0)
	if i < 0 || v != uint64(len(m)-i) {
		return nil, false
	}
	return m[i:], true
}

// otherAttr takes a KeyValue message the general way.
func (d *Decoder) otherAttr(l *attrList, kv []byte) error {
	p := pair{scratch: d.message}
	if err := p.read(kv); err != nil {
		return err
	}
	d.message = p.scratch
	d.res.UnknownFields += p.seen.unknown
	if p.seen.odd {
		l.odd = true
	}
	c := l.column(p.key, p.value.Type, kv)
	switch {
	case c == nil:
	case p.value.Type != clew.TypeString && p.value.Type != clew.TypeOther:
		c.PutBits(l.row, p.value.Bits)
	case p.pieces > 1:
		l.d.PutOwn(c, l.row, p.value.Bytes)
	default:
		l.d.PutText(c, l.row, p.value.Bytes)
	}
	return nil
}

// pair is a KeyValue message, read. It shares the message's memory.
type pair struct {
	key     []byte
	value   clew.Value
	seen    seen
	message []byte // the AnyValue message
	pieces  int    // in how many fields that came
	scratch []byte // holds message if it came in several
}

// read splits kv and reads its value.
func (p *pair) read(kv []byte) error {
	if err := p.split(kv); err != nil {
		return err
	}
	v, s, err := readValue(p.message)
	if err != nil && p.pieces > 1 {
		return within(kv, p.message, "value", err)
	}
	p.value = v
	p.seen.unknown += s.unknown
	p.seen.odd = s.odd
	return err
}

// split finds the key and the value of kv.
func (p *pair) split(kv []byte) error {
	var f field
	for i := 0; i < len(kv); {
		end, err := f.next(kv, i)
		if err != nil {
			return err
		}
		switch {
		case f.is(1, wireBytes):
			p.key = f.data
		case f.is(2, wireBytes):
			if p.pieces++; p.pieces == 1 {
				p.message = f.data
				break
			}
			if p.pieces == 2 {
				p.scratch = append(p.scratch[:0], p.message...)
			}
			p.scratch = append(p.scratch, f.data...)
			p.message = p.scratch
		case f.is(keyIndex, wireVarint):
		default:
			p.seen.unknown++
		}
		i = end
	}
	return nil
}
