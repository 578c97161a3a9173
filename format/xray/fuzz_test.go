package xray_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// FuzzAppend takes any document: what is taken, the store takes, too, each of its spans, and
// it comes back as it was, unless it has a key twice.
func FuzzAppend(f *testing.F) {
	for _, doc := range documents(f, "*.json") {
		f.Add([]byte(doc))
	}
	for _, more := range []string{
		`"a":1`, `"http":{"request":{"url":"u"},"response":{"status":"4"}}`, `"aws":{"ec2":{"a":null},"b":1.50}`, `"annotations":{"a":1e3,"b":[]},"metadata":{"c":{}}`,
		`"cause":{"exceptions":[{"type":"t","message":"m","stack":[{"path":"p","line":1,"label":"l"}]}]}`, `"sql":{"url":"a://b/c"}`, `"links":[{"trace_id":"1-6b039621-2942d23cf37ea4a764dab1ff","id":"53995c3f42cd8ad8"}]`,
		`"subsegments":[{"id":"53995c3f42cd8ad8","name":"x","start_time":2.0,"end_time":1E9},{"id":"43995c3f42cd8ad8","name":"x","start_time":1,"in_progress":true}]`,
		`"service":{"version":"1"},"aws":{"elastic_beanstalk":{"version_label":"2"},"cloudwatch_logs":[{"arn":"a"}]},"precursor_ids":["a"]`,
	} {
		f.Add([]byte(more))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if bytes.HasPrefix(doc, []byte(`"`)) { // what is in a segment
			doc = append(append([]byte(head+","), doc...), '}')
		}
		var tr xray.Translator
		body, err := tr.Append(nil, doc)
		if err != nil {
			return
		}
		if limit := 64*len(doc) + 1024; len(body) > limit {
			t.Fatalf("%d bytes became %d", len(doc), len(body))
		}
		if tr.Spans() > 1<<8 || !utf8.Valid(doc) {
			return
		}
		docs := xray.Documents(rowsOf(t, body))
		if len(docs) != 1 {
			t.Fatalf("%d documents came back", len(docs))
		}
		want, twice := decode(t, doc)
		if have, _ := decode(t, docs[0].Text); !twice && !reflect.DeepEqual(have, want) {
			t.Errorf("came back as\n%s\nwas\n%s", docs[0].Text, doc)
		}
	})
}

// decode reads JSON with numbers as they are spelt; twice reports that some object has a key
// more than once.
func decode(t *testing.T, text []byte) (v any, twice bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var read func() any
	token := func() json.Token {
		x, err := d.Token()
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return x
	}
	read = func() any {
		switch x := token(); x {
		case json.Delim('{'):
			m := map[string]any{}
			for d.More() {
				key := token().(string)
				if _, ok := m[key]; ok {
					twice = true
				}
				m[key] = read()
			}
			token()
			return m
		case json.Delim('['):
			list := []any{}
			for d.More() {
				list = append(list, read())
			}
			token()
			return list
		default:
			return x
		}
	}
	return read(), twice
}

// FuzzDocuments writes any spans as documents, which are JSON and have each span once.
func FuzzDocuments(f *testing.F) {
	for _, doc := range documents(f, "*.json") {
		f.Add(translated(f, doc))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := build.NewBuilder(1 << 8)
		var dec otlp.Decoder
		if err := dec.Parse(body, otlp.Options{}); err != nil || dec.Parsed() > 1<<8 {
			return
		}
		if _, err := dec.Decode(b, body, otlp.Options{}); err != nil {
			return
		}
		for _, d := range xray.Documents(span.NewRows(b.View(b.Rows()))) {
			if !json.Valid(d.Text) {
				t.Fatalf("no JSON: %s", d.Text)
			}
		}
	})
}

// FuzzRequest reads any request.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"TraceSegmentDocuments":["{\"a\":1}","x"],"more":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		size := 0
		if _, err := xray.EachDocument(body, func(doc []byte) error { size += len(doc); return nil }); err == nil && !json.Valid(body) {
			t.Errorf("%q is taken", body)
		}
		if doc, err := xray.Datagram(body); err == nil && len(doc) >= len(body) {
			t.Errorf("the document of %q is %q", body, doc)
		}
		if size > len(body) {
			t.Errorf("%d bytes of documents in %d", size, len(body))
		}
	})
}
