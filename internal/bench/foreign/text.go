package foreign

import (
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
)

const hexDigits = "0123456789abcdef"

// appendString appends a string of JSON. Bytes that are not UTF-8 stay as they are: a corpus
// has none.
func appendString[T []byte | string](b []byte, s T) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// appendKey appends a key of an object, behind what else is in it.
func appendKey(b []byte, key string) []byte {
	if last := b[len(b)-1]; last != '{' {
		b = append(b, ',')
	}
	return append(appendString(b, key), ':')
}

// appendValue appends a value of an attribute as JSON has it.
func appendValue(b []byte, v clew.Value) []byte {
	switch v.Type {
	case clew.TypeString:
		return appendString(b, v.Bytes)
	case clew.TypeOther:
		return appendString(b, otlp.ValueText(v))
	}
	return append(b, v.String()...)
}

// appendAttrs appends an object of attributes.
func appendAttrs(b []byte, attrs []clew.Attr) []byte {
	b = append(b, '{')
	for i := range attrs {
		b = appendValue(appendKey(b, attrs[i].Key), attrs[i].Value)
	}
	return append(b, '}')
}

// valueText is the text of a value where everything is text.
func valueText(v clew.Value) []byte {
	if v.Type == clew.TypeString {
		return v.Bytes
	}
	return []byte(otlp.ValueText(v))
}

func appendUint(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 10) }

// eventText is an event as one text, as OpenTelemetry writes it for Zipkin.
func eventText(e *clew.Event) []byte {
	b := []byte(e.Name)
	if len(e.Attrs) == 0 {
		return b
	}
	b = appendAttrs(append(b, '|'), e.Attrs)
	return append(b, '|', '0')
}
