// Command clew takes in spans, keeps them and finds them again: end-to-end
// request tracing in one binary. `clew serve` is the server with its page,
// `clew search`, `trace` and `tail` ask it from a terminal; the rest is in
// docs/reference/cli.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/upkeep"
	"github.com/clew-tracing/clew/internal/usage"
)

// The exit codes, for scripts.
const (
	exitOK      = 0
	exitFailure = 1 // it was tried and failed
	exitUsage   = 2 // it was not tried: a flag, a setting or an argument is wrong
	exitPartly  = 3 // it was done, except for spans that were refused or lost
)

// terminal is the world around a command: where it prints and what it is told.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	// columns is the width of out where it is a terminal, else 0.
	columns int
	// errTTY says that err is a terminal, where a progress line may move.
	errTTY bool
	// colour says that out may be coloured.
	colour bool
}

// line is where a line may move, nil if nowhere.
func (t *terminal) line() io.Writer {
	if !t.errTTY {
		return nil
	}
	return t.err
}

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends it at once
	tty := systemTerminal()
	err := execute(ctx, tty, args)
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && clew.KindOf(err) == clew.Canceled:
		return exitOK // somebody pressed Ctrl-C and got what they wanted
	}
	fmt.Fprintf(tty.err, "clew: %v\n", err)
	switch {
	case errors.Is(err, usage.Err):
		return exitUsage
	case errors.Is(err, errPartly), errors.Is(err, upkeep.ErrLoss):
		return exitPartly
	}
	return exitFailure
}

// systemTerminal is the terminal of this process.
func systemTerminal() *terminal {
	t := &terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ()}
	if term.IsTerminal(int(os.Stdout.Fd())) {
		t.columns = defaultColumns
		if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 {
			t.columns = w
		}
		t.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	t.errTTY = term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb"
	return t
}
