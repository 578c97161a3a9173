package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/client"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/usage"
)

// tailEvent is what the API's tail sends.
type tailEvent struct {
	Spans   []json.RawMessage `json:"spans"`
	Dropped int64             `json:"dropped"`
}

type spanSummary struct {
	TraceID       string          `json:"traceId"`
	Service       string          `json:"service"`
	Name          string          `json:"name"`
	Kind          string          `json:"kind"`
	Status        string          `json:"status"`
	Start         console.Instant `json:"start"`
	DurationNanos float64         `json:"durationNanos"`
}

// newTail builds `clew tail`.
func newTail(t *terminal) *cobra.Command {
	var asJSON bool
	var limit int
	c := &cobra.Command{
		Use:   "tail [QUERY]",
		Short: "Print spans as they arrive",
		Long: `Print spans as they arrive, those that match the TraceQL query if one is given,
until Ctrl-C. What was too fast to be shown is counted. Times are UTC.`,
		Example: `  clew tail '{ status = error }'`,
		Args:    oneQuery,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			cl, err := newClient(r)
			if err != nil {
				return err
			}
			if limit < 0 {
				return usage.Errorf("--limit %d: want 0 (no end) or more spans", limit)
			}
			return runTail(c.Context(), t, cl, strings.Join(args, ""), limit, asJSON)
		},
	}
	addSettings(c, config.Client)
	c.Flags().BoolVar(&asJSON, "json", false, "print the API's JSON, one span a line")
	c.Flags().IntVar(&limit, "limit", 0, "stop after this many spans; 0 is never")
	return c
}

func runTail(ctx context.Context, t *terminal, cl *client.Client, query string, limit int, asJSON bool) error {
	path := "/api/v1/tail"
	if query != "" {
		path += "?q=" + url.QueryEscape(query)
	}
	resp, err := cl.Do(ctx, "GET", path, http.Header{"Accept": {"text/event-stream"}}, nil)
	if err != nil {
		return queryError(query, err)
	}
	defer resp.Body.Close()
	fmt.Fprintln(t.err, "waiting for spans; Ctrl-C ends it")
	printed, lost := 0, int64(0)
	err = readEvents(resp.Body, func(data []byte) error {
		var e tailEvent
		if err := json.Unmarshal(data, &e); err != nil {
			return fmt.Errorf("the answer of %s is not what was expected: %w", cl.Base, err)
		}
		for _, raw := range e.Spans {
			if err := printSpan(t.out, raw, asJSON); err != nil {
				return err
			}
			if printed++; printed == limit {
				return io.EOF
			}
		}
		if e.Dropped > lost {
			fmt.Fprintf(t.err, "clew: %d spans came too fast to be shown\n", e.Dropped-lost)
			lost = e.Dropped
		}
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return clew.Errorf(clew.Canceled, "interrupted")
	case err == io.EOF && limit > 0 && printed == limit:
		return nil
	case err == io.EOF:
		return fmt.Errorf("%s ended the stream", cl.Base)
	}
	return err
}

// readEvents calls f with the data of each server-sent event. It returns io.EOF
// at the end of the stream, and f's error.
func readEvents(r io.Reader, f func(data []byte) error) error {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, maxTailLine)
	var data []byte
	for scan.Scan() {
		line := scan.Bytes()
		if text, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(append(data, bytes.TrimPrefix(text, []byte(" "))...), '\n')
			continue
		}
		if len(line) == 0 && len(data) > 0 {
			if err := f(data); err != nil {
				return err
			}
			data = data[:0]
		}
	}
	if err := scan.Err(); err != nil {
		return fmt.Errorf("the stream broke: %w", err)
	}
	return io.EOF
}

func printSpan(w io.Writer, raw json.RawMessage, asJSON bool) error {
	if asJSON {
		_, err := fmt.Fprintf(w, "%s\n", raw)
		return err
	}
	var s spanSummary
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("a span of the stream is not what was expected: %w", err)
	}
	mark := " "
	if s.Status == "error" {
		mark = "✗"
	}
	_, err := fmt.Fprintf(w, "%s %s %8s  %s  %-20s %s\n", s.Start, mark, console.Nanos(int64(s.DurationNanos)), s.TraceID,
		console.Clip(console.Printable(s.Service), 20), console.Printable(s.Name))
	return err
}
