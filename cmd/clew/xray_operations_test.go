package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// operationCall is a command of `aws xray`, and a part of what it prints, or of the error that is
// its right answer.
type operationCall struct {
	args []string
	want string
}

// operationCalls has every command, in an order in which each has what it is about.
func operationCalls() []operationCall {
	const arn = "arn:aws:xray:us-east-1:000000000000:sampling-rule/base"
	const rule = `{"RuleName":"base","ResourceARN":"*","Priority":9000,"FixedRate":0.1,"ReservoirSize":2,"ServiceName":"checkout","ServiceType":"*","Host":"*","HTTPMethod":"*","URLPath":"*","Version":1}`
	const document = `{"trace_id":"1-58406520-a006649127e371903a2de979","id":"6226467e3f845502","name":"front","start_time":1498082657.37518,"end_time":1498082657.4042}`
	const trace = "1-58406520-a006649127e371903a2de979"
	over := func(args ...string) []string {
		return append(args, "--start-time", "1498082600", "--end-time", "1498082700")
	}
	call := func(want string, args ...string) operationCall { return operationCall{args, want} }
	return []operationCall{
		call(`"UnprocessedTraceSegments": []`, "put-trace-segments", "--trace-segment-documents", document),
		call("", "put-telemetry-records", "--telemetry-records", `[{"Timestamp":1498082657,"SegmentsSentCount":1}]`),
		call(`"Duration": 0.02902`, "batch-get-traces", "--trace-ids", trace),
		call(`"RuleName": "base"`, "create-sampling-rule", "--sampling-rule", rule),
		call(`"FixedRate": 0.5`, "update-sampling-rule", "--sampling-rule-update", `{"RuleName":"base","FixedRate":0.5}`),
		call(`"RuleName": "base"`, "get-sampling-rules"),
		call(`"RuleName": "base"`, "get-sampling-targets", "--sampling-statistics-documents", `[{"RuleName":"base","ClientID":"0123456789abcdef01234567","Timestamp":1763889000,"RequestCount":9,"SampledCount":1}]`),
		call(`"RequestCount": 9`, "get-sampling-statistic-summaries"),
		call("", "tag-resource", "--resource-arn", arn, "--tags", "Key=team,Value=shop"),
		call(`"shop"`, "list-tags-for-resource", "--resource-arn", arn),
		call("", "untag-resource", "--resource-arn", arn, "--tag-keys", "team"),
		call(`"RuleName": "base"`, "delete-sampling-rule", "--rule-name", "base"),
		call(`"NONE"`, "put-encryption-config", "--type", "NONE"),
		call(`"NONE"`, "get-encryption-config"),
		call(`"XRay"`, "update-trace-segment-destination", "--destination", "XRay"),
		call(`"XRay"`, "get-trace-segment-destination"),
		call(`"DesiredSamplingPercentage": 5`, "update-indexing-rule", "--name", "Default", "--rule", `{"Probabilistic":{"DesiredSamplingPercentage":5}}`),
		call(`"Default"`, "get-indexing-rules"),
		call(`"PolicyName": "a"`, "put-resource-policy", "--policy-name", "a", "--policy-document", "{}"),
		call(`"PolicyName": "a"`, "list-resource-policies"),
		call("", "delete-resource-policy", "--policy-name", "a"),
		call(`"InsightSummaries": []`, over("get-insight-summaries")...),
		call("there is no such insight", "get-insight", "--insight-id", "x"),
		call("there is no such insight", "get-insight-events", "--insight-id", "x"),
		call("there is no such insight", over("get-insight-impact-graph", "--insight-id", "x")...),
		call(trace, over("get-trace-summaries", "--filter-expression", `service("front")`)...),
		call(`"front"`, over("get-service-graph")...),
		call(`"front"`, "get-trace-graph", "--trace-ids", trace),
		call(`"TimeSeriesServiceStatistics"`, over("get-time-series-service-statistics")...),
		call(`"GroupName": "slow"`, "create-group", "--group-name", "slow", "--filter-expression", "responsetime > 5"),
		call(`"responsetime > 6"`, "update-group", "--group-name", "slow", "--filter-expression", "responsetime > 6"),
		call(`"responsetime > 6"`, "get-group", "--group-name", "slow"),
		call(`"GroupName": "slow"`, "get-groups"),
		call("", "delete-group", "--group-name", "slow"),
		call(`"RetrievalToken"`, over("start-trace-retrieval", "--trace-ids", trace)...),
		call("(ResourceNotFoundException)", "list-retrieved-traces", "--retrieval-token", "x"),
		call("(ResourceNotFoundException)", "get-retrieved-traces-graph", "--retrieval-token", "x"),
		call("(ResourceNotFoundException)", "cancel-trace-retrieval", "--retrieval-token", "x"),
	}
}

// TestEveryXRayCommand has the aws command ask each operation that it knows.
func TestEveryXRayCommand(t *testing.T) {
	if out, err := exec.Command("python3", "-c", "import awscli.clidriver").CombinedOutput(); err != nil {
		if os.Getenv("CLEW_REQUIRE_ENGINES") == "1" {
			t.Fatalf("the aws command is not here as a package of Python: %v\n%s", err, out)
		}
		t.Skipf("the aws command is not here as a package of Python (pip install awscli), or set CLEW_REQUIRE_ENGINES=1 to make this a failure: %v", err)
	}
	p := startServer(t, t.TempDir())
	calls := operationCalls()
	var args [][]string
	for _, c := range calls {
		args = append(args, c.args)
	}
	ask, err := json.Marshal(map[string]any{"endpoint": p.url(serve.DoorXRay), "calls": args})
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("python3", "testdata/aws_operations.py")
	c.Stdin, c.Env = strings.NewReader(string(ask)), awsEnviron()
	var complaint strings.Builder
	c.Stderr = &complaint
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaint.String())
	}
	d := json.NewDecoder(strings.NewReader(string(out)))
	var names []string
	if err := d.Decode(&names); err != nil {
		t.Fatal(err)
	}
	for _, call := range calls {
		var a struct {
			Code     int
			Out, Err string
		}
		if err := d.Decode(&a); err != nil {
			t.Fatal(err)
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == call.args[0] })
		if !strings.Contains(a.Out+a.Err, call.want) || a.Code != 0 && (call.want == "" || !strings.Contains(a.Err, call.want)) {
			t.Errorf("aws xray %q: exit %d\n%s%s\nwant %q", call.args, a.Code, a.Out, a.Err, call.want)
		}
	}
	if len(names) > 0 {
		t.Errorf("the aws command has %q, which are not tried", names)
	}
}
