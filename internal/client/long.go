package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/clew-tracing/clew"
)

// Progress is how far the server is with an answer.
type Progress struct {
	// Share is how much was looked at of what there is, from 0 to 1.
	Share float64 `json:"share"`
}

// progressLine is one line of an answer that tells how far it is.
type progressLine struct {
	Progress *Progress       `json:"progress"`
	Answer   json.RawMessage `json:"answer"`
	Error    json.RawMessage `json:"error"`
}

const progressType = "application/x-ndjson"

// errSilent is why a request ends whose answer does not go on.
var errSilent = errors.New("nothing was said for too long")

// AskLong sends a question, which may take as long as the server lets it, decodes its JSON
// into answer, and calls told with how far it is. When ctx ends the server is told to stop.
func (c *Client) AskLong(ctx context.Context, method, path string, request, answer any, told func(Progress)) error {
	header, body, err := encode(request)
	if err != nil {
		return err
	}
	header.Set("Accept", progressType+", application/json;q=0.9")
	resp, err := c.Fetch(ctx, method, path, header, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != progressType {
		return c.decode(json.NewDecoder(resp.Body), answer)
	}
	for lines := json.NewDecoder(resp.Body); ; {
		var line progressLine
		if err := c.decode(lines, &line); err != nil {
			return err
		}
		switch {
		case line.Answer != nil:
			return c.decode(json.NewDecoder(bytes.NewReader(line.Answer)), answer)
		case line.Error != nil:
			return lateError(line.Error)
		case line.Progress != nil:
			told(*line.Progress)
		}
	}
}

// decode reads a value of an answer.
func (c *Client) decode(d *json.Decoder, v any) error {
	err := d.Decode(v)
	var broken *brokenError
	switch {
	case err == nil, errors.As(err, &broken):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s broke off its answer; ask again, and look at the server's log", c.Base)
	}
	return c.otherServer(err)
}

// lateError is an error of the server after it told how far it was.
func lateError(text json.RawMessage) error {
	var body errorBody
	if err := json.Unmarshal(text, &body.Error); err != nil {
		return fmt.Errorf("the server answered an error that cannot be read: %w", err)
	}
	e := &Error{Status: http.StatusInternalServerError, Kind: body.Error.Kind, Message: body.Error.Message, Position: body.Error.Position}
	if e.Kind == clew.Invalid.String() {
		e.Status = http.StatusBadRequest // as it were without the lines before
	}
	return e
}

// Fetch is Do for an answer that may be long in coming, and long. It ends, as the reading of
// its body does, when the server says nothing for maxSilence.
func (c *Client) Fetch(ctx context.Context, method, path string, header http.Header, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	silence := time.AfterFunc(maxSilence, func() { cancel(errSilent) })
	resp, err := c.Do(ctx, method, path, header, body)
	if err != nil {
		silence.Stop()
		cancel(nil)
		return nil, err
	}
	resp.Body = &heard{ReadCloser: resp.Body, silence: silence, end: func() { cancel(nil) },
		broken: func(err error) error { return &brokenError{c.unreachable(ctx, c.Base.String(), err)} }}
	return resp, nil
}

// heard is the body of an answer, which is waited for as long as it goes on.
type heard struct {
	io.ReadCloser
	silence *time.Timer
	end     func()
	broken  func(error) error
}

// Read implements io.Reader.
func (h *heard) Read(b []byte) (int, error) {
	n, err := h.ReadCloser.Read(b)
	if n > 0 && h.silence.Stop() {
		h.silence.Reset(maxSilence)
	}
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		err = h.broken(err)
	}
	return n, err
}

// Close implements io.Closer.
func (h *heard) Close() error {
	h.silence.Stop()
	h.end()
	return h.ReadCloser.Close()
}

// brokenError says in plain words what ended an answer before its end.
type brokenError struct{ error }

// Unwrap returns the cause.
func (b *brokenError) Unwrap() error { return b.error }
