package spandb

import (
	"bytes"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/vfs"
)

// smallSegment is the bytes of a segment of a few hundred rows.
func smallSegment(t testing.TB, name corpus.Name) []byte {
	b := fillHead(t, name, 400)
	var s sealer
	marks := []requestMark{{seq: 1, arrival: 5, accepted: 400}}
	return slices.Clone(s.seal(b.View(b.Rows()), segmentMeta{tenant: "default", minArrival: 5, maxArrival: 5, firstSeq: 1, lastSeq: 1}, marks))
}

// readAllOf opens segment bytes and reads everything there is. Whatever the bytes
// are it returns, with an error or without.
func readAllOf(t testing.TB, data []byte) error {
	fs := vfs.NewMem()
	if err := vfs.Replace(fs, "x.seg", data); err != nil {
		t.Fatal(err)
	}
	s, err := openSegment(fs, 1, "x.seg", func(*segment) {})
	if err != nil {
		return err
	}
	defer s.release()
	if damage := s.r.Verify(); len(damage) > 0 {
		return damage[0]
	}
	var cache tableCache
	tab, err := cache.tablesOf(s)
	if err != nil {
		return err
	}
	if _, err := s.marks(); err != nil {
		return err
	}
	if _, err := s.mayHave(1); err != nil {
		return err
	}
	r, all := blockReader{cache: &cache}, need{all: true}
	for blk := range s.meta.blockRows {
		b, err := r.read(s, tab, blk, &all)
		if err != nil {
			return err
		}
		span.NewBuilder(0).AppendRows(b, identity(b.Rows))
	}
	return nil
}

// FuzzSegmentFrame changes bytes anywhere: checksums must catch all of it.
func FuzzSegmentFrame(f *testing.F) {
	good := smallSegment(f, "shop")
	f.Add(uint32(0), byte(1))
	f.Add(uint32(len(good)-1), byte(255))
	f.Fuzz(func(t *testing.T, off uint32, flip byte) {
		bad := slices.Clone(good)
		bad[int(off)%len(bad)] ^= flip
		err := readAllOf(t, bad)
		if flip == 0 && err != nil {
			t.Fatalf("untouched segment: %v", err)
		}
		if flip != 0 && clew.KindOf(err) != clew.Corrupt && clew.KindOf(err) != clew.Unsupported {
			t.Fatalf("byte %d ^ %#x: %v, want damage", int(off)%len(bad), flip, err)
		}
	})
}

// FuzzSegmentContent changes bytes within chunks and mends the checksums, as a
// writer with a fault would: a reader returns an error or rows, and does not
// panic or take memory without bound.
func FuzzSegmentContent(f *testing.F) {
	good := [][]byte{smallSegment(f, "shop"), smallSegment(f, "wide")}
	f.Add(byte(0), uint32(3), uint32(0), []byte{0xff})
	f.Add(byte(1), uint32(40), uint32(2), []byte{0, 0, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, which byte, chunk, off uint32, with []byte) {
		data := rewrite(t, good[int(which)%2], int(chunk), int(off), with)
		if err := readAllOf(t, data); err != nil && clew.KindOf(err) != clew.Corrupt {
			t.Fatalf("error of kind %v: %v", clew.KindOf(err), err)
		}
	})
}

// rewrite copies a segment with one chunk changed.
func rewrite(t testing.TB, data []byte, target, off int, with []byte) []byte {
	r, err := block.Open(bytes.NewReader(data), int64(len(data)), "x")
	if err != nil {
		t.Fatal(err)
	}
	w := block.NewWriter(len(data))
	n, count := 0, 0
	for pass := range 2 {
		for col := range r.Columns() {
			if pass == 1 {
				w.Column(r.Columns()[col])
			}
			for blk := block.WholeSegment; blk < 16; blk++ {
				lo, hi, ok := r.Bounds(col, blk)
				if !ok {
					continue
				}
				if pass == 0 {
					count++
					continue
				}
				chunk, err := r.Chunk(nil, col, blk)
				if err != nil {
					t.Fatal(err)
				}
				chunk = slices.Clone(chunk)
				if n == target%count && len(chunk) > 0 {
					at := off % len(chunk)
					chunk = append(chunk[:at], with...)
				}
				n++
				w.Chunk(col, blk, append(w.Buf(), chunk...), lo, hi)
			}
		}
	}
	return w.Finish(r.Meta())
}

// FuzzManifest replays any bytes as a manifest.
func FuzzManifest(f *testing.F) {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("d"); err != nil {
		f.Fatal(err)
	}
	m, err := openManifest(fs, "d")
	if err == nil {
		err = m.commit(edit{add: []segmentRecord{{id: 1, tenant: "default", rows: 7}}, nextID: 2, sealed: map[clew.Tenant]uint64{"default": 9}})
	}
	if err == nil {
		err = m.commit(edit{remove: []uint64{1}})
	}
	if err != nil {
		f.Fatal(err)
	}
	good, err := vfs.ReadFile(fs, "d/"+manifestName(m.number), 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		m := manifest{segments: make(map[uint64]segmentRecord), sealed: make(map[clew.Tenant]uint64)}
		if err := m.replay("x", b); err != nil && clew.KindOf(err) != clew.Corrupt && clew.KindOf(err) != clew.Unsupported {
			t.Fatalf("replay: %v", err)
		}
	})
}

// FuzzLoggedRecord parses any bytes as a record of the log.
func FuzzLoggedRecord(f *testing.F) {
	f.Add(append(appendRecordHeader(nil, "default", 2, &requestMark{arrival: 3, accepted: 4, refused: 2}, []uint32{1, 5}), "body"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseLoggedRecord(b)
		if err == nil && len(r.body) > len(b) {
			t.Fatalf("body of %d bytes out of %d", len(r.body), len(b))
		}
	})
}
