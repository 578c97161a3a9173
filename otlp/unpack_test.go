package otlp_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
)

func gzipped(tb testing.TB, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// zstdStream packs data as a stream: its frame does not say how long it is.
func zstdStream(tb testing.TB, data []byte, options ...zstd.EOption) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, options...)
	if err != nil {
		tb.Fatal(err)
	}
	half := len(data) / 2
	for _, part := range [][]byte{data[:half], data[half:]} {
		if _, err := w.Write(part); err != nil {
			tb.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func zstdWhole(tb testing.TB, data []byte) []byte {
	tb.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// noise is data that hardly packs.
func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestUnpack(t *testing.T) {
	var u otlp.Unpacker
	shop := corpus.Requests(corpus.Shop, 1, 500, 500)[0]
	for _, data := range [][]byte{nil, []byte("x"), shop, noise(300_000), bytes.Repeat([]byte("clew"), 1<<18)} {
		packed := []struct {
			e   otlp.Encoding
			src []byte
		}{
			{otlp.Identity, data}, {otlp.Gzip, gzipped(t, data)}, {otlp.Zstd, zstdStream(t, data)}, {otlp.Zstd, zstdWhole(t, data)},
			{otlp.Gzip, append(gzipped(t, data[:len(data)/3]), gzipped(t, data[len(data)/3:])...)},
			{otlp.Zstd, append(zstdStream(t, data[:len(data)/3]), zstdWhole(t, data[len(data)/3:])...)},
			{otlp.Zstd, append([]byte("\x50\x2a\x4d\x18\x03\x00\x00\x00abc"), zstdWhole(t, data)...)}, // a skippable frame
		}
		for i, p := range packed {
			got, err := u.Unpack([]byte("kept"), p.e, p.src, len(data))
			if err != nil || string(got[:4]) != "kept" || !bytes.Equal(got[4:], data) {
				t.Errorf("%d bytes, form %d: %d bytes, %v", len(data), i, len(got)-4, err)
			}
			if len(data) == 0 {
				continue
			}
			got, err = u.Unpack([]byte("kept"), p.e, p.src, len(data)-1)
			if clew.KindOf(err) != clew.TooLarge || !strings.Contains(err.Error(), "--max-request") || string(got) != "kept" {
				t.Errorf("%d bytes, form %d, limit 1 less: %q, %v", len(data), i, got, err)
			}
		}
	}
}

func TestUnpackRefuses(t *testing.T) {
	var u otlp.Unpacker
	data := corpus.Requests(corpus.Shop, 1, 500, 500)[0]
	f := func(name string, e otlp.Encoding, src []byte, kind clew.ErrorKind) {
		t.Helper()
		got, err := u.Unpack([]byte("kept"), e, src, 1<<20)
		if clew.KindOf(err) != kind || err == nil || string(got) != "kept" {
			t.Errorf("%s: %.20q, %v; want kind %v", name, got, err, kind)
		}
	}
	for e, src := range map[otlp.Encoding][]byte{otlp.Gzip: gzipped(t, data), otlp.Zstd: zstdStream(t, data)} {
		for _, cut := range []int{1, 3, 10, len(src) / 2, len(src) - 5, len(src) - 1} {
			f("cut", e, src[:cut], clew.Invalid)
		}
		f("garbage behind", e, append(bytes.Clone(src), "garbage, and more than a header of it"...), clew.Invalid)
		f("garbage", e, data, clew.Invalid)
		flipped := bytes.Clone(src)
		flipped[len(src)-3] ^= 1 // in the checksum
		f("checksum", e, flipped, clew.Invalid)
	}
	f("no gzip", otlp.Gzip, nil, clew.Invalid)
	big := bytes.Repeat(noise(1<<16), 9<<4) // 9 MiB: the frame wants the whole window
	f("window", otlp.Zstd, zstdStream(t, append(big, big...), zstd.WithWindowSize(16<<20)), clew.TooLarge)
	if got, err := u.Unpack(nil, otlp.Zstd, zstdStream(t, big, zstd.WithWindowSize(8<<20)), 1<<30); err != nil || !bytes.Equal(got, big) {
		t.Errorf("a window of 8 MiB: %v", err)
	}
}

// TestUnpackBomb unpacks 1 GiB of zeros under a limit of 1 MiB: memory follows
// the limit and the decoder's window, not the claim.
func TestUnpackBomb(t *testing.T) {
	var u otlp.Unpacker
	const limit = 1 << 20
	var zipped, frames bytes.Buffer
	z := gzip.NewWriter(&zipped)
	s, err := zstd.NewWriter(&frames)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 64 {
		if _, err := z.Write(zeros); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if z.Close() != nil || s.Close() != nil {
		t.Fatal("close")
	}
	for e, src := range map[otlp.Encoding][]byte{
		otlp.Gzip: bytes.Repeat(zipped.Bytes(), 16), otlp.Zstd: bytes.Repeat(frames.Bytes(), 16),
	} {
		if _, err := u.Unpack(nil, e, src, limit); clew.KindOf(err) != clew.TooLarge {
			t.Errorf("%v: %v", e, err)
		}
		size := allocated(func() { _, _ = u.Unpack(nil, e, src, limit) })
		if size > 4*limit+16<<20 { // a new decoder has its window, too
			t.Errorf("%v: a bomb takes %d bytes under a limit of %d", e, size, limit)
		}
	}
}

func TestParseEncoding(t *testing.T) {
	for s, want := range map[string]otlp.Encoding{"": otlp.Identity, "identity": otlp.Identity, "gzip": otlp.Gzip, "x-gzip": otlp.Gzip, "zstd": otlp.Zstd} {
		if e, err := otlp.ParseEncoding(s); e != want || err != nil {
			t.Errorf("ParseEncoding(%q) = %v, %v", s, e, err)
		}
	}
	if _, err := otlp.ParseEncoding("br"); clew.KindOf(err) != clew.Unsupported {
		t.Errorf("ParseEncoding(br): %v", err)
	}
	if s := otlp.Identity.String() + otlp.Gzip.String() + otlp.Zstd.String(); s != "identitygzipzstd" {
		t.Error(s)
	}
}

func BenchmarkUnpack(b *testing.B) {
	data := corpus.Requests(corpus.Shop, 1, 500, 500)[0]
	for e, src := range map[otlp.Encoding][]byte{otlp.Gzip: gzipped(b, data), otlp.Zstd: zstdWhole(b, data)} {
		b.Run(e.String(), func(b *testing.B) {
			var u otlp.Unpacker
			var dst []byte
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if dst, err = u.Unpack(dst[:0], e, src, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
			perSpan(b, 500)
		})
	}
}
