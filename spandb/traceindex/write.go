package traceindex

import (
	"encoding/binary"
	"io"
	"math/bits"

	"github.com/clew-tracing/clew"
)

// writer writes one pack, entry by entry in their order.
type writer struct {
	dst       io.Writer
	p         pack // what the directory says
	bucket    int  // being filled
	entries   []entry
	sizes     []int
	buf       []byte
	off       int64 // of buf
	firstFail error
}

// newWriter begins a pack of the given segments, which have as many traces as they
// say, in blocks below blockBits bits.
func newWriter(dst io.Writer, segments []packSegment, blockBits int) *writer {
	w := &writer{dst: dst, p: pack{segments: segments, blockBits: blockBits}}
	for _, s := range segments {
		w.p.traces += s.traces
	}
	w.p.bucketBits = min(bits.Len(uint(w.p.traces/bucketEntries)), maxBucketBits)
	w.buf = append(append(w.buf, headMagic...), version)
	return w
}

func (w *writer) add(e entry) {
	bucket := int(uint64(e.prefix()) >> (32 - w.p.bucketBits))
	for ; w.bucket < bucket; w.bucket++ {
		w.endBucket()
	}
	w.entries = append(w.entries, e)
}

func (w *writer) endBucket() {
	from := len(w.buf)
	w.buf = append(w.buf, 0, 0, 0, 0)
	w.buf = binary.AppendUvarint(w.buf, uint64(len(w.entries)))
	width := bits.Len(uint(len(w.entries)))
	refs, prints := w.p.segmentBits()+w.p.blockBits, w.p.printBits()
	b := packer{dst: w.buf}
	at := 0
	for g := range groups {
		b.add(uint64(at), width)
		for at < len(w.entries) && int(w.entries[at].prefix()>>prints)&(groups-1) == g {
			at++
		}
	}
	b.add(uint64(at), width)
	b.end()
	for _, e := range w.entries {
		print := uint64(e.prefix()) & (1<<prints - 1)
		b.add(print<<refs|uint64(e)&(1<<refs-1), w.p.entryBits())
	}
	b.end()
	w.buf = b.dst
	binary.LittleEndian.PutUint32(w.buf[from:], bucketSum(w.bucket, w.buf[from+4:]))
	w.sizes = append(w.sizes, len(w.buf)-from)
	w.entries = w.entries[:0]
	if len(w.buf) >= writeBytes {
		w.flush()
	}
}

func (w *writer) flush() {
	if w.firstFail == nil {
		_, w.firstFail = w.dst.Write(w.buf)
	}
	w.off += int64(len(w.buf))
	w.buf = w.buf[:0]
}

// finish writes what is left and the directory.
func (w *writer) finish() error {
	for ; w.bucket < 1<<w.p.bucketBits; w.bucket++ {
		w.endBucket()
	}
	off := w.off + int64(len(w.buf))
	at := len(w.buf)
	for _, v := range []int{w.p.traces, w.p.bucketBits, w.p.blockBits, len(w.p.segments)} {
		w.buf = binary.AppendUvarint(w.buf, uint64(v))
	}
	for _, s := range w.p.segments {
		w.buf = binary.AppendUvarint(w.buf, s.ID)
		w.buf = binary.LittleEndian.AppendUint32(w.buf, s.Sum)
		w.buf = binary.AppendUvarint(w.buf, uint64(s.traces))
	}
	for _, n := range w.sizes {
		w.buf = binary.AppendUvarint(w.buf, uint64(n))
	}
	dir := w.buf[at:]
	tail := binary.LittleEndian.AppendUint64(nil, uint64(off))
	tail = binary.LittleEndian.AppendUint32(tail, uint32(len(dir)))
	tail = binary.LittleEndian.AppendUint32(tail, checksum(dir, tail))
	w.buf = append(append(w.buf, tail...), tailMagic...)
	w.flush()
	return w.firstFail
}

// source is a pack that is read in order, to be written into another.
type source struct {
	p         *pack
	refs      []int64 // of the other pack, by segment of this one; -1 is left out
	blockBits int     // of the other pack
	b         bucket
	next      int     // bucket
	entries   []entry // of the bucket before, what is left of them
	all       []entry
}

// fill has the source's next entry at the front of entries; false: there is none.
func (s *source) fill() (more bool, err error) {
	for len(s.entries) == 0 {
		if s.next == len(s.p.offsets)-1 {
			return false, nil
		}
		if err := s.p.read(&s.b, s.next); err != nil {
			return false, err
		}
		s.next++
		s.all = s.p.appendEntries(s.all[:0], &s.b)
		s.entries = s.all[:0]
		for _, e := range s.all {
			seg := int(uint32(e) >> s.p.blockBits)
			if seg >= len(s.refs) {
				return false, clew.Corruptf(s.p.file, s.p.offsets[s.next-1], "an entry of the index names segment %d of %d", seg, len(s.refs))
			}
			if ref := s.refs[seg]; ref >= 0 {
				block := e & (1<<s.p.blockBits - 1)
				s.entries = append(s.entries, entry(e.prefix())<<32|entry(ref)<<s.blockBits|block)
			}
		}
	}
	return true, nil
}

// merge writes the packs as one, without the segments that live says are gone.
func merge(dst io.Writer, packs []*pack, live func(*pack, Segment) bool) error {
	var segments []packSegment
	var open []*source
	blockBits := 0
	for _, p := range packs {
		blockBits = max(blockBits, p.blockBits)
		s := &source{p: p, refs: make([]int64, len(p.segments))}
		for k, seg := range p.segments {
			s.refs[k] = -1
			if live(p, seg.Segment) {
				s.refs[k] = int64(len(segments))
				segments = append(segments, seg)
			}
		}
		open = append(open, s)
	}
	w := newWriter(dst, segments, blockBits)
	n := 0
	for _, s := range open {
		s.blockBits = blockBits
		more, err := s.fill()
		if err != nil {
			return err
		}
		if more {
			open[n] = s
			n++
		}
	}
	return mergeInto(w, open[:n])
}

// mergeInto writes the entries of all sources, of which each has one at its front.
func mergeInto(w *writer, open []*source) error {
	for i := len(open)/2 - 1; i >= 0; i-- {
		sink(open, i)
	}
	for len(open) > 0 {
		s := open[0]
		w.add(s.entries[0])
		s.entries = s.entries[1:]
		more, err := s.fill()
		if err != nil {
			return err
		}
		if !more {
			open[0] = open[len(open)-1]
			open = open[:len(open)-1]
		}
		sink(open, 0)
	}
	return w.finish()
}

// sink puts a source of a heap where it belongs.
func sink(h []*source, i int) {
	for {
		least := i
		for _, k := range [...]int{2*i + 1, 2*i + 2} {
			if k < len(h) && h[k].entries[0] < h[least].entries[0] {
				least = k
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
