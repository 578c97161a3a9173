package datagram

import "sync"

// Room bounds the memory of the datagrams that wait or are being handled, at all servers that
// share it. It is safe for concurrent use.
type Room struct {
	most int

	mu   sync.Mutex
	more sync.Cond // signalled when there is less in use
	used int
}

// NewRoom returns room for so many bytes; DefaultRoomBytes if that is 0.
func NewRoom(bytes int64) *Room {
	if bytes <= 0 {
		bytes = DefaultRoomBytes
	}
	r := &Room{most: int(bytes)}
	r.more.L = &r.mu
	return r
}

// take waits until there is room for n bytes. What is alone may be more than there is.
func (r *Room) take(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.used > 0 && r.used+n > r.most {
		r.more.Wait()
	}
	r.used += n
}

// giveBack makes room again for those who wait for it.
func (r *Room) giveBack(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= n
	r.more.Broadcast()
}

// batch is how large batches are: several have room, one is filled while others are handled.
func (r *Room) batch() int { return min(batchBytes, r.most/batchesOfRoom) }

// receive is how large a buffer is asked of the kernel, which is memory, too.
func (r *Room) receive() int { return min(DefaultReceiveBuffer, r.most) }
