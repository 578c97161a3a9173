package proxycheck

import (
	"cmp"
	"maps"
	"slices"

	"github.com/clew-tracing/clew"
)

// unnamed is how a service without a name is called.
const unnamed = "(no service.name)"

func serviceOf(s *clew.Span) string { return cmp.Or(s.Service(), unnamed) }

// callers are the services that call each service, in any of the traces: parents of its
// spans that are of another service. "" is the request itself.
func callers(lists ...[]Result) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, list := range lists {
		for i := range list {
			byID := map[clew.SpanID][]string{list[i].span: {""}}
			for k := range list[i].spans {
				s := &list[i].spans[k]
				byID[s.SpanID] = append(byID[s.SpanID], serviceOf(s))
			}
			for k := range list[i].spans {
				s := &list[i].spans[k]
				name := serviceOf(s)
				if out[name] == nil {
					out[name] = map[string]bool{}
				}
				for _, from := range byID[s.ParentID] {
					if from != name {
						out[name][from] = true
					}
				}
			}
		}
	}
	return out
}

// services returns all services of the traces, callers before those they call.
func services(lists ...[]Result) []string {
	from := callers(lists...)
	depth := map[string]int{}
	var deep func(name string, seen map[string]bool) int
	deep = func(name string, seen map[string]bool) int {
		if d, ok := depth[name]; ok || name == "" || seen[name] {
			return d
		}
		seen[name] = true
		d := 0
		for caller := range from[name] {
			d = max(d, 1+deep(caller, seen))
		}
		delete(seen, name)
		depth[name] = d
		return d
	}
	out := make([]string, 0, len(from))
	for name := range from {
		deep(name, map[string]bool{})
		out = append(out, name)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(depth[a], depth[b]), cmp.Compare(a, b)) })
	return out
}

// has returns the services that have spans in a trace.
func (r *Result) has() map[string]bool {
	out := map[string]bool{}
	for i := range r.spans {
		out[serviceOf(&r.spans[i])] = true
	}
	return out
}

// missing returns the services that have no span in a trace.
func missing(r *Result, all []string) []string {
	has := r.has()
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return has[name] })
}

// judge fills what is said of each spelling.
func (r *Report) judge(together []Result) {
	from := callers(r.Results, together)
	for i := range r.Results {
		r.Results[i].judge(r.Services, from)
	}
	for i := range together {
		t := &together[i]
		if has := t.has(); len(has) > 0 {
			r.Believed = append(r.Believed, Belief{t.Kind, in(r.Services, has)})
		}
	}
}

// in returns those of all that are in a set, in the order of all.
func in(all []string, set map[string]bool) []string {
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !set[name] })
}

func (x *Result) judge(all []string, from map[string]map[string]bool) {
	has := x.has()
	x.Services = in(all, has)
	for _, name := range missing(x, all) {
		for _, caller := range slices.Sorted(maps.Keys(from[name])) {
			if caller == "" || has[caller] {
				x.Losses = append(x.Losses, Loss{After: caller, Before: name})
			}
		}
	}
	joined := slices.ContainsFunc(x.spans, func(s clew.Span) bool { return s.ParentID == x.span })
	switch {
	case x.Error != "":
		x.Verdict = Failed
	case len(has) == 0:
		x.Verdict = Unseen
	case len(has) < len(all):
		x.Verdict = Lost
	case !joined:
		x.Verdict = Orphaned
	default:
		x.Verdict = Kept
	}
	x.Advice = advice(x)
}

// advice says what most likely mends it.
func advice(x *Result) string {
	switch x.Verdict {
	case Failed:
		return ""
	case Kept:
		if x.Short {
			return "the upper half of the trace id is lost on the way: let the tracers use 128-bit ids"
		}
		return ""
	case Orphaned:
		return "something between starts a span that it does not report, or sends the trace id alone: see whether a proxy writes these headers itself"
	}
	return how[x.Kind]
}

// how says, by spelling, what makes a service read it and a proxy let it pass.
var how = map[string]string{
	"tracecontext": "OpenTelemetry SDKs read it unless OTEL_PROPAGATORS says otherwise; proxies have to let traceparent and tracestate pass",
	"b3":           "OpenTelemetry: OTEL_PROPAGATORS=tracecontext,baggage,b3; Brave reads it by itself; proxies have to let b3 pass",
	"b3multi":      "OpenTelemetry: OTEL_PROPAGATORS=tracecontext,baggage,b3multi; Envoy and Istio write it with the Zipkin tracer; proxies have to let x-b3-traceid, x-b3-spanid, x-b3-parentspanid, x-b3-sampled and x-b3-flags pass",
	"jaeger":       "OpenTelemetry: OTEL_PROPAGATORS=tracecontext,baggage,jaeger; proxies have to let uber-trace-id and uberctx-* pass",
	"datadog":      "Datadog's tracers: DD_TRACE_PROPAGATION_STYLE=datadog,tracecontext makes them read both; proxies have to let x-datadog-* pass",
	"xray":         "OpenTelemetry: OTEL_PROPAGATORS=tracecontext,baggage,xray (the contrib propagator); X-Ray SDKs read it by themselves; proxies have to let X-Amzn-Trace-Id pass",
}
