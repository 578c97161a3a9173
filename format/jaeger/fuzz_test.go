package jaeger_test

import (
	"testing"

	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/jaeger"
	"github.com/clew-tracing/clew/otlp"
)

// mostPerByte bounds what a byte of input may come to: the smallest tag has two bytes, its
// attribute eight; the smallest span has two, its span of OTLP forty.
const mostPerByte = 32

// hold checks what must be true of any translation.
func hold(t *testing.T, what string, body, out []byte, err error) {
	t.Helper()
	switch {
	case err != nil:
		if k := clew.KindOf(err); k != clew.Invalid && k != clew.Unsupported {
			t.Errorf("%s: an error of kind %v: %v", what, k, err)
		}
		if len(out) != 0 {
			t.Errorf("%s: an error with %d bytes", what, len(out))
		}
	case len(out) > mostPerByte*len(body)+64:
		t.Errorf("%s: %d bytes of %d", what, len(out), len(body))
	default:
		// Texts may be no UTF-8, as they came, which OTLP's own types refuse.
		if _, err := otlp.AppendJSON(nil, out); err != nil {
			t.Errorf("%s: this is no OTLP: %v", what, err)
		}
	}
}

func FuzzProto(f *testing.F) {
	f.Add(protoOf(f, shop()))
	f.Add(protoOf(f, newRandom(1).batch(3)))
	f.Fuzz(func(t *testing.T, body []byte) {
		out, _, err := jaeger.AppendProto(nil, body)
		hold(t, "protobuf", body, out, err)
	})
}

func FuzzThrift(f *testing.F) {
	for _, b := range []*api_v2.PostSpansRequest{{Batch: *shop()}, {Batch: *newRandom(1).batch(3)}} {
		x := inThrift(&b.Batch)
		f.Add(thriftOf(f, x))
		for protocol := range protocols {
			f.Add(messageOf(f, protocol, x))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		out, _, err := jaeger.AppendThrift(nil, body)
		hold(t, "Thrift", body, out, err)
		out, _, err = jaeger.AppendMessage(nil, body)
		hold(t, "a message", body, out, err)
	})
}
