package folder

import (
	"encoding/binary"

	"github.com/clew-tracing/clew"
)

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// fields reads uvarints from the front of b; ok turns false when b ends.
type fields struct {
	b  []byte
	ok bool
}

func (f *fields) fail() { f.b, f.ok = nil, false }

func (f *fields) uint() uint64 {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		f.fail()
		return 0
	}
	f.b = f.b[n:]
	return v
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

// tenant reads the name of a tenant, which names a folder too.
func (f *fields) tenant() clew.Tenant {
	b := f.bytes()
	t, err := clew.ParseTenant(string(b))
	if err != nil || len(b) == 0 {
		f.fail()
		return ""
	}
	return t
}
