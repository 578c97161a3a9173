// Package xray is the frame of AWS X-Ray's API for reading: which paths there are, how
// requests are read, and how answers and errors are written. The operations are in the
// packages below it; cmd/clew puts them together.
//
//	traces   GetTraceSummaries, BatchGetTraces, and traces retrieved
//
// An operation is a function from a request to an answer, both plain structs with the
// names of X-Ray's model. docs/reference/xray-api.md says what there is.
package xray

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
)

// An Operation is one of the API's. It is made by Op.
type Operation struct {
	path    string
	changes bool
	answer  func(c *api.Call, body []byte) (any, error)
}

// Op returns an operation that is posted to a path. In is what is asked, of which unknown
// members are left alone; what f returns is the answer, see Error.
//
// f has a turn at the store. Whatever it returns is encoded as JSON with its lists and
// maps as [] and {} where they are nil, so none of these has omitempty.
func Op[In, Out any](path string, f func(c *api.Call, in *In) (Out, error)) Operation {
	return Operation{path: path, answer: func(c *api.Call, body []byte) (any, error) {
		in := new(In)
		if len(bytes.TrimSpace(body)) > 0 { // an operation without parameters may be posted nothing
			if err := json.Unmarshal(body, in); err != nil {
				return nil, unreadable(err)
			}
		}
		return f(c, in)
	}}
}

// unreadable says of a request what is wrong with it.
func unreadable(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return clew.Errorf(clew.Invalid, "%s: want %s, have %s", cmp.Or(kind.Field, "the request"), jsonName(kind.Type.Kind()), kind.Value)
	}
	return clew.Errorf(clew.Invalid, "the request is not the JSON of this operation: %w", err)
}

// Changing says that the operation changes what is kept, so that a token has to have the
// right to write.
func (o Operation) Changing() Operation {
	o.changes = true
	return o
}

// An Error is an answer of a kind that the kinds of clew.Error do not name.
type Error struct {
	Status int
	Type   string // such as RuleLimitExceededException
	Text   string
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// API is all operations of a server.
type API struct {
	cfg api.Config
	ops map[string]Operation
}

// New returns the API with some operations, whose paths must differ.
func New(cfg api.Config, ops ...Operation) *API {
	cfg.Turns, cfg.Logger = cmp.Or(cfg.Turns, api.NewTurns(0, nil)), cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	a := &API{cfg, make(map[string]Operation, len(ops))}
	for _, o := range ops {
		if _, twice := a.ops[o.path]; twice {
			// The lists of operations are ours: two at one path are a slip of the pen.
			panic("xray: two operations at " + o.path)
		}
		a.ops[o.path] = o
	}
	return a
}

// Has reports whether there is an operation at a path, and whether it changes what is kept.
func (a *API) Has(path string) (changes, ok bool) {
	o, ok := a.ops[path]
	return o.changes, ok
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o, ok := a.ops[r.URL.Path]
	switch {
	case !ok:
		answerError(w, http.StatusNotFound, "UnknownOperationException", api.Shown(api.ShortText(r.URL.Path))+" is no operation of X-Ray's API that clew has; docs/reference/xray-api.md lists them")
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		answerError(w, http.StatusMethodNotAllowed, "InvalidRequestException", "operations of X-Ray are posted: POST "+o.path)
		return
	}
	body, err := read(w, r)
	if err != nil {
		Fail(w, api.StatusOf(clew.KindOf(err)), err.Error())
		return
	}
	a.cfg.Handler(Fail, func(c *api.Call) error {
		out, err := o.answer(c, body)
		var e *Error
		switch {
		case errors.As(err, &e):
			answerError(c.W, e.Status, e.Type, api.Shown(e.Text))
			return nil
		case err != nil:
			return err
		}
		identify(c.W)
		api.WriteJSON(c.W, http.StatusOK, whole(out))
		return nil
	}).ServeHTTP(w, r)
}

// read reads a request before it has a turn, which one that comes slowly would keep from
// others.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(maxArrival)) // a writer without deadlines is one of a test
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, clew.Errorf(clew.Invalid, "Content-Encoding %s: requests to this API are sent as they are", strconv.Quote(api.ShortText(e)))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, clew.Errorf(clew.TooLarge, "the request has more than %d bytes, which no question needs: ask for less at once", large.Limit)
	case err != nil:
		return nil, clew.Errorf(clew.Invalid, "the request did not come whole: %w", err)
	}
	return body, nil
}

// Fail answers with an error, in a way that AWS' clients ask again after if that may help.
func Fail(w http.ResponseWriter, status int, text string) {
	name := "InvalidRequestException"
	switch status {
	case http.StatusNotImplemented:
		status = http.StatusBadRequest // clients take 5xx for what goes away
	case http.StatusNotFound:
		name = "ResourceNotFoundException"
	case http.StatusUnauthorized, http.StatusForbidden:
		name = "AccessDeniedException"
	case http.StatusTooManyRequests:
		name = "ThrottledException"
	case http.StatusServiceUnavailable:
		name = "ServiceUnavailable"
	case http.StatusInternalServerError:
		name = "InternalFailure"
	}
	answerError(w, status, name, text)
}

// FailAs is Fail with a name of AWS's that the status does not tell.
func FailAs(w http.ResponseWriter, status int, name, text string) { answerError(w, status, name, text) }

func answerError(w http.ResponseWriter, status int, name, text string) {
	identify(w)
	w.Header().Set("X-Amzn-Errortype", name)
	api.WriteJSON(w, status, struct {
		Type    string `json:"__type"`
		Message string
	}{name, text})
}

// identify gives an answer an id, which clients put into their logs.
func identify(w http.ResponseWriter) {
	const digits = "0123456789abcdef"
	id := []byte("00000000-0000-4000-8000-000000000000")
	for i, c := range id {
		if c == '0' {
			id[i] = digits[rand.N(16)]
		}
	}
	w.Header().Set("X-Amzn-Requestid", string(id))
}
