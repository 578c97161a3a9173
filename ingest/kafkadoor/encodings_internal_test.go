package kafkadoor

import (
	"bytes"
	"testing"

	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
)

// FuzzRequests: a request between two others changes nothing about them, whatever it is: it is
// refused here, or by who reads it, or has the spans that it has alone.
func FuzzRequests(f *testing.F) {
	good := corpus.Requests(corpus.Shop, 1, 5, 5)[0]
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte{})
	f.Add([]byte{0x0a, 3, 0x12, 0x7f, 1})
	f.Add([]byte{0x0b, 0x0c})
	f.Fuzz(func(t *testing.T, body []byte) {
		out, _, err := appendRequest(bytes.Clone(good), body)
		if err != nil {
			if !bytes.Equal(out, good) {
				t.Errorf("a request that is refused leaves %d bytes", len(out)-len(good))
			}
			return
		}
		alone, wrong := otlp.CountSpans(body)
		if out, _, err = appendRequest(out, good); err != nil {
			t.Fatal(err)
		}
		n, err := otlp.CountSpans(out)
		if (err != nil) != (wrong != nil) || err == nil && n != alone+10 {
			t.Errorf("%d spans, %v; %d alone, %v", n, err, alone, wrong)
		}
	})
}
