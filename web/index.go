package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// baseTag is what the build writes into index.html; serveIndex puts the prefix
// into it.
const baseTag = `<base href="/" />`

// serveIndex answers index.html with the base that the reader's proxy asks for.
func (h *handler) serveIndex(w http.ResponseWriter, r *http.Request, status int) {
	header := w.Header()
	base := basePath(r.Header.Get("X-Forwarded-Prefix"))
	body := h.index
	if base != "/" {
		body = bytes.Replace(body, []byte(baseTag), []byte(`<base href="`+base+`" />`), 1)
	}
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:12]) + `"`
	header.Set("ETag", etag)
	header.Set("Vary", "X-Forwarded-Prefix")
	header.Set("Cache-Control", "no-cache")
	if status == http.StatusOK && etagMatches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", contentType(indexFile))
	header.Set("Content-Length", strconv.Itoa(len(body)))
	write(w, r, status, body)
}

// basePath makes the base of the page from X-Forwarded-Prefix: it begins and
// ends with a slash. The header comes from outside and goes into HTML, so what
// is not plainly a path is taken for no prefix. Two slashes in front would name
// another host.
func basePath(prefix string) string {
	prefix = strings.Trim(prefix, "/")
	if prefix == "" || len(prefix) > maxPrefixBytes || strings.Contains(prefix, "//") {
		return "/"
	}
	for i := 0; i < len(prefix); i++ {
		c := prefix[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '/', c == '-', c == '_', c == '.', c == '~':
		default:
			return "/"
		}
	}
	return "/" + prefix + "/"
}
