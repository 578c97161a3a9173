package folder

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

var update = flag.Bool("update", false, "rewrite testdata/golden.txt")

// TestGoldenBytes compares every byte of a manifest and of a record's header in the
// log with testdata/golden.txt, so that a change of the format shows in review.
func TestGoldenBytes(t *testing.T) {
	const golden = "testdata/golden.txt"
	got := goldenManifest(t) + goldenRecord()
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

// goldenManifest is a manifest of three records: the empty state, a segment added,
// and one added while another is removed.
func goldenManifest(t *testing.T) string {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("d"); err != nil {
		t.Fatal(err)
	}
	m, err := OpenManifest(fs, "d")
	for _, e := range []Edit{
		{Add: []Segment{{ID: 1, Tenant: "default", Hour: 1000, Size: 300, Rows: 7, InMemory: 900, MinArrival: 1000, MaxArrival: 2000, FirstSeq: 1, LastSeq: 4,
			MinStart: 900, MaxStart: 1900, Sum: 0xfedcba98}},
			Sealed: map[clew.Tenant]uint64{"default": 4}, NextID: 2, NextSeq: 5},
		{Add: []Segment{{ID: 2, Tenant: "b", Hour: 9, Size: 8, Rows: 7, InMemory: 10, MinArrival: 6, MaxArrival: 5, FirstSeq: 5, LastSeq: 6, Merged: 1,
			MinStart: 4, MaxStart: 5, Sum: 3}},
			Remove: []uint64{1}, Sealed: map[clew.Tenant]uint64{"b": 6, "a": 5}, NextID: 3, NextSeq: 7, Needed: 5, Log: 6},
	} {
		if err == nil {
			err = m.Commit(e)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	current, err := vfs.ReadFile(fs, "d/"+CurrentName, 100)
	if err != nil {
		t.Fatal(err)
	}
	b, err := vfs.ReadFile(fs, "d/"+ManifestName(m.number), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	d := &dumper{b: b}
	fmt.Fprintf(&d.out, "%s: %q\n\n%s\n", CurrentName, current, ManifestName(m.number))
	d.field(7, "magic %q", b[:7])
	d.field(1, "version %d", b[7])
	for d.at < len(b) {
		size := int(binary.LittleEndian.Uint32(b[d.at:]))
		d.field(4, "record: %d bytes", size)
		d.field(4, "crc32c")
		d.entries(d.at + size)
	}
	return d.out.String()
}

// goldenRecord is what precedes a body in the log.
func goldenRecord() string {
	r := Record{Tenant: "default", Packing: 2, Arrival: 1000, Accepted: 5, Refused: []uint32{2, 3, 300}}
	r.Hash.Hi, r.Hash.Lo = 0x0102030405060708, 0x090a0b0c0d0e0f10
	d := &dumper{b: append(r.AppendHeader(nil), "body"...)}
	d.out.WriteString("\nrecord of the log\n")
	d.field(1, "version %d", d.b[d.at])
	d.text("tenant")
	d.field(1, "packing %d", d.b[d.at])
	d.field(8, "hash, high half, little-endian")
	d.field(8, "hash, low half")
	for _, what := range []string{"arrival", "accepted", "refused", "refused: span", "refused: span +", "refused: span +"} {
		d.number(what)
	}
	d.field(4, "%q", d.b[d.at:])
	return d.out.String()
}

// dumper prints bytes field by field; it trusts them.
type dumper struct {
	out strings.Builder
	b   []byte
	at  int
}

func (d *dumper) field(n int, format string, args ...any) {
	fmt.Fprintf(&d.out, "%4d  %-29s  %s\n", d.at, fmt.Sprintf("% x", d.b[d.at:d.at+n]), fmt.Sprintf(format, args...))
	d.at += n
}

func (d *dumper) number(what string) {
	v, n := binary.Uvarint(d.b[d.at:])
	d.field(n, "%s %d", what, v)
}

func (d *dumper) text(what string) {
	v, n := binary.Uvarint(d.b[d.at:])
	d.field(n+int(v), "%s %q", what, d.b[d.at+n:d.at+n+int(v)])
}

func (d *dumper) entries(end int) {
	for d.at < end {
		tag := d.b[d.at]
		d.field(1, "entry: %s", [...]string{"", "segment added", "segment removed", "tenant sealed", "counters", "log needed", "log kept"}[tag])
		switch tag {
		case tagAdd:
			d.number("id")
			d.text("tenant")
			for _, what := range []string{"arrival of the folder", "size", "rows", "bytes in memory", "least arrival", "greatest arrival", "first log record", "last log record", "merged",
				"least start", "greatest start", "crc32c of the directory"} {
				d.number(what)
			}
		case tagRemove:
			d.number("id")
		case tagSealed:
			d.text("tenant")
			d.number("log record")
		case tagCounters:
			d.number("next segment")
			d.number("next log record")
		case tagNeeded:
			d.number("log record")
		}
	}
}
