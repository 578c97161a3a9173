package xray

import (
	"reflect"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/xray"
)

// Seconds is a moment as X-Ray's JSON has it: a number of seconds since 1970, read and
// written as a decimal.
type Seconds clew.UnixNanos

// MarshalJSON implements json.Marshaler.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return xray.AppendSeconds(nil, clew.UnixNanos(s)), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Seconds) UnmarshalJSON(text []byte) error {
	t, ok := xray.ParseSeconds(text)
	if !ok {
		return clew.Errorf(clew.Invalid, "the time %s: want a number of seconds since 1970", clip(text))
	}
	*s = Seconds(t)
	return nil
}

func clip(text []byte) string {
	if len(text) > 40 {
		return string(text[:40]) + "…"
	}
	return string(text)
}

// jsonName is what JSON calls a kind of Go's.
func jsonName(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a number"
}

// whole returns an answer in which no list or map is nil, which JSON would have as null:
// clients that are strict about it take [] and {}.
func whole(answer any) any {
	v := reflect.New(reflect.TypeOf(answer)).Elem()
	v.Set(reflect.ValueOf(answer))
	fill(v)
	return v.Interface()
}

// fill makes lists and maps in v, which can be set, empty ones where they are nil. What a
// pointer or list of the answer leads to is changed in its place, where it has such; maps are
// copied, since to write what is there already is a race, too, with others that have the map.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				fill(f)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 { // bytes
			return
		}
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		filled := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			one := reflect.New(v.Type().Elem()).Elem()
			one.Set(it.Value())
			fill(one)
			filled.SetMapIndex(it.Key(), one)
		}
		v.Set(filled)
	}
}
