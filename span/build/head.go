package build

import "encoding/binary"

// A Head is what the attributes of one column begin with in messages: Size bytes, the
// length of the value, which is any, and the value's tag; 0 says that nothing is known.
// Together they are at most HeadBytes. Masks has all bits set where Words has what counts.
type Head struct {
	Size         int
	Words, Masks [HeadBytes / 8]uint64
}

// HeadBytes is enough for the keys of the semantic conventions.
const HeadBytes = 40

// A headTable has columns where the heads of their attributes lead to: one of those that
// lead to the same place.
type headTable [headSlots]*ColumnBuilder

// SlotOf returns the place in a headTable of attributes that begin with a head of size
// bytes and a value whose bytes begin with tag; size is 8 at least. Heads that differ may
// meet there.
func SlotOf(head []byte, size int, tag byte) int {
	w := binary.LittleEndian.Uint64(head[size-8:]) ^ uint64(tag)<<56
	w = (w ^ binary.LittleEndian.Uint64(head[size/2-4:])*headTimes[0]) * headTimes[1]
	w = (w ^ binary.LittleEndian.Uint64(head)) * headTimes[2]
	return int(w >> (64 - headBits))
}

// headTimes are odd, and of as many ones as zeros.
var headTimes = [3]uint64{0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb}

// AtSlot returns the column last noted at a slot, or nil.
func (a *AttrsBuilder) AtSlot(slot int) *ColumnBuilder {
	if a.heads == nil {
		return nil
	}
	return a.heads[slot]
}

// Note notes that attributes which lead to slot are mostly of column c.
func (a *AttrsBuilder) Note(slot int, c *ColumnBuilder) {
	if a.heads == nil {
		a.heads = new(headTable)
	}
	a.heads[slot] = c
}

// Meets reports whether the bytes b begin with h.
func (h *Head) Meets(b *[HeadBytes]byte) bool {
	// Whether the words are the same is asked once: how long keys are is hard to foretell.
	x := binary.LittleEndian.Uint64(b[0:])&h.Masks[0] ^ h.Words[0]
	x |= binary.LittleEndian.Uint64(b[8:])&h.Masks[1] ^ h.Words[1]
	x |= binary.LittleEndian.Uint64(b[16:])&h.Masks[2] ^ h.Words[2]
	x |= binary.LittleEndian.Uint64(b[24:])&h.Masks[3] ^ h.Words[3]
	x |= binary.LittleEndian.Uint64(b[32:])&h.Masks[4] ^ h.Words[4]
	return x == 0 && h.Size != 0
}
