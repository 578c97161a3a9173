package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/client"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/proxycheck"
	"github.com/clew-tracing/clew/internal/usage"
	"github.com/clew-tracing/clew/propagation"
)

// proxyCheck are the flags of `clew proxy-check`.
type proxyCheck struct {
	method, wait, settle, timeout, want string
	headers                             []string
	insecure, json                      bool
}

// newProxyCheck builds `clew proxy-check`.
func newProxyCheck(t *terminal) *cobra.Command {
	var p proxyCheck
	c := &cobra.Command{
		Use:   "proxy-check URL",
		Short: "Find out which trace headers a service and its hops keep",
		Long: `Send a service one request for each spelling of trace headers (W3C, B3 single and
multi, Jaeger, Datadog, X-Ray), each with a trace id of its own, and one with all
of them at once. Then ask the server which traces came, and from which services:
the first answer to why traces are broken.

The services have to report to the server that is asked. The exit code is 0 if at
least one spelling (or each that --want names) is kept by every service, else 3, and
1 if no request had an answer.`,
		Example: `  clew proxy-check http://localhost:8080/checkout
  clew proxy-check --want tracecontext,b3 -H 'Authorization: Bearer x' https://shop.example/`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			cl, err := newClient(r)
			if err != nil {
				return err
			}
			cfg, want, err := p.config(args[0])
			if err != nil {
				return err
			}
			return p.run(c.Context(), t, cl, cfg, want)
		},
	}
	addSettings(c, config.Client)
	f := c.Flags()
	f.StringVar(&p.method, "method", "GET", "the method of the requests")
	f.StringArrayVarP(&p.headers, "header", "H", nil, "a header of each request, such as 'Cookie: a=b'; may be repeated")
	f.StringVar(&p.wait, "wait", "20s", "how long spans may take to come")
	f.StringVar(&p.settle, "settle", "6s", "how long nothing new has to come until that is all; SDKs send every 5s")
	f.StringVar(&p.timeout, "timeout", "10s", "how long an answer of the service may take")
	f.StringVar(&p.want, "want", "", "spellings that every service has to keep: tracecontext, b3, b3multi, jaeger, datadog, xray")
	f.BoolVar(&p.insecure, "insecure", false, "take any certificate of the service")
	f.BoolVar(&p.json, "json", false, "print the report as JSON")
	return c
}

// config is what the flags say.
func (p *proxyCheck) config(address string) (proxycheck.Config, propagation.Set, error) {
	cfg := proxycheck.Config{URL: address, Method: strings.ToUpper(p.method), Header: http.Header{}}
	at, err := url.Parse(address)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return cfg, 0, usage.Errorf("%q is no address of a service: want one such as http://localhost:8080/checkout", address)
	}
	for _, h := range p.headers {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return cfg, 0, usage.Errorf("--header %q: want a name, a colon and a value", h)
		}
		if f, ours := propagation.FormatOf(name); ours {
			return cfg, 0, usage.Errorf("--header %q: it is one of those that are tried (%s); leave it out", h, f)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		cfg.Header[name] = append(cfg.Header[name], strings.TrimSpace(value))
	}
	var timeout time.Duration
	for _, d := range []struct {
		flag, text string
		to         *time.Duration
	}{{"wait", p.wait, &cfg.Wait}, {"settle", p.settle, &cfg.Settle}, {"timeout", p.timeout, &timeout}} {
		if *d.to, err = config.ParseDuration(d.text); err != nil {
			return cfg, 0, usage.Errorf("--%s %q: %w", d.flag, d.text, err)
		}
	}
	var want propagation.Set
	if p.want != "" {
		if want, err = propagation.ParseSet(p.want); err != nil {
			return cfg, 0, usage.Errorf("--want: %w", err)
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if p.insecure {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	}
	cfg.Client = &http.Client{Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return cfg, want, nil
}

// run checks, and prints what came out.
func (p *proxyCheck) run(ctx context.Context, t *terminal, cl *client.Client, cfg proxycheck.Config, want propagation.Set) error {
	defer cfg.Client.CloseIdleConnections()
	if err := cl.Ask(ctx, "GET", "/api/v1/health", nil, &struct{}{}); err != nil {
		return err // before anything is sent to the service
	}
	cfg.Find = func(ctx context.Context, id clew.TraceID) ([]clew.Span, error) {
		spans, err := fetchTrace(ctx, cl, id)
		var answered *client.Error
		if errors.As(err, &answered) && answered.Status == http.StatusNotFound {
			return nil, clew.Errorf(clew.NotFound, "%w", err)
		}
		return spans, err
	}
	cfg.Roots = func(ctx context.Context, since time.Time, but map[clew.TraceID]bool) ([]string, error) {
		return rootServices(ctx, cl, since, but)
	}
	var waiting *console.Waiting
	if t.errTTY {
		waiting = console.NewWaiting(t.err, "waiting for spans")
		defer waiting.Stop()
	}
	report, err := proxycheck.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if waiting != nil {
		waiting.Stop()
	}
	if p.json {
		e := json.NewEncoder(t.out)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		err = report.Print(t.out, console.Printable)
	}
	if err != nil {
		return err
	}
	return verdict(report, want)
}

// verdict is the error of a report, if it is one.
func verdict(report *proxycheck.Report, want propagation.Set) error {
	if !report.Answered() {
		return fmt.Errorf("%s did not answer", report.URL)
	}
	any, lost := false, []string(nil)
	for _, f := range proxycheck.Kinds {
		kept := report.Kept(f.String())
		any = any || kept
		if want.Has(f) && !kept {
			lost = append(lost, f.String())
		}
	}
	switch {
	case len(lost) > 0:
		return fmt.Errorf("not kept by every service: %s%w", strings.Join(lost, ", "), usage.Quietly(errPartly))
	case !any:
		return fmt.Errorf("no spelling is kept by every service%w", usage.Quietly(errPartly))
	}
	return nil
}

// rootServices returns in which services traces began since a moment.
func rootServices(ctx context.Context, cl *client.Client, since time.Time, but map[clew.TraceID]bool) ([]string, error) {
	var answer struct {
		Traces []struct {
			TraceID     string `json:"traceId"`
			RootService string `json:"rootService"`
		} `json:"traces"`
	}
	request := searchRequest{Q: "{ }", Start: since.UTC().Format(time.RFC3339Nano), Limit: 100}
	if err := cl.Ask(ctx, "POST", "/api/v1/search", request, &answer); err != nil {
		return nil, err
	}
	var out []string
	for _, tr := range answer.Traces {
		if id, err := clew.ParseTraceID(tr.TraceID); err == nil && !but[id] && tr.RootService != "" {
			out = append(out, tr.RootService)
		}
	}
	return out, nil
}
