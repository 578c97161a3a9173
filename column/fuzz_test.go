package column

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

// The fuzzers of round trips build a vector from the input and demand it back;
// the fuzzers of damage decode the input itself under small limits, and demand
// no panic, no value beyond the limits, and that all ways to read agree.

const (
	fuzzValues = 5000
	fuzzBytes  = 1 << 16
)

// fuzzInts reads 8-byte values, and shorter ones by a mask, from data.
func fuzzInts(data []byte, shape uint8) []uint64 {
	var vals []uint64
	sum := uint64(0)
	for len(data) > 0 && len(vals) < fuzzValues {
		var word [8]byte
		data = data[copy(word[:], data[:min(len(data), 1+int(shape&7))]):]
		v := binary.LittleEndian.Uint64(word[:])
		sum += v
		switch shape >> 3 & 3 {
		case 1:
			vals = append(vals, sum)
		case 2:
			for range v & 63 {
				vals = append(vals, v>>6)
			}
		case 3:
			vals = append(vals, -v)
		default:
			vals = append(vals, v)
		}
	}
	return vals
}

func FuzzIntsRoundTrip(f *testing.F) {
	f.Add([]byte("some bytes to make numbers of"), uint8(0), uint8(0))
	f.Add(bytes.Repeat([]byte{3, 200, 7}, 90), uint8(1), uint8(3))
	f.Add(bytes.Repeat([]byte{255, 9}, 900), uint8(16), uint8(7))
	f.Add(bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, 200), uint8(15), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, shape, options uint8) {
		vals := fuzzInts(data, shape)
		o := IntOptions{Delta: options&1 != 0, Zstd: options&2 != 0, Signed: options&4 != 0}
		enc := AppendInts(nil, vals, o)
		x, rest, err := ParseInts(enc, len(vals))
		if err != nil || len(rest) != 0 {
			t.Fatalf("ParseInts: %d bytes left, %v", len(rest), err)
		}
		checkInts(t, "fuzz", &x, vals)
	})
}

func FuzzIntsDamage(f *testing.F) {
	for _, vals := range intVectors() {
		for _, o := range []IntOptions{{}, {Delta: true, Zstd: true}} {
			if enc := AppendInts(nil, vals, o); len(enc) < 1000 {
				f.Add(enc)
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		x, rest, err := ParseInts(src, fuzzValues)
		if err != nil {
			return
		}
		if x.Len() > fuzzValues || len(rest) > len(src) {
			t.Fatalf("%d values, %d bytes left of %d", x.Len(), len(rest), len(src))
		}
		vals, err := x.Decode(nil)
		if err != nil {
			if x.RandomAccess() {
				t.Fatalf("random access, but %v", err)
			}
			return
		}
		if len(vals) != x.Len() {
			t.Fatalf("%d values of %d", len(vals), x.Len())
		}
		checkInts(t, "fuzz", &x, vals)
	})
}

func FuzzBitmapDamage(f *testing.F) {
	for _, b := range []Bitmap{setOf(0), setOf(100, 4), setOf(1000, 1, 2, 3, 999), setOf(64, 0, 2, 4, 6, 9, 11, 30)} {
		f.Add(AppendBitmap(nil, b, 64*len(b)))
	}
	runs := NewBitmap(1000)
	runs.SetRange(100, 500)
	runs.SetRange(700, 1000)
	f.Add(AppendBitmap(nil, runs, 1000))
	f.Fuzz(func(t *testing.T, src []byte) {
		b, n, _, err := DecodeBitmap(nil, src, fuzzValues)
		if err != nil {
			return
		}
		if n > fuzzValues || len(b) != words(n) || b.Count() != b.CountRange(0, n) {
			t.Fatalf("%d bits in %d words, Count %d, CountRange %d", n, len(b), b.Count(), b.CountRange(0, n))
		}
		again, m, rest, err := DecodeBitmap(nil, AppendBitmap(nil, b, n), n)
		if err != nil || m != n || len(rest) != 0 || !slices.Equal(again, b) {
			t.Fatalf("round trip of %d bits: %d, %v", n, m, err)
		}
	})
}

func FuzzDoublesRoundTrip(f *testing.F) {
	f.Add([]byte("bits"), uint8(0), uint8(0))
	f.Add(bytes.Repeat([]byte{0, 17, 3}, 90), uint8(1), uint8(12))
	f.Fuzz(func(t *testing.T, data []byte, shape, decimals uint8) {
		vals := fuzzInts(data, shape)
		if decimals > 0 {
			for i, v := range vals {
				if v%31 != 0 {
					vals[i] = math.Float64bits(float64(int64(v)) / math.Pow10(int(decimals%16)))
				}
			}
		}
		enc := AppendDoubles(nil, vals, IntOptions{Zstd: decimals > 127})
		got, rest, err := DecodeDoubles(nil, enc, len(vals))
		if err != nil || len(rest) != 0 || !slices.Equal(got, vals) {
			t.Fatalf("round trip of %d doubles: %v", len(vals), err)
		}
	})
}

func FuzzDoublesDamage(f *testing.F) {
	for _, v := range doubleVectors() {
		bits := make([]uint64, min(len(v), 100))
		for i := range bits {
			bits[i] = math.Float64bits(v[i])
		}
		f.Add(AppendDoubles(nil, bits, IntOptions{}))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		x, _, err := ParseDoubles(src, fuzzValues)
		if err != nil {
			return
		}
		vals, err := x.Decode(nil)
		if err == nil && len(vals) != x.Len() || x.Len() > fuzzValues {
			t.Fatalf("%d values of %d", len(vals), x.Len())
		}
		for i := 0; x.RandomAccess() && i < x.Len(); i++ {
			x.At(i)
		}
	})
}

// fuzzStrings cuts data at a separator.
func fuzzStrings(data []byte, separator byte) Strings {
	var s Strings
	for _, part := range bytes.Split(data, []byte{separator}) {
		s.Append(part)
	}
	return s
}

func FuzzStringsRoundTrip(f *testing.F) {
	f.Add([]byte("GET /a/1,GET /a/2,POST /b/003,,GET /a/4"), byte(','), uint16(2), true)
	f.Add([]byte("10.0.0.1 10.0.0.2 255.255.255.255"), byte(' '), uint16(0), false)
	f.Add([]byte("6ba7b810-9dad-11d1-80b4-00c04fd430c8 6ba7b811-9dad-11d1-80b4-00c04fd430c8"), byte(' '), uint16(0), false)
	f.Add([]byte("deadbeef 00ff00ff 12345678"), byte(' '), uint16(1), true)
	f.Add(bytes.Repeat([]byte("host-17 took 005 ms|"), 300), byte('|'), uint16(64), true)
	f.Fuzz(func(t *testing.T, data []byte, separator byte, block uint16, plain bool) {
		want := fuzzStrings(data, separator)
		enc := AppendStrings(nil, want, StringOptions{Block: int(block), Plain: plain})
		got, err := readStrings(t, enc, want.Len(), len(want.Buf))
		if err != nil || !bytes.Equal(got.Buf, want.Buf) || !slices.Equal(got.Ends, want.Ends) {
			t.Fatalf("round trip of %d strings: %v", want.Len(), err)
		}
	})
}

func FuzzStringsDamage(f *testing.F) {
	for _, s := range stringLists() {
		if s.Len() > 40 {
			s.Buf, s.Ends = s.Buf[:s.Ends[39]], s.Ends[:40]
		}
		for _, o := range stringOptions() {
			if enc := AppendStrings(nil, s, o); len(enc) < 2000 {
				f.Add(enc)
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		readStrings(t, src, fuzzValues, fuzzBytes)
	})
}
