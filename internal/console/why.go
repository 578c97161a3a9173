package console

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/clew-tracing/clew"
)

// maxReasons is how many errors of a trace are told why; more are noise.
const maxReasons = 10

// reasons writes below the waterfall what its errors say of themselves, in the order of
// the tree, each on a line of at most columns characters.
func (w *Waterfall) reasons(out io.Writer, columns int) {
	told := 0
	for _, row := range w.rows {
		if row.span < 0 || w.spans[row.span].Status != clew.StatusError {
			continue
		}
		reason := why(&w.spans[row.span])
		if reason == "" {
			continue
		}
		if told++; told > maxReasons {
			continue
		}
		if told == 1 {
			fmt.Fprintln(out)
		}
		fmt.Fprintln(out, Clip(w.text(row)+": "+Printable(reason), columns))
	}
	if told > maxReasons {
		fmt.Fprintf(out, "%s more say why; the page has them\n", Plural(told-maxReasons, "error"))
	}
}

// why returns what a span says of its error: its status, or else its exception, or else the
// kind of the error and the status of HTTP or gRPC.
func why(s *clew.Span) string {
	if s.StatusMessage != "" {
		return s.StatusMessage
	}
	for i := range s.Events {
		if e := &s.Events[i]; e.Name == "exception" {
			if text := joined(": ", value(e.Attrs, "exception.type"), value(e.Attrs, "exception.message")); text != "" {
				return text
			}
		}
	}
	http := cmp.Or(value(s.Attrs, "http.response.status_code"), value(s.Attrs, "http.status_code"))
	if http != "" {
		http = "HTTP " + http
	}
	grpc := cmp.Or(value(s.Attrs, "rpc.response.status_code"), value(s.Attrs, "rpc.grpc.status_code"))
	if grpc != "" {
		grpc = "gRPC status " + grpc
	}
	kind := value(s.Attrs, "error.type")
	if strings.HasSuffix(http, " "+kind) || strings.HasSuffix(grpc, " "+kind) {
		kind = "" // it is that status
	}
	return joined(", ", kind, http, grpc)
}

// value returns the text of an attribute, "" if there is none.
func value(attrs []clew.Attr, key string) string {
	for i := range attrs {
		if attrs[i].Key == key {
			return attrs[i].Value.String()
		}
	}
	return ""
}

// joined joins the texts that are not empty.
func joined(by string, texts ...string) string {
	var some []string
	for _, t := range texts {
		if t != "" {
			some = append(some, t)
		}
	}
	return strings.Join(some, by)
}
