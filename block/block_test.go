package block

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
)

var update = flag.Bool("update", false, "rewrite testdata/golden.txt")

// tiny writes a segment of two columns in two blocks, one of them with a chunk of
// the whole segment, and a column without chunks.
func tiny() []byte {
	w := NewWriter(0)
	name := w.Column("name")
	w.Chunk(name, WholeSegment, append(w.Buf(), "ada bob"...), 0, math.MaxUint64)
	w.Chunk(name, 0, append(w.Buf(), 0, 1, 1), 0, 1)
	w.Chunk(name, 1, append(w.Buf(), 1), 1, 1)
	w.Column("nothing")
	w.Chunk(w.Column("time"), 1, append(w.Buf(), "12:00"...), 1200, 1359)
	return w.Finish([]byte("meta"))
}

func open(t testing.TB, data []byte) *Reader {
	t.Helper()
	r, err := Open(bytes.NewReader(data), int64(len(data)), "x.seg")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRoundTrip(t *testing.T) {
	r := open(t, tiny())
	if string(r.Meta()) != "meta" || !slices.Equal(r.Columns(), []string{"name", "nothing", "time"}) || r.Size() != int64(len(tiny())) || r.File() != "x.seg" {
		t.Fatalf("meta %q, columns %v, %d bytes of %s", r.Meta(), r.Columns(), r.Size(), r.File())
	}
	for _, c := range []struct {
		name     string
		block    int
		want     string
		there    bool
		min, max uint64
	}{
		{"name", WholeSegment, "ada bob", true, 0, math.MaxUint64},
		{"name", 0, "\x00\x01\x01", true, 0, 1},
		{"name", 1, "\x01", true, 1, 1},
		{"name", 2, "", false, 0, 0},
		{"nothing", WholeSegment, "", false, 0, 0},
		{"nothing", 0, "", false, 0, 0},
		{"time", WholeSegment, "", false, 0, 0},
		{"time", 0, "", false, 0, 0},
		{"time", 1, "12:00", true, 1200, 1359},
	} {
		col, ok := r.Column(c.name)
		if !ok {
			t.Fatalf("no column %s", c.name)
		}
		got, err := r.Chunk(nil, col, c.block)
		lo, hi, there := r.Bounds(col, c.block)
		if err != nil || string(got) != c.want || (got != nil) != c.there || there != c.there || lo != c.min || hi != c.max {
			t.Errorf("%s, block %d = %q, %v, bounds %d to %d, %v; want %q, %d to %d, %v", c.name, c.block, got, err, lo, hi, there, c.want, c.min, c.max, c.there)
		}
		if off := r.Offset(col, c.block); c.there && string(tiny()[off:][:len(c.want)]) != c.want || !c.there && off != 0 {
			t.Errorf("%s, block %d at %d", c.name, c.block, off)
		}
	}
	if _, ok := r.Column("nobody"); ok {
		t.Error("a column that is not there is found")
	}
	if damage := r.Verify(); damage != nil {
		t.Errorf("damage %v", damage)
	}
}

// TestEmpty reads segments with as little in them as there can be.
func TestEmpty(t *testing.T) {
	w := NewWriter(0)
	r := open(t, w.Finish(nil))
	if len(r.Columns()) != 0 || len(r.Meta()) != 0 || r.Verify() != nil {
		t.Errorf("%v, %q", r.Columns(), r.Meta())
	}
	w.Reset()
	w.Chunk(w.Column(""), 0, w.Buf(), 5, 5)
	r = open(t, w.Finish(nil))
	if b, err := r.Chunk(nil, 0, 0); b == nil || len(b) != 0 || err != nil {
		t.Errorf("an empty chunk is %v, %v; want empty and not nil", b, err)
	}
	long := strings.Repeat("k", 3<<20)
	w.Reset()
	w.Column(long)
	if _, ok := open(t, w.Finish(nil)).Column(long); !ok {
		t.Error("a long name is not found")
	}
}

// TestEveryByte changes every byte of a segment, in several ways, and cuts it at
// every length: each time it is damage, of this file, at an offset within it.
func TestEveryByte(t *testing.T) {
	good := tiny()
	check := func(what string, data []byte) {
		t.Helper()
		r, err := Open(bytes.NewReader(data), int64(len(data)), "x.seg")
		if err == nil {
			if damage := r.Verify(); len(damage) > 0 {
				err = damage[0]
			}
		}
		e, ok := err.(*clew.Error)
		if !ok || (e.File != "x.seg" || e.Offset < 0 || e.Offset > int64(len(data))) {
			t.Fatalf("%s: %v, want damage of x.seg", what, err)
		}
		if e.Kind != clew.Corrupt {
			t.Fatalf("%s: %v of kind %v", what, err, e.Kind)
		}
	}
	for i := range good {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			bad := slices.Clone(good)
			bad[i] ^= flip
			check(fmt.Sprintf("byte %d changed by %#x", i, flip), bad)
		}
		check(fmt.Sprintf("cut to %d bytes", i), good[:i])
	}
	check("a byte too many", append(slices.Clone(good), 0))
}

func TestUnknownVersion(t *testing.T) {
	data := tiny()
	data[7], data[len(data)-12] = 9, 9
	_, err := Open(bytes.NewReader(data), int64(len(data)), "x.seg")
	if clew.KindOf(err) != clew.Unsupported || !strings.Contains(err.Error(), "x.seg") || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("Open = %v, want version 9 refused by name", err)
	}
}

// directoryOf makes a file with 10 bytes of chunks and a directory, all checksums
// right.
func directoryOf(names []string, f [6][]uint64) []byte {
	file := append([]byte(headMagic), Version)
	file = append(file, "0123456789"...)
	dir := []byte{0}
	dir = binary.AppendUvarint(dir, uint64(len(names)))
	for _, n := range names {
		dir = append(binary.AppendUvarint(dir, uint64(len(n))), n...)
	}
	for _, v := range f {
		dir = column.AppendInts(dir, v, column.IntOptions{})
	}
	at := uint64(len(file))
	return appendTail(append(file, dir...), file[:headSize], at, dir)
}

// TestDirectoryRules reads directories that a faulty writer could have made: their
// checksums are right, what they say is not.
func TestDirectoryRules(t *testing.T) {
	crc := uint64(checksum([]byte("01234")))
	crc2 := uint64(checksum([]byte("56789")))
	good := func() ([]string, [6][]uint64) {
		return []string{"a", "b"}, [6][]uint64{{0, 1}, {0, 1}, {5, 5}, {crc, crc2}, {1, 2}, {3, 4}}
	}
	r := open(t, directoryOf(good()))
	if b, err := r.Chunk(nil, 1, 0); string(b) != "56789" || err != nil {
		t.Fatalf("Chunk = %q, %v", b, err)
	}
	for what, change := range map[string]func(names []string, f *[6][]uint64){
		"column out of range":       func(_ []string, f *[6][]uint64) { f[0][1] = 2 },
		"columns descend":           func(_ []string, f *[6][]uint64) { f[0][0], f[0][1] = 1, 0 },
		"a chunk twice":             func(_ []string, f *[6][]uint64) { f[0][1], f[1][1] = 0, 0 },
		"blocks descend":            func(_ []string, f *[6][]uint64) { f[0][1], f[1][0] = 0, 2 },
		"block out of range":        func(_ []string, f *[6][]uint64) { f[1][1] = 1 << 31 },
		"chunk beyond directory":    func(_ []string, f *[6][]uint64) { f[2][1] = 6 },
		"gap before directory":      func(_ []string, f *[6][]uint64) { f[2][1] = 4 },
		"size of 2^64":              func(_ []string, f *[6][]uint64) { f[2][0] = math.MaxUint64 },
		"checksum of 33 bits":       func(_ []string, f *[6][]uint64) { f[3][0] |= 1 << 32 },
		"bounds overflow":           func(_ []string, f *[6][]uint64) { f[4][0], f[5][0] = 2, math.MaxUint64-1 },
		"a name twice":              func(names []string, _ *[6][]uint64) { names[1] = "a" },
		"fields differ in length":   func(_ []string, f *[6][]uint64) { f[3] = f[3][:1] },
		"more chunks than bytes":    func(_ []string, f *[6][]uint64) { f[0] = make([]uint64, 1<<20) },
		"chunks without any column": func(_ []string, f *[6][]uint64) { f[0] = nil },
	} {
		names, f := good()
		change(names, &f)
		data := directoryOf(names, f)
		if _, err := Open(bytes.NewReader(data), int64(len(data)), "x.seg"); clew.KindOf(err) != clew.Corrupt {
			t.Errorf("%s: Open = %v, want damage", what, err)
		}
	}
}

// TestGoldenBytes compares every byte of a small segment with testdata/golden.txt.
func TestGoldenBytes(t *testing.T) {
	const golden = "testdata/golden.txt"
	got := annotate(tiny())
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("bytes differ from %s; run with -update and read the diff. Have:\n%s", golden, got)
	}
}

// annotate prints a segment field by field; it trusts the bytes.
func annotate(b []byte) string {
	var out strings.Builder
	at := 0
	field := func(n int, format string, args ...any) {
		fmt.Fprintf(&out, "%4d  %-47s  %s\n", at, fmt.Sprintf("% x", b[at:at+n]), fmt.Sprintf(format, args...))
		at += n
	}
	tail := len(b) - tailSize
	dir := int(binary.LittleEndian.Uint64(b[tail:]))
	field(7, "magic %q", b[:7])
	field(1, "version %d", b[7])
	r, err := Open(bytes.NewReader(b), int64(len(b)), "")
	if err != nil {
		return err.Error()
	}
	for i, name := range r.names {
		for _, e := range r.chunk[r.first[i]:r.first[i+1]] {
			field(int(e.size), "chunk: column %q, block %d, values %d to %d", name, e.block, e.min, e.max)
		}
	}
	text := func(what string) {
		n, size := binary.Uvarint(b[at:])
		field(size+int(n), "%s %q", what, b[at+size:at+size+int(n)])
	}
	text("meta")
	n, size := binary.Uvarint(b[at:])
	field(size, "%d columns", n)
	for range n {
		text("column")
	}
	for _, what := range []string{"column", "block + 1", "size", "crc32c", "least value", "greatest less least"} {
		v, rest, err := column.DecodeInts[uint64](nil, b[at:dir+int(binary.LittleEndian.Uint32(b[tail+8:]))], maxChunks)
		if err != nil {
			return err.Error()
		}
		field(tail-at-len(rest), "%s of each chunk: %d", what, v)
	}
	field(8, "offset of the directory %d", dir)
	field(4, "size of the directory %d", binary.LittleEndian.Uint32(b[at:]))
	field(4, "crc32c of the directory")
	field(4, "crc32c of the first 8 bytes and the 16 before this")
	field(4, "version %d", binary.LittleEndian.Uint32(b[at:]))
	field(8, "magic %q", b[at:])
	return out.String()
}

// TestOpenDamaged changes every byte of a segment: what is in chunks can be read
// unless it is the chunk that was changed, or the directory.
func TestOpenDamaged(t *testing.T) {
	good := tiny()
	whole := open(t, good)
	dir := int(binary.LittleEndian.Uint64(good[len(good)-tailSize:]))
	for i := range good {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			bad := slices.Clone(good)
			bad[i] ^= flip
			r, err := OpenDamaged(bytes.NewReader(bad), int64(len(bad)), "x.seg")
			if inDir := i >= dir && i < len(good)-tailSize; inDir != (err != nil) {
				t.Fatalf("byte %d changed by %#x: %v", i, flip, err)
			}
			if err != nil {
				continue
			}
			bad2 := 0
			for col := range whole.Columns() {
				for blk := WholeSegment; blk < 2; blk++ {
					want, _ := whole.Chunk(nil, col, blk)
					got, err := r.Chunk(nil, col, blk)
					if err != nil {
						bad2++
					} else if !bytes.Equal(got, want) {
						t.Fatalf("byte %d changed by %#x: chunk %d, %d = %q, want %q", i, flip, col, blk, got, want)
					}
				}
			}
			if inChunks := i >= headSize && i < dir; inChunks != (bad2 == 1) {
				t.Fatalf("byte %d changed by %#x: %d chunks cannot be read", i, flip, bad2)
			}
		}
	}
	if _, err := OpenDamaged(bytes.NewReader(good[:20]), 20, "x.seg"); clew.KindOf(err) != clew.Corrupt {
		t.Errorf("20 bytes: %v", err)
	}
}

// FuzzOpen reads any bytes as a segment.
func FuzzOpen(f *testing.F) {
	f.Add(tiny())
	f.Add(directoryOf([]string{"a"}, [6][]uint64{{0}, {0}, {10}, {0}, {0}, {0}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, mended := range [][]byte{data, mend(data)} {
			r, err := Open(bytes.NewReader(mended), int64(len(mended)), "x.seg")
			if err != nil {
				if k := clew.KindOf(err); k != clew.Corrupt && k != clew.Unsupported {
					t.Fatalf("Open = %v of kind %v", err, k)
				}
				continue
			}
			r.Verify()
			for col := range r.Columns() {
				for block := WholeSegment; block < 3; block++ {
					if b, err := r.Chunk(nil, col, block); err == nil && int64(len(b)) > r.Size() {
						t.Fatalf("a chunk of %d bytes in a file of %d", len(b), r.Size())
					}
				}
			}
		}
	})
}

// mend puts a frame with right checksums around bytes, taking the second half for
// the directory.
func mend(data []byte) []byte {
	file := append(append([]byte(headMagic), Version), data...)
	at := headSize + len(data)/2
	return appendTail(file, file[:headSize], uint64(at), file[at:])
}

// benchFile is the segment of a full head, as the store makes them: some 60
// columns in 9 blocks.
func benchFile() []byte {
	w := NewWriter(1 << 20)
	for c := range 60 {
		col := w.Column(fmt.Sprintf("a0some.attribute.key.%d", c))
		for blk := WholeSegment; blk < 9; blk++ {
			at := len(w.Buf())
			w.Chunk(col, blk, append(w.Buf(), make([]byte, 4000+at%97)...), uint64(at), uint64(at+1000))
		}
	}
	return w.Finish(make([]byte, 100))
}

func BenchmarkOpen(b *testing.B) {
	data := benchFile()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(bytes.NewReader(data), int64(len(data)), "x.seg"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChunk(b *testing.B) {
	r := open(b, benchFile())
	buf := make([]byte, 0, 8192)
	b.SetBytes(4000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Chunk(buf, 30, 5); err != nil {
			b.Fatal(err)
		}
	}
}
