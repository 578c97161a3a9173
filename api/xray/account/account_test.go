package account_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/account"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// rule is the one resource that can have tags.
const rule = "arn:aws:xray:us-east-1:000000000000:sampling-rule/base"

// asking returns a function that posts PATH BODY and holds the answer to CODE TEXT; the text
// of an error is its type, a space and a part of the message.
func asking(t *testing.T, b *account.Book) func(request, want string) {
	h := xray.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())},
		account.Operations(b, func(_ clew.Tenant, arn string) bool { return arn == rule })...)
	return func(request, want string) {
		t.Helper()
		path, body, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
		code, text, _ := strings.Cut(want, " ")
		got := strings.TrimSpace(w.Body.String())
		var e struct {
			Type    string `json:"__type"`
			Message string
		}
		if code != "200" {
			_ = json.Unmarshal(w.Body.Bytes(), &e)
			var kind string
			kind, text, _ = strings.Cut(text, " ")
			if got = e.Message; e.Type != kind {
				text = kind
			}
		}
		if fmt.Sprint(w.Code) != code || !strings.Contains(got, text) {
			t.Errorf("%s: %d %s\nwant %s", request, w.Code, w.Body, want)
		}
	}
}

func TestTruths(t *testing.T) {
	ask := asking(t, account.NewBook(nil, nil))
	ask(`/EncryptionConfig {}`, `200 {"EncryptionConfig":{"Status":"ACTIVE","Type":"NONE"}}`)
	ask(`/PutEncryptionConfig {"Type":"NONE"}`, `200 "Type":"NONE"`)
	ask(`/PutEncryptionConfig {"Type":"KMS","KeyId":"alias/a"}`, "400 InvalidRequestException Type: want NONE")
	ask(`/GetTraceSegmentDestination`, `200 {"Destination":"XRay","Status":"ACTIVE"}`)
	ask(`/UpdateTraceSegmentDestination {"Destination":"XRay"}`, `200 "Destination":"XRay"`)
	ask(`/UpdateTraceSegmentDestination {"Destination":"CloudWatchLogs"}`, "400 InvalidRequestException Destination: want XRay")
	ask(`/InsightSummaries {"StartTime":1,"EndTime":2}`, `200 {"InsightSummaries":[]}`)
	ask(`/InsightSummaries {"StartTime":1}`, "400 InvalidRequestException StartTime, EndTime")
	for _, path := range []string{"/Insight", "/InsightEvents", "/InsightImpactGraph"} {
		ask(path+` {"InsightId":"x"}`, `400 InvalidRequestException InsightId "x": there is no such insight`)
	}
	ask(`/GetIndexingRules`, `200 {"IndexingRules":[{"Name":"Default","ModifiedAt":0,"Rule":{"Probabilistic":{"DesiredSamplingPercentage":100,"ActualSamplingPercentage":100}}}]}`)
	ask(`/UpdateIndexingRule {"Name":"Default","Rule":{"Probabilistic":{"DesiredSamplingPercentage":5}}}`, `200 {"DesiredSamplingPercentage":5,"ActualSamplingPercentage":100}`)
	ask(`/GetIndexingRules`, `200 "DesiredSamplingPercentage":5`)
	ask(`/UpdateIndexingRule {"Name":"x"}`, "404 ResourceNotFoundException there is no indexing rule")
	ask(`/UpdateIndexingRule {"Name":"Default","Rule":{"Probabilistic":{"DesiredSamplingPercentage":101}}}`, "400 InvalidRequestException Rule: want")
	ask(`/UpdateIndexingRule {"Name":"Default"}`, "400 InvalidRequestException Rule: want")
}

func TestPolicies(t *testing.T) {
	var saved map[clew.Tenant]account.Account
	var refuse error
	save := func(all map[clew.Tenant]account.Account) error {
		if refuse == nil {
			text, _ := json.Marshal(all)
			saved = nil
			_ = json.Unmarshal(text, &saved)
		}
		return refuse
	}
	ask := asking(t, account.NewBook(nil, save))
	ask(`/ListResourcePolicies`, `200 {"ResourcePolicies":[]}`)
	ask(`/PutResourcePolicy {"PolicyName":"a","PolicyDocument":"{}","PolicyRevisionId":"1"}`, "400 InvalidPolicyRevisionIdException the policy is of revision 0")
	ask(`/PutResourcePolicy {"PolicyName":"a","PolicyDocument":"{}","PolicyRevisionId":"0"}`, `200 "PolicyName":"a","PolicyDocument":"{}","PolicyRevisionId":"1"`)
	ask(`/PutResourcePolicy {"PolicyName":"a","PolicyDocument":"{\"Version\":1}"}`, `200 "PolicyRevisionId":"2"`)
	ask(`/PutResourcePolicy {"PolicyName":"a b","PolicyDocument":"{}"}`, "400 InvalidRequestException PolicyName")
	ask(`/PutResourcePolicy {"PolicyName":"b","PolicyDocument":"no"}`, "400 MalformedPolicyDocumentException want an object of JSON")
	ask(`/PutResourcePolicy {"PolicyName":"b","PolicyDocument":"`+strings.Repeat(" ", 5121)+`"}`, "400 PolicySizeLimitExceededException 5120 bytes")
	for _, name := range []string{"b", "c", "d", "e"} {
		ask(`/PutResourcePolicy {"PolicyName":"`+name+`","PolicyDocument":"{}"}`, "200 ")
	}
	ask(`/PutResourcePolicy {"PolicyName":"f","PolicyDocument":"{}"}`, "400 PolicyCountLimitExceededException there are 5")
	ask(`/DeleteResourcePolicy {"PolicyName":"a","PolicyRevisionId":"1"}`, "400 InvalidPolicyRevisionIdException of revision 2")
	refuse = errors.New("no room")
	ask(`/DeleteResourcePolicy {"PolicyName":"a"}`, "500 InternalFailure could not be saved, and is undone: no room")
	refuse = nil
	ask(`/ListResourcePolicies`, `200 {"ResourcePolicies":[{"PolicyName":"a","PolicyDocument":"{\"Version\":1}"`)
	ask(`/DeleteResourcePolicy {"PolicyName":"a"}`, "200 {}")
	ask(`/DeleteResourcePolicy {"PolicyName":"a"}`, "400 InvalidRequestException there is no such policy")
	again := asking(t, account.NewBook(saved, save))
	again(`/ListResourcePolicies`, `200 {"ResourcePolicies":[{"PolicyName":"b"`)
}

func TestTags(t *testing.T) {
	ask := asking(t, account.NewBook(nil, nil))
	on := `"ResourceARN":"` + rule + `"`
	ask(`/ListTagsForResource {`+on+`}`, `200 {"Tags":[]}`)
	ask(`/TagResource {`+on+`,"Tags":[{"Key":"team","Value":"shop"},{"Key":"a","Value":""}]}`, `200 {}`)
	ask(`/ListTagsForResource {`+on+`}`, `200 {"Tags":[{"Key":"a","Value":""},{"Key":"team","Value":"shop"}]}`)
	ask(`/UntagResource {`+on+`,"TagKeys":["a","b"]}`, `200 {}`)
	ask(`/ListTagsForResource {`+on+`}`, `200 {"Tags":[{"Key":"team","Value":"shop"}]}`)
	ask(`/TagResource {`+on+`,"Tags":[{"Key":""}]}`, "400 InvalidRequestException want keys of 1 to 128")
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprintf(`{"Key":"k%d"}`, i))
	}
	ask(`/TagResource {`+on+`,"Tags":[`+strings.Join(many, ",")+`]}`, "400 TooManyTagsException more than 50")
	for _, path := range []string{"/ListTagsForResource", "/TagResource", "/UntagResource"} {
		ask(path+` {"ResourceARN":"arn:other"}`, "404 ResourceNotFoundException there is no such sampling rule")
	}
}
