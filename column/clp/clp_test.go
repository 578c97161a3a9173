package clp_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/column/clp"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		in, template string
		numbers      []uint64
	}{
		{"", "", nil},
		{"no number", "no number", nil},
		{"17", "\x01", []uint64{17}},
		{"0", "\x01", []uint64{0}},
		{"00", "\x02\x02", []uint64{0}},
		{"ord-000123", "ord-\x02\x06", []uint64{123}},
		{"GET /order/17 took 007 ms", "GET /order/\x01 took \x02\x03 ms", []uint64{17, 7}},
		{"999999999999999999", "\x01", []uint64{999999999999999999}},
		{"1000000000000000000", "1000000000000000000", nil},
		{"000000000000000001", "\x02\x12", []uint64{1}},
		{"12345678901234567890123 4", "12345678901234567890123 \x01", []uint64{4}},
		{strings.Repeat("1 ", 17), strings.Repeat("\x01 ", 16) + "1 ", slices.Repeat([]uint64{1}, 16)},
		{"\xff\x03é/:", "\xff\x03é/:", nil},
		{"٣3", "٣\x01", []uint64{3}},
	} {
		var numbers [clp.MaxNumbers]uint64
		template, n, ok := clp.Split([]byte(">"), &numbers, []byte(c.in))
		if !ok || string(template) != ">"+c.template || !slices.Equal(numbers[:n], c.numbers) {
			t.Errorf("Split(%q) = %q, %d, %v, want %q, %d", c.in, template, numbers[:n], ok, ">"+c.template, c.numbers)
		}
	}
	for _, in := range []string{"\x00", "a\x01b", "long enough for a word of eight\x02", "17\x02"} {
		var numbers [clp.MaxNumbers]uint64
		if template, _, ok := clp.Split(nil, &numbers, []byte(in)); ok {
			t.Errorf("Split(%q) = %q, want none", in, template)
		}
	}
}
