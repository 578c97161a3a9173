package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
)

// client asks a running server over its HTTP API.
type client struct {
	base   *url.URL
	tenant string
	token  string
	http   *http.Client
}

func newClient(r *config.Resolved) (*client, error) {
	base, err := url.Parse(strings.TrimSuffix(string(r.Server), "/"))
	if err != nil {
		return nil, usagef("server: %w", err)
	}
	return &client{base: base, tenant: string(r.Tenant), token: string(r.Token), http: &http.Client{}}, nil
}

// errorBody is the API's error, or a door's.
type errorBody struct {
	Error struct {
		Kind     string `json:"kind"`
		Message  string `json:"message"`
		Position *int   `json:"position"`
	} `json:"error"`
	// Message is that of the Status an OTLP door answers.
	Message string `json:"message"`
}

// apiError is an error that a server answered.
type apiError struct {
	status     int
	kind       string
	message    string
	position   *int
	retryAfter time.Duration
}

func (e *apiError) Error() string { return e.message }

// do sends a request with tenant and token and hands back an answer of 2xx;
// everything else is an error. The caller closes the body.
func (c *client) do(ctx context.Context, method, path string, header http.Header, body []byte) (*http.Response, error) {
	return c.doURL(ctx, method, c.base.String()+path, header, body)
}

func (c *client) doURL(ctx context.Context, method, address string, header http.Header, body []byte) (*http.Response, error) {
	resp, err := c.send(ctx, method, address, header, body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, readError(resp)
	}
	return resp, nil
}

// send is doURL that hands back an answer of any status.
func (c *client) send(ctx context.Context, method, address string, header http.Header, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "clew/"+programVersion())
	if c.tenant != string(clew.DefaultTenant) {
		req.Header.Set("X-Scope-OrgID", c.tenant)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, address, err)
	}
	return resp, nil
}

// unreachable words what kept a request from being answered.
func (c *client) unreachable(ctx context.Context, address string, err error) error {
	u, parseErr := url.Parse(address)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return clew.Errorf(clew.Canceled, "interrupted")
	case parseErr != nil:
		return err
	case u.Host != c.base.Host:
		return fmt.Errorf("no answer from %s: %w", u.Host, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no server answers at %s; start one with clew serve, or name another with --server (CLEW_SERVER)", c.base)
	}
	return fmt.Errorf("no answer from %s (--server, CLEW_SERVER): %w", c.base, err)
}

func readError(resp *http.Response) error {
	e := &apiError{status: resp.StatusCode}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.retryAfter = time.Duration(s) * time.Second
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	var body errorBody
	switch {
	case err != nil:
	case resp.Header.Get("Content-Type") == "application/x-protobuf": // a door's Status: field 2 is the message
		if eachField(text, 2, func(m []byte) error { e.message = console.Printable(string(m)); return nil }) == nil && e.message != "" {
			return e
		}
	case json.Unmarshal(text, &body) == nil && body.Error.Message != "":
		e.kind, e.message, e.position = body.Error.Kind, body.Error.Message, body.Error.Position
		return e
	case body.Message != "": // a door's Status in JSON
		e.message = body.Message
		return e
	}
	e.message = fmt.Sprintf("the server answered %s", resp.Status)
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		e.message += "; give a token with CLEW_TOKEN (--token)"
	default:
		if line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n"); line != "" {
			e.message += ": " + console.Clip(line, 200)
		}
	}
	return e
}

// ask sends a request whose answer is JSON and decodes it into answer.
func (c *client) ask(ctx context.Context, method, path string, request, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var body []byte
	header := http.Header{"Accept": {"application/json"}}
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
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return fmt.Errorf("the answer of %s is not what was expected: %w", c.base, err)
	}
	return nil
}

// findDoor asks the server for one of its doors and returns where to reach it,
// as host:port: the server's host with the door's port.
func (c *client) findDoor(ctx context.Context, name string) (string, error) {
	var health struct {
		Doors []struct {
			Name    string `json:"name"`
			Address string `json:"address"`
			State   string `json:"state"`
		} `json:"doors"`
	}
	if err := c.ask(ctx, "GET", "/api/v1/health", nil, &health); err != nil {
		return "", err
	}
	for _, d := range health.Doors {
		_, port, err := net.SplitHostPort(d.Address)
		if d.Name == name && d.State == "open" && err == nil {
			return net.JoinHostPort(c.base.Hostname(), port), nil
		}
	}
	return "", fmt.Errorf("%s has no open door %s; name one with --otlp-endpoint (CLEW_OTLP_ENDPOINT)", c.base, name)
}
