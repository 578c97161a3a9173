package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cmd/clew/serve"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/internal/client"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/otlpfile"
	"github.com/clew-tracing/clew/internal/usage"
)

// importer sends files through the OTLP door.
type importer struct {
	t        *terminal
	client   *client.Client
	endpoint string // of the door, without path
	format   string
	stateDir string
	restart  bool
	// wait pauses between tries; it returns early with an error when ctx ends.
	wait func(ctx context.Context, d time.Duration) error
	// reached is set once the door has answered: from then on it is waited for.
	reached bool
	refused refusals
	// taken counts the spans that the door has acknowledged in this run.
	taken int64
}

// newImport builds `clew import`.
func newImport(t *terminal) *cobra.Command {
	im := importer{t: t, wait: waitFor}
	c := &cobra.Command{
		Use:   "import FILE…",
		Short: "Send files of OTLP traces to a server",
		Long: `Send files of OTLP traces to a server, through its OTLP door.

A file holds messages one after another: OTLP JSON, one a line or not; or OTLP
protobuf with the size before each message, in four bytes big-endian (proto, as
the collector's file exporter writes) or as a varint (delimited). Files packed
with gzip or zstd are unpacked. "-" is standard input.

How far a file has come is noted after every acknowledged request. An import
that was stopped is continued by the same command, and a file that has grown is
imported from where it ended; nothing is sent twice. A request whose reply was
lost is sent again as the same bytes, which the server recognises.

The exit code is 3 if spans were refused, which says how many and why; all others
are in the store. It is 1 if a file has no traces or is cut off, or the server
does not answer.`,
		Example: `  clew import traces.jsonl
  clew import --format proto traces.bin.zst`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			switch im.format {
			case otlpfile.Auto, otlpfile.JSON, otlpfile.Proto, otlpfile.Delimited:
			default:
				return usage.Errorf("--format %q: want auto, json, proto or delimited", im.format)
			}
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			if im.client, err = newClient(r); err != nil {
				return err
			}
			if im.endpoint = string(r.OTLPEndpoint); im.endpoint == "" {
				at, err := im.client.FindDoor(c.Context(), serve.DoorOTLPHTTP)
				if err != nil {
					return err
				}
				im.endpoint = im.client.Base.Scheme + "://" + at
			}
			im.endpoint = strings.TrimSuffix(strings.TrimRight(im.endpoint, "/"), otlpdoor.TracesPath)
			return im.run(c.Context(), files)
		},
	}
	addSettings(c, config.Client|config.Sender)
	f := c.Flags()
	f.StringVar(&im.format, "format", otlpfile.Auto, "auto, json, proto or delimited")
	f.StringVar(&im.stateDir, "state", "", "folder that notes how far each file has come (default clew/import in the user's cache folder)")
	f.BoolVar(&im.restart, "restart", false, "begin at the start of each file, whatever was sent before")
	return c
}

func waitFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return clew.Errorf(clew.Canceled, "interrupted")
	}
}

func (im *importer) run(ctx context.Context, files []string) error {
	if im.stateDir == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return usage.Errorf("%w; choose a folder with --state", err)
		}
		im.stateDir = filepath.Join(dir, "clew", "import")
	}
	var without []string
	for _, path := range files {
		err := im.file(ctx, path)
		var none *otlpfile.NoTracesError
		if errors.As(err, &none) {
			without = append(without, fmt.Sprintf("%s: %v", sourceName(path), err))
			continue
		}
		if err != nil {
			im.refused.print(im.t.err)
			return fmt.Errorf("%s: %w", sourceName(path), err)
		}
	}
	switch {
	case len(without) > 0:
		im.refused.print(im.t.err)
		return errors.New(strings.Join(without, "\n"))
	case im.refused.spans > 0:
		return im.refused.err(im.taken + im.refused.spans)
	}
	return nil
}

// sourceName is how errors and lines name a file.
func sourceName(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}

func (im *importer) file(ctx context.Context, path string) error {
	src, err := otlpfile.Open(path, im.t.in, im.format)
	if err != nil {
		return err
	}
	defer src.Close()
	state, err := im.resume(path, src)
	if err != nil {
		return err
	}
	before := *state
	show := console.NewProgress(im.t.line(), sourceName(path), src.SizeBytes, src.ReadBytes, time.Now())
	next := src.Batches(before.Offset)
	for {
		batch, err := next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = im.send(ctx, batch, state, src.Head)
		}
		if err != nil {
			show.End()
			return stoppedAt(err, path, &before, state)
		}
		show.Update(state.Spans-before.Spans, time.Now())
	}
	show.End()
	switch sent := state.Sent() - before.Sent(); {
	case state.Sent() == 0:
		return src.NoTraces()
	case sent == 0:
		_, err = fmt.Fprintf(im.t.out, "%s: nothing after byte %d, up to which it was imported before; --restart sends it again\n", sourceName(path), before.Offset)
		return err
	}
	_, err = fmt.Fprintf(im.t.out, "%s: %s imported, %d refused\n", sourceName(path), console.Plural(int(state.Spans-before.Spans), "span"), state.Refused-before.Refused)
	return err
}

// stoppedAt adds to an error how far the import of a file came, and what to do
// about the rest.
func stoppedAt(err error, path string, before, now *otlpfile.Progress) error {
	switch {
	case now.Sent() == 0:
		return fmt.Errorf("%w; nothing of it was imported", err)
	case now.Sent() == before.Sent():
		return fmt.Errorf("%w; nothing after byte %d was imported", err, before.Offset)
	}
	n := now.Spans - before.Spans
	text := fmt.Sprintf("%s before it, up to byte %d, %s imported", console.Plural(int(n), "span"), now.Offset, wereOrWas(n))
	if path != "-" && !errors.As(err, new(*otlpfile.ProgressError)) {
		text += "; the same command goes on from there"
	}
	return fmt.Errorf("%w; %s", err, text)
}

func wereOrWas(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// resume loads the state of an import and moves src to where it stopped.
func (im *importer) resume(path string, src *otlpfile.Source) (*otlpfile.Progress, error) {
	if path == "-" {
		return &otlpfile.Progress{}, nil
	}
	state, err := otlpfile.LoadProgress(im.stateDir, path, im.endpoint, im.client.Tenant)
	if err != nil && !im.restart {
		return nil, err
	}
	if im.restart {
		state = state.Anew()
	}
	if !state.Fits(src.Head) {
		return nil, fmt.Errorf("this is not the file that was imported up to byte %d; --restart imports it from its start", state.Offset)
	}
	if state.Offset > 0 {
		if err := src.Skip(state.Offset); err != nil {
			return nil, err
		}
	}
	return state, state.Save() // what cannot be noted is not begun
}

// send delivers one batch, trying again while the door is busy or away, and
// notes that it is acknowledged.
func (im *importer) send(ctx context.Context, b *otlpfile.Batch, state *otlpfile.Progress, head []byte) error {
	if len(b.Body) == 0 {
		state.Note(b, 0, head) // messages without spans; the next request saves it
		return nil
	}
	header := http.Header{"Content-Type": {b.ContentType}}
	pause := importMinWait
	for try := 1; ; try++ {
		resp, err := im.client.DoURL(ctx, "POST", im.endpoint+otlpdoor.TracesPath, header, b.Body)
		if err == nil {
			im.reached = true
			refused, err := im.readReply(resp)
			if err != nil {
				return err
			}
			im.taken += b.Spans - refused
			return state.Advance(b, refused, head)
		}
		again, after := im.mayRetry(ctx, err)
		if !again {
			return notTaken(b, err)
		}
		if try == importTries {
			return fmt.Errorf("given up after %d tries: %w", try, err)
		}
		if err := im.wait(ctx, max(pause, after)); err != nil {
			return err
		}
		pause = min(pause*2, importMaxWait)
	}
}

// notTaken adds to the door's answer to a batch which part of the file it is about.
func notTaken(b *otlpfile.Batch, err error) error {
	var api *client.Error
	if !errors.As(err, &api) {
		return err
	}
	return fmt.Errorf("bytes %d to %d were not taken: %w", b.From, b.End, err)
}

// mayRetry says whether the same request may succeed later, and how long the
// door asked to wait. A door that never answered is not waited for: the address
// is wrong or nothing runs there.
func (im *importer) mayRetry(ctx context.Context, err error) (bool, time.Duration) {
	var api *client.Error
	if !errors.As(err, &api) {
		return im.reached && ctx.Err() == nil, 0
	}
	im.reached = true
	switch api.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, api.RetryAfter
	}
	return false, 0
}

// readReply returns how many spans the door refused and remembers why.
func (im *importer) readReply(resp *http.Response) (refused int64, err error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReplyBytes))
	if err != nil {
		return 0, err
	}
	var reason string
	if resp.Header.Get("Content-Type") == "application/x-protobuf" {
		refused, reason, err = protoReply(body)
	} else {
		var reply struct {
			PartialSuccess struct {
				RejectedSpans json.Number `json:"rejectedSpans"`
				ErrorMessage  string      `json:"errorMessage"`
			} `json:"partialSuccess"`
		}
		if err = json.Unmarshal(body, &reply); err == nil && reply.PartialSuccess.RejectedSpans != "" {
			refused, err = reply.PartialSuccess.RejectedSpans.Int64()
			reason = reply.PartialSuccess.ErrorMessage
		}
	}
	if err != nil {
		return 0, fmt.Errorf("the reply of %s is not OTLP's: %w", im.endpoint, err)
	}
	if refused > 0 {
		im.refused.add(refused, console.Printable(reason))
	}
	return refused, nil
}

// protoReply reads an ExportTraceServiceResponse.
func protoReply(body []byte) (refused int64, reason string, err error) {
	var reply coltracepb.ExportTraceServiceResponse
	err = proto.Unmarshal(body, &reply)
	return reply.GetPartialSuccess().GetRejectedSpans(), reply.GetPartialSuccess().GetErrorMessage(), err
}
