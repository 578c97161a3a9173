package column

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestInternRefs gives values of all lengths, often the one before again, to InternRefs
// and one by one to Intern: the codes are the same.
func TestInternRefs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var many, single Dict
	for round := range 300 {
		var refs Refs
		var vals []uint64
		for k := r.IntN(3 * internChunk); k >= 0; k-- {
			v := bytes.Repeat([]byte{byte('a' + r.IntN(3))}, r.IntN(60))
			if len(v) > 0 {
				v[r.IntN(len(v))] ^= byte(r.IntN(3))
			}
			ref := uint64(len(refs.Body))
			if r.IntN(8) == 0 {
				ref = uint64(len(refs.More)) | InMore
				refs.More = append(refs.More, v...)
			} else {
				refs.Body = append(refs.Body, v...)
			}
			for range 1 + r.IntN(3) {
				vals = append(vals, ref<<32|uint64(len(v)))
			}
		}
		want := make([]uint64, len(vals))
		for i, ref := range vals {
			want[i] = uint64(single.Intern(refs.At(ref)))
		}
		for at := 0; at < len(vals); {
			n := min(1+r.IntN(len(vals)), len(vals)-at)
			many.InternRefs(&refs, vals[at:at+n])
			at += n
		}
		for i := range vals {
			if vals[i] != want[i] {
				t.Fatalf("round %d: value %d has code %d, want %d", round, i, vals[i], want[i])
			}
		}
		switch {
		case round == 200:
			many.StopInterning()
			single.StopInterning()
		case round%50 == 49:
			many.Reset()
			single.Reset()
		}
	}
}
