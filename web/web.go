// Package web serves the built page, which is embedded in the binary.
//
// The page is built from ui/ into dist/ (make ui) and is not committed. A
// binary built without it compiles all the same and serves one line that says
// how to build it.
//
//	path             answer                                 Cache-Control
//	/assets/…        a file whose name holds its hash        one year, immutable
//	another file     favicon.svg, theme.js, …                no-cache, ETag
//	a place          index.html: the page reads the path     no-cache, ETag
//	anything else    404; a browser gets index.html with it  no-cache
//
// The places are the routes of the page's own router (ui/src/app/router.tsx). What
// is none of them is no success, or whoever watches a wrong path would always be
// told that all is well.
//
// Each file lies in dist as it is, and, where that is smaller, as .gz and .br
// beside it; Accept-Encoding chooses.
//
// The page asks for everything relative to <base href>. A reverse proxy that
// serves clew under a prefix and strips it says so in X-Forwarded-Prefix, and
// the base follows.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// Handler serves the embedded page: GET and HEAD. Mount it at
// "/", below all APIs. It is safe for concurrent use.
func Handler() http.Handler {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		// Only a name that is no path fails, and "dist" is one.
		panic("web: dist is not embedded: " + err.Error())
	}
	return newHandler(built)
}

// notBuilt is the page of a binary without a page.
const notBuilt = "<!doctype html><title>clew</title><p>clew is running, but this binary was built without its page: run <code>make ui build</code>; every API works.</p>\n"

// contentSecurityPolicy lets the page load from its own origin only. Styles set
// from scripts go through the CSSOM, which it allows.
const contentSecurityPolicy = "default-src 'self'; base-uri 'self'; object-src 'none'; form-action 'self'; frame-ancestors 'self'"

// handler is immutable after newHandler.
type handler struct {
	assets map[string]*asset // by path within dist, without leading slash
	index  []byte            // index.html; nil if the page was not built
}

func newHandler(built fs.FS) *handler {
	assets, err := readAssets(built)
	if err != nil {
		// The files are part of the binary: they can be read or it is broken.
		panic("web: " + err.Error())
	}
	h := &handler{assets: assets}
	if a := assets[indexFile]; a != nil {
		h.index = a.body[identity]
	}
	return h
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "the page is read with GET", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if h.index == nil && isPlace(name) {
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Type", "text/html; charset=utf-8")
		write(w, r, http.StatusOK, []byte(notBuilt))
		return
	}
	switch a := h.assets[name]; {
	case a != nil && name != indexFile:
		serveAsset(w, r, a)
	case isPlace(name) || a != nil:
		h.serveIndex(w, r, http.StatusOK)
	case h.index != nil && !strings.HasPrefix(name, hashedDir) && strings.Contains(r.Header.Get("Accept"), "text/html"):
		h.serveIndex(w, r, http.StatusNotFound) // somebody reads it: the page says that it is lost
	default:
		header.Set("Cache-Control", "no-store")
		http.Error(w, "there is nothing here: the page begins at / and the API at /api/v1", http.StatusNotFound)
	}
}

// places are the routes of the page: in each, a word that begins with $ stands for
// any.
var places = []string{"/", "/explore", "/trace/$traceId", "/welcome"}

// isPlace reports whether a path without leading slash is a place within the page.
func isPlace(name string) bool {
	return slices.ContainsFunc(places, func(place string) bool {
		want, got := strings.Split(place[1:], "/"), strings.Split(name, "/")
		return slices.EqualFunc(want, got, func(w, g string) bool {
			return w == g || strings.HasPrefix(w, "$") && g != ""
		})
	})
}

func write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		// The only error is that the reader has gone.
		_, _ = w.Write(body)
	}
}
