// Package upkeep is what is done to a store's folder from outside: the commands
// that check it, mend it, copy it and bring a copy back, and what they do. A server
// that runs is asked for its part over HTTP; a folder that nobody uses is read
// directly, under its lock.
package upkeep

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew/internal/console"
)

// Host is what the program around the commands knows.
type Host struct {
	// Settings gives a command the flags of these settings.
	Settings func(c *cobra.Command, names ...string)
	// Data resolves a command's settings and returns the store's folder.
	Data func(c *cobra.Command) (dir string, err error)
	// Server resolves a command's settings and returns how to ask the server they
	// name, and its host.
	Server func(c *cobra.Command) (ask Asker, host string, err error)
	// Open opens the store in a folder.
	Open func(dir string) (OpenStore, error)
	// TTY says that standard error is a terminal, where a line may move.
	TTY bool
}

// OpenStore is a store that can be closed.
type OpenStore interface {
	Store
	Close() error
}

// progress is one moving line on standard error, where that is a terminal.
type progress struct {
	c     *cobra.Command
	tty   bool
	what  string // "segment"
	drawn time.Time
}

func (h *Host) progress(c *cobra.Command, what string) *progress {
	return &progress{c: c, tty: h.TTY, what: what}
}

// update draws the line, if the last time is long enough ago.
func (p *progress) update(done, total int) {
	now := time.Now()
	if !p.tty || now.Sub(p.drawn) < progressEvery {
		return
	}
	p.drawn = now
	cells := done * progressCells / max(total, 1)
	fmt.Fprintf(p.c.ErrOrStderr(), "\r\x1b[K[%s%s] %d of %s", strings.Repeat("█", cells), strings.Repeat("·", progressCells-cells), done, console.Plural(total, p.what))
}

// end removes the line.
func (p *progress) end() {
	if !p.drawn.IsZero() {
		fmt.Fprint(p.c.ErrOrStderr(), "\r\x1b[K")
	}
}
