package xray

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/clew-tracing/clew/otlp/jsonread"
)

// EachDocument calls f for the documents of a request to PutTraceSegments, one after the
// other; a document is valid until f returns. unknown is how many other keys there were. The
// error is of kind Invalid, or the first that f returns.
func EachDocument(body []byte, f func(doc []byte) error) (unknown int, err error) {
	r := jsonread.Reader{Src: body}
	found := false
	err = func() error {
		if err := r.Take('{'); err != nil {
			return err
		}
		for first := true; ; first = false {
			again, err := r.More(first, '}')
			if err != nil {
				return err
			}
			if !again {
				break
			}
			key, err := r.Text()
			if err != nil {
				return err
			}
			mine := string(key) == documentsKey
			if err := r.Take(':'); err != nil {
				return err
			}
			if !mine {
				unknown++
				if err := r.Skip(); err != nil {
					return err
				}
				continue
			}
			found = true
			if err := eachText(&r, f); err != nil {
				return jsonread.Under("."+documentsKey, err)
			}
		}
		if r.Peek(); r.I < len(body) {
			return r.Unexpected("nothing behind the request")
		}
		if !found {
			return r.Flaw("there are no " + documentsKey)
		}
		return nil
	}()
	return unknown, jsonread.Place("PutTraceSegments", err)
}

const documentsKey = "TraceSegmentDocuments"

// eachText calls f for the strings of a list.
func eachText(r *jsonread.Reader, f func(doc []byte) error) error {
	if err := r.Take('['); err != nil {
		return err
	}
	for n := 0; ; n++ {
		again, err := r.More(n == 0, ']')
		if err != nil || !again {
			return err
		}
		doc, err := r.Text()
		if err != nil {
			return jsonread.Under("["+strconv.Itoa(n)+"]", err)
		}
		if err := f(doc); err != nil {
			return err
		}
	}
}

// Datagram returns the document of a datagram as the daemon of X-Ray takes them: behind a
// line that says what it is. The error is an *Error.
func Datagram(datagram []byte) (doc []byte, err error) {
	head, doc, ok := bytes.Cut(datagram, []byte{'\n'})
	refuse := func(what string) ([]byte, error) {
		return nil, &Error{Code: CodeHeader, cause: errors.New(what)}
	}
	if !ok {
		return refuse(`there is no header line: want {"format": "json", "version": 1}, a line feed and the document`)
	}
	var format, version []byte
	if !members(head, func(m member) bool {
		switch string(m.key) {
		case "format":
			format, _ = text(m.value)
		case "version":
			version = m.value
		}
		return true
	}) {
		return refuse("the header line is no JSON object: " + strconv.Quote(clip(head)))
	}
	switch {
	case !strings.EqualFold(string(format), "json"):
		return refuse("the header's format is not json: " + strconv.Quote(clip(head)))
	case string(version) != "1":
		return refuse("the header's version is not 1: " + strconv.Quote(clip(head)))
	}
	return doc, nil
}
