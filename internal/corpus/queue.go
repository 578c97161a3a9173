package corpus

// pending is an encoded span that waits for its request.
type pending struct {
	end      uint64
	sequence uint64 // breaks ties of end, so that order never varies
	offset   int    // in the slab
	size     int
	next     int    // in its group, as an index into the batch + 1; 0: last
	group    uint16 // pod and scope
}

// spanQueue is a binary heap of pending spans, the earliest end first.
type spanQueue []pending

func (a *pending) before(b *pending) bool {
	return a.end < b.end || a.end == b.end && a.sequence < b.sequence
}

func (q *spanQueue) push(p pending) {
	h := append(*q, p)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !p.before(&h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = p
	*q = h
}

func (q *spanQueue) pop() pending {
	h := *q
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	if len(h) == 0 {
		return top
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1].before(&h[down]) {
			down++
		}
		if !h[down].before(&last) {
			break
		}
		h[i] = h[down]
		i = down
	}
	h[i] = last
	return top
}
