package serve

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/usage"
	"github.com/clew-tracing/clew/pipeline"
	"github.com/clew-tracing/clew/pipeline/redact"
)

// preparePipeline reads the pipeline that the settings name, nil if they name none.
func preparePipeline(ctx context.Context, h *pipeline.Holder, c *config.Config, log *slog.Logger) (*pipeline.Pipeline, error) {
	p, err := h.Prepare(ctx, string(c.Pipeline), log)
	if err != nil {
		return nil, usage.Errorf("pipeline: %w", err)
	}
	return p, nil
}

// atDoors is a pipeline as the doors know it.
type atDoors struct{ *pipeline.Pipeline }

// Rewrite implements ingest.Pipeline.
func (p atDoors) Rewrite(ctx context.Context, dst, body []byte) ([]byte, ingest.Rewritten, error) {
	out, done, err := p.Pipeline.Rewrite(ctx, dst, body)
	return out, ingest.Rewritten{Changed: done.Changed, Unknown: done.Unknown}, err
}

// changes returns what changes requests at present, nil if nothing does.
func (s *server) changes() ingest.Pipeline {
	if p := s.pipeline.Current(); p != nil {
		return atDoors{p}
	}
	return nil
}

// collectPipeline tells what the pipeline did.
func (s *server) collectPipeline(out chan<- prometheus.Metric) {
	counts := &s.pipeline.Counts
	counter := func(name, help string, n int64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, float64(n))
	}
	counter("clew_pipeline_changed_requests_total", "Requests that the pipeline changed.", counts.Requests.Load())
	counter("clew_pipeline_dropped_spans_total", "Spans that the pipeline dropped.", counts.Dropped.Load())
	counter("clew_pipeline_named_services_total", "Resources whose service the pipeline named.", counts.Renamed.Load())
	counter("clew_pipeline_added_attributes_total", "Attributes that the pipeline added to resources, from tables.", counts.Added.Load())
	counter("clew_pipeline_statement_errors_total", "Statements and conditions of the pipeline that failed.", counts.Errors.Load())
	counter("clew_pipeline_refused_requests_total", "Requests refused because a statement of the pipeline failed, or could not be tried.", counts.Refused.Load())
	counter("clew_pipeline_tables_read_total", "Tables that the pipeline read.", counts.Lookups.Load())
	counter("clew_pipeline_table_errors_total", "Tables that the pipeline could not read.", counts.LookupErrs.Load())
	redacted := prometheus.NewDesc("clew_redacted_values_total", "Values that were redacted before they were stored.", []string{"set"}, nil)
	for _, set := range redact.Sets() {
		out <- prometheus.MustNewConstMetric(redacted, prometheus.CounterValue, float64(counts.Redacted.Of(set)), set.String())
	}
}
