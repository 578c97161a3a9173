package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/usage"
	"github.com/clew-tracing/clew/traceql/spelling"
)

// tagsAnswer is what the API's tags give, or the values of one.
type tagsAnswer struct {
	Tags     []json.RawMessage `json:"tags"`
	Values   []json.RawMessage `json:"values"`
	Complete bool              `json:"complete"` // of values
	Range    *struct {
		Min string `json:"min"`
		Max string `json:"max"`
	} `json:"range"`
	Coverage *struct {
		Complete bool   `json:"complete"`
		Reason   string `json:"reason"`
	} `json:"coverage"`
	Explain json.RawMessage `json:"explain"`
}

// oneTag is an attribute, or a value of one.
type oneTag struct {
	Scope string   `json:"scope"`
	Name  string   `json:"name"`
	Query string   `json:"query"`
	Types []string `json:"types"`
	Type  string   `json:"type"`
	Value string   `json:"value"`
	Spans int64    `json:"spans"`
}

// newTags builds `clew tags`.
func newTags(t *terminal) *cobra.Command {
	var s search
	var since string
	c := &cobra.Command{
		Use:   "tags [NAME]",
		Short: "List the attributes that spans have, or the values of one",
		Long: `List the attributes of spans, their resources, scopes, events and links, as queries
write them, with their types and how many spans have each; or, of the one that is
named, its values, the most frequent first. With --query only the spans that it
selects count.`,
		Example: `  clew tags
  clew tags --since 7d --query '{ status = error }'
  clew tags span.http.route
  clew tags name --query '{ resource.service.name = "cart" }'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			if s.client, err = newClient(r); err != nil {
				return err
			}
			if s.start != "" && !c.Flags().Changed("since") {
				since = ""
			}
			if err := s.window(since, time.Now()); err != nil {
				return err
			}
			if s.limit < 1 {
				return usage.Errorf("--limit %d: want 1 or more values", s.limit)
			}
			s.t = t
			return s.tags(c.Context(), strings.Join(args, ""))
		},
	}
	addSettings(c, config.Client)
	f := c.Flags()
	f.StringVar(&s.query, "query", "", "only of the spans that this TraceQL selects")
	f.IntVar(&s.limit, "limit", 100, "how many values to print, up to 1000")
	f.StringVar(&since, "since", "1h", "of spans that started within this long before now")
	f.StringVar(&s.start, "start", "", "of spans that started at this moment (RFC 3339) or later")
	f.StringVar(&s.end, "end", "", "of spans that started before this moment (RFC 3339)")
	f.BoolVar(&s.json, "json", false, "print the API's JSON, one attribute or value a line")
	f.BoolVar(&s.explain, "explain", false, "say what was done, too: the plan, what was left out, and how long each stage took")
	return c
}

// tags lists attributes; where one is named, its values.
func (s *search) tags(ctx context.Context, name string) error {
	q, path := url.Values{}, "/api/v1/tags?"
	for key, v := range map[string]string{"start": s.start, "end": s.end, "q": s.query} {
		if v != "" {
			q.Set(key, v)
		}
	}
	if s.explain {
		q.Set("explain", "true")
	}
	if name == "" {
		q.Set("counts", "true")
	} else {
		path = "/api/v1/tags/" + url.PathEscape(name) + "/values?"
		q.Set("limit", strconv.Itoa(s.limit))
	}
	var answer tagsAnswer
	if err := s.ask(ctx, "GET", path+q.Encode(), nil, &answer); err != nil {
		return queryError(s.query, err)
	}
	list, none := answer.Tags, "no span starts in that time, or none is selected"
	if name != "" {
		list, none = answer.Values, "no span of that time has "+name
		if s.query != "" {
			none = "no span that is selected has " + name
		}
	}
	printed := 0
	for _, raw := range list {
		if err := s.printTag(raw, &printed); err != nil {
			return err
		}
	}
	switch r, cov := answer.Range, answer.Coverage; {
	case r != nil && !s.json:
		fmt.Fprintf(s.t.err, "%s is %s to %s, of which these are round values\n", name, r.Min, r.Max)
	case cov != nil && !cov.Complete:
		fmt.Fprintf(s.t.err, "clew: not all spans are counted: %s\n", console.Printable(cov.Reason))
	case printed == 0:
		fmt.Fprintln(s.t.err, console.Printable(none+s.meant(ctx, name)))
	case name != "" && !answer.Complete:
		fmt.Fprintln(s.t.err, "there are more values, or not all spans were looked at; --limit and --query choose")
	}
	return s.printExplanation(answer.Explain)
}

// meant says what a name that no span has may have been meant to be; nothing where that is
// not known: it is help, and the answer stands without it.
func (s *search) meant(ctx context.Context, name string) string {
	if name == "" {
		return ""
	}
	q := url.Values{}
	for key, v := range map[string]string{"start": s.start, "end": s.end} {
		if v != "" {
			q.Set(key, v)
		}
	}
	var there tagsAnswer // of all spans, selected or not
	if s.ask(ctx, "GET", "/api/v1/tags?"+q.Encode(), nil, &there) != nil {
		return ""
	}
	bare := strings.TrimPrefix(name, ".")
	scoped := false
	for _, scope := range []string{"span.", "resource.", "event.", "link.", "instrumentation.", "scope."} {
		scoped = scoped || strings.HasPrefix(bare, scope)
	}
	names, written := []string(nil), make(map[string]string) // as they are compared, and in queries
	for _, raw := range there.Tags {
		var tag oneTag
		if json.Unmarshal(raw, &tag) != nil {
			continue
		}
		of := tag.Query
		if !scoped {
			of = tag.Name
		}
		if of == bare { // others have it
			return ""
		}
		if written[of] == "" {
			names, written[of] = append(names, of), tag.Query
		}
	}
	near := spelling.Nearest(bare, names, nearNames)
	if len(near) == 0 {
		return ""
	}
	for i, of := range near {
		near[i] = written[of]
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// printTag prints an attribute, or a value; a heading before the first.
func (s *search) printTag(raw json.RawMessage, printed *int) error {
	var tag oneTag
	if err := json.Unmarshal(raw, &tag); err != nil {
		return fmt.Errorf("the answer of %s is not what was expected: %w", s.client.Base, err)
	}
	if tag.Scope == "intrinsic" { // every span has it
		return nil
	}
	what, heading, types := tag.Query, "ATTRIBUTE", strings.Join(tag.Types, ",")
	if tag.Scope == "" {
		what, heading, types = tag.Value, "VALUE", tag.Type
	}
	*printed++
	if s.json {
		_, err := fmt.Fprintf(s.t.out, "%s\n", raw)
		return err
	}
	spans := "-" // not counted
	if tag.Spans > 0 {
		spans = strconv.FormatInt(tag.Spans, 10)
	}
	if *printed == 1 {
		fmt.Fprintf(s.t.out, "%10s  %-12s  %s\n", "SPANS", "TYPE", heading)
	}
	_, err := fmt.Fprintf(s.t.out, "%10s  %-12s  %s\n", spans, types, console.Printable(what))
	return err
}
