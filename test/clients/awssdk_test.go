package clients

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/aws/aws-sdk-go-v2/service/xray/types"
	"github.com/aws/smithy-go"
)

// awsClient returns AWS' client of X-Ray, which signs what it sends. It tries as often as
// AWS' clients do unless they are told otherwise: now and then its connection is closed under
// an answer, by the client itself, which it knows and asks again.
func awsClient(endpoint string) *xray.Client {
	return xray.New(xray.Options{
		Region: "eu-west-1", BaseEndpoint: &endpoint, RetryMaxAttempts: 3,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b", SessionToken: "c"}, nil
		}),
	})
}

// xrayCall is an operation of X-Ray with a request for it, named as AWS' client does; code is of
// the error that is its right answer.
type xrayCall struct {
	input any
	code  string
}

// xrayCalls are all operations, in an order in which each has what it is about.
func xrayCalls(now time.Time) []xrayCall {
	p := aws.String
	const invalid, notFound = "InvalidRequestException", "ResourceNotFoundException"
	const arn = "arn:aws:xray:us-east-1:000000000000:sampling-rule/base"
	start, end := now.Add(-time.Minute), now
	rule := types.SamplingRule{RuleName: p("base"), ResourceARN: p("*"), Priority: aws.Int32(9000), FixedRate: 0.1, ReservoirSize: 2, ServiceName: p("shop"), ServiceType: p("*"),
		Host: p("*"), HTTPMethod: p("*"), URLPath: p("*"), Version: aws.Int32(1), Attributes: map[string]string{"tier": "gold"}}
	return []xrayCall{
		{&xray.PutTelemetryRecordsInput{TelemetryRecords: []types.TelemetryRecord{{Timestamp: &now, SegmentsSentCount: aws.Int32(1)}}}, ""},
		{&xray.CreateSamplingRuleInput{SamplingRule: &rule}, ""},
		{&xray.UpdateSamplingRuleInput{SamplingRuleUpdate: &types.SamplingRuleUpdate{RuleName: p("base"), FixedRate: aws.Float64(0.5)}}, ""},
		{&xray.GetSamplingRulesInput{}, ""},
		{&xray.GetSamplingTargetsInput{SamplingStatisticsDocuments: []types.SamplingStatisticsDocument{{RuleName: p("base"), ClientID: p("0123456789abcdef01234567"), Timestamp: &now, RequestCount: 9, SampledCount: 1}}}, ""},
		{&xray.GetSamplingStatisticSummariesInput{}, ""},
		{&xray.TagResourceInput{ResourceARN: p(arn), Tags: []types.Tag{{Key: p("team"), Value: p("shop")}}}, ""},
		{&xray.ListTagsForResourceInput{ResourceARN: p(arn)}, ""},
		{&xray.UntagResourceInput{ResourceARN: p(arn), TagKeys: []string{"team"}}, ""},
		{&xray.DeleteSamplingRuleInput{RuleName: p("base")}, ""},
		{&xray.PutEncryptionConfigInput{Type: types.EncryptionTypeNone}, ""},
		{&xray.GetEncryptionConfigInput{}, ""},
		{&xray.UpdateTraceSegmentDestinationInput{Destination: types.TraceSegmentDestinationXRay}, ""},
		{&xray.GetTraceSegmentDestinationInput{}, ""},
		{&xray.UpdateIndexingRuleInput{Name: p("Default"), Rule: &types.IndexingRuleValueUpdateMemberProbabilistic{Value: types.ProbabilisticRuleValueUpdate{DesiredSamplingPercentage: aws.Float64(5)}}}, ""},
		{&xray.GetIndexingRulesInput{}, ""},
		{&xray.PutResourcePolicyInput{PolicyName: p("a"), PolicyDocument: p("{}")}, ""},
		{&xray.ListResourcePoliciesInput{}, ""},
		{&xray.DeleteResourcePolicyInput{PolicyName: p("a")}, ""},
		{&xray.GetInsightSummariesInput{StartTime: &start, EndTime: &end}, ""},
		{&xray.GetInsightInput{InsightId: p("x")}, invalid},
		{&xray.GetInsightEventsInput{InsightId: p("x")}, invalid},
		{&xray.GetInsightImpactGraphInput{InsightId: p("x"), StartTime: &start, EndTime: &end}, invalid},
		{&xray.GetTraceSummariesInput{StartTime: &start, EndTime: &end}, ""},
		{&xray.GetServiceGraphInput{StartTime: &start, EndTime: &end}, ""},
		{&xray.GetTraceGraphInput{TraceIds: []string{sdkTrace}}, ""},
		{&xray.GetTimeSeriesServiceStatisticsInput{StartTime: &start, EndTime: &end}, ""},
		{&xray.CreateGroupInput{GroupName: p("slow"), FilterExpression: p("responsetime > 5")}, ""},
		{&xray.UpdateGroupInput{GroupName: p("slow"), FilterExpression: p("responsetime > 6")}, ""},
		{&xray.GetGroupInput{GroupName: p("slow")}, ""},
		{&xray.GetGroupsInput{}, ""},
		{&xray.DeleteGroupInput{GroupName: p("slow")}, ""},
		{&xray.StartTraceRetrievalInput{TraceIds: []string{sdkTrace}, StartTime: &start, EndTime: &end}, ""},
		{&xray.ListRetrievedTracesInput{RetrievalToken: p("x")}, notFound},
		{&xray.GetRetrievedTracesGraphInput{RetrievalToken: p("x")}, notFound},
		{&xray.CancelTraceRetrievalInput{RetrievalToken: p("x")}, notFound},
	}
}

const (
	sdkTrace   = "1-58406520-a006649127e371903a2de979"
	sdkSegment = `{"trace_id":"1-58406520-a006649127e371903a2de979","id":"6226467e3f845502","name":"front","start_time":1498082657.37518,"end_time":1498082657.4042}`
)

// TestAWSSDK uses AWS' SDK for Go on X-Ray's API: what is put is read, and each operation that
// the SDK has is answered.
func TestAWSSDK(t *testing.T) {
	s := serveProgram(t)
	for _, endpoint := range []string{s.url("xray"), s.url("page") + "/xray"} {
		c := awsClient(endpoint)
		put, err := c.PutTraceSegments(t.Context(), &xray.PutTraceSegmentsInput{TraceSegmentDocuments: []string{sdkSegment, `{"name":"nobody"}`}})
		if err != nil {
			t.Fatal(err)
		}
		if u := put.UnprocessedTraceSegments; len(u) != 1 || aws.ToString(u[0].ErrorCode) != "MissingId" {
			t.Errorf("%+v", u)
		}
		got, err := c.BatchGetTraces(t.Context(), &xray.BatchGetTracesInput{TraceIds: []string{sdkTrace, "1-58406520-ffffffffffffffffffffffff"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Traces) != 1 || len(got.UnprocessedTraceIds) != 1 {
			t.Fatalf("%+v", got)
		}
		if x := got.Traces[0]; aws.ToFloat64(x.Duration) != 0.02902 || len(x.Segments) != 1 || !strings.Contains(aws.ToString(x.Segments[0].Document), `"start_time":1498082657.37518`) {
			t.Errorf("%+v", x)
		}
		retrieve(t, c)
		answerAll(t, c)
	}
}

// retrieve gets the trace of the segment as Transaction Search does, in both formats.
func retrieve(t *testing.T, c *xray.Client) {
	t.Helper()
	at := time.Unix(1498082657, 0)
	start, err := c.StartTraceRetrieval(t.Context(), &xray.StartTraceRetrievalInput{TraceIds: []string{sdkTrace}, StartTime: aws.Time(at.Add(-time.Minute)), EndTime: aws.Time(at.Add(time.Minute))})
	if err != nil {
		t.Fatal(err)
	}
	for format, want := range map[types.TraceFormatType]string{types.TraceFormatTypeXray: `"start_time":1498082657.37518`, types.TraceFormatTypeOtel: `"startTimeUnixNano":1498082657375180000`} {
		list, err := c.ListRetrievedTraces(t.Context(), &xray.ListRetrievedTracesInput{RetrievalToken: start.RetrievalToken, TraceFormat: format})
		if err != nil || len(list.Traces) != 1 || list.RetrievalStatus != types.RetrievalStatusComplete {
			t.Fatalf("%+v, %v", list, err)
		}
		if spans := list.Traces[0].Spans; len(spans) != 1 || !strings.Contains(aws.ToString(spans[0].Document), want) {
			t.Errorf("%s: %s", format, aws.ToString(spans[0].Document))
		}
	}
	graph, err := c.GetRetrievedTracesGraph(t.Context(), &xray.GetRetrievedTracesGraphInput{RetrievalToken: start.RetrievalToken})
	if err != nil || len(graph.Services) != 2 { // front, and who asks it
		t.Errorf("%+v, %v", graph, err)
	}
	if _, err := c.CancelTraceRetrieval(t.Context(), &xray.CancelTraceRetrievalInput{RetrievalToken: start.RetrievalToken}); err != nil {
		t.Error(err)
	}
}

// answerAll calls each operation that the client has.
func answerAll(t *testing.T, c *xray.Client) {
	t.Helper()
	tried := []string{"PutTraceSegments", "BatchGetTraces"}
	for _, call := range xrayCalls(time.Now()) {
		name := strings.TrimSuffix(reflect.TypeOf(call.input).Elem().Name(), "Input")
		tried = append(tried, name)
		out := reflect.ValueOf(c).MethodByName(name).Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(call.input)})
		err, _ := out[1].Interface().(error)
		var failed smithy.APIError
		switch errors.As(err, &failed); {
		case err == nil && call.code == "", failed != nil && failed.ErrorCode() == call.code:
		default:
			t.Errorf("%s: %v, want the code %q", name, err, call.code)
		}
	}
	for m := range reflect.TypeOf(c).Methods() {
		if m.Type.NumIn() > 2 && !slices.Contains(tried, m.Name) {
			t.Errorf("the operation %s is not tried", m.Name)
		}
	}
}
