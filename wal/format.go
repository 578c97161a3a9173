package wal

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/clew-tracing/clew"
)

const (
	magic         = "clew wal"
	formatVersion = 1

	headerBytes     = 4096            // one copy of a file's header
	headerCopies    = 2               // far enough apart that one bad sector spares one
	recordsOffset   = 2 * headerBytes // where the first record begins
	recordHeadBytes = 28

	// flagContinues says that all records before this file were synced before it
	// was made: the process that wrote them made it. Without it the file before
	// may end in a group that was never synced.
	flagContinues = 1
	// flagLax says that the records of this file were confirmed when they were
	// written, not when they were synced.
	flagLax = 2
	// flagUnsynced says that the file before was not synced: the process that wrote
	// it never syncs records.
	flagUnsynced = 4
	knownFlags   = flagContinues | flagLax | flagUnsynced
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// marker begins every record of a file.
type marker [8]byte

// header is what a file says of itself.
type header struct {
	flags    uint32
	marker   marker
	first    uint64 // of its records
	previous uint64 // one after the last record of the file before
}

// appendHeader appends both copies of h, recordsOffset bytes.
func appendHeader(dst []byte, h header) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, formatVersion)
	dst = binary.LittleEndian.AppendUint32(dst, h.flags)
	dst = append(dst, h.marker[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, h.first)
	dst = binary.LittleEndian.AppendUint64(dst, h.previous)
	dst = append(dst, make([]byte, headerBytes-4-(len(dst)-start))...)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, dst[start:]...)
}

// decodeHeader reads one copy. Its errors are of kind Unsupported for another
// version, else Corrupt.
func decodeHeader(file string, off int64, src []byte) (h header, err error) {
	if len(src) < 12 || string(src[:8]) != magic {
		return h, clew.Corruptf(file, off, "wal: no log file: magic is not %q", magic)
	}
	if v := binary.LittleEndian.Uint32(src[8:]); v != formatVersion {
		return h, clew.Errorf(clew.Unsupported, "wal: %s has format version %d; this program reads version %d", file, v, formatVersion)
	}
	if len(src) < headerBytes {
		return h, clew.Corruptf(file, off, "wal: header has %d bytes, want %d", len(src), headerBytes)
	}
	src = src[:headerBytes]
	if binary.LittleEndian.Uint32(src[headerBytes-4:]) != crc32.Checksum(src[:headerBytes-4], castagnoli) {
		return h, clew.Corruptf(file, off, "wal: checksum of header is wrong")
	}
	if h.flags = binary.LittleEndian.Uint32(src[12:]); h.flags&^knownFlags != 0 {
		return h, clew.Errorf(clew.Unsupported, "wal: %s has flags %#x; this program knows %#x", file, h.flags, knownFlags)
	}
	h.marker = marker(src[16:24])
	h.first = binary.LittleEndian.Uint64(src[24:])
	h.previous = binary.LittleEndian.Uint64(src[32:])
	if h.previous > h.first || h.first == 0 {
		return h, clew.Corruptf(file, off, "wal: header begins at record %d, the file before ends at %d", h.first, h.previous)
	}
	return h, nil
}

// recordHead is the fixed part of a record.
type recordHead struct {
	marker      marker
	payloadSize uint32
	ordinal     uint32
	seq         uint64
	checksum    uint32
}

// appendRecordHead appends the head, its checksum computed from that of the
// payload. It works in dst alone: an array of its own would be an allocation, as
// the checksum's argument escapes.
func appendRecordHead(dst []byte, h recordHead, payloadSum uint32) []byte {
	start := len(dst)
	dst = append(dst, h.marker[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, h.payloadSize)
	dst = binary.LittleEndian.AppendUint32(dst, h.ordinal)
	dst = binary.LittleEndian.AppendUint64(dst, h.seq)
	return binary.LittleEndian.AppendUint32(dst, crc32.Update(payloadSum, castagnoli, dst[start:]))
}

// decodeRecordHead reads what may be a record's head; only its checksum, over
// head and payload, can tell.
func decodeRecordHead(src *[recordHeadBytes]byte) recordHead {
	return recordHead{
		marker:      marker(src[:8]),
		payloadSize: binary.LittleEndian.Uint32(src[8:]),
		ordinal:     binary.LittleEndian.Uint32(src[12:]),
		seq:         binary.LittleEndian.Uint64(src[16:]),
		checksum:    binary.LittleEndian.Uint32(src[24:]),
	}
}

// groupFirst is the number of the first record of the group this one is in: all
// records below it were synced before this one was written. Not all of those from
// it on need be unsynced.
func (h recordHead) groupFirst() uint64 { return h.seq - uint64(h.ordinal) }
