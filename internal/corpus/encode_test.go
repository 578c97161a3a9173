package corpus

import "testing"

func TestAppendPadded(t *testing.T) {
	for _, c := range []struct {
		v     uint64
		width int
		want  string
	}{{0, 3, "000"}, {7, 3, "007"}, {120, 3, "120"}, {31337, 7, "0031337"}} {
		if got := string(appendPadded([]byte("u"), c.v, c.width)); got != "u"+c.want {
			t.Errorf("appendPadded(%d, %d) = %q, want u%s", c.v, c.width, got, c.want)
		}
	}
}

func TestAppendUUID(t *testing.T) {
	if got, want := string(appendUUID(nil, 0x0123456789abcdef, 0x0123456789abcdef)), "01234567-89ab-4def-8123-456789abcdef"; got != want {
		t.Errorf("appendUUID = %s, want %s", got, want)
	}
}
