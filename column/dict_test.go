package column

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestDictAgainstMap(t *testing.T) {
	var d Dict
	for round := range 3 {
		rng := rand.New(rand.NewPCG(1, uint64(round)))
		codes := map[string]uint32{}
		var order []string
		for range 5000 {
			v := fmt.Sprintf("value-%d", rng.IntN(1500))
			if rng.IntN(4) == 0 && len(order) > 0 {
				v = order[len(order)-1]
			}
			want, seen := codes[v]
			if code, ok := d.Lookup([]byte(v)); ok != seen || code != want {
				t.Fatalf("Lookup(%q) = %d, %v, want %d, %v", v, code, ok, want, seen)
			}
			if !seen {
				want = uint32(len(order))
				codes[v], order = want, append(order, v)
			}
			if code := d.Intern([]byte(v)); code != want {
				t.Fatalf("Intern(%q) = %d, want %d", v, code, want)
			}
		}
		if d.Len() != len(order) {
			t.Fatalf("Len() = %d, want %d", d.Len(), len(order))
		}
		for code, v := range order {
			if got := d.At(uint32(code)); string(got) != v {
				t.Fatalf("At(%d) = %q, want %q", code, got, v)
			}
		}
		if round == 1 {
			d.StopInterning()
		}
		d.Reset()
		if _, ok := d.Lookup([]byte("value-1")); ok || d.Len() != 0 || !d.Interning() {
			t.Fatalf("Reset left values or mode behind")
		}
	}
}

func TestDictSteps(t *testing.T) {
	var d Dict
	intern := func(v string, want uint32) {
		t.Helper()
		if got := d.Intern([]byte(v)); got != want {
			t.Errorf("Intern(%q) = %d, want %d", v, got, want)
		}
	}
	intern("", 0)
	intern("", 0)
	intern("a", 1)
	intern("", 0)
	if got := d.Append([]byte("a")); got != 2 {
		t.Errorf("Append(a) = %d, want 2", got)
	}
	intern("b", 3)
	intern("", 0)
	d.StopInterning()
	intern("b", 4)
	intern("b", 5)
	if _, ok := d.Lookup([]byte("b")); ok || d.Interning() {
		t.Error("StopInterning left the table")
	}
	d.Reset()
	intern("b", 0)
	intern("b", 0)
}

func TestDictFull(t *testing.T) {
	var d Dict
	d.Intern([]byte("x"))
	buf := d.vals.Buf
	// A buffer of 4 GiB is only claimed: its length is never read.
	d.vals.Ends[0] = MaxBuf
	if !(&Strings{Buf: buf}).Room(MaxBuf-1) || (&Strings{Buf: buf}).Room(MaxBuf) {
		t.Error("Room does not end at MaxBuf")
	}
	if d.Full(MaxBuf-1) || !d.Full(MaxBuf) {
		t.Error("Full does not begin beyond MaxBuf")
	}
}

func TestStringsSnapshotWhileAppending(t *testing.T) {
	var d Dict
	published := make(chan Strings, 16)
	done := make(chan error, 1)
	go func() {
		for s := range published {
			for i := range s.Len() {
				if want := fmt.Sprint("v", i); string(s.At(i)) != want {
					done <- fmt.Errorf("snapshot value %d = %q, want %q", i, s.At(i), want)
					return
				}
			}
		}
		done <- nil
	}()
	for i := range 2000 {
		d.Intern(fmt.Append(nil, "v", i))
		if i%50 == 0 {
			published <- d.View()
		}
	}
	close(published)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestDictSteadyStateAllocatesNothing(t *testing.T) {
	values := make([][]byte, 1000)
	for i := range values {
		values[i] = fmt.Appendf(nil, "some value %d", i)
	}
	var d Dict
	fill := func() {
		d.Reset()
		for _, v := range values {
			d.Intern(v)
			d.Lookup(v)
		}
		d.StopInterning()
		for _, v := range values {
			d.Intern(v)
		}
	}
	fill()
	if n := testing.AllocsPerRun(10, fill); n != 0 {
		t.Errorf("%v allocations per refill, want 0", n)
	}
}

func benchValues(n int) [][]byte {
	values := make([][]byte, n)
	for i := range values {
		values[i] = fmt.Appendf(nil, "/api/v1/orders/%06d", i*7919%n)
	}
	return values
}

func BenchmarkDictInternHit(b *testing.B) {
	values := benchValues(256)
	var d Dict
	for _, v := range values {
		d.Intern(v)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		d.Intern(values[i&255])
		i++
	}
}

func BenchmarkDictInternLast(b *testing.B) {
	v := []byte("/api/v1/orders/000123")
	var d Dict
	d.Intern(v)
	b.ReportAllocs()
	for b.Loop() {
		d.Intern(v)
	}
}

func BenchmarkDictInternMiss(b *testing.B) {
	values := benchValues(1 << 14)
	var d Dict
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i&(1<<14-1) == 0 {
			d.Reset()
		}
		d.Intern(values[i&(1<<14-1)])
		i++
	}
}

func BenchmarkDictAppend(b *testing.B) {
	v := bytes.Repeat([]byte("x"), 36)
	var d Dict
	d.StopInterning()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i&(1<<14-1) == 0 {
			d.Reset()
			d.StopInterning()
		}
		d.Intern(v)
		i++
	}
}
