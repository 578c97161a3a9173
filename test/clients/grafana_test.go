package clients

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestGrafanaXRay asks what Grafana's data source for X-Ray asks to show a search, a trace and
// a map of services, by AWS' SDK for Go, as it does.
func TestGrafanaXRay(t *testing.T) {
	s := serveProgram(t)
	traces, id := shopTrace()
	body, err := new(ptrace.ProtoMarshaler).MarshalTraces(traces)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, "POST", s.url("otlp-http")+"/v1/traces", "", "application/x-protobuf", "", string(body))
	c := awsClient(s.url("xray"))
	start, end := aws.Time(time.Now().Add(-time.Hour)), aws.Time(time.Now().Add(time.Minute))
	spelt := "1-" + id.String()[:8] + "-" + id.String()[8:]

	for filter, want := range map[string]string{
		`service("back") { fault } AND annotation.tier = "gold"`: spelt,
		`edge("front", "back") AND http.status = 200`:            spelt,
		`service("back") { ok }`:                                 "",
	} {
		var found []string
		pages := xray.NewGetTraceSummariesPaginator(c, &xray.GetTraceSummariesInput{StartTime: start, EndTime: end, FilterExpression: &filter})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range page.TraceSummaries {
				found = append(found, aws.ToString(x.Id))
				if h := x.Http; h == nil || aws.ToString(h.HttpMethod) != "GET" || aws.ToInt32(h.HttpStatus) != 200 || aws.ToString(h.ClientIp) != "10.1.2.3" {
					t.Errorf("the request of %s is %+v", filter, h)
				}
				if aws.ToFloat64(x.Duration) != 0.098 {
					t.Errorf("%+v", x)
				}
			}
		}
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}

	batch, err := c.BatchGetTraces(t.Context(), &xray.BatchGetTracesInput{TraceIds: []string{spelt}})
	if err != nil || len(batch.Traces) != 1 || len(batch.UnprocessedTraceIds) != 0 {
		t.Fatalf("%+v, %v", batch, err)
	}
	var documents string
	for _, x := range batch.Traces[0].Segments {
		documents += aws.ToString(x.Document) + "\n"
	}
	for _, want := range []string{`"name":"front"`, `"name":"back"`, `"table_name":"carts"`, `"sanitized_query":"SELECT ?"`, `"message":"no stock"`, `"throttle":true`} {
		if !strings.Contains(documents, want) {
			t.Errorf("no %s in\n%s", want, documents)
		}
	}

	graph, err := c.GetTraceGraph(t.Context(), &xray.GetTraceGraphInput{TraceIds: []string{spelt}})
	if err != nil {
		t.Fatal(err)
	}
	var nodes []string
	names := map[int32]string{}
	for _, x := range graph.Services {
		names[aws.ToInt32(x.ReferenceId)] = aws.ToString(x.Name)
	}
	for _, x := range graph.Services {
		line := fmt.Sprintf("%s (%s)", aws.ToString(x.Name), aws.ToString(x.Type))
		if n := x.SummaryStatistics; n != nil && n.FaultStatistics != nil && aws.ToInt64(n.FaultStatistics.TotalCount) > 0 {
			line += " faults"
		}
		if n := x.SummaryStatistics; n != nil && n.ErrorStatistics != nil && aws.ToInt64(n.ErrorStatistics.ThrottleCount) > 0 {
			line += " throttled"
		}
		var to []string
		for _, e := range x.Edges {
			to = append(to, names[aws.ToInt32(e.ReferenceId)])
		}
		slices.Sort(to)
		nodes = append(nodes, line+" -> "+strings.Join(to, ", "))
	}
	slices.Sort(nodes)
	if got, want := strings.Join(nodes, "\n"), `back () faults -> carts, orders, pay.example, stock@db.example
carts (AWS::DynamoDB::Table) -> 
front (AWS::EKS::Container) -> back
front (client) -> front
orders (remote) -> 
pay.example (remote) throttled -> 
stock@db.example (Database::SQL) -> `; got != want {
		t.Errorf("the graph is\n%s\nwant\n%s", got, want)
	}
	askGrafanasRest(t, c, start, end)
	services := 0
	pages := xray.NewGetServiceGraphPaginator(c, &xray.GetServiceGraphInput{StartTime: start, EndTime: end})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		services += len(page.Services)
	}
	if services != len(graph.Services) {
		t.Errorf("%d services in the map, %d of the trace, which is all there is", services, len(graph.Services))
	}
}

// askGrafanasRest asks for groups, for numbers over time and for insights.
func askGrafanasRest(t *testing.T, c *xray.Client, start, end *time.Time) {
	t.Helper()
	groups, err := c.GetGroups(t.Context(), &xray.GetGroupsInput{})
	if err != nil || len(groups.Groups) != 1 || aws.ToString(groups.Groups[0].GroupName) != "Default" {
		t.Errorf("%+v, %v", groups, err)
	}
	requests, faults := int64(0), int64(0)
	pages := xray.NewGetTimeSeriesServiceStatisticsPaginator(c, &xray.GetTimeSeriesServiceStatisticsInput{StartTime: start, EndTime: end, Period: aws.Int32(60),
		EntitySelectorExpression: aws.String(`service(id(name: "back", type: ""))`)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range page.TimeSeriesServiceStatistics {
			if n := x.ServiceSummaryStatistics; n != nil {
				requests += aws.ToInt64(n.TotalCount)
				faults += aws.ToInt64(n.FaultStatistics.TotalCount)
			}
		}
	}
	if requests != 1 || faults != 1 {
		t.Errorf("%d requests of back, %d faults, want one, which failed", requests, faults)
	}
	if _, err := c.GetInsightSummaries(t.Context(), &xray.GetInsightSummariesInput{StartTime: start, EndTime: end}); err != nil {
		t.Error(err)
	}
}
