package tempo_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestTagsGolden pins the JSON of names and values.
func TestTagsGolden(t *testing.T) {
	eachStore(t, func(a *api) {
		a.golden("tags", "/api/search/tags")
		a.golden("tags_v2", "/api/v2/search/tags?limit=5000")
		a.golden("tags_scope", "/api/v2/search/tags?scope=resource&limit=1")
		a.golden("values", "/api/search/tag/service.name/values")
		a.golden("values_v2", "/api/v2/search/tag/span.http.status_code/values")
		a.golden("values_kind", "/api/v2/search/tag/kind/values")
	})
}

// values returns the values of a tag, in order.
func (a *api) values(tag string, pairs ...string) string {
	a.Helper()
	var answer struct {
		TagValues []struct{ Type, Value string }
	}
	if err := json.Unmarshal(a.ok(ask("/api/v2/search/tag/"+tag+"/values", pairs...)), &answer); err != nil {
		a.Fatal(err)
	}
	var out []string
	for _, v := range answer.TagValues {
		out = append(out, v.Type+":"+v.Value)
	}
	return strings.Join(out, " ")
}

// TestTagValues are those of the spans that are selected, and of all where nobody can
// tell which.
func TestTagValues(t *testing.T) {
	eachStore(t, func(a *api) {
		all := "int:200 int:404 int:500"
		for q, want := range map[string]string{
			"":                                    all,
			`{ resource.service.name = "cart" }`:  "int:404 int:500",
			`{ status = error && kind = server }`: "int:500",
			`{ resource.service.name = "cart" && span.http.status_code = }`: "int:404 int:500",
			`{ resource.service.name = "cart" && name`:                      "int:404 int:500",
			`{ name = "a && b" && `:                                         "",
			`{ name = }`:                                                    all,
			`{`:                                                             all,
			`{ } | rate()`:                                                  all,
			`nonsense ((`:                                                   all,
			`{ resource.service.name = "cart" } >> { }`:                  all,
			`{ span.http.status_code != 404 } with (most_recent = true)`: "int:200 int:500",
		} {
			if got := a.values("span.http.status_code", "q", q); got != want {
				a.Errorf("q %s: %s, want %s", q, got, want)
			}
		}
		for tag, want := range map[string]string{
			"parent.item":             "",
			"resource.service.name":   "string:cart string:front",
			"service.name":            "string:cart string:front",
			".service.name":           "string:cart string:front",
			"span.ratio":              "float:0.5",
			"span.cached":             "bool:true",
			"event.exception.type":    "string:NoStock",
			"status":                  "keyword:error keyword:ok keyword:unset",
			"span:kind":               "keyword:client keyword:consumer keyword:internal keyword:producer keyword:server keyword:unspecified",
			"duration":                "",
			"trace:duration":          "",
			"span:id":                 "",
			"rootName":                "string:GET /cart",
			"rootServiceName":         "string:front",
			"event:name":              "string:exception",
			"span.nothing":            "",
			"span.not/there":          "",
			"instrumentation:version": "string:1.2",
		} {
			if got := a.values(tag); got != want {
				a.Errorf("%s: %s, want %s", tag, got, want)
			}
		}
		if got := a.values("http.status_code", "q", `{ resource.service.name = "cart" }`); got != "int:404 int:500" {
			a.Errorf("of a name without its scope: %s", got)
		}
		if got := a.values("rootName", "q", `{ status = error }`); got != "string:GET /cart" {
			a.Errorf("roots of traces with an error: %s", got)
		}
		if got := a.values("span.http.status_code", "limit", "1", "start", "1763889060", "end", "1763889070"); got != "int:404" {
			a.Errorf("in a window: %s", got)
		}
		if got := a.values("name", "limit", "2"); got != "string:GET /cart string:GET /items" {
			a.Errorf("two of four names: %s", got)
		}
	})
}

// names returns the names of attributes with their scopes, in order.
func (a *api) names(pairs ...string) string {
	a.Helper()
	var answer struct {
		Scopes []struct {
			Name string
			Tags []string
		}
	}
	if err := json.Unmarshal(a.ok(ask("/api/v2/search/tags", pairs...)), &answer); err != nil {
		a.Fatal(err)
	}
	var out []string
	for _, s := range answer.Scopes {
		if s.Name != "intrinsic" {
			out = append(out, s.Name+":"+strings.Join(s.Tags, ","))
		}
	}
	return strings.Join(out, " ")
}

// TestTagNames are those of the spans that are selected, and of all where nobody can tell
// which; so they are in the older list.
func TestTagNames(t *testing.T) {
	eachStore(t, func(a *api) {
		all := "resource:replicas,service.name span:cached,http.status_code,http.url,item,ratio event:exception.type"
		for q, want := range map[string]string{
			"":                                  all,
			`{ }`:                               all,
			`{ name = "load cart" }`:            "resource:replicas,service.name span:http.url",
			`{ status = error }`:                "resource:service.name span:http.status_code event:exception.type",
			`{ status = error && span.http.url`: "resource:service.name span:http.status_code event:exception.type",
			`{ status = error && span.http.status_code = }`:     "resource:service.name span:http.status_code event:exception.type",
			`{ rootName = "GET /cart" && span.http.url = nil }`: "resource:replicas,service.name span:cached,http.status_code,ratio event:exception.type",
			`{ name = "nobody" }`:                               "",
			`{ status = }`:                                      all,
			`{ trace.a = 1 }`:                                   all,
			`{`:                                                 all,
			`nonsense ((`:                                       all,
			`{ } | rate()`:                                      all,
			`{ status = error } with (most_recent=true)`: "resource:service.name span:http.status_code event:exception.type",
		} {
			if got := a.names("q", q); got != want {
				a.Errorf("q %s: %s, want %s", q, got, want)
			}
		}
		if got := a.names("q", `{ kind = server }`, "scope", "span", "limit", "1"); got != "span:cached" {
			a.Errorf("one of a scope: %s", got)
		}
		if got := a.names("q", `{ kind != server }`, "start", "1763889060", "end", "1763889070"); got != "resource:service.name span:http.status_code,item" {
			a.Errorf("in a window: %s", got)
		}
		if got := string(a.ok(ask("/api/search/tags", "q", `{ name = "load cart" }`))); !strings.Contains(got, `["http.url","replicas","service.name"]`) {
			a.Errorf("the older list: %s", got)
		}
	})
}

// TestTagsProtobuf has the fields of tempopb's messages.
func TestTagsProtobuf(t *testing.T) {
	eachStore(t, func(a *api) {
		get := func(path string) map[int][][]byte { return fields(a.T, a.ok(path, "Accept", "application/protobuf")) }
		if m := get("/api/v2/search/tags?scope=link"); len(m[1]) != 0 {
			a.Errorf("no link has a tag: %v", m)
		}
		m := fields(a.T, get("/api/v2/search/tags?scope=resource")[1][0])
		if got := string(m[1][0]) + " " + string(m[2][0]) + " " + string(m[2][1]); got != "resource replicas service.name" {
			a.Errorf("scopes: %s", got)
		}
		if m := get("/api/search/tags?scope=resource"); len(m[1]) != 2 || string(m[1][0]) != "replicas" {
			a.Errorf("names: %v", m)
		}
		if m := get("/api/search/tag/service.name/values"); len(m[1]) != 2 || string(m[1][0]) != "cart" {
			a.Errorf("values: %v", m)
		}
		m = fields(a.T, get("/api/v2/search/tag/service.name/values")[1][0])
		if got := string(m[1][0]) + " " + string(m[2][0]); got != "string cart" {
			a.Errorf("typed values: %s", got)
		}
	})
}

// TestTagsErrors answers in text what is wrong.
func TestTagsErrors(t *testing.T) {
	eachStore(t, func(a *api) {
		for path, want := range map[string]int{
			"/api/v2/search/tags?scope=nothing":                  400,
			"/api/search/tags?limit=-1":                          400,
			"/api/v2/search/tags?start=x":                        400,
			"/api/v2/search/tag/a/values?limit=x":                400,
			"/api/v2/search/tag/a/values?end=x":                  400,
			"/api/v2/search/tag/parent.a/values":                 200,
			"/api/v2/search/tag/a/other":                         404,
			"/api/v2/search/tag/span.a%20%7D%20%7C%20%7B/values": 200,
		} {
			w := a.get(path)
			if w.Code != want || w.Code != 200 && !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
				a.Errorf("GET %s: %d %s, want %d", path, w.Code, w.Body, want)
			}
		}
	})
}
