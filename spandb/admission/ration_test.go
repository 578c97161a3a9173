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
	if c := r.LendHalf(); c.Grow(1) {
		t.Fatal("who can do with less takes what is left for others")
	}
	b.Return()
	a.Return()
	if c := r.LendHalf(); c.Grow(51) || !c.Grow(50) || !a.Grow(50) || c.Grow(51) {
		t.Fatalf("%d bytes are lent, half of them to who can do with less", r.Used())
	} else {
		c.Return()
	}
	if !a.Grow(60) || !b.Grow(40) {
		t.Fatal("what was returned is not there")
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
