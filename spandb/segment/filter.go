package segment

import (
	"encoding/binary"
	"errors"
)

// traceFilter tells segments that surely lack a trace from those that may have
// it: a blocked Bloom filter of filterBits per trace over the low halves of the
// ids. Each key sets one bit in each of the eight words of one cache line, at
// the places that Parquet's split-block filter uses.
type traceFilter struct {
	lines []filterLine
}

type filterLine [8]uint64

func newTraceFilter(traces int) *traceFilter {
	return &traceFilter{lines: make([]filterLine, traces*filterBits/512+1)}
}

func filterHash(low uint64) uint64 {
	low ^= low >> 32
	low *= 0x9E3779B97F4A7C15
	low ^= low >> 29
	low *= 0xBF58476D1CE4E5B9
	return low ^ low>>32
}

func (f *traceFilter) place(low uint64) (line *filterLine, key uint32) {
	h := filterHash(low)
	return &f.lines[(h>>32)*uint64(len(f.lines))>>32], uint32(h)
}

// The salts are those of Parquet's split-block Bloom filter.
func filterBit(key uint32, word int) uint64 {
	salts := [8]uint32{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31}
	return 1 << (key * salts[word] >> 26)
}

// add adds a trace; known reports that one of this low half may have been added
// before.
func (f *traceFilter) add(low uint64) (known bool) {
	line, key := f.place(low)
	known = true
	for i := range line {
		bit := filterBit(key, i)
		known = known && line[i]&bit != 0
		line[i] |= bit
	}
	return known
}

// mayHave reports whether a trace with this low half may be there.
func (f *traceFilter) mayHave(low uint64) bool {
	line, key := f.place(low)
	for i := range line {
		if line[i]&filterBit(key, i) == 0 {
			return false
		}
	}
	return true
}

func (f *traceFilter) append(dst []byte) []byte {
	for i := range f.lines {
		for _, w := range f.lines[i] {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
	}
	return dst
}

func parseTraceFilter(b []byte) (*traceFilter, error) {
	if len(b) == 0 || len(b)%64 != 0 {
		return nil, errors.New("trace filter is not a whole number of lines")
	}
	f := &traceFilter{lines: make([]filterLine, len(b)/64)}
	for i := range f.lines {
		for w := range f.lines[i] {
			f.lines[i][w] = binary.LittleEndian.Uint64(b[i*64+w*8:])
		}
	}
	return f, nil
}

func (f *traceFilter) sizeBytes() int64 { return 64 * int64(len(f.lines)) }
