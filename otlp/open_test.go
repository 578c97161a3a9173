package otlp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
)

// opened prints a value looked into by Open, all levels of it.
func opened(v clew.Value) string {
	if v.Type != clew.TypeOther {
		return v.Type.String() + " " + v.String()
	}
	o, err := otlp.Open(v)
	if err != nil {
		return err.Error()
	}
	var parts []string
	switch o.Form {
	case otlp.FormBytes:
		return fmt.Sprintf("bytes %x", o.Bytes)
	case otlp.FormArray:
		for _, x := range o.Array {
			parts = append(parts, opened(x))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case otlp.FormMap:
		for _, a := range o.Map {
			parts = append(parts, a.Key+": "+opened(a.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return "empty"
}

func TestOpen(t *testing.T) {
	raw := func(s string) clew.Value { return clew.Value{Type: clew.TypeOther, Bytes: []byte(s)} }
	f := func(v clew.Value, want string) {
		t.Helper()
		if got := opened(v); got != want {
			t.Errorf("%x: %s, want %s", v.Bytes, got, want)
		}
	}
	f(raw(""), "empty")
	f(raw("\x40\x05"), "empty") // a string of a table that only profiles have
	f(raw("\x3a\x02\x01\xff"), "bytes 01ff")
	f(raw("\x3a\x00"), "bytes ")
	f(raw("\x2a\x00"), "[]")
	f(raw("\x2a\x10\x0a\x03\x0a\x01\xff\x0a\x06\x2a\x04\x0a\x02\x10\x01\x0a\x01\x3a"), "OTLP protobuf: offset 18: the message ends within a field")
	f(raw("\x2a\x0d\x0a\x03\x0a\x01\xff\x0a\x06\x2a\x04\x0a\x02\x10\x01"), "[string \xff, [bool true]]")
	f(raw("\x32\x09\x0a\x07\x0a\x01k\x12\x02\x18\x05"), "{k: int 5}")
	f(raw("\x32\x12\x0a\x07\x0a\x01k\x12\x02\x18\x05\x0a\x07\x0a\x01k\x12\x02\x18\x06"), "{k: int 5, k: int 6}")
	f(raw("\x32\x05\x0a\x03\x0a\x01k"), "{k: empty}")
	// In two pieces, and with bytes before the array, which then do not count.
	f(raw("\x2a\x04\x0a\x02\x18\x05\x2a\x04\x0a\x02\x18\x06"), "[int 5, int 6]")
	f(raw("\x3a\x01x\x2a\x04\x0a\x02\x18\x05"), "[int 5]")
	// Damage names its place.
	f(raw("\x2a\x04\x0a\x02\x18"), "OTLP protobuf: offset 1: a field claims more bytes than the message has")
	f(raw("\x2a\x03\x0a\x01\x18"), "OTLP protobuf: offset 5: the message ends within a field")
}

func TestEachExtra(t *testing.T) {
	f := func(extra, want string) {
		t.Helper()
		var got []string
		err := otlp.EachExtra([]byte(extra), func(key string, v clew.Value) { got = append(got, key+"="+v.String()) })
		if err != nil {
			got = append(got, err.Error())
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%x: %s, want %s", extra, s, want)
		}
	}
	f("", "")
	f("\x4a\x07\x0a\x01k\x12\x02\x18\x05\x4a\x08\x0a\x01k\x12\x03\x0a\x01s", "k=5; k=s")
	f("\x4a\x07\x0a\x01k\x12\x02\x18\x05\x4a", "k=5; OTLP protobuf: offset 10: the message ends within a field")
}
