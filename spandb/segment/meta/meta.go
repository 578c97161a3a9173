// Package meta is what a segment says of itself, besides its rows: of which tenant and
// time it is, and which requests its rows came in.
package meta

import (
	"encoding/binary"
	"errors"

	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew"
)

// MaxRows bounds the rows that a damaged segment may claim: the largest request
// has 6.7 million, of 30 bytes at least, and a head is one of them beyond its
// usual size.
const MaxRows = 1 << 23

// maxInMemory bounds what a damaged segment may claim to take: sums of many have room
// in 64 bits.
const maxInMemory = 1 << 40

// Meta is what a segment says of itself as a whole.
type Meta struct {
	Tenant clew.Tenant
	Rows   int
	Traces int
	// InMemory is about how many bytes the rows take as columns, and the requests as they
	// are here: so much is loaded by whoever reads all.
	InMemory int64
	// MinStart and MaxStart bound the start times of its spans; MinArrival and
	// MaxArrival when their records came, unix nanoseconds.
	MinStart, MaxStart     uint64
	MinArrival, MaxArrival uint64
	// FirstSeq and LastSeq are the log records it holds the rows of.
	FirstSeq, LastSeq uint64
	// Merged: the segment was made of others, which its rows were in before.
	Merged    bool
	BlockRows []int
}

// flagMerged is the flag of a segment's meta.
const flagMerged = 1

// Append appends it to dst.
func (m *Meta) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(m.Tenant)))
	dst = append(dst, m.Tenant...)
	var flags uint64
	if m.Merged {
		flags |= flagMerged
	}
	for _, v := range []uint64{uint64(m.Rows), uint64(m.Traces), uint64(m.InMemory), m.MinStart, m.MaxStart, m.MinArrival, m.MaxArrival,
		m.FirstSeq, m.LastSeq, flags, uint64(len(m.BlockRows))} {
		dst = binary.AppendUvarint(dst, v)
	}
	for _, v := range m.BlockRows {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	return dst
}

// Parse reads what Append wrote.
func Parse(b []byte) (m Meta, err error) {
	f := fields{b: b}
	name := f.bytes()
	if m.Tenant, err = clew.ParseTenant(string(name)); err != nil || len(name) == 0 {
		f.fail()
	}
	m.Rows, m.Traces = f.count(), f.count()
	inMemory := f.uint()
	if inMemory > maxInMemory {
		f.fail()
	}
	m.InMemory = int64(inMemory)
	m.MinStart, m.MaxStart = f.uint(), f.uint()
	m.MinArrival, m.MaxArrival = f.uint(), f.uint()
	m.FirstSeq, m.LastSeq = f.uint(), f.uint()
	flags := f.uint()
	if flags&^flagMerged != 0 {
		f.fail()
	}
	m.Merged = flags&flagMerged != 0
	sum := 0
	for n := f.uint(); n > 0 && !f.bad && sum <= m.Rows; n-- {
		v := f.count()
		m.BlockRows = append(m.BlockRows, v)
		sum += v
	}
	if f.bad || len(f.b) != 0 || sum != m.Rows {
		return m, errors.New("segment meta does not add up")
	}
	return m, nil
}

// RequestBytes is what a Request takes in memory.
const RequestBytes = 40

// Request is one record whose rows are in a segment: enough to know it again.
type Request struct {
	Hash     xxh3.Uint128 // of its body
	Seq      uint64       // in the log
	Arrival  uint64       // unix nanoseconds
	Accepted uint32       // spans
	Refused  uint32
}

// Append appends it to dst.
func (r *Request) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, r.Hash.Hi)
	dst = binary.LittleEndian.AppendUint64(dst, r.Hash.Lo)
	for _, v := range [...]uint64{r.Seq, r.Arrival, uint64(r.Accepted), uint64(r.Refused)} {
		dst = binary.AppendUvarint(dst, v)
	}
	return dst
}

// ParseRequests reads requests to the end of b.
func ParseRequests(b []byte) ([]Request, error) {
	var list []Request
	for len(b) > 0 {
		if len(b) < 16 {
			return nil, errors.New("request is cut off")
		}
		r := Request{Hash: xxh3.Uint128{Hi: binary.LittleEndian.Uint64(b), Lo: binary.LittleEndian.Uint64(b[8:])}}
		f := fields{b: b[16:]}
		r.Seq, r.Arrival, r.Accepted, r.Refused = f.uint(), f.uint(), uint32(f.uint()), uint32(f.uint())
		if f.bad {
			return nil, errors.New("request is cut off")
		}
		list = append(list, r)
		b = f.b
	}
	return list, nil
}

// fields reads uvarints from the front of b; bad turns true when one is cut off
// or too large.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) fail() { f.b, f.bad = nil, true }

func (f *fields) uint() uint64 {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		f.fail()
		return 0
	}
	f.b = f.b[n:]
	return v
}

// count reads a number of rows, or of what there cannot be more of.
func (f *fields) count() int {
	v := f.uint()
	if v > MaxRows {
		f.fail()
		return 0
	}
	return int(v)
}

func (f *fields) bytes() []byte {
	n := f.uint()
	if n > uint64(len(f.b)) {
		f.fail()
		return nil
	}
	v := f.b[:n]
	f.b = f.b[n:]
	return v
}
