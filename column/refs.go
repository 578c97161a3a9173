package column

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
			case hashes[i] != 0:
				vals[i] = uint64(d.internHashed(r.At(ref), hashes[i]))
			case i > 0:
				vals[i] = vals[i-1]
			default:
				vals[i] = uint64(d.last)
			}
		}
		vals = vals[n:]
	}
}

// touch hashes values and reads their slots. A value that repeats the one before, or
// the first of them the last one that d was given, gets hash 0.
func (d *Dict) touch(r *Refs, vals []uint64, hashes *[internChunk]uint64) {
	var before []byte
	first := len(d.vals.Ends) == 0
	if !first {
		before = d.vals.At(int(d.last))
	}
	mask := uint64(len(d.table) - 1)
	touched := uint64(0)
	for i, ref := range vals {
		v := r.At(ref)
		if string(v) == string(before) && !first {
			hashes[i] = 0
			continue
		}
		first = false
		h := d.hash(v)
		hashes[i] = h
		touched ^= d.table[h&mask]
		before = v
	}
	d.touched = touched
}
