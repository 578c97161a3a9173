package admission

import (
	"runtime"
	"testing"
	"time"
)

// TestRation lends all there is, has some returned, and lets the collector return
// what was forgotten.
func TestRation(t *testing.T) {
	r := NewRation(100)
	a, b := r.Lend(), r.Lend()
	for i, c := range []struct {
		loan *Loan
		n    int64
		ok   bool
		used int64
	}{
		{a, 60, true, 60},
		{b, 41, false, 60},
		{b, 40, true, 100},
		{b, 30, true, 100}, // has it
		{a, 61, false, 100},
	} {
		if ok := c.loan.Grow(c.n); ok != c.ok || r.Used() != c.used {
			t.Fatalf("%d: Grow(%d) = %v, %d bytes are lent", i, c.n, ok, r.Used())
		}
	}
	b.Return()
	b.Return()
	if r.Used() != 60 || !b.Grow(40) {
		t.Fatalf("%d bytes are lent after a loan of 40 was returned", r.Used())
	}
	held := new([16]byte)
	ReturnWith(held, a)
	runtime.GC()
	if r.Used() != 100 {
		t.Fatal("what somebody holds is returned")
	}
	runtime.KeepAlive(held)
	for limit := time.Now().Add(time.Minute); r.Used() != 40; runtime.GC() {
		if time.Now().After(limit) {
			t.Fatalf("%d bytes are still lent", r.Used())
		}
		runtime.Gosched()
	}
}
