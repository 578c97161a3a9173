package jaeger

import (
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/skew"
	"github.com/clew-tracing/clew/storage"
)

//go:embed query.protoset
var protocol []byte

// NewGRPC returns the API as it is asked over gRPC, of both versions. notReady says why
// the server is not ready, "" if it is.
func NewGRPC(cfg api.Config, notReady func() string) *api.GRPC {
	return api.NewGRPC(cfg, notReady, api.MustProtocol(protocol),
		api.Service{Name: "jaeger.api_v2.QueryService", Methods: map[string]func(*api.RPC) error{
			"GetTrace":        getTraceV2,
			"ArchiveTrace":    archive,
			"FindTraces":      findTracesV2,
			"GetServices":     getServices,
			"GetOperations":   getOperationsV2,
			"GetDependencies": getDependencies,
		}},
		api.Service{Name: "jaeger.api_v3.QueryService", Methods: map[string]func(*api.RPC) error{
			"GetTrace":        getTraceV3,
			"FindTraces":      findTracesV3,
			"GetServices":     getServices,
			"GetOperations":   getOperationsV3,
			"GetDependencies": getDependencies,

			"FindTraceSummaries": findTraceSummaries,
			"FindSpans":          findSpans,
		}})
}

func archive(*api.RPC) error {
	return clew.Errorf(clew.Unsupported, "there is no archive: every trace is kept as long as the others, see --retention")
}

// sendList sends a list that the protocol has in one message. One that clients would not
// take is an error that says what to ask instead.
func sendList(c *api.RPC, body []byte, what, instead string) error {
	if len(body) > listBytes {
		return clew.Errorf(clew.TooLarge, "the %s take %d bytes, and clients of gRPC take %d in one message, as this protocol has them: %s", what, len(body), listBytes, instead)
	}
	return c.Send(body)
}

func getServices(c *api.RPC) error {
	names, cost, err := serviceNames(&c.Question)
	if err != nil {
		return err
	}
	c.Partial(cost)
	var body []byte
	for _, name := range names {
		body = api.AppendMessage(body, 1, []byte(name))
	}
	return sendList(c, body, "names of services", "ask over HTTP for /jaeger/api/services, which has no such bound")
}

// operationsAsked returns the operations that a message of either version asks for, as
// messages of either.
func operationsAsked(c *api.RPC) (list []operation, messages [][]byte, err error) {
	service := c.Request.Text("service")
	if service == "" {
		return nil, nil, clew.Errorf(clew.Invalid, "service is empty: want the name of one")
	}
	list, cost, err := operationsOf(&c.Question, service, c.Request.Text("span_kind"))
	if err != nil {
		return nil, nil, err
	}
	c.Partial(cost)
	for _, op := range list {
		messages = append(messages, api.AppendText(api.AppendText(nil, 1, op.Name), 2, op.SpanKind))
	}
	return list, messages, nil
}

func sendOperations(c *api.RPC, body []byte) error {
	return sendList(c, body, "operations", "ask for those of one span_kind, or over HTTP for /jaeger/api/operations, which has no such bound")
}

func getOperationsV2(c *api.RPC) error {
	list, messages, err := operationsAsked(c)
	if err != nil {
		return err
	}
	var names []string
	for _, op := range list {
		names = append(names, op.Name)
	}
	var body []byte
	for _, name := range slices.Compact(names) {
		body = api.AppendMessage(body, 1, []byte(name))
	}
	for _, m := range messages {
		body = api.AppendMessage(body, 2, m)
	}
	return sendOperations(c, body)
}

func getOperationsV3(c *api.RPC) error {
	_, messages, err := operationsAsked(c)
	if err != nil {
		return err
	}
	var body []byte
	for _, m := range messages {
		body = api.AppendMessage(body, 1, m)
	}
	return sendOperations(c, body)
}

func getDependencies(c *api.RPC) error {
	start, err := c.Request.Moment("start_time")
	if err != nil {
		return err
	}
	end, err := c.Request.Moment("end_time")
	if err != nil {
		return err
	}
	if end == 0 {
		end = clew.FromTime(time.Now())
	}
	if start == 0 {
		start = end - min(end, clew.UnixNanos(defaultDependencies))
	}
	if start > end {
		return clew.Errorf(clew.Invalid, "end_time is before start_time")
	}
	list, cost, err := dependenciesIn(&c.Question, clew.Window{Start: start, End: end + 1})
	if err != nil {
		return err
	}
	c.Partial(cost)
	var body []byte
	for _, d := range list {
		body = api.AppendMessage(body, 1, api.AppendNumber(api.AppendText(api.AppendText(nil, 1, d.Parent), 2, d.Child), 3, d.CallCount))
	}
	return sendList(c, body, "dependencies", "ask for less time between start_time and end_time")
}

// moments checks those of a request for a trace, which is answered whole whatever they are.
func moments(m api.Message) error {
	_, err := m.Moment("start_time")
	if err == nil {
		_, err = m.Moment("end_time")
	}
	return err
}

func getTraceV2(c *api.RPC) error {
	var id clew.TraceID
	switch b := c.Request.Bytes("trace_id"); len(b) {
	case 16, 8:
		copy(id[16-len(b):], b)
	default:
		return clew.Errorf(clew.Invalid, "trace_id has %d bytes: want 16, or 8 of a short one", len(b))
	}
	if id.IsZero() {
		return clew.Errorf(clew.Invalid, "trace_id is all zero, which names no trace")
	}
	return getTrace(c, id, sendV2)
}

func getTraceV3(c *api.RPC) error {
	id, err := clew.ParseTraceID(c.Request.Text("trace_id"))
	if err != nil {
		return fmt.Errorf("trace_id: %w", err)
	}
	return getTrace(c, id, sendV3)
}

// sender sends a trace.
type sender func(c *api.RPC, t *storage.Trace) error

func getTrace(c *api.RPC, id clew.TraceID, send sender) error {
	if err := moments(c.Request); err != nil {
		return err
	}
	t, err := traceOf(&c.Question, id)
	if err != nil {
		return err
	}
	defer t.Free()
	return send(c, &t)
}

func findTracesV2(c *api.RPC) error { return findTraces(c, "tags", sendV2) }
func findTracesV3(c *api.RPC) error { return findTraces(c, "attributes", sendV3) }

// findTraces sends the traces that a search finds. One that has gone since is left out; one
// that cannot be read ends the answer with an error.
func findTraces(c *api.RPC, tags string, send sender) error {
	s, err := searchIn(c.Request, tags)
	if err != nil {
		return err
	}
	found, cost, err := s.find(&c.Question)
	if err != nil {
		return err
	}
	c.Partial(cost)
	for _, id := range found {
		t, err := c.Unshared(id)
		if clew.KindOf(err) == clew.NotFound {
			continue
		}
		if err != nil {
			return fmt.Errorf("trace %s, after which there may be others: %w", id, err)
		}
		err = send(c, &t)
		t.Free()
		if err != nil {
			return err
		}
	}
	return nil
}

// searchIn reads a search, whose tags are called differently in the two versions.
func searchIn(request api.Message, tags string) (*search, error) {
	q, ok := request.Sub("query")
	if !ok {
		return nil, clew.Errorf(clew.Invalid, "there is no query: want one, empty for any trace")
	}
	if n := q.Strange(); n != 0 {
		return nil, clew.Errorf(clew.Invalid, "field %d of query is not known here, and without what it asks there would be more traces than asked for", n)
	}
	s := &search{service: q.Text("service_name"), operation: q.Text("operation_name")}
	switch tags {
	case "tags":
		s.tags = q.Texts("tags")
	default:
		s.tags = q.Texts("attributes")
	}
	depth := q.Int("search_depth")
	if depth < 0 || depth > maxTraces {
		return nil, clew.Errorf(clew.Invalid, "search_depth %d: want 1 to %d, or 0 for %d", depth, maxTraces, defaultTraces)
	}
	s.limit = int(depth)
	var err error
	if s.start, err = q.Moment("start_time_min"); err != nil {
		return nil, err
	}
	if s.end, err = q.Moment("start_time_max"); err != nil {
		return nil, err
	}
	if s.least, err = q.Duration("duration_min"); err != nil {
		return nil, err
	}
	if s.most, err = q.Duration("duration_max"); err != nil {
		return nil, err
	}
	return s, s.check(time.Now())
}

// sendV3 sends a trace as OTLP.
func sendV3(c *api.RPC, t *storage.Trace) error {
	if t.Damaged != nil {
		c.SayPartial(damageText(t))
	}
	for body := range api.Messages(span.NewRows(t.Batch), api.InOrder(t)) {
		if err := c.Send(body); err != nil {
			return err
		}
	}
	return nil
}

// sendV2 sends a trace in Jaeger's model, in chunks of chunkBytes.
func sendV2(c *api.RPC, t *storage.Trace) error {
	rows := span.NewRows(t.Batch)
	clocks := skew.Measure(t.Batch)
	processes := make(map[uint32][]byte)
	var chunk []byte
	for i, row := range api.InOrder(t) {
		s := spanOf(rows, int(row))
		s.warnOfClock(clocks, int(row))
		if i == 0 && t.Damaged != nil {
			s.Warnings = append(s.Warnings, damageText(t))
			c.SayPartial(damageText(t))
		}
		r := t.Resource[row]
		if processes[r] == nil {
			p := processOf(t.Resources[r])
			processes[r] = p.append(nil)
		}
		chunk = api.AppendMessage(chunk, 1, s.append(nil, processes[r]))
		if len(chunk) >= chunkBytes {
			if err := c.Send(chunk); err != nil {
				return err
			}
			chunk = nil
		}
	}
	if len(chunk) == 0 {
		return nil
	}
	return c.Send(chunk)
}
