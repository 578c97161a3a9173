package wal

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/clew-tracing/clew/vfs"
)

// window shows parts of a file through one buffer, which grows to the largest
// record seen and never beyond the file.
type window struct {
	file vfs.File
	size int64
	buf  []byte
	off  int64 // where in the file buf begins
}

// at returns the size bytes at off, fewer only at the end of the file. They are
// valid until the next call.
func (w *window) at(off int64, size int) ([]byte, error) {
	size = int(min(int64(size), w.size-off))
	if have := w.off + int64(len(w.buf)); off >= w.off && off+int64(size) <= have {
		return w.buf[off-w.off:][:size], nil
	}
	fetch := int(min(int64(max(size, readBytes)), w.size-off))
	if cap(w.buf) < fetch {
		w.buf = make([]byte, fetch)
	}
	w.buf, w.off = w.buf[:fetch], off
	n, err := w.file.ReadAt(w.buf, off)
	if n < fetch {
		w.buf = w.buf[:0]
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // the file shrank under us
		}
		return nil, err
	}
	return w.buf[:size], nil
}

// find returns where m next stands at or after off, the file's size if nowhere.
func (w *window) find(m marker, off int64) (int64, error) {
	for w.size-off >= int64(len(m)) {
		size := readBytes
		if have := w.off + int64(len(w.buf)) - off; off >= w.off && have >= int64(len(m)) {
			size = int(have) // what is here already
		}
		b, err := w.at(off, size)
		if err != nil {
			return 0, err
		}
		if i := bytes.Index(b, m[:]); i >= 0 {
			return off + int64(i), nil
		}
		off += int64(len(b) - len(m) + 1)
	}
	return w.size, nil
}

// record returns the record at off; ok is false where there is none with marker
// m and a number in [next, limit).
func (w *window) record(m marker, off int64, next, limit uint64) (h recordHead, payload []byte, ok bool, err error) {
	if w.size-off < recordHeadBytes {
		return h, nil, false, nil
	}
	b, err := w.at(off, recordHeadBytes)
	if err != nil {
		return h, nil, false, err
	}
	h = decodeRecordHead((*[recordHeadBytes]byte)(b))
	switch {
	case h.marker != m,
		h.payloadSize > FormatMaxRecordBytes || int64(h.payloadSize) > w.size-off-recordHeadBytes,
		h.seq < next || h.seq >= limit,
		uint64(h.ordinal) >= h.seq:
		return h, nil, false, nil
	}
	b, err = w.at(off, recordHeadBytes+int(h.payloadSize))
	if err != nil {
		return h, nil, false, err
	}
	payload = b[recordHeadBytes:]
	sum := crc32.Update(crc32.Checksum(payload, castagnoli), castagnoli, b[:24])
	return h, payload, sum == h.checksum, nil
}

// hole is a place in a file where records are missing.
type hole struct {
	off, size   int64
	first, next uint64 // the missing records' numbers, [first, next)
	// synced: they were, as a later group follows. Otherwise the hole is in the last
	// group of the file.
	synced bool
}

// scanned is what one file holds.
type scanned struct {
	next      uint64 // one after the last record, or the header's first
	endOffset int64  // behind the last record
	holes     []hole
	moreHoles int // beyond maxHoles
}

// scan reads the records of a file whose numbers are in [h.first, limit), in
// order, and goes on behind what it cannot read. An error is visit's, or one of
// reading; damage is no error.
func scan(w *window, h header, limit uint64, visit func(seq uint64, payload []byte) error) (s scanned, err error) {
	s = scanned{next: h.first, endOffset: recordsOffset}
	for off := int64(recordsOffset); off < w.size; {
		r, payload, ok, err := w.record(h.marker, off, s.next, limit)
		if err != nil {
			return s, err
		}
		if !ok {
			if off, err = w.find(h.marker, off+1); err != nil {
				return s, err
			}
			continue
		}
		s.markSynced(r.groupFirst())
		if r.seq > s.next || off > s.endOffset {
			s.addHole(hole{
				off: s.endOffset, size: off - s.endOffset, first: s.next, next: r.seq,
				synced: s.next < r.groupFirst() || s.next == r.seq,
			})
		}
		if err := visit(r.seq, payload); err != nil {
			return s, err
		}
		off += recordHeadBytes + int64(len(payload))
		s.next, s.endOffset = r.seq+1, off
	}
	return s, nil
}

// markSynced marks the holes before a group that was written after their sync.
func (s *scanned) markSynced(groupFirst uint64) {
	for i := len(s.holes) - 1; i >= 0 && !s.holes[i].synced && s.holes[i].first < groupFirst; i-- {
		s.holes[i].synced = true
	}
}

func (s *scanned) addHole(h hole) {
	if len(s.holes) == maxHoles {
		s.moreHoles++
		return
	}
	s.holes = append(s.holes, h)
}

func readError(name string, err error) error { return fmt.Errorf("wal: read %s: %w", name, err) }
