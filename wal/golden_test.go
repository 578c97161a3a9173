package wal_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

var update = flag.Bool("update", false, "rewrite testdata/golden.txt")

// TestGoldenBytes writes two files, the first with a group of one record and a
// group of two, and two at each of the weaker levels, and compares every byte with
// testdata/golden.txt.
func TestGoldenBytes(t *testing.T) {
	m := vfs.NewMem()
	var b strings.Builder
	synctest.Test(t, func(t *testing.T) {
		l := open(t, m, wal.Config{Rand: strings.NewReader("mark/01!"), MinNextSeq: 41})
		gate := make(chan struct{})
		m.OnSync(func(string) { <-gate })
		_, err := l.Append(ctx, []byte("hello, "), []byte("log"))
		must(t, err)
		synctest.Wait() // the writer has it
		for _, payload := range []string{"", "two in a group"} {
			_, err = l.Append(ctx, []byte(payload))
			must(t, err)
		}
		close(gate)
		must(t, l.Wait(ctx, 43))
		must(t, l.Rotate())
		add(t, l, "next file")
		must(t, l.Close())
	})
	dumpAll(t, &b, m)
	for _, level := range []wal.SyncPolicy{wal.SyncInterval, wal.SyncNever} {
		m := vfs.NewMem()
		synctest.Test(t, func(t *testing.T) {
			l := open(t, m, wal.Config{Sync: level, Rand: strings.NewReader("mark/01!")})
			add(t, l, "a")
			add(t, l, "b")
			<-time.After(2 * time.Second) // an interval ends here
			synctest.Wait()
			add(t, l, "c")
			must(t, l.Rotate())
			add(t, l, "next file")
			must(t, l.Close())
		})
		fmt.Fprintf(&b, "level %v\n\n", level)
		dumpAll(t, &b, m)
	}
	const golden = "testdata/golden.txt"
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if b.String() != string(want) {
		t.Errorf("bytes differ from %s; run with -update and read the diff. Have:\n%s", golden, b.String())
	}
}

func dumpAll(t *testing.T, out *strings.Builder, m *vfs.Mem) {
	names, err := m.List(dir)
	must(t, err)
	for _, name := range names {
		dump(out, name, content(t, m, dir+"/"+name))
	}
}

// dumper prints a file field by field; it trusts the file.
type dumper struct {
	out *strings.Builder
	b   []byte
	off int
}

func dump(out *strings.Builder, name string, b []byte) {
	fmt.Fprintf(out, "%s, %d bytes\n", name, len(b))
	d := &dumper{out: out, b: b}
	for i := range 2 {
		fmt.Fprintf(out, "header, copy %d\n", i+1)
		d.field(8, "magic %q", d.b[d.off:d.off+8])
		d.field(4, "format version %d", d.u32())
		d.field(4, "flags %d", d.u32())
		d.field(8, "marker %q", d.b[d.off:d.off+8])
		d.field(8, "first %d", d.u64())
		d.field(8, "previous %d", d.u64())
		d.zeros(4052)
		d.field(4, "crc32c")
	}
	for d.off < len(b) {
		fmt.Fprintln(out, "record")
		d.field(8, "marker")
		size := int(d.u32())
		d.field(4, "payload of %d bytes", size)
		d.field(4, "ordinal %d", d.u32())
		d.field(8, "number %d", d.u64())
		d.field(4, "crc32c")
		if size > 0 {
			d.field(size, "payload %q", d.b[d.off:d.off+size])
		}
	}
	fmt.Fprintln(out)
}

func (d *dumper) u32() uint32 { return binary.LittleEndian.Uint32(d.b[d.off:]) }
func (d *dumper) u64() uint64 { return binary.LittleEndian.Uint64(d.b[d.off:]) }

func (d *dumper) field(size int, format string, args ...any) {
	fmt.Fprintf(d.out, "  %5d  %-35s %s\n", d.off, fmt.Sprintf("% x", d.b[d.off:d.off+size]), fmt.Sprintf(format, args...))
	d.off += size
}

func (d *dumper) zeros(size int) {
	what := "zeros"
	for _, c := range d.b[d.off : d.off+size] {
		if c != 0 {
			what = "NOT ALL ZERO"
		}
	}
	fmt.Fprintf(d.out, "  %5d  %-35s %s\n", d.off, fmt.Sprintf("(%d bytes)", size), what)
	d.off += size
}
