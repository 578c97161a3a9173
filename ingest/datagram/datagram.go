// Package datagram receives datagrams and hands them on in batches: one at a time while
// little comes, many at once when more comes than one hand-over each would keep up with.
//
//	socket -> reader -> queue of batches -> workers -> handle
//
// A sender of datagrams is told nothing, so that what is lost must be counted where it is
// lost. There is one such place: when the queues have all the room that they share, the
// reader waits, the kernel's buffer fills, and the kernel drops and counts. Stats asks it.
package datagram

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Server receives from any number of sockets. The zero value is ready to use.
type Server struct {
	// Room bounds the datagrams that wait, of all servers that share it; nil is one of the
	// default size for each socket.
	Room *Room
	// ReceiveBuffer is the size of the kernel's buffer that is asked for; 0 is
	// DefaultReceiveBuffer, or the room if that is less.
	ReceiveBuffer int
	// Workers is how many batches are handled at once; 0 is DefaultWorkers.
	Workers int

	received, bytes, truncated, failed atomic.Int64

	mu sync.Mutex
	// sockets are those being served; gone is what those before them dropped.
	sockets map[*net.UDPConn]struct{}
	gone    int64
	buffer  int
}

// Stats is a snapshot of what came.
type Stats struct {
	// Received are the datagrams read, Bytes their size.
	Received, Bytes int64
	// KernelDrops are those that the kernel had no room for, on systems that tell.
	KernelDrops int64
	// Truncated are those that were larger than MaxBytes. They are not handed on.
	Truncated int64
	// Failed are the reads that met an error other than the end of the socket.
	Failed int64
	// ReceiveBuffer is the size of the kernel's buffer of the socket opened last, by
	// its own counting, in which a small datagram takes a kilobyte; 0: unknown.
	ReceiveBuffer int
}

// Stats returns the counts. It may be called at any time.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	drops := s.gone
	for c := range s.sockets {
		drops += kernelDrops(c)
	}
	return Stats{
		Received: s.received.Load(), Bytes: s.bytes.Load(), KernelDrops: drops,
		Truncated: s.truncated.Load(), Failed: s.failed.Load(), ReceiveBuffer: s.buffer,
	}
}

// Serve receives from conn until ctx ends, then what the kernel has already received, and
// returns nil when all of it has been handled; or it returns the error that ended the
// socket. It closes conn.
//
// handle is called from Workers goroutines. A batch has at least one datagram, in the order
// in which they came; its memory is the callee's until handle returns. An empty datagram is
// one, too.
func (s *Server) Serve(ctx context.Context, conn net.PacketConn, handle func(batch [][]byte)) error {
	room := s.Room
	if room == nil {
		room = NewRoom(0)
	}
	s.open(conn, room)
	defer s.close(conn)
	q := newQueue(room)
	var workers sync.WaitGroup
	n := s.Workers
	if n <= 0 {
		n = DefaultWorkers
	}
	for range n {
		workers.Go(func() {
			for b := q.take(); b != nil; b = q.take() {
				handle(b.datagrams())
				q.release(b)
			}
		})
	}
	err := s.read(ctx, conn, q)
	q.close()
	workers.Wait()
	return err
}

// open makes the kernel's buffer of a socket large, and remembers the socket for Stats.
func (s *Server) open(conn net.PacketConn, room *Room) {
	c, ok := conn.(*net.UDPConn)
	if !ok {
		return
	}
	size := s.ReceiveBuffer
	if size <= 0 {
		size = room.receive()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffer = setReceiveBuffer(c, size)
	if s.sockets == nil {
		s.sockets = make(map[*net.UDPConn]struct{})
	}
	s.sockets[c] = struct{}{}
}

// close ends a socket and keeps what it dropped.
func (s *Server) close(conn net.PacketConn) {
	if c, ok := conn.(*net.UDPConn); ok {
		s.mu.Lock()
		s.gone += kernelDrops(c)
		delete(s.sockets, c)
		s.mu.Unlock()
	}
	_ = conn.Close() // nothing was written
}

// read puts what comes into the queue.
func (s *Server) read(ctx context.Context, conn net.PacketConn, q *queue) error {
	// A read that waits ends when ctx does.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, MaxBytes+1)
	for {
		err := s.one(conn, buf, q)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			s.drain(conn, buf, q)
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			// An ICMP message, memory that the kernel lacks: the next read may work.
			s.failed.Add(1)
			select {
			case <-ctx.Done():
			case <-time.After(failedPause):
			}
		}
	}
}

// drain reads what the kernel has received before the server was told to stop.
func (s *Server) drain(conn net.PacketConn, buf []byte, q *queue) {
	for end := time.Now().Add(drainMost); time.Now().Before(end); {
		if err := conn.SetReadDeadline(time.Now().Add(drainIdle)); err != nil {
			return
		}
		if err := s.one(conn, buf, q); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				s.failed.Add(1)
			}
			return
		}
	}
}

// one reads a datagram and queues it.
func (s *Server) one(conn net.PacketConn, buf []byte, q *queue) error {
	n, err := receive(conn, buf)
	if err != nil {
		return err
	}
	s.received.Add(1)
	s.bytes.Add(int64(n))
	if n > MaxBytes {
		s.truncated.Add(1)
		return nil
	}
	q.put(buf[:n])
	return nil
}

// receive reads a datagram, of a socket of UDP without making an object of its address.
func receive(conn net.PacketConn, buf []byte) (int, error) {
	if c, ok := conn.(*net.UDPConn); ok {
		n, _, err := c.ReadFromUDPAddrPort(buf)
		return n, err
	}
	n, _, err := conn.ReadFrom(buf)
	return n, err
}
