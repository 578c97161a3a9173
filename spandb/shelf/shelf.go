// Package shelf keeps open what was used last. What is opened takes file handles
// and memory, so that a Shelf holds a bounded number of things of a bounded size:
// when it is full, what was used longest ago is closed. What is in use is never
// closed, however full the shelf is.
//
//	closed ──Take──▶ in use ──Give──▶ idle ──Take──▶ in use
//	   ▲                                │
//	   └── room was needed, Age, Empty ─┘
package shelf

import "sync"

// A Shelf holds opened values of one type. It is safe for concurrent use. Nothing
// is opened or closed while one of its locks is held but that of the slot.
type Shelf[T any] struct {
	maxCount int
	maxBytes int64
	close    func(T)

	mu    sync.Mutex // guards all below, and the slots' fields
	idle  list[T]    // open and not in use, that given back longest ago first
	count int        // open slots
	bytes int64      // of them
	age   uint64     // calls of Age
}

// A Slot is the place of one value. The zero value is a closed one. It belongs to
// one Shelf and is not copied.
type Slot[T any] struct {
	opening sync.Mutex // held while the value is being opened

	value    T
	open     bool
	dropped  bool
	uses     int
	bytes    int64
	age      uint64 // of the shelf, when it was given back
	up, down *Slot[T]
}

// New returns a shelf for up to maxCount values of maxBytes together, besides those
// in use; close is called for each that leaves it.
func New[T any](maxCount int, maxBytes int64, close func(T)) *Shelf[T] {
	return &Shelf[T]{maxCount: maxCount, maxBytes: maxBytes, close: close}
}

// Take returns the value of a slot, opened by open if it is closed; what open
// returns besides is the memory that the value takes. Of several goroutines that
// take a closed slot one opens it. Each Take without an error is followed by a Give.
func (s *Shelf[T]) Take(p *Slot[T], open func() (T, int64, error)) (T, error) {
	if v, ok := s.takeOpen(p); ok {
		return v, nil
	}
	p.opening.Lock()
	defer p.opening.Unlock()
	if v, ok := s.takeOpen(p); ok {
		return v, nil
	}
	v, bytes, err := open()
	if err != nil {
		return v, err
	}
	s.mu.Lock()
	p.value, p.open, p.uses, p.bytes = v, true, 1, bytes
	s.count++
	s.bytes += bytes
	gone := s.makeRoom(nil)
	s.mu.Unlock()
	s.closeAll(gone)
	return v, nil
}

func (s *Shelf[T]) takeOpen(p *Slot[T]) (v T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.open {
		return v, false
	}
	if p.uses == 0 {
		s.idle.remove(p)
	}
	p.uses++
	return p.value, true
}

// Give ends one use of a slot.
func (s *Shelf[T]) Give(p *Slot[T]) {
	s.mu.Lock()
	p.uses--
	var gone []T
	if p.uses == 0 {
		p.age = s.age
		s.idle.append(p)
		if p.dropped {
			gone = append(gone, s.take(p))
		}
		gone = s.makeRoom(gone)
	}
	s.mu.Unlock()
	s.closeAll(gone)
}

// Drop closes a slot that nobody will take again: at once, or when the last who
// uses it gives it back.
func (s *Shelf[T]) Drop(p *Slot[T]) {
	s.mu.Lock()
	p.dropped = true
	var gone []T
	if p.open && p.uses == 0 {
		gone = append(gone, s.take(p))
	}
	s.mu.Unlock()
	s.closeAll(gone)
}

// Age closes what has not been used since the call before the last one.
func (s *Shelf[T]) Age() {
	s.mu.Lock()
	var gone []T
	for s.idle.first != nil && s.idle.first.age+1 < s.age {
		gone = append(gone, s.take(s.idle.first))
	}
	s.age++
	s.mu.Unlock()
	s.closeAll(gone)
}

// Empty closes all that is not in use, and reports whether that was anything.
func (s *Shelf[T]) Empty() bool {
	s.mu.Lock()
	var gone []T
	for s.idle.first != nil {
		gone = append(gone, s.take(s.idle.first))
	}
	s.mu.Unlock()
	s.closeAll(gone)
	return len(gone) > 0
}

// Size returns how many values are open and the memory they take.
func (s *Shelf[T]) Size() (count int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, s.bytes
}

// makeRoom takes idle values off the shelf while it holds too much, and appends
// them. s.mu is held.
func (s *Shelf[T]) makeRoom(gone []T) []T {
	for s.idle.first != nil && (s.count > s.maxCount || s.bytes > s.maxBytes) {
		gone = append(gone, s.take(s.idle.first))
	}
	return gone
}

// take takes an idle value off the shelf. s.mu is held.
func (s *Shelf[T]) take(p *Slot[T]) T {
	s.idle.remove(p)
	s.count--
	s.bytes -= p.bytes
	v := p.value
	var none T
	p.value, p.open, p.bytes = none, false, 0
	return v
}

func (s *Shelf[T]) closeAll(values []T) {
	for _, v := range values {
		s.close(v)
	}
}

// list is slots in the order in which they were given back.
type list[T any] struct{ first, last *Slot[T] }

func (l *list[T]) append(p *Slot[T]) {
	p.up, p.down = l.last, nil
	if l.last == nil {
		l.first = p
	} else {
		l.last.down = p
	}
	l.last = p
}

func (l *list[T]) remove(p *Slot[T]) {
	if p.up == nil {
		l.first = p.down
	} else {
		p.up.down = p.down
	}
	if p.down == nil {
		l.last = p.up
	} else {
		p.down.up = p.up
	}
	p.up, p.down = nil, nil
}
