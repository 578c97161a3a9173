package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// WriteJSON answers with v, which must be encodable, with characters of HTML as they
// are.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		status = http.StatusInternalServerError
		body.Reset()
		body.WriteString(`{"error":{"kind":"internal","message":"the answer could not be written"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a client that left gets no answer
}

// Shown is Escape where nobody asks whether anything was escaped.
func Shown(s string) string {
	out, _ := Escape(s)
	return out
}

// A JSONWriter writes an answer piece by piece, so that memory does not grow with it.
// A client that has gone is not noticed.
type JSONWriter struct {
	*bufio.Writer
	one bytes.Buffer
	enc *json.Encoder
}

// NewJSONWriter returns a writer of an answer of JSON; the caller flushes it.
func NewJSONWriter(w http.ResponseWriter) *JSONWriter {
	w.Header().Set("Content-Type", "application/json")
	out := &JSONWriter{Writer: bufio.NewWriterSize(w, flushBytes)}
	out.enc = json.NewEncoder(&out.one)
	out.enc.SetEscapeHTML(false)
	return out
}

// Text writes s as it is.
func (w *JSONWriter) Text(s string) { _, _ = w.WriteString(s) }

// Value writes v as JSON; null where it is not encodable.
func (w *JSONWriter) Value(v any) {
	w.one.Reset()
	if err := w.enc.Encode(v); err != nil {
		w.Text("null")
		return
	}
	_, _ = w.Write(bytes.TrimSuffix(w.one.Bytes(), []byte("\n")))
}

// End writes s and a line's end, and sends what was kept.
func (w *JSONWriter) End(s string) {
	w.Text(s + "\n")
	_ = w.Flush() // a client that left gets no answer
}
