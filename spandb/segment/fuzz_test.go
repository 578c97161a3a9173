package segment

import (
	"bytes"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span/build"
)

// decode puts requests into one builder, as a head does.
func decode(t testing.TB, bodies [][]byte) *build.Builder {
	t.Helper()
	b := build.NewBuilder(0)
	var dec otlp.Decoder
	for _, body := range bodies {
		if _, err := dec.Decode(b, body, otlp.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// seal makes a segment of rows.
func seal(b *build.Builder) []byte {
	var s Sealer
	requests := []Request{{Seq: 1, Arrival: 5, Accepted: 400}}
	return slices.Clone(s.Seal(b.View(b.Rows()), Meta{Tenant: "default", MinArrival: 5, MaxArrival: 5, FirstSeq: 1, LastSeq: 1}, requests))
}

// smallSegment is the bytes of a segment of a few hundred rows.
func smallSegment(t testing.TB, name corpus.Name) []byte {
	return seal(decode(t, corpus.Requests(name, 1, 400, 100)))
}

// open reads the directory of a segment that is as it should be.
func open(t testing.TB, data []byte) *Reader {
	t.Helper()
	r, err := Open(bytes.NewReader(data), int64(len(data)), "x.seg")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// readAllOf opens segment bytes and reads everything there is. Whatever the bytes
// are it returns, with an error or without.
func readAllOf(data []byte) error {
	r, err := Open(bytes.NewReader(data), int64(len(data)), "x.seg")
	if err != nil {
		return err
	}
	if err := readCold(r); err != nil {
		return err
	}
	if damage := r.Damage(); len(damage) > 0 {
		return damage[0]
	}
	for _, need := range []RollupNeed{wholeRollup, {Durations: true}} {
		if _, err := new(Cache).Rollup(r, need); err != nil {
			return err
		}
	}
	b, all := BlockReader{Cache: new(Cache)}, Need{All: true}
	for blk := range r.meta.BlockRows {
		batch, err := b.Read(r, blk, &all)
		if err != nil {
			return err
		}
		build.NewBuilder(0).AppendRows(batch, everyRow(batch.Rows))
		if _, err := b.ReadTrace(r, blk, batch.TraceIDs[0], &Need{All: true}); err != nil {
			return err
		}
	}
	return nil
}

// readCold reads a trace of each block, while nothing is kept.
func readCold(r *Reader) error {
	b := BlockReader{Cache: new(Cache)}
	for blk := range r.meta.BlockRows {
		ids, err := r.TraceIDs(nil, blk)
		if err != nil {
			return err
		}
		if _, err := b.ReadTrace(r, blk, ids[len(ids)/2], &Need{All: true}); err != nil {
			return err
		}
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
		err := readAllOf(bad)
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
	head := decode(f, corpus.Requests(corpus.Shop, 1, 400, 100))
	filters := Sealer{Filters: 1}
	good := [][]byte{smallSegment(f, "shop"), smallSegment(f, "wide"), filters.Seal(head.View(head.Rows()), Meta{Tenant: "default"}, nil)}
	f.Add(byte(0), uint32(3), uint32(0), []byte{0xff})
	f.Add(byte(1), uint32(40), uint32(2), []byte{0, 0, 0, 0xff, 0xff})
	f.Add(byte(2), uint32(41), uint32(1), []byte{1})
	f.Fuzz(func(t *testing.T, which byte, chunk, off uint32, with []byte) {
		data := rewrite(t, good[int(which)%len(good)], int(chunk), int(off), with)
		if err := readAllOf(data); err != nil && clew.KindOf(err) != clew.Corrupt {
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

// everyRow lists the rows of a batch of so many.
func everyRow(n int) []uint32 {
	rows := make([]uint32, n)
	for i := range rows {
		rows[i] = uint32(i)
	}
	return rows
}
