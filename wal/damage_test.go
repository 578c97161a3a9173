package wal_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

const (
	firstFile  = dir + "/0000000000000001.wal"
	secondFile = dir + "/0000000000000005.wal"
	headSize   = 28 // of a record
	recordAt   = 8192
	recordSize = headSize + 100
)

// twoFiles returns a log of eight records of 100 bytes, "1111…" to "8888…", each
// a group of its own, four in each of two files that one process wrote.
func twoFiles(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	l := open(t, m, wal.Config{})
	for i := range 8 {
		if i == 4 {
			must(t, l.Rotate())
		}
		add(t, l, strings.Repeat(fmt.Sprint(i+1), 100))
	}
	must(t, l.Close())
	return m
}

func content(t testing.TB, fsys vfs.FS, name string) []byte {
	t.Helper()
	b, err := vfs.ReadFile(fsys, name, 1<<20)
	must(t, err)
	return b
}

// replace gives a file another content.
func replace(t testing.TB, fsys vfs.FS, name string, b []byte) {
	t.Helper()
	must(t, vfs.Replace(fsys, name, b))
}

// change gives a file the content that f makes of it.
func change(t testing.TB, fsys vfs.FS, name string, f func(b []byte) []byte) {
	t.Helper()
	replace(t, fsys, name, f(content(t, fsys, name)))
}

func flip(offs ...int) func([]byte) []byte {
	return func(b []byte) []byte {
		for _, off := range offs {
			b[off] ^= 0x10
		}
		return b
	}
}

func cutAt(size int) func([]byte) []byte {
	return func(b []byte) []byte { return b[:size] }
}

// first returns the first digits of the records there are: "1 2 3".
func digits(t testing.TB, fsys vfs.FS) (string, wal.Report) {
	t.Helper()
	var got []string
	report, err := wal.Replay(fsys, dir, 0, func(seq uint64, payload []byte) error {
		if want := strings.Repeat(fmt.Sprint(seq), 100); string(payload) != want {
			return fmt.Errorf("record %d = %q", seq, payload)
		}
		got = append(got, fmt.Sprint(seq))
		return nil
	})
	must(t, err)
	return strings.Join(got, " "), report
}

func TestDamageIsReportedAndPassedOver(t *testing.T) {
	at := func(i int) int { return recordAt + i*recordSize } // of the i-th record in a file
	tests := []struct {
		name   string
		file   string
		damage func([]byte) []byte
		want   string // the records that are left
		report string // damage, as file offset+size first-next; and torn bytes
	}{
		{"nothing", firstFile, flip(), "1 2 3 4 5 6 7 8", ""},
		{"payload", firstFile, flip(at(1) + headSize + 50), "1 3 4 5 6 7 8", "1 8320+128 2-3"},
		{"marker", firstFile, flip(at(1)), "1 3 4 5 6 7 8", "1 8320+128 2-3"},
		{"payload size", firstFile, flip(at(1) + 8), "1 3 4 5 6 7 8", "1 8320+128 2-3"},
		{"payload size, high byte", firstFile, flip(at(1) + 11), "1 3 4 5 6 7 8", "1 8320+128 2-3"},
		{"ordinal", firstFile, flip(at(1) + 12), "1 3 4 5 6 7 8", "1 8320+128 2-3"},
		{"number", firstFile, flip(at(1) + 16), "1 3 4 5 6 7 8", "1 8320+128 2-3"},
		{"checksum", firstFile, flip(at(1) + 24), "1 3 4 5 6 7 8", "1 8320+128 2-3"},
		{"first record", firstFile, flip(at(0)), "2 3 4 5 6 7 8", "1 8192+128 1-2"},
		{"two places", firstFile, flip(at(0), at(2)), "2 4 5 6 7 8", "1 8192+128 1-2, 1 8448+128 3-4"},
		{"two records in a row", firstFile, flip(at(1), at(2)), "1 4 5 6 7 8", "1 8320+256 2-4"},
		{"last record of a file that is followed", firstFile, flip(at(3)), "1 2 3 5 6 7 8", "1 8576+128 4-5"},
		{"all records of a file", firstFile, flip(at(0), at(1), at(2), at(3)), "5 6 7 8", "1 8192+512 1-5"},
		{"a file that is followed, cut in a record", firstFile, cutAt(at(2) + 5), "1 2 5 6 7 8", "1 8448+5 3-5"},
		{"a file that is followed, cut between records", firstFile, cutAt(at(2)), "1 2 5 6 7 8", "1 8448+0 3-5"},
		{"bytes behind a file that is followed", firstFile, func(b []byte) []byte { return append(b, "junk"...) },
			"1 2 3 4 5 6 7 8", "1 8704+4 5-5"},
		{"bytes between records", firstFile,
			func(b []byte) []byte { return append(append(b[:at(2):at(2)], "junk"...), b[at(2):]...) },
			"1 2 3 4 5 6 7 8", "1 8448+4 3-3"},
		{"a record twice", firstFile,
			func(b []byte) []byte { return append(b[:at(2):at(2)], b[at(1):]...) },
			"1 2 3 4 5 6 7 8", "1 8448+128 3-3"},
		{"first copy of the header", firstFile, flip(20), "1 2 3 4 5 6 7 8", "1 0+4096 0-0"},
		{"magic of the first copy", firstFile, flip(0), "1 2 3 4 5 6 7 8", "1 0+4096 0-0"},
		{"version of the first copy", firstFile, flip(8), "1 2 3 4 5 6 7 8", "1 0+4096 0-0"},
		{"second copy of the header", firstFile, flip(4096 + 3000), "1 2 3 4 5 6 7 8", "1 4096+4096 0-0"},
		{"both copies of the header", firstFile, flip(20, 4096+20), "5 6 7 8", "1 0+8704 1-5"},
		{"second file, both copies of the header", secondFile, flip(20, 4096+20), "1 2 3 4", "5 0+8704 5-23"},
		{"second file, record in the middle", secondFile, flip(at(1)), "1 2 3 4 5 7 8", "5 8320+128 6-7"},
		{"second file, last record", secondFile, flip(at(3)), "1 2 3 4 5 6 7", "torn 128"},
		{"second file, cut in a record", secondFile, cutAt(at(2) + 60), "1 2 3 4 5 6", "torn 60"},
		{"second file, cut in a record's head", secondFile, cutAt(at(2) + 7), "1 2 3 4 5 6", "torn 7"},
		{"second file, zeros behind", secondFile, func(b []byte) []byte { return append(b, make([]byte, 600)...) },
			"1 2 3 4 5 6 7 8", "torn 600"},
		{"second file, cut in its header", secondFile, cutAt(4000), "1 2 3 4", "torn 4000"},
		{"second file, empty", secondFile, cutAt(0), "1 2 3 4", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := twoFiles(t)
			change(t, m, test.file, test.damage)
			got, report := digits(t, m)
			if got != test.want {
				t.Errorf("records %s, want %s", got, test.want)
			}
			if got := describe(report); got != test.report {
				t.Errorf("report %q, want %q", got, test.report)
			}
			verified, err := wal.Verify(m, dir)
			must(t, err)
			if describe(verified) != test.report {
				t.Errorf("Verify reports %q, want %q", describe(verified), test.report)
			}

			// The log goes on behind the damage, and then says the same of it.
			l := open(t, m, wal.Config{})
			seq := add(t, l, "new")
			must(t, l.Close())
			if seq < 9 && strings.Contains(test.want, fmt.Sprint(seq)) {
				t.Errorf("number %d was given again", seq)
			}
			after := ""
			report, err = wal.Replay(m, dir, 0, func(seq uint64, payload []byte) error {
				after += string(payload[:1]) + " "
				return nil
			})
			must(t, err)
			if after != test.want+" n " {
				t.Errorf("reopened: records %s, want %s n", after, test.want)
			}
			if got := describe(report); got != test.report {
				t.Errorf("reopened: report %q, want %q", got, test.report)
			}
		})
	}
}

func describe(r wal.Report) string {
	var parts []string
	var missing uint64
	for _, d := range r.Damaged {
		name := strings.TrimLeft(strings.TrimSuffix(strings.TrimPrefix(d.File, dir+"/"), ".wal"), "0")
		parts = append(parts, fmt.Sprintf("%s %d+%d %d-%d", name, d.Offset, d.Size, d.First, d.Next))
		missing += d.Next - d.First
	}
	if r.TornBytes > 0 {
		parts = append(parts, fmt.Sprintf("torn %d", r.TornBytes))
	}
	if len(r.Damaged) != r.DamagedCount || missing != r.MissingRecords {
		parts = append(parts, fmt.Sprintf("counts that do not fit: %+v", r))
	}
	return strings.Join(parts, ", ")
}

func TestDamageAsAnError(t *testing.T) {
	m := twoFiles(t)
	change(t, m, firstFile, flip(recordAt+recordSize))
	_, report := digits(t, m)
	err := report.Damaged[0].Err()
	want := firstFile + ": offset 8320: wal: 128 bytes are damaged; records 2 to 2 are missing"
	if err.Error() != want || clew.KindOf(err) != clew.Corrupt {
		t.Errorf("Err = %q of kind %v, want %q, Corrupt", err, clew.KindOf(err), want)
	}
}

func TestDamageBeforeFromIsNobodysLoss(t *testing.T) {
	m := twoFiles(t)
	change(t, m, firstFile, flip(recordAt, recordAt+3*recordSize))
	for from, want := range map[uint64]int{0: 2, 1: 2, 2: 1, 4: 1, 5: 0, 9: 0} {
		_, report := replayed(t, m, from)
		if report.DamagedCount != want {
			t.Errorf("Replay(%d) reports %d damages, want %d", from, report.DamagedCount, want)
		}
	}
}

func TestAMissingFileIsNoticed(t *testing.T) {
	m := vfs.NewMem()
	l := open(t, m, wal.Config{})
	for range 3 {
		add(t, l, "x")
		must(t, l.Rotate())
	}
	must(t, l.Close())
	must(t, m.Remove(dir+"/0000000000000002.wal"))
	got, report := replayed(t, m, 0)
	if len(got) != 2 || describe(report) != "1 8221+0 2-3" {
		t.Errorf("%q with %q", got, describe(report))
	}
}

// TestAnotherVersionIsRefusedByName: before a single record is handed out, and
// before anything is written.
func TestAnotherVersionIsRefusedByName(t *testing.T) {
	m := twoFiles(t)
	change(t, m, secondFile, func(b []byte) []byte {
		for _, off := range []int{0, 4096} {
			binary.LittleEndian.PutUint32(b[off+8:], 7)
			mendHeader(b[off:])
		}
		return b
	})
	want := "wal: " + secondFile + " has format version 7; this program reads version 1"
	report, err := wal.Replay(m, dir, 0, func(uint64, []byte) error { t.Error("a record was handed out"); return nil })
	if err == nil || err.Error() != want || clew.KindOf(err) != clew.Unsupported || report.Records != 0 {
		t.Errorf("Replay = %v, want %s", err, want)
	}
	if _, err := wal.Open(m, dir, wal.Config{}); err == nil || err.Error() != want {
		t.Errorf("Open = %v, want %s", err, want)
	}
	if _, err := wal.Verify(m, dir); err == nil || err.Error() != want {
		t.Errorf("Verify = %v, want %s", err, want)
	}
}

// mendHeader gives a copy of a header the checksum it should have.
func mendHeader(b []byte) {
	sum := crc32.Checksum(b[:4092], crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(b[4092:], sum)
}

// TestALieAboutSizeAllocatesNothing: a record that claims 256 MiB in a file of 8
// kB makes the reader allocate no more than the file.
func TestALieAboutSizeAllocatesNothing(t *testing.T) {
	m := twoFiles(t)
	change(t, m, firstFile, func(b []byte) []byte {
		for i := range 4 {
			binary.LittleEndian.PutUint32(b[recordAt+i*recordSize+8:], 1<<28-1)
		}
		return b
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	report, err := wal.Verify(m, dir)
	runtime.ReadMemStats(&after)
	must(t, err)
	if got := after.TotalAlloc - before.TotalAlloc; got > 128<<10 {
		t.Errorf("reading two files of 8.7 kB allocated %d bytes", got)
	}
	if report.Records != 4 || report.MissingRecords != 4 {
		t.Errorf("report = %+v", report)
	}
}

// TestAPayloadCannotPassForARecord puts a whole log file into a payload, damages
// the record around it, and wants nothing of it to come up.
func TestAPayloadCannotPassForARecord(t *testing.T) {
	inner := content(t, twoFiles(t), firstFile)
	m := vfs.NewMem()
	l := open(t, m, wal.Config{})
	add(t, l, "a")
	add(t, l, string(inner))
	add(t, l, "c")
	must(t, l.Close())
	change(t, m, firstFile, flip(recordAt+headSize+1))
	wantReplay(t, m, 0, "1:a", "3:c")
}

func TestEqualInputsGiveEqualBytes(t *testing.T) {
	build := func() []byte {
		m := vfs.NewMem()
		l := open(t, m, wal.Config{Rand: bytes.NewReader([]byte("12345678"))})
		add(t, l, "a")
		add(t, l, "b")
		must(t, l.Close())
		return content(t, m, firstFile)
	}
	if !bytes.Equal(build(), build()) {
		t.Error("two logs with equal input differ")
	}
}
