package column

import (
	"slices"

	"github.com/clew-tracing/clew/column/bitpack"
)

// grow returns dst with n more elements, whose values are undefined.
func grow[T any](dst []T, n int) []T { return slices.Grow(dst, n)[:len(dst)+n] }

// limitOf returns the largest value of T.
func limitOf[T Uint]() uint64 { return uint64(^T(0)) }

// fits reports whether every base+x with x of w bits fits below limit.
func fits(base uint64, w uint, limit uint64) bool {
	return limit == ^uint64(0) || base <= limit && bitpack.Mask(w) <= limit-base
}

// narrow copies block to out and returns an error if a value does not fit.
func narrow[T Uint](out []T, block []uint64) error {
	var all uint64
	for i, v := range block {
		out[i] = T(v)
		all |= v
	}
	if all > limitOf[T]() {
		return damaged("a value does not fit %d", limitOf[T]())
	}
	return nil
}

func decodeFor[T Uint](out []T, x *Ints, start int) error {
	w := uint(x.width)
	switch {
	case w == 0:
		if x.base > limitOf[T]() {
			return damaged("value %d does not fit %d", x.base, limitOf[T]())
		}
		for i := range out {
			out[i] = T(x.base)
		}
		return nil
	case fits(x.base, w, limitOf[T]()):
		bitpack.Unpack(out, x.data, start, w, x.base)
		return nil
	}
	var block [packBlock]uint64
	for len(out) > 0 {
		m := min(len(out), packBlock)
		bitpack.Unpack(block[:m], x.data, start, w, x.base)
		if err := narrow(out, block[:m]); err != nil {
			return err
		}
		out, start = out[m:], start+m
	}
	return nil
}

// A summer turns blocks of zigzag differences into values and keeps those from
// start on.
type summer[T Uint] struct {
	out   []T
	skip  int
	value uint64
}

func newSummer[T Uint](out []T, x *Ints, start int) (summer[T], error) {
	s := summer[T]{out: out, skip: start, value: x.first}
	return s, s.put([]uint64{x.first})
}

// put takes values as they are.
func (s *summer[T]) put(block []uint64) error {
	if s.skip >= len(block) {
		s.skip -= len(block)
		return nil
	}
	block = block[s.skip:]
	s.skip = 0
	block = block[:min(len(block), len(s.out))]
	err := narrow(s.out, block)
	s.out = s.out[len(block):]
	return err
}

// add takes differences.
func (s *summer[T]) add(block []uint64) error {
	v := s.value
	for i, z := range block {
		v += bitpack.Unzigzag(z)
		block[i] = v
	}
	s.value = v
	return s.put(block)
}

func decodeDelta[T Uint](out []T, x *Ints, start int) error {
	s, err := newSummer(out, x, start)
	if err != nil {
		return err
	}
	var block [packBlock]uint64
	for at := 0; len(s.out) > 0; at += packBlock {
		m := min(x.n-1-at, packBlock)
		if x.width == 0 {
			for i := range block[:m] {
				block[i] = x.base
			}
		} else {
			bitpack.Unpack(block[:m], x.data, at, uint(x.width), x.base)
		}
		if err := s.add(block[:m]); err != nil {
			return err
		}
	}
	return nil
}

// decodeParts decodes the values of runs into s.vals and their lengths, as many,
// into s.more.
func (x *Ints) decodeParts(s *scratch) error {
	heads, _, err := parseInts(x.data[:x.split], x.n, false)
	if err != nil {
		return err
	}
	lengths, _, err := parseInts(x.data[x.split:], x.n, false)
	if err != nil {
		return err
	}
	if s.vals, err = heads.Decode(s.vals[:0]); err != nil {
		return err
	}
	s.more, err = lengths.Decode(s.more[:0])
	return err
}

func decodeRuns[T Uint](out []T, x *Ints, start int) error {
	s := getScratch()
	defer s.put()
	if err := x.decodeParts(s); err != nil {
		return err
	}
	left := uint64(x.n)
	for i, run := range s.more {
		if run > left || run == 0 {
			return damaged("run %d of %d values, %d are left", i, run, left)
		}
		left -= run
		if s.vals[i] > limitOf[T]() {
			return damaged("run value %d does not fit %d", s.vals[i], limitOf[T]())
		}
		m := int(run)
		if start >= m {
			start -= m
			continue
		}
		m = min(m-start, len(out))
		start = 0
		v := T(s.vals[i])
		part := out[:m]
		for j := range part {
			part[j] = v
		}
		out = out[m:]
	}
	if left > 0 {
		return damaged("runs end %d values early", left)
	}
	return nil
}

func decodePlanes[T Uint](out []T, x *Ints, start int) error {
	s := getScratch()
	defer s.put()
	n, planes := x.n, int(x.width+7)/8
	if x.kind == IntDeltaZstd {
		n--
	}
	var err error
	s.planes = resize(s.planes, n*planes)
	if s.planes, err = s.decompress(s.planes[:0], x.data, n*planes); err != nil {
		return err
	}
	var block [packBlock]uint64
	if x.kind == IntZstd {
		for len(out) > 0 {
			m := min(len(out), packBlock)
			joinPlanes(block[:m], s.planes, start, n, planes, x.base)
			if err := narrow(out, block[:m]); err != nil {
				return err
			}
			out, start = out[m:], start+m
		}
		return nil
	}
	sum, err := newSummer(out, x, start)
	if err != nil {
		return err
	}
	for at := 0; len(sum.out) > 0; at += packBlock {
		m := min(n-at, packBlock)
		joinPlanes(block[:m], s.planes, at, n, planes, x.base)
		if err := sum.add(block[:m]); err != nil {
			return err
		}
	}
	return nil
}

// joinPlanes sets block to base plus the values from at on, of n values in
// byte planes.
func joinPlanes(block []uint64, data []byte, at, n, planes int, base uint64) {
	for i := range block {
		block[i] = base
	}
	for k := range planes {
		plane := data[k*n+at:][:len(block)]
		shift := 8 * uint(k) & 63
		for i, b := range plane {
			block[i] += uint64(b) << shift
		}
	}
}
