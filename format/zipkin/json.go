package zipkin

import (
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/jsonread"
)

// formatJSON is what errors call a list in JSON.
const formatJSON = "Zipkin JSON"

// AppendJSON appends the OTLP protobuf of a list of spans in JSON, of version 1 or 2,
// which each span's keys tell, and returns how many keys it did not know. now is the time
// of spans that have none, in nanoseconds. Errors are of kind Invalid, with offset and
// key; dst is then as it was.
func AppendJSON(dst, src []byte, now uint64) (out []byte, unknown int, err error) {
	p := parser{Reader: jsonread.Reader{Src: src}, writer: newWriter(dst, src, now)}
	if err := p.list(); err != nil {
		return dst, 0, jsonread.Place(formatJSON, err)
	}
	return p.close(), p.unknown, nil
}

// parser reads spans and writes each as it is read.
type parser struct {
	jsonread.Reader
	writer
	draft   draft
	old     bool // the span is one of version 1
	unknown int
}

func (p *parser) list() error {
	if p.Peek() != '[' {
		return p.Unexpected("a list of spans: '['")
	}
	p.I++
	for n := 0; ; n++ {
		again, err := p.More(n == 0, ']')
		if err != nil {
			return err
		}
		if !again {
			break
		}
		if err := p.one(); err != nil {
			return under(n, err)
		}
		if err := p.full(); err != nil {
			return err
		}
	}
	if p.Peek(); p.I < len(p.Src) {
		return p.Unexpected("nothing behind the list")
	}
	return nil
}

// one reads a span and writes it.
func (p *parser) one() error {
	p.draft.reset()
	p.old = false
	d := &p.draft
	var trace, id, parent []byte
	err := p.object(func(key []byte) (known bool, err error) {
		switch string(key) {
		case "traceId":
			trace, err = p.kept()
		case "id":
			id, err = p.kept()
		case "parentId":
			parent, err = p.kept()
		case "name":
			d.name, err = p.kept()
		case "kind":
			err = p.kind()
		case "timestamp":
			d.half.start, err = p.time()
		case "duration":
			d.half.duration, err = p.time()
			d.half.ended = err == nil
		case "localEndpoint":
			err = p.endpoint(&d.half.local)
		case "remoteEndpoint":
			err = p.endpoint(&d.half.remote)
		case "annotations":
			err = p.each(p.annotation)
		case "binaryAnnotations":
			err = p.each(p.binaryAnnotation)
		case "tags":
			err = p.object(p.tag)
		case "shared":
			d.half.shared, err = p.truth()
		case "debug":
			d.debug, err = p.truth()
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	d.setIDs(trace, id, parent)
	p.write(d, p.old)
	return nil
}

// object reads an object, with f for the value of each key. A key that f does not know,
// and has not read the value of, is counted, and null is for absent.
func (p *parser) object(f func(key []byte) (known bool, err error)) error {
	if err := p.Take('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		again, err := p.More(first, '}')
		if err != nil || !again {
			return err
		}
		key, err := p.kept()
		if err != nil {
			return err
		}
		if err := p.Take(':'); err != nil {
			return err
		}
		if p.Peek() == 'n' && p.Word("null") {
			continue
		}
		known, err := f(key)
		if err == nil && !known {
			p.unknown++
			err = p.Skip()
		}
		if err != nil {
			return jsonread.Under("."+string(key), err)
		}
	}
}

// each reads a list of objects, with f for each.
func (p *parser) each(f func() error) error {
	if err := p.Take('['); err != nil {
		return err
	}
	for n := 0; ; n++ {
		again, err := p.More(n == 0, ']')
		if err != nil || !again {
			return err
		}
		if err := f(); err != nil {
			return under(n, err)
		}
	}
}

// kept reads a text that stays until the span is written.
func (p *parser) kept() ([]byte, error) {
	p.Peek()
	start := p.I
	text, err := p.Text()
	if err == nil && p.I-start-2 != len(text) { // escapes are longer than what they stand for
		text = p.draft.keep(text)
	}
	return text, err
}

func (p *parser) kind() error {
	p.Peek()
	start := p.I
	text, err := p.Text()
	if err != nil {
		return err
	}
	switch string(text) {
	case "CLIENT":
		p.draft.half.kind = clew.KindClient
	case "SERVER":
		p.draft.half.kind = clew.KindServer
	case "PRODUCER":
		p.draft.half.kind = clew.KindProducer
	case "CONSUMER":
		p.draft.half.kind = clew.KindConsumer
	default:
		p.I = start
		return p.Flaw("want CLIENT, SERVER, PRODUCER or CONSUMER, have " + strconv.Quote(clip(string(text))))
	}
	return nil
}

// whole reads an integer that is not negative, also in quotes.
func (p *parser) whole(want string) (uint64, error) {
	var text []byte
	var err error
	p.Peek()
	start := p.I
	if p.Peek() == '"' {
		text, err = p.Text()
	} else {
		text, err = p.Number()
	}
	if err != nil {
		return 0, err
	}
	negative, v, ok := jsonread.ParseInteger(text)
	if !ok || negative && v != 0 {
		p.I = start
		return 0, p.Flaw("want " + want + ", have " + clip(string(text)))
	}
	return v, nil
}

// time reads microseconds and returns nanoseconds.
func (p *parser) time() (uint64, error) {
	p.Peek()
	start := p.I
	v, err := p.whole("microseconds, a whole number")
	if err != nil {
		return 0, err
	}
	ns, ok := micros(v)
	if !ok {
		p.I = start
		return 0, p.Flaw("want microseconds, have " + strconv.FormatUint(v, 10) + ", which is beyond the year 2262")
	}
	return ns, nil
}

func (p *parser) truth() (bool, error) {
	p.Peek()
	switch {
	case p.Word("true"):
		return true, nil
	case p.Word("false"):
		return false, nil
	}
	return false, p.Unexpected("true or false")
}

func (p *parser) endpoint(e *endpoint) error {
	return p.object(func(key []byte) (known bool, err error) {
		switch string(key) {
		case "serviceName":
			e.service, err = p.kept()
		case "ipv4":
			e.ipv4, err = p.kept()
		case "ipv6":
			e.ipv6, err = p.kept()
		case "port":
			e.port, err = p.whole("a port")
		default:
			return false, nil
		}
		return true, err
	})
}

func (p *parser) annotation() error {
	var n note
	err := p.object(func(key []byte) (known bool, err error) {
		switch string(key) {
		case "timestamp":
			n.time, err = p.time()
		case "value":
			n.value, err = p.kept()
		case "endpoint":
			p.old = true
			err = p.endpoint(&n.at)
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	return p.draft.note(n)
}

func (p *parser) tag(key []byte) (known bool, err error) {
	v, err := p.value()
	if err != nil {
		return true, err
	}
	return true, p.draft.tag(tag{key: key, value: v})
}

func (p *parser) binaryAnnotation() error {
	p.old = true
	var t tag
	err := p.object(func(key []byte) (known bool, err error) {
		switch string(key) {
		case "key":
			t.key, err = p.kept()
		case "value":
			t.value, err = p.value()
		case "endpoint":
			err = p.endpoint(&t.at)
		case "type": // the value shows what it is
			_, err = p.Text()
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	return p.draft.tag(t)
}

// value reads what a tag may have: a text, and from clients that do not keep to that also
// a number or a truth value.
func (p *parser) value() (clew.Value, error) {
	switch c := p.Peek(); {
	case c == '"':
		text, err := p.kept()
		return clew.Value{Type: clew.TypeString, Bytes: text}, err
	case p.Word("true"):
		return clew.Value{Type: clew.TypeBool, Bits: 1}, nil
	case p.Word("false"):
		return clew.Value{Type: clew.TypeBool}, nil
	case c == '{' || c == '[':
		start := p.I
		err := p.Skip()
		return clew.Value{Type: clew.TypeString, Bytes: p.Src[start:p.I]}, err
	}
	text, err := p.Number()
	if err != nil {
		return clew.Value{}, p.Unexpected("a text")
	}
	return number(text), nil
}

// number returns the value of a number in JSON.
func number(text []byte) clew.Value {
	if n, ok := plainInteger(text); ok {
		return clew.Value{Type: clew.TypeInt, Bits: uint64(n)}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil { // too large: its spelling is more than infinity
		return clew.Value{Type: clew.TypeString, Bytes: text}
	}
	return clew.DoubleValue(f)
}

// clip shortens what was sent for an error.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
