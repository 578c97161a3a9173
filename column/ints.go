package column

import "github.com/clew-tracing/clew/column/bitpack"

// Uint is an element of a vector of integers.
type Uint interface{ bitpack.Uint }

// Ints is a parsed chunk of integers: a view into the bytes it was parsed from,
// which must stay as they are while it is used. The zero value is an empty
// vector. Reading is safe from many goroutines.
type Ints struct {
	kind  IntKind
	width uint8
	n     int
	base  uint64 // minimum of the values, or of the zigzag differences
	first uint64 // value 0 of the delta kinds
	split int    // IntRuns: length of the run values in data; IntPacks: of the heads
	data  []byte // payload; For, Delta, Packs: with what follows it, at most 8 bytes

	// Of IntPacks, whose width is that of the packs' minimums:
	sumBits uint8
	lows    int // where the minimums begin in data
}

// ParseInts reads the header of the chunk at the start of src, of at most
// maxValues values, and returns the bytes behind the chunk. It allocates
// nothing.
func ParseInts(src []byte, maxValues int) (x Ints, rest []byte, err error) {
	return parseInts(src, maxValues, true)
}

func parseInts(src []byte, maxValues int, allowRuns bool) (x Ints, rest []byte, err error) {
	p := parser{src: src}
	x.kind = IntKind(p.byte("kind"))
	if x.kind >= intKinds || x.kind == IntRuns && !allowRuns {
		p.fail("kind of integers %d", x.kind)
	}
	x.n = p.count("number of values", min(maxValues, MaxValues))
	switch x.kind {
	case IntRuns:
		return parseRuns(x, p)
	case IntPacks:
		return parsePacks(x, p)
	}
	x.base = p.uvarint("minimum")
	x.width = p.byte("width")
	if x.width > 64 {
		p.fail("width %d", x.width)
	}
	packed := x.n
	if x.kind == IntDelta || x.kind == IntDeltaZstd {
		x.first = p.uvarint("first value")
		packed--
		if x.n == 0 {
			p.fail("no values, but a first one")
		}
	}
	if x.kind == IntZstd || x.kind == IntDeltaZstd {
		x.data = p.take("frame", p.count("frame length", len(p.src)))
	} else {
		x.data = p.take("payload", bitpack.Size(packed, uint(x.width)))
		// Bytes behind the payload spare most of the careful tail of Unpack.
		x.data = x.data[:len(x.data)+min(8, cap(x.data)-len(x.data), len(p.src))]
	}
	if p.err != nil {
		return Ints{}, src, p.err
	}
	return x, p.src, nil
}

// parseRuns finds the end of both parts; x has kind and n already.
func parseRuns(x Ints, p parser) (Ints, []byte, error) {
	src := p.src
	split := p.count("length of the run values", len(src))
	data := p.src
	first := p.take("run values", split)
	if p.err != nil {
		return Ints{}, src, p.err
	}
	heads, between, err := parseInts(first, x.n, false)
	if err != nil {
		return Ints{}, src, err
	}
	lengths, rest, err := parseInts(p.src, x.n, false)
	if err != nil {
		return Ints{}, src, err
	}
	if len(between) > 0 || heads.n != lengths.n {
		return Ints{}, src, damaged("%d run values with %d bytes to spare, %d run lengths", heads.n, len(between), lengths.n)
	}
	x.split, x.data = split, data[:len(data)-len(rest)]
	return x, rest, nil
}

// Len returns the number of values.
func (x *Ints) Len() int { return x.n }

// Kind returns how the chunk is encoded.
func (x *Ints) Kind() IntKind { return x.kind }

// Min returns the least value of an IntFor, IntPacks or IntZstd chunk (as int64 for a
// vector encoded as Signed), and 0 for the other kinds and for no values.
func (x *Ints) Min() uint64 {
	if x.kind == IntFor || x.kind == IntPacks || x.kind == IntZstd {
		return x.base
	}
	return 0
}

// Constant reports whether all values are known to be equal to Min without
// decoding any.
func (x *Ints) Constant() bool { return x.kind == IntFor && x.width == 0 }

// RandomAccess reports whether At works.
func (x *Ints) RandomAccess() bool { return x.kind == IntFor || x.kind == IntPacks }

// At returns value i of a chunk with RandomAccess; it panics for any other
// chunk, and for an index that is not in [0, Len).
func (x *Ints) At(i int) uint64 {
	if !x.RandomAccess() || uint(i) >= uint(x.n) {
		// The caller broke the contract: Len and RandomAccess tell beforehand.
		panic("column: Ints.At without random access or beyond the end")
	}
	if x.kind == IntPacks {
		return x.packAt(i)
	}
	if x.width == 0 {
		return x.base
	}
	return x.base + bitpack.At(x.data, i, uint(x.width))
}

// search returns the index of the first value of an ascending vector with
// RandomAccess that is v or more. In a vector that is not ascending it returns
// some index in [0, Len].
func (x *Ints) search(v uint64) int {
	low, high := 0, x.n
	for low < high {
		mid := int(uint(low+high) / 2)
		if x.At(mid) < v {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// Decode appends all values to dst. Its errors are about damaged bytes. It
// allocates dst where that is too short, and pooled memory of up to 16 bytes a
// value.
func (x *Ints) Decode(dst []uint64) ([]uint64, error) { return DecodeRange(dst, x, 0, x.n) }

// DecodeRange appends the values [start, end) to dst: see the function.
func (x *Ints) DecodeRange(dst []uint64, start, end int) ([]uint64, error) {
	return DecodeRange(dst, x, start, end)
}

// DecodeInts appends the values of the chunk at the start of src to dst and
// returns the bytes behind the chunk. It is an error if there are more than
// maxValues or one does not fit T; dst is then returned as it was.
func DecodeInts[T Uint](dst []T, src []byte, maxValues int) (vals []T, rest []byte, err error) {
	x, rest, err := ParseInts(src, maxValues)
	if err != nil {
		return dst, src, err
	}
	vals, err = DecodeRange(dst, &x, 0, x.n)
	return vals, rest, err
}

// DecodeRange appends the values [start, end) of x to dst, as T. It is an error
// if one does not fit T or the bytes are damaged; dst is then returned as it
// was. A range outside [0, x.Len()) panics.
//
// A chunk with RandomAccess costs its range only; the others are decoded from
// the front, IntZstd and IntDeltaZstd as a whole.
func DecodeRange[T Uint](dst []T, x *Ints, start, end int) ([]T, error) {
	if start < 0 || start > end || end > x.n {
		// The caller broke the contract: Len tells beforehand.
		panic("column: DecodeRange outside the chunk")
	}
	if start == end {
		return dst, nil
	}
	old := len(dst)
	dst = grow(dst, end-start)
	out := dst[old:]
	var err error
	switch x.kind {
	case IntFor:
		err = decodeFor(out, x, start)
	case IntRuns:
		err = decodeRuns(out, x, start)
	case IntPacks:
		err = decodePacks(out, x, start)
	case IntDelta:
		err = decodeDelta(out, x, start)
	default:
		err = decodePlanes(out, x, start)
	}
	if err != nil {
		return dst[:old], err
	}
	return dst, nil
}

// kindNames are for people: inspection tools and test output.
var kindNames = [intKinds]string{"for", "delta", "runs", "zstd", "delta-zstd", "packs"}

// String returns the kind's name.
func (k IntKind) String() string {
	if k < intKinds {
		return kindNames[k]
	}
	return "unknown"
}
