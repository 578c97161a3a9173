package main

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/usage"
)

// noCommand says that there is no command of that name, and which may be meant.
func noCommand(root *cobra.Command, name string) error {
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := config.Nearest(name, names); near != "" {
		return usage.Errorf("there is no command %q; did you mean %s %s?", name, root.CommandPath(), near)
	}
	return usage.Errorf("there is no command %q; see %s --help", name, root.CommandPath())
}

// usageArgs words what args finds wrong: which argument is missing or too many,
// and how the command is meant. What args has worded itself stays.
func usageArgs(args cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error {
		err := args(c, given)
		if err == nil || errors.Is(err, usage.Err) {
			return err
		}
		takes := strings.Fields(c.Use)[1:]
		switch {
		case len(takes) == 0 && c.Flags().Lookup(given[0]) != nil:
			return usage.Errorf("%s takes no arguments, and %q is one; did you mean --%s?", c.CommandPath(), given[0], given[0])
		case len(takes) == 0 && c.Flags().Lookup("data") != nil && strings.ContainsAny(given[0], `/\.`):
			return usage.Errorf("%s takes no arguments, and %q is one; a folder goes into --data %s", c.CommandPath(), given[0], given[0])
		case len(takes) == 0:
			return usage.Errorf("%s takes no arguments, and %q is one; see %s --help", c.CommandPath(), given[0], c.CommandPath())
		case len(given) < len(takes):
			return usage.Errorf("%s needs %s; usage: %s", c.CommandPath(), takes[len(given)], c.UseLine())
		}
		return usage.Errorf("%s takes %s and no more; %q is too many; usage: %s", c.CommandPath(), strings.Join(takes, " "), given[len(takes)], c.UseLine())
	}
}

// flagError words what the flag parser found wrong, with what it wants or the flag
// that was probably meant.
func flagError(c *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		empty   *pflag.ValueRequiredError
		value   *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return unknownShorthand(c, unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		return unknownFlag(c, unknown.GetSpecifiedName())
	case errors.As(err, &empty):
		f := empty.GetFlag()
		if f.DefValue == "" || f.DefValue == "[]" {
			return usage.Errorf("--%s needs a value: %s", f.Name, f.Usage)
		}
		return usage.Errorf("--%s needs a value, such as --%s %s", f.Name, f.Name, f.DefValue)
	case errors.As(err, &value):
		return usage.Errorf("--%s: %q: %w", value.GetFlag().Name, value.GetValue(), wanted(value.GetFlag(), value.Unwrap()))
	case errors.As(err, &syntax):
		return usage.Errorf("%q is no flag; flags are written --name value or --name=value", syntax.GetSpecifiedFlag())
	}
	return usage.Errorf("%w", err)
}

// unknownFlag names the flag of c that is near, or the command whose flag it is.
func unknownFlag(c *cobra.Command, name string) error {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := config.Nearest(name, names); near != "" {
		return usage.Errorf("%s has no flag --%s; did you mean --%s?", c.CommandPath(), name, near)
	}
	for _, other := range c.Root().Commands() {
		if c == c.Root() && other.Name() != "config" && other.Flags().Lookup(name) != nil { // config has them all
			return usage.Errorf("--%s is no flag of clew itself: it comes after a command, as in clew %s --%s", name, other.Name(), name)
		}
	}
	return usage.Errorf("%s has no flag --%s; see %s --help", c.CommandPath(), name, c.CommandPath())
}

// unknownShorthand answers -l, which no command has, with the flags it may stand for.
func unknownShorthand(c *cobra.Command, letter string) error {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, letter) && !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	slices.Sort(names)
	meant := cmp.Or(strings.Join(names, " or "), "see "+c.CommandPath()+" --help")
	if len(names) > 0 {
		meant = "did you mean " + meant + "?"
	}
	return usage.Errorf("%s has no flag -%s; %s", c.CommandPath(), letter, meant)
}

// wanted says what a flag's value has to look like, in place of the words of the
// functions that read numbers.
func wanted(f *pflag.Flag, err error) error {
	if _, ours := f.Value.(*given); ours {
		return err
	}
	switch f.Value.Type() {
	case "bool":
		return errors.New("want true or false")
	case "int", "int64":
		return errors.New("want a whole number")
	case "uint64":
		return errors.New("want a whole number, 0 or more")
	case "float64":
		return errors.New("want a number")
	case "duration":
		return errors.New("want a duration such as 250ms or 30s")
	case "intSlice":
		return errors.New("want whole numbers with commas between them")
	}
	return err
}

// newHelp builds `clew help`.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Print the help of a command",
		Args:  usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				c.Root().InitDefaultHelpFlag()
				c.Root().InitDefaultVersionFlag()
				return c.Root().Help()
			}
			for _, other := range c.Root().Commands() {
				if other.Name() == args[0] {
					other.InitDefaultHelpFlag()
					return other.Help()
				}
			}
			return noCommand(c.Root(), args[0])
		},
	}
}

// newCompletion builds `clew completion`.
func newCompletion(t *terminal) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script by which a shell completes clew's commands and flags",
		Long: `Print a script by which a shell completes clew's commands and flags: for bash,
zsh, fish or powershell. The shell reads it at its start, or at once as below.`,
		Example: `  source <(clew completion bash)
  clew completion zsh > "${fpath[1]}/_clew"
  clew completion fish > ~/.config/fish/completions/clew.fish`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return c.Root().GenBashCompletionV2(t.out, true)
			case "zsh":
				return c.Root().GenZshCompletion(t.out)
			case "fish":
				return c.Root().GenFishCompletion(t.out, true)
			case "powershell":
				return c.Root().GenPowerShellCompletionWithDesc(t.out)
			}
			meant := ""
			if near := config.Nearest(args[0], shells); near != "" {
				meant = "; did you mean " + near + "?"
			}
			return usage.Errorf("there is no completion for %q: want bash, zsh, fish or powershell%s", args[0], meant)
		},
	}
}
