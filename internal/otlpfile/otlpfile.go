// Package otlpfile reads files of OTLP traces, as the collector and others write
// them: one message after another, as JSON or framed protobuf, packed or not. It
// cuts them into requests for a door, the same ones each time, and says of what it
// cannot read at which byte it begins.
package otlpfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/clew-tracing/clew/internal/console"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// The formats of files that hold OTLP traces, one message after another.
const (
	Auto = "auto"
	// JSON is OTLP JSON, one document a line or spread over lines.
	JSON = "json"
	// Proto has four bytes before each message, its size big-endian, as
	// the collector's file exporter writes it.
	Proto = "proto"
	// Delimited has a varint before each message, as protobuf's own
	// writeDelimitedTo writes it.
	Delimited = "delimited"
)

// Batch is one request made of messages that follow each other in a file.
// The same file always gives the same batches from the same offset on, so that
// a batch sent twice is the same bytes and is recognised by the server.
type Batch struct {
	Body        []byte // empty if no message has spans
	ContentType string
	Spans       int64
	// From and End are the offsets of its first message and behind its last, in
	// the unpacked file.
	From, End int64
}

// Source is an opened file of messages.
type Source struct {
	in   *bufio.Reader
	file *os.File // nil when packed or standard input: it cannot seek
	// read counts bytes taken from the file as it lies on disk, for progress.
	read *countingReader
	// SizeBytes is that of the file as it lies on disk; 0 if unknown.
	SizeBytes int64
	closeFile func()
	// Head is the beginning of the unpacked file, up to HeadBytes.
	Head   []byte
	format string
	// others are fields of JSON messages that have no spans, such as
	// resourceLogs; messages counts all.
	others   []string
	messages int64
}

// NoTracesError says of a file that there is no span in it.
type NoTracesError struct{ text string }

// Error says so, and what there is instead.
func (e *NoTracesError) Error() string { return e.text }

// NoTraces words that the file has no span.
func (s *Source) NoTraces() error {
	switch {
	case len(s.Head) == 0:
		return &NoTracesError{"there are no traces in it: it is empty"}
	case len(s.others) > 0:
		return &NoTracesError{fmt.Sprintf("there are no traces in it: its messages have %s, but no resourceSpans with spans", strings.Join(s.others, ", "))}
	}
	return &NoTracesError{fmt.Sprintf("there are no traces in it: %s without spans", console.Plural(int(s.messages), "message"))}
}

type countingReader struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Open opens path ("-" is in), unpacks gzip and zstd, and finds the format
// unless it was given.
func Open(path string, in io.Reader, format string) (*Source, error) {
	s := &Source{closeFile: func() {}}
	var raw io.Reader = in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, plainFileError(err)
		}
		s.file, raw = f, f
		s.closeFile = func() { _ = f.Close() } // it was only read
		info, err := f.Stat()
		switch {
		case err != nil:
			s.closeFile()
			return nil, plainFileError(err)
		case info.IsDir():
			s.closeFile()
			return nil, errors.New("this is a folder; name the files in it")
		case info.Mode().IsRegular():
			s.SizeBytes = info.Size()
		}
	}
	s.read = &countingReader{r: raw}
	s.in = bufio.NewReaderSize(s.read, 256<<10)
	if err := s.unpack(); err != nil {
		s.closeFile()
		return nil, err
	}
	head, err := s.in.Peek(HeadBytes)
	if err != nil && err != io.EOF && len(head) == 0 {
		s.closeFile()
		return nil, plainFileError(err)
	}
	s.Head = bytes.Clone(head)
	if s.format = format; format == Auto {
		s.format = detectFormat(s.Head)
	}
	return s, nil
}

// Close closes the file.
func (s *Source) Close() { s.closeFile() }

// ReadBytes is how much of the file, as it lies on disk, has been read.
func (s *Source) ReadBytes() int64 { return s.read.n }

// plainFileError says what is wrong with a file without its name, which comes
// before it anyway.
func plainFileError(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &plainError{"there is no such file", err}
	case errors.Is(err, fs.ErrPermission):
		return &plainError{"this user may not read it", err}
	}
	return fmt.Errorf("cannot be read: %w", err)
}

func (s *Source) unpack() error {
	magic, _ := s.in.Peek(4) // a shorter file is no packed file
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(s.in)
		if err != nil {
			return fmt.Errorf("begins as gzip does, but is none: %w", err)
		}
		s.in, s.file = bufio.NewReaderSize(z, 256<<10), nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(s.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return err
		}
		closeRaw := s.closeFile
		s.closeFile = func() { z.Close(); closeRaw() }
		s.in, s.file = bufio.NewReaderSize(z, 256<<10), nil
	}
	return nil
}

// detectFormat tells JSON from the two framings of protobuf: a message begins
// with the tag of resource_spans, 0x0a, and a size below 16 MiB in four bytes
// begins with a zero, which as a varint would be an empty message.
func detectFormat(head []byte) string {
	text := bytes.TrimLeft(head, " \t\r\n\ufeff")
	if len(text) == 0 || text[0] == '{' || text[0] == '[' { // a list is not OTLP's, which JSON's error says
		return JSON
	}
	if len(head) > 0 && head[0] != 0 {
		if n, used := binary.Uvarint(head); used > 0 && n <= maxMessage && len(head) > used && head[used] == 0x0a {
			return Delimited
		}
	}
	return Proto
}

// Skip moves forward from the start to offset.
func (s *Source) Skip(offset int64) error {
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

// Batches returns a function that gives the next batch from offset on: io.EOF
// at the end of the file. After another error it must not be called again.
func (s *Source) Batches(offset int64) func() (*Batch, error) {
	next := s.protoMessages(offset)
	contentType := "application/x-protobuf"
	if s.format == JSON {
		next, contentType = s.jsonMessages(offset), "application/json"
	}
	at := offset
	var failed error // met with a batch in hand; returned after it
	return func() (*Batch, error) {
		if failed != nil {
			return nil, failed
		}
		b := &Batch{ContentType: contentType, From: at}
		var parts [][]byte
		for size := 0; size < batchBytes && failed == nil; {
			m, err := next()
			if err != nil {
				failed = err
				break
			}
			s.messages++
			parts = append(parts, m.parts...)
			size += int(m.end - at)
			b.Spans += m.spans
			at, b.End = m.end, m.end
		}
		if b.End == 0 {
			return nil, failed
		}
		if len(parts) > 0 {
			b.Body = assemble(parts, contentType)
		}
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
