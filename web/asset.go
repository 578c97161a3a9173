package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

const (
	// indexFile is served for every place within the page.
	indexFile = "index.html"
	// hashedDir holds the files whose names contain a hash of their content.
	hashedDir = "assets/"
)

// An encoding is a form in which a file lies in dist.
type encoding int

const (
	identity encoding = iota
	gzip
	brotli
	encodingCount
)

// encodings gives each form its HTTP name and the ending of its file.
var encodings = [encodingCount]struct{ name, suffix string }{
	identity: {"identity", ""},
	gzip:     {"gzip", ".gz"},
	brotli:   {"br", ".br"},
}

// asset is a file of the page in all forms it lies there in.
type asset struct {
	contentType string
	etag        string // of the content, without regard to its form
	immutable   bool
	body        [encodingCount][]byte // nil: not in this form
}

// readAssets reads all files of the page. Files that end in .gz or .br and lie
// beside their original are forms of it.
func readAssets(built fs.FS) (map[string]*asset, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(built, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		body, err := fs.ReadFile(built, name)
		files[name] = body
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the page: %w", err)
	}
	assets := map[string]*asset{}
	for name, body := range files {
		if isForm(files, name) {
			continue
		}
		sum := sha256.Sum256(body)
		a := &asset{
			contentType: contentType(name),
			etag:        `"` + hex.EncodeToString(sum[:12]) + `"`,
			immutable:   strings.HasPrefix(name, hashedDir),
		}
		for e := identity; e < encodingCount; e++ {
			a.body[e] = files[name+encodings[e].suffix]
		}
		assets[name] = a
	}
	return assets, nil
}

// isForm reports whether name is a compressed form of another of the files.
func isForm(files map[string][]byte, name string) bool {
	for e := gzip; e < encodingCount; e++ {
		if base, ok := strings.CutSuffix(name, encodings[e].suffix); ok {
			if _, ok := files[base]; ok {
				return true
			}
		}
	}
	return false
}

// contentType does not rely on the machine's own table of types, except for
// endings that the page does not have.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".woff2":
		return "font/woff2"
	case ".json", ".map":
		return "application/json"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func serveAsset(w http.ResponseWriter, r *http.Request, a *asset) {
	header := w.Header()
	header.Set("ETag", a.etag)
	header.Set("Vary", "Accept-Encoding")
	if a.immutable {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		header.Set("Cache-Control", "no-cache")
	}
	if etagMatches(r.Header.Get("If-None-Match"), a.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	form := chooseEncoding(r.Header.Values("Accept-Encoding"), a)
	if form != identity {
		header.Set("Content-Encoding", encodings[form].name)
	}
	header.Set("Content-Type", a.contentType)
	header.Set("Content-Length", strconv.Itoa(len(a.body[form])))
	write(w, r, http.StatusOK, a.body[form])
}
