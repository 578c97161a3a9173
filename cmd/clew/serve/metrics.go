package serve

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/clew-tracing/clew/ingest/kafkadoor"
	"github.com/clew-tracing/clew/ingest/xraydoor"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/wal"
)

// metrics are the server's own figures, in Prometheus form. What the parts count
// themselves is read from them at each scrape; only what comes as an event is
// counted here.
type metrics struct {
	registry *prometheus.Registry

	syncSeconds prometheus.Histogram
	syncRecords prometheus.Counter
	syncBytes   prometheus.Counter
	sealSeconds prometheus.Histogram
	sealRows    prometheus.Counter
	sealBytes   prometheus.Counter
}

func newMetrics(s *server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		syncSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "clew_wal_sync_seconds",
			Help: "Time of one write and sync of the log.", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 14)}),
		syncRecords: prometheus.NewCounter(prometheus.CounterOpts{Name: "clew_wal_records_total", Help: "Requests written to the log."}),
		syncBytes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "clew_wal_bytes_total", Help: "Bytes written to the log."}),
		sealSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "clew_seal_seconds",
			Help: "Time to write one segment.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		sealRows:  prometheus.NewCounter(prometheus.CounterOpts{Name: "clew_seal_spans_total", Help: "Spans written to segments."}),
		sealBytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "clew_seal_bytes_total", Help: "Bytes written to segments."}),
	}
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "clew_build_info", Help: "1, with the version as label.",
		ConstLabels: prometheus.Labels{"version": s.version, "go": runtime.Version()}}, func() float64 { return 1 })
	m.registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.syncSeconds, m.syncRecords, m.syncBytes, m.sealSeconds, m.sealRows, m.sealBytes, &storeCollector{s})
	return m
}

// handler answers a scrape.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) synced(i wal.SyncInfo) {
	m.syncSeconds.Observe(i.Took.Seconds())
	m.syncRecords.Add(float64(i.Records))
	m.syncBytes.Add(float64(i.SizeBytes))
}

func (m *metrics) sealed(i spandb.SealInfo) {
	m.sealSeconds.Observe(i.Took.Seconds())
	m.sealRows.Add(float64(i.Rows))
	m.sealBytes.Add(float64(i.SizeBytes))
}

// storeCollector reads the store's own counters.
type storeCollector struct{ s *server }

// storeMetric is one figure of the store's Stats.
type storeMetric struct {
	name, help string
	kind       prometheus.ValueType
	value      func(spandb.Stats) float64
}

func storeMetrics() []storeMetric {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	return []storeMetric{
		{"clew_store_segments", "Segments on disk.", gauge, func(s spandb.Stats) float64 { return float64(s.Segments) }},
		{"clew_store_segment_spans", "Spans in segments.", gauge, func(s spandb.Stats) float64 { return float64(s.SegmentRows) }},
		{"clew_store_head_spans", "Spans in memory and in the log, not sealed yet.", gauge, func(s spandb.Stats) float64 { return float64(s.HeadRows) }},
		{"clew_store_segment_bytes", "Bytes of segments.", gauge, func(s spandb.Stats) float64 { return float64(s.SegmentBytes) }},
		{"clew_store_log_bytes", "Bytes of the log.", gauge, func(s spandb.Stats) float64 { return float64(s.LogBytes) }},
		{"clew_store_max_bytes", "What max-disk allows.", gauge, func(s spandb.Stats) float64 { return float64(s.MaxBytes) }},
		{"clew_store_tenants", "Tenants with spans.", gauge, func(s spandb.Stats) float64 { return float64(s.Tenants) }},
		{"clew_store_accepted_spans_total", "Spans accepted.", counter, func(s spandb.Stats) float64 { return float64(s.Accepted) }},
		{"clew_store_refused_spans_total", "Spans refused one by one.", counter, func(s spandb.Stats) float64 { return float64(s.Refused) }},
		{"clew_store_resent_requests_total", "Requests recognised as sent before.", counter, func(s spandb.Stats) float64 { return float64(s.Resent) }},
		{"clew_store_busy_requests_total", "Requests told to come again later.", counter, func(s spandb.Stats) float64 { return float64(s.Busy) }},
		{"clew_store_dropped_spans_total", "Spans removed by retention.", counter, func(s spandb.Stats) float64 { return float64(s.DroppedRows) }},
		{"clew_store_merges_total", "Merges of segments into larger ones.", counter, func(s spandb.Stats) float64 { return float64(s.Merges) }},
		{"clew_store_merged_spans_total", "Spans in segments that merges made.", counter, func(s spandb.Stats) float64 { return float64(s.MergedRows) }},
		{"clew_store_duplicate_spans_total", "Spans that merges left out because they came twice.", counter, func(s spandb.Stats) float64 { return float64(s.DuplicateRows) }},
		{"clew_store_damages_total", "Places of damage met on disk.", counter, func(s spandb.Stats) float64 { return float64(s.Damages) }},
		{"clew_store_unsynced_requests", "Requests acknowledged that a power cut may take; 0 with durability sync.", gauge, func(s spandb.Stats) float64 { return float64(s.UnsyncedRecords) }},
		{"clew_store_lost_requests", "Requests the log was known to lack at the start although they may have been acknowledged, as durability interval and os allow.", gauge, func(s spandb.Stats) float64 { return float64(s.LostRecords) }},
		{"clew_store_failed", "Whether the store is read-only until a restart, 1 or 0.", gauge, func(s spandb.Stats) float64 { return oneIf(s.Failed != nil) }},
		{"clew_store_full", "Whether the store accepts nothing because the disk is full, 1 or 0.", gauge, func(s spandb.Stats) float64 { return oneIf(s.Full != nil) }},
		{"clew_store_disk_free_bytes", "Bytes free on the disk, when it was last looked at.", gauge, func(s spandb.Stats) float64 { return float64(s.FreeBytes) }},
		{"clew_store_disk_keep_bytes", "Bytes free below which the store accepts nothing.", gauge, func(s spandb.Stats) float64 { return float64(s.KeepFreeBytes) }},
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector. It names nothing in advance, since
// which reasons spans are refused for shows only in time.
func (c *storeCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *storeCollector) Collect(out chan<- prometheus.Metric) {
	var stats spandb.Stats
	if c.s.store != nil {
		stats = c.s.store.Stats()
	}
	c.collectDoors(out)
	c.collectTurns(out)
	c.s.collectPipeline(out)
	durability := prometheus.NewDesc("clew_store_durability_info", "1, with the level of durability as label.", []string{"level"}, nil)
	out <- prometheus.MustNewConstMetric(durability, prometheus.GaugeValue, 1, stats.Durability.String())
	for _, m := range storeMetrics() {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, nil, nil), m.kind, m.value(stats))
	}
}

// collectTurns tells how many questions run and how many wait for that.
func (c *storeCollector) collectTurns(out chan<- prometheus.Metric) {
	if c.s.turns == nil { // a scrape cannot come before there are any
		return
	}
	running, waiting := c.s.turns.State()
	gauge := func(name, help string, n int) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, float64(n))
	}
	gauge("clew_queries_running", "Queries that run, of all APIs.", running)
	gauge("clew_queries_waiting", "Queries that wait for their turn.", waiting)
}

// collectDoors tells what came through each door.
func (c *storeCollector) collectDoors(out chan<- prometheus.Metric) {
	counter := func(name, help string, labels ...string) func(n int64, values ...string) {
		desc := prometheus.NewDesc(name, help, labels, nil)
		return func(n int64, values ...string) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), values...)
		}
	}
	requests := counter("clew_door_requests_total", "Requests that came whole.", "door")
	bytes := counter("clew_door_bytes_total", "Bytes of requests as they came.", "door")
	accepted := counter("clew_door_accepted_spans_total", "Spans accepted.", "door")
	flagged := counter("clew_door_flagged_spans_total", "Spans kept although something is odd about them.", "door")
	unknown := counter("clew_door_unknown_fields_total", "Fields that OTLP does not define; they were ignored.", "door")
	refused := counter("clew_door_refused_spans_total", "Spans refused one by one.", "door", "reason")
	failed := counter("clew_door_refused_requests_total", "Requests refused whole, by kind of error.", "door", "kind")
	for door, d := range c.s.doorStats() {
		requests(d.Requests, door)
		bytes(d.Bytes, door)
		accepted(d.Accepted, door)
		flagged(d.Flagged, door)
		unknown(d.Unknown, door)
		for reason, n := range d.Refused {
			refused(n, door, reason)
		}
		for kind, n := range d.Errors {
			failed(n, door, kind)
		}
	}
	datagrams := counter("clew_door_datagrams_total", "Datagrams received.", "door")
	dropped := counter("clew_door_datagrams_dropped_total", "Datagrams that the kernel had no room for: they came faster than they were taken.", "door")
	segments := counter("clew_xray_sender_segments_total", "Segments as senders count them that tell by PutTelemetryRecords.", "state")
	for _, t := range c.s.takers {
		if t.counted != nil {
			d := t.counted()
			datagrams(d.Received, t.door)
			dropped(d.KernelDrops, t.door)
		}
		if k, ok := t.of.(*kafkadoor.Door); ok {
			collectKafka(out, k.Consumed())
		}
		if x, ok := t.of.(*xraydoor.HTTP); ok {
			told := x.Telemetry()
			for state, n := range map[string]int64{"received": told.Received, "sent": told.Sent, "spilled": told.Spilled, "rejected": told.Rejected} {
				segments(n, state)
			}
		}
	}
}
