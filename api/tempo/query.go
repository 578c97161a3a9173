package tempo

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/traceql"
)

// passedHints are hints of Tempo's that mean nothing here: nothing is sampled, and what
// is most recent comes first in any case.
var passedHints = []string{"sample", "span_sample", "trace_sample", "most_recent", "extrapolate"}

// parse reads a query as Tempo does, whose hints are let pass.
func parse(text string) (*traceql.Query, error) {
	if strings.TrimSpace(text) == "" {
		text = "{ }"
	}
	q, err := traceql.Parse(text)
	if err != nil {
		return nil, invalid(err)
	}
	own := *q
	own.Hints = slices.DeleteFunc(slices.Clone(q.Hints), func(h traceql.Hint) bool { return slices.Contains(passedHints, h.Name) })
	return &own, nil
}

func invalid(err error) error {
	return clew.Errorf(clew.KindOf(err), "invalid TraceQL query: %w", err)
}

// compile makes a plan of a query.
func compile(q *traceql.Query) (*exec.Plan, error) {
	plan, err := exec.Compile(q)
	if err != nil {
		return nil, invalid(err)
	}
	return plan, nil
}

// text writes a string as TraceQL does.
func text(s string) string { return traceql.Static{Type: traceql.TypeString, Str: s}.String() }

// ofTags turns a search by tags, of before there was TraceQL, into a query: each tag is
// on some span of the trace, and its value holds the wanted one, whatever the case.
func ofTags(tags, least, most string) (string, error) {
	pairs, err := api.Logfmt(tags)
	if err != nil {
		return "", clew.Errorf(clew.Invalid, "invalid tags: %v", err)
	}
	var parts []string
	for i, p := range pairs {
		if p.Bare {
			return "", clew.Errorf(clew.Invalid, "invalid tags: %q: want key=value pairs in logfmt, such as service.name=cart http.url=\"a b\"", api.ShortText(p.Key))
		}
		if slices.ContainsFunc(pairs[:i], func(q api.Pair) bool { return q.Key == p.Key }) {
			return "", clew.Errorf(clew.Invalid, "invalid tags: tag %s has been set twice", api.ShortText(p.Key))
		}
		part, err := tagTest(p.Key, p.Value)
		if err != nil {
			return "", err
		}
		parts = append(parts, "{ "+part+" }")
	}
	for _, bound := range [][3]string{{"minDuration", least, ">="}, {"maxDuration", most, "<="}} {
		if bound[1] == "" {
			continue
		}
		d, err := time.ParseDuration(bound[1])
		if err != nil || d < 0 {
			return "", clew.Errorf(clew.Invalid, "invalid %s: %q: want a duration such as 100ms or 2s", bound[0], api.ShortText(bound[1]))
		}
		parts = append(parts, fmt.Sprintf("{ trace:duration %s %dns }", bound[2], d.Nanoseconds()))
	}
	if len(parts) == 0 {
		return "{ }", nil
	}
	return strings.Join(parts, " && "), nil
}

// tagTest is the test of one tag.
func tagTest(key, value string) (string, error) {
	like := " =~ " + text("(?is).*"+regexp.QuoteMeta(value)+".*")
	switch key {
	case "name", "rootName", "rootServiceName", "statusMessage":
		return key + like, nil
	case "root.name":
		return "rootName" + like, nil
	case "root.service.name":
		return "rootServiceName" + like, nil
	case "service.name":
		return "resource.service.name" + like, nil
	case "status", "status.code":
		if _, ok := clew.ParseStatus(value); !ok {
			return "", clew.Errorf(clew.Invalid, "invalid tags: %s=%q: want error, ok or unset", key, api.ShortText(value))
		}
		return "status = " + value, nil
	case "error":
		if value == "true" {
			return "status = error", nil
		}
	}
	field := (&traceql.Field{Name: key}).String()
	test := field + like
	if _, err := strconv.ParseFloat(value, 64); err == nil && regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`).MatchString(value) {
		test += " || " + field + " = " + value
	}
	if value == "true" || value == "false" {
		test += " || " + field + " = " + value
	}
	return test, nil
}
