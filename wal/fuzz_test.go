package wal_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// FuzzHeader gives the reader a file whose header begins with arbitrary bytes in
// one or both copies, with and without a right checksum.
func FuzzHeader(f *testing.F) {
	file := content(f, twoFiles(f), secondFile)
	f.Add(file[:40], true, true)
	f.Add(file[:12], true, false)
	f.Add([]byte("clew wal\x07\x00\x00\x00"), true, true)
	f.Add([]byte("clew wal\x01\x00\x00\x00\xff"), false, true)
	f.Add([]byte{}, false, false)
	f.Fuzz(func(t *testing.T, head []byte, both, seal bool) {
		b := bytes.Clone(file)
		for copy := range 2 {
			if copy == 0 || both {
				putHeader(b[copy*4096:][:4096], head, seal)
			}
		}
		tryLog(t, content(t, twoFiles(t), firstFile), b)
	})
}

func putHeader(dst, head []byte, seal bool) {
	copy(dst[:4092], head)
	if seal {
		binary.LittleEndian.PutUint32(dst[4092:], crc32.Checksum(dst[:4092], crc32.MakeTable(crc32.Castagnoli)))
	}
}

// FuzzRecords gives the reader two files with sound headers and, behind them,
// records in any order with any numbers and ordinals, torn, repeated, and with
// junk between: each six bytes of a plan are one.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{1, 1, 0, 3, 0, 0, 2, 1, 0, 3, 0, 0}, []byte{5, 1, 0, 3, 0, 0}, true)
	f.Add([]byte{1, 1, 0, 3, 0, 0, 4, 1, 2, 200, 9, 1}, []byte{9, 1, 8, 3, 0, 2}, false)
	f.Add([]byte{3, 0, 0, 3, 0, 0, 1, 1, 2, 200, 9, 1, 2, 1, 1, 1, 1, 3}, []byte("arbitrary bytes"), false)
	f.Fuzz(func(t *testing.T, first, second []byte, continues bool) {
		tryLog(t, planned(1, 1, false, first), planned(5, 5, continues, second))
	})
}

// planned builds a file. A record of the plan is: number, whether its checksum
// is right, ordinal, payload size, size of junk before it, and how much of the
// record is missing at its end, in eighths.
func planned(firstSeq, previous uint64, continues bool, plan []byte) []byte {
	head := append([]byte("clew wal"), 1, 0, 0, 0, 0, 0, 0, 0)
	if continues {
		head[12] = 1
	}
	head = append(head, "markmark"...)
	head = binary.LittleEndian.AppendUint64(head, firstSeq)
	head = binary.LittleEndian.AppendUint64(head, previous)
	b := make([]byte, 8192)
	putHeader(b[:4096], head, true)
	putHeader(b[4096:], head, true)
	for ; len(plan) >= 6; plan = plan[6:] {
		b = append(b, bytes.Repeat([]byte{'j'}, int(plan[4]))...)
		record := append([]byte(nil), "markmark"...)
		record = binary.LittleEndian.AppendUint32(record, uint32(plan[3]))
		record = binary.LittleEndian.AppendUint32(record, uint32(plan[2]))
		record = binary.LittleEndian.AppendUint64(record, uint64(plan[0]))
		payload := bytes.Repeat([]byte{plan[0]}, int(plan[3]))
		table := crc32.MakeTable(crc32.Castagnoli)
		sum := crc32.Update(crc32.Checksum(payload, table), table, record)
		if plan[1] == 0 {
			sum++
		}
		record = binary.LittleEndian.AppendUint32(record, sum)
		record = append(record, payload...)
		b = append(b, record[:len(record)-len(record)*int(plan[5]%8)/8]...)
	}
	return append(b, plan...)
}

// tryLog reads a log of two files. Nothing panics; numbers rise; a log opens
// behind it, keeps what it takes and loses nothing of what was read.
func tryLog(t *testing.T, first, second []byte) {
	m := vfs.NewMem()
	must(t, m.MkdirAll(dir))
	replace(t, m, firstFile, first)
	replace(t, m, secondFile, second)
	records, err := read(m)
	if err != nil {
		if clew.KindOf(err) != clew.Unsupported {
			t.Fatalf("Replay = %v", err)
		}
		return
	}
	l, err := wal.Open(m, dir, wal.Config{Window: -1})
	must(t, err)
	seq := add(t, l, "new")
	must(t, l.Close())
	if old, taken := records[seq]; taken {
		t.Fatalf("number %d was given again, it is %q", seq, old)
	}
	records[seq] = "new"
	after, err := read(m)
	must(t, err)
	if !maps.Equal(after, records) {
		t.Fatalf("reopened: %d records, want %d:\n%v\n%v", len(after), len(records), after, records)
	}
}

// read replays the log and checks what must hold of any.
func read(fsys vfs.FS) (map[uint64]string, error) {
	records := map[uint64]string{}
	last, size := uint64(0), int64(0)
	report, err := wal.Replay(fsys, dir, 0, func(seq uint64, payload []byte) error {
		if seq <= last {
			return fmt.Errorf("record %d after %d", seq, last)
		}
		last = seq
		size += int64(len(payload))
		records[seq] = string(payload)
		return nil
	})
	if err == nil && (report.Records != len(records) || report.Bytes != size || report.Next <= last && last > 0 || len(report.Damaged) > report.DamagedCount) {
		err = fmt.Errorf("%d records, last %d: report %+v", len(records), last, report)
	}
	return records, err
}

// FuzzMutations changes bytes of a sound log: each four bytes of changes are a
// file, an offset and what to xor there. No record comes up that was not
// appended; all are there whose bytes and file header are sound.
func FuzzMutations(f *testing.F) {
	sound := twoFiles(f)
	files := [2][]byte{content(f, sound, firstFile), content(f, sound, secondFile)}
	f.Add([]byte{0x00, 0x20, 0x10})
	f.Add([]byte{0x80, 0x21, 0xff, 0x00, 0x20, 0x01, 0x20, 0x20, 0x80})
	f.Add([]byte{0x00, 0x00, 0x10, 0x00, 0x10, 0x10})
	f.Fuzz(func(t *testing.T, changes []byte) {
		var b [2][]byte
		changed := [2]map[int]bool{{}, {}}
		for i := range files {
			b[i] = bytes.Clone(files[i])
		}
		for ; len(changes) >= 3; changes = changes[3:] {
			at := binary.LittleEndian.Uint16(changes)
			file, off := at>>15, int(at&0x7fff)%len(b[0])
			b[file][off] ^= changes[2]
			changed[file][off] = true
		}
		m := vfs.NewMem()
		must(t, m.MkdirAll(dir))
		replace(t, m, firstFile, b[0])
		replace(t, m, secondFile, b[1])
		got, err := read(m)
		if err != nil {
			if clew.KindOf(err) != clew.Unsupported {
				t.Fatalf("Replay = %v", err)
			}
			return
		}
		for seq, payload := range got {
			if seq < 1 || seq > 8 || payload != string(bytes.Repeat([]byte{'0' + byte(seq)}, 100)) {
				t.Fatalf("record %d = %q was never appended", seq, payload)
			}
		}
		for i := range files {
			if bytes.Equal(b[i][:4096], files[i][:4096]) || bytes.Equal(b[i][4096:8192], files[i][4096:8192]) {
				for r := range 4 {
					from := recordAt + r*recordSize
					sound := bytes.Equal(b[i][from:from+recordSize], files[i][from:from+recordSize])
					if seq := uint64(i*4 + r + 1); sound && got[seq] == "" {
						t.Fatalf("record %d is sound and was not replayed", seq)
					}
				}
			}
		}
	})
}
