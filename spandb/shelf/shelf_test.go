package shelf

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// rack is a shelf of numbers that notes what is opened and closed.
type rack struct {
	*Shelf[int]
	slots  []Slot[int]
	log    []int // n was opened, -n closed
	failed error
}

func newRack(count int, bytes int64) *rack {
	r := &rack{slots: make([]Slot[int], 10)}
	r.Shelf = New(count, bytes, func(n int) { r.log = append(r.log, -n) })
	return r
}

// take takes slot n, whose value is n and whose size is 10·n.
func (r *rack) take(n int) (int, error) {
	return r.Take(&r.slots[n], func() (int, int64, error) {
		if r.failed != nil {
			return 0, 0, r.failed
		}
		r.log = append(r.log, n)
		return n, int64(10 * n), nil
	})
}

func (r *rack) use(n int) {
	if _, err := r.take(n); err == nil {
		r.Give(&r.slots[n])
	}
}

// TestOrder runs short histories and compares what was opened and closed.
func TestOrder(t *testing.T) {
	for name, c := range map[string]struct {
		count int
		bytes int64
		run   func(r *rack)
		want  []int
	}{
		"nothing is opened twice": {3, 1000, func(r *rack) { r.use(1); r.use(2); r.use(1) }, []int{1, 2}},
		"that used longest ago goes first": {2, 1000, func(r *rack) { r.use(1); r.use(2); r.use(1); r.use(3); r.use(4) },
			[]int{1, 2, 3, -2, 4, -1}},
		"memory bounds too":       {9, 50, func(r *rack) { r.use(1); r.use(2); r.use(3); r.use(1) }, []int{1, 2, 3, -1, 1, -2}},
		"one larger than a shelf": {9, 50, func(r *rack) { r.use(6); r.use(6) }, []int{6, -6, 6, -6}},
		"what is in use stays": {1, 1000, func(r *rack) {
			for _, n := range []int{1, 2, 3} {
				if _, err := r.take(n); err != nil {
					panic(err)
				}
			}
			r.Give(&r.slots[2])
		}, []int{1, 2, 3, -2}},
		"twice in use, once given back": {1, 1000, func(r *rack) {
			for range 2 {
				if _, err := r.take(1); err != nil {
					panic(err)
				}
			}
			r.Give(&r.slots[1])
			r.use(2)
			r.Give(&r.slots[1])
		}, []int{1, 2, -2}},
		"dropped while idle": {9, 1000, func(r *rack) { r.use(1); r.Drop(&r.slots[1]); r.Drop(&r.slots[2]) }, []int{1, -1}},
		"dropped while in use": {9, 1000, func(r *rack) {
			if _, err := r.take(1); err != nil {
				panic(err)
			}
			r.Drop(&r.slots[1])
			r.log = append(r.log, 0)
			r.Give(&r.slots[1])
		}, []int{1, 0, -1}},
		"emptied": {9, 1000, func(r *rack) {
			r.use(1)
			r.use(2)
			if _, err := r.take(3); err != nil || !r.Empty() || r.Empty() {
				panic("not emptied once")
			}
		}, []int{1, 2, 3, -1, -2}},
		"aged": {9, 1000, func(r *rack) {
			r.use(1)
			r.Age()
			r.use(2)
			r.Age()
			r.Age()
			r.use(2)
			r.Age()
		}, []int{1, 2, -1}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRack(c.count, c.bytes)
			c.run(r)
			if !slices.Equal(r.log, c.want) {
				t.Errorf("opened and closed %v, want %v", r.log, c.want)
			}
		})
	}
}

// TestOpenFails has a value that cannot be opened: the error is told, and the next
// try opens it.
func TestOpenFails(t *testing.T) {
	r := newRack(9, 1000)
	r.failed = errors.New("no")
	if _, err := r.take(1); !errors.Is(err, r.failed) {
		t.Fatalf("Take = %v, want %v", err, r.failed)
	}
	r.failed = nil
	if v, err := r.take(1); v != 1 || err != nil {
		t.Fatalf("Take = %d, %v, want 1", v, err)
	}
	if count, bytes := r.Size(); count != 1 || bytes != 10 {
		t.Fatalf("Size = %d, %d, want 1 and 10", count, bytes)
	}
}

// thing is a value that knows whether it was closed.
type thing struct {
	n      int
	closed atomic.Bool
}

// TestConcurrentSafe has many goroutines use few slots: a value is open while it
// is in use and closed once, and the shelf is never fuller than its limit and what
// is in use.
func TestConcurrentSafe(t *testing.T) {
	const slots, workers, limit = 20, 8, 5
	var open atomic.Int64
	s := New(limit, 1<<40, func(x *thing) {
		open.Add(-1)
		if x.closed.Swap(true) {
			t.Errorf("%d was closed twice", x.n)
		}
	})
	places := make([]Slot[*thing], slots)
	var wg sync.WaitGroup
	for w := range workers {
		rng := rand.New(rand.NewPCG(1, uint64(w)))
		wg.Go(func() {
			for range 2000 {
				n := rng.IntN(slots)
				x, err := s.Take(&places[n], func() (*thing, int64, error) {
					open.Add(1)
					return &thing{n: n}, 1, nil
				})
				if err != nil || x.n != n {
					t.Errorf("Take(%d) = %+v, %v", n, x, err)
				}
				// Those being opened or closed at this moment come on top.
				if n := open.Load(); n > limit+3*workers {
					t.Errorf("%d are open", n)
				}
				if rng.IntN(50) == 0 {
					s.Age()
				}
				if x.closed.Load() {
					t.Errorf("%d was closed while in use", n)
				}
				s.Give(&places[n])
			}
		})
	}
	wg.Wait()
	s.Empty()
	if count, bytes := s.Size(); count != 0 || bytes != 0 || open.Load() != 0 {
		t.Fatalf("after Empty %d of %d bytes are open, by count %d", count, bytes, open.Load())
	}
}
