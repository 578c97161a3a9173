package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/otlpfile"
	"github.com/clew-tracing/clew/internal/usage"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/pipeline"
	"github.com/clew-tracing/clew/pipeline/redact"
)

// newPipeline builds `clew pipeline`.
func newPipeline(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "pipeline",
		Short: "Try out what changes spans before they are stored",
		Args: func(c *cobra.Command, given []string) error {
			if len(given) == 0 {
				return nil
			}
			return usage.Errorf("there is no command %q; did you mean clew pipeline test?", given[0])
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	test := newPipelineTest(t)
	test.Args = usageArgs(test.Args)
	c.AddCommand(test)
	return c
}

// pipelineTest tries a pipeline on a file.
type pipelineTest struct {
	t             *terminal
	input, format string
	limit         int

	counts              pipeline.Counts
	read, changed, gone int
	refused             int
	shown               int
	resourceShown       string
}

// newPipelineTest builds `clew pipeline test`.
func newPipelineTest(t *terminal) *cobra.Command {
	p := pipelineTest{t: t}
	c := &cobra.Command{
		Use:   "test FILE",
		Short: "Check a pipeline, and show what it changes",
		Long: `Check the file of a pipeline, which clew serve takes with --pipeline. With --input
it is run over a file of OTLP traces, of the kinds that clew import takes ("-" is
standard input), and what it changes of each span is printed: before and after.
Nothing is sent anywhere, except that tables are fetched that the pipeline names.

The exit code is 0 if the pipeline is right and took all of the input, 1 if the
file is wrong, names a table that cannot be read, or has requests refused.`,
		Example: `  clew pipeline test pipeline.yaml
  clew pipeline test pipeline.yaml --input traces.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if p.limit < 0 {
				return usage.Errorf("--limit %d: want 0 or more", p.limit)
			}
			return p.run(c.Context(), args[0])
		},
	}
	f := c.Flags()
	f.StringVar(&p.input, "input", "", `a file of OTLP traces to run it over, or "-"`)
	f.StringVar(&p.format, "format", otlpfile.Auto, "of the input: auto, json, proto or delimited")
	f.IntVar(&p.limit, "limit", 100, "how many changed spans are printed; all are counted")
	return c
}

func (p *pipelineTest) run(ctx context.Context, path string) error {
	log := slog.New(slog.NewTextHandler(p.t.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	pipe, err := pipeline.Load(ctx, path, &p.counts, log)
	if err != nil {
		return err
	}
	defer pipe.Close()
	pipe.Await(ctx)
	if failed := p.counts.LookupErrs.Load(); failed > 0 {
		return fmt.Errorf("%s: %s could not be read", path, console.Plural(int(failed), "table"))
	}
	if p.input == "" {
		_, err := fmt.Fprintf(p.t.out, "%s: %s\n", path, pipe.Describe())
		return err
	}
	if err := p.all(ctx, pipe); err != nil {
		return fmt.Errorf("%s: %w", sourceName(p.input), err)
	}
	if err := p.sum(); err != nil {
		return err
	}
	if p.refused > 0 {
		return fmt.Errorf("%s refused", console.Plural(p.refused, "request"))
	}
	return nil
}

// all runs the pipeline over the input.
func (p *pipelineTest) all(ctx context.Context, pipe *pipeline.Pipeline) error {
	src, err := otlpfile.Open(p.input, p.t.in, p.format)
	if err != nil {
		return err
	}
	defer src.Close()
	next := src.Batches(0)
	for {
		b, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := p.batch(ctx, pipe, b); err != nil {
			return err
		}
	}
	if p.read == 0 {
		return src.NoTraces()
	}
	return nil
}

func (p *pipelineTest) batch(ctx context.Context, pipe *pipeline.Pipeline, b *otlpfile.Batch) error {
	body := b.Body
	if b.ContentType == "application/json" && len(body) > 0 {
		var err error
		if body, _, err = otlp.TranscodeJSON(nil, body); err != nil {
			return err
		}
	}
	before, err := flatten(body)
	if err != nil {
		return err
	}
	p.read += len(before)
	out, done, err := pipe.Rewrite(ctx, nil, body)
	if err != nil {
		p.refused++
		_, err := fmt.Fprintf(p.t.out, "bytes %d to %d would be refused: %v\n", b.From, b.End, console.Printable(err.Error()))
		return err
	}
	if !done.Changed {
		return nil
	}
	after, err := flatten(out)
	if err != nil {
		return errors.Join(errors.New("what the pipeline made is no OTLP, please report it"), err)
	}
	return p.compare(before, after)
}

// flatSpan is a span with all it says, by place.
type flatSpan struct {
	id, name         string
	own, surrounding map[string]string
}

// compare prints what became of each span. Those that are there in both are in the same
// order.
func (p *pipelineTest) compare(before, after []flatSpan) error {
	at := 0
	for _, b := range before {
		if at == len(after) || after[at].id != b.id {
			p.gone++
			if err := p.print(b, "dropped", ""); err != nil {
				return err
			}
			continue
		}
		a := after[at]
		at++
		own, surrounding := differences(b.own, a.own), differences(b.surrounding, a.surrounding)
		if own == "" && surrounding == "" {
			continue
		}
		p.changed++
		if surrounding == p.resourceShown {
			surrounding = "" // as of the span before
		} else {
			p.resourceShown = surrounding
		}
		if own+surrounding == "" {
			continue
		}
		if err := p.print(b, "", own+surrounding); err != nil {
			return err
		}
	}
	return nil
}

func (p *pipelineTest) print(s flatSpan, what, lines string) error {
	if p.shown == p.limit {
		return nil
	}
	p.shown++
	if what != "" {
		what = " " + what
	}
	_, err := fmt.Fprintf(p.t.out, "span %s %s%s\n%s", s.id, strconv.Quote(s.name), what, lines)
	return err
}

// differences lists what is not the same.
func differences(before, after map[string]string) string {
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if now, ok := after[key]; !ok {
			fmt.Fprintf(&out, "  - %s: %s\n", console.Printable(key), before[key])
		} else if now != before[key] {
			fmt.Fprintf(&out, "  - %s: %s\n  + %s: %s\n", console.Printable(key), before[key], console.Printable(key), now)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if _, ok := before[key]; !ok {
			fmt.Fprintf(&out, "  + %s: %s\n", console.Printable(key), after[key])
		}
	}
	return out.String()
}

// sum prints the counts.
func (p *pipelineTest) sum() error {
	line := fmt.Sprintf("%s read, %d changed, %d dropped", console.Plural(p.read, "span"), p.changed, p.gone)
	var sets []string
	total := int64(0)
	for _, s := range redact.Sets() {
		if n := p.counts.Redacted.Of(s); n > 0 {
			total += n
			sets = append(sets, fmt.Sprintf("%s %d", s, n))
		}
	}
	line += fmt.Sprintf("; %s redacted", console.Plural(int(total), "value"))
	if len(sets) > 0 {
		line += " (" + strings.Join(sets, ", ") + ")"
	}
	line += fmt.Sprintf("; %s named, %s added, %s failed", console.Plural(int(p.counts.Renamed.Load()), "service"),
		console.Plural(int(p.counts.Added.Load()), "attribute"), console.Plural(int(p.counts.Errors.Load()), "statement"))
	_, err := fmt.Fprintln(p.t.out, line)
	return err
}

// flatten returns the spans of a request.
func flatten(body []byte) ([]flatSpan, error) {
	var req coltracepb.ExportTraceServiceRequest
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, &req); err != nil {
		return nil, err
	}
	var out []flatSpan
	for _, rs := range req.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				f := flatSpan{id: fmt.Sprintf("%x/%x", s.TraceId, s.SpanId), name: s.Name, own: map[string]string{}, surrounding: map[string]string{}}
				flattenPairs(f.surrounding, "resource.", rs.GetResource().GetAttributes())
				flattenText(f.surrounding, "resource.schema_url", rs.SchemaUrl)
				flattenText(f.surrounding, "scope.name", ss.GetScope().GetName())
				flattenText(f.surrounding, "scope.version", ss.GetScope().GetVersion())
				flattenPairs(f.surrounding, "scope.", ss.GetScope().GetAttributes())
				flattenSpan(f.own, s)
				out = append(out, f)
			}
		}
	}
	return out, nil
}

func flattenSpan(to map[string]string, s *tracepb.Span) {
	flattenText(to, "name", s.Name)
	flattenText(to, "kind", s.Kind.String())
	flattenText(to, "trace_state", s.TraceState)
	flattenText(to, "status.message", s.GetStatus().GetMessage())
	flattenText(to, "status.code", s.GetStatus().GetCode().String())
	flattenText(to, "start", strconv.FormatUint(s.StartTimeUnixNano, 10))
	flattenText(to, "end", strconv.FormatUint(s.EndTimeUnixNano, 10))
	flattenText(to, "parent", fmt.Sprintf("%x", s.ParentSpanId))
	flattenPairs(to, "", s.Attributes)
	for i, e := range s.Events {
		at := fmt.Sprintf("events[%d].", i)
		flattenText(to, at+"name", e.Name)
		flattenPairs(to, at, e.Attributes)
	}
	for i, l := range s.Links {
		at := fmt.Sprintf("links[%d].", i)
		flattenText(to, at+"trace_state", l.TraceState)
		flattenPairs(to, at, l.Attributes)
	}
}

func flattenText(to map[string]string, key, text string) {
	if text != "" {
		to[key] = strconv.Quote(text)
	}
}

func flattenPairs(to map[string]string, at string, list []*commonpb.KeyValue) {
	for _, kv := range list {
		to[at+"attributes["+strconv.Quote(kv.Key)+"]"] = valueText(kv.Value)
	}
}

// valueText is a value as the input may have it.
func valueText(v *commonpb.AnyValue) string {
	if s, ok := v.GetValue().(*commonpb.AnyValue_StringValue); ok {
		return strconv.Quote(s.StringValue)
	}
	text, err := protojson.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(text)
}
