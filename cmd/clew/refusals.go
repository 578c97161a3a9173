package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/usage"
)

// errPartly marks an error of a command that did what it was told, but for some spans:
// those that were refused, or that could not be searched.
var errPartly = errors.New("partly")

// refusals are the spans that a door did not take, and why.
type refusals struct {
	spans int64
	// reasons are the first maxReasons different ones, in the order in which
	// they came; other is how many spans were refused for others.
	reasons []refusal
	other   int64
}

type refusal struct {
	reason string
	spans  int64
}

func (r *refusals) add(spans int64, reason string) {
	r.spans += spans
	for i := range r.reasons {
		if r.reasons[i].reason == reason {
			r.reasons[i].spans += spans
			return
		}
	}
	if len(r.reasons) == maxReasons {
		r.other += spans
		return
	}
	r.reasons = append(r.reasons, refusal{reason, spans})
}

// text is a line for each reason.
func (r *refusals) text() string {
	var b strings.Builder
	for _, one := range r.reasons {
		fmt.Fprintf(&b, "\n  %s: %s", console.Plural(int(one.spans), "span"), one.reason)
	}
	if r.other > 0 {
		fmt.Fprintf(&b, "\n  %s: for other reasons", console.Plural(int(r.other), "span"))
	}
	return b.String()
}

// err says how many of all spans were refused and why.
func (r *refusals) err(all int64) error {
	return fmt.Errorf("%d of %s refused, the others are in the store:%s%w", r.spans, console.Plural(int(all), "span"), r.text(), usage.Quietly(errPartly))
}

// print tells of the refusals beside another error.
func (r *refusals) print(w io.Writer) {
	if r.spans > 0 {
		fmt.Fprintf(w, "%s refused:%s\n", console.Plural(int(r.spans), "span"), r.text())
	}
}
