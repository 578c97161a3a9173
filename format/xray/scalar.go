package xray

import (
	"math"
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/jsonread"
)

// integer reads a number that is a whole one and spelt as such.
func integer(raw []byte) (v int64, ok bool) {
	if len(raw) == 0 || len(raw) > 20 {
		return 0, false
	}
	digits := raw
	if raw[0] == '-' {
		digits = raw[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(raw) > 1 {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		if c < '0' || c > '9' || !shift(&n, c-'0') {
			return 0, false
		}
	}
	if len(digits) < len(raw) {
		return -int64(n), n <= math.MaxInt64
	}
	return int64(n), n <= math.MaxInt64
}

// number reads a JSON number. same reports that appendNumber writes it as it was.
func number(raw []byte) (v clew.Value, same, ok bool) {
	if n, ok := integer(raw); ok {
		return clew.IntValue(n), true, true
	}
	if jsonread.NumberSize(raw) != len(raw) || len(raw) == 0 {
		return v, false, false
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return v, false, false // out of range
	}
	var room [32]byte
	return clew.DoubleValue(f), string(appendDouble(room[:0], f)) == string(raw), true
}

// appendDouble appends a number as JSON writers do, null for what JSON has not.
func appendDouble(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	at := len(dst)
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	for _, c := range dst[at:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...) // a whole one would come back as an integer
}

// isTexts reports whether raw is a list of strings.
func isTexts(raw []byte) bool {
	r := jsonread.Reader{Src: raw}
	if r.Take('[') != nil {
		return false
	}
	for first := true; ; first = false {
		again, err := r.More(first, ']')
		if err != nil || !again {
			return err == nil
		}
		if _, err := r.Text(); err != nil {
			return false
		}
	}
}

// texts are the strings of a list of strings.
func texts(raw []byte) []string {
	var out []string
	r := jsonread.Reader{Src: raw}
	if r.Take('[') != nil {
		return nil
	}
	for first := true; ; first = false {
		again, err := r.More(first, ']')
		if err != nil || !again {
			return out
		}
		s, err := r.Text()
		if err != nil {
			return out
		}
		out = append(out, string(s))
	}
}

// member is a key of an object and where its value is.
type member struct {
	key, raw, value []byte // the key as text, and as it is in the document
}

// members calls f for the keys of an object, as long as it says so; false if it did not, or
// raw is no object.
func members(raw []byte, f func(m member) bool) bool {
	r := jsonread.Reader{Src: raw}
	if r.Take('{') != nil {
		return false
	}
	for first := true; ; first = false {
		again, err := r.More(first, '}')
		if err != nil || !again {
			return err == nil
		}
		r.Peek()
		at := r.I
		key, err := r.Text()
		if err != nil {
			return false
		}
		m := member{key: key, raw: raw[at:r.I]}
		if len(key) != len(m.raw)-2 { // it had escapes, and the reader's next text takes its place
			m.key = append([]byte(nil), key...)
		}
		if r.Take(':') != nil {
			return false
		}
		r.Peek()
		at = r.I
		if r.Skip() != nil {
			return false
		}
		m.value = raw[at:r.I]
		if !f(m) {
			return false
		}
	}
}

// elements is members for a list.
func elements(raw []byte, f func(value []byte) bool) bool {
	r := jsonread.Reader{Src: raw}
	if r.Take('[') != nil {
		return false
	}
	for first := true; ; first = false {
		again, err := r.More(first, ']')
		if err != nil || !again {
			return err == nil
		}
		r.Peek()
		at := r.I
		if r.Skip() != nil || !f(raw[at:r.I]) {
			return false
		}
	}
}

// text reads a whole string.
func text(raw []byte) (s []byte, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return nil, false
	}
	r := jsonread.Reader{Src: raw}
	s, err := r.Text()
	return s, err == nil && r.I == len(raw)
}
