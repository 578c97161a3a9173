package column

import (
	"sync"

	"github.com/klauspost/compress/zstd"
)

// scratch is working memory of one call: a zstd coder, single-threaded, and
// buffers. It is pooled, because a coder's tables take longer to make than a
// chunk takes to encode. A pool holds memory only, never state: two calls with
// equal arguments give equal bytes.
type scratch struct {
	enc    *zstd.Encoder
	dec    *zstd.Decoder
	planes []byte
	frame  []byte
	vals   []uint64
	more   []uint64
	bits   Bitmap
	found  Bitmap
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

func getScratch() *scratch { return scratchPool.Get().(*scratch) }

// put returns s to the pool, unless its buffers have grown beyond what should
// be kept for the next caller.
func (s *scratch) put() {
	if cap(s.planes)+cap(s.frame)+8*(cap(s.vals)+cap(s.more)+cap(s.bits)+cap(s.found)) > maxPooledBytes {
		s.planes, s.frame, s.vals, s.more, s.bits, s.found = nil, nil, nil, nil, nil, nil
	}
	scratchPool.Put(s)
}

// compress appends a zstd frame of src to dst. The frame holds no checksum:
// chunks are checked by whoever stores them.
func (s *scratch) compress(dst, src []byte) []byte {
	if s.enc == nil {
		enc, err := zstd.NewWriter(nil,
			zstd.WithEncoderConcurrency(1),
			zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderCRC(false),
			zstd.WithSingleSegment(true),
			zstd.WithWindowSize(zstdWindow),
			zstd.WithLowerEncoderMem(true))
		if err != nil {
			// The options above are constants, and the tests use them.
			panic("column: zstd encoder options: " + err.Error())
		}
		s.enc = enc
	}
	return s.enc.EncodeAll(src, dst)
}

// decompress appends the content of a frame to dst, which must have capacity
// for exactly size more bytes: the decoder is bound to that capacity, so a
// frame cannot claim more memory than the caller has agreed to.
func (s *scratch) decompress(dst, frame []byte, size int) ([]byte, error) {
	if s.dec == nil {
		dec, err := zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdMaxWindow),
			zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			// The options above are constants, and the tests use them.
			panic("column: zstd decoder options: " + err.Error())
		}
		s.dec = dec
	}
	out, err := s.dec.DecodeAll(frame, dst[:len(dst):len(dst)+size])
	if err != nil {
		return dst, damaged("zstd frame of %d bytes: %v", len(frame), err)
	}
	if len(out) != len(dst)+size {
		return dst, damaged("zstd frame holds %d bytes, want %d", len(out)-len(dst), size)
	}
	return dst[:len(out)], nil // the same memory, with dst's capacity
}
