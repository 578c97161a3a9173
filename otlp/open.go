package otlp

import (
	"github.com/clew-tracing/clew"
)

// Form is what a value of TypeOther is.
type Form uint8

// The forms. FormEmpty is a value that was never set, or in a way that only
// profiles may use.
const (
	FormEmpty Form = iota
	FormBytes
	FormArray
	FormMap
)

// An Opened value is one of TypeOther seen one level deep. The field of its form
// is set; all share the value's memory.
type Opened struct {
	Form  Form
	Bytes []byte
	Array []clew.Value
	Map   []clew.Attr // keys as they came, repeated ones too
}

// Open looks into v, which is of TypeOther. Its elements may be of TypeOther
// again: in values that Decode took they nest to a depth of 64. Errors are of kind
// Invalid: v is no message.
func Open(v clew.Value) (Opened, error) {
	m := v.Bytes
	o, err := open(m)
	if err != nil {
		return Opened{}, located(m, err)
	}
	return o, nil
}

func open(m []byte) (o Opened, err error) {
	var met [maxField + 1]occurrence
	if err := meet(&met, m, msgAnyValue); err != nil {
		return o, err
	}
	switch {
	case met[anyBytes].count > 0:
		return Opened{Form: FormBytes, Bytes: met[anyBytes].last.data}, nil
	case met[anyArray].count > 0:
		o.Form = FormArray
		return o, eachNested(m[met[anyArray].first:], anyArray, func(piece []byte) error {
			return eachNested(piece, 1, func(e []byte) error {
				x, _, err := readValue(e)
				o.Array = append(o.Array, x)
				return err
			})
		})
	case met[anyMap].count > 0:
		o.Form = FormMap
		return o, eachNested(m[met[anyMap].first:], anyMap, func(piece []byte) error {
			return eachNested(piece, 1, func(kv []byte) error {
				x, err := readAttr(kv)
				o.Map = append(o.Map, x)
				return err
			})
		})
	}
	return o, nil
}

// EachExtra calls f for each KeyValue of what span.Rows.Extra, EventExtra and
// LinkExtra return. Bytes of values are shared. Errors are of kind Invalid.
func EachExtra(extra []byte, f func(key string, v clew.Value)) error {
	var x field
	for i := 0; i < len(extra); {
		end, err := x.next(extra, i)
		if err == nil && x.wire == wireBytes {
			var a clew.Attr
			if a, err = readAttr(x.data); err == nil {
				f(a.Key, a.Value)
			}
		}
		if err != nil {
			return located(extra, err)
		}
		i = end
	}
	return nil
}

// readAttr reads a KeyValue message.
func readAttr(kv []byte) (clew.Attr, error) {
	var p pair
	if err := p.read(kv); err != nil {
		return clew.Attr{}, err
	}
	return clew.Attr{Key: string(p.key), Value: p.value}, nil
}
