package column

import (
	"bytes"
	"encoding/binary"
)

// Strings is a list of byte strings in one buffer: value i is
// Buf[Ends[i-1]:Ends[i]], value 0 starts at 0. It holds no pointers to values,
// so the garbage collector sees two slices however many values there are.
//
// The zero value is an empty list. Values are only ever appended. A copy of the
// struct is therefore an immutable snapshot: Append writes beyond the copied
// lengths only, so one goroutine may append while others read copies taken
// earlier. Taking the copy itself must be ordered with the appends (a mutex or
// an atomic publication), and Reset ends the life of every copy.
//
// All offsets are 32-bit: the buffer holds at most MaxBuf bytes. Callers that
// take foreign data check Room first, as Dict does.
type Strings struct {
	Buf  []byte
	Ends []uint32
}

// Len returns the number of values.
func (s *Strings) Len() int { return len(s.Ends) }

// At returns value i. It shares memory with s, must not be written to, and is
// valid until Reset. Its capacity ends with the value.
func (s *Strings) At(i int) []byte {
	end := s.Ends[i]
	var start uint32
	if i > 0 {
		start = s.Ends[i-1]
	}
	return s.Buf[start:end:end]
}

// bounds returns where value i lies in Buf.
func (s *Strings) bounds(i int) (start, end int) {
	if i > 0 {
		start = int(s.Ends[i-1])
	}
	return start, int(s.Ends[i])
}

// Ref returns the Refs' name of value i, for Refs whose Body is Buf, of fewer than InMore
// bytes.
func (s *Strings) Ref(i int) uint64 {
	start, end := s.bounds(i)
	return uint64(start)<<32 | uint64(end-start)
}

// Index returns the first value equal to v, or -1.
func (s *Strings) Index(v []byte) int {
	start, last := uint32(0), uint64(0) // ids, which are equally long, differ in their last bytes
	if len(v) >= 8 {
		last = binary.LittleEndian.Uint64(v[len(v)-8:])
	}
	for i, end := range s.Ends {
		if end-start == uint32(len(v)) && (len(v) < 8 || binary.LittleEndian.Uint64(s.Buf[end-8:]) == last) && bytes.Equal(s.Buf[start:end], v) {
			return i
		}
		start = end
	}
	return -1
}

// Append copies b to the end of the list. It panics if there is no Room for it.
func (s *Strings) Append(b []byte) {
	if !s.Room(len(b)) {
		// The caller broke the contract; an end that wraps would corrupt the list.
		panic("column: Strings.Append without Room")
	}
	s.Buf = append(s.Buf, b...)
	s.Ends = append(s.Ends, uint32(len(s.Buf)))
}

// Room reports whether sizeBytes more bytes fit under MaxBuf.
func (s *Strings) Room(sizeBytes int) bool {
	return uint64(len(s.Buf))+uint64(sizeBytes) <= MaxBuf
}

// Reset empties the list and keeps its memory. Snapshots and values taken
// before must not be read any more.
func (s *Strings) Reset() {
	s.Buf, s.Ends = s.Buf[:0], s.Ends[:0]
}
