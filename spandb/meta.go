package spandb

import (
	"encoding/binary"
	"errors"

	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew"
)

// segmentMeta is what a segment says of itself as a whole.
type segmentMeta struct {
	tenant clew.Tenant
	rows   int
	traces int
	// minStart and maxStart bound the start times of its spans; minArrival and
	// maxArrival when their records came, unix nanoseconds.
	minStart, maxStart     uint64
	minArrival, maxArrival uint64
	// firstSeq and lastSeq are the log records it holds the rows of.
	firstSeq, lastSeq uint64
	explicit          bool // presence of span attributes is stored per block
	blockRows         []uint64
}

func (m *segmentMeta) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(m.tenant)))
	dst = append(dst, m.tenant...)
	explicit := uint64(0)
	if m.explicit {
		explicit = 1
	}
	for _, v := range []uint64{uint64(m.rows), uint64(m.traces), m.minStart, m.maxStart, m.minArrival, m.maxArrival,
		m.firstSeq, m.lastSeq, explicit, uint64(len(m.blockRows))} {
		dst = binary.AppendUvarint(dst, v)
	}
	for _, v := range m.blockRows {
		dst = binary.AppendUvarint(dst, v)
	}
	return dst
}

// fields reads uvarints from the front of b; ok turns false when b ends.
type fields struct {
	b  []byte
	ok bool
}

func (f *fields) uint() uint64 {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		f.ok = false
		f.b = nil
		return 0
	}
	f.b = f.b[n:]
	return v
}

func (f *fields) bytes() []byte {
	n := f.uint()
	if n > uint64(len(f.b)) {
		f.ok = false
		f.b = nil
		return nil
	}
	v := f.b[:n]
	f.b = f.b[n:]
	return v
}

// tenant reads the name of a tenant, which names a folder too.
func (f *fields) tenant() clew.Tenant {
	b := f.bytes()
	if t, err := clew.ParseTenant(string(b)); err == nil && len(b) > 0 {
		return t
	}
	f.ok = false
	f.b = nil
	return ""
}

// count reads a number of rows or what cannot be more than those.
func (f *fields) count() int {
	v := f.uint()
	if v > maxDecodedRows {
		f.ok = false
		return 0
	}
	return int(v)
}

func parseSegmentMeta(b []byte) (segmentMeta, error) {
	f := fields{b: b, ok: true}
	m := segmentMeta{tenant: f.tenant()}
	m.rows, m.traces = f.count(), f.count()
	m.minStart, m.maxStart = f.uint(), f.uint()
	m.minArrival, m.maxArrival = f.uint(), f.uint()
	m.firstSeq, m.lastSeq = f.uint(), f.uint()
	m.explicit = f.uint() != 0
	n := f.uint()
	if n > uint64(len(f.b)) {
		return m, errors.New("segment meta is cut off")
	}
	sum := 0
	for range n {
		v := f.count()
		m.blockRows = append(m.blockRows, uint64(v))
		if sum += v; sum > m.rows {
			break
		}
	}
	if !f.ok || len(f.b) != 0 || sum != m.rows {
		return m, errors.New("segment meta does not add up")
	}
	return m, nil
}

// requestMark is what is remembered of one record: enough to know it again and
// to answer it again.
type requestMark struct {
	hash     xxh3.Uint128
	seq      uint64
	arrival  uint64 // unix nanoseconds
	accepted uint32
	refused  uint32
}

func (m *requestMark) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, m.hash.Hi)
	dst = binary.LittleEndian.AppendUint64(dst, m.hash.Lo)
	for _, v := range [...]uint64{m.seq, m.arrival, uint64(m.accepted), uint64(m.refused)} {
		dst = binary.AppendUvarint(dst, v)
	}
	return dst
}

func parseRequestMarks(b []byte) ([]requestMark, error) {
	var marks []requestMark
	for len(b) > 0 {
		if len(b) < 16 {
			return nil, errors.New("request mark is cut off")
		}
		m := requestMark{hash: xxh3.Uint128{Hi: binary.LittleEndian.Uint64(b), Lo: binary.LittleEndian.Uint64(b[8:])}}
		f := fields{b: b[16:], ok: true}
		m.seq, m.arrival, m.accepted, m.refused = f.uint(), f.uint(), uint32(f.uint()), uint32(f.uint())
		if !f.ok {
			return nil, errors.New("request mark is cut off")
		}
		marks = append(marks, m)
		b = f.b
	}
	return marks, nil
}
