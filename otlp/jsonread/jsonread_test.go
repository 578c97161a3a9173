package jsonread_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/otlp/jsonread"
)

// skips reports whether a text is one JSON value and nothing else.
func skips(text string) error {
	r := jsonread.Reader{Src: []byte(text)}
	if err := r.Skip(); err != nil {
		return jsonread.Place("JSON", err)
	}
	if r.Peek(); r.I < len(r.Src) {
		return jsonread.Place("JSON", r.Unexpected("nothing behind the value"))
	}
	return nil
}

func TestSkip(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"a":[1,-2.5e+3,"x\u00e9\n",true,false,null,{}],"b":{"c":[]}}`, ""},
		{" 0 ", ""},
		{"", "JSON: offset 0: the text ends, want a value"},
		{"[1,]", "JSON: offset 3: want another element, have ']'"},
		{`{"a" 1}`, "JSON: offset 5: want ':', have '1'"},
		{`"a`, "JSON: offset 2: the text ends within a string"},
		{"\"a\nb\"", "JSON: offset 2: a control character in a string; escape it"},
		{`"\q"`, `JSON: offset 1: an escape other than \" \\ \/ \b \f \n \r \t \u`},
		{"01", "JSON: offset 0: want a value, have '0'"},
		{"1 2", "JSON: offset 2: want nothing behind the value, have '2'"},
		{strings.Repeat("[", 257), "JSON: offset 256: values are nested too deep (limit 256)"},
	} {
		err := skips(c.text)
		if got := ""; err != nil {
			got = err.Error()
			if c.want == "" || !strings.HasPrefix(got, c.want) {
				t.Errorf("%.40s: %s, want %q", c.text, got, c.want)
			}
		} else if c.want != "" {
			t.Errorf("%.40s: no error, want %q", c.text, c.want)
		}
	}
}

// FuzzReader holds texts and numbers to the standard library.
func FuzzReader(f *testing.F) {
	for _, s := range []string{`"a\ud83d\ude00b"`, `"\ud83dx"`, "-1.50e2", "1e400", "12345678901234567890", `[{"a":null}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if err := skips(string(src)); err == nil != json.Valid(src) && !deep(src) {
			t.Fatalf("%q: %v, and the standard library says %v", src, err, json.Valid(src))
		}
		r := jsonread.Reader{Src: src}
		if text, err := r.Text(); err == nil {
			var want string
			if err := json.Unmarshal(src[:r.I], &want); err != nil || string([]rune(want)) != string([]rune(string(text))) {
				t.Fatalf("%q: %q, want %q (%v)", src, text, want, err)
			}
		}
		if n := jsonread.NumberSize(src); n > 0 && n < 40 {
			negative, magnitude, ok := jsonread.ParseInteger(src[:n])
			want, valid := new(big.Rat).SetString(string(src[:n]))
			if !valid { // an exponent that big.Rat does not take
				return
			}
			if whole := want.IsInt() && new(big.Int).Abs(want.Num()).IsUint64(); whole != ok {
				t.Fatalf("%s: a whole number: %v, want %v", src[:n], ok, whole)
			} else if ok && (magnitude != new(big.Int).Abs(want.Num()).Uint64() || negative && want.Sign() > 0) {
				t.Fatalf("%s: %v %d", src[:n], negative, magnitude)
			}
		}
	})
}

// deep reports whether src may be nested deeper than what is skipped.
func deep(src []byte) bool {
	return strings.Count(string(src), "[")+strings.Count(string(src), "{") > 256
}

// TestStringsOfAllBytes reads strings in which each byte stands at each place of a word of eight.
func TestStringsOfAllBytes(t *testing.T) {
	for c := range 256 {
		for at := range 19 {
			text := bytes.Repeat([]byte{'a'}, 19)
			for i := range text {
				text[i] = byte(0x20 + (i*37+c)%0xe0) // of those above the controls, which may not end it
				if text[i] == '"' || text[i] == '\\' {
					text[i] = 0xff
				}
			}
			text[at] = byte(c)
			r := jsonread.Reader{Src: append(append([]byte{'"'}, text...), '"')}
			got, err := r.Text()
			switch {
			case c == '"':
				if err != nil || !bytes.Equal(got, text[:at]) {
					t.Fatalf("a quote at %d: %q, %v", at, got, err)
				}
			case c < ' ', c == '\\':
				if c < ' ' && (err == nil || r.I != at+1) {
					t.Fatalf("%#x at %d: %q, %v, stopped at %d", c, at, got, err, r.I)
				}
			case err != nil || !bytes.Equal(got, text):
				t.Fatalf("%#x at %d: %q, want %q, %v", c, at, got, text, err)
			}
		}
	}
}
