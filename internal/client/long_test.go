package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/client"
)

func newClient(t *testing.T, address string) *client.Client {
	t.Helper()
	c, err := client.New(address, "default", "", "test")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAskLong reads answers that tell how far they are, such that do not, and errors of
// either kind.
func TestAskLong(t *testing.T) {
	const lines = "application/x-ndjson"
	for _, c := range []struct {
		kind   string
		status int
		body   string
		want   string // the answer, or a part of the error
		told   string
	}{
		{"application/json", 200, `{"n":7}`, "7", ""},
		{"application/json", 400, `{"error":{"kind":"invalid","message":"no query"}}`, "no query", ""},
		{lines, 200, "{\"progress\":{\"share\":0.25,\"rows\":1}}\n{\"progress\":{\"share\":0.5}}\n{\"answer\":{\"n\":7}}\n", "7", "0.25 0.5 "},
		{lines, 200, "{\"progress\":{\"share\":0.25}}\n{\"error\":{\"kind\":\"invalid\",\"message\":\"no query\",\"position\":3}}\n", "no query", "0.25 "},
		{lines, 200, "{\"progress\":{\"share\":0.25}}\n", "broke off its answer", "0.25 "},
		{lines, 200, "{\"progress\":{\"share\":0.25}}\n{\"answ", "broke off its answer", "0.25 "},
		{lines, 200, "what", "does not answer as clew's API does", ""},
		{"application/json", 200, `{"n":`, "broke off its answer", ""},
		{"text/html", 200, `<html>`, "does not answer as clew's API does", ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.Header.Get("Accept"), lines) {
				t.Errorf("Accept: %s", r.Header.Get("Accept"))
			}
			w.Header().Set("Content-Type", c.kind)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}))
		var answer struct{ N int }
		told := ""
		err := newClient(t, server.URL).AskLong(t.Context(), "GET", "/x", nil, &answer, func(p client.Progress) { told += fmt.Sprint(p.Share, " ") })
		got := fmt.Sprint(answer.N)
		var api *client.Error
		if err != nil {
			got = err.Error()
		}
		if errors.As(err, &api) && (api.Status != 400 || api.Kind != "invalid") {
			t.Errorf("%q: status %d, kind %q", c.body, api.Status, api.Kind)
		}
		if !strings.Contains(got, c.want) || told != c.told {
			t.Errorf("%q is %q after %q, want %q after %q", c.body, got, told, c.want, c.told)
		}
		server.Close()
	}
}

// TestAskLongInterrupted ends the server's work, before it says anything and later.
func TestAskLongInterrupted(t *testing.T) {
	for _, says := range []string{"", "{\"progress\":{\"share\":0.25}}\n"} {
		asked, ended := make(chan struct{}), make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if says != "" {
				w.Header().Set("Content-Type", "application/x-ndjson")
				_, _ = io.WriteString(w, says)
				_ = http.NewResponseController(w).Flush()
			}
			close(asked)
			<-r.Context().Done()
			close(ended)
		}))
		ctx, interrupt := context.WithCancel(t.Context())
		go func() { <-asked; interrupt() }()
		err := newClient(t, server.URL).AskLong(ctx, "GET", "/x", nil, new(any), func(client.Progress) {})
		if clew.KindOf(err) != clew.Canceled {
			t.Errorf("after %q: %v", says, err)
		}
		<-ended
		server.Close()
	}
}

// still is a server that says a line now and then, and at last no more.
type still struct {
	lines int
	every time.Duration
}

func (s still) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.lines == 0 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	body, w := io.Pipe()
	go func() {
		for range s.lines {
			<-time.After(s.every)
			fmt.Fprintln(w, `{"progress":{"share":0.5}}`)
		}
		<-r.Context().Done()
		w.CloseWithError(r.Context().Err())
	}()
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/x-ndjson"}}, Body: body, Request: r}, nil
}

// TestSilence waits for a server as long as it says something, and a minute longer.
func TestSilence(t *testing.T) {
	for lines, want := range map[int]time.Duration{0: time.Minute, 20: 20*50*time.Second + time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, "http://localhost:1")
			c.HTTP.Transport = still{lines, 50 * time.Second}
			began := time.Now()
			err := c.AskLong(t.Context(), "GET", "/x", nil, new(any), func(client.Progress) {})
			if err == nil || !strings.Contains(err.Error(), "has said nothing for 1m0s") || time.Since(began) != want {
				t.Errorf("with %d lines: %v, after %v", lines, err, time.Since(began))
			}
		})
	}
}

// TestOverdue waits a minute for what is answered at once, and says that it did.
func TestOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "http://localhost:1")
		c.HTTP.Transport = still{}
		began := time.Now()
		err := c.Ask(t.Context(), "GET", "/x", nil, new(any))
		if err == nil || !strings.Contains(err.Error(), "did not answer within 1m0s") || time.Since(began) != time.Minute {
			t.Errorf("%v, after %v", err, time.Since(began))
		}
	})
}
