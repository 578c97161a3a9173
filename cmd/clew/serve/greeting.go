package serve

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
)

// greet prints where the server is and what to do next.
func (s *server) greet(w io.Writer) {
	r, doors := s.settings, s.doors
	fmt.Fprintf(w, "clew %s is ready. Spans are kept in %s for %s, at most %s.\n\n", s.version, r.Data,
		config.FormatDuration(r.Retention.D), console.Bytes(s.store.Stats().MaxBytes))
	page, widest := "", 0
	for _, d := range doors {
		widest = max(widest, len(d.ForPeople()))
	}
	for _, d := range doors {
		at := d.URL(r.TLSCert != "")
		if d.Name == DoorPage {
			page = at
		}
		switch {
		case errors.Is(d.Refusal, syscall.EADDRINUSE):
			at = fmt.Sprintf("taken by another program (--%s)", d.Setting)
		case d.Refusal != nil:
			at = fmt.Sprintf("closed: %v (--%s)", d.Refusal, d.Setting)
		case at == "":
			at = fmt.Sprintf("off (--%s)", d.Setting)
		}
		fmt.Fprintf(w, "  %-*s %s\n", widest, d.ForPeople(), at)
	}
	fmt.Fprintln(w)
	if r.Demo {
		fmt.Fprintf(w, "The demo shop sends %d spans a second: open %s\n", r.DemoRate.N, page)
	} else {
		demo := commandOf(os.Args[0]) + " demo"
		if page != "http://localhost:4300" {
			demo += " --server " + page
		}
		fmt.Fprintf(w, "Next: open %s, and point any OpenTelemetry SDK at these doors; most SDKs\nexpect them at ports 4317 and 4318. No spans at hand? In another terminal: %s\n", page, demo)
	}
	fmt.Fprint(w, "Ctrl-C stops the server.\n\n")
}

// commandOf is how a shell in the same folder starts the program again that was
// started as arg0: ./bin/clew, where PATH does not lead to it.
func commandOf(arg0 string) string {
	if strings.ContainsAny(arg0, " '\"\\$") || !strings.Contains(arg0, "/") {
		return "clew"
	}
	return arg0
}
