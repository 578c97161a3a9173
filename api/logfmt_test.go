package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/api"
)

func TestLogfmt(t *testing.T) {
	for text, want := range map[string][]api.Pair{
		"": nil, " \t": nil,
		"a=b":                     {{Key: "a", Value: "b"}},
		" a=b\n c=d ":             {{Key: "a", Value: "b"}, {Key: "c", Value: "d"}},
		`a="b c" d="e \"f\" = g"`: {{Key: "a", Value: "b c"}, {Key: "d", Value: `e "f" = g`}},
		"error http.route=/a=b?c": {{Key: "error", Bare: true}, {Key: "http.route", Value: "/a=b?c"}},
		"a= b":                    {{Key: "a"}, {Key: "b", Bare: true}},
		`a="" b`:                  {{Key: "a"}, {Key: "b", Bare: true}},
		"größe=1":                 {{Key: "größe", Value: "1"}},
	} {
		if got, err := api.Logfmt(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"=a": "want key=value", `"a"=b`: "want key=value", `a"b=c`: "want key=value", `a="b`: "do not close"} {
		if got, err := api.Logfmt(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
	}
	if s := api.ShortText("ä\xff" + strings.Repeat("ö", 100)); len(s) > 110 || !strings.HasPrefix(s, "ä?ö") || !strings.HasSuffix(s, "ö…") {
		t.Errorf("short: %q", s)
	}
}
