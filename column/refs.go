package column

// Refs are byte strings that lie in a message somebody else owns, and a few that
// do not lie there in one piece: a value is named by its place and length in 64
// bits. A Refs is of use while the message is unchanged.
type Refs struct {
	Body []byte // the message, below 1<<31 bytes
	more []byte // what was added by Add
}

// A ref is place<<32 | length; inMore marks places in Refs.more.
const inMore = 1 << 31

// Reset begins a new message.
func (r *Refs) Reset(body []byte) { r.Body, r.more = body, r.more[:0] }

// Of returns the ref of v, which must be a slice of r.Body whose capacity nobody
// has cut: that says where in the message it lies.
func (r *Refs) Of(v []byte) uint64 {
	return uint64(cap(r.Body)-cap(v))<<32 | uint64(uint32(len(v)))
}

// Add keeps a copy of v and returns its ref.
func (r *Refs) Add(v []byte) uint64 {
	at := len(r.more)
	r.more = append(r.more, v...)
	return uint64(at|inMore)<<32 | uint64(uint32(len(v)))
}

// At returns the value of a ref. It shares memory with r.
func (r *Refs) At(ref uint64) []byte {
	at, n := uint32(ref>>32), uint32(ref)
	if at < inMore {
		return r.Body[at : at+n]
	}
	return r.more[at&^inMore : at&^inMore+n]
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
