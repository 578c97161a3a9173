package otlp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/gunzip"
)

// Encoding is how a request is packed, in the words of HTTP's Content-Encoding.
// The values are those of storage.Compression.
type Encoding uint8

// The encodings.
const (
	Identity Encoding = iota
	Gzip
	Zstd
)

// String returns the word for e in Content-Encoding.
func (e Encoding) String() string {
	switch e {
	case Gzip:
		return "gzip"
	case Zstd:
		return "zstd"
	}
	return "identity"
}

// ParseEncoding reads a Content-Encoding; the empty one is Identity. Errors are
// of kind Unsupported.
func ParseEncoding(s string) (Encoding, error) {
	switch s {
	case "", "identity":
		return Identity, nil
	case "gzip", "x-gzip":
		return Gzip, nil
	case "zstd":
		return Zstd, nil
	}
	if len(s) > maxNameBytes {
		s = s[:maxNameBytes]
	}
	return Identity, clew.Errorf(clew.Unsupported, "content encoding %q is not supported; send gzip, zstd or identity", s)
}

// An Unpacker unpacks requests, one after the other, and keeps its decoders for the
// next one. The zero value is ready to use.
type Unpacker struct {
	gzip gunzip.Decoder
	zstd unzstder
}

// Unpack appends what src unpacks to and returns it; src is the whole of a gzip
// file (RFC 1952, with any number of members) or of zstd frames (RFC 8878, with
// a window of up to maxWindowBytes). Nothing may stand behind. No more than
// limit bytes come out, and whatever src claims, no more memory is taken than
// for these, for src's size sixfold, and for a decoder, which for a frame of no
// stated size is its window.
//
// Errors are of kind TooLarge, naming the limit, or Invalid; dst is then as it
// was, but what is behind it in its memory may be overwritten.
func (u *Unpacker) Unpack(dst []byte, e Encoding, src []byte, limit int) ([]byte, error) {
	switch e {
	case Gzip:
		return u.gunzip(dst, src, limit)
	case Zstd:
		return u.zstd.unpack(dst, src, limit)
	}
	if len(src) > limit {
		return dst, tooLarge(limit)
	}
	return append(dst, src...), nil
}

func tooLarge(limit int) error {
	return clew.Errorf(clew.TooLarge, "the request is larger than %d bytes unpacked; send smaller batches or raise --max-request", limit)
}

func (u *Unpacker) gunzip(dst, src []byte, limit int) ([]byte, error) {
	out, err := u.gzip.Gunzip(dst, src, claimed(src, limit), limit)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, gunzip.ErrTooLarge):
		return dst, tooLarge(limit)
	case len(out) == len(dst) && (len(src) < 10 || errors.Is(err, gunzip.ErrHeader)):
		return dst, clew.Errorf(clew.Invalid, "the request is not gzip: %w", err)
	}
	return dst, clew.Errorf(clew.Invalid, "the request is not valid gzip: byte %d unpacked: %w", len(out)-len(dst), err)
}

// claimed returns the size that a gzip file says in its last bytes that its last member
// has, which is the only one but of strange files, if it is not more than is expected.
func claimed(src []byte, limit int) int {
	n := min(limit, unpackRatio*len(src))
	if len(src) >= 4 {
		n = min(n, int(binary.LittleEndian.Uint32(src[len(src)-4:])))
	}
	return n
}

// unzstder is a decoder with the reader that it reads from, which lets go of a request
// when it is done.
type unzstder struct {
	src bytes.Reader
	r   *zstd.Decoder // nil before the first request
}

// unpack unpacks straight into dst, where what came out is the window. What has no room
// there, or is damaged, is read again as a stream: that tells the one from the other,
// and takes memory as it goes.
func (z *unzstder) unpack(dst, src []byte, limit int) ([]byte, error) {
	if z.r == nil {
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindowBytes), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return dst, clew.Errorf(clew.Internal, "zstd: %w", err)
		}
		z.r = r
	}
	start := len(dst)
	out := slices.Grow(dst, min(limit, unpackRatio*len(src))+1)
	room := out[start:start:min(cap(out), start+limit)]
	if whole, err := z.r.DecodeAll(src, room); err == nil && len(whole) <= cap(room) {
		out = out[:start+len(whole)]
		copy(out[start:], whole) // they are there
		return out, nil
	}
	defer func() {
		z.src.Reset(nil)
		_ = z.r.Reset(nil) // gives back what reading whole frames needs, too; cannot fail
	}()
	z.src.Reset(src)
	if err := z.r.Reset(&z.src); err != nil {
		return dst, clew.Errorf(clew.Invalid, "the request is not zstd: %w", unexpectedEnd(err))
	}
	return drain(out, z.r, limit)
}

// drain reads r to its end, but at most limit bytes.
func drain(dst []byte, r io.Reader, limit int) ([]byte, error) {
	start := len(dst)
	out := slices.Grow(dst, 1)
	for {
		room := out[len(out):cap(out)]
		if over := start + limit + 1 - len(out); len(room) > over {
			room = room[:over]
		}
		n, err := r.Read(room)
		out = out[:len(out)+n]
		switch {
		case len(out)-start > limit:
			return dst, tooLarge(limit)
		case err == io.EOF:
			return out, nil
		case errors.Is(err, zstd.ErrWindowSizeExceeded):
			return dst, clew.Errorf(clew.TooLarge, "the zstd frame wants a window of more than %d bytes; use a lower compression level", maxWindowBytes)
		case err != nil:
			return dst, clew.Errorf(clew.Invalid, "the request is not valid zstd: byte %d unpacked: %w", len(out)-start, unexpectedEnd(err))
		}
		if len(out) == cap(out) {
			out = slices.Grow(out, min(len(out), start+limit+1-len(out)))
		}
	}
}

// unexpectedEnd makes the end of a packed request an error of its own: a bare
// io.EOF reads as if all were well.
func unexpectedEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
