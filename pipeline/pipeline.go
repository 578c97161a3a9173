// Package pipeline changes requests on their way into the store, as a file says: names of
// services by rules, attributes of resources from tables, statements of OTTL, spans that
// are dropped, and last what must not be stored (package redact). What comes out is what
// the log and the segments have; what went in is nowhere.
package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/pipeline/redact"
)

// Counts are what pipelines did, over all that there were in a server. They are safe for
// concurrent use.
type Counts struct {
	Requests   atomic.Int64 // changed
	Dropped    atomic.Int64 // spans
	Renamed    atomic.Int64 // resources, by rules for names of services
	Added      atomic.Int64 // attributes, from tables
	Errors     atomic.Int64 // of statements and conditions
	Refused    atomic.Int64 // requests, for these
	Lookups    atomic.Int64 // tables read
	LookupErrs atomic.Int64 // and not
	Unknown    atomic.Int64 // fields that OTLP does not define
	Redacted   redact.Counts
}

// Pipeline is what one file says. It is safe for concurrent use.
type Pipeline struct {
	counts     *Counts
	log        *slog.Logger
	names      *names
	lookups    []*lookup
	statements *statements
	redactor   *redact.Redactor
	buffers    sync.Pool // of *[]byte
	end        context.CancelFunc
	refreshing sync.WaitGroup
}

// Done says what became of a request.
type Done struct {
	// Changed is false where the request is to be stored as it came.
	Changed bool
	// Dropped counts spans, Unknown fields that OTLP does not define and that are gone.
	Dropped, Unknown int
}

// Rewrite returns what a request is to be stored as: dst, which is empty, if it is not to
// be changed, else bytes in it or in memory that is larger. An error of kind Invalid says
// that body is no OTLP, or that a statement failed and the file says propagate.
func (p *Pipeline) Rewrite(ctx context.Context, dst, body []byte) (out []byte, done Done, err error) {
	now := body
	if p.statements != nil {
		if _, err := measure(body, partRequest, 0); err != nil {
			return dst, done, err
		}
	}
	if p.names != nil || len(p.lookups) > 0 {
		b := p.buffer()
		defer func() { p.keep(b) }()
		made, changed, err := p.resources((*b)[:0], now)
		if err != nil {
			return dst, done, err
		}
		*b = made
		if changed {
			now, done.Changed = made, true
		}
	}
	if p.statements != nil {
		made, changed, err := p.statements.run(ctx, now, &done)
		if err != nil {
			if clew.KindOf(err) == clew.Invalid {
				p.counts.Refused.Add(1)
			}
			return dst, done, err
		}
		if changed {
			now, done.Changed = made, true
		}
	}
	copied := false
	out = dst
	if p.redactor != nil {
		out, copied, done.Unknown, err = p.redactor.Append(dst, now)
		if errors.Is(err, redact.ErrRequest) {
			return dst, done, clew.Errorf(clew.Invalid, "%w", err)
		}
		done.Changed = done.Changed || copied
	}
	if done.Changed {
		p.counts.Requests.Add(1)
		p.counts.Dropped.Add(int64(done.Dropped))
		p.counts.Unknown.Add(int64(done.Unknown))
		if !copied {
			out = append(out, now...)
		}
	}
	return out, done, nil
}

// Room returns how many bytes Rewrite takes for a request, besides dst: its copy, and the
// objects that it becomes, of which there may be many in few bytes.
func (p *Pipeline) Room(body []byte) int64 {
	room := int64(0)
	if p.names != nil || len(p.lookups) > 0 {
		room += int64(len(body)) + attributesOfOne(body)*pairObject
	}
	if p.statements != nil {
		objects, _ := measure(body, partRequest, 0) // Rewrite says what is wrong
		room += max(objectRatio*int64(len(body)), objects)
	}
	return room
}

func (p *Pipeline) buffer() *[]byte {
	if b, ok := p.buffers.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

func (p *Pipeline) keep(b *[]byte) {
	if cap(*b) <= keptBuffer {
		p.buffers.Put(b)
	}
}

// Close ends the reading of tables. Requests may still be rewritten.
func (p *Pipeline) Close() {
	if p.end != nil {
		p.end()
	}
	p.refreshing.Wait()
}

// Describe says in one line what a pipeline does.
func (p *Pipeline) Describe() string {
	var parts []string
	if p.names != nil {
		parts = append(parts, count(len(p.names.exact)+len(p.names.rules), "rule")+" for names of services")
	}
	if n := len(p.lookups); n > 0 {
		parts = append(parts, count(n, "lookup"))
	}
	if p.statements != nil {
		parts = append(parts, count(p.statements.count, "statement")+", "+count(p.statements.conditions, "condition")+" to drop")
	}
	if p.redactor != nil {
		parts = append(parts, "redaction of "+p.redactor.Describe())
	}
	return strings.Join(parts, "; ")
}

// count says how many there are.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}
