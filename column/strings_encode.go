package column

import (
	"bytes"
	"encoding/binary"

	"github.com/clew-tracing/clew/column/digits"
)

// StringKind is the way a chunk of strings is encoded: its first byte.
type StringKind uint8

// The kinds of string chunk. They are tried in this order, but for StringMixed,
// which comes before StringCLP, and StringRaw, which takes everything and is the
// last resort.
const (
	StringRaw   StringKind = iota // lengths and bytes, compressed where that pays
	StringEqual                   // one string for all
	StringUUID                    // 16 bytes each
	StringIPv4                    // integers
	StringHex                     // half a byte a digit
	StringCLP                     // templates and numbers
	StringMixed                   // most strings of one of the kinds above, and the rest
	stringKinds
)

var stringKindNames = [stringKinds]string{"raw", "equal", "uuid", "ipv4", "hex", "clp", "mixed"}

// String returns the kind's name.
func (k StringKind) String() string {
	if k < stringKinds {
		return stringKindNames[k]
	}
	return "unknown"
}

// StringOptions says how a chunk of strings will be read. The zero value makes
// one compressed block: the smallest.
type StringOptions struct {
	// Block is the number of strings that are compressed together, and so the
	// most that StringsChunk.At decodes for one; 0 is the whole chunk. Take 0
	// for dictionaries, which are read as a whole, and RawBlock for columns
	// whose values are read one by one.
	Block int
	// Plain leaves out compression, which otherwise is done where it saves at
	// least 10 % of a block: about 10 % more bytes for templates and numbers,
	// twice as many for words.
	Plain bool
}

// picker is the list of strings to encode: s, or the values of s at codes.
type picker struct {
	s     Strings
	codes []uint32 // nil: all of s
	part  bool     // of a mixed chunk, which has no mixed parts
}

func (p *picker) len() int {
	if p.codes != nil {
		return len(p.codes)
	}
	return p.s.Len()
}

func (p *picker) at(i int) []byte {
	if p.codes != nil {
		i = int(p.codes[i])
	}
	return p.s.At(i)
}

// AppendStrings appends all values of s as one chunk, in the first encoding
// that fits them. The chunk knows its own length. All strings together must not
// exceed MaxBuf: no reader would take them.
func AppendStrings(dst []byte, s Strings, o StringOptions) []byte {
	return appendStrings(dst, &picker{s: s}, o)
}

// AppendStringsAt appends the values of s at codes, in that order, as one chunk
// under the rules of AppendStrings.
func AppendStringsAt(dst []byte, s Strings, codes []uint32, o StringOptions) []byte {
	if codes == nil {
		codes = []uint32{}
	}
	return appendStrings(dst, &picker{s: s, codes: codes}, o)
}

func appendStrings(dst []byte, p *picker, o StringOptions) []byte {
	n := p.len()
	total, equal, sameLen := 0, true, true
	for i := range n {
		v := p.at(i)
		total += len(v)
		sameLen = sameLen && len(v) == len(p.at(0))
		equal = equal && sameLen && bytes.Equal(v, p.at(0))
	}
	if o.Block <= 0 || o.Block > n {
		o.Block = n
	}
	header := func(kind StringKind) []byte {
		dst = append(dst, byte(kind))
		dst = binary.AppendUvarint(dst, uint64(n))
		return binary.AppendUvarint(dst, uint64(total))
	}
	old := len(dst)
	if equal && n > 0 {
		return append(header(StringEqual), p.at(0)...)
	}
	if sameLen && n > 0 && len(p.at(0)) == digits.UUIDLen {
		if out, ok := appendUUIDs(header(StringUUID), p); ok {
			return out
		}
		dst = dst[:old]
	}
	if n > 0 && total <= digits.IPv4MaxLen*n {
		if out, ok := appendIPv4s(header(StringIPv4), p); ok {
			return out
		}
		dst = dst[:old]
	}
	if sameLen && n > 0 && len(p.at(0))%2 == 0 {
		if out, ok := appendHexes(header(StringHex), p); ok {
			return out
		}
		dst = dst[:old]
	}
	if n > 0 {
		if out, ok := appendMixed(header(StringMixed), p, o); ok {
			return out
		}
		dst = dst[:old]
		if out, ok := appendCLP(header(StringCLP), p, o); ok {
			return out
		}
		dst = dst[:old]
	}
	return appendRawBlocks(header(StringRaw), p, o)
}

// appendBlocks appends the block size, the directory, and what encode appends
// for the strings [from, to) of each block.
//
//	uvarint  strings per block; absent if there is no string
//	         directory: one block: uvarint size; more: integers, end of each
//	         blocks
func appendBlocks(dst []byte, n, block int, encode func(dst []byte, from, to int) []byte) []byte {
	if n == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(block))
	s := getScratch()
	defer s.put()
	body, ends := s.frame[:0], s.vals[:0]
	for from := 0; from < n; from += block {
		body = encode(body, from, min(n, from+block))
		ends = append(ends, uint64(len(body)))
	}
	s.frame, s.vals = body, ends
	if len(ends) == 1 {
		dst = binary.AppendUvarint(dst, ends[0])
	} else {
		dst = appendNoRuns(dst, ends, IntOptions{})
	}
	return append(dst, body...)
}

func appendRawBlocks(dst []byte, p *picker, o StringOptions) []byte {
	s := getScratch()
	defer s.put()
	return appendBlocks(dst, p.len(), o.Block, func(dst []byte, from, to int) []byte {
		s.vals, s.planes = s.vals[:0], s.planes[:0]
		for i := from; i < to; i++ {
			v := p.at(i)
			s.vals = append(s.vals, uint64(len(v)))
			s.planes = append(s.planes, v...)
		}
		dst = AppendInts(dst, s.vals, IntOptions{Zstd: !o.Plain})
		return s.appendBytes(dst, s.planes, o.Plain)
	})
}

// appendBytes appends a method byte and data, compressed unless plain is asked
// for or smaller; the length is for the caller to store.
func (s *scratch) appendBytes(dst, data []byte, plain bool) []byte {
	if !plain && len(data) > minZstdBytes && len(data) <= zstdMaxWindow {
		old := len(dst)
		dst = s.compress(append(dst, methodZstd), data)
		if (len(dst)-old)*10 < len(data)*9 {
			return dst
		}
		dst = dst[:old]
	}
	return append(append(dst, methodPlain), data...)
}

// Methods of appendBytes.
const (
	methodPlain = 0
	methodZstd  = 1
)
