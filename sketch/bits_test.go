package sketch

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

func gammaBits(v uint64) uint64 { return 2*uint64(bits.Len64(v)) - 1 }

// TestBits writes numbers of all widths and reads them.
func TestBits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var w bitWriter
		var vs []uint64
		var widths []uint // 0: gamma
		for range r.IntN(50) {
			width := uint(1 + r.IntN(63))
			v := r.Uint64() >> (64 - width)
			if r.IntN(2) == 0 {
				width, v = 0, max(1, r.Uint64()>>r.IntN(64))
				if r.IntN(20) == 0 {
					v = math.MaxUint64
				}
				w.gamma(v)
			} else {
				w.put(v, width)
			}
			vs, widths = append(vs, v), append(widths, width)
		}
		b := w.bytes()
		rd := bitReader{src: append(b, 7)}
		for i, v := range vs {
			got := uint64(0)
			switch two := widths[i] == 0 && i+1 < len(vs) && widths[i+1] == 0; {
			case two && r.IntN(2) == 0: // the second is read again
				again := rd
				got, _ = rd.gammas()
				if _, second := again.gammas(); second != vs[i+1] {
					t.Fatalf("number %d read behind another: %#x, want %#x", i+1, second, vs[i+1])
				}
				rd = again
				rd.at -= gammaBits(vs[i+1])
			case widths[i] == 0:
				got = rd.gamma()
			default:
				got = rd.take(widths[i])
			}
			if got != v || rd.bad {
				t.Fatalf("number %d of width %d: %#x, want %#x (bad: %v)", i, widths[i], got, v, rd.bad)
			}
		}
		if rest := rd.rest(); len(rest) != 1 || rest[0] != 7 {
			t.Fatalf("rest %x, want 07", rest)
		}
	}
	for _, b := range [][]byte{nil, {0}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {0x80}} {
		if rd := (bitReader{src: b}); rd.gamma() != 1 && !rd.bad {
			t.Errorf("a number is read from %x", b)
		}
	}
}
