package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// awsCLI returns a function that runs `aws xray …` against a server; where the command is
// not installed, the test is skipped, or fails if it has to be there.
func awsCLI(t *testing.T, p *process) func(args ...string) (string, error) {
	t.Helper()
	return awsAt(t, p.url(serve.DoorXRay))
}

// awsAt is awsCLI for an address, with settings besides those that others have.
func awsAt(t *testing.T, endpoint string, settings ...string) func(args ...string) (string, error) {
	t.Helper()
	aws, err := exec.LookPath("aws")
	if err != nil {
		if os.Getenv("CLEW_REQUIRE_ENGINES") == "1" {
			t.Fatalf("the aws command is not here: %v", err)
		}
		t.Skipf("the aws command is not here (pip install awscli), or set CLEW_REQUIRE_ENGINES=1 to make this a failure: %v", err)
	}
	environ := append(awsEnviron(), settings...)
	return func(args ...string) (string, error) {
		c := exec.Command(aws, append([]string{"xray", "--output", "json", "--endpoint-url", endpoint}, args...)...)
		c.Env = environ
		out, err := c.Output()
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			return string(out), errors.New(string(failed.Stderr))
		}
		return string(out), err
	}
}

// awsEnviron are the settings of the aws command in a test, and nobody's own.
func awsEnviron() []string {
	return append(os.Environ(), "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_DEFAULT_REGION=eu-west-1", "AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1")
}

// TestXRayCommand uses the aws command on X-Ray's API of the real program.
func TestXRayCommand(t *testing.T) {
	p := startServer(t, t.TempDir())
	xray := awsCLI(t, p)
	const document = `{"trace_id":"1-58406520-a006649127e371903a2de979","id":"6226467e3f845502","name":"front","start_time":1498082657.37518,"end_time":1498082657.4042}`
	if out, err := xray("put-trace-segments", "--trace-segment-documents", document); err != nil || !strings.Contains(out, `"UnprocessedTraceSegments": []`) {
		t.Fatalf("%s, %v", out, err)
	}
	out, err := xray("batch-get-traces", "--trace-ids", "1-58406520-a006649127e371903a2de979", "1-58406520-ffffffffffffffffffffffff")
	var got struct {
		Traces []struct {
			Duration float64
			Segments []struct{ Document string }
		}
		UnprocessedTraceIds []string
	}
	if e := json.Unmarshal([]byte(out), &got); e != nil || err != nil {
		t.Fatalf("%s, %v, %v", out, e, err)
	}
	if len(got.Traces) != 1 || got.Traces[0].Duration != 0.02902 || !strings.Contains(got.Traces[0].Segments[0].Document, `"start_time":1498082657.37518`) || len(got.UnprocessedTraceIds) != 1 {
		t.Errorf("%s", out)
	}
	if _, err := xray("batch-get-traces", "--trace-ids", "1", "--next-token", "x"); err == nil || !strings.Contains(err.Error(), "(InvalidRequestException)") || !strings.Contains(err.Error(), "NextToken: want one of the answer before") {
		t.Errorf("%v", err)
	}
}

// TestXRayGraphCommand asks for graphs by the aws command, as soon as segments were put.
func TestXRayGraphCommand(t *testing.T) {
	p := startServer(t, t.TempDir())
	xray := awsCLI(t, p)
	const front = `{"trace_id":"1-58406520-a006649127e371903a2de979","id":"6226467e3f845502","name":"front","start_time":1498082657.37518,"end_time":1498082657.4042,"fault":true,"subsegments":[{"id":"6226467e3f845503","name":"DynamoDB","namespace":"aws","start_time":1498082657.38,"end_time":1498082657.39,"aws":{"table_name":"carts"}}]}`
	if out, err := xray("put-trace-segments", "--trace-segment-documents", front); err != nil || !strings.Contains(out, `"UnprocessedTraceSegments": []`) {
		t.Fatalf("%s, %v", out, err)
	}
	for _, args := range [][]string{
		{"get-service-graph", "--start-time", "1498082600", "--end-time", "1498082700"},
		{"get-trace-graph", "--trace-ids", "1-58406520-a006649127e371903a2de979"},
	} {
		out, err := xray(args...)
		var got struct {
			Services []struct {
				ReferenceId int
				Name, Type  string
				Edges       []struct{ ReferenceId int }
			}
		}
		if e := json.Unmarshal([]byte(out), &got); e != nil || err != nil {
			t.Fatalf("%q: %s, %v, %v", args, out, e, err)
		}
		if n := got.Services; len(n) != 3 || n[0].Type != "client" || n[1].Name != "carts" || n[1].Type != "AWS::DynamoDB::Table" || n[2].Name != "front" || n[2].Edges[0].ReferenceId != 1 {
			t.Errorf("%q: %s", args, out)
		}
	}
	out, err := xray("start-trace-retrieval", "--trace-ids", "1-58406520-a006649127e371903a2de979", "--start-time", "1498082600", "--end-time", "1498082700")
	var started struct{ RetrievalToken string }
	if e := json.Unmarshal([]byte(out), &started); e != nil || err != nil || started.RetrievalToken == "" {
		t.Fatalf("%s, %v, %v", out, err, e)
	}
	for want, args := range map[string][]string{
		`\"origin\":\"AWS::DynamoDB::Table\"`: {"list-retrieved-traces"},
		`\"durationNano\":29020000`:           {"list-retrieved-traces", "--trace-format", "OTEL"},
		`"Type": "client"`:                    {"get-retrieved-traces-graph"},
	} {
		if out, err := xray(append(args, "--retrieval-token", started.RetrievalToken)...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%q: %s, %v; want %s", args, out, err, want)
		}
	}
	if out, err := xray("cancel-trace-retrieval", "--retrieval-token", started.RetrievalToken); err != nil {
		t.Errorf("%s, %v", out, err)
	}
	out, err = xray("batch-get-traces", "--trace-ids", "1-58406520-a006649127e371903a2de979")
	if err != nil || !strings.Contains(out, `\"inferred\":true`) {
		t.Errorf("%s, %v", out, err)
	}
}

// TestSummariesCommand finds traces by the aws command, in pages that it asks for itself, as soon
// as they were put.
func TestSummariesCommand(t *testing.T) {
	p := startServer(t, t.TempDir())
	xray := awsCLI(t, p)
	found := func(args ...string) (ids []string, out string) {
		t.Helper()
		out, err := xray(append([]string{"get-trace-summaries", "--start-time", "1795397100", "--end-time", "1795397500"}, args...)...)
		var got struct {
			TraceSummaries []struct{ Id string }
		}
		if e := json.Unmarshal([]byte(out), &got); e != nil || err != nil {
			t.Fatalf("%q: %s, %v, %v", args, out, e, err)
		}
		for _, s := range got.TraceSummaries {
			ids = append(ids, s.Id[30:])
		}
		return ids, out
	}
	segment := func(n int, more string) string {
		return fmt.Sprintf(`{"trace_id":"1-6b039621-%024x","id":"%016x","name":"checkout","start_time":%d.5,"end_time":%d.75%s}`, n, n, 1795397153, 1795397153, more)
	}
	put := func(documents ...string) {
		t.Helper()
		if out, err := xray(append([]string{"put-trace-segments", "--trace-segment-documents"}, documents...)...); err != nil || !strings.Contains(out, `"UnprocessedTraceSegments": []`) {
			t.Fatalf("%s, %v", out, err)
		}
	}
	put(segment(1, `,"fault":true,"annotations":{"customer_tier":"gold"},"http":{"response":{"status":502}}`))
	if ids, out := found(); fmt.Sprint(ids) != "[00001]" {
		t.Errorf("%s", out)
	}
	put(
		segment(2, `,"user":"alice","http":{"request":{"url":"https://shop/api/game/","method":"GET"},"response":{"status":200}}`),
		segment(3, `,"subsegments":[{"id":"00000000000000aa","name":"DynamoDB","namespace":"aws","start_time":1795397153.5,"end_time":1795397153.6,"aws":{"table_name":"carts"}}]`),
		segment(4, ""),
		segment(5, `,"cause":{"exceptions":[{"id":"00000000000000bb","type":"Denied","message":"no"}]},"fault":true`),
		segment(6, ""), segment(7, ""),
	)
	for expression, want := range map[string]string{
		`service("checkout") { fault } AND annotation.customer_tier = "gold"`: "[00001]",
		`ok !partial duration <3`: "[00007 00006 00004 00003 00002]",
		`edge("checkout", "carts") AND service(id(type: "AWS::DynamoDB::Table")) { inferred }`:                                       "[00003]",
		`http.status != 200 OR user CONTAINS "" OR http.url CONTAINS "/api/game/"`:                                                   "[00002 00001]",
		`rootcause.fault.exception { last and message = "no" }`:                                                                      "[00005]",
		`rootcause.json = #[{"Services":[{"Name":"checkout","EntityPath":[{"Name":"checkout","Exceptions":[{"Name":"Denied"}]}]}]}]`: "[00005]",
		`group.name = "Default"`: "[00007 00006 00005 00004 00003 00002 00001]",
	} {
		if ids, out := found("--filter-expression", expression); fmt.Sprint(ids) != want {
			t.Errorf("%s: %v, want %s: %s", expression, ids, want, out)
		}
	}
	if ids, out := found("--time-range-type", "Service", "--sampling", "--sampling-strategy", "Name=FixedRate,Value=1"); len(ids) != 7 || !strings.Contains(out, `"TracesProcessedCount": 7`) {
		t.Errorf("%s", out)
	}
	if _, err := xray("get-trace-summaries", "--start-time", "1", "--end-time", "2", "--filter-expression", "responstime > 1"); err == nil ||
		!strings.Contains(err.Error(), "(InvalidRequestException)") || !strings.Contains(err.Error(), "did you mean responsetime?") {
		t.Errorf("%v", err)
	}
}

// TestXRayGroupsCommand makes groups by the aws command, asks for what is in them, and finds them
// again when the server was killed.
func TestXRayGroupsCommand(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, dir)
	xray := awsCLI(t, p)
	ask := func(want string, args ...string) {
		t.Helper()
		if out, err := xray(args...); err != nil || !strings.Contains(out, want) {
			t.Errorf("aws xray %q: %s, %v; want %q", args, out, err, want)
		}
	}
	const document = `{"trace_id":"1-58406520-%s","id":"6226467e3f845502","name":"%s","start_time":1498082657.37518,"end_time":1498082657.4042,"fault":%s}`
	ask(`"UnprocessedTraceSegments": []`, "put-trace-segments", "--trace-segment-documents",
		fmt.Sprintf(document, "a006649127e371903a2de979", "front", "true"), fmt.Sprintf(document, "a006649127e371903a2de97a", "back", "false"))
	during := func(args ...string) []string {
		return append(args, "--start-time", "1498082640", "--end-time", "1498082700")
	}
	ask(`"GroupARN": "arn:aws:xray:us-east-1:000000000000:group/faults"`, "create-group", "--group-name", "faults", "--filter-expression", "fault = true", "--tags", "Key=team,Value=shop")
	ask(`"FilterExpression": "fault"`, "update-group", "--group-name", "faults", "--filter-expression", "fault")
	ask(`"FilterExpression": "fault"`, "get-group", "--group-name", "faults")
	ask(`"Value": "shop"`, "list-tags-for-resource", "--resource-arn", "arn:aws:xray:us-east-1:000000000000:group/faults")
	for _, group := range [][]string{{"--group-name", "faults"}, {"--group-arn", "arn:aws:xray:us-east-1:000000000000:group/faults"}} {
		out, err := xray(append(during("get-service-graph"), group...)...)
		if err != nil || !strings.Contains(out, `"Name": "front"`) || strings.Contains(out, `"Name": "back"`) {
			t.Errorf("%q: %s, %v", group, out, err)
		}
	}
	ask(`"TotalCount": 2`, during("get-time-series-service-statistics", "--period", "60")...)
	ask(`"TotalResponseTime": 0.02902`, during("get-time-series-service-statistics", "--entity-selector-expression", `service("back")`)...)
	out, err := xray(during("get-trace-summaries", "--time-range-type", "Event", "--filter-expression", `group.name = "faults"`)...)
	if err != nil || !strings.Contains(out, "1-58406520-a006649127e371903a2de979") || strings.Contains(out, "1-58406520-a006649127e371903a2de97a") {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := xray("create-group", "--group-name", "bad", "--filter-expression", "falt"); err == nil || !strings.Contains(err.Error(), "(InvalidRequestException)") {
		t.Error(err)
	}
	p.kill()
	xray = awsCLI(t, startServer(t, dir))
	ask(`"GroupName": "faults"`, "get-groups")
	ask("", "delete-group", "--group-name", "faults")
	if _, err := xray("get-group", "--group-name", "faults"); err == nil || !strings.Contains(err.Error(), "there is no group") {
		t.Error(err)
	}
}

// TestSamplingCommand makes sampling rules, and what else an account has, by the aws command.
// They outlive the server, and are in its backup.
func TestSamplingCommand(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, dir)
	xray := awsCLI(t, p)
	ask := func(want string, args ...string) {
		t.Helper()
		out, err := xray(args...)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("aws xray %q: %s, %v; want %q", args, out, err, want)
		}
	}
	const rule = `{"RuleName":"base","ResourceARN":"*","Priority":9000,"FixedRate":0.1,"ReservoirSize":2,"ServiceName":"checkout","ServiceType":"*","Host":"*","HTTPMethod":"*","URLPath":"*","Version":1,"Attributes":{"tier":"gold"}}`
	ask(`"RuleARN": "arn:aws:xray:us-east-1:000000000000:sampling-rule/base"`, "create-sampling-rule", "--sampling-rule", rule)
	ask(`"FixedRate": 0.5`, "update-sampling-rule", "--sampling-rule-update", `{"RuleName":"base","FixedRate":0.5}`)
	ask(`"ReservoirQuota": 2`, "get-sampling-targets", "--sampling-statistics-documents", `[{"RuleName":"base","ClientID":"0123456789abcdef01234567","Timestamp":1763889000,"RequestCount":90,"SampledCount":9,"BorrowCount":1}]`)
	ask(`"RequestCount": 90`, "get-sampling-statistic-summaries")
	ask(`"SamplingRuleRecords"`, "get-sampling-rules")
	ask(`"ReservoirSize": 4`, "create-sampling-rule", "--sampling-rule", strings.NewReplacer(`"base"`, `"budget"`, `"tier":"gold"`, `"clew.budget":"5"`).Replace(rule), "--tags", "Key=team,Value=bank")
	ask(`"Value": "bank"`, "list-tags-for-resource", "--resource-arn", "arn:aws:xray:us-east-1:000000000000:sampling-rule/budget")
	const arn = "arn:aws:xray:us-east-1:000000000000:sampling-rule/base"
	ask("", "tag-resource", "--resource-arn", arn, "--tags", "Key=team,Value=shop")
	ask(`"Value": "shop"`, "list-tags-for-resource", "--resource-arn", arn)
	ask(`"Type": "NONE"`, "get-encryption-config")
	ask(`"Type": "NONE"`, "put-encryption-config", "--type", "NONE")
	ask(`"Destination": "XRay"`, "get-trace-segment-destination")
	ask(`"Destination": "XRay"`, "update-trace-segment-destination", "--destination", "XRay")
	ask(`"ActualSamplingPercentage": 100`, "get-indexing-rules")
	ask(`"DesiredSamplingPercentage": 5`, "update-indexing-rule", "--name", "Default", "--rule", `{"Probabilistic":{"DesiredSamplingPercentage":5}}`)
	ask(`"PolicyRevisionId": "1"`, "put-resource-policy", "--policy-name", "a", "--policy-document", "{}")
	ask(`"PolicyName": "a"`, "list-resource-policies")
	ask(`"InsightSummaries": []`, "get-insight-summaries", "--start-time", "1763889000", "--end-time", "1763889060")
	for _, args := range [][]string{{"get-insight"}, {"get-insight-events"}, {"get-insight-impact-graph", "--start-time", "1763889000", "--end-time", "1763889060"}} {
		if _, err := xray(append(args, "--insight-id", "x")...); err == nil || !strings.Contains(err.Error(), "there is no such insight") {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, err := xray("delete-sampling-rule", "--rule-name", "Default"); err == nil || !strings.Contains(err.Error(), "(InvalidRequestException)") || !strings.Contains(err.Error(), "cannot be deleted") {
		t.Error(err)
	}
	backup := dir + "/copy"
	if _, _, err := cli([]string{"CLEW_SERVER=" + p.url(serve.DoorPage)}, "backup", backup); err != nil {
		t.Fatal(err)
	}
	p.kill()
	p = startServer(t, dir)
	xray = awsCLI(t, p)
	ask(`"FixedRate": 0.5`, "get-sampling-rules")
	ask(`"Value": "shop"`, "list-tags-for-resource", "--resource-arn", arn)
	ask("", "untag-resource", "--resource-arn", arn, "--tag-keys", "team")
	ask(`"Tags": []`, "list-tags-for-resource", "--resource-arn", arn)
	p.kill()
	if err := os.RemoveAll(dir + "/data"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := cli(nil, "restore", backup, "--data", dir+"/data"); err != nil {
		t.Fatal(err)
	}
	p = startServer(t, dir)
	xray = awsCLI(t, p)
	ask(`"Value": "shop"`, "list-tags-for-resource", "--resource-arn", arn)
	ask(`"RuleName": "base"`, "delete-sampling-rule", "--rule-name", "base")
	ask("", "delete-resource-policy", "--policy-name", "a")
}
