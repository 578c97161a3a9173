package traceindex

import (
	"encoding/binary"
	"io"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/clew-tracing/clew"
)

// pack is one pack, open for reading. It does not change, but for what is known of
// its segments.
type pack struct {
	src  io.ReaderAt
	file string    // for errors; "" in memory
	own  io.Closer // nil in memory

	size       int64
	traces     int
	bucketBits int
	blockBits  int
	segments   []packSegment
	offsets    []int64 // of buckets, and where the last ends

	refs atomic.Int64 // lookups and merges under way, and one for being listed
	live int          // segments that it answers for; Index.mu guards it
}

type packSegment struct {
	Segment
	traces int
}

func (p *pack) segmentBits() int { return bits.Len(uint(len(p.segments) - 1)) }
func (p *pack) printBits() int   { return 32 - p.bucketBits - groupBits }
func (p *pack) entryBits() int   { return p.printBits() + p.segmentBits() + p.blockBits }

func (p *pack) acquire() { p.refs.Add(1) }

func (p *pack) release() {
	if p.refs.Add(-1) == 0 && p.own != nil {
		p.own.Close()
	}
}

// openPack reads the directory of a pack of size bytes.
func openPack(src io.ReaderAt, size int64, file string) (*pack, error) {
	p := &pack{src: src, file: file, size: size}
	p.refs.Store(1)
	if size < headSize+tailSize {
		return nil, clew.Corruptf(file, 0, "index of %d bytes is shorter than its frame", size)
	}
	var head [headSize]byte
	if err := p.readAt(head[:], 0); err != nil {
		return nil, err
	}
	if string(head[:7]) != headMagic {
		return nil, clew.Corruptf(file, 0, "not an index of traces: wrong magic")
	}
	if head[7] != version {
		return nil, clew.Errorf(clew.Unsupported, "%s: index format version %d is not known to this clew, which reads version %d", file, head[7], version)
	}
	var tail [tailSize]byte
	if err := p.readAt(tail[:], size-tailSize); err != nil {
		return nil, err
	}
	off, n := binary.LittleEndian.Uint64(tail[:]), int64(binary.LittleEndian.Uint32(tail[8:]))
	if string(tail[16:]) != tailMagic || n > size-headSize-tailSize || off != uint64(size-tailSize-n) {
		return nil, clew.Corruptf(file, size-tailSize, "index of traces is cut off or overwritten")
	}
	dir := make([]byte, n)
	if err := p.readAt(dir, int64(off)); err != nil {
		return nil, err
	}
	if checksum(dir, tail[:12]) != binary.LittleEndian.Uint32(tail[12:]) {
		return nil, clew.Corruptf(file, int64(off), "directory fails its checksum")
	}
	if !p.parse(dir, int64(off)) {
		return nil, clew.Corruptf(file, int64(off), "directory does not add up")
	}
	return p, nil
}

// parse reads a directory that stands at an offset.
func (p *pack) parse(dir []byte, end int64) bool {
	f := fields{b: dir}
	p.traces, p.bucketBits, p.blockBits = f.int(1<<40), f.int(maxBucketBits), f.int(maxBlockBits)
	n := f.int(len(dir))
	if f.bad || n == 0 || p.bucketBits+groupBits > 31 {
		return false
	}
	sum := 0
	p.segments = make([]packSegment, n)
	for i := range p.segments {
		s := &p.segments[i]
		s.ID, s.Sum, s.traces = f.uint(), f.u32(), f.int(p.traces)
		sum += s.traces
	}
	buckets := 1 << p.bucketBits
	if f.bad || sum != p.traces || buckets > len(f.b) || p.segmentBits()+p.blockBits > 32 {
		return false
	}
	p.offsets = make([]int64, buckets+1)
	at := int64(headSize)
	for i := range buckets {
		p.offsets[i] = at
		at += int64(f.int(int(end)))
		if at > end {
			return false
		}
	}
	p.offsets[buckets] = at
	return !f.bad && len(f.b) == 0 && at == end
}

func (p *pack) readAt(b []byte, off int64) error {
	if n, err := p.src.ReadAt(b, off); n < len(b) {
		return &clew.Error{Kind: clew.Corrupt, File: p.file, Offset: off, Err: err}
	}
	return nil
}

// bucket is one bucket, read.
type bucket struct {
	number  int
	count   int
	places  []byte // of groups
	entries []byte
	width   int // of a place
	buf     []byte
}

var buckets = sync.Pool{New: func() any { return new(bucket) }}

// read reads a bucket into b.
func (p *pack) read(b *bucket, number int) error {
	at, end := p.offsets[number], p.offsets[number+1]
	bad := func(what string) error {
		return clew.Corruptf(p.file, at, "bucket %d of the index of traces %s", number, what)
	}
	n := int(end - at)
	if n < 5 {
		return bad("is cut off")
	}
	const slack = 8 // for unpack
	if cap(b.buf) < n+slack {
		b.buf = make([]byte, n+slack)
	}
	b.buf = b.buf[:n+slack]
	if err := p.readAt(b.buf[:n], at); err != nil {
		return err
	}
	if bucketSum(number, b.buf[4:n]) != binary.LittleEndian.Uint32(b.buf) {
		return bad("fails its checksum")
	}
	count, size := binary.Uvarint(b.buf[4:n])
	if size <= 0 || count > uint64(p.traces) {
		return bad("has no count")
	}
	b.number, b.count = number, int(count)
	b.width = bits.Len(uint(b.count))
	from := 4 + size
	mid := from + packedBytes(groups+1, b.width)
	if mid+packedBytes(b.count, p.entryBits()) != n {
		return bad("has not the size of its entries")
	}
	b.places, b.entries = b.buf[from:], b.buf[mid:]
	return nil
}

// group returns which entries a group has.
func (b *bucket) group(g int) (from, to int) {
	from, to = int(unpack(b.places, g, b.width)), int(unpack(b.places, g+1, b.width))
	return from, min(to, b.count)
}

// ref is what an entry says: the place of a segment in the pack's list, and the block.
type ref struct{ segment, block int }

func (p *pack) bucketOf(prefix uint32) int { return int(uint64(prefix) >> (32 - p.bucketBits)) }

// matches yields what the entries of a prefix say; b is its bucket.
func (p *pack) matches(b *bucket, prefix uint32) func(yield func(ref) bool) {
	return func(yield func(ref) bool) {
		width, refs := p.entryBits(), p.segmentBits()+p.blockBits
		print := uint64(prefix) & (1<<p.printBits() - 1)
		at, end := b.group(int(prefix>>p.printBits()) & (groups - 1))
		for ; at < end; at++ {
			e := unpack(b.entries, at, width)
			if e>>refs != print {
				continue
			}
			s := int(e >> p.blockBits & (1<<p.segmentBits() - 1))
			if s < len(p.segments) && !yield(ref{s, int(e & (1<<p.blockBits - 1))}) {
				return
			}
		}
	}
}

// find appends the places of the traces that have a prefix, in segments that want says.
func (p *pack) find(dst []Place, prefix uint32, want func(Segment) bool) ([]Place, error) {
	b := buckets.Get().(*bucket)
	defer buckets.Put(b)
	if err := p.read(b, p.bucketOf(prefix)); err != nil {
		return dst, err
	}
	for at := range p.matches(b, prefix) {
		if s := p.segments[at.segment].Segment; want(s) {
			dst = append(dst, Place{s.ID, at.block})
		}
	}
	return dst, nil
}

// appendEntries appends the entries of a bucket that was read, in order.
func (p *pack) appendEntries(dst []entry, b *bucket) []entry {
	width, refs := p.entryBits(), p.segmentBits()+p.blockBits
	for g := range groups {
		at, end := b.group(g)
		for ; at < end; at++ {
			e := unpack(b.entries, at, width)
			prefix := uint64(b.number)<<(32-p.bucketBits) | uint64(g)<<p.printBits() | e>>refs
			dst = append(dst, entry(prefix<<32|e&(1<<refs-1)))
		}
	}
	return dst
}

// verify reads all buckets and returns the damage.
func (p *pack) verify() (damage []error) {
	var b bucket
	for i := range len(p.offsets) - 1 {
		if err := p.read(&b, i); err != nil {
			damage = append(damage, err)
		}
	}
	return damage
}

// fields reads numbers from the front of b; bad turns true when one is cut off or
// too large.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) uint() uint64 {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		f.b, f.bad = nil, true
		return 0
	}
	f.b = f.b[n:]
	return v
}

func (f *fields) int(most int) int {
	v := f.uint()
	if v > uint64(most) {
		f.b, f.bad = nil, true
		return 0
	}
	return int(v)
}

func (f *fields) u32() uint32 {
	if len(f.b) < 4 {
		f.b, f.bad = nil, true
		return 0
	}
	v := binary.LittleEndian.Uint32(f.b)
	f.b = f.b[4:]
	return v
}
