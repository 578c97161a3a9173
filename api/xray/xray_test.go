package xray_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/storage/storagetest"
)

type question struct {
	Name      string
	When      xray.Seconds
	NextToken string
}

type inner struct{ List []string }

type answer struct {
	Echo  string
	When  xray.Seconds
	Lists []inner
	Map   map[string][]int
	Next  *inner
}

// ask posts to an API with two operations of the test.
func ask(method, path, body string, header ...string) *httptest.ResponseRecorder {
	a := xray.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())},
		xray.Op("/Echo", func(_ *api.Call, in *question) (*answer, error) {
			switch in.Name {
			case "invalid":
				return nil, clew.Errorf(clew.Invalid, "Name: want another")
			case "many":
				return nil, &xray.Error{Status: 400, Type: "RuleLimitExceededException", Text: "there are 25 rules"}
			case "fault":
				return nil, errors.New("a bad day")
			}
			return &answer{Echo: in.Name, When: in.When, Lists: []inner{{}}, Map: map[string][]int{"a": nil}, Next: &inner{}}, nil
		}),
		xray.Op("/Change", func(*api.Call, *struct{}) (struct{}, error) { return struct{}{}, nil }).Changing())
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// TestFrame is how requests are read, and answers and errors written.
func TestFrame(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		code               int
		kind, want         string
	}{
		{"POST", "/Echo", `{"Name":"a","When":1763889000.123456789,"Unknown":1}`, 200, "", `{"Echo":"a","When":1763889000.123456789,"Lists":[{"List":[]}],"Map":{"a":[]},"Next":{"List":[]}}`},
		{"POST", "/Echo", ``, 200, "", `"Echo":""`},
		{"POST", "/Change", `{}`, 200, "", `{}`},
		{"GET", "/Echo", ``, 405, "InvalidRequestException", "operations of X-Ray are posted: POST /Echo"},
		{"POST", "/Nothing", `{}`, 404, "UnknownOperationException", "/Nothing is no operation"},
		{"POST", "/Echo", `{"Name":5}`, 400, "InvalidRequestException", "Name: want a string, have number"},
		{"POST", "/Echo", `{"When":"now"}`, 400, "InvalidRequestException", "want a number of seconds since 1970"},
		{"POST", "/Echo", `{`, 400, "InvalidRequestException", "not the JSON of this operation"},
		{"POST", "/Echo", `{"Name":"invalid"}`, 400, "InvalidRequestException", "Name: want another"},
		{"POST", "/Echo", `{"Name":"many"}`, 400, "RuleLimitExceededException", "there are 25 rules"},
		{"POST", "/Echo", `{"Name":"fault"}`, 500, "InternalFailure", "a bad day"},
		{"POST", "/Echo", strings.Repeat(" ", 2<<20), 413, "InvalidRequestException", "ask for less at once"},
	} {
		w := ask(c.method, c.path, c.body)
		got := strings.TrimSpace(w.Body.String())
		if w.Code != c.code || w.Header().Get("X-Amzn-Errortype") != c.kind || !strings.Contains(got, c.want) || len(w.Header().Get("X-Amzn-Requestid")) != 36 {
			t.Errorf("%s %s %.60s: %d %v %s", c.method, c.path, c.body, w.Code, w.Header(), got)
		}
		if c.kind != "" && !strings.HasPrefix(got, `{"__type":"`+c.kind+`","Message":"`) {
			t.Errorf("%s %s: the error is %s", c.method, c.path, got)
		}
	}
	if w := ask("POST", "/Echo", "{}", "Content-Encoding", "gzip"); w.Code != http.StatusBadRequest {
		t.Errorf("packed: %d %s", w.Code, w.Body)
	}
	if w := ask("POST", "/Echo", "{}", clew.TenantHeader, "no tenant!"); w.Code != http.StatusBadRequest {
		t.Errorf("a tenant that is none: %d %s", w.Code, w.Body)
	}
}

func TestTokens(t *testing.T) {
	token, err := xray.Token(question{Name: "a"}, 7)
	if err != nil {
		t.Fatal(err)
	}
	place := 0
	if err := xray.ParseToken(token, question{Name: "a"}, &place); err != nil || place != 7 {
		t.Errorf("%d, %v", place, err)
	}
	for _, bad := range []string{"", "AAAA", token[:len(token)-2], token + "AA", "!", strings.Repeat("A", 5000)} {
		if err := xray.ParseToken(bad, question{Name: "a"}, &place); clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), "NextToken") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if err := xray.ParseToken(token, question{Name: "b"}, &place); err == nil {
		t.Error("a token of another question is taken")
	}
}
