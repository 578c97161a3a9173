package xray

import (
	"strconv"

	"github.com/clew-tracing/clew/otlp/jsonread"
)

// EachDocument calls f for the documents of a request to PutTraceSegments, one after the
// other; a document is valid until f returns. unknown is how many other keys there were. The
// error is of kind Invalid.
func EachDocument(body []byte, f func(doc []byte)) (unknown int, err error) {
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
func eachText(r *jsonread.Reader, f func(doc []byte)) error {
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
		f(doc)
	}
}
