package block

import (
	"encoding/binary"
	"io"
)

// OpenDamaged opens a segment whose frame may be damaged, if its directory can be
// found all the same: by its offset or by its size, which the tail has both, with the
// checksum of the tail or, if that is what is damaged, by its fitting the file. What
// it says of chunks is right or their checksums fail.
func OpenDamaged(src io.ReaderAt, size int64, file string) (*Reader, error) {
	r, err := Open(src, size, file)
	if err == nil || size < headSize+tailSize {
		return r, err
	}
	var frame [headSize + tailSize]byte
	r = &Reader{src: src, file: file, size: size}
	if r.readAt(frame[:headSize], 0) != nil || r.readAt(frame[headSize:], size-tailSize) != nil {
		return nil, err
	}
	tail := frame[headSize:]
	whole := binary.LittleEndian.Uint32(tail[16:]) == tailChecksum(frame[:headSize], tail)
	end := size - tailSize
	for _, checked := range []bool{true, false} {
		for _, n := range []int64{end - int64(binary.LittleEndian.Uint64(tail)), int64(binary.LittleEndian.Uint32(tail[8:]))} {
			if n <= 0 || n > min(end-headSize, maxDirectoryBytes) || !checked && whole {
				continue
			}
			dir := make([]byte, n)
			if r.readAt(dir, end-n) != nil {
				continue
			}
			r := &Reader{src: src, file: file, size: size, sum: checksum(dir)}
			if (r.sum == binary.LittleEndian.Uint32(tail[12:])) == checked && r.parse(dir, uint64(end-n)) == nil {
				return r, nil
			}
		}
	}
	return nil, err
}
