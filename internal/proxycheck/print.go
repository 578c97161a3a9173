package proxycheck

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Print prints the report for people. clean makes what came from elsewhere fit for a
// terminal.
func (r *Report) Print(w io.Writer, clean func(string) string) error {
	var b strings.Builder
	list := func(names []string) string { return clean(strings.Join(names, ", ")) }
	fmt.Fprintf(&b, "%s\n", clean(r.URL))
	if r.Redirect != "" {
		fmt.Fprintf(&b, "it sends on to %s, which was not followed: check that address, too\n", clean(r.Redirect))
	}
	if r.Seen() {
		fmt.Fprintf(&b, "services seen: %s\n", list(r.Services))
	}
	fmt.Fprintln(&b)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for i := range r.Results {
		x := &r.Results[i]
		fmt.Fprintf(t, "%s\t%s\t%s\n", x.Kind, x.Verdict, clean(x.say(len(r.Services))))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	r.printRest(&b, list)
	_, err := io.WriteString(w, b.String())
	return err
}

// printRest prints what is about more than one spelling, and advice.
func (r *Report) printRest(b *strings.Builder, list func([]string) string) {
	switch {
	case len(r.Believed) == 1:
		fmt.Fprintf(b, "\nWith all headers at once, %s is believed.\n", r.Believed[0].Kind)
	case len(r.Believed) > 1:
		fmt.Fprint(b, "\nWith all headers at once, hops believe different ones, which breaks traces:\n")
		for _, x := range r.Believed {
			fmt.Fprintf(b, "  %s: %s\n", x.Kind, list(x.Services))
		}
	}
	for i := range r.Results {
		x := &r.Results[i]
		for _, format := range slices.Sorted(maps.Keys(x.Answer)) {
			if id := x.Answer[format]; id != x.Trace {
				fmt.Fprintf(b, "\nThe answer to %s names another trace, %s (%s): whoever wrote that began a trace of its own.\n", x.Kind, id, format)
			}
		}
	}
	if len(r.Others) > 0 {
		fmt.Fprintf(b, "\nOther traces began meanwhile in: %s. If nobody else asked them, they did not take the headers.\n", list(r.Others))
	}
	switch {
	case !r.Answered():
		return // nothing was asked
	case !r.Seen():
		fmt.Fprint(b, "\nNo span of any of these requests came. Either the service does not report to this server (see its exporter's\nendpoint and this server's page), or it takes its own decision to record nothing, or it knows none of these headers.\n")
		return
	}
	first := true
	for i := range r.Results {
		if x := &r.Results[i]; x.Advice != "" {
			if first {
				fmt.Fprint(b, "\nTo mend it, of those you use:\n")
				first = false
			}
			fmt.Fprintf(b, "  %s: %s\n", x.Kind, x.Advice)
		}
	}
}

// say says what became of a spelling.
func (x *Result) say(all int) string {
	switch x.Verdict {
	case Failed:
		return x.Error
	case Unseen:
		return fmt.Sprintf("answered %d, and no span has the trace id", x.Status)
	case Orphaned:
		return "the trace id came, but no span has the request as its parent"
	case Kept:
		return fmt.Sprintf("by all %d services", all)
	}
	var where []string
	for _, l := range x.Losses {
		if l.After == "" {
			where = append(where, "before "+l.Before)
		} else {
			where = append(where, "between "+l.After+" and "+l.Before)
		}
	}
	text := fmt.Sprintf("by %s (%d of %d services)", strings.Join(x.Services, ", "), len(x.Services), all)
	if len(where) > 0 {
		text += "; lost " + strings.Join(where, ", ")
	}
	return text
}
