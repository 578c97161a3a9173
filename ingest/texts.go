package ingest

import (
	"net/http"

	"google.golang.org/grpc/codes"
)

// Texts is a door of HTTP whose protocol has no form for errors: it answers with texts.
type Texts struct{ *Door }

// Answer answers with a text. The request may not have been read.
func (t Texts) Answer(w http.ResponseWriter, status int, text string) {
	t.Closing(w)
	Write(w, status, "text/plain; charset=utf-8", []byte(text+"\n"))
}

// Fail counts an error and answers it.
func (t Texts) Fail(w http.ResponseWriter, err error) {
	a, st := t.Failed(err)
	SayRetry(w, a, err)
	t.Answer(w, a.HTTP, st.Message())
}

// Deny answers a request that somebody before the door does not let through, or that met
// a fault (codes.Internal).
func (t Texts) Deny(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
	t.Allow(w, r)
	t.Denied(t.name, code, text)
	t.Answer(w, httpStatus, text)
}
