package column

import "github.com/clew-tracing/clew/column/hashed"

// Refs are byte strings in two buffers that somebody else owns: a value is named by
// its place and length, place<<32 | length, with InMore added to places in More.
type Refs struct {
	Body, More []byte // each below 1<<31 bytes

	lookups [internChunk]lookup // scratch of InternRefs: to clear it would cost more than few values
}

// InMore marks places in Refs.More.
const InMore = 1 << 31

// At returns the value of a ref. It shares memory with r.
func (r *Refs) At(ref uint64) []byte {
	at, n := uint32(ref>>32), uint32(ref)
	if at < InMore {
		return r.Body[at : at+n]
	}
	return r.More[at&^InMore : at&^InMore+n]
}

// internChunk is how many values InternRefs looks up together.
const internChunk = 64

// lookup is a value to be found in a table.
type lookup struct {
	hash   uint64 // 0: the value is that before it
	w0, w1 uint64 // of a short value in Body with enough behind it: its bytes
}

// InternRefs replaces each of vals, refs of r, by the code that Intern gives its
// value. It looks values up many at a time: their places in the table are read one
// after the other before any is compared, so that waiting for memory overlaps.
func (d *Dict) InternRefs(r *Refs, vals []uint64) {
	for len(vals) > 0 {
		n := min(len(vals), internChunk)
		if d.raw {
			for i, ref := range vals[:n] {
				vals[i] = uint64(d.Append(r.At(ref)))
			}
			vals = vals[n:]
			continue
		}
		for 2*(d.used+n) >= len(d.table) {
			d.grow()
		}
		d.touch(r, vals[:n])
		last := uint64(d.last)
		for i, ref := range vals[:n] {
			if l := &r.lookups[i]; l.hash != 0 {
				last = uint64(d.internRef(r, ref, l))
			}
			vals[i] = last
		}
		vals = vals[n:]
	}
}

// touch hashes values and reads their slots. A value that repeats the one before,
// or the first of them the last one that d was given, gets hash 0.
func (d *Dict) touch(r *Refs, vals []uint64) {
	var before []byte
	first := len(d.vals.Ends) == 0
	if !first {
		before = d.vals.At(int(d.last))
	}
	table, mask := d.table, uint64(len(d.table)-1)
	touched := uint64(0)
	var w0, w1 uint64 // of the value before
	short := -1       // its length, if it is short
	for i, ref := range vals[:min(len(vals), internChunk)] {
		at, n := int(ref>>32), int(uint32(ref))
		l := &r.lookups[i]
		if n <= hashed.ShortBytes && at+hashed.ShortBytes <= len(r.Body) {
			w := (*[hashed.ShortBytes]byte)(r.Body[at:])
			m := &hashed.ShortMasks[n]
			x0, x1 := hashed.Word(w[:], 0)&m[0], hashed.Word(w[:], 8)&m[1]
			if n == short && x0 == w0 && x1 == w1 {
				l.hash = 0
				continue
			}
			w0, w1, short, first = x0, x1, n, false
			l.w0, l.w1 = x0, x1
			l.hash = d.hash.Short(x0, x1, n)
			touched ^= table[l.hash&mask]
			continue
		}
		v := r.At(ref)
		if short < 0 && !first && n > hashed.ShortBytes && string(v) == string(before) {
			l.hash = 0
			continue
		}
		l.hash = d.hash.Of(v)
		first, before, short = false, v, -1
		touched ^= table[l.hash&mask]
	}
	d.touched = touched
}

// internRef is internHashed for a ref.
func (d *Dict) internRef(r *Refs, ref uint64, l *lookup) uint32 {
	at, n := int(ref>>32), int(uint32(ref))
	if n > hashed.ShortBytes || at+hashed.ShortBytes > len(r.Body) {
		return d.internHashed(r.At(ref), l.hash)
	}
	m := &hashed.ShortMasks[n]
	table, mask := d.table, uint64(len(d.table)-1)
	for i := l.hash & mask; ; i = (i + 1) & mask {
		e := table[i]
		if (e^l.hash)>>32 != 0 || e == 0 {
			if e == 0 {
				break
			}
			continue
		}
		code := uint32(e) - 1
		start, end := d.vals.bounds(int(code))
		if end-start != n {
			continue
		}
		if buf := d.vals.Buf[:cap(d.vals.Buf)]; start+hashed.ShortBytes <= len(buf) {
			w := (*[hashed.ShortBytes]byte)(buf[start:])
			if (hashed.Word(w[:], 0)&m[0]^l.w0)|(hashed.Word(w[:], 8)&m[1]^l.w1) == 0 {
				d.last = code
				return code
			}
		} else if string(buf[start:end]) == string(r.At(ref)) {
			d.last = code
			return code
		}
	}
	return d.internHashed(r.At(ref), l.hash)
}
