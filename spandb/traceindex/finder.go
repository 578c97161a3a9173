package traceindex

// A Finder finds many traces: it keeps the buckets that it has read, while there is room.
// One goroutine; not for longer than a query, since what it keeps is not read again.
type Finder struct {
	x     *Index
	kept  map[bucketAt]*bucket // nil: it keeps none
	bytes int
}

type bucketAt struct {
	p      *pack
	number int
}

// Finder returns a finder that has read nothing.
func (x *Index) Finder() *Finder { return &Finder{x: x, kept: make(map[bucketAt]*bucket)} }

// bucket returns a bucket; done is to be called with it.
func (f *Finder) bucket(p *pack, number int) (*bucket, error) {
	if b := f.kept[bucketAt{p, number}]; b != nil {
		return b, nil
	}
	b := buckets.Get().(*bucket)
	if err := p.read(b, number); err != nil {
		buckets.Put(b)
		return nil, err
	}
	if f.kept == nil {
		return b, nil
	}
	if f.bytes += cap(b.buf); f.bytes > finderBytes {
		clear(f.kept)
		f.bytes = cap(b.buf)
	}
	f.kept[bucketAt{p, number}] = b
	return b, nil
}

func (f *Finder) done(b *bucket) {
	if f.kept == nil {
		buckets.Put(b)
	}
}
