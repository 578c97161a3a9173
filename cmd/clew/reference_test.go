package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clew-tracing/clew/internal/config"
)

// cliReference returns docs/reference/cli.md: every command, its help and the
// flags it has besides the settings.
func cliReference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(`# Commands

This page is generated from the commands themselves; a test keeps it up to date.

Every flag that is a setting can come from a variable or a file as well; they are described in [config.md](config.md) and
only named here. Exit codes: 0 done, 1 tried and failed, 2 not tried because a flag, a setting or an argument is wrong,
3 done except for spans that were refused (import), lost (verify --repair) or cannot be read (search, metrics, services), or
traces break (proxy-check).
`)
	for _, c := range root.Commands() {
		describe(&b, c)
	}
	return b.String()
}

func describe(b *strings.Builder, c *cobra.Command) {
	if !c.IsAvailableCommand() || c.Name() == "help" {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(b, "```\n%s\n```\n\n%s\n", c.UseLine(), strings.TrimSpace(text))
	if c.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", unindent(c.Example))
	}
	var settings []string
	var flags strings.Builder
	c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if _, ok := config.Lookup(f.Name); ok {
			settings = append(settings, "`--"+f.Name+"`")
			return
		}
		if f.Name == "help" || f.Hidden {
			return
		}
		fmt.Fprintf(&flags, "- `--%s` %s: %s", f.Name, f.Value.Type(), f.Usage)
		if f.DefValue != "" && f.DefValue != "false" {
			fmt.Fprintf(&flags, " (default `%s`)", f.DefValue)
		}
		flags.WriteString("\n")
	})
	if flags.Len() > 0 {
		b.WriteString("\n" + flags.String())
	}
	if len(settings) > 0 {
		fmt.Fprintf(b, "\nSettings: %s\n", strings.Join(settings, ", "))
	}
	for _, sub := range c.Commands() {
		describe(b, sub)
	}
}

func unindent(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}
