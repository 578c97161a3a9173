package datagram

import "sync"

// batch is datagrams back to back.
type batch struct {
	data []byte
	ends []int
	list [][]byte
}

// held is the memory of what is in it.
func (b *batch) held() int { return len(b.data) + len(b.ends)*eachBytes }

// datagrams returns the datagrams. They are cut where they end, so that appending to one
// leaves the next as it is.
func (b *batch) datagrams() [][]byte {
	start := 0
	for _, end := range b.ends {
		b.list = append(b.list, b.data[start:end:end])
		start = end
	}
	return b.list
}

func (b *batch) reset() {
	clear(b.list)
	b.data, b.ends, b.list = b.data[:0], b.ends[:0], b.list[:0]
}

// queue is batches that wait: full ones, and one that is being filled, which is taken as it
// is when nothing else is there. There is one putter, and any number of takers.
type queue struct {
	space *Room
	most  int // bytes of a batch

	mu         sync.Mutex
	more       sync.Cond
	filling    *batch
	full, free []*batch
	closed     bool
}

func newQueue(space *Room) *queue {
	q := &queue{space: space, most: space.batch(), filling: new(batch)}
	q.more.L = &q.mu
	return q
}

// put copies a datagram into the queue, and waits for room first.
func (q *queue) put(datagram []byte) {
	n := len(datagram) + eachBytes
	q.space.take(n)
	q.mu.Lock()
	defer q.mu.Unlock()
	if b := q.filling; len(b.ends) > 0 && b.held()+n > q.most {
		q.full = append(q.full, b)
		q.filling = q.empty()
	}
	b := q.filling
	b.data = append(b.data, datagram...)
	b.ends = append(b.ends, len(b.data))
	q.more.Signal()
}

// empty returns a batch with nothing in it.
func (q *queue) empty() *batch {
	if n := len(q.free); n > 0 {
		b := q.free[n-1]
		q.free = q.free[:n-1]
		return b
	}
	return new(batch)
}

// take returns the oldest batch, and waits for one; nil: the queue is closed and empty.
func (q *queue) take() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if len(q.full) > 0 {
			b := q.full[0]
			n := copy(q.full, q.full[1:])
			q.full[n] = nil
			q.full = q.full[:n]
			return b
		}
		if len(q.filling.ends) > 0 {
			b := q.filling
			q.filling = q.empty()
			return b
		}
		if q.closed {
			return nil
		}
		q.more.Wait()
	}
}

// release takes back a batch that was taken.
func (q *queue) release(b *batch) {
	held := b.held()
	b.reset()
	q.mu.Lock()
	if len(q.free) < keptBatches {
		q.free = append(q.free, b)
	}
	q.mu.Unlock()
	q.space.giveBack(held)
}

// close lets takers end when nothing is left.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}
