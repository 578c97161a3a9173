package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/otlp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"
)

// The formats of files that hold OTLP traces, one message after another.
const (
	formatAuto = "auto"
	// formatJSON is OTLP JSON, one document a line or spread over lines.
	formatJSON = "json"
	// formatProto has four bytes before each message, its size big-endian, as
	// the collector's file exporter writes it.
	formatProto = "proto"
	// formatDelimited has a varint before each message, as protobuf's own
	// writeDelimitedTo writes it.
	formatDelimited = "delimited"
)

// importBatch is one request made of messages that follow each other in a file.
// The same file always gives the same batches from the same offset on, so that
// a batch sent twice is the same bytes and is recognised by the server.
type importBatch struct {
	body        []byte
	contentType string
	spans       int64
	// end is the offset behind its last message, in the unpacked file.
	end int64
}

// importSource is an opened file of messages.
type importSource struct {
	in   *bufio.Reader
	file *os.File // nil when packed or standard input: it cannot seek
	// read counts bytes taken from the file as it lies on disk, for progress.
	read  *countingReader
	size  int64 // 0 if unknown
	close func()
	// head is the beginning of the unpacked file, up to importGuardBytes.
	head   []byte
	format string
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// openImport opens path ("-" is in), unpacks gzip and zstd, and finds the format
// unless it was given.
func openImport(path string, in io.Reader, format string) (*importSource, error) {
	s := &importSource{close: func() {}}
	var raw io.Reader = in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		s.file, raw = f, f
		s.close = func() { _ = f.Close() } // it was only read
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			s.size = info.Size()
		}
	}
	s.read = &countingReader{r: raw}
	s.in = bufio.NewReaderSize(s.read, 256<<10)
	if err := s.unpack(); err != nil {
		s.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	head, err := s.in.Peek(importGuardBytes)
	if err != nil && err != io.EOF {
		s.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.head = bytes.Clone(head)
	if s.format = format; format == formatAuto {
		s.format = detectFormat(s.head)
	}
	return s, nil
}

func (s *importSource) unpack() error {
	magic, _ := s.in.Peek(4) // a shorter file is no packed file
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(s.in)
		if err != nil {
			return err
		}
		s.in, s.file = bufio.NewReaderSize(z, 256<<10), nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(s.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return err
		}
		closeFile := s.close
		s.close = func() { z.Close(); closeFile() }
		s.in, s.file = bufio.NewReaderSize(z, 256<<10), nil
	}
	return nil
}

// detectFormat tells JSON from the two framings of protobuf: a message begins
// with the tag of resource_spans, 0x0a, and a size below 16 MiB in four bytes
// begins with a zero, which as a varint would be an empty message.
func detectFormat(head []byte) string {
	if text := bytes.TrimLeft(head, " \t\r\n\ufeff"); len(text) > 0 && text[0] == '{' {
		return formatJSON
	}
	if len(head) > 0 && head[0] != 0 {
		if n, used := binary.Uvarint(head); used > 0 && n <= maxImportMessage && len(head) > used && head[used] == 0x0a {
			return formatDelimited
		}
	}
	return formatProto
}

// skip moves forward from the start to offset.
func (s *importSource) skip(offset int64) error {
	if s.file != nil {
		if _, err := s.file.Seek(offset, io.SeekStart); err != nil {
			return err
		}
		s.read.n = offset
		s.in.Reset(s.read)
		return nil
	}
	n, err := io.CopyN(io.Discard, s.in, offset)
	if err == io.EOF {
		return fmt.Errorf("the file has only %d bytes", n)
	}
	return err
}

// errCutOff says that a file ends within a message.
var errCutOff = errors.New("the file ends within a message")

// batches returns a function that gives the next batch from offset on: io.EOF
// at the end of the file. After another error it must not be called again.
func (s *importSource) batches(offset int64) func() (*importBatch, error) {
	next := s.protoMessages(offset)
	contentType := "application/x-protobuf"
	if s.format == formatJSON {
		next, contentType = s.jsonMessages(offset), "application/json"
	}
	at := offset
	var failed error // met with a batch in hand; returned after it
	return func() (*importBatch, error) {
		if failed != nil {
			return nil, failed
		}
		b := &importBatch{contentType: contentType}
		var parts [][]byte
		for size := 0; size < importBatchBytes && failed == nil; {
			m, err := next()
			if err != nil {
				failed = err
				break
			}
			parts = append(parts, m.parts...)
			size += int(m.end - at)
			b.spans += m.spans
			at, b.end = m.end, m.end
		}
		if b.end == 0 {
			return nil, failed
		}
		b.body = assemble(parts, contentType)
		return b, nil
	}
}

// assemble makes one request of the resource spans of many: protobuf messages
// are concatenated, JSON ones share an array.
func assemble(parts [][]byte, contentType string) []byte {
	if contentType == "application/x-protobuf" {
		return bytes.Join(parts, nil)
	}
	body := append([]byte(`{"resourceSpans":[`), bytes.Join(parts, []byte(","))...)
	return append(body, "]}"...)
}

// importMessage is one message of a file: for JSON its resource spans, each by
// itself, for protobuf the whole.
type importMessage struct {
	parts [][]byte
	spans int64
	end   int64
}

func (s *importSource) jsonMessages(offset int64) func() (importMessage, error) {
	limited := &limitedReader{r: s.in}
	dec := json.NewDecoder(limited)
	return func() (importMessage, error) {
		limited.left = maxImportMessage
		var m struct {
			ResourceSpans []json.RawMessage `json:"resourceSpans"`
		}
		err := dec.Decode(&m)
		at := offset + dec.InputOffset()
		switch {
		case err == io.EOF:
			return importMessage{}, io.EOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			return importMessage{}, errCutOff
		case err != nil:
			return importMessage{}, fmt.Errorf("byte %d: %w", at, err)
		}
		out := importMessage{end: at}
		for _, r := range m.ResourceSpans {
			n, err := countJSON(r)
			if err != nil {
				return importMessage{}, fmt.Errorf("before byte %d: %w", at, err)
			}
			out.spans += n
			out.parts = append(out.parts, r)
		}
		return out, nil
	}
}

func countJSON(resourceSpans []byte) (n int64, err error) {
	var r struct {
		ScopeSpans []struct {
			Spans []json.RawMessage `json:"spans"`
		} `json:"scopeSpans"`
	}
	if err := json.Unmarshal(resourceSpans, &r); err != nil {
		return 0, err
	}
	for _, s := range r.ScopeSpans {
		n += int64(len(s.Spans))
	}
	return n, nil
}

// limitedReader fails once more than left bytes are read since left was set.
type limitedReader struct {
	r    io.Reader
	left int
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("a message is larger than %s; split it", console.Bytes(maxImportMessage))
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

func (s *importSource) protoMessages(offset int64) func() (importMessage, error) {
	at := offset
	return func() (importMessage, error) {
		n, used, err := s.frame()
		switch {
		case err != nil:
			return importMessage{}, err
		case n > maxImportMessage:
			return importMessage{}, fmt.Errorf("byte %d: a message of %d bytes is more than %s: the file is no OTLP, or its messages are framed in another way; name that with --format", at, n, console.Bytes(maxImportMessage))
		}
		// Grown as bytes come: the size is the file's claim.
		var body bytes.Buffer
		if _, err := io.CopyN(&body, s.in, int64(n)); err != nil {
			if err == io.EOF {
				err = errCutOff
			}
			return importMessage{}, err
		}
		spans, err := otlp.CountSpans(body.Bytes())
		if err != nil {
			return importMessage{}, fmt.Errorf("byte %d: %w; if this is OTLP, give the framing with --format", at, err)
		}
		at += int64(used) + int64(n)
		return importMessage{parts: [][]byte{body.Bytes()}, spans: int64(spans), end: at}, nil
	}
}

// frame reads the size in front of a message.
func (s *importSource) frame() (n uint64, used int, err error) {
	if s.format == formatProto {
		var size [4]byte
		if _, err := io.ReadFull(s.in, size[:]); err != nil {
			if err == io.ErrUnexpectedEOF {
				err = errCutOff
			}
			return 0, 0, err
		}
		return uint64(binary.BigEndian.Uint32(size[:])), 4, nil
	}
	var raw []byte
	for {
		b, err := s.in.ReadByte()
		if err == io.EOF && len(raw) > 0 {
			err = errCutOff
		}
		if err != nil {
			return 0, 0, err
		}
		if raw = append(raw, b); b < 0x80 || len(raw) == binary.MaxVarintLen64 {
			n, used := binary.Uvarint(raw)
			if used <= 0 {
				return 0, 0, fmt.Errorf("a size that is no number; give the framing with --format")
			}
			return n, used, nil
		}
	}
}

// eachField calls f for each length-delimited field of that number.
func eachField(message []byte, want protowire.Number, f func(value []byte) error) error {
	for len(message) > 0 {
		num, typ, used := protowire.ConsumeTag(message)
		if used < 0 {
			return fmt.Errorf("no protobuf: %w", protowire.ParseError(used))
		}
		message = message[used:]
		length := protowire.ConsumeFieldValue(num, typ, message)
		if length < 0 {
			return fmt.Errorf("no protobuf: %w", protowire.ParseError(length))
		}
		if num == want && typ == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			if err := f(value); err != nil {
				return err
			}
		}
		message = message[length:]
	}
	return nil
}
