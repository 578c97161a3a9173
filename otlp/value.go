package otlp

import (
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
)

// Fields of AnyValue.
const (
	anyString = wire.ValueString
	anyBool   = wire.ValueBool
	anyInt    = wire.ValueInt
	anyDouble = wire.ValueDouble
	anyArray  = wire.ValueArray
	anyMap    = wire.ValueMap
	anyBytes  = wire.ValueBytes
	// anyStringIndex is string_value_strindex, which only profiles may have. It
	// is kept, as part of a raw value.
	anyStringIndex = 8
)

// keyIndex is KeyValue's key_strindex, which only profiles may have. It is not
// kept, except within raw values.
const keyIndex = 3

// seen is what was noticed in a value on the way.
type seen struct {
	unknown int
	odd     bool // text that is not UTF-8, in arrays and maps
}

// readValue reads an AnyValue message. Of several fields the last one set counts.
// Strings and raw messages share m's memory. A value that is no scalar is looked
// through, to maxDepth, so that those who read it later need not check.
func readValue(m []byte) (v clew.Value, s seen, err error) {
	v.Type, v.Bytes = clew.TypeOther, m
	err = s.value(m, 1, &v)
	return v, s, err
}

// value reads an AnyValue into v, if that is not nil, and looks through it.
func (s *seen) value(m []byte, depth int, v *clew.Value) error {
	if depth > maxDepth {
		return flawAt(m, 0, flawValues)
	}
	var f field
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		var x clew.Value
		switch {
		case f.is(anyString, wireBytes):
			x = clew.Value{Type: clew.TypeString, Bytes: f.data}
			if v == nil && !utf8.Valid(f.data) {
				s.odd = true
			}
		case f.is(anyBool, wireVarint):
			x = clew.BoolValue(f.bits != 0)
		case f.is(anyInt, wireVarint):
			x = clew.Value{Type: clew.TypeInt, Bits: f.bits}
		case f.is(anyDouble, wireFixed64):
			x = clew.Value{Type: clew.TypeDouble, Bits: f.bits}
		default:
			known, err := s.nested(&f, depth)
			if err != nil {
				return err
			}
			if !known {
				s.unknown++
				i = end
				continue
			}
			x = clew.Value{Type: clew.TypeOther, Bytes: m}
		}
		if v != nil {
			*v = x
		}
		i = end
	}
	return nil
}

// nested looks through a field of AnyValue that is kept raw; false if the field
// is unknown.
func (s *seen) nested(f *field, depth int) (bool, error) {
	switch {
	case f.is(anyArray, wireBytes):
		return true, s.array(f.data, depth)
	case f.is(anyMap, wireBytes):
		return true, s.pairs(f.data, depth)
	case f.is(anyBytes, wireBytes), f.is(anyStringIndex, wireVarint):
		return true, nil
	}
	return false, nil
}

func (s *seen) array(m []byte, depth int) error {
	var f field
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		if f.is(1, wireBytes) {
			if err := s.value(f.data, depth+1, nil); err != nil {
				return err
			}
		} else {
			s.unknown++
		}
		i = end
	}
	return nil
}

func (s *seen) pairs(m []byte, depth int) error {
	var f field
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		if f.is(1, wireBytes) {
			if err := s.pair(f.data, depth); err != nil {
				return err
			}
		} else {
			s.unknown++
		}
		i = end
	}
	return nil
}

func (s *seen) pair(m []byte, depth int) error {
	var f field
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		switch {
		case f.is(1, wireBytes):
			if !utf8.Valid(f.data) {
				s.odd = true
			}
		case f.is(2, wireBytes):
			if err := s.value(f.data, depth+1, nil); err != nil {
				return err
			}
		case f.is(keyIndex, wireVarint):
		default:
			s.unknown++
		}
		i = end
	}
	return nil
}
