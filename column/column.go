// Package column holds the parts that tables are made of, as bytes in memory:
// lists of strings, dictionaries, bitmaps, vectors of integers, doubles and ids,
// and their encodings. It does no I/O and does not know what a span is.
//
// In memory a column is plain slices. Encoded it is chunks, each one self-ended:
// whoever has its first byte finds its last. Everything is little-endian; a
// uvarint is 7 bits a byte, lowest first. docs/format/column.md has every byte.
//
//	integers   kind | uvarint n | parameters               | payload
//	  for        0  |           | min, width               | n x width bits: v-min
//	  delta      1  |           | dmin, width, first       | n-1 x width bits: zigzag(v-previous)-dmin
//	  runs       2  |           | size of the first part   | run values, run lengths: integers
//	  zstd       3  |           | min, width, size         | byte planes of v-min, compressed
//	  delta-zstd 4  |           | dmin, width, first, size | byte planes of the differences
//	  packs      5  |           | min, two widths          | for every 64 values: minimum, width, v-minimum
//	bitmap     kind | uvarint n | nothing, bits, or integers: members or run lengths
//	doubles    kind | 0 plain:   integers, the bits
//	                | 1 decimal: exponent | integers | exceptions: positions and bits
//	strings    kind | uvarint n | uvarint bytes of all | body
//
// Chunks carry no checksum and no offset: the file around them does.
//
// Bytes may be damaged or forged. Parse and Decode functions take from their
// caller the most values, bits or bytes he is ready to hold, refuse claims
// beyond it before they allocate, never read beyond the slice they are given,
// and return plain errors; a caller adds file and offset. Whatever the bytes, they
// allocate at most 24 bytes for each value the caller allows, and for strings 32
// bytes for each byte and 256 for each string that he allows.
//
// Encoders append to dst and return it; so do decoders. A view (Ints, Doubles,
// StringsChunk) refers to the bytes it was parsed from, does
// not own them, and may be read from many goroutines. Functions keep working
// memory, zstd coders included, in pools: in a steady state nothing allocates.
package column
