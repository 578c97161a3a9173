package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"google.golang.org/protobuf/encoding/protowire"
)

// httpSender sends over one HTTP/1.1 connection.
type httpSender struct {
	client  *http.Client
	url     string
	headers http.Header
	kind    Kind
}

func newHTTPSender(config Config, encoding Encoding) (*httpSender, error) {
	endpoint := config.Endpoint
	if !strings.Contains(endpoint, "://") {
		endpoint = "http://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return nil, clew.Errorf(clew.Invalid, "endpoint %q: want http://host:port", config.Endpoint)
	}
	kind := config.Kind.orOTLP()
	if u.Path == "" || u.Path == "/" {
		u.Path = kind.Path
	}
	s := &httpSender{url: u.String(), headers: http.Header{"Content-Type": {kind.ContentType}}, kind: kind}
	if encoding != Identity {
		s.headers.Set("Content-Encoding", string(encoding))
	}
	for k, v := range config.Headers {
		s.headers.Set(k, v)
	}
	s.client = &http.Client{Transport: &http.Transport{
		MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1, DisableCompression: true, WriteBufferSize: 64 << 10,
	}}
	return s, nil
}

func (s *httpSender) close() error {
	s.client.CloseIdleConnections()
	return nil
}

func (s *httpSender) send(ctx context.Context, body []byte) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Header = s.headers
	response, err := s.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return reply{}, ctx.Err()
		}
		// A connection that broke says nothing about the spans: send them again.
		return reply{}, &refusal{cause: err}
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err != nil {
		return reply{}, &refusal{cause: err}
	}
	if response.StatusCode/100 == 2 {
		return s.kind.reply(answer)
	}
	err = fmt.Errorf("HTTP %s: %s", response.Status, excerpt(answer))
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return reply{}, &refusal{after: retryAfter(response.Header.Get("Retry-After"), time.Now()), cause: err}
	}
	return reply{}, err
}

// retryAfter reads an HTTP Retry-After, seconds or a date; 0 if there is none.
func retryAfter(v string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(v, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// parseReply reads an ExportTraceServiceResponse: partial_success = 1, in it
// rejected_spans = 1 and error_message = 2.
func parseReply(b []byte) (r reply, err error) {
	err = fields(b, func(number protowire.Number, _ uint64, message []byte) error {
		if number != 1 || message == nil {
			return nil
		}
		return fields(message, func(number protowire.Number, v uint64, text []byte) error {
			switch {
			case number == 1 && text == nil:
				r.rejected = max(int64(v), 0)
			case number == 2 && text != nil:
				r.message = excerpt(text)
			}
			return nil
		})
	})
	if err != nil {
		return reply{}, fmt.Errorf("reply is no ExportTraceServiceResponse: %w", err)
	}
	return r, nil
}

// fields calls yield for each varint and each length-delimited field of b; the
// latter's bytes are not nil.
func fields(b []byte, yield func(number protowire.Number, v uint64, bytes []byte) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var v uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(b)
			if bytes == nil {
				bytes = []byte{}
			}
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if kind == protowire.VarintType || kind == protowire.BytesType {
			if err := yield(number, v, bytes); err != nil {
				return err
			}
		}
	}
	return nil
}

// excerpt returns the first 200 bytes of a reply, printable.
func excerpt(b []byte) string {
	if len(b) > 200 {
		b = b[:200]
	}
	return strings.Trim(strconv.QuoteToASCII(string(b)), `"`)
}
