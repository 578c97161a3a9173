package upkeep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/clew-tracing/clew"
)

// An Asker sends a request to the server and hands back its answer, of whatever
// status. An error is that there was none.
type Asker func(ctx context.Context, method, path string) (*http.Response, error)

// remote is a source on a running server.
type remote struct {
	ask  Asker
	id   string
	held io.Closer // the connection by which the server holds it
}

// beginRemote has a server hold its store as it is at this moment.
func beginRemote(ctx context.Context, ask Asker) (*remote, snapshot, error) {
	resp, err := ask(ctx, "POST", BackupPath)
	if err != nil {
		return nil, snapshot{}, err
	}
	var a answer
	if resp.StatusCode != http.StatusOK {
		err = answered(resp)
	} else if err = json.NewDecoder(resp.Body).Decode(&a); err != nil {
		err = fmt.Errorf("the server's answer is not that of a backup: %w", err)
	}
	if err != nil {
		resp.Body.Close()
		return nil, snapshot{}, err
	}
	return &remote{ask, a.ID, resp.Body}, a.snapshot, nil
}

func (r *remote) get(ctx context.Context, what string) (io.ReadCloser, error) {
	resp, err := r.ask(ctx, "GET", BackupPath+"/"+r.id+"/"+what)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return &remoteFile{resp}, nil
	case http.StatusNoContent:
		resp.Body.Close()
		return nil, nil
	}
	defer resp.Body.Close()
	return nil, answered(resp)
}

// remoteFile is a file that a server sends. What the server could not read is an error
// of the kind that it was there.
type remoteFile struct{ resp *http.Response }

func (f *remoteFile) Read(p []byte) (int, error) {
	n, err := f.resp.Body.Read(p)
	if text := f.resp.Trailer.Get(errorTrailer); err == io.EOF && text != "" {
		var body errorBody
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			return n, fmt.Errorf("the server cut off a file, and its reason is %q: %w", text, err)
		}
		return n, clew.Corruptf(body.File, body.Offset, "%w", errors.New(body.Message))
	}
	return n, err
}

func (f *remoteFile) Close() error { return f.resp.Body.Close() }

func (r *remote) Segment(ctx context.Context, n int) (io.ReadCloser, error) {
	return r.get(ctx, fmt.Sprintf("segment/%d", n))
}

func (r *remote) Head(ctx context.Context, n int) (io.ReadCloser, error) {
	return r.get(ctx, fmt.Sprintf("head/%d", n))
}

func (r *remote) Document(ctx context.Context, name string) ([]byte, error) {
	body, err := r.get(ctx, "document/"+name)
	if err != nil || body == nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, maxDocument))
}

// Close closes the connection, by which the server knows that it can let go.
func (r *remote) Close() error { return r.held.Close() }

// answered makes an error of an answer.
func answered(resp *http.Response) error {
	var body struct {
		Error errorBody `json:"error"`
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	e := body.Error
	switch {
	case err != nil || e.Message == "":
		return fmt.Errorf("the server answered %s", resp.Status)
	case resp.StatusCode == http.StatusNotFound && e.Kind != clew.NotFound.String():
		return fmt.Errorf("the server makes no backups: %s", e.Message)
	case e.Kind == clew.Corrupt.String():
		return clew.Corruptf(e.File, e.Offset, "%w", errors.New(e.Message))
	case resp.StatusCode == http.StatusServiceUnavailable:
		return clew.Errorf(clew.Busy, "%s", e.Message)
	}
	return errors.New(e.Message)
}
