package otlpfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// testMessages makes n messages of one span each; with big, names of that many
// bytes.
func testMessages(t testing.TB, n, big int) (jsonLines []byte, messages [][]byte) {
	t.Helper()
	for i := range n {
		name := fmt.Sprint("span ", i, strings.Repeat("x", big))
		jsonLines = fmt.Appendf(jsonLines, `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"%s"}]}]}]}`+"\n", i+1, i+1, name)
		m, err := proto.Marshal(&tracev1.TracesData{ResourceSpans: []*tracev1.ResourceSpans{{ScopeSpans: []*tracev1.ScopeSpans{{
			Spans: []*tracev1.Span{{TraceId: binary.BigEndian.AppendUint64(make([]byte, 8), uint64(i+1)), SpanId: binary.BigEndian.AppendUint64(nil, uint64(i+1)), Name: name}},
		}}}}})
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	return jsonLines, messages
}

func framed(messages [][]byte, format string) (out []byte) {
	for _, m := range messages {
		if format == Proto {
			out = binary.BigEndian.AppendUint32(out, uint32(len(m)))
		} else {
			out = binary.AppendUvarint(out, uint64(len(m)))
		}
		out = append(out, m...)
	}
	return out
}

// readBatches reads all batches of a file from offset on.
func readBatches(path, format string, offset int64) (batches []*Batch, err error) {
	src, err := Open(path, nil, format)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if offset > 0 {
		if err := src.Skip(offset); err != nil {
			return nil, err
		}
	}
	next := src.Batches(offset)
	for {
		b, err := next()
		if err == io.EOF {
			return batches, nil
		}
		if err != nil {
			return batches, err
		}
		batches = append(batches, b)
	}
}

func writeFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFormats(t *testing.T) {
	// 600 messages of 4 kB are three batches.
	lines, messages := testMessages(t, 600, 4000)
	var pretty bytes.Buffer
	for line := range bytes.Lines(lines) {
		pretty.Write(bytes.ReplaceAll(line, []byte(","), []byte(",\n  ")))
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"lines": lines, "pretty": pretty.Bytes(), "blanks": append([]byte("\n  "), lines...), "bom": append([]byte("\ufeff"), lines...),
		"snake": bytes.ReplaceAll(bytes.ReplaceAll(lines, []byte("scopeSpans"), []byte("scope_spans")), []byte("resourceSpans"), []byte("resource_spans")),
		"proto": framed(messages, Proto), "delimited": framed(messages, Delimited),
		"lines.gz": zipped(t, lines), "proto.zst": enc.EncodeAll(framed(messages, Proto), nil),
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, name, content)
			all, err := readBatches(path, Auto, 0)
			if err != nil {
				t.Fatal(err)
			}
			spans := int64(0)
			for _, b := range all {
				spans += b.Spans
				if len(b.Body) > batchBytes+5000 {
					t.Errorf("a batch of %d bytes", len(b.Body))
				}
			}
			if spans != 600 || len(all) < 3 {
				t.Fatalf("%d spans in %d batches, want 600 in at least 3", spans, len(all))
			}
			// From the end of any batch on, the same batches follow, byte for
			// byte: that is what lets the server recognise one sent twice.
			for i := range all {
				rest, err := readBatches(path, Auto, all[i].End)
				if err != nil || len(rest) != len(all)-i-1 {
					t.Fatalf("from %d: %d batches, %v; want %d", all[i].End, len(rest), err, len(all)-i-1)
				}
				for k, b := range rest {
					if w := all[i+1+k]; !bytes.Equal(b.Body, w.Body) || b.End != w.End {
						t.Fatalf("batch %d differs after a resumption at %d", i+1+k, all[i].End)
					}
				}
			}
		})
	}
}

func TestDamagedFiles(t *testing.T) {
	lines, messages := testMessages(t, 3, 0)
	bad := func(name string, content []byte, format string, spans int64, want string) {
		t.Helper()
		got, err := readBatches(writeFile(t, name, content), format, 0)
		n := int64(0)
		for _, b := range got {
			n += b.Spans
		}
		if err == nil || !strings.Contains(err.Error(), want) || n != spans {
			t.Errorf("%s: %d spans, error %v; want %d and %q", name, n, err, spans, want)
		}
	}
	last := bytes.LastIndexByte(lines[:len(lines)-1], '\n')
	bad("cut line", lines[:len(lines)-20], Auto, 2, fmt.Sprintf("ends within the message that begins at byte %d", last))
	bad("no json", append(bytes.Clone(lines), "{nonsense"...), Auto, 3, fmt.Sprintf("the message at byte %d: invalid character 'n'", len(lines)-1))
	bad("other json", []byte(`{"resourceSpans":7}`), Auto, 0, "byte 0: resourceSpans: OTLP JSON has no number here")
	bad("other list", []byte(`{"resourceSpans":[7]}`), Auto, 0, "byte 0: resourceSpans: OTLP JSON has no number here")
	bad("other spans", []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":true}]}]}`), Auto, 0, "scopeSpans.spans cannot be a bool")
	bad("zipkin", []byte(`[{"traceId":"1"}]`), Auto, 0, "byte 0: OTLP JSON has no array here")
	p := framed(messages, Proto)
	third := fmt.Sprintf("ends within the message that begins at byte %d", len(framed(messages[:2], Proto)))
	bad("cut size", p[:len(p)-len(messages[2])-2], Auto, 2, third)
	bad("cut message", p[:len(p)-1], Auto, 2, third)
	bad("cut gzip", zipped(t, p)[:len(zipped(t, p))-8], Auto, 3, fmt.Sprintf("ends within the message that begins at byte %d", len(p)))
	bad("giant", []byte{0xff, 0xff, 0xff, 0xff, 0x0a}, Proto, 0, "more than 67.1 MB")
	bad("no protobuf", append(bytes.Clone(p), 0, 0, 0, 2, 0x0a, 0x7f), Auto, 3, fmt.Sprintf("the message at byte %d: ", len(p)))
	d := framed(messages, Delimited)
	bad("cut varint", append(bytes.Clone(d), 0x80), Auto, 3, fmt.Sprintf("ends within the message that begins at byte %d", len(d)))
	bad("cut delimited", d[:len(d)-1], Auto, 2, fmt.Sprintf("ends within the message that begins at byte %d", len(framed(messages[:2], Delimited))))
	bad("endless varint", bytes.Repeat([]byte{0xff}, 11), Delimited, 0, "byte 0: a size that is no number")
	if _, err := readBatches(writeFile(t, "x.gz", []byte{0x1f, 0x8b, 0, 0}), Auto, 0); err == nil {
		t.Error("a broken gzip file opens")
	}
	if _, err := readBatches(filepath.Join(t.TempDir(), "gone"), Auto, 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestLargeMessageIsRefused(t *testing.T) {
	long := append([]byte(`{"resourceSpans":[],"x":"`), bytes.Repeat([]byte("y"), maxMessage+1)...)
	_, err := readBatches(writeFile(t, "long", append(long, `"}`...)), Auto, 0)
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("error %v, want one about the size", err)
	}
}

func FuzzFile(f *testing.F) {
	lines, messages := testMessages(f, 2, 0)
	f.Add(lines)
	f.Add(framed(messages, Proto))
	f.Add(framed(messages, Delimited))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd})
	f.Fuzz(func(t *testing.T, content []byte) {
		src, err := Open("-", bytes.NewReader(content), Auto)
		if err != nil {
			return
		}
		defer src.Close()
		next, end := src.Batches(0), int64(0)
		for {
			b, err := next()
			if err != nil {
				return
			}
			if b.End <= end {
				t.Fatalf("batches end at %d, then %d", end, b.End)
			}
			end = b.End
		}
	})
}
