package digits_test

import (
	"testing"

	"github.com/clew-tracing/clew/column/digits"
)

func TestUUID(t *testing.T) {
	const text = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	var id [16]byte
	if !digits.PutUUID(&id, []byte(text)) || string(digits.AppendUUID(nil, id[:])) != text {
		t.Errorf("%s comes back as %s", text, digits.AppendUUID(nil, id[:]))
	}
	for _, bad := range []string{
		"6BA7b810-9dad-11d1-80b4-00c04fd430c8",
		"6ba7b8109-dad-11d1-80b4-00c04fd430c8",
		"6ba7b810-9dad-11d1-80b4-00c04fd430cg",
		"{ba7b810-9dad-11d1-80b4-00c04fd430c}",
	} {
		if digits.PutUUID(&id, []byte(bad)) {
			t.Errorf("%s is taken for a uuid", bad)
		}
	}
}

func TestHex(t *testing.T) {
	for text, want := range map[string]bool{"": true, "00ff": true, "deadbeef": true, "DEADBEEF": false, "0g": false, "0 ": false} {
		out := make([]byte, len(text)/2)
		if got := digits.PutHex(out, []byte(text)); got != want || digits.Hex([]byte(text)) != want {
			t.Errorf("PutHex(%q) = %v, Hex = %v, want %v", text, got, digits.Hex([]byte(text)), want)
		}
		if want && string(digits.AppendHex(nil, out)) != text {
			t.Errorf("%q comes back as %q", text, digits.AppendHex(nil, out))
		}
	}
}

func TestIPv4(t *testing.T) {
	for text, want := range map[string]uint32{"0.0.0.0": 0, "10.0.1.7": 0x0a000107, "255.255.255.255": 0xffffffff} {
		addr, ok := digits.ParseIPv4([]byte(text))
		if !ok || addr != want || string(digits.AppendIPv4(nil, addr)) != text {
			t.Errorf("ParseIPv4(%s) = %#x, %v, want %#x; it comes back as %s", text, addr, ok, want, digits.AppendIPv4(nil, addr))
		}
	}
	for _, bad := range []string{"", "10.0.0", "10.0.0.01", "10.0.0.256", "10.0.0.1.", "1.2.3.4.5", "10..0.1", "10.0.0.1 ", "1000.0.0.1"} {
		if addr, ok := digits.ParseIPv4([]byte(bad)); ok {
			t.Errorf("ParseIPv4(%q) = %#x, want none", bad, addr)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v     uint64
		width int
		want  string
	}{{0, 0, "0"}, {7, 3, "007"}, {1234, 3, "1234"}, {18446744073709551615, 0, "18446744073709551615"}} {
		if got := string(digits.AppendNumber(nil, c.v, c.width)); got != c.want {
			t.Errorf("AppendNumber(%d, %d) = %s, want %s", c.v, c.width, got, c.want)
		}
	}
}
