package tempo

import (
	_ "embed"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/judge/hit"
)

//go:embed streaming.protoset
var protocol []byte

// Streaming returns the API as Grafana asks it over gRPC. The same is asked as by HTTP,
// and the same answered: a message is turned into the parameters of a URL, which are read
// by what reads those.
func (a *API) Streaming() *api.GRPC {
	methods := map[string]func(*api.RPC) error{
		"Search":              streamSearch,
		"SearchTags":          streamTags,
		"SearchTagsV2":        streamTagsV2,
		"SearchTagValues":     streamValues,
		"SearchTagValuesV2":   streamValuesV2,
		"MetricsQueryRange":   streamRange,
		"MetricsQueryInstant": streamInstant,
	}
	return api.NewGRPC(*a.asks(), a.cfg.NotReady, api.MustProtocol(protocol), api.Service{Name: "tempopb.StreamingQuerier", Methods: methods, Code: codeOf})
}

// codeOf is api.CodeOf, but where a question is wrong in whatever way.
func codeOf(k clew.ErrorKind) codes.Code {
	if k == clew.TooLarge || k == clew.Unsupported {
		return codes.InvalidArgument
	}
	return api.CodeOf(k)
}

// asked makes the parameters of a URL of a message.
type asked struct {
	url.Values
	m api.Message
}

func ask(c *api.RPC) asked { return asked{url.Values{}, c.Request} }

// text, number and moments set a parameter to what a field has, unless that is empty.
func (a asked) text(name string, field protoreflect.Name) {
	if s := a.m.Text(field); s != "" {
		a.Set(name, s)
	}
}

func (a asked) number(name string, field protoreflect.Name, unit string) {
	if n := a.m.Number(field); n != 0 {
		a.Set(name, strconv.FormatUint(n, 10)+unit)
	}
}

func (a asked) seconds() asked {
	a.number("start", "start", "")
	a.number("end", "end", "")
	return a
}

// nanos sets start and end to times in nanoseconds, in a form in which so few of them
// that they could be seconds are told apart.
func (a asked) nanos() asked {
	for _, name := range []protoreflect.Name{"start", "end"} {
		switch n := a.m.Number(name); {
		case n == 0:
		case n < 1e10:
			a.Set(string(name), time.Unix(0, int64(n)).UTC().Format(time.RFC3339Nano))
		default:
			a.Set(string(name), strconv.FormatUint(n, 10))
		}
	}
	return a
}

func (a asked) search() url.Values {
	a.text("q", "Query")
	tags := a.m.Texts("Tags")
	pairs := make([]string, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		pairs = append(pairs, key+"="+strconv.Quote(tags[key]))
	}
	if len(pairs) > 0 {
		a.Set("tags", strings.Join(pairs, " "))
	}
	a.number("minDuration", "MinDurationMs", "ms")
	a.number("maxDuration", "MaxDurationMs", "ms")
	a.number("limit", "Limit", "")
	a.number("spss", "SpansPerSpanSet", "")
	return a.seconds().Values
}

func (a asked) tags() url.Values {
	a.text("scope", "scope")
	a.text("q", "query")
	a.number("limit", "maxTagsPerScope", "")
	return a.seconds().Values
}

func (a asked) values() url.Values {
	a.text("q", "query")
	a.number("limit", "maxTagValues", "")
	return a.seconds().Values
}

func (a asked) metric() url.Values {
	a.text("q", "query")
	return a.nanos().Values
}

// streamSearch answers a search: while it runs, with what it took so far and with the
// traces that are found, each once, a page at a time; at last with all of them. Where all
// would be more than a client takes as one message, the last one has the traces alone that
// none had before, so that memory is bounded.
func streamSearch(c *api.RPC) error {
	f, err := newFinding(&c.Question, ask(c).search())
	if err != nil {
		return err
	}
	w := watch(c, func(m metrics) []byte { return api.AppendMessage(nil, 2, m.append(nil)) })
	defer w.stop()
	if !f.ordered && f.Limit > firstPage {
		f.Limit = firstPage // soon there
	}
	if f.first, err = exec.Search(c.Ctx, c.Store, f.Request); err != nil {
		return err
	}
	s := searchStream{watched: w}
	for hits, err := range f.pages {
		if err == nil && s.news != nil {
			err = s.send(f, s.news)
		}
		for i := 0; i < len(hits) && err == nil; i++ {
			err = s.add(f, &hits[i])
		}
		if err != nil {
			return err
		}
	}
	if f.partial != "" {
		c.SayPartial(f.partial)
	}
	w.stop()
	last := s.all
	if s.long {
		last = s.news
	}
	return c.Send(api.AppendMessage(last, 2, f.metrics.append(nil)))
}

// searchStream is the answer of a search on its way.
type searchStream struct {
	*watched
	all, news []byte // traces as fields of a SearchResponse: all, and those not sent yet
	long      bool   // all are more than one message takes
}

// add adds a trace; what has become too long is sent.
func (s *searchStream) add(f *finding, h *hit.Trace) error {
	x := foundOf(h)
	one := api.AppendMessage(nil, 1, x.append(nil))
	if len(s.news) > 0 && len(s.news)+len(one) > api.MaxMessage {
		if err := s.send(f, s.news); err != nil {
			return err
		}
	}
	if s.long = s.long || len(s.all)+len(one) > api.MaxMessage; s.long {
		s.all = nil
	} else {
		s.all = append(s.all, one...)
	}
	s.news = append(s.news, one...)
	return nil
}

// send sends traces, which become the message's.
func (s *searchStream) send(f *finding, traces []byte) error {
	s.news = nil
	m := f.metrics
	m.stopped() // more is to come
	return s.watched.send(api.AppendMessage(traces, 2, m.append(nil)))
}

func streamTags(c *api.RPC) error {
	names, cost, err := tagNames(&c.Question, ask(c).tags())
	return sendList(c, names, &cost, err, appendNames)
}

func streamTagsV2(c *api.RPC) error {
	scopes, cost, err := tagScopes(&c.Question, ask(c).tags())
	return sendList(c, scopes, &cost, err, appendScopes)
}

func streamValues(c *api.RPC) error {
	values, cost, err := valuesAsked(c)
	return sendList(c, textsOf(values), &cost, err, appendNames)
}

func streamValuesV2(c *api.RPC) error {
	values, cost, err := valuesAsked(c)
	return sendList(c, values, &cost, err, appendValues)
}

func valuesAsked(c *api.RPC) ([]tagValue, exec.Cost, error) {
	l, err := newListing(c.Question, c.Request.Text("tagName"), ask(c).values())
	if err != nil {
		return nil, exec.Cost{}, err
	}
	if l.name == "" {
		return nil, exec.Cost{}, clew.Errorf(clew.Invalid, "tagName is empty: want the name of a tag, such as resource.service.name")
	}
	return l.values()
}

// sendList answers with a list; one that is more than a client takes as a message comes in
// several.
func sendList[T any](c *api.RPC, list []T, cost *exec.Cost, err error, write func([]byte, []T, *exec.Cost) []byte) error {
	if err != nil {
		return err
	}
	c.Partial(*cost)
	body := write(nil, list, cost)
	if n := len(list); len(body) > api.MaxMessage && n > 1 {
		if err := sendList(c, list[:n/2], cost, nil, write); err != nil {
			return err
		}
		return sendList(c, list[n/2:], cost, nil, write)
	}
	return c.Send(body)
}

func streamRange(c *api.RPC) error {
	a := ask(c)
	a.number("step", "step", "ns")
	a.number("exemplars", "exemplars", "")
	w := watch(c, func(m metrics) []byte { return (&rangeAnswer{Metrics: m}).append(nil) })
	defer w.stop()
	out, cost, err := overRange(&c.Question, a.metric())
	if err != nil {
		return err
	}
	w.stop()
	c.Partial(cost)
	return sendSeries(c, out.Series, func(part []timeSeries) []byte {
		own := *out
		own.Series = part
		return own.append(nil)
	})
}

func streamInstant(c *api.RPC) error {
	w := watch(c, func(m metrics) []byte { return (&instantAnswer{Metrics: m}).append(nil) })
	defer w.stop()
	out, cost, err := atOnce(&c.Question, ask(c).metric())
	if err != nil {
		return err
	}
	w.stop()
	c.Partial(cost)
	return sendSeries(c, out.Series, func(part []instantSeries) []byte {
		own := *out
		own.Series = part
		return own.append(nil)
	})
}

// sendSeries sends series, in as many messages as it takes.
func sendSeries[T any](c *api.RPC, list []T, write func([]T) []byte) error {
	body := write(list)
	if n := len(list); len(body) > api.MaxMessage && n > 1 {
		if err := sendSeries(c, list[:n/2], write); err != nil {
			return err
		}
		return sendSeries(c, list[n/2:], write)
	}
	return c.Send(body)
}
