package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"

	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
)

// greet prints where the server is and what to do next.
func greet(w io.Writer, r *config.Resolved, doors []*door, maxDisk int64) {
	fmt.Fprintf(w, "clew %s is ready. Spans are kept in %s for %s, at most %s.\n\n", programVersion(), r.Data,
		config.FormatDuration(r.Retention.D), console.Bytes(maxDisk))
	page := ""
	for _, d := range doors {
		at := d.url(r.TLSCert != "")
		if d.name == doorPage {
			page = at
		}
		if at == "" {
			at = fmt.Sprintf("off (--%s)", d.setting)
		}
		fmt.Fprintf(w, "  %-13s %s\n", doorTitle(d), at)
	}
	fmt.Fprintln(w)
	if r.Demo {
		fmt.Fprintf(w, "The demo shop sends %d spans a second: open %s\n", r.DemoRate.N, page)
	} else {
		demo := "clew demo"
		if page != "http://localhost:4300" {
			demo += " --server " + page
		}
		fmt.Fprintf(w, "Next: open %s, and point any OpenTelemetry SDK at these doors; most SDKs\nexpect them at ports 4317 and 4318. No spans at hand? In another terminal: %s\n", page, demo)
	}
	fmt.Fprint(w, "Ctrl-C stops the server.\n\n")
}

// url is where clients reach the door: a URL, or host:port for gRPC; "" where it
// is off.
func (d *door) url(tls bool) string {
	at := d.address()
	if at == "" {
		return ""
	}
	at = hostName(at)
	if d.protocol == "grpc" {
		return at
	}
	scheme := "http"
	if tls {
		scheme = "https"
	}
	at = scheme + "://" + at
	if d.name == doorOTLPHTTP {
		at += otlpdoor.TracesPath
	}
	return at
}

func doorTitle(d *door) string {
	switch d.name {
	case doorPage:
		return "page and API"
	case doorOTLPGRPC:
		return "OTLP gRPC"
	case doorOTLPHTTP:
		return "OTLP HTTP"
	}
	return d.name
}

// hostName writes the loopback address, and that of all interfaces, as
// localhost, which is what people type.
func hostName(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// writeAddresses writes the addresses of all open doors to path as JSON,
// {"page": ["127.0.0.1:4300", …], …}. The file appears whole or not at all, so
// that who waits for it may read it as soon as it is there.
func writeAddresses(path string, doors []*door) error {
	out := map[string][]string{}
	for _, d := range doors {
		if a := d.addresses(); len(a) > 0 {
			out[d.name] = a
		}
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	err = os.WriteFile(path+".new", append(text, '\n'), 0o644)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("--addresses-file: %s cannot be written: %w", path, bareFileError(err))
	}
	return nil
}

// bareFileError is err without the path that it is about, which is said before it.
func bareFileError(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
