package main

import (
	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew/cmd/clew/serve"
	"github.com/clew-tracing/clew/internal/config"
)

// newServe builds `clew serve`.
func newServe(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Start the server: doors, store, API and page",
		Long: `Start the server: OTLP doors, store, API and page in one process. It listens on
this machine only, unless told otherwise, and keeps its store in ./data.

SIGHUP reads file and variables again. SIGTERM or Ctrl-C ends it: what comes is
told to come again, what was accepted is committed, and the exit code is 0.`,
		Example: `  clew serve --data ./data
  clew serve --demo
  clew serve --listen-all --retention 30d --max-disk 200GB`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			return serve.Run(c.Context(), serve.Config{
				Settings: r, Read: func() (*config.Resolved, error) { return resolve(c, t) },
				Out: t.out, Err: t.err, Version: programVersion(),
			})
		},
	}
	addSettings(c, config.Server)
	return c
}
