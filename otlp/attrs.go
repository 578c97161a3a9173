package otlp

import (
	"encoding/binary"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
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
		c.Head = headOf(key, t)
	}
	if size := c.Head.Size; size >= minSlotHead && len(kv) > size+1 && kv[size-1] == tagValue {
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
	start := i
	last := min(len(m)-1, cap(m)-l.beyond-2-build.HeadBytes) // words may reach behind m, but not behind the request
	for i <= last {
		k := i
		if l.at != span.NoCode {
			k = l.usual(m, i, last)
		}
		if k <= last {
			k = l.known(m, k)
		}
		if k == i {
			break
		}
		i = k
	}
	l.empty = l.empty && i == start
	return i
}

// usual takes the attributes that are as last time, as long as their columns have room.
// It calls nothing, so that all that it needs stays in registers.
func (l *attrList) usual(m []byte, i, last int) int {
	a, at, row, tag := l.a, l.at, l.row, l.tag
	place := l.d.Place(m)
	for i <= last {
		w := (*[2 + build.HeadBytes]byte)(m[i : i+2+build.HeadBytes])
		n := int(w[1]) // what of the attribute is left
		end := i + 2 + n
		c, next := a.Likely(at)
		if w[0] != tag || n >= 0x80 || end > len(m) || c == nil {
			break
		}
		h := &c.Head
		// Whether the words are the same is asked once: how long keys are is hard to foretell.
		x := binary.LittleEndian.Uint64(w[2:])&h.Masks[0] ^ h.Words[0]
		x |= binary.LittleEndian.Uint64(w[10:])&h.Masks[1] ^ h.Words[1]
		x |= binary.LittleEndian.Uint64(w[18:])&h.Masks[2] ^ h.Words[2]
		x |= binary.LittleEndian.Uint64(w[26:])&h.Masks[3] ^ h.Words[3]
		x |= binary.LittleEndian.Uint64(w[34:])&h.Masks[4] ^ h.Words[4]
		n -= h.Size + 1
		if x != 0 || h.Size == 0 || n < 2 {
			break
		}
		v := m[end-n-1 : end] // the value, its length before it
		if len(v) < 3 || int(v[0]) != n {
			break
		}
		var bits uint64
		var ok bool
		switch c.Type() {
		case clew.TypeString:
			bits, ok = uint64(place+end-n+2)<<32|uint64(n-2), int(v[2]) == n-2
		case clew.TypeInt:
			bits, ok = shortVarint(v[2:])
		case clew.TypeDouble:
			if ok = len(v) == 10; ok {
				bits = binary.LittleEndian.Uint64(v[2:])
			}
		case clew.TypeBool:
			bits, ok = uint64(v[2]), n == 2 && v[2] <= 1
		}
		if !ok || !c.PutInRoom(row, bits) {
			break
		}
		at, i = next, end
	}
	l.at = at
	return i
}

// known takes the attribute at m[i] if what it begins with is known and the row has no
// value there. Behind i there is room for the longest head. It returns where the attribute
// ends, or i.
func (l *attrList) known(m []byte, i int) int {
	head := (*[build.HeadBytes]byte)(m[i+2 : i+2+build.HeadBytes])
	n, size := int(m[i+1]), 3+int(head[1])
	end := i + 2 + n
	n -= size + 1 // of the value
	if m[i] != l.tag || m[i+1] >= 0x80 || end > len(m) || n < 2 || size < minSlotHead || size > build.HeadBytes || int(m[end-n-1]) != n {
		return i
	}
	v := m[end-n : end]
	c := l.a.AtSlot(build.SlotOf(head[:], size, v[0]))
	if c == nil || !c.Head.Meets(head) || l.a.Has(c) || !l.put(c, v) {
		return i
	}
	l.at = l.a.Follow(l.at, c)
	return end
}

// put puts a value into its column, if it is written as encoders write that.
func (l *attrList) put(c *build.ColumnBuilder, v []byte) bool {
	switch c.Type() {
	case clew.TypeString:
		if v[0] != tagString || int(v[1]) != len(v)-2 {
			return false
		}
		l.d.PutText(c, l.row, v[2:])
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

// headOf returns what attributes of a key and type begin with, behind their own tag and
// length: what there is up to the length of the value, and the tag behind that.
func headOf(key []byte, t clew.Type) (h build.Head) {
	h.Size = 3 + len(key)
	tag := [clew.TypeCount]byte{clew.TypeString: tagString, clew.TypeInt: tagInt, clew.TypeDouble: tagDouble, clew.TypeBool: tagBool}[t]
	if h.Size+2 > build.HeadBytes || tag == 0 {
		return build.Head{}
	}
	var words, masks [build.HeadBytes]byte
	words[0], words[1], words[2+len(key)], words[h.Size+1] = tagKey, byte(len(key)), tagValue, tag
	copy(words[2:], key)
	for i := range masks[:h.Size+2] {
		masks[i] = 0xff
	}
	masks[h.Size] = 0
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
