package datagram_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-tracing/clew/ingest/datagram"
)

// socket opens a socket on loopback, and one that sends to it.
func socket(tb testing.TB) (net.PacketConn, net.Conn) {
	tb.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	to, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = to.Close(); _ = conn.Close() })
	return conn, to
}

// serving runs Serve, and returns what stops it and waits.
func serving(tb testing.TB, s *datagram.Server, conn net.PacketConn, handle func([][]byte)) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, conn, handle) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Serve: %v", err)
		}
	})
}

// kept is a handler that copies what it gets.
type kept struct {
	mu      sync.Mutex
	batches [][]string
}

func (k *kept) handle(batch [][]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var b []string
	for _, d := range batch {
		b = append(b, string(d))
	}
	k.batches = append(k.batches, b)
}

// all returns the datagrams, sorted: batches of several workers come in any order.
func (k *kept) all() []string {
	all := slices.Concat(k.batches...)
	slices.Sort(all)
	return all
}

func send(tb testing.TB, to net.Conn, b []byte) {
	tb.Helper()
	if _, err := to.Write(b); err != nil {
		tb.Fatal(err)
	}
}

// TestAll: every size arrives as it was sent, also the empty one and the largest, and what
// the kernel has when the server is told to stop.
func TestAll(t *testing.T) {
	var s datagram.Server
	conn, to := socket(t)
	var want []string
	for _, n := range []int{0, 1, 1000, 32_768, 65_000, 65_507} {
		b := bytes.Repeat([]byte{byte('a' + len(want))}, n)
		want = append(want, string(b))
		send(t, to, b)
	}
	var k kept
	stop := serving(t, &s, conn, k.handle)
	stop()
	if got := k.all(); !slices.Equal(got, want) {
		t.Errorf("%d datagrams came, want the %d sent", len(got), len(want))
	}
	st := s.Stats()
	if st.Received != int64(len(want)) || st.Bytes != 0+1+1000+32_768+65_000+65_507 || st.KernelDrops != 0 || st.Truncated != 0 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
	if _, err := conn.WriteTo(nil, conn.LocalAddr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket is open after Serve: %v", err)
	}
}

// TestBatches: what comes while all workers are busy is handed over together.
func TestBatches(t *testing.T) {
	s := datagram.Server{Workers: 1}
	conn, to := socket(t)
	busy, resume := make(chan struct{}), make(chan struct{})
	var k kept
	stop := serving(t, &s, conn, func(batch [][]byte) {
		k.handle(batch)
		if string(batch[0]) == "first" {
			close(busy)
			<-resume
		}
	})
	send(t, to, []byte("first"))
	<-busy
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprintf("%03d", i))
		send(t, to, []byte(want[i]))
	}
	for s.Stats().Received < 101 {
		runtime.Gosched()
	}
	close(resume)
	stop()
	if len(k.batches) < 2 || len(k.batches) > 3 || !slices.Equal(slices.Concat(k.batches[1:]...), want) {
		t.Errorf("batches %q, want the first datagram and then all others, in order", k.batches)
	}
}

// TestAddsUp: when nobody takes what is received, memory stays bounded, and every datagram
// that was sent was received or dropped by the kernel, which says so.
func TestAddsUp(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what it dropped")
	}
	s := datagram.Server{Room: datagram.NewRoom(1100 << 10), ReceiveBuffer: 64 << 10, Workers: 1}
	conn, to := socket(t)
	resume := make(chan struct{})
	var handled atomic.Int64
	stop := serving(t, &s, conn, func(batch [][]byte) {
		<-resume
		handled.Add(int64(len(batch)))
	})
	sent := int64(0)
	for st := s.Stats(); st.KernelDrops == 0 || st.Received < 1024; st = s.Stats() {
		send(t, to, make([]byte, 1024))
		sent++
	}
	if st := s.Stats(); st.Bytes > 1<<20+datagram.MaxBytes || st.ReceiveBuffer < 64<<10 || st.ReceiveBuffer > 256<<10 {
		t.Errorf("%+v: more is queued than there is room for, or the buffer is another", st)
	}
	close(resume)
	stop()
	st := s.Stats()
	if st.Received+st.KernelDrops != sent || handled.Load() != st.Received {
		t.Errorf("%d received and %d dropped of %d sent, %d handled", st.Received, st.KernelDrops, sent, handled.Load())
	}
}

// TestSockets: one server may have several sockets, whose drops and datagrams add up.
func TestSockets(t *testing.T) {
	var s datagram.Server
	var k kept
	for i := range 3 {
		conn, to := socket(t)
		send(t, to, []byte{byte('0' + i)})
		defer serving(t, &s, conn, k.handle)()
		if i == 2 {
			for s.Stats().Received < 3 {
				runtime.Gosched()
			}
		}
	}
	if st := s.Stats(); st.Received != 3 || st.Bytes != 3 {
		t.Errorf("%+v", st)
	}
}

// TestRoomIsShared: what waits at one server leaves no room at another, which takes what was
// sent to it when there is.
func TestRoomIsShared(t *testing.T) {
	room := datagram.NewRoom(64 << 10)
	one, two := datagram.Server{Room: room, Workers: 1}, datagram.Server{Room: room, Workers: 1}
	full, toFull := socket(t)
	other, toOther := socket(t)
	resume := make(chan struct{})
	busy := make(chan struct{}, 3)
	handle := func([][]byte) { busy <- struct{}{}; <-resume }
	stopOne := serving(t, &one, full, handle)
	var k kept
	var resumed atomic.Bool
	stopTwo := serving(t, &two, other, func(batch [][]byte) {
		if !resumed.Load() {
			t.Error("a datagram was taken that there was no room for")
		}
		k.handle(batch)
	})
	send(t, toFull, make([]byte, 40_000))
	<-busy
	send(t, toFull, make([]byte, 20_000))
	for one.Stats().Received < 2 {
		runtime.Gosched()
	}
	send(t, toOther, make([]byte, 30_000))
	for two.Stats().Received < 1 {
		runtime.Gosched()
	}
	resumed.Store(true)
	close(resume)
	stopOne()
	stopTwo()
	if got := k.all(); len(got) != 1 || len(got[0]) != 30_000 {
		t.Errorf("%d datagrams came, want the one that waited", len(got))
	}
}

// failing is a socket whose first reads fail, and that is then closed.
type failing struct {
	net.PacketConn
	left int
}

func (f *failing) ReadFrom([]byte) (int, net.Addr, error) {
	if f.left--; f.left >= 0 {
		return 0, nil, errors.New("no buffer space available")
	}
	return 0, nil, net.ErrClosed
}

// TestErrors: an error of one read is counted; a closed socket ends the server.
func TestErrors(t *testing.T) {
	var s datagram.Server
	conn, _ := socket(t)
	err := s.Serve(context.Background(), &failing{conn, 3}, func([][]byte) { t.Error("handled") })
	if !errors.Is(err, net.ErrClosed) || s.Stats().Failed != 3 {
		t.Errorf("%v, %+v", err, s.Stats())
	}
}

// large is a socket, not of UDP, whose datagrams are larger than any of UDP.
type large struct {
	net.PacketConn
	left int
}

func (l *large) ReadFrom(b []byte) (int, net.Addr, error) {
	if l.left--; l.left >= 0 {
		return copy(b, make([]byte, datagram.MaxBytes+l.left)), nil, nil
	}
	return 0, nil, net.ErrClosed
}

// TestTruncated: a datagram that did not fit is counted and not handed on.
func TestTruncated(t *testing.T) {
	var s datagram.Server
	var k kept
	conn, _ := socket(t)
	if err := s.Serve(context.Background(), &large{conn, 4}, k.handle); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if got := k.all(); len(got) != 1 || len(got[0]) != datagram.MaxBytes || s.Stats().Truncated != 3 {
		t.Errorf("%d datagrams, %+v", len(got), s.Stats())
	}
}

// BenchmarkServe is a datagram of a kilobyte from the sender to a handler that does nothing.
func BenchmarkServe(b *testing.B) {
	s := new(datagram.Server)
	conn, to := socket(b)
	var batches atomic.Int64
	stop := serving(b, s, conn, func([][]byte) { batches.Add(1) })
	data := make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		send(b, to, data)
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if st := s.Stats(); st.Received+st.KernelDrops >= int64(b.N) {
			break
		}
	}
	stop()
	st := s.Stats()
	b.ReportMetric(float64(st.KernelDrops)/float64(b.N)*100, "%dropped")
	b.ReportMetric(float64(st.Received)/float64(batches.Load()), "datagrams/batch")
}
