package ingest

import "sync"

// buffers keeps the memory of requests for the next ones, by size: a request that
// may turn out to be large begins small, and what it holds is reserved by what it
// has room for. The zero value is ready to use, by many goroutines at once.
type buffers struct {
	small, medium, large sync.Pool // of *[]byte, with at least the size of the class
}

// get returns an empty buffer with room for at least n bytes, more if that makes
// it one that can be kept.
func (p *buffers) get(n int) []byte {
	pool, size := p.class(n)
	if pool == nil {
		return make([]byte, 0, n)
	}
	if b, ok := pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 0, size)
}

// class returns where buffers with room for n bytes are, nil where none are kept.
func (p *buffers) class(n int) (*sync.Pool, int) {
	switch {
	case n <= smallBuffer:
		return &p.small, smallBuffer
	case n <= mediumBuffer:
		return &p.medium, mediumBuffer
	case n <= largeBuffer:
		return &p.large, largeBuffer
	}
	return nil, n
}

// put takes a buffer back; nobody else may have it.
func (p *buffers) put(b []byte) {
	b = b[:0]
	switch c := cap(b); {
	case c < smallBuffer || c > 2*largeBuffer:
	case c < mediumBuffer:
		p.small.Put(&b)
	case c < largeBuffer:
		p.medium.Put(&b)
	default:
		p.large.Put(&b)
	}
}
