package load

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/clew-tracing/clew"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Encoding is how a body is compressed on the wire, by its HTTP name.
type Encoding string

// The encodings of OTLP. Levels are those of the collector's exporters: zstd 3,
// gzip's default.
const (
	Identity Encoding = "identity"
	Gzip     Encoding = "gzip"
	Zstd     Encoding = "zstd"
)

// ParseEncoding reads an encoding's name.
func ParseEncoding(s string) (Encoding, error) {
	switch e := Encoding(s); e {
	case Identity, Gzip, Zstd:
		return e, nil
	}
	return "", clew.Errorf(clew.Invalid, "encoding %q: want identity, gzip or zstd", s)
}

// Spool holds encoded bodies ready to send: the first in memory, the rest in a
// temporary file, which has no name and goes with the process. Add from one
// goroutine; after the last Add, Read from any number.
type Spool struct {
	encoding Encoding
	entries  []entry
	memory   []byte
	bound    int
	file     *os.File
	size     int64 // of the file
	spans    int64
	raw      int64
	encoded  int64
	buffer   bytes.Buffer
	zstd     *zstd.Encoder
	gzip     *gzip.Writer
}

// entry is where a body lies: in memory up to the bound, else in the file.
type entry struct {
	offset int64
	size   int32
	spans  int32
	file   bool
	before int64 // spans in the bodies before it
}

// NewSpool makes an empty spool that keeps up to memory bytes out of its file,
// which is made in dir, or in the system's place for such if dir is empty.
func NewSpool(dir string, encoding Encoding, memory int) (*Spool, error) {
	s := &Spool{encoding: encoding, bound: memory}
	var err error
	switch encoding {
	case Identity:
	case Gzip:
		s.gzip = gzip.NewWriter(nil)
	case Zstd:
		s.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(3)), zstd.WithEncoderConcurrency(1))
	default:
		_, err = ParseEncoding(string(encoding))
	}
	if err != nil {
		return nil, err
	}
	if s.file, err = os.CreateTemp(dir, "clew-load-*"); err != nil {
		return nil, fmt.Errorf("load: make spool: %w", err)
	}
	if err := os.Remove(s.file.Name()); err != nil {
		return nil, fmt.Errorf("load: unlink spool: %w", err)
	}
	return s, nil
}

// Add compresses and keeps a body of the given number of spans. It does not
// hold on to body.
func (s *Spool) Add(body []byte, spans int) error {
	encoded, err := s.encode(body)
	if err != nil {
		return fmt.Errorf("load: encode body: %w", err)
	}
	e := entry{size: int32(len(encoded)), spans: int32(spans), before: s.spans}
	if len(s.memory)+len(encoded) <= s.bound {
		e.offset = int64(len(s.memory))
		s.memory = append(s.memory, encoded...)
	} else {
		if _, err := s.file.WriteAt(encoded, s.size); err != nil {
			return fmt.Errorf("load: write spool: %w", err)
		}
		e.offset, e.file = s.size, true
		s.size += int64(len(encoded))
	}
	s.entries = append(s.entries, e)
	s.spans += int64(spans)
	s.raw += int64(len(body))
	s.encoded += int64(len(encoded))
	return nil
}

func (s *Spool) encode(body []byte) ([]byte, error) {
	switch s.encoding {
	case Zstd:
		s.buffer.Reset()
		return s.zstd.EncodeAll(body, s.buffer.AvailableBuffer()), nil
	case Gzip:
		s.buffer.Reset()
		s.gzip.Reset(&s.buffer)
		if _, err := s.gzip.Write(body); err != nil {
			return nil, err
		}
		err := s.gzip.Close()
		return s.buffer.Bytes(), err
	}
	return body, nil
}

// Len returns how many bodies there are.
func (s *Spool) Len() int { return len(s.entries) }

// Spans, RawBytes and EncodedBytes sum over all bodies.
func (s *Spool) Spans() int64 { return s.spans }

// RawBytes is the size before compression.
func (s *Spool) RawBytes() int64 { return s.raw }

// EncodedBytes is the size as sent.
func (s *Spool) EncodedBytes() int64 { return s.encoded }

// Read returns body i, in buf if that is large enough, and its spans.
func (s *Spool) Read(i int, buf []byte) (body []byte, spans int, err error) {
	e := s.entries[i]
	if !e.file {
		return append(buf[:0], s.memory[e.offset:e.offset+int64(e.size)]...), int(e.spans), nil
	}
	if cap(buf) < int(e.size) {
		buf = make([]byte, e.size)
	}
	body = buf[:e.size]
	if _, err := s.file.ReadAt(body, e.offset); err != nil && err != io.EOF {
		return nil, 0, fmt.Errorf("load: read spool: %w", err)
	}
	return body, int(e.spans), nil
}

// Close gives the file back.
func (s *Spool) Close() error { return s.file.Close() }
