package folder

import (
	"encoding/binary"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew"
)

// recordVersion is the version of the header that precedes a body in the log.
const recordVersion = 1

// maxPacking is the greatest packing there is.
const maxPacking = 2

// Record is a request as the log has it:
//
//	u8       recordVersion
//	bytes    tenant
//	u8       packing of the body
//	16 B     hash of the unpacked body
//	uvarint  arrival, accepted, refused
//	uvarint  ordinals of refused spans, each less the one before
//	         body
type Record struct {
	Tenant   clew.Tenant
	Packing  uint8        // of the body: 0 none, 1 gzip, 2 zstd, as storage.Compression
	Hash     xxh3.Uint128 // of the unpacked body
	Arrival  uint64       // unix nanoseconds
	Accepted uint32       // spans
	Refused  []uint32     // ordinals of spans, ascending
	Body     []byte
}

// AppendHeader writes what precedes the body in the log.
func (r *Record) AppendHeader(dst []byte) []byte {
	dst = append(dst, recordVersion)
	dst = appendString(dst, string(r.Tenant))
	dst = append(dst, r.Packing)
	dst = binary.LittleEndian.AppendUint64(dst, r.Hash.Hi)
	dst = binary.LittleEndian.AppendUint64(dst, r.Hash.Lo)
	dst = binary.AppendUvarint(dst, r.Arrival)
	dst = binary.AppendUvarint(dst, uint64(r.Accepted))
	dst = binary.AppendUvarint(dst, uint64(len(r.Refused)))
	last := uint32(0)
	for _, ordinal := range r.Refused {
		dst = binary.AppendUvarint(dst, uint64(ordinal-last))
		last = ordinal
	}
	return dst
}

// ParseRecord reads a record of the log; its Body is b's. An unknown version or
// packing is an error of kind Unsupported.
func ParseRecord(b []byte) (r Record, err error) {
	bad := clew.Errorf(clew.Corrupt, "record header is cut off")
	if len(b) == 0 {
		return r, bad
	}
	if b[0] != recordVersion {
		return r, clew.Errorf(clew.Unsupported, "log record version %d is not known to this clew, which reads version %d", b[0], recordVersion)
	}
	f := fields{b: b[1:], ok: true}
	r.Tenant = f.tenant()
	if len(f.b) < 17 {
		return r, bad
	}
	if r.Packing = f.b[0]; r.Packing > maxPacking {
		return r, clew.Errorf(clew.Unsupported, "log record of packing %d is not known to this clew", r.Packing)
	}
	r.Hash = xxh3.Uint128{Hi: binary.LittleEndian.Uint64(f.b[1:]), Lo: binary.LittleEndian.Uint64(f.b[9:])}
	f.b = f.b[17:]
	r.Arrival, r.Accepted = f.uint(), uint32(f.uint())
	n := f.uint()
	if n > uint64(len(f.b)) {
		return r, bad
	}
	r.Refused = slices.Grow(r.Refused, int(n))
	last := uint32(0)
	for range n {
		last += uint32(f.uint())
		r.Refused = append(r.Refused, last)
	}
	r.Body = f.b
	if !f.ok {
		return r, bad
	}
	return r, nil
}
