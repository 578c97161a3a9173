package gunzip

// order is the order in which a block tells the lengths of the codes of code lengths:
// those that are rarely used come last and need not be there.
var order = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// Entries of symbols, without the bits of their codes.
var (
	sizeSymbols     = makeSizes()
	literalSymbols  = makeLiterals()
	distanceSymbols = makeDistances()
)

func makeSizes() (s [len(order)]uint32) {
	for i := range s {
		s[i] = uint32(i) << 16
	}
	return s
}

// makeLiterals returns the entries of bytes, of the end, and of lengths: 3 to 10 one
// each, then four for each number of extra bits; the longest has one of its own.
func makeLiterals() (s [maxLiterals]uint32) {
	for i := range endOfBlock {
		s[i] = literalFlag | uint32(i)<<16
	}
	s[endOfBlock] = endFlag
	base := uint32(3)
	for i := range 28 {
		extra := uint32(max(i/4-1, 0))
		s[endOfBlock+1+i] = base<<16 | extra
		base += 1 << extra
	}
	s[285], s[286], s[287] = maxMatch<<16, invalid, invalid
	return s
}

// makeDistances returns the entries of distances: 1 to 4 one each, then two for each
// number of extra bits.
func makeDistances() (s [maxDistances]uint32) {
	base := uint32(1)
	for i := range 30 {
		extra := uint32(max(i/2-1, 0))
		s[i] = base<<16 | extra
		base += 1 << extra
	}
	s[30], s[31] = invalid, invalid
	return s
}

// makeFixed makes the tables of the codes that the format fixes.
func (d *Decoder) makeFixed() {
	if d.fixed {
		return
	}
	d.fixed = true
	for i := range d.lengths {
		switch {
		case i < 144:
			d.lengths[i] = 8
		case i < 256:
			d.lengths[i] = 9
		case i < 280:
			d.lengths[i] = 7
		case i < maxLiterals:
			d.lengths[i] = 8
		default:
			d.lengths[i] = 5
		}
	}
	d.literals.make(d.lengths[:maxLiterals], literalSymbols[:], literalBits)
	d.distant.make(d.lengths[maxLiterals:], distanceSymbols[:], distanceBits)
}

// readCodes reads the codes of a block and makes their tables.
//
//	u5 literals-257, u5 distances-1, u4 sizes-4
//	u3 for each of sizes, by order: the length of the code of a code length
//	a code length for each literal and distance: 0 to 15 itself, 16 the last one again
//	3 to 6 times (u2), 17 and 18 zero 3 to 10 times (u3) and 11 to 138 times (u7)
func (d *Decoder) readCodes(in *input) error {
	d.fixed = false
	head, err := in.get(14)
	if err != nil {
		return err
	}
	literals, distances, sizes := 257+int(head&31), 1+int(head>>5&31), 4+int(head>>10)
	if literals > 286 || distances > 30 {
		return ErrCorrupt
	}
	var lengths [len(order)]uint8
	for _, s := range order[:sizes] {
		l, err := in.get(3)
		if err != nil {
			return err
		}
		lengths[s] = uint8(l)
	}
	if !d.sizes.make(lengths[:], sizeSymbols[:], sizeBits) {
		return ErrCorrupt
	}
	if err := d.readLengths(in, d.lengths[:literals+distances]); err != nil {
		return err
	}
	if !d.literals.make(d.lengths[:literals], literalSymbols[:], literalBits) ||
		!d.distant.make(d.lengths[literals:literals+distances], distanceSymbols[:], distanceBits) {
		return ErrCorrupt
	}
	return nil
}

// readLengths reads the lengths of codes.
func (d *Decoder) readLengths(in *input, lengths []uint8) error {
	for i := 0; i < len(lengths); {
		in.fill()
		e := d.sizes[in.bits&(1<<sizeBits-1)]
		if e&endFlag != 0 {
			return ErrCorrupt
		}
		in.bits >>= e & 63
		in.n -= uint(e & 63)
		symbol, value, least, extra := e>>16, uint8(0), 1, uint(0)
		switch symbol {
		case 16:
			if i == 0 {
				return ErrCorrupt
			}
			value, least, extra = lengths[i-1], 3, 2
		case 17:
			least, extra = 3, 3
		case 18:
			least, extra = 11, 7
		default:
			value = uint8(symbol)
		}
		more, err := in.get(extra)
		if err != nil {
			return err
		}
		count := least + int(more)
		if count > len(lengths)-i {
			return ErrCorrupt
		}
		for range count {
			lengths[i] = value
			i++
		}
	}
	return nil
}
