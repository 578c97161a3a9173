package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/client"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/usage"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/span/skew"
)

// newTrace builds `clew trace`.
func newTrace(t *terminal) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "trace ID",
		Short: "Print one trace as a waterfall",
		Long: `Print one trace as a waterfall: a line for each span, its children below it by
start, with a bar from its start to its end. ✗ marks errors; below is what they say of
themselves. Times are UTC, and as they were received: where the clocks of two hosts
differ for certain, a line says by how much.`,
		Example: "  clew trace 4bf92f3577b34da6a3ce929d0e0e4736",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			id, err := clew.ParseTraceID(args[0])
			if err != nil {
				return usage.Errorf("%w", err)
			}
			cl, err := newClient(r)
			if err != nil {
				return err
			}
			if asJSON {
				return printTraceJSON(c.Context(), t, cl, id)
			}
			b, err := fetchRows(c.Context(), cl, id)
			if err != nil {
				return err
			}
			columns := t.columns
			if columns == 0 {
				columns = defaultColumns
			}
			return waterfall(b).Print(t.out, columns, t.colour)
		},
	}
	addSettings(c, config.Client)
	c.Flags().BoolVar(&asJSON, "json", false, "print the trace as OTLP JSON")
	return c
}

func printTraceJSON(ctx context.Context, t *terminal, cl *client.Client, id clew.TraceID) error {
	resp, err := cl.Fetch(ctx, "GET", "/api/v1/traces/"+id.String(), http.Header{"Accept": {"application/json"}}, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(t.out, resp.Body); err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out)
	return err
}

// waterfall lays out a trace, of which there is at least one span.
func waterfall(b *span.Batch) *console.Waterfall {
	b = span.Unshared(b)
	w := console.NewWaterfall(spansOf(b))
	w.Clocks = skew.Measure(b).Notes()
	return w
}

// fetchTrace returns the spans of one trace; there is at least one.
func fetchTrace(ctx context.Context, cl *client.Client, id clew.TraceID) ([]clew.Span, error) {
	b, err := fetchRows(ctx, cl, id)
	if err != nil {
		return nil, err
	}
	return spansOf(b), nil
}

func spansOf(b *span.Batch) []clew.Span {
	rows := span.NewRows(b)
	spans := make([]clew.Span, b.Rows)
	for i := range spans {
		spans[i] = rows.Span(i)
	}
	return spans
}

// fetchRows returns the rows of one trace; there is at least one.
func fetchRows(ctx context.Context, cl *client.Client, id clew.TraceID) (*span.Batch, error) {
	resp, err := cl.Fetch(ctx, "GET", "/api/v1/traces/"+id.String(), http.Header{"Accept": {"application/x-protobuf"}}, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTraceBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer of %s: %w", cl.Base, err)
	case len(body) > maxTraceBody:
		return nil, fmt.Errorf("the trace is larger than %s; open %s/trace/%s instead", console.Bytes(maxTraceBody), cl.Base, id)
	}
	b := build.NewBuilder(0)
	var d otlp.Decoder
	if _, err := d.Decode(b, body, otlp.Options{}); err != nil {
		return nil, fmt.Errorf("the answer of %s is not what was expected: %w", cl.Base, err)
	}
	if b.Rows() == 0 {
		return nil, clew.Errorf(clew.NotFound, "trace %s has no spans", id)
	}
	return b.View(b.Rows()), nil
}
