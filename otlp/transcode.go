package otlp

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/clew-tracing/clew/otlp/jsonread"
	"github.com/clew-tracing/clew/otlp/wire"
)

// TranscodeJSON appends src, a request in OTLP JSON, in protobuf, and returns how
// many keys it did not know and left out. It takes what protojson takes: names in
// lowerCamelCase or snake_case, numbers also in strings, enums as numbers or
// names, null for absent. Ids are hexadecimal in either case; one of the wrong
// length is passed on, for Decode to refuse that span alone. Text that is not
// UTF-8 passes through byte for byte. Of a key that comes twice the last counts.
//
// The same src gives the same bytes. They are fewer than src has, and no other
// memory is needed but that of one string with escapes.
//
// Errors are of kind Invalid, with byte offset and field; dst is then as it was.
func TranscodeJSON(dst, src []byte) (out []byte, unknown int, err error) {
	t := transcoder{Reader: jsonread.Reader{Src: src}, dst: dst}
	if err := t.object(msgRequest, 0); err != nil {
		return dst, 0, jsonread.Place(formatName, err)
	}
	if t.Peek(); t.I < len(src) {
		return dst, 0, jsonread.Place(formatName, t.Unexpected("nothing behind the request"))
	}
	return t.dst, t.unknown, nil
}

// formatName is what errors call a request in JSON.
const formatName = "OTLP JSON"

// transcoder reads JSON values and writes each as it goes.
type transcoder struct {
	jsonread.Reader
	dst     []byte
	unknown int
}

// extent is what a key has written: dst[start:end].
type extent struct{ start, end int }

// object reads a JSON object as the fields of a message of type m. depth counts
// the AnyValues around and including it.
func (t *transcoder) object(m message, depth int) error {
	if m == msgAnyValue && depth > maxDepth {
		return t.Flaw(flawValues)
	}
	if err := t.Take('{'); err != nil {
		return err
	}
	var wrote [maxField + 1]extent
	fields := schema[m]
	guess := 0 // objects repeat the order of their keys
	for first := true; ; first = false {
		again, err := t.More(first, '}')
		if err != nil || !again {
			return err
		}
		key, err := t.Text()
		if err != nil {
			return err
		}
		k := lookup(fields, guess, key)
		if err := t.Take(':'); err != nil {
			return err
		}
		if k < 0 {
			t.unknown++
			if err := t.Skip(); err != nil {
				return err
			}
			continue
		}
		guess = k + 1
		def := &fields[k]
		t.takeBack(&wrote, def.num)
		start := len(t.dst)
		if err := t.field(def, depth); err != nil {
			return jsonread.Under("."+def.json, err)
		}
		wrote[def.num] = extent{start, len(t.dst)}
	}
}

// lookup finds the field of a key, trying first the one at guess.
func lookup(fields []fieldDef, guess int, key []byte) int {
	for n := range fields {
		k := guess + n
		if k >= len(fields) {
			k -= len(fields)
		}
		if f := &fields[k]; f.json == string(key) || f.snake == string(key) {
			return k
		}
	}
	return -1
}

// takeBack removes what an earlier key of the same object wrote for field num. To
// leave it and let protobuf's own rule decide would join lists and merge messages.
func (t *transcoder) takeBack(wrote *[maxField + 1]extent, num int) {
	gone := wrote[num]
	size := gone.end - gone.start
	if size == 0 {
		return
	}
	t.dst = slices.Delete(t.dst, gone.start, gone.end)
	wrote[num] = extent{}
	for i := range wrote {
		if wrote[i].start >= gone.end {
			wrote[i].start -= size
			wrote[i].end -= size
		}
	}
}

// field reads the value of a field, which may be null or, if repeated, a list.
func (t *transcoder) field(def *fieldDef, depth int) error {
	if t.Peek() == 'n' && t.Word("null") {
		return nil
	}
	if !def.repeated {
		return t.value(def, depth)
	}
	if err := t.Take('['); err != nil {
		return err
	}
	for n := 0; ; n++ {
		again, err := t.More(n == 0, ']')
		if err != nil || !again {
			return err
		}
		if err := t.value(def, depth); err != nil {
			return jsonread.Under("["+strconv.Itoa(n)+"]", err)
		}
	}
}

// value reads one value and writes it as a field.
func (t *transcoder) value(def *fieldDef, depth int) error {
	if def.kind == kindMessage {
		if def.msg == msgAnyValue {
			depth++
		}
		var mark int
		t.dst, mark = wire.Open(t.dst, def.num)
		err := t.object(def.msg, depth)
		t.dst = wire.Close(t.dst, mark)
		return err
	}
	t.Peek()
	start := t.I
	if def.kind.wire() == wireBytes {
		s, err := t.Text()
		if err == nil && !t.bytes(def, s) {
			t.I = start
			err = t.Flaw(wantBytes(def.kind))
		}
		return err
	}
	bits, ok, err := t.scalar(def)
	switch {
	case err != nil:
		return err
	case !ok:
		t.I = start
		return t.Unexpected(wantScalar(def))
	}
	switch def.kind.wire() {
	case wireFixed32:
		t.dst = wire.AppendFixed32(t.dst, def.num, uint32(bits))
	case wireFixed64:
		t.dst = wire.AppendFixed64(t.dst, def.num, bits)
	default:
		t.dst = wire.AppendVarint(t.dst, def.num, bits)
	}
	return nil
}

func wantBytes(k kind) string {
	if k == kindID {
		return "an id wants hexadecimal digits"
	}
	return "want base64"
}

func wantScalar(def *fieldDef) string {
	switch def.kind {
	case kindBool:
		return "true or false"
	case kindDouble:
		return "a number in the range of a double"
	case kindEnum:
		return "a number or one of the enum's names"
	case kindInt64:
		return "an integer of 64 bits"
	case kindInt32:
		return "an integer of 32 bits"
	case kindFixed64:
		return "an unsigned integer of 64 bits"
	}
	return "an unsigned integer of 32 bits"
}

// bytes writes a string as text, id or bytes; false if it is not of that form.
func (t *transcoder) bytes(def *fieldDef, s []byte) bool {
	switch def.kind {
	case kindID:
		return t.id(def.num, s)
	case kindBytes:
		raw, ok := decodeBase64(s)
		t.dst = wire.AppendBytes(t.dst, def.num, raw)
		return ok
	}
	t.dst = wire.AppendBytes(t.dst, def.num, s)
	return true
}

// id writes an id. An odd number of digits is no number of bytes: it comes out
// as one that no id has, so that the span is refused.
func (t *transcoder) id(num int, s []byte) bool {
	n := len(s) / 2
	if len(s)%2 != 0 && (n == 8 || n == 16) {
		n++
	}
	t.dst = binary.AppendUvarint(t.dst, uint64(num)<<3|wireBytes)
	t.dst = binary.AppendUvarint(t.dst, uint64(n))
	at := len(t.dst)
	t.dst = slices.Grow(t.dst, n)[:at+n]
	clear(t.dst[at:])
	for i, c := range s {
		v, ok := hexDigit(c)
		if !ok {
			return false
		}
		if i/2 < n {
			t.dst[at+i/2] = t.dst[at+i/2]<<4 | v
		}
	}
	return true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// decodeBase64 reads base64 of either alphabet, padded or not.
func decodeBase64(s []byte) ([]byte, bool) {
	encoding := base64.StdEncoding
	for _, c := range s {
		if c == '-' || c == '_' {
			encoding = base64.URLEncoding
		}
	}
	if len(s)%4 != 0 {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	raw, err := encoding.AppendDecode(nil, s)
	return raw, err == nil
}

// scalar reads a boolean or a number, false if it is not what def wants.
func (t *transcoder) scalar(def *fieldDef) (bits uint64, ok bool, err error) {
	if def.kind == kindBool {
		switch {
		case t.Word("true"):
			return 1, true, nil
		case t.Word("false"):
			return 0, true, nil
		}
		return 0, false, nil
	}
	var s []byte
	if t.Peek() == '"' {
		if s, err = t.Text(); err != nil {
			return 0, false, err
		}
		if i := slices.Index(def.names, string(s)); i >= 0 {
			return uint64(i), true, nil
		}
	} else if s, err = t.Number(); err != nil {
		return 0, false, nil
	}
	if def.kind == kindDouble {
		f, ok := parseDouble(s)
		return math.Float64bits(f), ok, nil
	}
	negative, n, ok := jsonread.ParseInteger(s)
	if !ok {
		return 0, false, nil
	}
	bits, ok = def.kind.fit(negative, n)
	return bits, ok, nil
}

// fit returns an integer in the form it has in protobuf, false if it is out of
// the kind's range.
func (k kind) fit(negative bool, n uint64) (uint64, bool) {
	limit := uint64(math.MaxUint64)
	switch k {
	case kindInt64:
		limit = math.MaxInt64
	case kindInt32, kindEnum:
		limit = math.MaxInt32
	case kindUint32, kindFixed32:
		limit = math.MaxUint32
	}
	if !negative || n == 0 {
		return n, n <= limit
	}
	signed := k == kindInt64 || k == kindInt32 || k == kindEnum
	return -n, signed && n <= limit+1
}

// parseDouble reads a JSON number or one of the names of the doubles that JSON
// lacks.
func parseDouble(s []byte) (float64, bool) {
	switch string(s) {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	if len(s) == 0 || jsonread.NumberSize(s) != len(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(s), 64)
	return f, err == nil
}
