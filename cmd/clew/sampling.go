package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew/internal/client"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/usage"
)

// samplingRule is a rule in X-Ray's API, with what clew adds.
type samplingRule struct {
	RuleName      string
	ResourceARN   string
	Priority      int
	FixedRate     float64
	ReservoirSize int
	ServiceName   string
	ServiceType   string
	Host          string
	HTTPMethod    string
	URLPath       string
	Attributes    map[string]string
	Budget        *struct{ TracesPerSecond, UnseenRate float64 }
	// SamplingRateBoost is how far rates are raised where there are anomalies.
	SamplingRateBoost *struct {
		MaxRate               float64
		CooldownWindowMinutes int
	}
}

// samplingRecord is a rule and what is known of its traffic.
type samplingRecord struct {
	SamplingRule samplingRule
	Observed     struct {
		Clients           int
		RequestsPerSecond float64
		Operations        []struct {
			Service, Name string
			Rate          float64
		}
	}
}

// sampler runs the commands of sampling.
type sampler struct {
	t      *terminal
	client *client.Client
	json   bool
}

// newSampling builds `clew sampling`.
func newSampling(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "sampling",
		Short: "See and change the rules by which tracers decide which traces they begin",
		Long: `See and change the rules by which tracers decide which traces they begin, and how
many requests they have. A request is of the first rule that matches, by priority
and then by name; the last is Default, which matches everything.`,
		Args: func(c *cobra.Command, given []string) error {
			if len(given) == 0 {
				return nil
			}
			return noCommand(c, given[0])
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSamplingList(t), newSamplingShow(t), newSamplingCreate(t), newSamplingUpdate(t), newSamplingDelete(t), newSamplingStats(t))
	for _, sub := range c.Commands() {
		sub.Args = usageArgs(sub.Args)
	}
	return c
}

// samplingCommand builds one that asks a server.
func samplingCommand(t *terminal, c *cobra.Command, run func(s *sampler, c *cobra.Command, args []string) error) *cobra.Command {
	s := &sampler{t: t}
	c.RunE = func(c *cobra.Command, args []string) error {
		r, err := resolve(c, t)
		if err != nil {
			return err
		}
		if s.client, err = newClient(r); err != nil {
			return err
		}
		return run(s, c, args)
	}
	addSettings(c, config.Client)
	c.Flags().BoolVar(&s.json, "json", false, "print the API's JSON, one rule a line")
	return c
}

func newSamplingList(t *terminal) *cobra.Command {
	return samplingCommand(t, &cobra.Command{
		Use:   "list",
		Short: "List the rules, in the order of matching",
		Args:  cobra.NoArgs,
	}, func(s *sampler, c *cobra.Command, _ []string) error {
		list, err := s.rules(c.Context())
		if err != nil {
			return err
		}
		if !s.json {
			fmt.Fprintf(s.t.out, "%8s  %-20s  %-26s  %s\n", "PRIORITY", "RULE", "LETS THROUGH", "OF")
		}
		for _, raw := range list {
			if err := s.printRule(raw, false); err != nil {
				return err
			}
		}
		return nil
	})
}

func newSamplingShow(t *terminal) *cobra.Command {
	return samplingCommand(t, &cobra.Command{
		Use:   "show RULE",
		Short: "Print a rule, and what is known of its traffic",
		Args:  cobra.ExactArgs(1),
	}, func(s *sampler, c *cobra.Command, args []string) error {
		list, err := s.rules(c.Context())
		if err != nil {
			return err
		}
		var names []string
		for _, raw := range list {
			var r samplingRecord
			if err := json.Unmarshal(raw, &r); err != nil {
				return s.unexpected(err)
			}
			if r.SamplingRule.RuleName == args[0] {
				return s.printRule(raw, true)
			}
			names = append(names, r.SamplingRule.RuleName)
		}
		if near := config.Nearest(args[0], names); near != "" {
			return usage.Errorf("there is no sampling rule %q; did you mean %s?", args[0], near)
		}
		return usage.Errorf("there is no sampling rule %q; clew sampling list names them", args[0])
	})
}

// ruleFlags are what a rule is made of, by the members of X-Ray's API.
var ruleFlags = []struct{ flag, member, help string }{
	{"service", "ServiceName", "of services whose name matches; * is any number of characters, ? is one"},
	{"type", "ServiceType", "of services of this type, such as AWS::ECS::Container"},
	{"host", "Host", "of requests to this host"},
	{"method", "HTTPMethod", "of requests by this method"},
	{"path", "URLPath", "of requests for this path"},
	{"arn", "ResourceARN", "of services on this resource"},
}

// addRuleFlags gives a command flags for what a rule is; changed returns those that were given, as
// members of the API.
func addRuleFlags(c *cobra.Command) (changed func() (map[string]any, error)) {
	f := c.Flags()
	for _, x := range ruleFlags {
		f.String(x.flag, "*", x.help)
	}
	priority := f.Int("priority", 1000, "1 to 9999; the lowest counts first")
	rate := f.Float64("rate", 0.05, "how many of the rest are let through, 0 to 1; with a budget, of what is not seen yet")
	reservoir := f.Int("reservoir", 1, "how many traces per second are let through before, of all clients together")
	budget := f.Float64("budget", 0, "how many traces per second are let through in all, of each operation where clients tell them apart; 0 is none")
	attributes := f.StringToString("attribute", nil, "of requests with this attribute, KEY=VALUE; up to 5")
	boost := f.Float64("boost", 0, "up to which rate it is raised for a minute when clients tell of anomalies")
	cooldown := f.Int("boost-minutes", 10, "within how many minutes a rate is raised once")
	return func() (map[string]any, error) {
		out := map[string]any{}
		for _, x := range ruleFlags {
			if f.Changed(x.flag) {
				out[x.member], _ = f.GetString(x.flag) // it is one
			}
		}
		for flag, set := range map[string]func(){
			"priority":  func() { out["Priority"] = *priority },
			"rate":      func() { out["FixedRate"] = *rate },
			"reservoir": func() { out["ReservoirSize"] = *reservoir },
			"budget":    func() { out["Budget"] = map[string]any{"TracesPerSecond": *budget} },
			"attribute": func() { out["Attributes"] = *attributes },
			"boost": func() {
				out["SamplingRateBoost"] = map[string]any{"MaxRate": *boost, "CooldownWindowMinutes": *cooldown}
			},
		} {
			if f.Changed(flag) {
				set()
			}
		}
		if f.Changed("budget") && f.Changed("reservoir") && *budget != 0 {
			return nil, usage.Errorf("--reservoir says nothing beside --budget: give one of them")
		}
		if f.Changed("boost-minutes") && !f.Changed("boost") {
			return nil, usage.Errorf("--boost-minutes needs --boost, the rate")
		}
		return out, nil
	}
}

func newSamplingCreate(t *terminal) *cobra.Command {
	var changed func() (map[string]any, error)
	c := samplingCommand(t, &cobra.Command{
		Use:   "create RULE",
		Short: "Make a rule",
		Example: `  clew sampling create checkout --service checkout --reservoir 10 --rate 0.05
  clew sampling create all --priority 9000 --budget 5`,
		Args: cobra.ExactArgs(1),
	}, func(s *sampler, c *cobra.Command, args []string) error {
		rule, err := changed()
		if err != nil {
			return err
		}
		for _, x := range ruleFlags {
			if _, given := rule[x.member]; !given {
				rule[x.member] = "*"
			}
		}
		for member, flag := range map[string]string{"Priority": "priority", "FixedRate": "rate", "ReservoirSize": "reservoir"} {
			if _, given := rule[member]; !given {
				rule[member] = json.Number(c.Flags().Lookup(flag).DefValue)
			}
		}
		rule["RuleName"], rule["Version"] = args[0], 1
		return s.change(c.Context(), "/xray/CreateSamplingRule", map[string]any{"SamplingRule": rule})
	})
	changed = addRuleFlags(c)
	return c
}

func newSamplingUpdate(t *terminal) *cobra.Command {
	var changed func() (map[string]any, error)
	c := samplingCommand(t, &cobra.Command{
		Use:   "update RULE",
		Short: "Change what is given of a rule",
		Example: `  clew sampling update checkout --rate 0.1
  clew sampling update Default --budget 2`,
		Args: cobra.ExactArgs(1),
	}, func(s *sampler, c *cobra.Command, args []string) error {
		rule, err := changed()
		if err != nil {
			return err
		}
		if len(rule) == 0 {
			return usage.Errorf("nothing is to be changed: give a flag, such as --rate 0.1")
		}
		rule["RuleName"] = args[0]
		return s.change(c.Context(), "/xray/UpdateSamplingRule", map[string]any{"SamplingRuleUpdate": rule})
	})
	changed = addRuleFlags(c)
	return c
}

func newSamplingDelete(t *terminal) *cobra.Command {
	return samplingCommand(t, &cobra.Command{
		Use:   "delete RULE",
		Short: "Delete a rule",
		Args:  cobra.ExactArgs(1),
	}, func(s *sampler, c *cobra.Command, args []string) error {
		return s.change(c.Context(), "/xray/DeleteSamplingRule", map[string]any{"RuleName": args[0]})
	})
}

// change changes a rule and prints what it is, or was.
func (s *sampler) change(ctx context.Context, path string, request any) error {
	var answer struct{ SamplingRuleRecord json.RawMessage }
	if err := s.ask(ctx, path, request, &answer); err != nil {
		return err
	}
	return s.printRule(answer.SamplingRuleRecord, true)
}

// ask asks for an operation. What the server finds wrong with the request is the caller's.
func (s *sampler) ask(ctx context.Context, path string, request, answer any) error {
	err := s.client.Ask(ctx, http.MethodPost, path, request, answer)
	if e := (*client.Error)(nil); errors.As(err, &e) && e.Status == http.StatusBadRequest {
		return usage.Errorf("%w", err)
	}
	return err
}

func (s *sampler) unexpected(err error) error {
	return fmt.Errorf("the answer of %s is not what was expected: %w", s.client.Base, err)
}

// rules returns all rules, in the order of matching.
func (s *sampler) rules(ctx context.Context) ([]json.RawMessage, error) {
	var out []json.RawMessage
	err := s.pages(ctx, "/xray/GetSamplingRules", func(page *samplingPage) (more bool) {
		out = append(out, page.SamplingRuleRecords...)
		return true
	})
	return out, err
}

// samplingPage is a page of rules, or of statistics.
type samplingPage struct {
	SamplingRuleRecords        []json.RawMessage
	SamplingStatisticSummaries []samplingWindow
	NextToken                  string
}

// pages asks for page after page, while f wants more.
func (s *sampler) pages(ctx context.Context, path string, f func(*samplingPage) (more bool)) error {
	for token := ""; ; {
		var page samplingPage
		if err := s.ask(ctx, path, map[string]string{"NextToken": token}, &page); err != nil {
			return err
		}
		if token = page.NextToken; !f(&page) || token == "" {
			return nil
		}
	}
}

// printRule prints a rule: in a line, or whole.
func (s *sampler) printRule(raw json.RawMessage, whole bool) error {
	if s.json {
		_, err := fmt.Fprintf(s.t.out, "%s\n", raw)
		return err
	}
	var r samplingRecord
	if err := json.Unmarshal(raw, &r); err != nil {
		return s.unexpected(err)
	}
	x := &r.SamplingRule
	if !whole {
		_, err := fmt.Fprintf(s.t.out, "%8d  %-20s  %-26s  %s\n", x.Priority, x.RuleName, x.through(), console.Printable(x.of()))
		return err
	}
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s %s\n", what, console.Printable(fmt.Sprintf(format, args...)))
	}
	line("rule", "%s", x.RuleName)
	line("priority", "%d", x.Priority)
	line("of", "%s", x.of())
	line("lets through", "%s", x.through())
	if x.Budget != nil {
		line("now", "%d per second, then %s", x.ReservoirSize, percent(x.FixedRate))
		line("not seen yet", "%s", percent(x.Budget.UnseenRate))
	}
	if o := x.SamplingRateBoost; o != nil {
		line("anomalies", "up to %s for a minute, once in %s", percent(o.MaxRate), console.Plural(o.CooldownWindowMinutes, "minute"))
	}
	if o := &r.Observed; o.Clients > 0 {
		line("clients", "%d, with %.3g requests per second", o.Clients, o.RequestsPerSecond)
	}
	for _, o := range r.Observed.Operations {
		line("operation", "%s: %s at %s", o.Service, o.Name, percent(o.Rate))
	}
	_, err := fmt.Fprint(s.t.out, b.String())
	return err
}

// percent is a rate as people read it.
func percent(rate float64) string { return strconv.FormatFloat(100*rate, 'g', 3, 64) + " %" }

// through says how many traces the rule lets through.
func (x *samplingRule) through() string {
	if x.Budget != nil {
		return strconv.FormatFloat(x.Budget.TracesPerSecond, 'g', -1, 64) + " per second"
	}
	return strconv.Itoa(x.ReservoirSize) + " per second, then " + percent(x.FixedRate)
}

// of says which requests are the rule's.
func (x *samplingRule) of() string {
	var out []string
	for i, pattern := range []string{x.ServiceName, x.ServiceType, x.Host, x.HTTPMethod, x.URLPath, x.ResourceARN} {
		if pattern != "*" {
			out = append(out, ruleFlags[i].flag+" "+pattern)
		}
	}
	for _, k := range sortedKeys(x.Attributes) {
		out = append(out, k+"="+x.Attributes[k])
	}
	if len(out) == 0 {
		return "everything"
	}
	return strings.Join(out, ", ")
}
