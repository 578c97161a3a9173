package xray_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// translated returns documents as one request of OTLP.
func translated(t testing.TB, docs ...string) []byte {
	t.Helper()
	var tr xray.Translator
	var body []byte
	for _, doc := range docs {
		var err error
		if body, err = tr.Append(body, []byte(doc)); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
	}
	return body
}

// rowsOf returns the rows that a request of OTLP comes to. None may be refused.
func rowsOf(t testing.TB, body []byte) *span.Rows {
	t.Helper()
	b := build.NewBuilder(1 << 10)
	var dec otlp.Decoder
	res, err := dec.Decode(b, body, otlp.Options{})
	if err != nil || res.Refused > 0 || res.UnknownFields > 0 {
		t.Fatalf("the store has %+v, %v", res, err)
	}
	return span.NewRows(b.View(b.Rows()))
}

// back returns the documents that documents come back as.
func back(t testing.TB, docs ...string) []string {
	t.Helper()
	var out []string
	for _, d := range xray.Documents(rowsOf(t, translated(t, docs...))) {
		out = append(out, string(d.Text))
	}
	return out
}

// value reads JSON; numbers are as they are spelt.
func value(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

func same(t testing.TB, have, want string) {
	t.Helper()
	if h, w := value(t, have), value(t, want); !reflect.DeepEqual(h, w) {
		t.Errorf("came back as\n%s\nwas\n%s", indented(have), indented(want))
	}
}

func indented(text string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
		return text
	}
	return b.String()
}

// documents are the files of testdata of one kind, by name.
func documents(t testing.TB, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	m := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		m[filepath.Base(f)] = string(text)
	}
	return m
}
