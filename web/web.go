// Package web serves the built page, which is embedded in the binary.
//
// The page is built from ui/ into dist/ (make ui) and is not committed. A
// binary built without it compiles all the same and serves one line that says
// how to build it.
//
//	path             answer                                 Cache-Control
//	/assets/…        a file whose name holds its hash        one year, immutable
//	another file     favicon.svg, theme.js, …                no-cache, ETag
//	anything else    index.html: the page reads the path     no-cache, ETag
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
	"strings"
)

//go:embed all:dist
var dist embed.FS

// Handler serves the embedded page: GET and HEAD of every path. Mount it at
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
	if h.index == nil {
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Type", "text/html; charset=utf-8")
		write(w, r, http.StatusOK, []byte(notBuilt))
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	switch a := h.assets[name]; {
	case a != nil && name != indexFile:
		serveAsset(w, r, a)
	case isFileRequest(name, r):
		header.Set("Cache-Control", "no-store")
		http.Error(w, "no such file in the page", http.StatusNotFound)
	default:
		h.serveIndex(w, r)
	}
}

// isFileRequest tells a request for a file that is not there from one for a
// place within the page. Names of services have dots too, so a dot alone does
// not make a file: a browser that opens a place says that it wants HTML.
func isFileRequest(name string, r *http.Request) bool {
	if strings.HasPrefix(name, hashedDir) {
		return true
	}
	return path.Ext(name) != "" && !strings.Contains(r.Header.Get("Accept"), "text/html")
}

func write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		// The only error is that the reader has gone.
		_, _ = w.Write(body)
	}
}
