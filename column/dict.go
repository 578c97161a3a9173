package column

import (
	"bytes"

	"github.com/clew-tracing/clew/column/hashed"
)

// Dict gives each distinct byte string a code: its position in order of first
// appearance, from 0. The zero value is an empty dictionary, ready to use.
//
// A Dict has one writer. Readers in other goroutines take View, under the same
// lock or publication as the writer, and read that without a lock. Lookup reads
// the hash table, which Intern rewrites: both need the writer's lock.
//
// Once memory has grown to its working size no method allocates.
//
// The table is open addressing with linear probing over 64-bit entries:
//
//	bits 63..32  high half of the value's hash
//	bits 31..0   code + 1; 0 marks a free slot
//
// A probe compares the half hash first and touches the value's bytes only if
// that agrees. Neighbouring rows often repeat a value, so before any hashing
// the value of the last code handed out is compared.
type Dict struct {
	vals  Strings
	table []uint64      // length a power of two, or none
	used  int           // entries in table: values that were interned, not appended
	last  uint32        // the last code handed out, valid while vals is not empty
	raw   bool          // interning has stopped
	hash  hashed.Hasher // seeded when table is first made

	touched uint64 // written so that reading the table ahead of time is not left out
}

// Len returns the number of values, distinct unless Append or StopInterning
// was used.
func (d *Dict) Len() int { return len(d.vals.Ends) }

// SizeBytes returns the length of all values together.
func (d *Dict) SizeBytes() int { return len(d.vals.Buf) }

// MemoryBytes returns the memory that d holds on to, table included.
func (d *Dict) MemoryBytes() int {
	return cap(d.vals.Buf) + 4*cap(d.vals.Ends) + 8*cap(d.table)
}

// At returns the value of code, under the rules of Strings.At.
func (d *Dict) At(code uint32) []byte { return d.vals.At(int(code)) }

// View returns a snapshot of the values, in code order, under the rules of
// Strings: it stays valid while values are added, until Reset.
func (d *Dict) View() Strings { return d.vals }

// Interning reports whether Intern still finds equal values.
func (d *Dict) Interning() bool { return !d.raw }

// Full reports whether a value of sizeBytes bytes is too much for d, in which
// case Intern would answer NoCode if the value is new.
func (d *Dict) Full(sizeBytes int) bool {
	return !d.vals.Room(sizeBytes) || len(d.vals.Ends) >= NoCode
}

// Intern returns the code of b, which it copies if it is new. It returns NoCode,
// and changes nothing, if b is new and d is Full. After StopInterning it is
// Append.
func (d *Dict) Intern(b []byte) uint32 {
	if n := len(d.vals.Ends); n > 0 && !d.raw && hashed.Same(d.vals.At(int(d.last)), b) {
		return d.last
	}
	return d.intern(b)
}

func (d *Dict) intern(b []byte) uint32 {
	if d.raw {
		return d.Append(b)
	}
	if 2*d.used >= len(d.table) {
		d.grow()
	}
	return d.internHashed(b, d.hash.Of(b))
}

// internHashed is Intern for a value with this hash, of which the table has room
// for one more.
func (d *Dict) internHashed(b []byte, h uint64) uint32 {
	mask := uint64(len(d.table) - 1)
	i := h & mask
	for {
		e := d.table[i]
		if e == 0 {
			break
		}
		if (e^h)>>32 == 0 {
			code := uint32(e) - 1
			if hashed.Same(d.vals.At(int(code)), b) {
				d.last = code
				return code
			}
		}
		i = (i + 1) & mask
	}
	code := d.Append(b)
	if code != NoCode {
		d.table[i] = h&^(1<<32-1) | uint64(code+1)
		d.used++
	}
	return code
}

// Lookup returns the code of b if Intern has seen it. It finds nothing after
// StopInterning, nor values that came through Append.
func (d *Dict) Lookup(b []byte) (code uint32, ok bool) {
	if len(d.table) == 0 {
		return 0, false
	}
	h := d.hash.Of(b)
	mask := uint64(len(d.table) - 1)
	for i := h & mask; d.table[i] != 0; i = (i + 1) & mask {
		if e := d.table[i]; (e^h)>>32 == 0 {
			code := uint32(e) - 1
			if bytes.Equal(d.vals.At(int(code)), b) {
				return code, true
			}
		}
	}
	return 0, false
}

// Append adds b as a value of its own, equal to another or not, and returns its
// code, or NoCode if d is Full. Intern and Lookup never find it.
func (d *Dict) Append(b []byte) uint32 {
	if d.Full(len(b)) {
		return NoCode
	}
	code := uint32(len(d.vals.Ends))
	d.vals.Append(b)
	d.last = code
	return code
}

// StopInterning drops the hash table, for a column whose values hardly repeat:
// from here on Intern appends. Codes handed out before stay valid.
func (d *Dict) StopInterning() {
	d.raw = true
	clear(d.table[:cap(d.table)])
	d.table, d.used = d.table[:0], 0
}

// Reset empties d, keeps its memory and starts interning again. Snapshots taken
// before must not be read any more.
func (d *Dict) Reset() {
	d.vals.Reset()
	clear(d.table)
	d.used, d.last, d.raw = 0, 0, false
}

// grow makes room for one more entry.
func (d *Dict) grow() {
	if len(d.table) == 0 && cap(d.table) > 0 { // StopInterning, then Reset
		d.table = d.table[:cap(d.table)]
		return
	}
	if d.table == nil {
		d.hash.Seed()
	}
	d.rehash(max(dictMinSlots, 2*len(d.table)))
}

// rehash moves the entries to a new table.
func (d *Dict) rehash(slots int) {
	old := d.table
	d.table, d.used = make([]uint64, slots), 0
	mask := uint64(slots - 1)
	for _, e := range old {
		if e == 0 {
			continue
		}
		i := d.hash.Of(d.vals.At(int(uint32(e)-1))) & mask
		for d.table[i] != 0 {
			i = (i + 1) & mask
		}
		d.table[i] = e
		d.used++
	}
}
