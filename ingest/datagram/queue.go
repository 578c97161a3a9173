package datagram

import "sync"

// batch is datagrams back to back.
type batch struct {
	data []byte
	ends []int
	list [][]byte
}

// fits reports whether a datagram of n bytes has a place in it.
func (b *batch) fits(n int) bool {
	return len(b.ends) == 0 || (len(b.data)+n <= batchBytes && len(b.ends) < batchCount)
}

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
	most int // full batches

	mu         sync.Mutex
	more, room sync.Cond
	filling    *batch
	full, free []*batch
	closed     bool
}

func newQueue(size int) *queue {
	if size <= 0 {
		size = DefaultQueueBytes
	}
	q := &queue{most: max(size/batchBytes, 1), filling: new(batch)}
	q.more.L, q.room.L = &q.mu, &q.mu
	return q
}

// put copies a datagram into the queue, and waits for room first.
func (q *queue) put(datagram []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.filling.fits(len(datagram)) {
		if len(q.full) < q.most {
			q.full = append(q.full, q.filling)
			q.filling = q.empty()
			break
		}
		q.room.Wait()
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
			q.room.Signal()
			return b
		}
		if len(q.filling.ends) > 0 {
			b := q.filling
			q.filling = q.empty()
			q.room.Signal()
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
	b.reset()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.free) < keptBatches {
		q.free = append(q.free, b)
	}
}

// close lets takers end when nothing is left.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}
