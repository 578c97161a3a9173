package column

import (
	"encoding/binary"
	"testing"

	"github.com/clew-tracing/clew/column/clp"
)

// TestForgedClaims feeds chunks that claim much and hold little.
func TestForgedClaims(t *testing.T) {
	chunk := func(kind byte, fields ...uint64) []byte {
		b := []byte{kind}
		for _, f := range fields {
			b = binary.AppendUvarint(b, f)
		}
		return b
	}
	const limit = 1000
	ints := func(name string, src []byte) {
		t.Helper()
		if vals, _, err := DecodeInts([]uint64(nil), src, limit); err == nil || cap(vals) > 2*limit {
			t.Errorf("integers, %s: capacity %d, error %v", name, cap(vals), err)
		}
	}
	ints("empty", nil)
	ints("kind", chunk(6, 1, 0, 0))
	ints("2^62 constants", chunk(0, 1<<62, 7, 0))
	ints("one constant too many", chunk(0, limit+1, 7, 0))
	ints("width 65", append(chunk(0, 1, 0, 65), make([]byte, 100)...))
	ints("payload missing", chunk(0, limit, 0, 64))
	ints("delta of nothing", chunk(1, 0, 0, 0, 0))
	ints("frame longer than chunk", chunk(3, 10, 0, 8, 1<<40))
	ints("frame of garbage", append(chunk(3, 10, 0, 8, 5), "abcde"...))
	ints("runs in runs", append(chunk(2, 10, 3), chunk(2, 10, 0)...))
	ints("runs too long", append(append(chunk(2, 10, 4), chunk(0, 1, 9, 0)...), chunk(0, 1, 11, 0)...))
	ints("runs of 2^63", append(append(chunk(2, 10, 4), chunk(0, 2, 9, 0)...), chunk(0, 2, 1<<63, 0)...))
	ints("runs too short", append(append(chunk(2, 10, 4), chunk(0, 1, 9, 0)...), chunk(0, 1, 9, 0)...))
	ints("runs of nothing", append(append(chunk(2, 10, 4), chunk(0, 2, 9, 0)...), chunk(0, 2, 0, 0)...))
	ints("fewer lengths", append(append(chunk(2, 10, 4), chunk(0, 2, 9, 0)...), chunk(0, 1, 10, 0)...))

	ints("packs of nothing", chunk(5, 0, 0, 0, 0))
	ints("sums of 33 bits", append(chunk(5, 1, 0, 33, 0), make([]byte, 100)...))
	ints("minimums of 65 bits", append(chunk(5, 1, 0, 0, 65), make([]byte, 100)...))
	ints("a first sum", append(chunk(5, 64, 0, 8, 0), append([]byte{1, 2}, make([]byte, 100)...)...))
	ints("a pack of 65 bits", append(chunk(5, 64, 0, 8, 0), append([]byte{0, 65}, make([]byte, 1000)...)...))
	ints("sums descend", append(chunk(5, 128, 0, 8, 0), append([]byte{0, 9, 8}, make([]byte, 1000)...)...))
	ints("packs missing", append(chunk(5, 64, 0, 8, 0), append([]byte{0, 9}, make([]byte, 71)...)...))
	ints("heads missing", chunk(5, limit, 0, 32, 64))

	// A frame of a gigabyte of zeros takes a few kilobytes.
	s := getScratch()
	bomb := s.compress(nil, make([]byte, 1<<24))
	s.put()
	ints("frame with more than it claims", append(chunk(3, limit, 0, 64, uint64(len(bomb))), bomb...))

	strs := func(name string, src []byte) {
		t.Helper()
		c, _, err := ParseStrings(src, limit, 1<<16)
		var list Strings
		if err == nil {
			err = c.Decode(&list)
		}
		if err == nil || cap(list.Buf) > 1<<17 || cap(list.Ends) > 2*limit {
			t.Errorf("strings, %s: %d bytes, error %v", name, cap(list.Buf), err)
		}
	}
	block := func(src []byte) []byte { return append(chunk(byte(len(src))), src...) }
	cat := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	strs("2^62 equal", chunk(1, 1<<62, 1<<62))
	strs("too many bytes", chunk(0, 1, 1<<40, 1, 0))
	strs("equal of uneven size", append(chunk(1, 2, 3), "ab"...))
	strs("uuids of other size", append(chunk(2, 1, 37), make([]byte, 16)...))
	strs("odd hex", append(chunk(4, 1, 3, 3), 1))
	strs("no strings, but uuids", chunk(2, 0, 0))
	strs("block of nothing", chunk(0, 2, 2, 0, 0))
	strs("length beyond total", cat(chunk(0, 1, 2, 1), block(cat(chunk(0, 1, 1<<63, 0), []byte{methodPlain, 'a'}))))
	strs("lengths below total", cat(chunk(0, 1, 2, 1), block(cat(chunk(0, 1, 1, 0), []byte{methodPlain, 'a'}))))
	strs("method", cat(chunk(0, 1, 1, 1), block(cat(chunk(0, 1, 1, 0), []byte{2, 'a'}))))
	// One template of 100 numbers, or of 3 bytes used 1,000 times.
	template := func(text string) []byte {
		head := uint64(marks(text))<<8 | uint64(clp.Fingerprint([]byte(text)))
		return cat(chunk(1), chunk(0, 1, head, 0), chunk(1), block(cat(chunk(0, 1, uint64(len(text)), 0), []byte{methodPlain}, []byte(text))))
	}
	codes := chunk(0, limit, 0, 0)
	strs("templates grow", cat(chunk(5, limit, 100), template("long text without numbers"), chunk(limit&127|128, limit>>7), block(codes)))
	strs("template of many numbers", cat(chunk(5, 1, 100), template("\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"), chunk(1), block(chunk(0, 1, 0, 0))))
	strs("template ends in a width", cat(chunk(5, 1, 100), template("a\x02"), chunk(1), block(chunk(0, 1, 0, 0))))
	strs("template of width 19", cat(chunk(5, 1, 100), template("a\x02\x13"), chunk(1), block(chunk(0, 1, 0, 0))))
	strs("template with a zero", cat(chunk(5, 1, 100), template("a\x00"), chunk(1), block(chunk(0, 1, 0, 0))))
	strs("head of another template", cat(chunk(5, 1, 100), chunk(1), chunk(0, 1, 1<<8, 0), chunk(1), block(cat(chunk(0, 1, 1, 0), []byte{methodPlain, 'a'})), chunk(1), block(chunk(0, 1, 0, 0))))
	strs("no head", cat(chunk(5, 1, 100), chunk(1), chunk(0, 0, 0, 0), chunk(1), block(cat(chunk(0, 1, 1, 0), []byte{methodPlain, 'a'})), chunk(1), block(chunk(0, 1, 0, 0))))
	strs("template missing", cat(chunk(5, 1, 100), template("a"), chunk(1), block(chunk(0, 1, 7, 0))))
	strs("mixed in mixed", cat(chunk(6, 2, 2), chunk(0, 1, 0, 0), chunk(6, 1, 1), chunk(1, 1, 1), []byte("a")))
	strs("all others", cat(chunk(6, 1, 1), chunk(0, 1, 0, 0), chunk(0, 0, 0), chunk(1, 1, 1), []byte("a")))

	bitmap := func(name string, src []byte) {
		t.Helper()
		if b, _, _, err := DecodeBitmap(nil, src, limit); err == nil || cap(b) > limit {
			t.Errorf("bitmap, %s: %d words, error %v", name, cap(b), err)
		}
	}
	bitmap("2^62 bits", chunk(1, 1<<62))
	bitmap("kind", chunk(5, 1))
	bitmap("stray bit", append(chunk(2, 3), 8))
	bitmap("member beyond", append(chunk(3, 9), chunk(0, 1, 9, 0)...))
	bitmap("runs beyond", append(chunk(4, 9), chunk(0, 2, 5, 0)...))
	bitmap("runs short", append(chunk(4, 9), chunk(0, 2, 4, 0)...))

	doubles := func(name string, src []byte) {
		t.Helper()
		if _, _, err := DecodeDoubles(nil, src, limit); err == nil {
			t.Errorf("doubles, %s: no error", name)
		}
	}
	one := chunk(0, 1, 5, 0)
	none := chunk(0, 0, 0, 0)
	doubles("kind", append([]byte{2}, one...))
	doubles("exponent 15", cat([]byte{1, 15}, one, none))
	doubles("exceptions missing", cat([]byte{1, 2}, one))
	doubles("more exceptions than doubles", cat([]byte{1, 2}, one, chunk(0, 2, 0, 0), chunk(0, 2, 0, 0)))
	doubles("exceptions without bits", cat([]byte{1, 2}, one, one, none))
}

func TestCodecsAllocateNothing(t *testing.T) {
	if raceEnabled() {
		t.Skip("under the race detector pools drop what they hold, at random")
	}
	ints := benchVectors()["status"]
	urls := benchLists()["url"]
	words := benchLists()["text"]
	doubles := benchDoubles()
	set := setOf(benchRows, 5, 77, 4000)
	var buf []byte
	var vals []uint64
	var list Strings
	var bitmap Bitmap
	check := func(name string, want float64, f func() error) {
		t.Helper()
		var err error
		got := testing.AllocsPerRun(20, func() {
			if e := f(); e != nil {
				err = e
			}
		})
		if got > want || err != nil {
			t.Errorf("%s: %v allocations, want %v; %v", name, got, want, err)
		}
	}
	for _, o := range []IntOptions{{}, {Delta: true}, {Delta: true, Zstd: true}} {
		check("integers", 0, func() (err error) {
			buf = AppendInts(buf[:0], ints, o)
			vals, _, err = DecodeInts(vals[:0], buf, benchRows)
			return err
		})
	}
	check("doubles", 0, func() (err error) {
		buf = AppendDoubles(buf[:0], doubles, IntOptions{})
		vals, _, err = DecodeDoubles(vals[:0], buf, benchRows)
		return err
	})
	check("bitmap", 0, func() (err error) {
		buf = AppendBitmap(buf[:0], set, benchRows)
		bitmap, _, _, err = DecodeBitmap(bitmap, buf, benchRows)
		return err
	})
	// The templates of a view are its own: a few slices for each.
	for name, s := range map[string]Strings{"urls": urls, "words": words} {
		check(name, 16, func() error {
			buf = AppendStrings(buf[:0], s, StringOptions{Block: RawBlock})
			list.Reset()
			c, _, err := ParseStrings(buf, benchRows, len(s.Buf))
			if err == nil {
				err = c.Decode(&list)
			}
			return err
		})
		// The templates of a search are those of the pool.
		value, found := []byte(string(s.At(s.Len()-1))), NewBitmap(s.Len())
		check(name+", searched", 1, func() error {
			c, _, err := ParseStrings(buf, benchRows, len(s.Buf))
			if err == nil {
				err = c.SelectEqual(found, 0, value)
			}
			return err
		})
	}
}
