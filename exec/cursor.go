package exec

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"

	"github.com/clew-tracing/clew"
)

// A cursor is the place behind the last trace of a page:
//
//	offset size
//	0        1  version, 1
//	1        8  start of that trace's newest match, big-endian
//	9       16  its id
//	25       8  fingerprint of the question: query, tenant, window
//
// in unpadded URL-safe base64. A page asked for with the cursor of another
// question is refused, for it would be a page of neither.
const (
	cursorVersion = 1
	cursorSize    = 33
)

func fingerprint(r *Request) uint64 {
	q := binary.BigEndian.AppendUint64(nil, uint64(r.Window.Start))
	q = binary.BigEndian.AppendUint64(q, uint64(r.Window.End))
	q = append(q, r.Tenant...)
	q = append(q, 0) // no tenant's name contains it
	q = append(q, r.Plan.String()...)
	h := fnv.New64a()
	h.Write(q)
	return h.Sum64()
}

func (k key) cursor(r *Request) string {
	b := make([]byte, 0, cursorSize)
	b = append(b, cursorVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(k.start))
	b = append(b, k.id[:]...)
	b = binary.BigEndian.AppendUint64(b, fingerprint(r))
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads r.Cursor, which is not empty.
func parseCursor(r *Request) (key, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(r.Cursor)
	if err != nil || len(b) == 0 {
		return key{}, clew.Errorf(clew.Invalid, "cursor %.80q is damaged; take nextCursor of the page before as it is", r.Cursor)
	}
	if b[0] != cursorVersion {
		return key{}, clew.Errorf(clew.Invalid, "cursor of version %d; this server reads version %d: start again without a cursor", b[0], cursorVersion)
	}
	if len(b) != cursorSize {
		return key{}, clew.Errorf(clew.Invalid, "cursor has %d bytes, want %d; take nextCursor of the page before as it is", len(b), cursorSize)
	}
	if binary.BigEndian.Uint64(b[25:]) != fingerprint(r) {
		return key{}, clew.Errorf(clew.Invalid, "the cursor belongs to another query, tenant or window; keep them the same from page to page")
	}
	return key{clew.UnixNanos(binary.BigEndian.Uint64(b[1:])), clew.TraceID(b[9:25])}, nil
}
