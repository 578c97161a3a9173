package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	promapi "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// redSpans is two traces of a request, one second ago and a minute before: front calls
// cart, which fails, and asks a database.
func redSpans(now time.Time) string {
	var spans []string
	for i, at := range []time.Time{now.Add(-time.Minute), now.Add(-time.Second)} {
		ns := at.UnixNano()
		span := func(id, parent int, service, name string, kind, status int, ms int64, more string) string {
			return fmt.Sprintf(`{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":%q}}]},"scopeSpans":[{"spans":[
				{"traceId":"000000000000000000000000000000a%d","spanId":"00000000000000a%d","parentSpanId":%q,"name":%q,"kind":%d,"status":{"code":%d},
				"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[%s]}]}]}`,
				service, i, id, []string{"", fmt.Sprintf("00000000000000a%d", parent)}[min(parent, 1)], name, kind, status, ns, ns+ms*1e6, more)
		}
		spans = append(spans,
			span(1, 0, "front", "GET /cart", 2, 0, 250, ""),
			span(2, 1, "front", "load", 3, 0, 200, ""),
			span(3, 2, "cart", "GET /items", 2, 2, 150, ""),
			span(4, 3, "cart", "SELECT", 3, 0, 20, `{"key":"db.system.name","value":{"stringValue":"postgresql"}}`))
	}
	return `{"resourceSpans":[` + strings.Join(spans, ",") + `]}`
}

// grafana are the queries of Grafana for a range of an hour: the service graph and its
// table, links of nodes and edges to graphs, and panels of rates, errors and durations.
var grafana = []string{
	`sum by (client, server) (rate(traces_service_graph_request_server_seconds_sum[3600s]))`,
	`group by (client, connection_type, server) (traces_service_graph_request_server_seconds_sum)`,
	`sum by (client, server) (rate(traces_service_graph_request_total[3600s]))`,
	`group by (client, connection_type, server) (traces_service_graph_request_total)`,
	`sum by (client, server) (rate(traces_service_graph_request_failed_total[3600s]))`,
	`group by (client, connection_type, server) (traces_service_graph_request_failed_total)`,
	`sum by (client, server) (rate(traces_service_graph_request_server_seconds_bucket[3600s]))`,
	`sum by (client, server) (rate(traces_service_graph_request_server_seconds[3600s]))`,
	`sum by (client, server) (rate(traces_service_graph_request_total{client="front"}[3600s])) OR sum by (client, server) (rate(traces_service_graph_request_total{server="front"}[3600s]))`,
	`topk(5, sum(rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"}[3600s])) by (span_name))`,
	`topk(5, sum(rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",span_name=~"GET /cart|GET /items"}[3600s])) by (span_name))`,
	`histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{span_name=~"GET /items"}[3600s])) by (le))`,
	`histogram_quantile(.9, sum(rate(traces_spanmetrics_latency{span_name=~"GET /items"}[3600s])))`,
	`sum by (client, server)(rate(traces_service_graph_request_total{server="cart"}[4m]))`,
	`sum by (client, server)(rate(traces_service_graph_request_failed_total{client="front",server="cart"}[4m]))`,
	`histogram_quantile(0.9, sum(rate(traces_service_graph_request_server_seconds_bucket{client="front",server="cart"}[4m])) by (le, client, server))`,
	`histogram_quantile(0.9, sum(rate(traces_service_graph_request_server_seconds{server="postgresql"}[4m])) by (client, server))`,
	`sum by (service) (rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR"}[4m])) / sum by (service) (rate(traces_spanmetrics_calls_total[4m]))`,
	`sum(rate(traces_spanmetrics_latency_sum[4m])) by (service) / sum(rate(traces_spanmetrics_latency_count[4m])) by (service)`,
}

// TestPrometheusClient asks the real program what Grafana asks of Prometheus, with
// Prometheus' own client: on the page's port and on Prometheus'.
func TestPrometheusClient(t *testing.T) {
	p := startServer(t, t.TempDir())
	resp, err := http.Post(p.url(serve.DoorOTLPHTTP)+"/v1/traces", "application/json", strings.NewReader(redSpans(time.Now())))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	for name, address := range map[string]string{"page": p.url(serve.DoorPage) + "/prometheus", "own": p.url(serve.DoorProm), "own with prefix": p.url(serve.DoorProm) + "/prometheus"} {
		t.Run(name, func(t *testing.T) {
			client, err := promapi.NewClient(promapi.Config{Address: address})
			if err != nil {
				t.Fatal(err)
			}
			askAsGrafana(t, promv1.NewAPI(client))
			resp, err := http.Get(address + "/-/ready")
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Error(resp, err)
			}
			resp.Body.Close()
		})
	}
}

func askAsGrafana(t *testing.T, api promv1.API) {
	ctx, now := context.Background(), time.Now()
	health, _, err := api.Query(ctx, "1+1", now)
	if s, ok := health.(*model.Scalar); err != nil || !ok || s.Value != 2 {
		t.Errorf("1+1 = %v, %v", health, err)
	}
	if info, err := api.Buildinfo(ctx); err != nil || !strings.HasPrefix(info.Version, "3.") {
		t.Errorf("build info %+v, %v", info, err)
	}
	for _, query := range grafana {
		v, warnings, err := api.Query(ctx, query, now)
		if err != nil || len(warnings) > 0 || len(v.(model.Vector)) == 0 {
			t.Errorf("%s: %v, %v, %v", query, v, warnings, err)
		}
		v, warnings, err = api.QueryRange(ctx, query, promv1.Range{Start: now.Add(-5 * time.Minute), End: now, Step: 15 * time.Second})
		if err != nil || len(warnings) > 0 || len(v.(model.Matrix)) == 0 {
			t.Errorf("%s: %v, %v, %v", query, v, warnings, err)
		}
	}
	edges, _, err := api.Query(ctx, `traces_service_graph_request_total`, now)
	if err != nil {
		t.Fatal(err)
	}
	var drawn []string
	for _, e := range edges.(model.Vector) {
		drawn = append(drawn, fmt.Sprintf("%s>%s %s", e.Metric["client"], e.Metric["server"], e.Metric["connection_type"]))
	}
	if want := "cart>postgresql database, front>cart "; strings.Join(drawn, ", ") != want {
		t.Errorf("edges %q, want %q", drawn, want)
	}
	begin := now.Add(-time.Hour)
	names, _, err := api.LabelNames(ctx, []string{"traces_service_graph_request_total"}, begin, now)
	if err != nil || fmt.Sprint(names) != "__name__, client, connection_type, server" {
		t.Errorf("labels %v, %v", names, err)
	}
	values, _, err := api.LabelValues(ctx, "service", nil, begin, now)
	if err != nil || fmt.Sprint(values) != "[cart front]" {
		t.Errorf("services %v, %v", values, err)
	}
	series, _, err := api.Series(ctx, []string{`traces_spanmetrics_calls_total{service="front"}`}, begin, now)
	if err != nil || len(series) != 2 {
		t.Errorf("series %v, %v", series, err)
	}
	exemplars, err := api.QueryExemplars(ctx, `histogram_quantile(0.9, sum by (le) (rate(traces_spanmetrics_latency_bucket{service="cart"}[4m])))`, begin, now)
	if err != nil || len(exemplars) == 0 || len(exemplars[0].Exemplars[0].Labels["trace_id"]) != 32 {
		t.Errorf("exemplars %v, %v", exemplars, err)
	}
	metadata, err := api.Metadata(ctx, "", "")
	if err != nil || metadata["traces_spanmetrics_latency"][0].Type != promv1.MetricTypeHistogram {
		t.Errorf("metadata %v, %v", metadata, err)
	}
	if rules, err := api.Rules(ctx, nil); err != nil || len(rules.Groups) != 0 {
		t.Errorf("rules %v, %v", rules, err)
	}
	_, _, err = api.Query(ctx, "sum(", now)
	if e, ok := err.(*promv1.Error); !ok || e.Type != promv1.ErrBadData {
		t.Errorf("sum(: %v", err)
	}
}
