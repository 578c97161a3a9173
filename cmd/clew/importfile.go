package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

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
	// from and end are the offsets of its first message and behind its last, in
	// the unpacked file.
	from, end int64
}

// notTaken adds to the door's answer to a batch which part of the file it is about.
func (b *importBatch) notTaken(err error) error {
	var api *apiError
	if !errors.As(err, &api) {
		return err
	}
	return fmt.Errorf("bytes %d to %d were not taken: %w", b.from, b.end, err)
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
	// others are fields of JSON messages that have no spans, such as
	// resourceLogs; messages counts all.
	others   []string
	messages int64
}

// noTracesError says of a file that there is no span in it.
type noTracesError struct{ text string }

func (e *noTracesError) Error() string { return e.text }

// without words that the file has no span.
func (s *importSource) without() error {
	switch {
	case len(s.head) == 0:
		return &noTracesError{"there are no traces in it: it is empty"}
	case len(s.others) > 0:
		return &noTracesError{fmt.Sprintf("there are no traces in it: its messages have %s, but no resourceSpans with spans", strings.Join(s.others, ", "))}
	}
	return &noTracesError{fmt.Sprintf("there are no traces in it: %s without spans", console.Plural(int(s.messages), "message"))}
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
			return nil, plainFileError(err)
		}
		s.file, raw = f, f
		s.close = func() { _ = f.Close() } // it was only read
		info, err := f.Stat()
		switch {
		case err != nil:
			s.close()
			return nil, plainFileError(err)
		case info.IsDir():
			s.close()
			return nil, errors.New("this is a folder; name the files in it")
		case info.Mode().IsRegular():
			s.size = info.Size()
		}
	}
	s.read = &countingReader{r: raw}
	s.in = bufio.NewReaderSize(s.read, 256<<10)
	if err := s.unpack(); err != nil {
		s.close()
		return nil, err
	}
	head, err := s.in.Peek(importGuardBytes)
	if err != nil && err != io.EOF && len(head) == 0 {
		s.close()
		return nil, plainFileError(err)
	}
	s.head = bytes.Clone(head)
	if s.format = format; format == formatAuto {
		s.format = detectFormat(s.head)
	}
	return s, nil
}

// plainFileError says what is wrong with a file without its name, which comes
// before it anyway.
func plainFileError(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no such file%w", quietly(err))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this user may not read it%w", quietly(err))
	}
	return fmt.Errorf("cannot be read: %w", err)
}

func (s *importSource) unpack() error {
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
	text := bytes.TrimLeft(head, " \t\r\n\ufeff")
	if len(text) == 0 || text[0] == '{' || text[0] == '[' { // a list is not OTLP's, which JSON's error says
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

// messageAt words what is wrong with the message that begins at an offset. A file
// that ends within it says so, packed or not.
func messageAt(offset int64, err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file ends within the message that begins at byte %d", offset)
	}
	return fmt.Errorf("the message at byte %d: %w", offset, err)
}

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
		b := &importBatch{contentType: contentType, from: at}
		var parts [][]byte
		for size := 0; size < importBatchBytes && failed == nil; {
			m, err := next()
			if err != nil {
				failed = err
				break
			}
			s.messages++
			parts = append(parts, m.parts...)
			size += int(m.end - at)
			b.spans += m.spans
			at, b.end = m.end, m.end
		}
		if b.end == 0 {
			return nil, failed
		}
		if len(parts) > 0 {
			b.body = assemble(parts, contentType)
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

// importMessage is one message of a file: for JSON its resource spans, each by
// itself, for protobuf the whole.
type importMessage struct {
	parts [][]byte
	spans int64
	end   int64
}

func (s *importSource) jsonMessages(offset int64) func() (importMessage, error) {
	if mark, _ := s.in.Peek(len(byteOrderMark)); offset == 0 && string(mark) == byteOrderMark {
		n, _ := s.in.Discard(len(mark)) // they were just seen
		offset += int64(n)
	}
	limited := &limitedReader{r: s.in}
	dec := json.NewDecoder(limited)
	at := offset
	return func() (importMessage, error) {
		limited.left = maxImportMessage
		var m map[string]json.RawMessage
		err := dec.Decode(&m)
		if err == io.EOF {
			return importMessage{}, io.EOF
		}
		if err != nil {
			return importMessage{}, messageAt(at, plainJSON(err))
		}
		out := importMessage{end: offset + dec.InputOffset()}
		if err := out.takeSpans(m); err != nil {
			return importMessage{}, messageAt(at, err)
		}
		if out.spans == 0 {
			s.noteOthers(m)
		}
		at = out.end
		return out, nil
	}
}

// byteOrderMark is what some editors put in front of text.
const byteOrderMark = "\ufeff"

// takeSpans takes the resource spans of a JSON message, under either of the names
// that OTLP allows.
func (m *importMessage) takeSpans(fields map[string]json.RawMessage) error {
	for _, name := range []string{"resourceSpans", "resource_spans"} {
		var list []json.RawMessage
		if raw := fields[name]; raw != nil {
			if err := json.Unmarshal(raw, &list); err != nil {
				return fmt.Errorf("%s: %w", name, plainJSON(err))
			}
		}
		for _, r := range list {
			n, err := countJSON(r)
			if err != nil {
				return fmt.Errorf("%s: %w", name, plainJSON(err))
			}
			m.spans += n
			m.parts = append(m.parts, r)
		}
	}
	return nil
}

// noteOthers remembers what a message without spans has instead.
func (s *importSource) noteOthers(fields map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name = console.Printable(name); len(s.others) < maxReasons && name != "resourceSpans" && !slices.Contains(s.others, name) {
			s.others = append(s.others, name)
		}
	}
}

// plainJSON words a value of the wrong type without the types of this program.
func plainJSON(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	if wrong.Field == "" {
		return fmt.Errorf("OTLP JSON has no %s here%w", wrong.Value, quietly(err))
	}
	return fmt.Errorf("%s cannot be a %s in OTLP JSON%w", wrong.Field, wrong.Value, quietly(err))
}

func countJSON(resourceSpans []byte) (n int64, err error) {
	type scopes []struct {
		Spans []json.RawMessage `json:"spans"`
	}
	var r struct {
		ScopeSpans scopes `json:"scopeSpans"`
		SnakeCase  scopes `json:"scope_spans"`
	}
	if err := json.Unmarshal(resourceSpans, &r); err != nil {
		return 0, err
	}
	for _, s := range append(r.ScopeSpans, r.SnakeCase...) {
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
		case err == io.EOF && used == 0:
			return importMessage{}, io.EOF
		case err != nil:
			return importMessage{}, messageAt(at, err)
		case n > maxImportMessage:
			return importMessage{}, messageAt(at, fmt.Errorf("a size of %d bytes is more than %s: the file is no OTLP, or its messages are framed in another way; name that with --format", n, console.Bytes(maxImportMessage)))
		}
		// Grown as bytes come: the size is the file's claim.
		var body bytes.Buffer
		if _, err := io.CopyN(&body, s.in, int64(n)); err != nil {
			return importMessage{}, messageAt(at, err)
		}
		spans, err := otlp.CountSpans(body.Bytes())
		if err != nil {
			return importMessage{}, messageAt(at, fmt.Errorf("%w; if this is OTLP, give the framing with --format", err))
		}
		at += int64(used) + int64(n)
		m := importMessage{spans: int64(spans), end: at}
		if spans > 0 {
			m.parts = [][]byte{body.Bytes()}
		}
		return m, nil
	}
}

// frame reads the size in front of a message. used is how many bytes it took, as
// far as there are any.
func (s *importSource) frame() (n uint64, used int, err error) {
	if s.format == formatProto {
		var size [4]byte
		used, err := io.ReadFull(s.in, size[:])
		return uint64(binary.BigEndian.Uint32(size[:])), used, err
	}
	var raw []byte
	for {
		b, err := s.in.ReadByte()
		if err != nil {
			return 0, len(raw), err
		}
		if raw = append(raw, b); b < 0x80 || len(raw) == binary.MaxVarintLen64 {
			n, used := binary.Uvarint(raw)
			if used <= 0 {
				return 0, len(raw), fmt.Errorf("a size that is no number; give the framing with --format")
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
