package gunzip

import (
	"bytes"
	"compress/flate"
	stdgzip "compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/clew-tracing/clew/internal/corpus"
)

// pack packs data at a level of the standard library: 0 stores, -2 uses codes only.
func pack(tb testing.TB, data []byte, level int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := stdgzip.NewWriterLevel(&b, level)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// deflated is what pack returns without header and trailer, which is what inflate reads.
func deflated(tb testing.TB, data []byte, level int) []byte {
	p := pack(tb, data, level)
	return p[10 : len(p)-8]
}

// samples are data of many shapes: short, of one byte, with matches at every distance
// below a word's, that hardly pack, whose codes are of very unequal lengths.
func samples() [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	noise, skewed, far := make([]byte, 100_000), make([]byte, 100_000), make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
		skewed[i] = byte(min(40, r.ExpFloat64()*1.4) * 5) // most are 0, few are above 60
	}
	for i := range far {
		far[i] = noise[i%32_700]
	}
	out := [][]byte{nil, []byte("x"), noise, skewed, far, make([]byte, 300_000), corpus.Requests(corpus.Shop, 1, 500, 500)[0]}
	for period := 1; period < 20; period++ {
		out = append(out, []byte("begin"+strings.Repeat("abcdefghijklmnopqrst"[:period], 40)+"end"))
	}
	return out
}

func TestGunzip(t *testing.T) {
	var d Decoder
	for i, data := range samples() {
		for level := -2; level <= 9; level++ {
			src := pack(t, data, level)
			for _, expected := range []int{0, len(data), 1 << 40} {
				got, err := d.Gunzip([]byte("kept"), src, expected, len(data))
				if err != nil || string(got[:4]) != "kept" || !bytes.Equal(got[4:], data) {
					t.Fatalf("sample %d, level %d: %d of %d bytes, %v", i, level, len(got)-4, len(data), err)
				}
			}
			if len(data) == 0 {
				continue
			}
			for _, limit := range []int{0, len(data) / 2, len(data) - 1} {
				if got, err := d.Gunzip([]byte("kept"), src, 0, limit); !errors.Is(err, ErrTooLarge) || len(got) > 4+limit {
					t.Fatalf("sample %d, level %d, limit %d: %d bytes, %v", i, level, limit, len(got)-4, err)
				}
			}
		}
	}
}

func TestMembers(t *testing.T) {
	var d Decoder
	a, b := bytes.Repeat([]byte("first"), 100), bytes.Repeat([]byte("second"), 100)
	src := append(append(pack(t, a, 6), pack(t, nil, 6)...), pack(t, b, 1)...)
	if got, err := d.Gunzip(nil, src, 0, 1<<20); err != nil || !bytes.Equal(got, append(a, b...)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	// The second member refers to what the first one had.
	far := []byte{0x4b, 0x04, 0x12, 0} // "a", then a match at a distance that goes behind it
	if got, err := inflated(&d, far, 1<<20); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%q, %v", got, err)
	}
}

// inflated unpacks blocks without a header.
func inflated(d *Decoder, src []byte, limit int) ([]byte, error) {
	in, o := input{src: src}, output{most: limit}
	err := d.inflate(&in, &o)
	return o.b[:o.end], err
}

func TestHeaders(t *testing.T) {
	var d Decoder
	data := []byte("what is behind the header")
	body := pack(t, data, 6)[10:]
	f := func(name, header string, want error) {
		t.Helper()
		got, err := d.Gunzip(nil, append([]byte(header), body...), 0, 100)
		if !errors.Is(err, want) || want == nil && (err != nil || !bytes.Equal(got, data)) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	f("plain", "\x1f\x8b\x08\x00\x01\x02\x03\x04\x00\xff", nil)
	f("a text", "\x1f\x8b\x08\x01\x01\x02\x03\x04\x00\xff", nil)
	f("extra", "\x1f\x8b\x08\x04\x01\x02\x03\x04\x00\xff\x03\x00abc", nil)
	f("name", "\x1f\x8b\x08\x08\x01\x02\x03\x04\x00\xfffile\x00", nil)
	f("a long comment", "\x1f\x8b\x08\x10\x01\x02\x03\x04\x00\xff"+strings.Repeat("long", 1000)+"\x00", nil)
	all := "\x1f\x8b\x08\x1e\x01\x02\x03\x04\x00\xff\x03\x00abcfile\x00comment\x00"
	sum := binary.LittleEndian.AppendUint16(nil, uint16(crc32.ChecksumIEEE([]byte(all))))
	f("all", all+string(sum), nil)
	f("its checksum", all+string([]byte{sum[0] ^ 1, sum[1]}), ErrHeader)
	f("no gzip", "\x1f\x8c\x08\x00\x01\x02\x03\x04\x00\xff", ErrHeader)
	f("another method", "\x1f\x8b\x07\x00\x01\x02\x03\x04\x00\xff", ErrHeader)
	body = nil
	f("a comment without end", "\x1f\x8b\x08\x18\x01\x02\x03\x04\x00\xffa\x00b", io.ErrUnexpectedEOF)
	f("extra without end", "\x1f\x8b\x08\x04\x01\x02\x03\x04\x00\xff\xff\xff", io.ErrUnexpectedEOF)
}

// TestDamage cuts files at each byte and flips bits of each: never a panic, and never
// other bytes without an error.
func TestDamage(t *testing.T) {
	var d Decoder
	data := corpus.Requests(corpus.Shop, 1, 3, 3)[0]
	for _, level := range []int{-2, 0, 9} {
		src := pack(t, data, level)
		for i := range src {
			if _, err := d.Gunzip(nil, src[:i:i], 0, 1<<20); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("level %d, cut at %d: %v", level, i, err)
			}
			for bit := range 8 {
				flipped := bytes.Clone(src)
				flipped[i] ^= 1 << bit
				got, err := d.Gunzip(nil, flipped, 0, 1<<20)
				if err == nil && !bytes.Equal(got, data) {
					t.Fatalf("level %d, bit %d of byte %d flipped: other bytes, no error", level, bit, i)
				}
			}
		}
		for _, behind := range []string{"\x00", "garbage, and more than a header of it"} {
			if _, err := d.Gunzip(nil, append(bytes.Clone(src), behind...), 0, 1<<20); err == nil {
				t.Errorf("level %d: %q behind it: no error", level, behind)
			}
		}
	}
}

// FuzzInflate holds blocks to the standard library: both unpack the same, of as many
// bytes, or both refuse.
func FuzzInflate(f *testing.F) {
	for _, data := range samples() {
		data = data[:min(len(data), 2000)]
		for _, level := range []int{-2, 0, 1, 6} {
			f.Add(deflated(f, data, level))
		}
	}
	f.Add([]byte{0x05, 0xe0, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x40, 0x08}) // one literal, one distance
	var d Decoder
	f.Fuzz(func(t *testing.T, src []byte) {
		const limit = 1 << 16
		r := bytes.NewReader(src)
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(r), limit+1))
		in, o := input{src: src}, output{most: limit}
		err := d.inflate(&in, &o)
		if len(want) > limit {
			if err == nil {
				t.Fatalf("no error of %d bytes", o.end)
			}
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, the standard library: %v", err, wantErr)
		}
		if err == nil && (!bytes.Equal(o.b[:o.end], want) || in.off != len(src)-r.Len()) {
			t.Fatalf("%d bytes of %d, the standard library: %d of %d", o.end, in.off, len(want), len(src)-r.Len())
		}
	})
}

func BenchmarkGunzip(b *testing.B) {
	data := corpus.Requests(corpus.Shop, 1, 500, 500)[0]
	src := pack(b, data, gzip.DefaultCompression)
	b.Run("gunzip", func(b *testing.B) {
		var d Decoder
		var dst []byte
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			var err error
			if dst, err = d.Gunzip(dst[:0], src, len(data), len(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
	streamed := func(name string, r io.Reader, reset func(io.Reader) error) {
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, len(data))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := reset(bytes.NewReader(src)); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(r, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	k, s := new(gzip.Reader), new(stdgzip.Reader)
	streamed("klauspost", k, k.Reset)
	streamed("standard", s, s.Reset)
}
