package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlresource"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlscope"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspanevent"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"
	noopmeter "go.opentelemetry.io/otel/metric/noop"
	nooptracer "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
	"github.com/clew-tracing/clew/pipeline/redact"
)

// What is done about a statement that fails, in OTTL's words.
const (
	modeIgnore    = "ignore"    // counted and told in the log; the next one runs
	modeSilent    = "silent"    // counted; the next one runs
	modePropagate = "propagate" // the request is refused
)

// script is what a file says in OTTL.
type script struct {
	mode             string
	statements, drop []line
}

// statements are those of OTTL, ready to run.
type statements struct {
	mode              string
	counts            *Counts
	log               *slog.Logger
	redactor          *redact.Redactor // nil: nothing is redacted
	steps             []step
	count, conditions int

	mu   sync.Mutex // guards told
	told map[string]time.Time
}

// step is what runs over all of a request before the next one does.
type step interface {
	run(ctx context.Context, s *statements, t ptrace.Traces, done *Done) error
	// join adds the statements of the next step, if they are for the same things.
	join(next step) bool
}

// statementStep runs statements on all that are of a kind.
type statementStep[K any] struct {
	statements []*ottl.Statement[K]
	each       func(t ptrace.Traces, do func(K) error) error
}

func (e *statementStep[K]) join(next step) bool {
	n, ok := next.(*statementStep[K])
	if ok {
		e.statements = append(e.statements, n.statements...)
	}
	return ok
}

func (e *statementStep[K]) run(ctx context.Context, s *statements, t ptrace.Traces, _ *Done) error {
	return e.each(t, func(k K) error {
		for _, one := range e.statements {
			if _, _, err := one.Execute(ctx, k); err != nil {
				if err = s.failed(one.String(), err); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// dropStep drops what meets a condition. drop removes those of which met is true, and
// returns how many spans that are.
type dropStep[K any] struct {
	condition *ottl.Condition[K]
	drop      func(t ptrace.Traces, met func(K) bool) int
}

func (*dropStep[K]) join(step) bool { return false }

func (d *dropStep[K]) run(ctx context.Context, s *statements, t ptrace.Traces, done *Done) (err error) {
	done.Dropped += d.drop(t, func(k K) bool {
		if err != nil {
			return false
		}
		met, failed := d.condition.Eval(ctx, k)
		if failed != nil {
			err = s.failed(d.condition.String(), failed)
			return false
		}
		return met
	})
	return err
}

// failed counts a statement that failed. It returns an error if its request is to be
// refused.
func (s *statements) failed(text string, err error) error {
	s.counts.Errors.Add(1)
	switch s.mode {
	case modePropagate:
		return clew.Errorf(clew.Invalid, "a statement of the pipeline failed: %s: %w", text, err)
	case modeSilent:
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.told[text]) >= warnEvery {
		s.told[text] = now
		why := err.Error() // which may have what it failed at
		if s.redactor != nil {
			why = s.redactor.Text("", why)
		}
		s.log.Warn("a statement of the pipeline failed; the spans are stored without it", "statement", text, "error", why)
	}
	return nil
}

// run runs all statements over a request. If changed is false, that is what they leave.
func (s *statements) run(ctx context.Context, body []byte, done *Done) (out []byte, changed bool, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = clew.Errorf(clew.Internal, "the pipeline met a fault, please report it: %s", fmt.Sprintf("%v\n%s", fault, debug.Stack()))
		}
	}()
	t, err := traces(body)
	if err != nil {
		return nil, false, err
	}
	for _, step := range s.steps {
		if err := step.run(ctx, s, t, done); err != nil {
			return nil, false, err
		}
	}
	out, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(t)
	if err != nil {
		return nil, false, clew.Errorf(clew.Internal, "the pipeline's result cannot be written: %w", err)
	}
	return out, !bytes.Equal(out, body), nil
}

// traces reads a request. An id of the wrong length is one that no object can have: it is
// taken for none, and the store refuses its span.
func traces(body []byte) (ptrace.Traces, error) {
	t, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
	if err == nil {
		return t, nil
	}
	mended, mendErr := withoutOddIDs(body)
	if mendErr == nil {
		if t, again := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(mended); again == nil {
			return t, nil
		}
	}
	return t, clew.Errorf(clew.Invalid, "the pipeline cannot read the request: %w", err)
}

// withoutOddIDs copies a request without ids of impossible lengths.
func withoutOddIDs(body []byte) ([]byte, error) {
	return copyFields(body, func(num protowire.Number, resourceSpans []byte) ([]byte, bool, error) {
		if num != wire.RequestResourceSpans {
			return nil, true, nil
		}
		out, err := copyFields(resourceSpans, func(num protowire.Number, scopeSpans []byte) ([]byte, bool, error) {
			if num != wire.ResourceSpansScope {
				return nil, true, nil
			}
			out, err := copyFields(scopeSpans, func(num protowire.Number, span []byte) ([]byte, bool, error) {
				if num != wire.ScopeSpansSpans {
					return nil, true, nil
				}
				out, err := copyFields(span, spanField)
				return out, false, err
			})
			return out, false, err
		})
		return out, false, err
	})
}

// spanField copies a field of a span, unless it is an odd id.
func spanField(num protowire.Number, data []byte) ([]byte, bool, error) {
	switch num {
	case wire.SpanTraceID:
		return nil, len(data) == 16, nil
	case wire.SpanSpanID, wire.SpanParentID:
		return nil, len(data) == 8, nil
	case wire.SpanLinks:
		out, err := copyFields(data, func(num protowire.Number, data []byte) ([]byte, bool, error) {
			return nil, (num != wire.LinkTraceID || len(data) == 16) && (num != wire.LinkSpanID || len(data) == 8), nil
		})
		return out, false, err
	}
	return nil, true, nil
}

// copyFields copies a message. do says of each field with a length whether it stays as it
// is, or else what it comes to; nothing is left out.
func copyFields(m []byte, do func(num protowire.Number, data []byte) (out []byte, same bool, err error)) (out []byte, err error) {
	err = eachField(m, func(num protowire.Number, data, raw []byte) error {
		if data != nil {
			made, same, err := do(num, data)
			if err != nil {
				return err
			}
			if !same {
				out = wire.AppendText(out, int(num), made)
				return nil
			}
		}
		out = append(out, raw...)
		return nil
	})
	return out, err
}

// compile makes statements of the lines of a file.
func (l *loader) compile(s script) (*statements, error) {
	out := &statements{mode: s.mode, counts: l.p.counts, log: l.p.log, redactor: l.p.redactor, told: map[string]time.Time{}, count: len(s.statements), conditions: len(s.drop)}
	parser, err := newParser()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, err)
	}
	for _, line := range s.statements {
		next, err := parser.ParseStatements(ottl.NewStatementsGetter([]string{line.text}))
		if err != nil {
			return nil, l.at(line.node, "statements: %w", err)
		}
		if n := len(out.steps); n == 0 || !out.steps[n-1].join(next) {
			out.steps = append(out.steps, next)
		}
	}
	for _, line := range s.drop {
		next, err := parser.ParseConditions(ottl.NewConditionsGetter([]string{line.text}))
		if err != nil {
			return nil, l.at(line.node, "drop: %w", err)
		}
		out.steps = append(out.steps, next)
	}
	return out, nil
}

// newParser returns a parser of the contexts that traces have, which it tells by the paths
// of a statement.
func newParser() (*ottl.ParserCollection[step], error) {
	settings := component.TelemetrySettings{Logger: zap.NewNop(), MeterProvider: noopmeter.NewMeterProvider(), TracerProvider: nooptracer.NewTracerProvider()}
	resources, err := ottlresource.NewParser(ottlfuncs.StandardFuncs[*ottlresource.TransformContext](), settings, ottlresource.EnablePathContextNames())
	if err != nil {
		return nil, err
	}
	scopes, err := ottlscope.NewParser(ottlfuncs.StandardFuncs[*ottlscope.TransformContext](), settings, ottlscope.EnablePathContextNames())
	if err != nil {
		return nil, err
	}
	ofSpans, isRoot := ottlfuncs.StandardFuncs[*ottlspan.TransformContext](), ottlfuncs.NewIsRootSpanFactory()
	ofSpans[isRoot.Name()] = isRoot
	spans, err := ottlspan.NewParser(ofSpans, settings, ottlspan.EnablePathContextNames())
	if err != nil {
		return nil, err
	}
	events, err := ottlspanevent.NewParser(ottlfuncs.StandardFuncs[*ottlspanevent.TransformContext](), settings, ottlspanevent.EnablePathContextNames())
	if err != nil {
		return nil, err
	}
	return ottl.NewParserCollection(settings,
		ottl.WithParserCollectionContext(ottlresource.ContextName, &resources, converters(eachResource, dropResources)...),
		ottl.WithParserCollectionContext(ottlscope.ContextName, &scopes, converters(eachScope, dropScopes)...),
		ottl.WithParserCollectionContext(ottlspan.ContextName, &spans, converters(eachSpan, dropSpans)...),
		ottl.WithParserCollectionContext(ottlspanevent.ContextName, &events, converters(eachEvent, dropEvents)...),
	)
}

// converters make steps of the statements and conditions of a context.
func converters[K any](each func(ptrace.Traces, func(K) error) error, drop func(ptrace.Traces, func(K) bool) int) []ottl.ParserCollectionContextOption[K, step] {
	return []ottl.ParserCollectionContextOption[K, step]{
		ottl.WithStatementConverter(func(_ *ottl.ParserCollection[step], _ ottl.StatementsGetter, parsed []*ottl.Statement[K]) (step, error) {
			return &statementStep[K]{parsed, each}, nil
		}),
		ottl.WithConditionConverter(func(_ *ottl.ParserCollection[step], _ ottl.ConditionsGetter, parsed []*ottl.Condition[K]) (step, error) {
			return &dropStep[K]{parsed[0], drop}, nil
		}),
	}
}
