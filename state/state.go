// Package state keeps small durable documents beside a store: things people or
// the server decided that no span says. A document is one file, replaced
// atomically, checksummed and versioned:
//
//	offset  size  field
//	0       8     magic "clewdoc" and version, one byte
//	8       4     crc32c of the version, then of the content
//	12            content, JSON
package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io/fs"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

const (
	magic       = "clewdoc"
	version     = 1
	headBytes   = 12
	maxDocument = 16 << 20 // a document is read whole into memory
)

func checksum(content []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum([]byte{version}, table), table, content)
}

// Load reads a document into v; found is false where there is none. Damage is an
// error of kind Corrupt, an unknown version one of kind Unsupported.
func Load(fsys vfs.FS, file string, v any) (found bool, err error) {
	b, err := vfs.ReadFile(fsys, file, maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(b) < headBytes || string(b[:7]) != magic {
		return false, clew.Corruptf(file, 0, "not a document of clew's")
	}
	sum := binary.LittleEndian.Uint32(b[8:])
	if b[7] != version && checksum(b[headBytes:]) == sum {
		return false, clew.Corruptf(file, 7, "the version is damaged: it says %d, the content is of version %d", b[7], version)
	}
	if b[7] != version {
		return false, clew.Errorf(clew.Unsupported, "%s: document version %d is not known to this clew, which reads version %d", file, b[7], version)
	}
	if checksum(b[headBytes:]) != sum {
		return false, clew.Corruptf(file, 8, "document fails its checksum")
	}
	if err := json.Unmarshal(b[headBytes:], v); err != nil {
		return false, clew.Corruptf(file, headBytes, "%w", err)
	}
	return true, nil
}

// Save replaces a document by v, durably. Two calls for one file must not run at
// once.
func Save(fsys vfs.FS, file string, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	b := append([]byte(magic), version)
	b = binary.LittleEndian.AppendUint32(b, checksum(content))
	return vfs.Replace(fsys, file, append(b, content...))
}
