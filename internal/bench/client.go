package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// client asks a server over clew's HTTP API.
type client struct {
	base *url.URL
	http *http.Client
}

func newClient(base *url.URL) *client { return &client{base: base, http: &http.Client{}} }

// do sends a request and hands back an answer of 200; everything else is an
// error that holds the start of what was answered. The caller closes the body.
func (c *client) do(ctx context.Context, method, path string, header http.Header, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "clew-bench")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no answer from the API: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	err = fmt.Errorf("%s answers %s", path, resp.Status)
	if text, readErr := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)); readErr == nil {
		err = fmt.Errorf("%w: %q", err, strings.TrimSpace(string(text)))
	}
	if resp.StatusCode != http.StatusTooManyRequests {
		return nil, err
	}
	after := defaultAfter
	if seconds, bad := strconv.Atoi(resp.Header.Get("Retry-After")); bad == nil && seconds >= 0 {
		after = min(time.Duration(seconds)*time.Second, maxAfter)
	}
	return nil, &busyError{after, err}
}

// busyError is an answer that asks to come again after a time.
type busyError struct {
	after time.Duration
	cause error
}

func (b *busyError) Error() string { return b.cause.Error() }
func (b *busyError) Unwrap() error { return b.cause }

// ask sends a request whose answer is JSON and decodes it into answer.
func (c *client) ask(ctx context.Context, method, path string, request, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	header := http.Header{"Accept": {"application/json"}}
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return err
		}
		header.Set("Content-Type", "application/json")
	}
	resp, err := c.do(ctx, method, path, header, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(answer); err != nil {
		return fmt.Errorf("the answer of %s is not what was expected: %w", path, err)
	}
	return nil
}

// searchRequest and searchAnswer are the parts of /api/v1/search that the
// bench asks for and reads.
type searchRequest struct {
	Q     string `json:"q"`
	Limit int    `json:"limit"`
	Count bool   `json:"count,omitempty"`
}

type searchAnswer struct {
	Traces []json.RawMessage `json:"traces"`
	Count  *struct {
		Spans  int64 `json:"spans"`
		Traces int64 `json:"traces"`
	} `json:"count"`
	Coverage struct {
		Complete bool `json:"complete"`
	} `json:"coverage"`
}
