package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func builtPage() fstest.MapFS {
	return fstest.MapFS{
		".keep":                  {Data: []byte("x")},
		"index.html":             {Data: []byte(`<!doctype html><base href="/" /><script src="assets/a-1.js"></script>`)},
		"favicon.svg":            {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)},
		"assets/a-1.js":          {Data: []byte(strings.Repeat("let a = 1;", 20))},
		"assets/a-1.js.gz":       {Data: []byte("gzip form")},
		"assets/a-1.js.br":       {Data: []byte("br form")},
		"assets/font-2.woff2":    {Data: []byte("wOF2")},
		"assets/font-2.woff2.gz": {Data: []byte("longer than the file")},
	}
}

// get asks the handler for a path; headers are name, value, name, value.
func get(t *testing.T, h http.Handler, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestFilesAndPlaces(t *testing.T) {
	h := newHandler(builtPage())
	const html = "text/html,*/*"
	f := func(path, accept string, wantStatus int, wantType, wantCache string) {
		t.Helper()
		res, _ := get(t, h, path, "Accept", accept)
		if res.StatusCode != wantStatus {
			t.Errorf("GET %s: status %d, want %d", path, res.StatusCode, wantStatus)
			return
		}
		if got := res.Header.Get("Content-Type"); wantType != "" && got != wantType {
			t.Errorf("GET %s: Content-Type %q, want %q", path, got, wantType)
		}
		if got := res.Header.Get("Cache-Control"); got != wantCache {
			t.Errorf("GET %s: Cache-Control %q, want %q", path, got, wantCache)
		}
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options"} {
			if res.Header.Get(name) == "" {
				t.Errorf("GET %s: no %s", path, name)
			}
		}
	}
	const page, script, forever = "text/html; charset=utf-8", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"
	f("/", html, 200, page, "no-cache")
	f("/index.html", html, 200, page, "no-cache")
	f("/trace/4bf92f3577b34da6a3ce929d0e0e4736", html, 200, page, "no-cache")
	f("/trace/4bf9.x", html, 200, page, "no-cache")
	f("/trace/4bf9/", html, 200, page, "no-cache")
	f("/explore", "*/*", 200, page, "no-cache")
	f("/assets/a-1.js", "*/*", 200, script, forever)
	f("/assets/font-2.woff2", "*/*", 200, "font/woff2", forever)
	f("/favicon.svg", "*/*", 200, "image/svg+xml", "no-cache")

	f("/assets/gone-9.js", html, 404, "", "no-store")
	f("/robots.txt", "*/*", 404, "", "no-store")
	f("/favicon.ico", html, 404, page, "no-cache")

	// What is no place of the page is no success; a person is shown the page.
	const text = "text/plain; charset=utf-8"
	for _, path := range []string{"/health", "/ready", "/-/healthy", "/v1/traces", "/explore/more", "/trace", "/trace/", "/trace/1/2", "/explorer", "/index.htm"} {
		f(path, "", 404, text, "no-store")
		f(path, "*/*", 404, text, "no-store")
		f(path, html, 404, page, "no-cache")
	}
	f("/assets/../../web.go", "*/*", 404, "", "no-store")
	f("/.keep", "*/*", 404, "", "no-store")
	f("/assets/a-1.js.gz", "*/*", 404, "", "no-store")
}

// TestPlacesAreTheRouters reads the page's router: both must know the same places.
func TestPlacesAreTheRouters(t *testing.T) {
	const file = "../ui/src/app/router.tsx"
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var routes []string
	for _, m := range regexp.MustCompile(`(?m)^\s*path: "([^"]*)"`).FindAllSubmatch(source, -1) {
		routes = append(routes, string(m[1]))
	}
	slices.Sort(routes)
	if !slices.Equal(routes, places) {
		t.Errorf("places = %q\n%s has %q\na place that is missing here is answered with 404", places, file, routes)
	}
}

func TestEncoding(t *testing.T) {
	h := newHandler(builtPage())
	f := func(path, accept, want string) {
		t.Helper()
		res, body := get(t, h, path, "Accept-Encoding", accept)
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("GET %s, Accept-Encoding %q: Content-Encoding %q, want %q", path, accept, got, want)
		}
		if want != "" && body != want+" form" {
			t.Errorf("GET %s, Accept-Encoding %q: body %q, want the %s form", path, accept, body, want)
		}
		if res.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("GET %s: no Vary", path)
		}
	}
	const js = "/assets/a-1.js"
	f(js, "gzip, deflate, br, zstd", "br")
	f(js, "gzip", "gzip")
	f(js, "br;q=0, gzip;q=0.5", "gzip")
	f(js, "GZIP", "gzip")
	f(js, "", "")
	f(js, "*", "")
	f(js, "gzip;q=0", "")
	f(js, "gzip;q=x", "")
	f("/assets/font-2.woff2", "gzip, br", "") // the gz form is larger than the file
}

func TestETag(t *testing.T) {
	h := newHandler(builtPage())
	for _, path := range []string{"/", "/favicon.svg", "/assets/a-1.js"} {
		res, _ := get(t, h, path)
		tag := res.Header.Get("ETag")
		if tag == "" {
			t.Errorf("GET %s: no ETag", path)
		}
		res, body := get(t, h, path, "If-None-Match", `"other", W/`+tag)
		if res.StatusCode != 304 || body != "" {
			t.Errorf("GET %s with its ETag: %d %q, want 304 and nothing", path, res.StatusCode, body)
		}
		if res, _ = get(t, h, path, "If-None-Match", `"other"`); res.StatusCode != 200 {
			t.Errorf("GET %s with another ETag: %d, want 200", path, res.StatusCode)
		}
	}
}

func TestBaseFollowsPrefix(t *testing.T) {
	h := newHandler(builtPage())
	f := func(prefix, want string) {
		t.Helper()
		res, body := get(t, h, "/trace/1", "X-Forwarded-Prefix", prefix)
		if !strings.Contains(body, `<base href="`+want+`" />`) {
			t.Errorf("X-Forwarded-Prefix %q: body %q, want base %q", prefix, body, want)
		}
		if res.Header.Get("Vary") != "X-Forwarded-Prefix" {
			t.Errorf("no Vary")
		}
	}
	f("", "/")
	f("/", "/")
	f("/tracing", "/tracing/")
	f("/tracing/", "/tracing/")
	f("ops/clew-1", "/ops/clew-1/")
	f(`/"><script>`, "/")
	f("//evil.example", "/evil.example/") // a path of this host, not another host
	f("/a//b", "/")
	f("/a b", "/")
	f("/"+strings.Repeat("a", maxPrefixBytes+1), "/")
}

func TestMethods(t *testing.T) {
	h := newHandler(builtPage())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/explore", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("HEAD", "/assets/a-1.js", nil))
	if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "200" {
		t.Errorf("HEAD: %d, %d bytes, Content-Length %q", w.Code, w.Body.Len(), w.Header().Get("Content-Length"))
	}
}

func TestWithoutPage(t *testing.T) {
	h := newHandler(fstest.MapFS{".keep": {Data: []byte("x")}})
	for _, path := range []string{"/assets/a-1.js", "/index.html", "/livez"} {
		if res, _ := get(t, h, path, "Accept", "text/html"); res.StatusCode != 404 {
			t.Errorf("GET %s: %d, want 404", path, res.StatusCode)
		}
	}
	for _, path := range []string{"/", "/trace/1"} {
		res, body := get(t, h, path)
		if res.StatusCode != 200 || !strings.Contains(body, "make ui build") || strings.Count(body, "\n") != 1 {
			t.Errorf("GET %s: %d %q", path, res.StatusCode, body)
		}
	}
}

// TestEmbedded holds for both kinds of binary: with the page and without.
func TestEmbedded(t *testing.T) {
	h, ok := Handler().(*handler)
	if !ok {
		t.Fatalf("Handler() is a %T", Handler())
	}
	_, body := get(t, h, "/")
	if h.index == nil {
		if body != notBuilt {
			t.Errorf("without the page: %q", body)
		}
		return
	}
	if !strings.Contains(body, baseTag) {
		t.Errorf("index.html has no %s: a proxy's prefix cannot work", baseTag)
	}
}
