// Package client asks a running server over its HTTP API, and says in plain words
// what is in the way when there is no answer.
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
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

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/console"
)

// Client asks one server.
type Client struct {
	Base   *url.URL // of the page and the API
	Tenant string
	Token  string
	// Agent is what requests say of who asks.
	Agent string
	HTTP  *http.Client
}

// New returns a client of the server at an address, which is a URL.
func New(address, tenant, token, agent string) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err != nil {
		return nil, err
	}
	return &Client{Base: base, Tenant: tenant, Token: token, Agent: agent, HTTP: &http.Client{}}, nil
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

// An Error is one that a server answered.
type Error struct {
	Status     int
	Kind       string
	Message    string
	Position   *int // in the query
	RetryAfter time.Duration
}

// Error is what the server said.
func (e *Error) Error() string { return e.Message }

// Do sends a request with tenant and token and hands back an answer of 2xx;
// everything else is an error. The caller closes the body.
func (c *Client) Do(ctx context.Context, method, path string, header http.Header, body []byte) (*http.Response, error) {
	resp, err := c.DoURL(ctx, method, c.Base.String()+path, header, body)
	var api *Error
	if errors.As(err, &api) && api.Kind == "" {
		switch api.Status {
		case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
			return nil, c.otherServer(err)
		}
	}
	return resp, err
}

// otherServer says that what answers at the address is not clew's page.
func (c *Client) otherServer(err error) error {
	return fmt.Errorf("%s does not answer as clew's API does: %w; name the address of clew's page with --server (CLEW_SERVER)", c.Base, err)
}

// DoURL is Do for any address, such as a door's.
func (c *Client) DoURL(ctx context.Context, method, address string, header http.Header, body []byte) (*http.Response, error) {
	resp, err := c.Send(ctx, method, address, header, body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, readError(resp)
	}
	return resp, nil
}

// Send is DoURL that hands back an answer of any status.
func (c *Client) Send(ctx context.Context, method, address string, header http.Header, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", c.Agent)
	if c.Tenant != string(clew.DefaultTenant) {
		req.Header.Set(clew.TenantHeader, c.Tenant)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, address, err)
	}
	return resp, nil
}

// Reachable checks that somebody listens at an address with a port.
func (c *Client) Reachable(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Port() == "" {
		return nil // whoever uses it says what is wrong
	}
	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout, overdueError(dialTimeout))
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return c.unreachable(ctx, address, err)
	}
	return conn.Close()
}

// overdueError is why a request ends that was not answered within so long.
type overdueError time.Duration

// Error implements error.
func (e overdueError) Error() string { return fmt.Sprintf("no answer within %v", time.Duration(e)) }

// unreachable words what kept a request from being answered, and how to mend it.
func (c *Client) unreachable(ctx context.Context, address string, err error) error {
	u, parseErr := url.Parse(address)
	if parseErr != nil {
		return err
	}
	who, mend := c.Base.String(), "name another with --server (CLEW_SERVER)"
	if u.Host != c.Base.Host {
		who, mend = u.Scheme+"://"+u.Host, "name another door with --otlp-endpoint (CLEW_OTLP_ENDPOINT)"
	}
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err // without method and address, which are said here
	}
	var dns *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var overdue overdueError
	switch {
	case errors.Is(context.Cause(ctx), errSilent):
		return fmt.Errorf("%s has said nothing for %v, which this command waits for; look at the server, or %s", who, maxSilence, mend)
	case errors.Is(ctx.Err(), context.Canceled):
		return clew.Errorf(clew.Canceled, "interrupted")
	case errors.As(context.Cause(ctx), &overdue):
		return fmt.Errorf("%s did not answer within %v, which this command waits for; %s", who, time.Duration(overdue), mend)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no server answers at %s; start one with clew serve, or %s", who, mend)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("there is no host %s; %s", dns.Name, mend)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s does not speak TLS; write http:// in its place", who)
	case errors.As(err, &untrusted):
		return fmt.Errorf("this machine does not trust the certificate of %s: %w; SSL_CERT_FILE may name a file with its authority", who, untrusted.Err)
	}
	return fmt.Errorf("no answer from %s: %w; %s", who, err, mend)
}

// readError makes an error of an answer that is none of 2xx.
func readError(resp *http.Response) error {
	e := &Error{Status: resp.StatusCode}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	if text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes)); err == nil {
		e.read(resp, text)
	}
	if e.Message == "" {
		e.Message = "the server answered " + resp.Status
	}
	if e.Status == http.StatusUnauthorized {
		e.Message += "; give a token with CLEW_TOKEN (--token)"
	}
	return e
}

// read takes what the body of an answer says: the API's error, a door's Status in
// protobuf or JSON, or a line of text.
func (e *Error) read(resp *http.Response, text []byte) {
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	switch kind {
	case "application/x-protobuf":
		var body status.Status
		if proto.Unmarshal(text, &body) == nil {
			e.Message = console.Printable(body.Message)
		}
	case "application/json":
		var body errorBody
		if json.Unmarshal(text, &body) == nil {
			e.Kind, e.Message, e.Position = body.Error.Kind, cmp.Or(body.Error.Message, body.Message), body.Error.Position
		}
	case "text/html": // a page is no message
	default:
		switch line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n"); {
		case strings.Contains(line, "HTTP request to an HTTPS server"): // as Go's server says it
			e.Message = "the server speaks TLS; write https:// in place of http://"
		case line != "":
			e.Message = fmt.Sprintf("the server answered %s: %s", resp.Status, console.Printable(console.Clip(line, 200)))
		}
	}
}

// Ask sends a request that is answered at once, with JSON, and decodes it into answer.
func (c *Client) Ask(ctx context.Context, method, path string, request, answer any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, requestTimeout, overdueError(requestTimeout))
	defer cancel()
	header, body, err := encode(request)
	if err != nil {
		return err
	}
	resp, err := c.Do(ctx, method, path, header, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return c.otherServer(err)
	}
	return nil
}

// encode makes the body of a request, if there is one, and the header it comes with.
func encode(request any) (http.Header, []byte, error) {
	header := http.Header{"Accept": {"application/json"}}
	if request == nil {
		return header, nil, nil
	}
	header.Set("Content-Type", "application/json")
	body, err := json.Marshal(request)
	return header, body, err
}

// FindDoor asks the server for one of its doors and returns where to reach it,
// as host:port: the server's host with the door's port.
func (c *Client) FindDoor(ctx context.Context, name string) (string, error) {
	var health struct {
		Doors []struct {
			Name    string `json:"name"`
			Address string `json:"address"`
			State   string `json:"state"`
		} `json:"doors"`
	}
	if err := c.Ask(ctx, "GET", "/api/v1/health", nil, &health); err != nil {
		return "", err
	}
	for _, d := range health.Doors {
		_, port, err := net.SplitHostPort(d.Address)
		if d.Name == name && d.State == "open" && err == nil {
			return net.JoinHostPort(c.Base.Hostname(), port), nil
		}
	}
	return "", fmt.Errorf("%s has no open door %s; name one with --otlp-endpoint (CLEW_OTLP_ENDPOINT)", c.Base, name)
}
