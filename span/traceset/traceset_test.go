package traceset_test

import (
	"math"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span/traceset"
)

// However little room there is, each trace is in one range, and few are held at a time.
func TestRanges(t *testing.T) {
	for _, room := range []int{1, 7, 100, 10_000} {
		s, found, ranges := traceset.New(room), make(map[clew.TraceID]int), 0
		for share := 0.0; ; s.Next() {
			for i := range uint64(1000) {
				s.Add(clew.MakeTraceID(1, i*i+1))
				if s.Len() > room {
					t.Fatalf("%d ids with room for %d", s.Len(), room)
				}
			}
			before, in := s.Share()
			if math.Abs(before-share) > 1e-9 || in <= 0 {
				t.Fatalf("room for %d: %g of the hashes before the range and %g in it, want %g before", room, before, in, share)
			}
			share = before + in
			if s.First() != (ranges == 0) {
				t.Fatalf("room for %d: range %d is the first: %v", room, ranges, s.First())
			}
			for _, id := range s.Traces() {
				found[id]++
			}
			if ranges++; s.Last() {
				break
			}
		}
		if len(found) != 1000 || ranges > 8*(1000/room+1) {
			t.Errorf("room for %d: %d traces in %d ranges", room, len(found), ranges)
		}
		for id, n := range found {
			if n != 1 {
				t.Errorf("room for %d: trace %s in %d ranges", room, id, n)
			}
		}
	}
}

// Ids of one low half stay together; those of 128 bits are traces of their own, and one of
// 64 bits is if it is alone.
func TestLowHalves(t *testing.T) {
	var got []clew.TraceID
	s := traceset.New(1)
	for {
		for _, id := range []clew.TraceID{clew.MakeTraceID(0, 7), clew.MakeTraceID(2, 7), clew.MakeTraceID(1, 7), clew.MakeTraceID(1, 7)} {
			s.Add(id)
		}
		if got = append(got, s.Traces()...); s.Last() {
			break
		}
		s.Next()
	}
	slices.SortFunc(got, clew.TraceID.Compare)
	if want := []clew.TraceID{clew.MakeTraceID(1, 7), clew.MakeTraceID(2, 7)}; !slices.Equal(got, want) {
		t.Errorf("traces %v, want %v", got, want)
	}
	s = traceset.New(8)
	s.Add(clew.MakeTraceID(0, 7))
	s.Add(clew.MakeTraceID(1, 8))
	if got := s.Traces(); len(got) != 2 {
		t.Errorf("traces %v, want both", got)
	}
}
