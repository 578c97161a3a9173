package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clew-tracing/clew/cmd/clew/serve"
	"github.com/clew-tracing/clew/internal/bench"
	"github.com/clew-tracing/clew/internal/client"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/upkeep"
	"github.com/clew-tracing/clew/internal/usage"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/vfs"
)

// execute runs one command line to its end.
func execute(ctx context.Context, t *terminal, args []string) error {
	root := newRoot(t)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// newRoot builds the tree of commands. A command of its own file is one line
// here.
func newRoot(t *terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "clew",
		Short: "End-to-end request tracing in one binary",
		Long: `clew takes in OpenTelemetry spans, keeps them and finds them again.

  clew serve          start the server: page and API on http://localhost:4300,
                      OTLP on 4317 (gRPC) and 4318 (HTTP)
  clew serve --demo   the same, with a small shop that sends traces`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Version:           programVersion(),
		Args: func(c *cobra.Command, given []string) error {
			if len(given) == 0 {
				return nil
			}
			return noCommand(c, given[0])
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetVersionTemplate(versionLine())
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().String("config", "", "YAML file with settings (CLEW_CONFIG)")
	root.AddCommand(
		newServe(t),
		newDemo(t),
		newSearch(t),
		newTrace(t),
		newTail(t),
		newSeries(t),
		newTags(t),
		newServices(t),
		newSampling(t),
		newProxyCheck(t),
		newPipeline(t),
		newImport(t),
		upkeep.NewVerify(upkeepHost(t)),
		upkeep.NewBackup(upkeepHost(t)),
		upkeep.NewRestore(upkeepHost(t)),
		bench.NewCommand(t.environ, usage.Errorf),
		newConfig(t),
		newCompletion(t),
		newVersion(t),
	)
	root.SetHelpCommand(newHelp())
	for _, c := range root.Commands() {
		if c.Args != nil {
			c.Args = usageArgs(c.Args)
		}
	}
	return root
}

// upkeepHost is what the commands for a store's folder know of this program.
func upkeepHost(t *terminal) *upkeep.Host {
	return &upkeep.Host{
		Settings: addNamedSettings,
		Data: func(c *cobra.Command) (string, error) {
			r, err := resolve(c, t)
			if err != nil {
				return "", err
			}
			return string(r.Data), nil
		},
		Server: func(c *cobra.Command) (upkeep.Asker, string, error) {
			r, err := resolve(c, t)
			if err != nil {
				return nil, "", err
			}
			cl, err := newClient(r)
			if err != nil {
				return nil, "", err
			}
			return func(ctx context.Context, method, path string) (*http.Response, error) {
				return cl.Send(ctx, method, cl.Base.String()+path, nil, nil)
			}, cl.Base.Hostname(), nil
		},
		Open: func(dir string) (upkeep.OpenStore, error) {
			db, err := spandb.Open(vfs.OS(), dir, spandb.Config{})
			return serve.HeldStore{DB: db}, serve.DamagedStore(dir, err)
		},
		TTY: t.errTTY,
	}
}

// given is a flag of the settings table: it checks its text and keeps it, so
// that config.Resolve can weigh it against the other sources.
type given struct {
	config.Value
	text string
}

// Set checks one occurrence of the flag. Lists given twice are joined.
func (g *given) Set(text string) error {
	if g.text != "" {
		switch g.Value.(type) {
		case *config.List, *config.Origins, *config.Tokens:
			text = g.text + "," + text
		}
	}
	if err := g.Value.Set(text); err != nil {
		return err
	}
	g.text = text
	return nil
}

// addSettings gives c a flag for every setting of the scopes.
func addSettings(c *cobra.Command, scopes config.Scope) {
	for _, s := range config.Settings() {
		if s.Scope&scopes != 0 {
			addSetting(c, s)
		}
	}
}

// addNamedSettings gives c a flag for each of the named settings.
func addNamedSettings(c *cobra.Command, names ...string) {
	for _, name := range names {
		if s, ok := config.Lookup(name); ok {
			addSetting(c, s)
		}
	}
}

func addSetting(c *cobra.Command, s config.Setting) {
	f := c.Flags().VarPF(&given{Value: s.Scratch()}, s.Name, "", strings.TrimSuffix(s.Help, "."))
	if s.Type() == "bool" {
		f.NoOptDefVal = "true"
	}
}

// resolve takes the settings for a command that has parsed its flags.
func resolve(c *cobra.Command, t *terminal) (*config.Resolved, error) {
	flags := map[string]config.Given{}
	c.Flags().Visit(func(f *pflag.Flag) {
		if g, ok := f.Value.(*given); ok {
			flags[f.Name] = config.Given{Text: g.text, Where: "--" + f.Name}
		}
	})
	if path, err := c.Flags().GetString("config"); err == nil && path != "" {
		flags["config"] = config.Given{Text: path, Where: "--config"}
	}
	r, err := config.Resolve(config.Sources{Flags: flags, Env: t.environ})
	if err != nil {
		return nil, usage.Errorf("%w", err)
	}
	return r, nil
}

// newClient returns a client of the server that the settings name.
func newClient(r *config.Resolved) (*client.Client, error) {
	c, err := client.New(string(r.Server), string(r.Tenant), string(r.Token), "clew/"+programVersion())
	if err != nil {
		return nil, usage.Errorf("server: %w", err)
	}
	return c, nil
}

// newConfig builds `clew config`.
func newConfig(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Print every setting, what it is and where it comes from",
		Long: `Print every setting, what it is and where it comes from, as a configuration
file. Flags, CLEW_* variables and --config count as they do for the other
commands; secrets are left out.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(t.out, r.List())
			return err
		},
	}
	addSettings(c, config.Server|config.Client|config.Sender)
	return c
}
