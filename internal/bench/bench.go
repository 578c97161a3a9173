// Package bench measures what a server costs per span: it makes a corpus, sends
// it, reads the server's CPU, memory and disk from outside, and asks for all of
// it again. A run whose answers differ from what was sent does not count.
//
//	make → start → meters → send → meters → settle → meters → ask → stop
//
// The server is one of the bench's own, started anew for each run, or any other
// that takes the format, OTLP or another one's. docs/benchmarks.md says what each figure means.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/bench/foreign"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/internal/load"
)

// measureAll measures as often as asked and prints one report. Its error says
// that a run is void: what was sent was not all accepted, or was not found.
func measureAll(ctx context.Context, o *options, out, progress io.Writer) error {
	all := &report{Corpus: o.corpus, Seed: o.seed, Spans: o.spans, Format: string(o.format), Protocol: string(o.protocol), Encoding: o.encoding,
		Clients: o.clients, Rate: o.rate, SettleSeconds: o.settle.Seconds(), Machine: readMachine()}
	var work *workload
	defer func() {
		if work != nil {
			work.close()
		}
	}()
	for i := range o.runs {
		// A server of one's own is new in each run and can get the same bytes; any
		// other may rightly drop bytes it has seen.
		if work == nil || o.endpoint != "" {
			if work != nil {
				work.close()
			}
			var err error
			fmt.Fprintf(progress, "making %d spans of corpus %s\n", o.spans, o.corpus)
			if work, err = makeWorkloads(o, o.seed+uint64(i), time.Now()); err != nil {
				return err
			}
		}
		fmt.Fprintf(progress, "run %d of %d\n", i+1, o.runs)
		one, err := measure(ctx, o, work, progress)
		if ctx.Err() != nil {
			return clew.Errorf(clew.Canceled, "interrupted")
		}
		if err != nil {
			return fmt.Errorf("run %d: %w", i+1, err)
		}
		all.Runs = append(all.Runs, *one)
	}
	all.RawBytes = float64(work.spool.RawBytes()) / float64(o.spans)
	all.SentBytes = float64(work.spool.EncodedBytes()) / float64(o.spans)
	if err := all.print(out, o.json); err != nil {
		return err
	}
	var void []error
	for i := range all.Runs {
		for _, reason := range all.Runs[i].Void {
			void = append(void, fmt.Errorf("run %d is void: %s", i+1, reason))
		}
	}
	return errors.Join(void...)
}

// workload is a corpus ready to be sent, and what must be found of it.
type workload struct {
	spool *load.Spool
	truth *corpus.Truth
	// before is loaded before anything is measured, for those who ask meanwhile; nil
	// without them. Its spans are older than all others.
	before *workload
}

func (w *workload) close() {
	_ = w.spool.Close() // a temporary file without a name
	if w.before != nil {
		w.before.close()
	}
}

// makeWorkloads makes what is sent and, for askers, what is sent before.
func makeWorkloads(o *options, seed uint64, now time.Time) (*workload, error) {
	work, err := makeWorkload(o, seed, o.spans, now)
	if err != nil || o.askers == 0 {
		return work, err
	}
	if work.before, err = makeWorkload(o, ^seed, o.before, work.truth.First.Time().Add(-beforeGap)); err != nil {
		work.close()
		return nil, err
	}
	if work.before.truth.Last >= work.truth.First {
		work.close()
		return nil, fmt.Errorf("the last of %d spans of corpus %s ends too late to be told from those after it: lower --before", o.before, o.corpus)
	}
	return work, nil
}

// makeWorkload makes a corpus whose event time ends about now.
func makeWorkload(o *options, seed uint64, spans int, now time.Time) (*workload, error) {
	c, err := corpus.New(corpus.Name(o.corpus), seed, spans)
	if err != nil {
		return nil, err
	}
	c.PerRequest = o.perRequest
	if o.over > 0 {
		c.SpansPerSecond = float64(o.spans) / o.over.Seconds()
	}
	lasts := time.Duration(float64(spans) / c.SpansPerSecond * float64(time.Second))
	c.Start = now.Add(-lasts - eventLag)
	encoding, err := load.ParseEncoding(o.encoding)
	if err != nil {
		return nil, err
	}
	spool, err := load.NewSpool("", encoding, load.DefaultSpoolMemory)
	if err != nil {
		return nil, err
	}
	if err := fill(spool, c, foreign.NewWriter(o.format, o.perRequest)); err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return &workload{spool: spool, truth: c.Truth()}, nil
}

// fill writes a whole corpus into a spool.
func fill(spool *load.Spool, c *corpus.Corpus, w *foreign.Writer) error {
	var body []byte
	for {
		var n int
		if body, n = c.Next(body[:0]); n == 0 {
			return w.Flush(spool.Add)
		}
		if err := w.Add(body, n, spool.Add); err != nil {
			return err
		}
	}
}

// measure is one run: load, settle, read the meters, ask.
func measure(ctx context.Context, o *options, work *workload, progress io.Writer) (run *measurement, err error) {
	t, err := newTarget(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	run = &measurement{}
	var checks []check
	if work.before != nil {
		if checks, err = fillBefore(ctx, o, work.before, t); err != nil {
			return nil, errors.Join(err, t.complaint())
		}
	}
	profiled := t.startProfile(ctx, o, run)
	var beside *askers
	if checks != nil {
		beside = startAskers(ctx, o.askers, t.api.base, checks)
	}
	err = send(ctx, o, work, t, run)
	if beside != nil {
		beside.finish(run)
	}
	if err != nil {
		return nil, errors.Join(err, t.complaint(), <-profiled)
	}
	settle := o.settle
	if run.Accepted == 0 {
		settle = 0 // nothing came that could settle
	}
	fmt.Fprintf(progress, "loaded %.0f spans/s; settling for %v\n", run.SpansPerSecond, settle)
	if err := pause(ctx, settle); err != nil {
		return nil, err
	}
	if err := t.readSettled(ctx, run, o.spans); err != nil {
		return nil, errors.Join(err, t.complaint())
	}
	if err := <-profiled; err != nil {
		return nil, err
	}
	if t.api == nil {
		return run, nil
	}
	fmt.Fprintf(progress, "asking\n")
	if err := askAll(ctx, t, work.truth, o.format, run, o.endpoint == "" && work.before == nil); err != nil {
		return nil, errors.Join(err, t.complaint())
	}
	if o.queries {
		if err := askQuestions(ctx, t, work.truth, run, progress); err != nil {
			return nil, errors.Join(err, t.complaint())
		}
	}
	run.PeakRSSAfterQueries, err = t.peakRSS()
	return run, err
}

// send sends everything and notes what the sender saw.
func send(ctx context.Context, o *options, work *workload, t *target, run *measurement) error {
	if err := t.startMeters(); err != nil {
		return err
	}
	result, err := load.Run(ctx, work.spool, load.Config{Protocol: o.protocol, Kind: o.format.Kind(), Endpoint: t.endpoint, Clients: o.clients, SpansPerSecond: o.rate})
	if err != nil {
		return err
	}
	run.Accepted, run.Rejected, run.Failed, run.Throttled = result.Accepted, result.Rejected, result.Failed, result.Throttled
	run.Seconds = result.Elapsed.Seconds()
	run.SpansPerSecond = float64(result.Accepted) / run.Seconds
	run.LatencyMillis = latency{millis(result.Latency.Quantile(0.5)), millis(result.Latency.Quantile(0.99)), millis(result.Latency.Max())}
	if result.Accepted != work.spool.Spans() {
		run.Void = append(run.Void, fmt.Sprintf("%d spans sent, %d accepted, %d rejected, %d failed: %v",
			work.spool.Spans(), result.Accepted, result.Rejected, result.Failed, result.FirstError))
	}
	return t.readLoaded(ctx, run)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
