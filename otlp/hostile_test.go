package otlp_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span/build"
)

// TestHostile sends requests of about 256 KiB made to be dear in one way each, and
// bounds what they make the decoder allocate. The time of each is logged.
func TestHostile(t *testing.T) {
	const size = 1 << 18
	good := goodTrace + goodSpan
	key := func(i int) string {
		return field(0x0a, string(binary.AppendUvarint(nil, uint64(i)))) + "\x12\x02\x10\x01"
	}
	filled := func(piece func(i int) string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			b.WriteString(piece(i))
		}
		return b.String()
	}
	scope := func(spans string) string { return field(0x0a, field(0x12, spans)) }
	id := func(i int) string {
		return "\x0a\x10" + string(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 1), uint64(i))) + goodSpan
	}
	cases := map[string]string{
		"empty spans":               scope(filled(func(int) string { return "\x12\x00" })),
		"spans of ids only":         scope(filled(func(i int) string { return field(0x12, id(i)) })),
		"new key each span":         scope(filled(func(i int) string { return field(0x12, good+field(0x4a, key(i))) })),
		"new key each refused span": scope(filled(func(i int) string { return field(0x12, field(0x4a, key(i))) })),
		"new key each refused event": scope(filled(func(i int) string {
			return field(0x12, field(0x5a, field(0x1a, key(i))))
		})),
		"keys in one span":    scope(field(0x12, good+filled(func(i int) string { return field(0x4a, key(i)) }))),
		"one key in one span": scope(field(0x12, good+filled(func(int) string { return field(0x4a, key(1)) }))),
		"empty attributes":    scope(field(0x12, good+filled(func(int) string { return "\x4a\x00" }))),
		"empty events":        scope(field(0x12, good+filled(func(int) string { return "\x5a\x00" }))),
		"empty links":         scope(field(0x12, good+filled(func(int) string { return "\x6a\x00" }))),
		"refused with links":  scope(filled(func(i int) string { return field(0x12, good+field(0x6a, "\x0a\x01x"+field(0x22, key(i)))) })),
		"new name each span":  scope(filled(func(i int) string { return field(0x12, good+field(0x2a, string(id(i)[2:18]))) })),
		"new order each span": scope(filled(func(i int) string { return field(0x12, good+order(i)) })),
		"new resource each span": filled(func(i int) string {
			return field(0x0a, field(0x0a, field(0x0a, key(i)))+field(0x12, field(0x12, good)))
		}),
		"keys in one resource": field(0x0a, field(0x0a, filled(func(i int) string { return field(0x0a, key(i)) }))+field(0x12, field(0x12, good))),
		"empty resource keys":  field(0x0a, field(0x0a, filled(func(int) string { return "\x0a\x00" }))+field(0x12, field(0x12, good))),
		"scattered resource":   field(0x0a, filled(func(int) string { return "\x12\x00\x0a\x00" })+field(0x12, field(0x12, good))),
		"value in pieces":      scope(field(0x12, good+field(0x4a, filled(func(int) string { return "\x12\x00" })))),
		"empty array elements": scope(field(0x12, good+field(0x4a, field(0x12, field(0x2a, filled(func(int) string { return "\x0a\x00" })))))),
		"unknown groups":       filled(func(int) string { return "\x0b\x0c" }),
		"no spans":             filled(func(int) string { return "\x0a\x00" }),
	}
	for name, in := range cases {
		body := []byte(in)
		b := build.NewBuilder(1)
		var dec otlp.Decoder
		var err error
		start := time.Now()
		n := allocated(func() { _, err = dec.Decode(b, body, otlp.Options{}) })
		took := time.Since(start)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n > maxDecodeBytes(len(body)) {
			t.Errorf("%s: %d bytes allocated for %d", name, n, len(body))
		}
		start = time.Now()
		text := 0
		m := allocated(func() {
			out, err := otlp.AppendJSON(nil, body)
			if err != nil {
				t.Errorf("%s: AppendJSON: %v", name, err)
			}
			text = len(out)
		})
		if m > 256*len(body) {
			t.Errorf("%s: %d bytes allocated for the JSON of %d", name, m, len(body))
		}
		t.Logf("%-28s decode %4d bytes/byte %8v   JSON %4d bytes/byte, %2d long, %8v", name, n/len(body), took.Round(time.Millisecond),
			m/len(body), text/len(body), time.Since(start).Round(time.Millisecond))
	}
}

// order is a list of attributes whose order tells i.
func order(i int) string {
	var s string
	for bit := range 12 {
		if i>>bit&1 != 0 {
			s += field(0x4a, field(0x0a, string(rune('a'+bit)))+"\x12\x02\x10\x01")
		}
	}
	return s
}
