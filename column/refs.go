package column

import "github.com/clew-tracing/clew/column/hashed"

// Refs are byte strings in two buffers that somebody else owns: a value is named by
// its place and length, place<<32 | length, with InMore added to places in More.
type Refs struct{ Body, More []byte } // each below 1<<31 bytes

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

// InternRefs replaces each of vals, refs of r, by the code that Intern gives its
// value. It looks values up many at a time: their places in the table are read one
// after the other before any is compared, so that waiting for memory overlaps.
func (d *Dict) InternRefs(r *Refs, vals []uint64) {
	var hashes [internChunk]uint64
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
		d.touch(r, vals[:n], &hashes)
		for i, ref := range vals[:n] {
			switch {
			case hashes[i] == 0 && i > 0:
				vals[i] = vals[i-1]
			case hashes[i] == 0:
				vals[i] = uint64(d.last)
			default:
				vals[i] = uint64(d.internRef(r, ref, hashes[i]))
			}
		}
		vals = vals[n:]
	}
}

// touch hashes values and reads their slots. A long value that repeats the one before,
// or the first of them the last one that d was given, gets hash 0.
func (d *Dict) touch(r *Refs, vals []uint64, hashes *[internChunk]uint64) {
	var before []byte
	first := len(d.vals.Ends) == 0
	if !first {
		before = d.vals.At(int(d.last))
	}
	table := d.table
	touched := uint64(0)
	for i, ref := range vals {
		at, n := int(ref>>32), int(uint32(ref))
		var h uint64
		v := r.At(ref)
		switch {
		case n <= hashed.ShortBytes && at+hashed.ShortBytes <= len(r.Body):
			m := &hashed.ShortMasks[n]
			h = d.hash.Short(hashed.Word(r.Body, at)&m[0], hashed.Word(r.Body, at+8)&m[1], n)
		case n > hashed.MidBytes && !first && string(v) == string(before):
		default:
			h = d.hash.Of(v)
		}
		first, before = false, v
		hashes[i] = h
		touched ^= table[h&uint64(len(table)-1)]
	}
	d.touched = touched
}

// internRef is internHashed for a ref.
func (d *Dict) internRef(r *Refs, ref, h uint64) uint32 {
	at, n := int(ref>>32), int(uint32(ref))
	if n > hashed.ShortBytes || at+hashed.ShortBytes > len(r.Body) {
		return d.internHashed(r.At(ref), h)
	}
	m := &hashed.ShortMasks[n]
	w0, w1 := hashed.Word(r.Body, at), hashed.Word(r.Body, at+8)
	mask := uint64(len(d.table) - 1)
	for i := h & mask; d.table[i] != 0; i = (i + 1) & mask {
		e := d.table[i]
		if (e^h)>>32 != 0 {
			continue
		}
		code := uint32(e) - 1
		start, end := d.vals.bounds(int(code))
		if buf := d.vals.Buf[:cap(d.vals.Buf)]; end-start == n && start+hashed.ShortBytes <= len(buf) {
			if (hashed.Word(buf, start)^w0)&m[0]|(hashed.Word(buf, start+8)^w1)&m[1] == 0 {
				d.last = code
				return code
			}
		} else if string(d.vals.Buf[start:end]) == string(r.At(ref)) {
			d.last = code
			return code
		}
	}
	return d.internHashed(r.At(ref), h)
}
