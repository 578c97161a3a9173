package column

import (
	"encoding/binary"
	"fmt"
)

// damaged builds the error of bytes that no encoder of this package wrote. It
// names no file: the caller knows where the bytes came from.
func damaged(format string, args ...any) error {
	return fmt.Errorf("damaged column chunk: "+format, args...)
}

// parser reads fields from the front of src. After the first error all reads
// return zero, so that a header is read in one go and checked once.
type parser struct {
	src []byte
	err error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = damaged(format, args...)
	}
}

func (p *parser) byte(what string) byte {
	if p.err == nil && len(p.src) == 0 {
		p.fail("ends before its %s", what)
	}
	if p.err != nil {
		return 0
	}
	b := p.src[0]
	p.src = p.src[1:]
	return b
}

func (p *parser) uvarint(what string) uint64 {
	if p.err != nil {
		return 0
	}
	v, n := binary.Uvarint(p.src)
	if n <= 0 {
		p.fail("bad %s", what)
		return 0
	}
	p.src = p.src[n:]
	return v
}

// count reads a number that must be at most limit.
func (p *parser) count(what string, limit int) int {
	v := p.uvarint(what)
	if p.err == nil && v > uint64(max(limit, 0)) {
		p.fail("%s is %d, more than %d", what, v, limit)
	}
	if p.err != nil {
		return 0
	}
	return int(v)
}

// take returns the next size bytes. What follows them stays reachable through
// the capacity.
func (p *parser) take(what string, size int) []byte {
	if p.err == nil && size > len(p.src) {
		p.fail("%s takes %d bytes, %d are left", what, size, len(p.src))
	}
	if p.err != nil {
		return nil
	}
	b := p.src[:size]
	p.src = p.src[size:]
	return b
}
