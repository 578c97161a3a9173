package xray_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/xray"
)

const (
	head = `{"name":"n","id":"70de5b6f19ff9a0a","trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe","start_time":1,"end_time":2`
	sub  = `{"name":"s","id":"70de5b6f19ff9a0b","start_time":1,"end_time":2`
)

// TestRefused is what is wrong with documents, each with its code and where it is.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ doc, code, want string }{
		{``, "ParseError", "offset 0: the text ends, want '{'"},
		{`[]`, "ParseError", "want '{', have '['"},
		{head, "ParseError", "want ',' or '}'"},
		{head + `}{}`, "ParseError", "another document behind the first: send one at a time"},
		{head + `}x`, "ParseError", "want nothing behind the document"},
		{head + `,"a":tru}`, "ParseError", "want a value, have 't'"},
		{head + `,"http":{"request":{"url":"x}}`, "ParseError", "http.request.url: the text ends within a string"},
		{head + `,"subsegments":[1]}`, "ParseError", "subsegments[0]: want '{', have '1'"},
		{`{"id":"70de5b6f19ff9a0a"}`, "MissingName", "there is no name"},
		{`{"name":"n"}`, "MissingId", "there is no id"},
		{strings.Replace(head, `"70de5b6f19ff9a0a"`, `null`, 1) + `}`, "MissingId", "there is no id"},
		{strings.Replace(head, `70de5b6f19ff9a0a`, `70de5b6f19ff9a0`, 1) + `}`, "InvalidId", `offset 17, id: want 16 hex digits, not all zeros, have "70de5b6f19ff9a0"`},
		{strings.Replace(head, `70de5b6f19ff9a0a`, `0000000000000000`, 1) + `}`, "InvalidId", "not all zeros"},
		{strings.Replace(head, `70de5b6f19ff9a0a`, `70de5b6f19ff9a0g`, 1) + `}`, "InvalidId", "want 16 hex digits"},
		{strings.Replace(head, `"trace_id"`, `"tracing_id"`, 1) + `}`, "MissingTraceId", "there is no trace_id"},
		{strings.Replace(head, `1-6b`, `2-6b`, 1) + `}`, "InvalidTraceId", "trace_id: want 1-"},
		{strings.Replace(head, `1-6b039621-2942d23cf37ea4a764dab1fe`, `00000000000000000000000000000000`, 1) + `}`, "InvalidTraceId", "trace_id: want 1-"},
		{strings.Replace(head, `"start_time":1,`, ``, 1) + `}`, "MissingStartTime", "there is no start_time"},
		{strings.Replace(head, `,"end_time":2`, ``, 1) + `}`, "MissingEndTime", "neither an end_time nor in_progress: true"},
		{strings.Replace(head, `,"end_time":2`, `,"in_progress":false`, 1) + `}`, "MissingEndTime", "neither an end_time nor in_progress: true"},
		{strings.Replace(head, `:1,`, `:"1",`, 1) + `}`, "InvalidTime", "start_time: want seconds since 1970 as a number"},
		{strings.Replace(head, `:1,`, `:-1,`, 1) + `}`, "InvalidTime", "start_time: want seconds since 1970, have -1"},
		{strings.Replace(head, `:1,`, `:1e11,`, 1) + `}`, "InvalidTime", "have 1e11"},
		{strings.Replace(head, `"n"`, `"a*b"`, 1) + `}`, "InvalidName", `offset 8, name: a name has letters, digits, white space and _ . : / % & # = + \ - @ only, this one "*"`},
		{strings.Replace(head, `"n"`, `""`, 1) + `}`, "InvalidName", "the name is empty"},
		{strings.Replace(head, `"n"`, `"`+strings.Repeat("n", 201)+`"`, 1) + `}`, "InvalidName", "200 characters at most, this one 201"},
		{head + `,"parent_id":"x"}`, "InvalidParentId", "parent_id: want 16 hex digits"},
		{head + `,"parent_id":"70de5b6f19ff9a0a"}`, "InvalidParentId", "it names itself"},
		{head + `,"type":"subsegment"}`, "MissingParentId", "has a parent_id"},
		{head + `,"subsegments":[` + sub + `},` + strings.Replace(sub, `"s"`, `"<"`, 1) + `}]}`, "InvalidName", "subsegments[1].name"},
		{head + `,"subsegments":[` + sub + `},` + sub + `}]}`, "DuplicateId", "the id 70de5b6f19ff9a0b comes twice"},
		{head + `,"subsegments":[` + strings.Replace(sub, "9a0b", "9a0a", 1) + `}]}`, "DuplicateId", "the id 70de5b6f19ff9a0a comes twice"},
		{head + `,"subsegments":[{"name":"s","id":"70de5b6f19ff9a0b","start_time":1}]}`, "MissingEndTime", "subsegments[0]"},
		{head + strings.Repeat(`,"subsegments":[`+sub, 200), "TooDeep", "nested too deep (limit 100)"},
		{head + strings.Repeat(`,"a":1`, 1<<20) + `}`, "TooLarge", "too many keys (limit 1048576)"},
		{head + `,"metadata":{"a":` + strings.Repeat("[", 300), "ParseError", "values are nested too deep"},
	} {
		var tr xray.Translator
		out, err := tr.Append([]byte("kept"), []byte(c.doc))
		var e *xray.Error
		switch {
		case !errors.As(err, &e):
			t.Errorf("%.200s: %v", c.doc, err)
		case e.Code != c.code || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "ErrorCode: "+c.code):
			t.Errorf("%.200s: %s, %v; want %s, %s", c.doc, e.Code, err, c.code, c.want)
		case e.Subsegment != strings.Contains(err.Error(), "Invalid subsegment"), clew.KindOf(err) != clew.Invalid, string(out) != "kept":
			t.Errorf("%.200s: %+v %q", c.doc, e, out)
		case strings.HasPrefix(c.doc, head) && e.ID != "70de5b6f19ff9a0a":
			t.Errorf("%.200s: the id is %q", c.doc, e.ID)
		}
	}
}

// TestRepeated has one key very often behind very many others: it takes a moment.
func TestRepeated(t *testing.T) {
	doc := head + strings.Repeat(`,"a":1`, 1<<19) + strings.Repeat(`,"user":"u"`, 1<<19) + `,"user":"last"}`
	var tr xray.Translator
	body, err := tr.Append(nil, []byte(doc))
	if err != nil || !strings.Contains(string(body), "last") {
		t.Errorf("%v", err)
	}
}

// TestTaken is what may look wrong and is right.
func TestTaken(t *testing.T) {
	for _, doc := range []string{
		head + `}`,
		"\n " + head + "}\r\n",
		strings.Replace(head, `1-6b039621-2942d23cf37ea4a764dab1fe`, `6B0396212942d23cf37ea4a764dab1fe`, 1) + `}`,
		strings.Replace(head, `1-6b039621-2942d23cf37ea4a764dab1fe`, `00000000000000002942d23cf37ea4a7`, 1) + `}`,
		strings.Replace(head, `"n"`, `"ÄÖ 漢字 a_.:/%&#=+\\-@9"`, 1) + `}`,
		strings.Replace(head, `:1,`, `:3,`, 1) + `}`, // ends before it starts
		strings.Replace(head, `:1,`, `:0,`, 1) + `}`,
		strings.Replace(head, `:2`, `:0`, 1) + `}`,
		head + `,"in_progress":true}`,
		head + `,"type":"segment","parent_id":null,"subsegments":null}`,
		head + `,"parent_id":"00de5b6f19ff9a0A"}`,
		head + `,"namespace":5,"http":"x","aws":[],"sql":1,"cause":2,"annotations":"a","metadata":1,"links":{},"error":"yes","precursor_ids":[1]}`,
		head + `,"metadata":{"big":"` + strings.Repeat("x", 200_000) + `"}}`,
	} {
		docs := back(t, doc)
		if len(docs) != 1 {
			t.Fatalf("%.200s: %d documents", doc, len(docs))
		}
		same(t, docs[0], doc)
	}
}

// TestSeconds reads times as decimals, and finds how they were spelt.
func TestSeconds(t *testing.T) {
	for _, text := range []string{
		"1", "1.5", "1795397153.564062", "1795397153.0", "1795397153.10", "1.478293361271E9", "1.478293361E9", "1.0E9", "1E9", "1e9", "1e+9",
		"1478293361271e-3", "1795397153.123456789", "1795397153.1234567891", "0.000000001", "1e-9", "18446744073.709551615", "1.5E0", "12.0E2",
	} {
		doc := strings.Replace(strings.Replace(head, `:1,`, `:`+text+`,`, 1), `:2`, `:`+text, 1) + `}`
		same(t, back(t, doc)[0], doc)
	}
	for text, want := range map[string]uint64{
		"1.478293361271E9": 1478293361271000000, "1795397153.1234567891": 1795397153123456789, "1478293361271e-3": 1478293361271000000, "18446744073.709551615": 18446744073709551615,
		"1e-9": 1, "1e-10": 0, "0e99999999999": 0, "1e-99999999999": 0,
	} {
		rows := rowsOf(t, translated(t, strings.Replace(head, `:1,`, `:`+text+`,`, 1)+`}`))
		if have := rows.Batch().Start[0]; have != want {
			t.Errorf("%s is %d, want %d", text, have, want)
		}
	}
}
