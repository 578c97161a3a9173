package otlpfile

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/otlp"
)

// plainError has a text for people and the error behind it.
type plainError struct {
	text  string
	cause error
}

// Error returns the text.
func (e *plainError) Error() string { return e.text }

// Unwrap returns the error behind it.
func (e *plainError) Unwrap() error { return e.cause }

// messageAt words what is wrong with the message that begins at an offset. A file
// that ends within it says so, packed or not.
func messageAt(offset int64, err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file ends within the message that begins at byte %d", offset)
	}
	return fmt.Errorf("the message at byte %d: %w", offset, err)
}

// message is one message of a file: for JSON its resource spans, each by
// itself, for protobuf the whole.
type message struct {
	parts [][]byte
	spans int64
	end   int64
}

func (s *Source) jsonMessages(offset int64) func() (message, error) {
	if mark, _ := s.in.Peek(len(byteOrderMark)); offset == 0 && string(mark) == byteOrderMark {
		n, _ := s.in.Discard(len(mark)) // they were just seen
		offset += int64(n)
	}
	limited := &limitedReader{r: s.in}
	dec := json.NewDecoder(limited)
	at := offset
	return func() (message, error) {
		limited.left = maxMessage
		var m map[string]json.RawMessage
		err := dec.Decode(&m)
		if err == io.EOF {
			return message{}, io.EOF
		}
		if err != nil {
			return message{}, messageAt(at, plainJSON(err))
		}
		out := message{end: offset + dec.InputOffset()}
		if err := out.takeSpans(m); err != nil {
			return message{}, messageAt(at, err)
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
func (m *message) takeSpans(fields map[string]json.RawMessage) error {
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
func (s *Source) noteOthers(fields map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name = console.Printable(name); len(s.others) < maxOthers && name != "resourceSpans" && !slices.Contains(s.others, name) {
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
		return &plainError{fmt.Sprintf("OTLP JSON has no %s here", wrong.Value), err}
	}
	return &plainError{fmt.Sprintf("%s cannot be a %s in OTLP JSON", wrong.Field, wrong.Value), err}
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

// Read implements io.Reader.
func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("a message is larger than %s; split it", console.Bytes(maxMessage))
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

func (s *Source) protoMessages(offset int64) func() (message, error) {
	at := offset
	return func() (message, error) {
		n, used, err := s.frame()
		switch {
		case err == io.EOF && used == 0:
			return message{}, io.EOF
		case err != nil:
			return message{}, messageAt(at, err)
		case n > maxMessage:
			return message{}, messageAt(at, fmt.Errorf("a size of %d bytes is more than %s: the file is no OTLP, or its messages are framed in another way; name that with --format", n, console.Bytes(maxMessage)))
		}
		// Grown as bytes come: the size is the file's claim.
		var body bytes.Buffer
		if _, err := io.CopyN(&body, s.in, int64(n)); err != nil {
			return message{}, messageAt(at, err)
		}
		spans, err := otlp.CountSpans(body.Bytes())
		if err != nil {
			return message{}, messageAt(at, fmt.Errorf("%w; if this is OTLP, give the framing with --format", err))
		}
		at += int64(used) + int64(n)
		m := message{spans: int64(spans), end: at}
		if spans > 0 {
			m.parts = [][]byte{body.Bytes()}
		}
		return m, nil
	}
}

// frame reads the size in front of a message. used is how many bytes it took, as
// far as there are any.
func (s *Source) frame() (n uint64, used int, err error) {
	if s.format == Proto {
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
